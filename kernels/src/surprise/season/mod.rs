//! Seasons: what is usual in an hour of a group, as the same hours of other days tell.
//!
//! An hour is counted from the start of some week, so that its remainder by 168 is the hour of its
//! week and its remainder by 24 that of its day. Each level of the estimate shrinks towards the one
//! above: the same hour of the week in other weeks, the same hour of other days, all hours. The day
//! itself tells nothing about what is usual on it. Hours that differ by chance alone are taken to
//! be alike: how far a level shrinks follows from how much its hours differ beyond that, and from
//! how much better than the level above it tells what was seen.

mod counts;
mod ordered;
mod strength;

use super::{Scale, Whole};
use ordered::Ordered;
use strength::{Seasons, Told};

pub use counts::{HourlyCount, ObservedDays, count_at, deviation, expected_counts};

/// Hours of a day and of a week: the seasons, from the greater number of days to the smaller one.
const SEASONS: [u32; 2] = [24, 168];

/// Number of days that count as much as the level above.
const DAYS_ABOVE: f64 = 1.0;

/// Values of a group in one hour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HourlyValues {
    /// The hour.
    pub hour: u32,
    /// Their scale.
    pub scale: Scale,
    /// Their number.
    pub n: u64,
}

/// Usual values in an hour of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    /// Scale of values in that hour.
    pub scale: Scale,
    /// Number of other days with values in the same hour.
    pub n_days: u32,
}

/// Finds what is usual in each of `hours`, all hours of a group whose values have the scale
/// `group`.
#[must_use]
pub fn usual(group: Scale, hours: &[HourlyValues]) -> Vec<Usual> {
    let mut found = vec![Usual { scale: group, n_days: 0 }; hours.len()];
    for season in SEASONS {
        let levels: Vec<Level> =
            same_hours(hours, season, |values| values.hour).into_iter().map(|same| Level::new(same, hours)).collect();
        let weights = Whole::of(&levels.iter().map(|level| level.beyond(&found)).collect::<Vec<_>>()).weights();
        let told: Vec<Told> = levels.iter().flat_map(|level| level.told(&found, weights)).collect();
        if told.is_empty() {
            continue;
        }
        let seasons = Seasons::of(&told, group.spread);
        for told in told {
            let n_days = found[told.idx].n_days.max(told.n_days);
            found[told.idx] = Usual { scale: seasons.scale(&told), n_days };
        }
    }
    found
}

/// The same hours of several days.
struct Level {
    /// Their indices.
    same: Vec<usize>,
    hours: Vec<u32>,
    /// Centers of the days.
    centers: Ordered,
    /// Spreads of the days: of days of one value, the distances of these values; of others, their
    /// own spreads.
    spreads: Ordered,
}

impl Level {
    fn new(same: Vec<usize>, hours: &[HourlyValues]) -> Self {
        let weights: Vec<u64> = same.iter().map(|&idx| hours[idx].n).collect();
        let centers: Vec<f64> = same.iter().map(|&idx| hours[idx].scale.center).collect();
        let centers = Ordered::new(&centers, &weights);
        let center = centers.median();
        let spread = |&idx: &usize| (hours[idx].scale.center - center).abs() + hours[idx].scale.spread;
        let spreads: Vec<f64> = same.iter().map(spread).collect();
        let hours = same.iter().map(|&idx| hours[idx].hour).collect();
        Level { centers, spreads: Ordered::new(&spreads, &weights), same, hours }
    }

    /// Returns what the other days tell about each hour; nothing about the only one.
    fn told(&self, above: &[Usual], weights: [f64; 2]) -> Vec<Told> {
        let n_days = self.same.len() as u32 - 1;
        let hours = self.same.iter().enumerate().filter(move |_| n_days > 0);
        let told = hours.map(|(place, &idx)| {
            let (n, days) = (self.centers.weight_without(place) as f64, f64::from(n_days));
            let scale = Scale {
                center: self.centers.median_without(place),
                // a spread that is too small makes everything an outlier
                spread: self.spreads.upper_quartile_without(place),
            };
            let seen = Scale { center: self.centers.value(place), spread: self.spreads.value(place) };
            Told {
                idx,
                hour: self.hours[place],
                n_days,
                scale,
                shares: weights.map(|weight| n / (n + weight) * (days / (days + DAYS_ABOVE))),
                above: above[idx].scale,
                seen,
                n: self.centers.weight(place),
            }
        });
        told.collect()
    }

    /// Scale of its values, whose center is counted from that of the level above, and their number.
    fn beyond(&self, above: &[Usual]) -> (Scale, u64) {
        let center = self.centers.median() - above[self.same[0]].scale.center;
        (Scale { center, spread: self.spreads.median() }, self.centers.total())
    }
}

/// Indices of `hours` that have the same remainder.
fn same_hours<T>(hours: &[T], season: u32, hour: impl Fn(&T) -> u32) -> Vec<Vec<usize>> {
    let place = |&idx: &usize| hour(&hours[idx]) % season;
    let mut indices: Vec<usize> = (0..hours.len()).collect();
    indices.sort_by_key(place);
    indices.chunk_by(|a, b| place(a) == place(b)).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    const GROUP: Scale = Scale { center: 50.0, spread: 20.0 };

    fn hour(day: u32, hour: u32, center: f64, n: u64) -> HourlyValues {
        HourlyValues { hour: day * 24 + hour, scale: Scale { center, spread: 2.0 }, n }
    }

    #[test]
    fn the_first_day_is_compared_with_the_group() {
        let hours = [hour(0, 3, 10.0, 100), hour(0, 12, 90.0, 100)];
        assert_eq!(usual(GROUP, &hours), [Usual { scale: GROUP, n_days: 0 }; 2]);
        assert!(usual(GROUP, &[]).is_empty());
    }

    #[test]
    fn an_hour_is_compared_with_the_same_hours_of_other_days() {
        let hours: Vec<HourlyValues> =
            (0..14).flat_map(|day| [hour(day, 3, 10.0, 1000), hour(day, 12, 90.0, 1000)]).collect();
        for (found, values) in usual(GROUP, &hours).iter().zip(&hours) {
            assert_eq!(found.n_days, 13);
            assert!((found.scale.center - values.scale.center).abs() < 2.0, "{found:?} {values:?}");
            assert!(found.scale.spread < 4.0, "{found:?}");
        }
    }

    #[test]
    fn a_day_says_nothing_about_itself() {
        let usual_of = |center: f64| {
            let hours: Vec<HourlyValues> =
                (0..7).map(|day| hour(day, 3, if day == 4 { center } else { 10.0 }, 50)).collect();
            usual(GROUP, &hours)[4].scale.center
        };
        assert_eq!(usual_of(10.0), usual_of(1e6));
    }

    #[test]
    fn a_few_values_hardly_change_what_the_group_says() {
        let hours = [hour(0, 3, 10.0, 1), hour(1, 3, 10.0, 1)];
        let found = usual(GROUP, &hours)[0].scale;
        assert!(found.center > 45.0 && found.center <= 50.0, "{found:?}");
    }

    #[test]
    fn weekdays_differ_when_weeks_tell_so() {
        // 8 weeks; Saturdays and Sundays are quiet
        let level = |day: u32| if day % 7 >= 5 { 5.0 } else { 80.0 };
        let hours: Vec<HourlyValues> = (0..56).map(|day| hour(day, 9, level(day), 500)).collect();
        let found = usual(GROUP, &hours);
        assert!((found[5].scale.center - 5.0).abs() < 12.0, "{:?}", found[5]);
        assert!((found[7].scale.center - 80.0).abs() < 2.0, "{:?}", found[7]);
    }

    #[test]
    fn hours_that_differ_by_chance_alone_are_alike() {
        let mut random = Random(12);
        let mut of_day = |day: u32| -> Vec<HourlyValues> {
            (0..24)
                .map(|at| {
                    let values = [(); 8].map(|()| GROUP.center + 90.0 * (random.uniform() - 0.5));
                    HourlyValues { hour: day * 24 + at, scale: scale_of(&values), n: 8 }
                })
                .collect()
        };
        let hours: Vec<HourlyValues> = (0..7).flat_map(&mut of_day).collect();
        for found in usual(GROUP, &hours) {
            assert!((found.scale.center - GROUP.center).abs() < 5.0, "{found:?}");
            assert!((14.0..28.0).contains(&found.scale.spread), "{found:?}");
        }
    }

    #[test]
    fn hours_of_a_few_distinct_values_are_alike() {
        // medians of such hours jump between the values, and many have no deviation
        let bodies: [&[f64]; 3] =
            [&[84.0, 84.0, 84.0, 121.0, 122.0], &[108.0, 110.0, 110.0], &[63.0, 63.0, 63.0, 65.0]];
        for (seed, body) in (0..30).flat_map(|seed| bodies.map(|body| (seed, body))) {
            let mut random = Random(seed);
            let mut all = Vec::new();
            let mut of_hour = |hour: u32| {
                let n = 5 + (random.uniform() * 20.0) as usize;
                let values = (0..n).map(|_| body[(random.uniform() * body.len() as f64) as usize]);
                let values: Vec<f64> = values.collect();
                all.extend_from_slice(&values);
                HourlyValues { hour, scale: scale_of(&values), n: n as u64 }
            };
            let hours: Vec<HourlyValues> = (0..7 * 24).map(&mut of_hour).collect();
            let group = scale_of(&all);
            for found in usual(group, &hours) {
                let moved = (found.scale.center - group.center) / group.spread;
                let stretched = found.scale.spread / group.spread;
                assert!(moved.abs() < 0.25 && (0.8..1.25).contains(&stretched), "{seed} {body:?}: {moved} {stretched}");
            }
        }
    }

    fn scale_of(values: &[f64]) -> Scale {
        Scale::of(values.iter().copied().collect::<crate::Multiset>().finish()).unwrap()
    }
}
