//! Strengths of seasons: how much better than without one the same hours of other days tell what
//! was seen.

use std::collections::BTreeMap;

use super::SEASONS;
use super::ordered::Ordered;
use crate::surprise::Scale;

/// Share of a group's spread below which spreads of its hours do not differ.
const LEAST_SPREAD: f64 = 0.1;

/// Number of standard errors up to which a gain may be chance, among many groups.
const BY_CHANCE: f64 = 3.0;

/// Scales of an hour: as other days tell it, and as it was seen.
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
    pub(super) n: u64,
}

impl Told {
    fn day(&self) -> u32 {
        self.hour / SEASONS[0]
    }
}

/// Strengths of a season: how far the hours of other days count.
pub(super) struct Seasons {
    /// Scale of an hour like any other.
    typical: Scale,
    /// Errors in centers and in spreads.
    all: [Errors; 2],
    by_day: BTreeMap<u32, [Errors; 2]>,
}

impl Seasons {
    /// Strengths of a season of a group; `told` must not be empty.
    pub(super) fn of(told: &[Told], group_spread: f64) -> Self {
        let ordered = |number: fn(&Told) -> f64| {
            let numbers: Vec<f64> = told.iter().map(number).collect();
            let weights: Vec<u64> = told.iter().map(|told| told.n).collect();
            Ordered::new(&numbers, &weights)
        };
        // found in the same way as what other days tell, so that it is as good where hours are
        // alike
        let center = ordered(|told| told.seen.center).median();
        let typical = Scale { center, spread: ordered(|told| told.seen.spread).upper_quartile() };
        let mut seasons = Seasons { typical, all: Default::default(), by_day: BTreeMap::new() };
        for told in told {
            let Told { scale, above, seen, .. } = *told;
            let center = |told: f64| (seen.center - told) / group_spread;
            let least = LEAST_SPREAD * group_spread;
            let spread = |told: f64| ((seen.spread + least) / (told + least)).ln();
            let errors = [
                Errors::of([scale.center, above.center, typical.center].map(center), told.n),
                Errors::of([scale.spread, above.spread, typical.spread].map(spread), told.n),
            ];
            for sums in [&mut seasons.all, seasons.by_day.entry(told.day()).or_default()] {
                sums.iter_mut().zip(&errors).for_each(|(sum, errors)| *sum = sum.combined(errors, |a, b| a + b));
            }
        }
        seasons
    }

    /// Scale of the values of an hour, as far as other days tell that hours differ.
    pub(super) fn scale(&self, told: &Told) -> Scale {
        let of_day = self.by_day.get(&told.day()).copied().unwrap_or_default();
        let [centers, spreads] = [0, 1].map(|idx| self.all[idx].combined(&of_day[idx], |all, of_day| all - of_day));
        let (of_center, of_spread) = (centers.strength(), spreads.strength());
        let mix = |from: f64, to: f64, share: f64| from + share * (to - from);
        let Told { scale, above, shares, .. } = *told;
        let center = mix(centers.without_season(above.center, self.typical.center), scale.center, shares[0]);
        let spread = spreads.without_season(above.spread, self.typical.spread);
        let spread = mix(spread, scale.spread, shares[1] * of_spread);
        Scale {
            center: mix(above.center, center, of_center),
            // with centers of their own, hours spread less than their group
            spread: mix(above.spread, spread, of_center.max(of_spread)),
        }
    }
}

/// Errors in what was told about hours.
#[derive(Clone, Copy, Default)]
struct Errors {
    /// Of what the same hours of other days tell.
    season: f64,
    /// Of what the level above tells, and of what a typical hour tells.
    others: [f64; 2],
    /// Squares of their differences from those of the season.
    squares: [f64; 2],
}

impl Errors {
    /// Errors of an hour with `n` values, from distances.
    fn of([season, others @ ..]: [f64; 3], n: u64) -> Self {
        // bounded: no single hour hides a season
        let error = |distance: f64| n as f64 * (1.0 - 1.0 / (1.0 + distance * distance));
        let (season, others) = (error(season), others.map(error));
        Errors { season, others, squares: others.map(|other| (other - season) * (other - season)) }
    }

    fn combined(&self, other: &Errors, combine: impl Fn(f64, f64) -> f64) -> Self {
        let both = |a: [f64; 2], b: [f64; 2]| [combine(a[0], b[0]), combine(a[1], b[1])];
        Errors {
            season: combine(self.season, other.season),
            others: both(self.others, other.others),
            squares: both(self.squares, other.squares),
        }
    }

    /// The better one of what is told without a season.
    fn without_season<T>(&self, above: T, typical: T) -> T {
        if self.others[1] < self.others[0] { typical } else { above }
    }

    /// Strength of the season: 0 if it tells no more than the rest about what was seen, beyond what
    /// may be chance; 1 if it tells all. It is the factor of James and Stein's estimate, with
    /// bounded instead of squared errors.
    fn strength(&self) -> f64 {
        let (other, squares) =
            self.without_season((self.others[0], self.squares[0]), (self.others[1], self.squares[1]));
        let gain = other - self.season;
        if gain > BY_CHANCE * squares.max(0.0).sqrt() { gain / other } else { 0.0 }
    }
}
