//! JSON skipper that looks for quotes, backslashes and control characters in 32 or 64 bytes at
//! once.
//!
//! * `lanes` provides these masks with the vectors that the target guarantees, `x86` with AVX2.
//! * `strings` finds the end of a string. Most strings are short and have no escapes: they take one
//!   comparison of the 32 bytes after their opening quote. The others are read in blocks of 64
//!   bytes, in which escapes are found by arithmetic on the mask of backslashes.
//! * `index` lists the quotes of a whole line, block by block. Whoever has this list need not wait
//!   for the end of one string to look for that of the next: walking a line is twice as fast.
//! * `skip` walks a value token by token, without recursion, with the one or the other.

mod index;
mod lanes;
mod skip;
mod strings;
#[cfg(target_arch = "x86_64")]
mod x86;

use self::index::{Indexed, Line, Quotes};
use self::lanes::Portable;
use self::strings::{Strings, Unknown};
use crate::scalar::json::{ByteSet, Members};

/// Like [`crate::skip_json_value`].
#[must_use]
pub fn skip_value(bytes: &[u8], at: usize, max_depth: u32) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = x86::Avx2::detect() {
        return avx2.skip_value(bytes, at, max_depth);
    }
    skip_value_portable(bytes, at, max_depth)
}

/// Like [`skip_value`] with the instructions that the target guarantees: SSE2 or NEON.
#[must_use]
pub fn skip_value_portable(bytes: &[u8], at: usize, max_depth: u32) -> Option<usize> {
    skip::skip_value(&mut Unknown(Portable), bytes, at, max_depth)
}

/// Like [`crate::skip_json_members`].
#[must_use]
pub fn skip_members(bytes: &[u8], at: usize, wanted: &ByteSet, max_depth: u32) -> Option<Members> {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = x86::Avx2::detect() {
        return avx2.skip_members(bytes, at, wanted, max_depth);
    }
    skip_members_portable(bytes, at, wanted, max_depth)
}

/// Like [`skip_members`] with the instructions that the target guarantees: SSE2 or NEON.
#[must_use]
pub fn skip_members_portable(bytes: &[u8], at: usize, wanted: &ByteSet, max_depth: u32) -> Option<Members> {
    skip::skip_members(&mut Unknown(Portable), bytes, at, wanted, max_depth)
}

/// Like [`crate::skip_json_string`].
#[must_use]
pub fn skip_string(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = x86::Avx2::detect() {
        return avx2.skip_string(bytes, at + 1);
    }
    Unknown(Portable).skip(bytes, at + 1)
}

/// Like [`crate::skip_short_json_string`].
#[inline]
#[must_use]
pub fn skip_short_string(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let (quote, text) = rest.split_first()?;
    let stop = lanes::first_stop(text.first_chunk()?)?;
    (*quote == b'"' && text[stop] == b'"').then_some(at + stop + 2)
}

/// Strings of a line of text.
#[derive(Debug, Default)]
pub struct Index(Quotes);

impl Index {
    /// Finds the quotes of the line that `bytes` begin with, and returns the line without its end.
    /// `None` if it is not a usual one: not UTF-8, longer than
    /// [`crate::scalar::json::MAX_INDEXED_BYTES`], or with a control character or an escape that is
    /// not valid.
    pub fn read<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a str> {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = x86::Avx2::detect() {
            return text(bytes, avx2.index_line(bytes, &mut self.0)?);
        }
        self.read_portable(bytes)
    }

    /// Like [`Self::read`] with the instructions that the target guarantees: SSE2 or NEON.
    pub fn read_portable<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a str> {
        text(bytes, index::index_line(Portable, bytes, &mut self.0)?)
    }

    /// Positions of the opening and closing quotes of the strings of the line, if it is valid.
    #[must_use]
    pub fn strings(&self) -> &[[u32; 2]] {
        self.0.strings()
    }
}

fn text(bytes: &[u8], line: Line) -> Option<&str> {
    let bytes = &bytes[..line.length];
    if line.is_ascii {
        #[expect(unsafe_code, reason = "a second look at each byte")]
        // SAFETY: all bytes are ASCII.
        return Some(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    std::str::from_utf8(bytes).ok()
}

/// Like [`skip_value`] in an indexed line. `strings`: those from `at` on, without those before the
/// end afterwards.
#[must_use]
pub fn skip_value_indexed(strings: &mut &[[u32; 2]], bytes: &[u8], at: usize, max_depth: u32) -> Option<usize> {
    let mut indexed = Indexed { strings };
    let end = skip::skip_value(&mut indexed, bytes, at, max_depth);
    *strings = indexed.strings;
    end
}

/// Like [`skip_members`] in an indexed line. `strings` as for [`skip_value_indexed`].
#[must_use]
pub fn skip_members_indexed(
    strings: &mut &[[u32; 2]],
    bytes: &[u8],
    at: usize,
    wanted: &ByteSet,
    max_depth: u32,
) -> Option<Members> {
    let mut indexed = Indexed { strings };
    let members = skip::skip_members(&mut indexed, bytes, at, wanted, max_depth);
    *strings = indexed.strings;
    members
}

#[cfg(test)]
mod tests;
