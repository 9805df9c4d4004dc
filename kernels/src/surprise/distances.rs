//! Surprise of values in a population that is a single group.

use super::{Scale, Tail, TailHistogram, bin_of, bits};
use crate::frontier::Side;
use crate::multiset::Runs;

/// Distances of the values of a group from its center, on one side.
#[derive(Clone, Debug)]
pub struct Distances {
    scale: Scale,
    side: Side,
    tail: Tail,
}

impl Distances {
    /// Distances of some values; `None` without values.
    #[must_use]
    pub fn of(runs: Runs<'_>, side: Side) -> Option<Self> {
        let scale = Scale::of(runs)?;
        let mut histogram = TailHistogram::default();
        runs.iter().for_each(|(value, n)| histogram.add(bin_of(scale.distance(value, side)), n));
        Some(Distances { scale, side, tail: Tail::of(&histogram) })
    }

    /// Value beyond which values are outliers at a false discovery rate of `rate`; `None` if
    /// nothing is discovered.
    #[must_use]
    pub fn discovered_beyond(&self, rate: f64) -> Option<f64> {
        self.tail.discovered_beyond(rate).map(|distance| self.scale.at(distance, self.side))
    }

    /// Surprise of a value in bits.
    #[must_use]
    pub fn surprise(&self, value: f64) -> f64 {
        bits(self.tail.probability(self.scale.distance(value, self.side)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Multiset;

    #[test]
    fn values_far_from_the_others_are_surprising() {
        let values = || (0..10_000).map(|n| f64::from(n % 100)).chain([5_000.0]);
        let mut multiset: Multiset = values().collect();
        let distances = Distances::of(multiset.finish(), Side::High).unwrap();
        let surprises = [0.0, 49.0, 75.0, 99.0, 5_000.0].map(|value| distances.surprise(value));
        assert!(surprises.is_sorted() && surprises[0] == 0.0 && surprises[4] > 15.0, "{surprises:?}");
        let beyond = distances.discovered_beyond(0.05).unwrap();
        assert!((99.0..5_000.0).contains(&beyond), "{beyond}");
        let mut mirrored: Multiset = values().map(|value| -value).collect();
        let mirrored = Distances::of(mirrored.finish(), Side::Low).unwrap();
        assert_eq!(mirrored.discovered_beyond(0.05), Some(-beyond));
        assert_eq!(mirrored.surprise(-5_000.0), surprises[4]);
        assert!(Distances::of(Multiset::new().finish(), Side::High).is_none());
    }
}
