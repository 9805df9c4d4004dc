//! Relative entropy against English in a single pass over the text.

use std::sync::LazyLock;

use crate::scalar::english_entropy::{ENGLISH_FREQUENCY, term};

/// Frequency of each ASCII character; 0 if it has none.
static FREQUENCY: LazyLock<[f64; 128]> = LazyLock::new(|| {
    let mut frequency = [0.0; 128];
    for (byte, expected) in ENGLISH_FREQUENCY {
        frequency[usize::from(byte)] = expected;
    }
    frequency
});

/// Returns true if `character` has an English frequency.
#[must_use]
pub fn has_frequency(character: char) -> bool {
    FREQUENCY.get(character as usize).is_some_and(|&expected| expected > 0.0)
}

/// See [`crate::scalar::english_entropy`].
#[must_use]
pub fn relative_english_entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    let mut order = [0_u8; 257];
    let mut n_distinct = 0;
    // Branch-free, because the next byte is unpredictable: 370 ns instead of 800 ns for 119 bytes.
    for &byte in text.as_bytes() {
        let count = &mut counts[usize::from(byte)];
        order[n_distinct] = byte;
        n_distinct += usize::from(*count == 0);
        *count += 1;
    }
    let total = text.chars().count();
    let mut entropy = 0.0;
    for &byte in order[..n_distinct].iter().filter(|&&byte| byte.is_ascii()) {
        let expected = FREQUENCY[usize::from(byte)];
        if expected > 0.0 {
            entropy += term(counts[usize::from(byte)] as usize, total, expected);
        }
    }
    entropy
}
