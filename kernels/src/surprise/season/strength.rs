//! Strengths of seasons: how much better than without one the same hours of other days tell what
//! was seen.

use std::collections::BTreeMap;

use super::SEASONS;
use crate::surprise::Scale;

/// Share of a group's spread below which spreads of its hours do not differ.
const LEAST_SPREAD: f64 = 0.1;

/// What other days tell about an hour, and what was seen in it.
pub(super) struct Told {
    pub(super) idx: usize,
    pub(super) hour: u32,
    pub(super) n_days: u32,
    /// Scale that the other days tell.
    pub(super) scale: Scale,
    /// Shares of it, for center and spread; the rest is up to the level above.
    pub(super) shares: [f64; 2],
    /// Scale that the level above tells.
    pub(super) above: Scale,
    /// Scale that was seen, in as many values as `n`.
    pub(super) seen: Scale,
    pub(super) n: f64,
}

impl Told {
    fn day(&self) -> u32 {
        self.hour / SEASONS[0]
    }

    /// Errors of what the other days and the level above tell, in centers and in spreads.
    fn errors(&self, group_spread: f64) -> Errors {
        let Told { scale, above, seen, n, .. } = self;
        // bounded: no single hour hides a season
        let error = |distance: f64| n * (1.0 - 1.0 / (1.0 + distance * distance));
        let center = |told: f64| error((seen.center - told) / group_spread);
        let least = LEAST_SPREAD * group_spread;
        let spread = |told: f64| error(((seen.spread + least) / (told + least)).ln());
        Errors([[scale.center, above.center].map(center), [scale.spread, above.spread].map(spread)])
    }
}

/// Errors in centers and in spreads: of what the same hours of other days tell, and of what the
/// level above tells.
#[derive(Clone, Copy, Default)]
struct Errors([[f64; 2]; 2]);

impl Errors {
    fn combined(self, other: Errors, combine: impl Fn(f64, f64) -> f64) -> Self {
        let of = |place: usize, level: usize| combine(self.0[place][level], other.0[place][level]);
        Errors([[of(0, 0), of(0, 1)], [of(1, 0), of(1, 1)]])
    }
}

/// Strengths of a season, by how much better than the level above the same hours of other days
/// tell what was seen. Where they tell it no better, the strength is 0, where they tell all of it, 1:
/// it is the factor of James and Stein's estimate, with bounded instead of squared errors.
pub(super) struct Strengths {
    all: Errors,
    by_day: BTreeMap<u32, Errors>,
}

impl Strengths {
    pub(super) fn of(told: &[Told], group_spread: f64) -> Self {
        let mut strengths = Strengths { all: Errors::default(), by_day: BTreeMap::new() };
        for told in told {
            let errors = told.errors(group_spread);
            for sum in [&mut strengths.all, strengths.by_day.entry(told.day()).or_default()] {
                *sum = sum.combined(errors, |sum, error| sum + error);
            }
        }
        strengths
    }

    /// Strengths in centers and in spreads that the other days tell.
    pub(super) fn without_day_of(&self, told: &Told) -> [f64; 2] {
        let of_day = self.by_day.get(&told.day()).copied().unwrap_or_default();
        let Errors(others) = self.all.combined(of_day, |all, of_day| all - of_day);
        others.map(|[of_level, of_above]| if of_level < of_above { 1.0 - of_level / of_above } else { 0.0 })
    }
}
