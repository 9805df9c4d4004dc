//! Decision frontier: the value beyond which a number is an outlier among its peers.

use crate::moments::{self, SHRINK};
use crate::multiset::Runs;
use crate::order_statistics::{median, median_deviation, percentile};

/// Trigger method: the formula of the frontier. `s` is the sensitivity; ± is + for [`Side::High`]
/// and - for [`Side::Low`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrontierMethod {
    /// The `s`-th percentile of the distinct values.
    Percentile,
    /// `s` percent of the maximum.
    PctOfMaxValue,
    /// `s` percent of the median.
    PctOfMedianValue,
    /// `s` percent of the mean.
    PctOfAvgValue,
    /// Median ± `s` median absolute deviations.
    Mad,
    /// Like [`FrontierMethod::Mad`], but never below 0.
    Madpos,
    /// Mean ± `s` population standard deviations.
    Stdev,
    /// `s` itself.
    Float,
    /// Population standard deviation / mean; `s` is not used.
    CoeffOfVariation,
}

/// Side of the frontier on which the outliers lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Outliers are above the frontier.
    High,
    /// Outliers are below the frontier.
    Low,
}

/// Decision frontier of `runs`.
///
/// `None` if there are no values (except for [`FrontierMethod::Float`], which needs none) or if a
/// requested percentile is outside 0..=100. Infinite where the exact result is beyond the largest
/// `f64`, which no intermediate result causes; not finite where the formula is not, such as the
/// coefficient of variation with a mean of 0.
#[must_use]
pub fn frontier(method: FrontierMethod, side: Side, sensitivity: f64, runs: Runs<'_>) -> Option<f64> {
    let share = sensitivity / 100.0;
    match method {
        FrontierMethod::Percentile => percentile(runs.values(), sensitivity),
        FrontierMethod::PctOfMaxValue => runs.values().last().map(|max| max * share),
        FrontierMethod::PctOfMedianValue => median(runs).map(|median| median * share),
        FrontierMethod::PctOfAvgValue => moments::mean(runs).map(|mean| mean * share),
        FrontierMethod::Mad => mad_frontier(side, sensitivity, runs),
        FrontierMethod::Madpos => mad_frontier(side, sensitivity, runs).map(|frontier| frontier.max(0.0)),
        FrontierMethod::Stdev => stdev_frontier(side, sensitivity, runs),
        FrontierMethod::Float => Some(sensitivity),
        FrontierMethod::CoeffOfVariation => moments::mean_stdev(runs).map(|(mean, stdev)| stdev / mean),
    }
}

/// True if `value` is an outlier, that is, strictly beyond the frontier. Always false for NaN.
#[must_use]
pub fn beyond(value: f64, frontier: f64, side: Side) -> bool {
    match side {
        Side::High => value > frontier,
        Side::Low => value < frontier,
    }
}

/// Reference behaviour: if the result equals the median (more than half of the values are equal, or
/// the sensitivity is 0), the frontier is mean ± one standard deviation, whatever the sensitivity.
fn mad_frontier(side: Side, sensitivity: f64, runs: Runs<'_>) -> Option<f64> {
    let center = median(runs)?;
    let frontier = away_from(center, side, sensitivity, median_deviation(runs, center)?);
    if frontier == center { stdev_frontier(side, 1.0, runs) } else { Some(frontier) }
}

fn stdev_frontier(side: Side, sensitivity: f64, runs: Runs<'_>) -> Option<f64> {
    moments::mean_stdev(runs).map(|(mean, stdev)| away_from(mean, side, sensitivity, stdev))
}

fn away_from(center: f64, side: Side, sensitivity: f64, spread: f64) -> f64 {
    let moved = |center: f64, spread: f64| match side {
        Side::High => center + sensitivity * spread,
        Side::Low => center - sensitivity * spread,
    };
    let frontier = moved(center, spread);
    if frontier.is_finite() {
        frontier
    } else {
        // the product may be too large where the sum is not
        moved(center * SHRINK, spread * SHRINK) / SHRINK
    }
}

#[cfg(test)]
mod tests {
    use super::FrontierMethod::*;
    use super::Side::{High, Low};
    use super::*;
    use crate::Multiset;

    #[test]
    fn frontiers_match_the_reference() {
        let check = |values: &[f64], method, side, sensitivity, expected: Option<f64>| {
            let mut multiset: Multiset = values.iter().rev().copied().collect();
            let got = frontier(method, side, sensitivity, multiset.finish());
            // Compare bits so that the last digit counts; NaN is compared separately.
            let same = got.map(f64::to_bits) == expected.map(f64::to_bits)
                || (got.is_some_and(f64::is_nan) && expected.is_some_and(f64::is_nan));
            assert!(same, "{method:?} {side:?} {sensitivity} of {values:?}: {got:?}, not {expected:?}");
        };
        let x = &[1.0, 1.0, 2.0, 3.0, 10.0];
        check(x, Percentile, High, 10.0, Some(1.3));
        check(x, Percentile, Low, 0.0, Some(1.0));
        check(x, Percentile, Low, 100.0, Some(10.0));
        check(x, Percentile, Low, 100.1, None);
        check(x, Percentile, Low, -0.1, None);
        check(x, Percentile, Low, f64::NAN, None);
        check(x, PctOfMaxValue, High, 10.0, Some(1.0));
        check(x, PctOfMedianValue, High, 10.0, Some(0.2));
        check(x, PctOfAvgValue, High, 10.0, Some(0.34));
        check(x, Mad, High, 10.0, Some(12.0));
        check(x, Mad, Low, 10.0, Some(-8.0));
        check(x, Madpos, High, 10.0, Some(12.0));
        check(x, Madpos, Low, 10.0, Some(0.0));
        check(x, Stdev, High, 10.0, Some(37.223069050575525));
        check(x, Stdev, Low, 10.0, Some(-30.423069050575528));
        check(x, Float, Low, 10.0, Some(10.0));
        check(x, CoeffOfVariation, High, 10.0, Some(0.994796148546339));

        let most_are_equal = &[1.0, 1.0, 1.0, 1.0, 9.0];
        check(most_are_equal, Mad, High, 3.0, Some(5.800000000000001));
        check(most_are_equal, Mad, Low, 3.0, Some(-0.6000000000000001));
        check(most_are_equal, Madpos, Low, 3.0, Some(0.0));
        check(most_are_equal, Stdev, High, 3.0, Some(12.200000000000001));
        check(most_are_equal, Percentile, High, 3.0, Some(1.24));
        check(&[1.0, 2.0], Mad, High, 0.0, Some(2.0));

        check(&[5.0], Mad, High, 3.0, Some(5.0));
        check(&[5.0], CoeffOfVariation, High, 3.0, Some(0.0));
        check(&[0.0; 4], CoeffOfVariation, High, 3.0, Some(f64::NAN));
        check(&[-1.0, 1.0], CoeffOfVariation, High, 3.0, Some(f64::INFINITY));

        for method in [Percentile, PctOfMaxValue, PctOfMedianValue, PctOfAvgValue, Mad, Madpos, Stdev, CoeffOfVariation]
        {
            check(&[], method, High, 3.0, None);
        }
        check(&[], Float, High, 3.0, Some(3.0));
    }

    /// Ten ordinary values and extreme ones: the method, what it gives, and how many of the latter
    /// lie above.
    #[test]
    fn extreme_values_leave_a_frontier() {
        const MAX: f64 = f64::MAX;
        let ordinary = [990.0, 991.0, 992.0, 993.0, 994.0, 995.0, 996.0, 997.0, 998.0, 999.0];
        let check = |extremes: &[f64], method, side, sensitivity, n_expected: usize| {
            let mut multiset: Multiset = ordinary.iter().chain(extremes).copied().collect();
            let frontier = frontier(method, side, sensitivity, multiset.finish()).unwrap();
            let n_beyond = extremes.iter().filter(|value| beyond(**value, frontier, side)).count();
            assert_eq!(n_beyond, n_expected, "{method:?} {side:?} of {extremes:?}: {frontier:e}");
            assert!(!ordinary.iter().any(|value| beyond(*value, frontier, side)), "{method:?} {side:?}: {frontier:e}");
        };
        for extreme in [1e155, 1e200, 1e308, MAX] {
            for (method, sensitivity) in
                [(Stdev, 3.0), (Mad, 5.0), (Madpos, 5.0), (Percentile, 99.0), (PctOfMaxValue, 90.0)]
            {
                check(&[extreme], method, High, sensitivity, 1);
            }
            check(&[extreme], PctOfAvgValue, High, 300.0, 1);
            check(&[extreme], PctOfMedianValue, High, 300.0, 1);
            for (method, sensitivity) in [(Stdev, 3.0), (Mad, 5.0), (Percentile, 1.0)] {
                check(&[-extreme], method, Low, sensitivity, 1);
            }
            check(&[extreme, -extreme], Mad, High, 5.0, 1);
            check(&[extreme, -extreme], Stdev, High, 2.0, 1);
            check(&[extreme, -extreme], Stdev, Low, 2.0, 1);
            check(&[extreme, -extreme], Percentile, High, 99.0, 1);
        }
        check(&[MAX, MAX / 1.5, -MAX], Stdev, High, 1.0, 2);
    }

    #[test]
    fn intermediate_results_may_leave_the_range() {
        const MAX: f64 = f64::MAX;
        let check = |values: &[f64], method, side, sensitivity, expected: f64| {
            let mut multiset: Multiset = values.iter().copied().collect();
            let got = frontier(method, side, sensitivity, multiset.finish()).unwrap();
            let same = got == expected || (got / expected - 1.0).abs() < 1e-15;
            assert!(same, "{method:?} {side:?} {sensitivity} of {values:?}: {got:e}, not {expected:e}");
        };
        check(&[-MAX, MAX], Percentile, High, 0.0, -MAX);
        check(&[-MAX, MAX], Percentile, High, 50.0, 0.0);
        check(&[-MAX, MAX], Percentile, High, 75.0, MAX / 2.0);
        check(&[-MAX, MAX], Percentile, High, 100.0, MAX);
        // -1.5e308 + 3 * 1e308 and its mirror image
        check(&[-1.75e308, -1.5e308, -1.5e308, -0.5e308, -0.5e308], Stdev, High, 0.0, -1.15e308);
        check(&[-1.5e308, -1e308, -5e307], Mad, High, 4.0, 1e308);
        check(&[1.5e308, 1e308, 5e307], Mad, Low, 4.0, -1e308);
        // exact results that no number holds
        check(&[MAX, -MAX], Stdev, High, 2.0, f64::INFINITY);
        check(&[MAX, -MAX], Stdev, Low, 2.0, f64::NEG_INFINITY);
        check(&[MAX, 1.0], PctOfMaxValue, High, 200.0, f64::INFINITY);
        check(&[1e308, -1e308], Madpos, Low, 3.0, 0.0);
    }

    #[test]
    fn the_frontier_itself_is_not_an_outlier() {
        let cases = [
            (2.0, 1.0, High, true),
            (1.0, 1.0, High, false),
            (0.0, 1.0, High, false),
            (0.0, 1.0, Low, true),
            (1.0, 1.0, Low, false),
            (2.0, 1.0, Low, false),
            (f64::NAN, 1.0, High, false),
            (f64::NAN, 1.0, Low, false),
            (1.0, f64::NAN, High, false),
            (1.0, f64::NAN, Low, false),
        ];
        for (value, frontier, side, expected) in cases {
            assert_eq!(beyond(value, frontier, side), expected, "{value} {side:?} {frontier}");
        }
    }
}
