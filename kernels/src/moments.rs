//! Mean, variance and standard deviation from exact sums, so the order of the values cannot affect
//! them.
//!
//! The mean is the exact rational mean, rounded once. The variance is the exact mean of the squares
//! `(x - mean)^2`, each rounded to `f64`, divided by the number of values (population variance).
//! Where these squares leave the range of `f64`, the standard deviation is computed from scaled
//! distances, so it is finite for all finite values and 0 for equal ones only.
//!
//! NaN and infinities propagate as in ordinary addition: NaN gives NaN, an infinity gives an
//! infinity or NaN. Callers must decide beforehand what such values mean ([`crate::Multiset`] drops
//! them).

use crate::multiset::Runs;
use crate::simd::exact_sum::ExactSum;

/// Power of two that brings every distance between two numbers into the range of numbers whose
/// squares are finite.
pub(crate) const SHRINK: f64 = f64::from_bits((1023 - 520) << 52);

/// Variances below it have lost digits to the lower end of the range.
const LEAST_VARIANCE: f64 = f64::from_bits((1023 - 900) << 52);

/// Power of two that brings distances with such a variance into the middle of the range.
const GROW: f64 = f64::from_bits((1023 + 600) << 52);

/// Sum of each value times its count, rounded once.
#[must_use]
pub fn exact_sum(runs: Runs<'_>) -> f64 {
    total(runs.iter()).sum()
}

/// Mean, rounded once; `None` if there are no values.
#[must_use]
pub fn mean(runs: Runs<'_>) -> Option<f64> {
    (!runs.is_empty()).then(|| total(runs.iter()).divided_by(runs.n()))
}

/// Population variance; infinity if it exceeds the largest finite number, `None` without values.
#[must_use]
pub fn variance(runs: Runs<'_>) -> Option<f64> {
    mean(runs).map(|mean| variance_around(mean, runs.iter(), runs.n()))
}

/// Population standard deviation; `None` if there are no values.
#[must_use]
pub fn stdev(runs: Runs<'_>) -> Option<f64> {
    mean_stdev(runs).map(|(_, stdev)| stdev)
}

/// Mean and population standard deviation; `None` if there are no values.
#[must_use]
pub fn mean_stdev(runs: Runs<'_>) -> Option<(f64, f64)> {
    mean(runs).map(|mean| (mean, stdev_around(mean, || runs.iter(), runs.n())))
}

/// Sum of an unsorted slice, rounded once.
#[must_use]
pub fn sum(values: &[f64]) -> f64 {
    total(once_each(values)).sum()
}

/// Mean of an unsorted slice, rounded once; `None` if it is empty.
#[must_use]
pub fn mean_of(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| total(once_each(values)).divided_by(values.len() as u64))
}

/// Mean and population standard deviation of an unsorted slice; `None` if it is empty.
#[must_use]
pub fn mean_stdev_of(values: &[f64]) -> Option<(f64, f64)> {
    let mean = mean_of(values)?;
    Some((mean, stdev_around(mean, || once_each(values), values.len() as u64)))
}

fn once_each(values: &[f64]) -> impl Iterator<Item = (f64, u64)> + '_ {
    values.iter().map(|&value| (value, 1))
}

fn total(values: impl Iterator<Item = (f64, u64)>) -> ExactSum {
    let mut sum = ExactSum::new();
    for (value, count) in values {
        sum.add_times(value, count);
    }
    sum
}

fn stdev_around<I: Iterator<Item = (f64, u64)>>(mean: f64, values: impl Fn() -> I, n: u64) -> f64 {
    let variance = variance_around(mean, values(), n);
    if variance == f64::INFINITY {
        // the distance itself may be too large
        let distances = values().map(|(value, count)| (value * SHRINK - mean * SHRINK, count));
        mean_square(distances, n).sqrt() / SHRINK
    } else if variance < LEAST_VARIANCE {
        let distances = values().map(|(value, count)| ((value - mean) * GROW, count));
        mean_square(distances, n).sqrt() / GROW
    } else {
        variance.sqrt()
    }
}

fn variance_around(mean: f64, values: impl Iterator<Item = (f64, u64)>, n: u64) -> f64 {
    mean_square(values.map(|(value, count)| (value - mean, count)), n)
}

fn mean_square(distances: impl Iterator<Item = (f64, u64)>, n: u64) -> f64 {
    total(distances.map(|(distance, count)| (distance * distance, count))).divided_by(n)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Multiset;

    /// Values, counts, sum, mean and standard deviation, computed with rational numbers and rounded
    /// where the formula says so.
    type Case<'a> = (&'a [f64], &'a [u64], f64, f64, f64);

    const RATIONAL: [Case<'_>; 3] = [
        (&[-5.737984548390587e-261, 35.0], &[263418430323337, 2], 70.0, 2.6573691109645173e-13, 3.049719968845622e-06),
        (
            &[-0.2675819774659942, -3.648680975789187e-27, 0.0],
            &[3, 881398, 2],
            -0.8027459323979826,
            -9.107592467894739e-07,
            0.000493661757450343,
        ),
        (
            &[0.45401115522116786, 2.0],
            &[1069725692128060, 135444619833127],
            756556636919077.9,
            0.6277591054229712,
            0.4882868446065772,
        ),
    ];

    #[test]
    fn matches_rational_arithmetic() {
        for (values, counts, expected_sum, expected_mean, expected_stdev) in RATIONAL {
            let runs = Runs::new(values, counts).unwrap();
            assert_eq!(exact_sum(runs), expected_sum, "{values:?} {counts:?}");
            assert_eq!(mean_stdev(runs), Some((expected_mean, expected_stdev)), "{values:?} {counts:?}");
        }
    }

    #[test]
    fn no_values_and_equal_values() {
        let nothing = Runs::new(&[], &[]).unwrap();
        assert_eq!((exact_sum(nothing), mean(nothing), variance(nothing), stdev(nothing)), (0.0, None, None, None));
        assert_eq!((sum(&[]), mean_of(&[]), mean_stdev_of(&[])), (0.0, None, None));
        assert_eq!(mean_stdev_of(&[0.1; 7]), Some((0.1, 0.0)));
    }

    #[test]
    fn squares_may_leave_the_range() {
        const MAX: f64 = f64::MAX;
        assert_eq!(mean_stdev_of(&[MAX, -MAX]), Some((0.0, MAX)));
        assert_eq!(mean_stdev_of(&[MAX, MAX, -MAX, -MAX]), Some((0.0, MAX)));
        assert_eq!(mean_stdev_of(&[1e308, 1e308]), Some((1e308, 0.0)));
        assert_eq!(mean_stdev_of(&[3e200, -3e200]), Some((0.0, 3e200)));
        assert_eq!(mean_stdev_of(&[-3e-200, 3e-200]), Some((0.0, 3e-200)));
        assert_eq!(mean_stdev_of(&[0.0, f64::from_bits(4)]), Some((f64::from_bits(2), f64::from_bits(2))));
        let mut most_at_one_end: Multiset = [MAX, MAX, MAX, -MAX].into_iter().collect();
        let (mean, stdev) = mean_stdev(most_at_one_end.finish()).unwrap();
        assert_eq!(mean, MAX / 2.0);
        assert!((stdev / MAX - 0.75_f64.sqrt()).abs() < 1e-15, "{stdev:e}");
        assert_eq!(variance(most_at_one_end.finish()), Some(f64::INFINITY));
        assert!(mean_stdev_of(&[f64::INFINITY, 1.0]).unwrap().1.is_nan());
    }

    proptest! {
        /// A power of two changes no digit, whatever the range.
        #[test]
        fn scaled_values_have_the_scaled_deviation(
            values in prop::collection::vec(-1e6..1e6_f64, 1..40),
            exponent in prop_oneof![-420_i32..-400, 600_i32..1000],
        ) {
            let factor = 2_f64.powi(exponent);
            let scaled: Vec<f64> = values.iter().map(|value| value.round() * factor).collect();
            let rounded: Vec<f64> = values.iter().map(|value| value.round()).collect();
            let (mean, stdev) = mean_stdev_of(&rounded).unwrap();
            let (scaled_mean, scaled_stdev) = mean_stdev_of(&scaled).unwrap();
            prop_assert_eq!(scaled_mean, mean * factor);
            prop_assert!((scaled_stdev / factor - stdev).abs() <= stdev * 1e-15);
        }

        #[test]
        fn slices_and_runs_agree(
            mut values in prop::collection::vec(prop_oneof![-1e6..1e6_f64, (-5_i32..5).prop_map(f64::from)], 0..60),
            turn in 0_usize..60,
        ) {
            let mut multiset: Multiset = values.iter().copied().collect();
            let runs = multiset.finish();
            prop_assert_eq!(mean_stdev(runs), mean_stdev_of(&values));
            prop_assert_eq!(exact_sum(runs), sum(&values));
            prop_assert_eq!(mean(runs), mean_of(&values));
            prop_assert_eq!(stdev(runs), variance(runs).map(f64::sqrt));
            let middle = turn.min(values.len());
            values.rotate_left(middle);
            prop_assert_eq!(mean_stdev(runs), mean_stdev_of(&values));
        }
    }
}
