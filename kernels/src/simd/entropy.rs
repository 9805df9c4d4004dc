//! Shannon entropy with a histogram, a bit map of the characters that occur, and a table of the terms of short texts.

use std::sync::LazyLock;

use crate::scalar::entropy::term;

/// Texts up to this length, with characters up to [`MAX_COUNT`] times, take their terms from a table: a logarithm costs ten look-ups.
const MAX_TOTAL: usize = 512;
const MAX_COUNT: usize = 32;

static TERMS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    (0..=MAX_TOTAL)
        .flat_map(|total| {
            (0..MAX_COUNT).map(move |count| if total == 0 || count == 0 { 0.0 } else { term(count, total) })
        })
        .collect()
});

/// Counts of the characters U+0000 to U+00FF, all zero between two texts.
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
                // two bytes encode U+0080 to U+07FF, of which the first 128 are counted
                0xc2 | 0xc3 => {
                    let low = bytes.next().unwrap_or(0x80);
                    self.count((byte & 0x03) << 6 | (low & 0x3f));
                }
                _ => {}
            }
        }
    }
}

/// See [`crate::scalar::entropy`]; `histogram` is scratch.
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
