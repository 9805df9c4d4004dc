//! Finds the rows of flagged texts.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::error::DataFusionError;
use rustc_hash::FxHashSet;

use super::one_of_each::OneOfEach;
use crate::config::Word2vec;
use crate::models::{Candidate, Evidence, Inputs, column, places, rows_of, with_flagged};
use crate::table::View;

/// Aggregator and target of each flagged text, and its index among the observations.
#[derive(Default)]
pub(super) struct FlaggedTexts {
    aggregators: Vec<u32>,
    targets: Vec<u32>,
    seen: Vec<u32>,
}

impl FlaggedTexts {
    pub(super) fn push(&mut self, aggregator: u32, target: u32, seen: u32) {
        self.aggregators.push(aggregator);
        self.targets.push(target);
        self.seen.push(seen);
    }

    /// Set of (aggregator, target).
    pub(super) fn to_set(&self) -> FxHashSet<(u32, u32)> {
        self.aggregators.iter().copied().zip(self.targets.iter().copied()).collect()
    }

    fn into_batch(self) -> Result<RecordBatch, DataFusionError> {
        let names = ["flagged_aggregator", "flagged_target", "seen"];
        let fields: Vec<Field> = names.map(|name| Field::new(name, DataType::UInt32, false)).into();
        let columns =
            [self.aggregators, self.targets, self.seen].map(|column| Arc::new(UInt32Array::from(column)) as ArrayRef);
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into())?)
    }
}

/// Rows of the flagged texts; one row per text if duplicates are dropped.
pub(super) async fn candidates(
    word2vec: &Word2vec,
    view: &View,
    flagged: FlaggedTexts,
    inputs: Inputs<'_>,
) -> Result<Vec<Candidate>, DataFusionError> {
    let mut candidates = Vec::new();
    if flagged.targets.is_empty() {
        return Ok(candidates);
    }
    let aggregators = flagged.aggregators.iter().copied().collect();
    let found = with_flagged(rows_of(view, aggregators, &inputs)?, flagged.into_batch()?, &inputs)?.collect().await?;
    let mut one_of_each = OneOfEach::default();
    for batch in &found {
        let targets = column::<UInt32Array>(batch, "target")?;
        let seen = column::<UInt32Array>(batch, "seen")?;
        let ties = if word2vec.drop_duplicates { Some(column::<UInt64Array>(batch, "tie")?) } else { None };
        for (row, (element, aggregator)) in places(batch)?.enumerate() {
            let evidence = Evidence::Text(seen.value(row));
            let candidate = Candidate { element, aggregator, target: targets.value(row), evidence };
            match ties {
                Some(ties) => one_of_each.offer(seen.value(row), (ties.value(row), element), candidate),
                None => candidates.push(candidate),
            }
        }
    }
    candidates.extend(one_of_each.into_iter().map(|(_, candidate)| candidate));
    Ok(candidates)
}
