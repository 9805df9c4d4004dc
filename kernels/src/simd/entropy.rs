//! Shannon entropy from a histogram, a bitmap of the characters that occur, and a table of terms
//! for short texts.

use std::sync::LazyLock;

use crate::scalar::entropy::term;

/// Longest text whose terms come from the table, for characters that occur less than [`MAX_COUNT`]
/// times. A logarithm costs as much as ten look-ups.
const MAX_TOTAL: usize = 512;
const MAX_COUNT: usize = 32;

static TERMS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    (0..=MAX_TOTAL)
        .flat_map(|total| {
            (0..MAX_COUNT).map(move |count| if total == 0 || count == 0 { 0.0 } else { term(count, total) })
        })
        .collect()
});

/// Counts of the characters U+0000 to U+00FF; all zero between texts.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: [u32; 256],
    seen: [u64; 4],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; 256], seen: [0; 4] }
    }
}

impl Histogram {
    fn count(&mut self, code: u8) {
        self.counts[usize::from(code)] += 1;
        self.seen[usize::from(code) / 64] |= 1 << (code % 64);
    }

    fn count_all(&mut self, text: &[u8]) {
        let mut bytes = text.iter().copied();
        while let Some(byte) = bytes.next() {
            match byte {
                0..=0x7f => self.count(byte),
                // two-byte sequences encode U+0080 to U+07FF; only the first 128 of those are
                // counted
                0xc2 | 0xc3 => {
                    let low = bytes.next().unwrap_or(0x80);
                    self.count((byte & 0x03) << 6 | (low & 0x3f));
                }
                _ => {}
            }
        }
    }
}

/// See [`crate::scalar::entropy`]; `histogram` is scratch space.
#[must_use]
pub fn entropy(text: &str, histogram: &mut Histogram) -> f64 {
    let total = text.chars().count();
    histogram.count_all(text.as_bytes());
    let mut entropy = 0.0;
    for word in 0..4 {
        let mut seen = std::mem::take(&mut histogram.seen[word]);
        while seen != 0 {
            let code = word * 64 + seen.trailing_zeros() as usize;
            let count = std::mem::take(&mut histogram.counts[code]) as usize;
            entropy += if total <= MAX_TOTAL && count < MAX_COUNT {
                TERMS[total * MAX_COUNT + count]
            } else {
                term(count, total)
            };
            seen &= seen - 1;
        }
    }
    entropy
}
