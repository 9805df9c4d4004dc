//! Probability that the next event of an aggregator has a new target.

use arrow::array::{Int64Array, RecordBatch, UInt32Array};
use datafusion::error::DataFusionError;
use outlier_kernels::surprise::{Occurrences, Others, share_of_extremes};
use rustc_hash::FxHashMap;

use super::super::{Candidate, column};

/// Shares of the events whose target occurs once in its aggregator, which is how probable the next
/// event has a new target (the estimate of Good and Turing).
pub(super) struct Novelty {
    whole: Seen,
    groups: FxHashMap<u32, Seen>,
    /// Empty if nobody asks for them.
    occurrences: FxHashMap<u32, Occurrences>,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    n_once: u64,
    n: u64,
}

impl Seen {
    fn add(&mut self, n: u64) {
        self.n += n;
        self.n_once += u64::from(n == 1);
    }

    /// The same without one event, which had a new target.
    fn without_one(self) -> Others {
        Others { n_extreme: self.n_once.saturating_sub(1), n: self.n.saturating_sub(1) }
    }
}

impl Novelty {
    /// Novelty in some aggregators, before anything is added.
    pub(super) fn of(aggregators: impl Iterator<Item = u32>) -> Self {
        let groups = aggregators.map(|aggregator| (aggregator, Seen::default())).collect();
        Novelty { whole: Seen::default(), groups, occurrences: FxHashMap::default() }
    }

    /// The same, with [`Self::occurrences`].
    pub(super) fn with_occurrences(aggregators: impl Iterator<Item = u32>) -> Self {
        let novelty = Self::of(aggregators);
        let occurrences = novelty.groups.keys().map(|&aggregator| (aggregator, Occurrences::default())).collect();
        Novelty { occurrences, ..novelty }
    }

    /// Adds pairs of aggregator and target, and their numbers of events `n`.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), DataFusionError> {
        let counts = column::<Int64Array>(batch, "n")?.values();
        for (aggregator, &n) in column::<UInt32Array>(batch, "aggregator")?.values().iter().zip(counts) {
            self.whole.add(n as u64);
            if let Some(own) = self.groups.get_mut(aggregator) {
                own.add(n as u64);
            }
            if let Some(own) = self.occurrences.get_mut(aggregator) {
                own.add(n as u64);
            }
        }
        Ok(())
    }

    /// Probability that an event has a new target.
    pub(super) fn probability(&self, candidate: &Candidate) -> f64 {
        let own = self.groups.get(&candidate.aggregator);
        own.map_or(1.0, |own| share_of_extremes(own.without_one(), self.whole.without_one()))
    }

    /// Numbers of occurrences of the targets of an aggregator.
    pub(super) fn occurrences(&self, aggregator: u32) -> Option<&Occurrences> {
        self.occurrences.get(&aggregator)
    }

    /// Number of events of all aggregators.
    pub(super) fn n(&self) -> u64 {
        self.whole.n
    }
}
