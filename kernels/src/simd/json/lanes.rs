//! Masks of the bytes that matter inside a string.

use wide::u8x16;

/// Bytes that are compared at once.
pub(super) const BLOCK: usize = 32;

/// A bit per byte of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Masks {
    pub(super) quotes: u32,
    pub(super) backslashes: u32,
    pub(super) controls: u32,
    /// Bytes outside ASCII.
    pub(super) others: u32,
}

/// An instruction set that the machine has.
pub(super) trait Lanes: Copy {
    /// Masks of a block.
    fn masks(self, block: &[u8; BLOCK]) -> Masks;

    /// Quotes, backslashes and control characters of a block.
    fn stops(self, block: &[u8; BLOCK]) -> u32;
}

/// Vectors that the target guarantees.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Lanes for Portable {
    #[inline(always)]
    fn masks(self, block: &[u8; BLOCK]) -> Masks {
        Masks {
            quotes: mask(block, quotes),
            backslashes: mask(block, backslashes),
            controls: mask(block, controls),
            others: mask(block, |bytes| bytes),
        }
    }

    #[inline(always)]
    fn stops(self, block: &[u8; BLOCK]) -> u32 {
        mask(block, stops)
    }
}

/// Position of the first quote, backslash or control character.
#[inline(always)]
pub(super) fn first_stop(block: &[u8; 16]) -> Option<usize> {
    let mask = stops(u8x16::new(*block)).to_bitmask();
    (mask != 0).then(|| mask.trailing_zeros() as usize)
}

#[inline(always)]
fn mask(block: &[u8; BLOCK], lanes: impl Fn(u8x16) -> u8x16) -> u32 {
    let (halves, _) = block.as_chunks::<16>();
    let of_half = |half: usize| lanes(u8x16::new(halves[half])).to_bitmask();
    of_half(0) | of_half(1) << 16
}

#[inline(always)]
fn quotes(bytes: u8x16) -> u8x16 {
    bytes.simd_eq(u8x16::splat(b'"'))
}

#[inline(always)]
fn backslashes(bytes: u8x16) -> u8x16 {
    bytes.simd_eq(u8x16::splat(b'\\'))
}

#[inline(always)]
fn controls(bytes: u8x16) -> u8x16 {
    bytes.min(u8x16::splat(0x1f)).simd_eq(bytes)
}

#[inline(always)]
fn stops(bytes: u8x16) -> u8x16 {
    quotes(bytes) | backslashes(bytes) | controls(bytes)
}
