//! Places of a view, by the ranks of their texts.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array, UInt64Array};
use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, col};
use futures::StreamExt;
use outlier_kernels::travel::Place;
use rustc_hash::FxHashMap;

use super::super::{Inputs, column, rows, stream_with_texts};
use crate::event::geo::parse_point;
use crate::table::View;

/// Places, each read once.
#[derive(Debug, Default)]
pub(super) struct Places {
    ranks: Vec<u32>,
    numbers: Vec<u64>,
}

impl Places {
    /// Reads the places of `view`.
    pub(super) async fn of(view: &View, inputs: &Inputs<'_>) -> Result<Self, DataFusionError> {
        let distinct = rows(view, inputs)?.aggregate(vec![col("target")], vec![])?;
        let mut places = Places::default();
        let mut batches = Box::pin(stream_with_texts(distinct, view, [("target", view.columns().target)]).await?);
        while let Some(batch) = batches.next().await {
            let batch = &batch?;
            let ranks = column::<UInt32Array>(batch, "target")?;
            let texts = batch.column_by_name("target_text").and_then(|texts| texts.as_string_view_opt());
            let texts = texts.ok_or_else(|| DataFusionError::Internal("places without texts".to_owned()))?;
            for (&rank, text) in ranks.values().iter().zip(texts) {
                if let Some(place) = text.and_then(parse_point) {
                    places.ranks.push(rank);
                    places.numbers.push(place.number());
                }
            }
        }
        Ok(places)
    }

    /// The places as a table with the columns `place_target` and `place`.
    pub(super) fn table(&self, inputs: &Inputs<'_>) -> Result<DataFrame, DataFusionError> {
        inputs.context.read_batch(RecordBatch::try_from_iter([
            ("place_target", Arc::new(UInt32Array::from(self.ranks.clone())) as ArrayRef),
            ("place", Arc::new(UInt64Array::from(self.numbers.clone()))),
        ])?)
    }

    /// Ranks of their texts.
    pub(super) fn ranks(&self) -> FxHashMap<Place, u32> {
        self.numbers.iter().map(|&number| Place::of_number(number)).zip(self.ranks.iter().copied()).collect()
    }
}
