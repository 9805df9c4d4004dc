//! Counts of the values of a tail in logarithmic bins.

use std::collections::BTreeMap;

/// Bits of the mantissa that bins are told apart by: 128 bins per power of two, each 0.5 to 0.8
/// percent wide.
const MANTISSA_BITS: u32 = 7;

/// Bits of the mantissa within a bin.
const SHIFT: u32 = f64::MANTISSA_DIGITS - 1 - MANTISSA_BITS;

/// Values from here on are told apart; smaller ones are in bin 0, as negative ones are.
const LEAST: f64 = 1e-9;

/// Bin of a value: bin 0 holds everything that is not in the tail, which is NaN and what is less
/// than a billionth. Greater values have greater bins.
#[must_use]
pub fn bin_of(value: f64) -> u32 {
    if value >= LEAST { (value.to_bits() >> SHIFT) as u32 } else { 0 }
}

/// Smallest value of a bin.
#[must_use]
pub fn lower_edge(bin: u32) -> f64 {
    f64::from_bits(u64::from(bin) << SHIFT)
}

/// Number of values by bin. It depends only on the values, not on their order or on how they were
/// merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TailHistogram {
    /// Counts, none of them 0, by [`bin_of`].
    bins: BTreeMap<u32, u64>,
    n: u64,
}

impl TailHistogram {
    /// Adds `n` values of a bin.
    pub fn add(&mut self, bin: u32, n: u64) {
        if n > 0 {
            *self.bins.entry(bin).or_default() += n;
            self.n += n;
        }
    }

    /// Adds a value.
    pub fn push(&mut self, value: f64) {
        self.add(bin_of(value), 1);
    }

    /// Number of values, those outside the tail included.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Bins with their counts, the greatest values first; bin 0 is left out.
    pub fn descending(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.bins.range(1..).rev().map(|(&bin, &n)| (bin, n))
    }
}

impl FromIterator<f64> for TailHistogram {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut histogram = Self::default();
        values.into_iter().for_each(|value| histogram.push(value));
        histogram
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_in_the_tail_has_bin_0() {
        for value in [f64::NAN, f64::NEG_INFINITY, -1.0, 0.0, -0.0, 1e-10] {
            assert_eq!(bin_of(value), 0, "{value}");
        }
        assert!(bin_of(LEAST) > 0);
        assert!(bin_of(f64::INFINITY) > bin_of(f64::MAX));
    }

    proptest! {
        #[test]
        fn bins_are_narrow_and_in_order(a in 1e-9..1e300_f64, b in 1e-9..1e300_f64) {
            let (bin, edge) = (bin_of(a), lower_edge(bin_of(a)));
            prop_assert!(edge <= a && a < lower_edge(bin + 1));
            prop_assert!(lower_edge(bin + 1) <= edge * 1.008);
            prop_assert!((a < b) <= (bin <= bin_of(b)));
        }

        #[test]
        fn histograms_do_not_depend_on_how_they_were_merged(
            values in proptest::collection::vec(-1.0..100.0_f64, 0..200),
            split in 0..200_usize,
        ) {
            let whole: TailHistogram = values.iter().rev().copied().collect();
            let (a, b) = values.split_at(split.min(values.len()));
            let mut merged: TailHistogram = b.iter().copied().collect();
            a.iter().for_each(|value| merged.add(bin_of(*value), 1));
            prop_assert_eq!(&merged, &whole);
            prop_assert_eq!(whole.n(), values.len() as u64);
            let tail: u64 = whole.descending().map(|(_, n)| n).sum();
            prop_assert_eq!(tail, values.iter().filter(|value| **value >= LEAST).count() as u64);
        }
    }
}
