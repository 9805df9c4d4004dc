//! Counts: how many occurrences are to be expected in an hour.

use super::{DAYS_ABOVE, SEASONS, same_hours};

/// Constant of Anscombe's transformation.
const ANSCOMBE: f64 = 3.0 / 8.0;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

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
