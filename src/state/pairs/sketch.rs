//! Sketches of values: their numbers by logarithmic bins. Merging is exact and does not depend on
//! any order; what a sketch says of a value is right within the width of its bin, 0.8 percent.

use std::collections::BTreeMap;
use std::fmt;

use outlier_kernels::surprise::{bin_of, lower_edge};

/// Bin of a value: negative ones have the bins of their opposites, negated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bin(pub i32);

impl Bin {
    /// Bin of a value; 0 for what is nearer to 0 than a billionth.
    pub fn of(value: f64) -> Self {
        let bin = bin_of(value.abs()) as i32;
        Bin(if value < 0.0 { -bin } else { bin })
    }

    /// Reads the text of a bin. Only memories are read, which hold no other texts.
    pub fn parse(text: &str) -> Self {
        Bin(text.parse().unwrap_or(0))
    }

    /// Middle of the values of the bin.
    fn middle(self) -> f64 {
        match self.0 {
            0 => 0.0,
            bin => {
                let (low, high) = (lower_edge(bin.unsigned_abs()), lower_edge(bin.unsigned_abs() + 1));
                (low + (high.min(f64::MAX) - low) / 2.0).copysign(f64::from(bin))
            }
        }
    }
}

impl fmt::Display for Bin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Numbers of values by bin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    bins: BTreeMap<Bin, u64>,
    n: u64,
}

impl Sketch {
    /// Adds `n` values of a bin.
    pub fn add(&mut self, bin: Bin, n: u64) {
        *self.bins.entry(bin).or_default() += n;
        self.n += n;
    }

    /// Number of values.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Number of values that are at least `value`, those of its own bin included.
    pub fn at_least(&self, value: f64) -> u64 {
        self.bins.range(Bin::of(value)..).map(|(_, n)| n).sum()
    }

    /// Number of values that are at most `value`, those of its own bin included.
    pub fn at_most(&self, value: f64) -> u64 {
        self.bins.range(..=Bin::of(value)).map(|(_, n)| n).sum()
    }

    /// Value that the share `q` of the values does not exceed, within 0.8 percent; `None` without
    /// values.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let rank = ((q.clamp(0.0, 1.0) * self.n as f64).ceil() as u64).max(1);
        let mut n_below = 0;
        let bin = self.bins.iter().find(|(_, n)| {
            n_below += **n;
            n_below >= rank
        });
        bin.map(|(bin, _)| bin.middle())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sketch(values: &[f64]) -> Sketch {
        let mut sketch = Sketch::default();
        values.iter().for_each(|&value| sketch.add(Bin::of(value), 1));
        sketch
    }

    #[test]
    fn bins_are_read_back() {
        for value in [0.0, 1.0, -1.0, 1e300, -1e-5, f64::MAX, f64::MIN] {
            assert_eq!(Bin::parse(&Bin::of(value).to_string()), Bin::of(value));
            assert_eq!(Bin::of(Bin::of(value).middle()), Bin::of(value), "{value}");
        }
        assert!(Bin::of(-2.0) < Bin::of(-1.0) && Bin::of(-1.0) < Bin::of(0.0) && Bin::of(0.0) < Bin::of(1.0));
        assert_eq!(sketch(&[]).quantile(0.5), None);
    }

    proptest! {
        #[test]
        fn quantiles_are_right_within_the_width_of_a_bin(
            mut values in proptest::collection::vec(-1e6..1e6_f64, 1..300),
            q in 0.0..=1.0_f64,
        ) {
            let sketch = sketch(&values);
            values.sort_unstable_by(f64::total_cmp);
            let rank = ((q * values.len() as f64).ceil() as usize).max(1);
            let (found, exact) = (sketch.quantile(q).unwrap(), values[rank - 1]);
            prop_assert!((found - exact).abs() <= exact.abs() * 0.008 + 1e-9, "{} instead of {}", found, exact);
            prop_assert!(sketch.at_least(exact) >= (values.len() - rank + 1) as u64);
            prop_assert!(sketch.at_most(exact) >= rank as u64);
        }
    }
}
