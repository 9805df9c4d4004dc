//! Surprise of rare terms.

use std::collections::BTreeMap;

use arrow::array::{RecordBatch, StructArray, UInt32Array};
use datafusion::error::DataFusionError;
use outlier_kernels::surprise::{Others, bits, share_of_extremes};
use rustc_hash::FxHashMap;

use super::super::column;
use super::super::flagged::Flagged;
use super::super::population::FirstRound;
use crate::engine::functions::Levels;

/// Shares of the events whose terms are rare (the estimate of Good and Turing).
pub(super) struct Rarities<'a> {
    /// Number of events, by the number of occurrences of their term, and of all smaller ones.
    whole: &'a BTreeMap<u64, u64>,
    /// The same of aggregators with flagged terms.
    groups: FxHashMap<u32, BTreeMap<u64, u64>>,
}

impl<'a> Rarities<'a> {
    pub(super) fn new(
        judged: &[RecordBatch],
        flagged: &Flagged,
        first_round: &'a FirstRound,
    ) -> Result<Self, DataFusionError> {
        let mut groups: FxHashMap<u32, BTreeMap<u64, u64>> =
            flagged.iter().map(|(aggregator, _, _)| (aggregator, BTreeMap::new())).collect();
        let mut whole: BTreeMap<u64, u64> = BTreeMap::new();
        let is_first = first_round.counts.get().is_none();
        for batch in judged {
            let judgements = column::<StructArray>(batch, "judged")?;
            for (row, aggregator) in column::<UInt32Array>(batch, "aggregator")?.values().iter().enumerate() {
                let levels = Levels::read(judgements, row);
                if is_first {
                    levels.n_events().for_each(|(count, n)| *whole.entry(count).or_default() += n);
                }
                if let Some(own) = groups.get_mut(aggregator) {
                    own.extend(levels.n_events());
                }
            }
        }
        std::iter::once(&mut whole).chain(groups.values_mut()).for_each(accumulate);
        Ok(Rarities { whole: first_round.counts.get_or_init(|| whole), groups })
    }

    /// Surprise of an event whose term occurs `of` times in its aggregator: the share of the other
    /// events, in its aggregator and everywhere, whose terms occur as seldom.
    pub(super) fn surprise(&self, aggregator: u32, of: u64) -> f64 {
        let others = |events: &BTreeMap<u64, u64>| {
            let up_to = events.range(..=of).next_back().map_or(0, |(_, n)| *n);
            let all = events.values().next_back().copied().unwrap_or(0);
            Others { n_extreme: up_to.saturating_sub(of), n: all.saturating_sub(of) }
        };
        let own = self.groups.get(&aggregator);
        own.map_or(0.0, |own| bits(share_of_extremes(others(own), others(self.whole))))
    }
}

/// Turns numbers into sums of all numbers up to them.
fn accumulate(numbers: &mut BTreeMap<u64, u64>) {
    let mut sum = 0;
    for number in numbers.values_mut() {
        sum += *number;
        *number = sum;
    }
}
