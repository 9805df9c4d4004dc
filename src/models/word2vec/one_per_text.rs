//! Selects one of many equal rows, whatever their order.

use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::first_value;
use datafusion::prelude::{DataFrame, col};

/// Keeps `columns` of one row per aggregator and target: the row with the smallest tie-break, which
/// is a hash of the document's identity. Rows of one document, and documents whose hashes happen to
/// be equal, are ordered by their element.
pub(super) fn one_per_text(rows: DataFrame, columns: &[&str]) -> Result<DataFrame, DataFusionError> {
    let order = [col("tie"), col("element")].map(|column| column.sort(true, false));
    let first = columns.iter().map(|&name| first_value(col(name), order.to_vec()).alias(name));
    rows.aggregate(vec![col("aggregator"), col("target")], first.collect())
}
