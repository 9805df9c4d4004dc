//! Median, median absolute deviation and percentile over runs, without expanding them.

use crate::multiset::Runs;

/// Median: the middle value, or the mean of the two middle values if their number is even; `None`
/// if there are no values.
#[must_use]
pub fn median(runs: Runs<'_>) -> Option<f64> {
    middle(runs.iter(), runs.n())
}

/// Median of the distances `|x - center|`, without a scale factor for normal distributions; `None`
/// if there are no values.
///
/// With the median as `center`, this is the median absolute deviation.
#[must_use]
pub fn median_deviation(runs: Runs<'_>, center: f64) -> Option<f64> {
    middle(deviations(runs, center), runs.n())
}

/// Median absolute deviation from the median; `None` if there are no values.
#[must_use]
pub fn mad(runs: Runs<'_>) -> Option<f64> {
    median_deviation(runs, median(runs)?)
}

/// Percentile by linear interpolation; `None` if there are no values, or if `percent` is not in
/// 0..=100.
///
/// `ascending` must be sorted. Each value counts once; the decision frontier is one of *distinct*
/// values. The formula matches numpy's method "linear" (1.22 and later) to
/// the last bit: interpolation starts from the nearer neighbour.
#[must_use]
pub fn percentile(ascending: &[f64], percent: f64) -> Option<f64> {
    if ascending.is_empty() || !(0.0..=100.0).contains(&percent) {
        return None;
    }
    let last = ascending.len() - 1;
    let rank = last as f64 * (percent / 100.0);
    let below = (rank.floor() as usize).min(last);
    let weight = rank - below as f64;
    let (low, high) = (ascending[below], ascending[(below + 1).min(last)]);
    let step = high - low;
    if step.is_infinite() {
        return Some(low * (1.0 - weight) + high * weight);
    }
    Some(if weight < 0.5 { low + step * weight } else { high - step * (1.0 - weight) })
}

/// Median of `n` values given as (value, count) in ascending order.
fn middle(ascending: impl Iterator<Item = (f64, u64)>, n: u64) -> Option<f64> {
    let (lower_rank, upper_rank) = (n.checked_sub(1)? / 2, n / 2);
    let mut lower = None;
    let mut passed = 0;
    for (value, count) in ascending {
        passed += count;
        if lower.is_none() && passed > lower_rank {
            lower = Some(value);
        }
        if let Some(lower) = lower
            && passed > upper_rank
        {
            return Some(if lower_rank == upper_rank { value } else { f64::midpoint(lower, value) });
        }
    }
    None
}

/// Distances from `center` in ascending order: merges the values below it, reversed, with those
/// above it.
fn deviations(runs: Runs<'_>, center: f64) -> impl Iterator<Item = (f64, u64)> + '_ {
    let split = runs.values().partition_point(|&value| value < center);
    let mut below = runs.iter().take(split).rev().map(move |(value, count)| (center - value, count)).peekable();
    let mut above = runs.iter().skip(split).map(move |(value, count)| (value - center, count)).peekable();
    std::iter::from_fn(move || match (below.peek(), above.peek()) {
        (Some(lower), Some(upper)) if lower.0 <= upper.0 => below.next(),
        (_, Some(_)) => above.next(),
        (_, None) => below.next(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Multiset, scalar};

    /// Distinct values, percent, percentile.
    const OF_NUMPY: [(&[f64], f64, f64); 10] = [
        (&[-4.534173193822437, -3.192736200760625, 308481.8241019344, 712110.7657461537], 25.0, -3.528095449026078),
        (&[-2.666639163191389, -1.307464271052746, 145676.39245798058, 151298.38311640066], 99.0, 151129.72339664804),
        (&[-4.846538825449803, -2.2947763393073517, 0.14234911462371347], 65.83203212836395, -1.5230833695575479),
        (&[1.0336574033064396, 2.474861780111917, 14.0], 10.0, 1.321898278667535),
        (&[-0.5414160764339062, 1.8675317990329665, 384560.7593637491], 90.0, 307648.98099735915),
        (&[-2.5198695203792667, -1.24432340004635, 28.0, 30.0], 100.0, 30.0),
        (&[3.8347462643102865, 4.0, 20.0], 90.0, 16.8),
        (&[0.04463062969488263, 35.0, 927227.5594684752], 100.0, 927227.5594684752),
        (&[-1.1626524857796996, 2.0], 3.0, -1.0677729112063086),
        (&[3.3303608261717397, 39.0], 99.0, 38.64330360826172),
    ];

    #[test]
    fn percentiles_match_numpy() {
        for (distinct, percent, expected) in OF_NUMPY {
            assert_eq!(percentile(distinct, percent), Some(expected), "{percent} of {distinct:?}");
        }
    }

    #[test]
    fn medians_of_few_values() {
        let cases: [(&[f64], Option<f64>, Option<f64>); 7] = [
            (&[], None, None),
            (&[7.0], Some(7.0), Some(0.0)),
            (&[1.0, 2.0], Some(1.5), Some(0.5)),
            (&[1.0, 1.0, 2.0, 3.0, 10.0], Some(2.0), Some(1.0)),
            (&[1.0, 1.0, 1.0, 1.0, 9.0], Some(1.0), Some(0.0)),
            (&[1.0, 1.0, 4.0, 4.0], Some(2.5), Some(1.5)),
            (&[-8.0, 0.0, 1.0, 30.0], Some(0.5), Some(4.5)),
        ];
        for (values, expected_median, expected_mad) in cases {
            let mut multiset: Multiset = values.iter().copied().collect();
            assert_eq!(median(multiset.finish()), expected_median, "{values:?}");
            assert_eq!(mad(multiset.finish()), expected_mad, "{values:?}");
        }
    }

    #[test]
    fn counts_are_not_expanded() {
        let runs = Runs::new(&[1.0, 2.0, 5.0], &[1 << 60, 1, (1 << 60) + 3]).unwrap();
        assert_eq!(median(runs), Some(5.0));
        assert_eq!(mad(runs), Some(0.0));
    }

    proptest! {
        /// Few distinct values, many distinct values, and values whose distances are rounded.
        #[test]
        fn agrees_with_oracle(values in prop_oneof![
            prop::collection::vec((-6_i32..6).prop_map(f64::from), 0..60),
            prop::collection::vec(-1e3..1e3_f64, 0..60),
            prop::collection::vec(prop_oneof![-1e-9..1e-9_f64, -1e9..1e9_f64], 0..60),
        ]) {
            let mut multiset: Multiset = values.iter().copied().collect();
            prop_assert_eq!(median(multiset.finish()), scalar::order_statistics::median(&values));
            prop_assert_eq!(mad(multiset.finish()), scalar::order_statistics::mad(&values));
        }

        #[test]
        fn percentile_stays_between_neighbours(
            values in prop::collection::vec(-1e3..1e3_f64, 1..20),
            percent in 0.0..=100.0_f64,
        ) {
            let mut multiset: Multiset = values.iter().copied().collect();
            let distinct = multiset.finish().values();
            let got = percentile(distinct, percent).unwrap();
            prop_assert!(distinct[0] <= got && got <= distinct[distinct.len() - 1]);
        }
    }
}
