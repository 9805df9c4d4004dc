//! Level and spread of a group, by which its values become comparable with those of others.

use crate::frontier::Side;
use crate::multiset::Runs;
use crate::order_statistics::{median, median_deviation};

/// Values of a whole that count as much as the values of a group itself do: smaller groups follow
/// the whole more than themselves.
const WHOLE_WEIGHT: f64 = 5.0;

/// Level and spread of a group of values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Median of the values.
    pub center: f64,
    /// Median absolute deviation; where more than half of the values are equal, the mean absolute
    /// deviation. 0 if all are equal.
    pub spread: f64,
}

impl Scale {
    /// Scale of some values; `None` without values.
    #[must_use]
    pub fn of(runs: Runs<'_>) -> Option<Self> {
        let center = median(runs)?;
        let spread = match median_deviation(runs, center)? {
            0.0 => mean_deviation(runs, center),
            spread => spread,
        };
        Some(Scale { center, spread })
    }

    /// Scale of a group of `n` values as a part of a whole.
    #[must_use]
    pub fn within(self, whole: Scale, n: f64) -> Self {
        let mix = |own: f64, of_whole: f64| {
            let share = n / (n + WHOLE_WEIGHT);
            own * share + of_whole * (1.0 - share)
        };
        Scale { center: mix(self.center, whole.center), spread: mix(self.spread, whole.spread) }
    }

    /// Distance of a value from the center towards `side`, in spreads; infinite where there is a
    /// distance but no spread.
    #[must_use]
    pub fn distance(self, value: f64, side: Side) -> f64 {
        let distance = match side {
            Side::High => value - self.center,
            Side::Low => self.center - value,
        };
        if distance > 0.0 { distance / self.spread } else { 0.0 }
    }

    /// Value at a distance from the center; the inverse of [`Scale::distance`].
    #[must_use]
    pub fn at(self, distance: f64, side: Side) -> f64 {
        match side {
            Side::High => self.center + distance * self.spread,
            Side::Low => self.center - distance * self.spread,
        }
    }
}

/// Mean of the distances from `center`. The values are in ascending order, so the sum is always
/// made in the same order.
fn mean_deviation(runs: Runs<'_>, center: f64) -> f64 {
    let n = runs.n() as f64;
    runs.iter().map(|(value, count)| (value - center).abs() / n * count as f64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Multiset;

    fn scale_of(values: &[f64]) -> Option<Scale> {
        Scale::of(values.iter().copied().collect::<Multiset>().finish())
    }

    #[test]
    fn scales_are_robust() {
        assert_eq!(scale_of(&[]), None);
        assert_eq!(scale_of(&[7.0]), Some(Scale { center: 7.0, spread: 0.0 }));
        assert_eq!(scale_of(&[1.0, 2.0, 3.0, 4.0, 1e300]), Some(Scale { center: 3.0, spread: 1.0 }));
        // most are equal
        assert_eq!(scale_of(&[0.0, 0.0, 0.0, 8.0]), Some(Scale { center: 0.0, spread: 2.0 }));
    }

    #[test]
    fn distances_are_measured_towards_a_side() {
        let scale = Scale { center: 10.0, spread: 2.0 };
        assert_eq!(scale.distance(16.0, Side::High), 3.0);
        assert_eq!(scale.distance(16.0, Side::Low), 0.0);
        assert_eq!(scale.distance(4.0, Side::Low), 3.0);
        assert_eq!([Side::High, Side::Low].map(|side| scale.at(3.0, side)), [16.0, 4.0]);
        let flat = Scale { spread: 0.0, ..scale };
        assert_eq!([10.0, 11.0].map(|value| flat.distance(value, Side::High)), [0.0, f64::INFINITY]);
    }

    #[test]
    fn small_groups_follow_the_whole() {
        let (own, whole) = (Scale { center: 100.0, spread: 0.0 }, Scale { center: 0.0, spread: 10.0 });
        assert_eq!(own.within(whole, 5.0), Scale { center: 50.0, spread: 5.0 });
        assert_eq!(own.within(whole, 0.0), whole);
        let large = own.within(whole, 1e9);
        assert!((large.center - 100.0).abs() < 1e-6 && large.spread < 1e-6);
    }
}
