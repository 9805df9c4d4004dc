//! Level and spread of a group, by which its values become comparable with those of others.

use crate::frontier::Side;
use crate::multiset::{Multiset, Runs};
use crate::order_statistics::{median, median_deviation};

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

/// Scales of the groups of a whole, from which that of each group is estimated (an empirical Bayes
/// estimate): a group follows its own values as far as groups are known to differ, and the whole as
/// far as the scales of small groups differ by chance alone.
#[derive(Clone, Copy, Debug)]
pub struct Whole {
    scale: Scale,
    /// Numbers of values of a group that count as much as the whole, for center and spread.
    weights: [f64; 2],
    n_groups: usize,
}

/// Standard error of the median of n normal values, in median absolute deviations, times the square
/// root of n: sqrt(pi / 2) / 0.6745.
const CENTER_ERROR: f64 = 1.858;

/// Standard error of the median absolute deviation of n normal values, likewise: 1 over the square
/// root of 2 * 0.3674.
const SPREAD_ERROR: f64 = 1.167;

/// Ratio of the standard deviation of normal values and their median absolute deviation.
const NORMAL: f64 = 1.4826;

/// Share of the differences between groups that is never put down to chance.
const LEAST_SHARE: f64 = 0.05;

/// Bounds on the weight of the whole: even large differences between groups do not make the scale
/// of a few values known, and even small ones are seen in many values.
const WEIGHTS: (f64, f64) = (5.0, 1000.0);

/// With fewer groups than this, their differences are not known.
const FEWEST_GROUPS: usize = 10;

impl Whole {
    /// Whole of groups with these scales and numbers of values.
    #[must_use]
    pub fn of(groups: &[(Scale, u64)]) -> Self {
        let centers = || groups.iter().map(|(scale, _)| scale.center);
        let spreads = || groups.iter().map(|(scale, _)| scale.spread);
        let scale = Scale {
            center: scale_of(centers()).center,
            spread: scale_of(spreads().filter(|spread| *spread > 0.0)).center,
        };
        let size = scale_of(groups.iter().map(|(_, n)| *n as f64)).center;
        let weight = |found: f64, error: f64| {
            let (found, by_chance) = ((NORMAL * found).powi(2), (error * scale.spread).powi(2));
            let weight = by_chance / (found - by_chance / size).max(LEAST_SHARE * found);
            // what is not a number is infinite or unknown
            if groups.len() < FEWEST_GROUPS || weight.is_nan() { WEIGHTS.0 } else { weight.clamp(WEIGHTS.0, WEIGHTS.1) }
        };
        let weights =
            [weight(scale_of(centers()).spread, CENTER_ERROR), weight(scale_of(spreads()).spread, SPREAD_ERROR)];
        Whole { scale, weights, n_groups: groups.len() }
    }

    /// Numbers of values of a group that count as much as the whole, for center and spread.
    pub(super) fn weights(&self) -> [f64; 2] {
        self.weights
    }

    /// The same as a part of a greater whole: it follows that one as far as it has few groups.
    #[must_use]
    pub fn within(&self, greater: &Whole) -> Self {
        let share = self.n_groups as f64 / (self.n_groups as f64 + WEIGHTS.0);
        let mix = |own: f64, of_greater: f64| own * share + of_greater * (1.0 - share);
        Whole {
            scale: Scale {
                center: mix(self.scale.center, greater.scale.center),
                spread: mix(self.scale.spread, greater.scale.spread),
            },
            weights: if self.n_groups < FEWEST_GROUPS { greater.weights } else { self.weights },
            n_groups: greater.n_groups,
        }
    }

    /// Scale of a group of `n` values that have the scale `own`. A single group is the whole.
    #[must_use]
    pub fn scale_of(&self, own: Scale, n: u64) -> Scale {
        if self.n_groups < 2 {
            return own;
        }
        let mix = |own: f64, of_whole: f64, weight: f64| {
            let share = n as f64 / (n as f64 + weight);
            own * share + of_whole * (1.0 - share)
        };
        Scale {
            center: mix(own.center, self.scale.center, self.weights[0]),
            spread: mix(own.spread, self.scale.spread, self.weights[1]),
        }
    }
}

fn scale_of(numbers: impl Iterator<Item = f64>) -> Scale {
    let mut numbers: Multiset = numbers.collect();
    let runs = numbers.finish();
    let center = median(runs).unwrap_or(0.0);
    Scale { center, spread: median_deviation(runs, center).unwrap_or(0.0) }
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

    const OWN: Scale = Scale { center: 100.0, spread: 0.0 };

    #[test]
    fn groups_of_a_few_values_follow_the_whole() {
        let groups: Vec<(Scale, u64)> = [0.0, 5.0, 10.0].map(|center| (Scale { center, spread: 10.0 }, 7)).to_vec();
        let whole = Whole::of(&groups);
        assert_eq!(whole.scale_of(OWN, 5), Scale { center: 52.5, spread: 5.0 });
        assert_eq!(whole.scale_of(OWN, 0), Scale { center: 5.0, spread: 10.0 });
        let large = whole.scale_of(OWN, 1_000_000_000);
        assert!((large.center - 100.0).abs() < 1e-6 && large.spread < 1e-6);
        assert_eq!(Whole::of(&[(OWN, 3)]).scale_of(OWN, 3), OWN, "a single group is the whole");
        assert_eq!(Whole::of(&[]).scale_of(OWN, 3), OWN);
    }

    #[test]
    fn parts_of_a_whole_follow_their_own_groups_first() {
        let group = |center: f64| (Scale { center, spread: 10.0 }, 1000);
        let (quiet, loud) = ([group(1.0); 20], [group(101.0); 20]);
        let whole = Whole::of(&[quiet, loud].concat());
        let new = Scale { center: 500.0, spread: 10.0 };
        let center = |part: &[(Scale, u64)]| Whole::of(part).within(&whole).scale_of(new, 1).center;
        assert!(center(&quiet) < 20.0 && center(&loud) > 80.0, "{} {}", center(&quiet), center(&loud));
        // a part of one group knows next to nothing of its own
        let alone = Whole::of(&[(new, 1)]).within(&whole).scale_of(new, 1).center;
        assert!(alone < 200.0, "{alone}");
    }

    #[test]
    fn groups_that_differ_by_chance_alone_are_one() {
        // as far apart as the medians and deviations of ten values are
        let by_chance = |n: u32| {
            let place = (f64::from(n) - 50.0) / 50.0;
            (Scale { center: 20.0 + 4.0 * place, spread: 10.0 + 2.0 * place }, 10)
        };
        let alike: Vec<(Scale, u64)> = (0..=100).map(by_chance).collect();
        let scale = Whole::of(&alike).scale_of(OWN, 10);
        assert!(scale.center < 30.0 && scale.spread > 8.0, "{scale:?}");
        let apart: Vec<(Scale, u64)> =
            alike.iter().map(|(scale, n)| (Scale { center: scale.center * 50.0, spread: scale.spread }, *n)).collect();
        let scale = Whole::of(&apart).scale_of(OWN, 10);
        assert!((scale.center - (100.0 * 2.0 + 1000.0) / 3.0).abs() < 1.0, "{scale:?}");
    }
}
