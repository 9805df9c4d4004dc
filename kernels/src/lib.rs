//! Numeric kernels: functions over slices of numbers and bytes, without input or output, and without any knowledge of
//! where the numbers come from.
//!
//! # What is here
//!
//! 1. [`Multiset`] gathers values in any order into sorted runs ([`Runs`]: distinct values with counts).
//! 2. [`moments`] are exact sums over runs or slices: mean, variance, standard deviation.
//! 3. [`order_statistics`] are median, median absolute deviation and percentile over runs.
//! 4. [`frontier()`] puts them together: the value beyond which a number is an outlier.
//! 5. Text metrics, one function each: [`entropy`], [`relative_english_entropy`], [`text_length`], [`hex_encoded_length`], [`base64_encoded_length`].
//! 6. [`skipgram`] trains and scores the skip-gram model.
//!
//! # Dispatch
//!
//! The tree is the dispatch table. [`scalar`] holds the plain version of a kernel, which is its definition and the oracle
//! of its tests; [`simd`] holds, under the same file name, the version in use: vectors of the `wide` package where they pay,
//! tables and integers where those were faster, and for [`skipgram`] instructions chosen at run time. A kernel that is in neither folder has one version only. The functions of
//! this page call the version in use.
//!
//! # Invariants
//!
//! * Results do not depend on the order of the values, on how they were split and merged, or on the number of threads.
//! * The version in use and the oracle agree to the last bit, except for [`skipgram`], whose numbers are `f32` and agree to rounding.

pub mod frontier;
pub mod moments;
pub mod multiset;
pub mod order_statistics;
pub mod scalar;
pub mod simd;
pub mod skipgram;

use std::ops::Range;

pub use frontier::{FrontierMethod, Side, beyond, frontier};
pub use multiset::{Multiset, Runs};
pub use scalar::char_class::CharSet;
pub use simd::exact_sum::ExactSum;

/// Shannon entropy in bits per character of the characters U+0000 to U+00FF of `text`; 0 for an empty text.
///
/// Characters above U+00FF count in the length only. A pure function of how often each character occurs.
/// See [`scalar::entropy`] for the formula.
#[must_use]
pub fn entropy(text: &str) -> f64 {
    thread_local! {
        static HISTOGRAM: std::cell::RefCell<simd::entropy::Histogram> = std::cell::RefCell::default();
    }
    HISTOGRAM.with_borrow_mut(|histogram| simd::entropy::entropy(text, histogram))
}

/// Relative entropy in bits of the characters of `text` against how often they occur in English host names; 0 for an empty text.
///
/// See [`scalar::english_entropy`] for the formula and the table.
#[must_use]
pub fn relative_english_entropy(text: &str) -> f64 {
    simd::english_entropy::relative_english_entropy(text)
}

/// Whether `character` counts in [`relative_english_entropy`].
#[must_use]
pub fn has_english_frequency(character: char) -> bool {
    simd::english_entropy::has_frequency(character)
}

/// Number of code points of `text`.
///
/// The standard library counts 20 GB/s in long texts; vectors of `wide` made it 18 GB/s, and slower in short texts too.
#[must_use]
pub fn text_length(text: &str) -> usize {
    text.chars().count()
}

/// Length in characters and byte range of the longest hexadecimal word of `text`, the last one of equally long ones.
///
/// See [`scalar::encoded`] for what a hexadecimal word is. `None` where there is none: the metric is then 0.
#[must_use]
pub fn hex_encoded_length(text: &str) -> Option<(usize, Range<usize>)> {
    simd::encoded::hex_word(text.as_bytes()).map(|word| (word.len(), word))
}

/// Length in characters of the longest text that `text` contains in base64, and that text; the last one of equally long ones.
///
/// See [`scalar::encoded`] for what counts as base64. `None` where there is none: the metric is then 0.
#[must_use]
pub fn base64_encoded_length(text: &str) -> Option<(usize, String)> {
    let word = simd::encoded::base64_word(text.as_bytes())?;
    let decoded = simd::encoded::decode_ascii(&text.as_bytes()[word]);
    Some((decoded.len(), decoded))
}

/// Writes one bit per byte of `bytes` into `masks`: bit `i % 64` of `masks[i / 64]` tells whether `bytes[i]` is in `set`.
///
/// # Panics
///
/// If `masks` is shorter than `bytes.len().div_ceil(64)`.
pub fn char_class(set: CharSet, bytes: &[u8], masks: &mut [u64]) {
    simd::char_class::char_class(set, bytes, masks);
}

#[cfg(test)]
mod tests;
