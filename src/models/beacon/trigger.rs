//! Decision which groups are outliers.

use std::f64::consts::LN_2;

use outlier_kernels::order_statistics::percentile;
use outlier_kernels::surprise::{q_values, score};

use super::judge::{Group, Judged};
use crate::config::{BeaconMethod, BeaconTrigger};

/// Group that is an outlier.
#[derive(Debug)]
pub(super) struct Flagged {
    pub(super) group: Group,
    /// The smallest rate of false discoveries at which the group is one of them.
    pub(super) q: f64,
}

/// Bits of surprise at a rhythm.
pub(super) fn surprise(group: &Group) -> f64 {
    (-group.rhythm.ln_p / LN_2).max(0.0)
}

/// Outliers among the judged groups, the most regular first.
pub(super) fn flagged(trigger: &BeaconTrigger, judged: Judged) -> Vec<Flagged> {
    let Judged { mut groups, n_others } = judged;
    groups.sort_unstable_by(|a, b| {
        let order = a.rhythm.ln_p.total_cmp(&b.rhythm.ln_p);
        order.then_with(|| (a.aggregator, a.target).cmp(&(b.aggregator, b.target)))
    });
    let mut found = with_q(groups, n_others);
    let score_of = |flagged: &Flagged| score(surprise(&flagged.group));
    match trigger.method {
        BeaconMethod::Fdr => found.retain(|flagged| flagged.q <= trigger.sensitivity),
        BeaconMethod::Float => found.retain(|flagged| score_of(flagged) > trigger.sensitivity),
        BeaconMethod::Percentile => {
            let mut scores: Vec<f64> = found.iter().map(score_of).collect();
            scores.extend((n_others > 0).then_some(0.0));
            scores.dedup();
            scores.reverse();
            let frontier = percentile(&scores, trigger.sensitivity);
            found.retain(|flagged| frontier.is_some_and(|frontier| score_of(flagged) > frontier));
        }
    }
    found
}

/// The q-values of Benjamini and Hochberg for groups sorted by their probability, when `n_others`
/// have the probability 1.
pub(super) fn with_q(groups: Vec<Group>, n_others: u64) -> Vec<Flagged> {
    let n_tests = groups.len() as f64 + n_others as f64;
    let probabilities: Vec<f64> = groups.iter().map(|group| group.rhythm.ln_p.exp()).collect();
    let q = q_values(&probabilities, n_tests);
    groups.into_iter().zip(q).map(|(group, q)| Flagged { group, q }).collect()
}

#[cfg(test)]
mod tests {
    use outlier_kernels::beacon::Rhythm;

    use super::*;

    fn judged(ps: &[f64], n_others: u64) -> Judged {
        let group = |(aggregator, p): (u32, &f64)| {
            let rhythm = Rhythm { ln_p: p.ln(), ..Rhythm::default() };
            Group { aggregator, target: 0, rhythm, sizes: None, sources: None }
        };
        Judged { groups: (0..).zip(ps).map(group).collect(), n_others }
    }

    fn found(method: BeaconMethod, sensitivity: f64, judged: Judged) -> Vec<u32> {
        let found = flagged(&BeaconTrigger { method, sensitivity }, judged);
        found.iter().map(|flagged| flagged.group.aggregator).collect()
    }

    #[test]
    fn the_rate_of_false_discoveries_is_that_of_all_groups() {
        let ps = [0.04, 0.001, 0.5, 0.012];
        assert_eq!(found(BeaconMethod::Fdr, 0.05, judged(&ps, 0)), [1, 3]);
        assert_eq!(found(BeaconMethod::Fdr, 0.05, judged(&ps, 4)), [1, 3]);
        assert_eq!(found(BeaconMethod::Fdr, 0.05, judged(&ps, 40)), [1]);
        assert_eq!(found(BeaconMethod::Fdr, 0.05, judged(&ps, 4_000)), [0_u32; 0]);
    }

    #[test]
    fn a_larger_rate_finds_no_less() {
        let ps: Vec<f64> = (1..60).map(|n| 1.5_f64.powi(-n)).collect();
        let mut before = 0;
        for rate in [1e-9, 1e-4, 0.01, 0.05, 0.3, 0.99] {
            let n = found(BeaconMethod::Fdr, rate, judged(&ps, 1_000)).len();
            assert!(n >= before, "{rate}");
            before = n;
        }
        assert!(before > 20);
    }

    #[test]
    fn scores_above_a_number_or_a_percentile_are_outliers() {
        // scores 0, 50, 75, 87.5
        let ps = [2_f64.powi(-8), 2_f64.powi(-24), 2_f64.powi(-16)];
        assert_eq!(found(BeaconMethod::Float, 60.0, judged(&ps, 9)), [1, 2]);
        assert_eq!(found(BeaconMethod::Percentile, 50.0, judged(&ps, 9)), [1, 2]);
        assert_eq!(found(BeaconMethod::Percentile, 100.0, judged(&ps, 9)), [0_u32; 0]);
        assert_eq!(found(BeaconMethod::Percentile, 0.0, judged(&ps, 0)), [1, 2]);
    }
}
