//! Mean, variance and standard deviation from exact sums, so the order of the values cannot affect
//! them.
//!
//! The mean is the exact rational mean, rounded once. The variance is the exact mean of the squares
//! `(x - mean)^2`, each rounded to `f64`, divided by the number of values (population variance).
//!
//! NaN and infinities propagate as in ordinary addition: NaN gives NaN, an infinity gives an
//! infinity or NaN. Callers must decide beforehand what such values mean ([`crate::Multiset`] drops
//! them).

use crate::multiset::Runs;
use crate::simd::exact_sum::ExactSum;

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

/// Population variance; `None` if there are no values.
#[must_use]
pub fn variance(runs: Runs<'_>) -> Option<f64> {
    mean(runs).map(|mean| variance_around(mean, runs.iter(), runs.n()))
}

/// Population standard deviation; `None` if there are no values.
#[must_use]
pub fn stdev(runs: Runs<'_>) -> Option<f64> {
    variance(runs).map(f64::sqrt)
}

/// Mean and population standard deviation; `None` if there are no values.
#[must_use]
pub fn mean_stdev(runs: Runs<'_>) -> Option<(f64, f64)> {
    mean(runs).map(|mean| (mean, variance_around(mean, runs.iter(), runs.n()).sqrt()))
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
    Some((mean, variance_around(mean, once_each(values), values.len() as u64).sqrt()))
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

fn variance_around(mean: f64, values: impl Iterator<Item = (f64, u64)>, n: u64) -> f64 {
    let squares = values.map(|(value, count)| {
        let distance = value - mean;
        (distance * distance, count)
    });
    total(squares).divided_by(n)
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

    proptest! {
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
