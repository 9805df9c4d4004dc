//! Byte classifier: turns 64 bytes into one bit mask.

use wide::u8x16;

use crate::scalar::char_class::CharSet;

/// Like [`crate::char_class`].
///
/// # Panics
///
/// If `masks` is shorter than `bytes.len().div_ceil(64)`.
pub fn char_class(set: CharSet, bytes: &[u8], masks: &mut [u64]) {
    let masks = &mut masks[..bytes.len().div_ceil(64)];
    match set {
        CharSet::Hex => classify(bytes, masks, hex_mask),
        CharSet::Base64 => classify(bytes, masks, base64_mask),
    }
}

/// Mask of the hexadecimal characters in the first 64 bytes of `bytes`; 0 past the end.
#[inline]
pub(super) fn hex_mask(bytes: &[u8]) -> u64 {
    first_mask(bytes, hex_lanes)
}

/// Mask of the base64 characters in the first 64 bytes of `bytes`; 0 past the end.
#[inline]
pub(super) fn base64_mask(bytes: &[u8]) -> u64 {
    first_mask(bytes, base64_lanes)
}

fn classify(bytes: &[u8], masks: &mut [u64], mask_of: impl Fn(&[u8]) -> u64) {
    for (mask, block) in masks.iter_mut().zip(bytes.chunks(64)) {
        *mask = mask_of(block);
    }
}

#[inline(always)]
fn first_mask(bytes: &[u8], lanes: impl Fn(u8x16) -> u8x16 + Copy) -> u64 {
    if let Some(block) = bytes.first_chunk::<64>() {
        return block_mask(block, lanes);
    }
    // Padding with zeros is safe: no set contains byte 0.
    let mut block = [0; 64];
    block[..bytes.len()].copy_from_slice(bytes);
    block_mask(&block, lanes)
}

#[inline(always)]
fn block_mask(block: &[u8; 64], lanes: impl Fn(u8x16) -> u8x16) -> u64 {
    let (quarters, _) = block.as_chunks::<16>();
    let mut mask = 0;
    for (i, &quarter) in quarters.iter().enumerate() {
        mask |= u64::from(lanes(u8x16::new(quarter)).to_bitmask()) << (16 * i);
    }
    mask
}

#[inline(always)]
fn hex_lanes(bytes: u8x16) -> u8x16 {
    // lower-cases letters and turns nothing else into a letter
    let lower = bytes | u8x16::splat(0x20);
    in_range(bytes, b'0', b'9') | in_range(lower, b'a', b'f') | bytes.simd_eq(u8x16::splat(b'+'))
}

#[inline(always)]
fn base64_lanes(bytes: u8x16) -> u8x16 {
    let lower = bytes | u8x16::splat(0x20);
    in_range(bytes, b'/', b'9') // the slash sits just before 0
        | in_range(lower, b'a', b'z')
        | bytes.simd_eq(u8x16::splat(b'+'))
        | bytes.simd_eq(u8x16::splat(b'='))
}

/// All bits set where `first <= byte <= last`. SSE2 has no unsigned comparison, but it has an
/// unsigned minimum.
#[inline(always)]
fn in_range(bytes: u8x16, first: u8, last: u8) -> u8x16 {
    let distance = bytes - u8x16::splat(first);
    distance.min(u8x16::splat(last - first)).simd_eq(distance)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::scalar::{self, char_class::CharSet};

    fn check(bytes: &[u8]) {
        for set in [CharSet::Hex, CharSet::Base64] {
            // Longer than needed and pre-filled: the classifier must write every mask it owns and
            // no other.
            let n_masks = bytes.len().div_ceil(64);
            let (mut expected, mut got) = (vec![7; n_masks + 1], vec![7; n_masks + 1]);
            scalar::char_class::char_class(set, bytes, &mut expected);
            super::char_class(set, bytes, &mut got);
            assert_eq!(expected, got, "{set:?} {bytes:?}");
        }
    }

    #[test]
    fn every_byte_at_every_offset() {
        let all: Vec<u8> = (0..=255).cycle().take(600).collect();
        for start in 0..64 {
            check(&all[start..]);
        }
        for length in 0..130 {
            check(&all[..length]);
        }
    }

    proptest! {
        #[test]
        fn agrees_with_oracle(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            check(&bytes);
        }
    }
}
