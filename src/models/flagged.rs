//! Flagged targets, and the candidates in their rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array, UInt64Array};
use datafusion::common::JoinType;
use datafusion::error::DataFusionError;
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use rustc_hash::FxHashSet;

use super::{Candidate, Candidates, Inputs, column, places, rows_of};
use crate::table::View;

/// Flagged targets of aggregators, each with the number that its evidence holds.
#[derive(Default)]
pub(super) struct Flagged {
    aggregators: Vec<u32>,
    targets: Vec<u32>,
    numbers: Vec<u64>,
}

impl Flagged {
    pub(super) fn push(&mut self, aggregator: u32, target: u32, number: u64) {
        self.aggregators.push(aggregator);
        self.targets.push(target);
        self.numbers.push(number);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Aggregators, targets and numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32, u64)> {
        let pairs = self.aggregators.iter().copied().zip(self.targets.iter().copied());
        pairs.zip(self.numbers.iter().copied()).map(|((aggregator, target), number)| (aggregator, target, number))
    }

    /// Keeps some, by aggregator, target and number.
    pub(super) fn retain(&mut self, is_kept: impl Fn(u32, u32, u64) -> bool) {
        let all = std::mem::take(self);
        let kept = all.iter().filter(|&(aggregator, target, number)| is_kept(aggregator, target, number));
        kept.for_each(|(aggregator, target, number)| self.push(aggregator, target, number));
    }

    /// Set of (aggregator, target).
    pub(super) fn to_set(&self) -> FxHashSet<(u32, u32)> {
        self.aggregators.iter().copied().zip(self.targets.iter().copied()).collect()
    }

    /// Rows of the flagged targets in `view`, with their numbers in the column `number`.
    pub(super) fn rows(self, view: &View, inputs: &Inputs<'_>) -> Result<DataFrame, DataFusionError> {
        let rows = rows_of(view, self.aggregators.iter().copied().collect(), inputs)?;
        let flagged = RecordBatch::try_from_iter([
            ("flagged_aggregator", Arc::new(UInt32Array::from(self.aggregators)) as ArrayRef),
            ("flagged_target", Arc::new(UInt32Array::from(self.targets))),
            ("number", Arc::new(UInt64Array::from(self.numbers))),
        ])?;
        let flagged_columns = ["flagged_aggregator", "flagged_target"];
        let flagged = inputs.context.read_batch(flagged)?;
        rows.join(flagged, JoinType::Inner, &["aggregator", "target"], &flagged_columns, None)
    }
}

/// Candidates in the rows of flagged targets, with their numbers as evidence.
pub(super) async fn candidates(rows: DataFrame, inputs: &Inputs<'_>) -> Result<Candidates, DataFusionError> {
    let mut candidates = Candidates::new(inputs);
    let rows = rows.select_columns(&["element", "aggregator", "target", "number"])?;
    let mut batches = rows.execute_stream().await?;
    while let Some(batch) = batches.next().await {
        let batch = &batch?;
        let targets = column::<UInt32Array>(batch, "target")?;
        let numbers = column::<UInt64Array>(batch, "number")?;
        for (row, (element, aggregator)) in places(batch)?.enumerate() {
            let (target, evidence) = (targets.value(row), numbers.value(row));
            candidates.push(Candidate { element, aggregator, target, evidence })?;
        }
    }
    Ok(candidates)
}
