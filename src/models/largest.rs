//! Groups of a view by their sizes.

use std::cmp::Reverse;

use arrow::array::{Int64Array, UInt32Array, UInt64Array};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::{count, min};
use datafusion::prelude::{col, lit};
use futures::StreamExt;

use super::{EvaluationError, Inputs, column, rows};
use crate::table::View;

/// Groups with the most rows.
#[derive(Debug, Default)]
pub struct LargestGroups {
    /// Number of all groups; 0 if the model has none.
    pub n_groups: u64,
    /// The largest groups, the largest one first.
    pub largest: Vec<GroupSize>,
}

/// Size of a group.
#[derive(Debug, Clone, Copy)]
pub struct GroupSize {
    /// Number of its rows.
    pub n_rows: u64,
    /// One of its rows.
    pub element: u64,
}

/// Counts the groups of `view`, and finds the `most` largest ones; of equal ones, those with the
/// least ranks.
///
/// # Errors
/// A plan that failed.
pub async fn largest_groups(view: &View, inputs: Inputs<'_>, most: usize) -> Result<LargestGroups, EvaluationError> {
    if view.columns().aggregator.is_none() {
        return Ok(LargestGroups::default());
    }
    counted(view, inputs, most).await.map_err(|error| EvaluationError::new(&error, inputs.context))
}

async fn counted(view: &View, inputs: Inputs<'_>, most: usize) -> Result<LargestGroups, DataFusionError> {
    let numbers = vec![count(lit(1)).alias("n"), min(col("element")).alias("element")];
    let mut groups = rows(view, &inputs)?.aggregate(vec![col("aggregator")], numbers)?.execute_stream().await?;
    let mut n_groups = 0;
    let mut largest: Vec<(Reverse<u64>, u32, u64)> = Vec::new();
    while let Some(batch) = groups.next().await {
        let batch = batch?;
        let aggregators = column::<UInt32Array>(&batch, "aggregator")?.values().iter();
        let numbers = column::<Int64Array>(&batch, "n")?.values().iter();
        let elements = column::<UInt64Array>(&batch, "element")?.values().iter();
        let sizes = aggregators.zip(numbers).zip(elements);
        largest.extend(sizes.map(|((&aggregator, &n), &element)| (Reverse(n.cast_unsigned()), aggregator, element)));
        n_groups += batch.num_rows() as u64;
        largest.sort_unstable();
        largest.truncate(most);
    }
    let size = |(Reverse(n_rows), _, element)| GroupSize { n_rows, element };
    Ok(LargestGroups { n_groups, largest: largest.into_iter().map(size).collect() })
}
