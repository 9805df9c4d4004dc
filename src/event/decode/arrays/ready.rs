//! Batches that are ready to become cells.

use arrow::array::RecordBatch;
use arrow::error::ArrowError;

use super::bounds::may_be_too_large;
use super::lines::{IdentityTexts, Objects, json_lines, split_identity, with_texts};
use super::origins::{ArrayColumns, Origin};
use super::values::Values;
use crate::runtime::contained;

/// Rows that become text at once.
const ROWS_AS_LINES: usize = 256;

/// A batch that is ready to become cells.
pub(super) struct Ready {
    pub(super) identity: IdentityTexts,
    /// Per column, if it is read from a field.
    pub(super) values: Vec<Option<Values>>,
    /// The whole rows, if some column needs them.
    pub(super) objects: Option<Objects>,
    pub(super) n_rows: usize,
}

/// A batch before its rows are added.
pub(super) enum Batch {
    Ready(Box<Ready>),
    /// Lines that are checked one by one.
    Lines(Vec<Part>),
}

/// Lines of some rows.
pub(super) struct Part {
    pub(super) text: String,
    pub(super) n_rows: usize,
}

/// Prepares a batch, so that nothing can fail while its rows are added.
pub(super) fn ready(columns: &ArrayColumns, batch: &RecordBatch) -> Result<Batch, String> {
    let damaged = |panic: String| format!("the Parquet library fails on it: {panic}");
    contained(|| {
        if columns.only_lines || may_be_too_large(batch) {
            return lines_of(batch).map(Batch::Lines);
        }
        ready_arrays(columns, batch).map(|ready| Batch::Ready(Box::new(ready)))
    })
    .map_err(damaged)?
    .map_err(|error| error.to_string())
}

fn ready_arrays(columns: &ArrayColumns, batch: &RecordBatch) -> Result<Ready, ArrowError> {
    let batch = with_texts(batch)?;
    let specs = columns.origins.iter().zip(&columns.kinds);
    let values = specs.map(|(origin, kind)| match origin {
        Origin::Field { path, .. } => Values::new(&batch, path, *kind).map(Some),
        _ => Ok(None),
    });
    let values = values.collect::<Result<_, ArrowError>>()?;
    let (identity, fields) = if columns.has_identity { split_identity(&batch)? } else { ([None, None], batch.clone()) };
    let objects = columns.origins.contains(&Origin::Rows).then(|| Objects::new(&fields)).transpose()?;
    Ok(Ready { identity, values, objects, n_rows: batch.num_rows() })
}

fn lines_of(batch: &RecordBatch) -> Result<Vec<Part>, ArrowError> {
    let starts = (0..batch.num_rows()).step_by(ROWS_AS_LINES);
    let part = |start: usize| {
        let rows = batch.slice(start, ROWS_AS_LINES.min(batch.num_rows() - start));
        let text = String::from_utf8(json_lines(&rows)?).map_err(|error| ArrowError::JsonError(error.to_string()))?;
        Ok(Part { text, n_rows: rows.num_rows() })
    };
    starts.map(part).collect()
}
