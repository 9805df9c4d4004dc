//! [`Lanes`] for x86-64, and the functions compiled for them.

#![expect(unsafe_code, reason = "vectors whose instructions not every machine has")]

use std::arch::x86_64::{
    __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
    _mm256_set1_epi8,
};

use super::index::{self, Line, Quotes};
use super::lanes::{BLOCK, Lanes, Masks};
use super::skip;
use super::strings::{Strings, Unknown};
use crate::scalar::json::{ByteSet, Members};

/// Proof that the machine has AVX2, BMI1 and POPCNT.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    /// `None` on machines without it.
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        let has_bits = is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("popcnt");
        (has_bits && is_x86_feature_detected!("avx2")).then_some(Avx2(()))
    }

    /// See [`skip::skip_value`].
    #[inline]
    pub(super) fn skip_value(self, bytes: &[u8], at: usize, max_depth: u32) -> Option<usize> {
        // SAFETY: the machine has the instructions.
        unsafe { skip_value(self, bytes, at, max_depth) }
    }

    /// See [`skip::skip_members`].
    #[inline]
    pub(super) fn skip_members(self, bytes: &[u8], at: usize, wanted: &ByteSet, max_depth: u32) -> Option<Members> {
        // SAFETY: the machine has the instructions.
        unsafe { skip_members(self, bytes, at, wanted, max_depth) }
    }

    /// See [`index::index_line`].
    #[inline]
    pub(super) fn index_line(self, bytes: &[u8], quotes: &mut Quotes) -> Option<Line> {
        // SAFETY: the machine has the instructions.
        unsafe { index_line(self, bytes, quotes) }
    }

    /// See [`Strings::skip`].
    #[inline]
    pub(super) fn skip_string(self, bytes: &[u8], at: usize) -> Option<usize> {
        // SAFETY: the machine has the instructions.
        unsafe { skip_string(self, bytes, at) }
    }
}

#[target_feature(enable = "avx2,bmi1,popcnt")]
fn skip_value(avx2: Avx2, bytes: &[u8], at: usize, max_depth: u32) -> Option<usize> {
    skip::skip_value(&mut Unknown(avx2), bytes, at, max_depth)
}

#[target_feature(enable = "avx2,bmi1,popcnt")]
fn skip_members(avx2: Avx2, bytes: &[u8], at: usize, wanted: &ByteSet, max_depth: u32) -> Option<Members> {
    skip::skip_members(&mut Unknown(avx2), bytes, at, wanted, max_depth)
}

#[target_feature(enable = "avx2,bmi1,popcnt")]
fn index_line(avx2: Avx2, bytes: &[u8], quotes: &mut Quotes) -> Option<Line> {
    index::index_line(avx2, bytes, quotes)
}

#[target_feature(enable = "avx2,bmi1,popcnt")]
fn skip_string(avx2: Avx2, bytes: &[u8], at: usize) -> Option<usize> {
    Unknown(avx2).skip(bytes, at)
}

impl Lanes for Avx2 {
    #[inline(always)]
    fn masks(self, block: &[u8; BLOCK]) -> Masks {
        // SAFETY: the machine has the instructions.
        unsafe {
            let bytes = load(block);
            Masks {
                quotes: mask(equal(bytes, b'"')),
                backslashes: mask(equal(bytes, b'\\')),
                controls: mask(controls(bytes)),
                others: mask(bytes),
            }
        }
    }

    #[inline(always)]
    fn stops(self, block: &[u8; BLOCK]) -> u32 {
        // SAFETY: as above.
        unsafe {
            let bytes = load(block);
            let marks = _mm256_or_si256(equal(bytes, b'"'), equal(bytes, b'\\'));
            mask(_mm256_or_si256(marks, controls(bytes)))
        }
    }
}

/// # Safety
///
/// The machine must have AVX2; so for all below.
#[inline(always)]
unsafe fn load(block: &[u8; BLOCK]) -> __m256i {
    // SAFETY: the block has the length of a vector; the instruction needs no alignment.
    unsafe { _mm256_loadu_si256(block.as_ptr().cast()) }
}

/// # Safety
///
/// See [`load`].
#[inline(always)]
unsafe fn equal(bytes: __m256i, byte: u8) -> __m256i {
    // SAFETY: guaranteed by the caller.
    unsafe { _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte.cast_signed())) }
}

/// # Safety
///
/// See [`load`].
#[inline(always)]
unsafe fn controls(bytes: __m256i) -> __m256i {
    // SAFETY: guaranteed by the caller.
    unsafe { _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes) }
}

/// # Safety
///
/// See [`load`].
#[inline(always)]
unsafe fn mask(lanes: __m256i) -> u32 {
    // SAFETY: guaranteed by the caller.
    unsafe { _mm256_movemask_epi8(lanes) }.cast_unsigned()
}
