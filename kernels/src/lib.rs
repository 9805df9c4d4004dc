//! Numeric kernels: functions over slices of numbers and bytes. They do no I/O and know nothing
//! about where the numbers come from.
//!
//! # Contents
//!
//! 1. [`Multiset`] collects values in any order into sorted runs ([`Runs`]: distinct values with
//!    counts).
//! 2. [`moments`] computes exact sums over runs or slices, and from them mean, variance and
//!    standard deviation.
//! 3. [`order_statistics`] computes median, median absolute deviation and percentile over runs.
//! 4. [`frontier()`] combines them into the value beyond which a number is an outlier.
//! 5. Text metrics, one function each: [`entropy`], [`relative_english_entropy`], [`text_length`],
//!    [`hex_encoded_length`], [`base64_encoded_length`].
//! 6. JSON text, without reading its values: [`skip_json_value`], [`skip_json_members`],
//!    [`skip_json_string`], [`skip_short_json_string`].
//! 7. [`skipgram`] trains the skip-gram model and scores pairs with it.
//! 8. [`surprise`] says how improbable a value is among comparable ones.
//! 9. [`beacon`] judges the rhythm of the events of a group.
//! 10. [`travel`] judges the speed between places on earth.
//!
//! # Dispatch
//!
//! The module tree is the dispatch table. [`scalar`] holds the plain version of each kernel, which
//! defines it and serves as the oracle in tests. [`simd`] holds the production version under the
//! same file name: `wide` vectors where they pay off, tables and integer arithmetic where those are
//! faster, and instructions chosen at run time for JSON and [`skipgram`]. A kernel in neither
//! folder has a single version. The functions on this page call the production version.
//!
//! # Invariants
//!
//! * Results do not depend on the order of the values, on how they were split and merged, or on the
//!   number of threads.
//! * The production version and the oracle agree to the last bit. The exception is [`skipgram`]: it
//!   computes in `f32` and agrees to within rounding.

pub mod beacon;
pub mod frontier;
pub mod moments;
pub mod multiset;
pub mod order_statistics;
mod random;
pub mod scalar;
pub mod simd;
pub mod skipgram;
pub mod surprise;
pub mod travel;

use std::ops::Range;

pub use frontier::{FrontierMethod, Side, beyond, frontier};
pub use multiset::{Multiset, Runs};
pub use scalar::char_class::CharSet;
pub use scalar::json::{ByteSet, Members as JsonMembers};
pub use simd::exact_sum::ExactSum;
pub use simd::json::Index as JsonIndex;

/// Shannon entropy of `text` in bits per character, over the characters U+0000 to U+00FF; 0 for an
/// empty text.
///
/// Characters above U+00FF count towards the length but have no term. The result depends only on
/// how often each character occurs. See [`scalar::entropy`] for the formula.
#[must_use]
pub fn entropy(text: &str) -> f64 {
    thread_local! {
        static HISTOGRAM: std::cell::RefCell<simd::entropy::Histogram> = std::cell::RefCell::default();
    }
    HISTOGRAM.with_borrow_mut(|histogram| simd::entropy::entropy(text, histogram))
}

/// Relative entropy in bits of the characters of `text` against their frequencies in English host
/// names; 0 for an empty text.
///
/// See [`scalar::english_entropy`] for the formula and the table.
#[must_use]
pub fn relative_english_entropy(text: &str) -> f64 {
    simd::english_entropy::relative_english_entropy(text)
}

/// Returns true if `character` has a term in [`relative_english_entropy`].
#[must_use]
pub fn has_english_frequency(character: char) -> bool {
    simd::english_entropy::has_frequency(character)
}

/// Number of code points in `text`.
///
/// The standard library counts 20 GB/s on long texts. A version with `wide` vectors reached 18 GB/s
/// and was slower on short texts too.
#[must_use]
pub fn text_length(text: &str) -> usize {
    text.chars().count()
}

/// Length in characters and byte range of the longest hexadecimal word in `text`; the last one on a
/// tie.
///
/// See [`scalar::encoded`] for the definition of a hexadecimal word. `None` if there is none; the
/// metric is then 0.
#[must_use]
pub fn hex_encoded_length(text: &str) -> Option<(usize, Range<usize>)> {
    simd::encoded::hex_word(text.as_bytes()).map(|word| (word.len(), word))
}

/// Longest text found in `text` as base64, with its length in characters; the last one on a tie.
///
/// See [`scalar::encoded`] for the definition of a base64 word. `None` if there is none; the metric
/// is then 0.
#[must_use]
pub fn base64_encoded_length(text: &str) -> Option<(usize, String)> {
    let word = simd::encoded::base64_word(text.as_bytes())?;
    let decoded = scalar::encoded::decode(&text.as_bytes()[word])?;
    Some((decoded.len(), decoded))
}

/// Writes one bit per byte of `bytes` into `masks`: bit `i % 64` of `masks[i / 64]` is set if
/// `bytes[i]` is in `set`.
///
/// # Panics
///
/// If `masks` is shorter than `bytes.len().div_ceil(64)`.
pub fn char_class(set: CharSet, bytes: &[u8], masks: &mut [u64]) {
    simd::char_class::char_class(set, bytes, masks);
}

/// Returns the position after the JSON value at `at`, before which blanks are skipped; `None` if
/// there is none that is valid, or if arrays and objects nest deeper than `max_depth`, or
/// [`scalar::json::MAX_DEPTH`].
///
/// See [`scalar::json`] for what is checked.
#[inline]
#[must_use]
pub fn skip_json_value(bytes: &[u8], at: usize, max_depth: u32) -> Option<usize> {
    simd::json::skip_value(bytes, at, max_depth)
}

/// Skips the members of a JSON object from `at`, the place before a key, up to the first key that
/// begins with one of the `wanted` bytes; `None` if those before it, or the end of the object, are
/// not valid, or if arrays and objects nest deeper than `max_depth`, or
/// [`scalar::json::MAX_DEPTH`].
///
/// A key begins with its first byte as written: with a backslash if that is an escape, with a quote
/// if the key is empty.
#[inline]
#[must_use]
pub fn skip_json_members(bytes: &[u8], at: usize, wanted: &ByteSet, max_depth: u32) -> Option<JsonMembers> {
    simd::json::skip_members(bytes, at, wanted, max_depth)
}

/// Returns the position after the JSON string whose opening quote is at `at`; `None` if there is
/// none that is valid.
#[inline]
#[must_use]
pub fn skip_json_string(bytes: &[u8], at: usize) -> Option<usize> {
    simd::json::skip_string(bytes, at)
}

/// The same for strings of at most 15 bytes without escapes, such as most keys; `None` for others,
/// and close to the end of `bytes`.
#[inline]
#[must_use]
pub fn skip_short_json_string(bytes: &[u8], at: usize) -> Option<usize> {
    simd::json::skip_short_string(bytes, at)
}

#[cfg(test)]
mod tests;
