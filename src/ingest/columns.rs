//! Columns of a batch by what they are for.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;

use crate::event::time::yearless;
use crate::plan::{ScanPlan, time_column_name};

/// Returns the times of a batch. Those without a year get one if it is known up to when they have
/// happened.
pub(super) fn times(plan: &ScanPlan, time_idx: usize, columns: &RecordBatch) -> anyhow::Result<Int64Array> {
    let name = time_column_name(&plan.layout.times[time_idx]);
    let times = column(columns, &name)?.as_primitive::<TimestampMicrosecondType>();
    let times = Int64Array::new(times.values().clone(), times.nulls().cloned());
    Ok(match plan.newest {
        Some(newest) if times.values().iter().any(|time| yearless::is(*time)) => {
            times.unary(|time| yearless::resolve(time, newest))
        }
        _ => times,
    })
}

pub(super) fn column<'a>(columns: &'a RecordBatch, name: &str) -> anyhow::Result<&'a ArrayRef> {
    columns.column_by_name(name).ok_or_else(|| anyhow::anyhow!("column {name} was not decoded"))
}
