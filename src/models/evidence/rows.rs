//! Rows that are to be explained.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use datafusion::common::JoinType;
use datafusion::error::DataFusionError;
use datafusion::prelude::DataFrame;

use super::super::Inputs;
use super::Asked;

/// Those of `rows` that are asked for, by their column `element`, with some of their columns.
pub(in crate::models) async fn asked_rows(
    rows: DataFrame,
    asked: &Asked,
    columns: &[&str],
    inputs: &Inputs<'_>,
) -> Result<Vec<RecordBatch>, DataFusionError> {
    let mut elements: Vec<u64> = asked.elements.iter().copied().collect();
    elements.sort_unstable();
    let elements = Arc::new(UInt64Array::from(elements)) as ArrayRef;
    let elements = inputs.context.read_batch(RecordBatch::try_from_iter([("asked_element", elements)])?)?;
    rows.join(elements, JoinType::Inner, &["element"], &["asked_element"], None)?
        .select_columns(columns)?
        .collect()
        .await
}
