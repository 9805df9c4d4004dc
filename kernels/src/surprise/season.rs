//! Seasons: what is usual in an hour of a group, as the same hours of other days tell.
//!
//! An hour is counted from the start of some week, so that its remainder by 168 is the hour of its
//! week and its remainder by 24 that of its day. Each level of the estimate shrinks towards the one
//! above: the same hour of the week in other weeks, the same hour of other days, all hours. The day
//! itself tells nothing about what is usual on it. Hours that differ by chance alone are taken to
//! be alike: how far a level shrinks follows from how much its hours differ beyond that.

use super::{Scale, Whole};

/// Hours of a day and of a week: the seasons, from the greater number of days to the smaller one.
const SEASONS: [u32; 2] = [24, 168];

/// Number of days that count as much as the level above.
const DAYS_ABOVE: f64 = 1.0;

/// Constant of Anscombe's transformation.
const ANSCOMBE: f64 = 3.0 / 8.0;

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
        for Level { same, centers, spreads } in &levels {
            let n_days = same.len() as u32 - 1;
            if n_days == 0 {
                continue;
            }
            for (place, &idx) in same.iter().enumerate() {
                let (n, days) = (centers.weight_without(place) as f64, f64::from(n_days));
                let mix = |own: f64, above: f64, weight: f64| {
                    let share = n / (n + weight) * (days / (days + DAYS_ABOVE));
                    own * share + above * (1.0 - share)
                };
                let above = found[idx].scale;
                found[idx].scale = Scale {
                    center: mix(centers.median_without(place), above.center, weights[0]),
                    // a spread that is too small makes everything an outlier
                    spread: mix(spreads.upper_quartile_without(place), above.spread, weights[1]),
                };
                found[idx].n_days = found[idx].n_days.max(n_days);
            }
        }
    }
    found
}

/// The same hours of several days.
struct Level {
    /// Their indices.
    same: Vec<usize>,
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
        Level { centers, spreads: Ordered::new(&spreads, &weights), same }
    }

    /// Scale of its values, whose center is counted from that of the level above, and their number.
    fn beyond(&self, above: &[Usual]) -> (Scale, u64) {
        let center = self.centers.median() - above[self.same[0]].scale.center;
        (Scale { center, spread: self.spreads.median() }, self.centers.total())
    }
}

/// Days with events, by their place in the week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObservedDays {
    by_weekday: [u32; 7],
}

impl ObservedDays {
    /// Adds a day, counted from the start of some week. No day may be added twice.
    pub fn add(&mut self, day: u32) {
        self.by_weekday[(day % 7) as usize] += 1;
    }

    /// Number of days.
    #[must_use]
    pub fn n(&self) -> u32 {
        self.by_weekday.iter().sum()
    }

    /// Number of hours.
    #[must_use]
    pub fn n_hours(&self) -> f64 {
        f64::from(self.n()) * 24.0
    }

    fn n_with(&self, hour: u32, season: u32) -> u32 {
        if season == 24 { self.n() } else { self.by_weekday[(hour / 24 % 7) as usize] }
    }
}

/// Occurrences of something in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourlyCount {
    /// The hour.
    pub hour: u32,
    /// Their number.
    pub n: u64,
}

/// Number of occurrences to be expected in each of `hours`, all hours in which something occurred
/// on `days`. In the other hours of these days, it did not occur.
#[must_use]
pub fn expected_counts(hours: &[HourlyCount], days: &ObservedDays) -> Vec<f64> {
    let all: u64 = hours.iter().map(|hour| hour.n).sum();
    let mut found = vec![all as f64 / days.n_hours().max(1.0); hours.len()];
    for season in SEASONS {
        for same in same_hours(hours, season, |count| count.hour) {
            let n_same: u64 = same.iter().map(|&idx| hours[idx].n).sum();
            for &idx in &same {
                let HourlyCount { hour, n } = hours[idx];
                let n_days = f64::from(days.n_with(hour, season).saturating_sub(1));
                found[idx] = ((n_same - n) as f64 + DAYS_ABOVE * found[idx]) / (n_days + DAYS_ABOVE);
            }
        }
    }
    found
}

/// Deviation of a count from what was expected, in standard deviations of a count that is Poisson
/// distributed (Anscombe's transformation).
#[must_use]
pub fn deviation(n: f64, expected: f64) -> f64 {
    2.0 * ((n + ANSCOMBE).sqrt() - (expected + ANSCOMBE).sqrt())
}

/// Count of which [`deviation`] is the deviation.
#[must_use]
pub fn count_at(deviation: f64, expected: f64) -> f64 {
    let root = (deviation / 2.0 + (expected + ANSCOMBE).sqrt()).max(0.0);
    (root * root - ANSCOMBE).max(0.0)
}

/// Indices of `hours` that have the same remainder.
fn same_hours<T>(hours: &[T], season: u32, hour: impl Fn(&T) -> u32) -> Vec<Vec<usize>> {
    let place = |&idx: &usize| hour(&hours[idx]) % season;
    let mut indices: Vec<usize> = (0..hours.len()).collect();
    indices.sort_by_key(place);
    indices.chunk_by(|a, b| place(a) == place(b)).map(<[usize]>::to_vec).collect()
}

/// Weighted values in ascending order.
struct Ordered {
    values: Vec<f64>,
    /// Weights up to and including each value.
    weights: Vec<u64>,
    /// Place of each value in that order.
    places: Vec<usize>,
}

impl Ordered {
    fn new(values: &[f64], weights: &[u64]) -> Self {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        let mut places = vec![0; values.len()];
        order.iter().enumerate().for_each(|(place, &idx)| places[idx] = place);
        let mut sum = 0;
        let up_to = order.iter().map(|&idx| {
            sum += weights[idx];
            sum
        });
        Ordered { weights: up_to.collect(), values: order.iter().map(|&idx| values[idx]).collect(), places }
    }

    fn total(&self) -> u64 {
        self.weights.last().copied().unwrap_or(0)
    }

    fn weight_of(&self, place: usize) -> u64 {
        self.weights[place] - place.checked_sub(1).map_or(0, |before| self.weights[before])
    }

    /// Weight of all values but the one with index `idx`.
    fn weight_without(&self, idx: usize) -> u64 {
        self.total() - self.weight_of(self.places[idx])
    }

    /// Weighted median of all values.
    fn median(&self) -> f64 {
        let at = |twice: u64| self.values[self.weights.partition_point(|&up_to| 2 * up_to < twice)];
        middle(at(self.total()), at(self.total() + 1))
    }

    /// Weighted median of all values but the one with index `idx`; there must be others.
    fn median_without(&self, idx: usize) -> f64 {
        let rest = self.weight_without(idx);
        middle(self.value_without(idx, rest.div_ceil(2)), self.value_without(idx, rest / 2 + 1))
    }

    /// Upper quartile of all values but the one with index `idx`; there must be others.
    fn upper_quartile_without(&self, idx: usize) -> f64 {
        self.value_without(idx, (3 * self.weight_without(idx)).div_ceil(4))
    }

    /// The value at which the weights of all values but the one with index `idx` reach `weight`.
    fn value_without(&self, idx: usize, weight: u64) -> f64 {
        let place = self.places[idx];
        let own = self.weight_of(place);
        let (before, after) = (&self.weights[..place], &self.weights[place + 1..]);
        let first = before.partition_point(|&up_to| up_to < weight);
        let found = match first < place {
            true => first,
            false => place + 1 + after.partition_point(|&up_to| up_to - own < weight),
        };
        self.values[found]
    }
}

fn middle(a: f64, b: f64) -> f64 {
    if a == b { a } else { a / 2.0 + b / 2.0 }
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
        assert!(found.center > 45.0 && found.center < 50.0, "{found:?}");
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
                    let mut values: crate::Multiset =
                        (0..8).map(|_| GROUP.center + 90.0 * (random.uniform() - 0.5)).collect();
                    let scale = Scale::of(values.finish()).unwrap();
                    HourlyValues { hour: day * 24 + at, scale, n: 8 }
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
    fn medians_without_one_value_are_those_of_the_others() {
        let mut random = Random(3);
        for n in 2..40 {
            let values: Vec<f64> = (0..n).map(|_| (random.uniform() * 10.0).floor()).collect();
            let weights: Vec<u64> = (0..n).map(|_| 1 + (random.uniform() * 5.0) as u64).collect();
            let ordered = Ordered::new(&values, &weights);
            for idx in 0..n {
                let others: Vec<(f64, u64)> =
                    (0..n).filter(|other| *other != idx).map(|i| (values[i], weights[i])).collect();
                let (values, weights): (Vec<f64>, Vec<u64>) = others.iter().copied().unzip();
                assert_eq!(ordered.median_without(idx), Ordered::new(&values, &weights).median(), "{n} {idx}");
                let mut repeated: Vec<f64> =
                    others.iter().flat_map(|&(value, n)| std::iter::repeat_n(value, n as usize)).collect();
                repeated.sort_by(f64::total_cmp);
                let (below, above) = (repeated[(repeated.len() - 1) / 2], repeated[repeated.len() / 2]);
                assert_eq!(ordered.median_without(idx), middle(below, above), "{n} {idx}");
                let quartile = repeated[(3 * repeated.len()).div_ceil(4) - 1];
                assert_eq!(ordered.upper_quartile_without(idx), quartile, "{n} {idx}");
            }
        }
    }

    fn days(n: u32) -> ObservedDays {
        let mut days = ObservedDays::default();
        (0..n).for_each(|day| days.add(day));
        days
    }

    fn count(day: u32, hour: u32, n: u64) -> HourlyCount {
        HourlyCount { hour: day * 24 + hour, n }
    }

    #[test]
    fn on_a_single_day_all_hours_are_alike() {
        let expected = expected_counts(&[count(0, 3, 1), count(0, 9, 47)], &days(1));
        assert_eq!(expected, [2.0, 2.0]);
    }

    #[test]
    fn counts_are_expected_where_other_days_have_them() {
        let mut hours: Vec<HourlyCount> = (0..14).map(|day| count(day, 9, 10)).collect();
        hours.push(count(6, 3, 10));
        let expected = expected_counts(&hours, &days(14));
        assert!(expected[..14].iter().all(|&found| (9.0..=10.0).contains(&found)), "{expected:?}");
        assert!(expected[14] < 0.05, "never at night: {expected:?}");
    }

    #[test]
    fn quiet_weekends_are_learned() {
        let hours: Vec<HourlyCount> = (0..70).filter(|day| day % 7 < 5).map(|day| count(day, 9, 20)).collect();
        let mut with_a_sunday = hours.clone();
        with_a_sunday.push(count(34, 9, 20));
        let expected = expected_counts(&with_a_sunday, &days(70));
        assert!(expected[50] < 2.0, "{}", expected[50]);
        assert!(expected[0] > 18.0, "{}", expected[0]);
    }

    #[test]
    fn deviations_of_poisson_counts_have_a_standard_deviation_of_about_one() {
        let mut random = Random(9);
        for mean in [4.0, 20.0, 60.0] {
            let poisson = |random: &mut Random| {
                let (mut n, mut product) = (0_u32, random.uniform());
                let limit = f64::exp(-mean);
                while product > limit {
                    product *= random.uniform();
                    n += 1;
                }
                f64::from(n)
            };
            let found: Vec<f64> = (0..4000).map(|_| deviation(poisson(&mut random), mean)).collect();
            let variance = found.iter().map(|found| found * found).sum::<f64>() / found.len() as f64;
            assert!((0.85..1.2).contains(&variance), "{mean}: {variance}");
        }
        for (n, expected) in [(0.0, 3.0), (7.0, 0.1), (1e6, 12.0)] {
            assert!((count_at(deviation(n, expected), expected) - n).abs() < 1e-6 * (n + 1.0));
        }
        assert_eq!(count_at(-100.0, 5.0), 0.0);
    }
}
