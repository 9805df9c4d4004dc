//! Index of the strings of a line.

use super::lanes::Lanes;
use super::strings::{Blocks, Strings};
use crate::scalar::json::MAX_INDEXED_BYTES;

/// Positions of the quotes of a line that are not escaped.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    /// Longer than what is used, so that a block is written without a look at its number of quotes.
    positions: Vec<u32>,
    n: usize,
}

/// Quotes of a block that are written at once; few blocks have more.
const AT_ONCE: usize = 12;

impl Quotes {
    pub(super) fn strings(&self) -> &[[u32; 2]] {
        self.positions[..self.n].as_chunks().0
    }

    #[inline(always)]
    fn push(&mut self, mut quotes: u64, at: u32) {
        let end = self.n + quotes.count_ones() as usize;
        if self.positions.len() < self.n + Blocks::BYTES {
            self.positions.resize((self.n + Blocks::BYTES) * 2, 0);
        }
        let mut write = |position: &mut u32| {
            *position = at + quotes.trailing_zeros();
            quotes &= quotes.wrapping_sub(1);
        };
        self.positions[self.n..self.n + AT_ONCE].iter_mut().for_each(&mut write);
        if end > self.n + AT_ONCE {
            self.positions[self.n + AT_ONCE..end].iter_mut().for_each(write);
        }
        self.n = end;
    }
}

/// A line that was indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its length, without its end.
    pub(super) length: usize,
    /// True if all of it is ASCII.
    pub(super) is_ascii: bool,
}

/// See [`super::Index::read`].
#[inline(always)]
pub(super) fn index_line<L: Lanes>(lanes: L, bytes: &[u8], quotes: &mut Quotes) -> Option<Line> {
    let (mut blocks, mut at, mut others) = (Blocks::default(), 0, 0);
    quotes.n = 0;
    while at < MAX_INDEXED_BYTES {
        let block = blocks.next(lanes, bytes, at);
        // bits below the lowest control character; all if there is none
        let inside = block.controls.wrapping_sub(1) & !block.controls;
        block.check_escapes(bytes, at, inside)?;
        quotes.push(block.quotes & inside, at as u32);
        others |= block.others & inside;
        if block.controls != 0 {
            let end = (at + block.controls.trailing_zeros() as usize).min(bytes.len());
            let is_end = matches!(bytes[end..], [] | [b'\n', ..] | [b'\r'] | [b'\r', b'\n', ..]);
            return is_end.then_some(Line { length: end, is_ascii: others == 0 });
        }
        at += Blocks::BYTES;
    }
    None
}

/// Finds ends in the index of a line.
pub(super) struct Indexed<'a> {
    /// Quotes from the position on: each string has two.
    pub(super) strings: &'a [[u32; 2]],
}

impl Strings for Indexed<'_> {
    #[inline(always)]
    fn skip(&mut self, _: &[u8], at: usize) -> Option<usize> {
        let [open, close] = *self.strings.split_off_first()?;
        (open as usize + 1 == at).then_some(close as usize + 1)
    }
}
