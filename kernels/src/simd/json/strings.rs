//! Ends of strings.

use super::lanes::{BLOCK, Lanes};
use crate::scalar::json::skip_escape;

/// Finder of the ends of strings.
pub(super) trait Strings {
    /// Skips a string from the byte after its opening quote. `None` if it is not valid.
    fn skip(&mut self, bytes: &[u8], at: usize) -> Option<usize>;
}

/// Finds ends where they are looked for.
pub(super) struct Unknown<L>(pub(super) L);

impl<L: Lanes> Strings for Unknown<L> {
    #[inline(always)]
    fn skip(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        skip_string(self.0, bytes, at)
    }
}

/// Skips a string from the byte after its opening quote.
#[inline(always)]
fn skip_string<L: Lanes>(lanes: L, bytes: &[u8], at: usize) -> Option<usize> {
    if let Some(text) = bytes.get(at..)
        && let Some(block) = text.first_chunk::<BLOCK>()
    {
        // if nothing stopped the search, the end is the first byte, which is not a quote
        let end = lanes.stops(block).trailing_zeros() as usize % BLOCK;
        if block[end] == b'"' {
            return Some(at + end + 1);
        }
    }
    skip_long_string(lanes, bytes, at)
}

/// Skips a string with escapes, of any length, from the byte after its opening quote.
#[inline(always)]
fn skip_long_string<L: Lanes>(lanes: L, bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut blocks = Blocks::default();
    loop {
        let block = blocks.next(lanes, bytes, at);
        // bits below the lowest quote; all if there is none
        let inside = block.quotes.wrapping_sub(1) & !block.quotes;
        if block.controls & inside != 0 {
            return None;
        }
        block.check_escapes(bytes, at, inside)?;
        if block.quotes != 0 {
            return Some(at + block.quotes.trailing_zeros() as usize + 1);
        }
        at += Blocks::BYTES;
    }
}

/// Marks in 64 bytes.
pub(super) struct Block {
    /// Quotes that are not escaped.
    pub(super) quotes: u64,
    /// Control characters; what lies past the end counts as some.
    pub(super) controls: u64,
    /// Bytes outside ASCII.
    pub(super) others: u64,
    /// Escaped bytes other than quotes and backslashes.
    escaped: u64,
}

impl Block {
    /// `None` if an escape that ends `inside` the block is not valid.
    #[inline(always)]
    pub(super) fn check_escapes(&self, bytes: &[u8], at: usize, inside: u64) -> Option<()> {
        let mut escaped = self.escaped & inside;
        while escaped != 0 {
            skip_escape(bytes, at + escaped.trailing_zeros() as usize)?;
            escaped &= escaped - 1;
        }
        Some(())
    }
}

/// Reader of one block after another.
#[derive(Default)]
pub(super) struct Blocks {
    /// True if the first byte of the next block is escaped.
    is_first_escaped: bool,
}

impl Blocks {
    pub(super) const BYTES: usize = 2 * BLOCK;

    /// Marks in the 64 bytes from `at` on.
    #[inline(always)]
    pub(super) fn next<L: Lanes>(&mut self, lanes: L, bytes: &[u8], at: usize) -> Block {
        match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            Some(block) => self.marks(lanes, block),
            None => self.marks(lanes, &padded(bytes, at)),
        }
    }

    #[inline(always)]
    fn marks<L: Lanes>(&mut self, lanes: L, block: &[u8; Self::BYTES]) -> Block {
        let (halves, _) = block.as_chunks::<BLOCK>();
        let (low, high) = (lanes.masks(&halves[0]), lanes.masks(&halves[1]));
        let both = |low: u32, high: u32| u64::from(low) | u64::from(high) << BLOCK;
        let quotes = both(low.quotes, high.quotes);
        let backslashes = both(low.backslashes, high.backslashes);
        let escaped = escaped(backslashes, &mut self.is_first_escaped);
        let controls = both(low.controls, high.controls);
        let others = both(low.others, high.others);
        Block { quotes: quotes & !escaped, controls, others, escaped: escaped & !quotes & !backslashes }
    }
}

/// Marks the bytes that follow a backslash which is not escaped itself. `is_first_escaped` carries
/// from block to block.
///
/// A run of backslashes escapes every second byte from its start. Adding the starts of all runs on
/// odd bits carries through those runs and ends at the byte after each: simdjson (Langdale and
/// Lemire, "Parsing gigabytes of JSON per second", 2019) decides by the parity of these ends.
#[inline(always)]
fn escaped(backslashes: u64, is_first_escaped: &mut bool) -> u64 {
    const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    let first = u64::from(*is_first_escaped);
    if backslashes == 0 {
        *is_first_escaped = false;
        return first;
    }
    let starting = backslashes & !first;
    let ends = ((starting << 1 | ODD).wrapping_sub(starting)) ^ ODD;
    let escaped = ends ^ (backslashes | first);
    *is_first_escaped = (ends & backslashes) >> 63 == 1;
    escaped
}

#[cold]
fn padded(bytes: &[u8], at: usize) -> [u8; Blocks::BYTES] {
    let mut block = [0; Blocks::BYTES];
    let rest = bytes.get(at..).unwrap_or_default();
    block[..rest.len()].copy_from_slice(rest);
    block
}
