//! Novelty: how probable an event has a target that its group did not have before.
//!
//! If the events of a group come in random order, an event has a new target if none of the other
//! events with its target are among those that came before. So the share of new targets falls with
//! the number of earlier events as the rarefaction curve of the group says, which is known exactly
//! from how often its targets occur: no model of their frequencies is needed. After all other
//! events, it is the share of targets that occur once, as Good and Turing found.

/// Numbers of occurrences of the targets of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occurrences {
    /// Number of events.
    n: u64,
    /// Numbers of events of a target, ascending, and the numbers of targets with as many.
    n_targets: Vec<(u64, u64)>,
}

impl Occurrences {
    /// Adds a target with `n` events.
    pub fn add(&mut self, n: u64) {
        self.n += n;
        match self.n_targets.binary_search_by_key(&n, |&(n, _)| n) {
            Ok(idx) => self.n_targets[idx].1 += 1,
            Err(idx) => self.n_targets.insert(idx, (n, 1)),
        }
    }

    /// Number of events.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Upper bound on the probability that an event of the group has a target that none of
    /// `n_before` other events of the group has, if their order is random. Found only as far as
    /// it is at most `limit`, else 1.
    #[must_use]
    pub fn probability_of_new(&self, n_before: u64, limit: f64) -> f64 {
        let n = self.n.max(1) as f64;
        let share_before = n_before as f64 / (n - 1.0).max(1.0);
        let ln_after = (-share_before.min(1.0)).ln_1p();
        let mut sum = 0.0;
        for &(occurrences, n_targets) in &self.n_targets {
            // each of the others comes later, at most as probably as if they were independent
            let others = occurrences as f64 - 1.0;
            let none_before = if others > 0.0 { (others * ln_after).exp() } else { 1.0 };
            sum += n_targets as f64 * (occurrences as f64 / n) * none_before;
            if sum > limit {
                return 1.0;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::q_values;
    use super::*;
    use crate::random::Random;

    fn occurrences(counts: &[u64]) -> Occurrences {
        let mut occurrences = Occurrences::default();
        counts.iter().for_each(|&n| occurrences.add(n));
        occurrences
    }

    /// The exact probability: the product over the other occurrences of a target.
    fn exact(counts: &[u64], n_before: u64) -> f64 {
        let n: u64 = counts.iter().sum();
        let none_before = |count: u64| -> f64 {
            (0..count - 1).map(|i| (n - 1 - i).saturating_sub(n_before) as f64 / (n - 1 - i) as f64).product()
        };
        counts.iter().map(|&count| count as f64 / n as f64 * none_before(count)).sum()
    }

    #[test]
    fn the_rarefaction_curve_is_bounded_from_above() {
        let counts = [1, 1, 2, 3, 5, 8, 30];
        let group = occurrences(&counts);
        assert_eq!(group.n(), 50);
        for n_before in 0..50 {
            let (found, exact) = (group.probability_of_new(n_before, 1.0), exact(&counts, n_before));
            assert!(found >= exact - 1e-12 && found <= exact * 1.3 + 1e-12, "{n_before}: {found}, not {exact}");
        }
        assert!((group.probability_of_new(0, 2.0) - 1.0).abs() < 1e-12, "the first event has a new target");
        assert!((group.probability_of_new(49, 1.0) - 2.0 / 50.0).abs() < 1e-12, "targets that occur once");
        assert_eq!(group.probability_of_new(49, 0.01), 1.0, "beyond the limit");
    }

    #[test]
    fn what_comes_late_and_stays_is_improbable_where_little_else_is_new() {
        let quiet = occurrences(&[5_000, 4_980, 20]);
        assert!(quiet.probability_of_new(9_500, 1.0) < 1e-7);
        assert!(quiet.probability_of_new(100, 1.0) > 1e-3, "early, anything is new");
        let busy = occurrences(&[&[4_000, 4_980, 20][..], &[1; 1_000]].concat());
        assert!(busy.probability_of_new(9_500, 1.0) > 0.09, "a tenth of the events is new anyway");
        let once = occurrences(&[5_000, 4_999, 1]);
        assert!((once.probability_of_new(9_999, 1.0) - 1e-4).abs() < 1e-12, "once in 10,000 events");
    }

    /// Probabilities of the first appearances in events of `groups`, each with its target.
    fn appearances(events: &[(usize, u64)], n_groups: usize) -> Vec<f64> {
        let mut by_group: Vec<Vec<u64>> = vec![Vec::new(); n_groups];
        events.iter().for_each(|&(group, target)| by_group[group].push(target));
        let mut found = Vec::new();
        for targets in by_group {
            let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
            targets.iter().for_each(|&target| *counts.entry(target).or_default() += 1);
            let group = occurrences(&counts.values().copied().collect::<Vec<_>>());
            for (n_before, target) in (0..).zip(targets) {
                // the first event of the target takes its count
                if counts.remove(&target).is_some() {
                    found.push(group.probability_of_new(n_before, 1.0));
                }
            }
        }
        found.sort_unstable_by(f64::total_cmp);
        found
    }

    fn n_discovered(events: &[(usize, u64)], n_groups: usize, rate: f64) -> usize {
        let q = q_values(&appearances(events, n_groups), events.len() as f64);
        q.partition_point(|q| *q <= rate)
    }

    /// Targets of a law of Zipf: the target of rank r is about r times as rare as the first one.
    fn zipf(random: &mut Random, n_targets: f64) -> u64 {
        n_targets.powf(random.uniform()) as u64
    }

    #[test]
    fn new_targets_of_noise_are_not_discovered() {
        // few and many targets, so that what is new is rare, too
        for (n_groups, n_targets) in [(1, 1e4), (1, 20.0), (100, 1e4), (100, 20.0), (2_000, 1e4), (2_000, 20.0)] {
            let runs = 40;
            let with_discoveries = (0..runs).filter(|seed| {
                let random = &mut Random(seed * 7919 + 1);
                let group = |random: &mut Random| (random.uniform() * n_groups as f64) as usize;
                let events: Vec<(usize, u64)> = (0..20_000).map(|_| (group(random), zipf(random, n_targets))).collect();
                n_discovered(&events, n_groups, 0.05) > 0
            });
            // 5 % of the runs are allowed, 5 in 40 are beyond its 95 % interval
            let n_runs = with_discoveries.count();
            assert!(n_runs <= 5, "{n_groups} groups, {n_targets} targets: {n_runs} of {runs} runs");
        }
    }

    #[test]
    fn new_targets_that_stay_are_discovered() {
        let random = &mut Random(5);
        let mut events: Vec<(usize, u64)> =
            (0..20_000).map(|_| ((random.uniform() * 100.0) as usize, zipf(random, 5.0))).collect();
        // eight events in each of ten groups, in the last twentieth
        for planted in 0..80 {
            events.insert(19_000 + planted * 12, (planted % 10, 1_000));
        }
        assert_eq!(n_discovered(&events, 100, 0.05), 10);
    }
}
