//! Oracle of the byte classifier.

/// Set of ASCII characters that make up encoded words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CharSet {
    /// `0-9 a-f A-F +`
    Hex,
    /// `A-Z a-z 0-9 + / =`
    Base64,
}

impl CharSet {
    /// True if `byte` is a character in the set. Bytes of non-ASCII characters never are.
    #[must_use]
    pub fn contains(self, byte: u8) -> bool {
        match self {
            Self::Hex => byte.is_ascii_hexdigit() || byte == b'+',
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
        }
    }
}

/// Like [`crate::char_class`], byte by byte.
///
/// # Panics
///
/// If `masks` is shorter than `bytes.len().div_ceil(64)`.
pub fn char_class(set: CharSet, bytes: &[u8], masks: &mut [u64]) {
    masks[..bytes.len().div_ceil(64)].fill(0);
    for (i, &byte) in bytes.iter().enumerate() {
        masks[i / 64] |= u64::from(set.contains(byte)) << (i % 64);
    }
}
