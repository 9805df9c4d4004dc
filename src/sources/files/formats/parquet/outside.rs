//! Row groups outside of all windows, as their statistics say.

use arrow::datatypes::{DataType, FieldRef, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

use super::file::ParquetFile;
use crate::event::decode::{ArrayColumns, Leaf, Projection, Unread};
use crate::query::TimeWindow;
use crate::sources::OutsideWindows;

/// Recognises row groups that no use case looks at, and says what is read of them all the same.
#[derive(Debug)]
pub(super) struct Outside {
    /// Leaves that are needed.
    pub(super) mask: ProjectionMask,
    windows: Vec<TimeWindow>,
    time: usize,
    time_leaf: usize,
    /// Microseconds per unit of the times, or units per microsecond.
    scale: (i64, i64),
    /// Columns that are not read, and their leaves.
    others: Vec<(usize, usize)>,
}

impl Outside {
    /// `None` if the statistics of `file` do not tell when its events were.
    pub(super) fn new(
        file: &ParquetFile,
        projection: &Projection,
        columns: &ArrayColumns,
        outside: &OutsideWindows,
    ) -> Option<Self> {
        let OutsideWindows { time, ref windows, ref needed } = *outside;
        let Leaf::One(time_leaf) = columns.leaf(time) else { return None };
        if !projection.specs()[time].formats.is_empty() {
            return None;
        }
        let scale = scale(file, time_leaf)?;
        let mut others = Vec::new();
        for column_idx in (0..projection.specs().len()).filter(|idx| *idx != time && !needed.contains(idx)) {
            match columns.leaf(column_idx) {
                Leaf::None => {}
                Leaf::One(leaf) => others.push((column_idx, leaf)),
                Leaf::Unclear => return None,
            }
        }
        let needed = Projection::new(needed.iter().map(|&idx| projection.specs()[idx].clone()).collect());
        let leaves: Vec<usize> = needed.array_columns(file.schema()).leaves().collect();
        let mask = file.mask(Some(&leaves));
        Some(Outside { mask, windows: windows.clone(), time, time_leaf, scale, others })
    }

    /// Returns what stands for the columns that are not read; `None` for row groups that may hold
    /// events within a window.
    pub(super) fn unread(&self, row_group: &RowGroupMetaData) -> Option<Unread> {
        let times = row_group.column(self.time_leaf).statistics()?;
        let Statistics::Int64(range) = times else { return None };
        if times.null_count_opt() != Some(0) {
            return None;
        }
        let micros = |time: i64| {
            let (factor, divisor) = self.scale;
            time.checked_mul(factor).map(|time| time.div_euclid(divisor)).filter(|micros| KNOWN.contains(micros))
        };
        let (first, last) = (micros(*range.min_opt()?)?, micros(*range.max_opt()?)?);
        if self.windows.iter().any(|window| first <= window.to && window.from <= last) {
            return None;
        }
        let mut filled = Vec::new();
        for &(column_idx, leaf) in &self.others {
            let column = row_group.column(leaf);
            let n_nulls = column.statistics()?.null_count_opt()?;
            filled.extend((n_nulls < column.num_values().max(0) as u64).then_some(column_idx));
        }
        Some(Unread { time: self.time, micros: first, filled })
    }
}

/// Times that mean the same as numbers and as text: from 1980 to the year 9999.
const KNOWN: std::ops::Range<i64> = 315_532_800_000_000..253_402_300_800_000_000;

fn scale(file: &ParquetFile, leaf: usize) -> Option<(i64, i64)> {
    let mut left = leaf;
    match leaf_type(file.schema().fields(), &mut left)? {
        DataType::Timestamp(TimeUnit::Second, _) => Some((1_000_000, 1)),
        DataType::Timestamp(TimeUnit::Millisecond, _) => Some((1_000, 1)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => Some((1, 1)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Some((1, 1_000)),
        _ => None,
    }
}

/// Type of the leaf with the number `left` among those of some fields.
fn leaf_type<'a>(fields: &'a [FieldRef], left: &mut usize) -> Option<&'a DataType> {
    for field in fields {
        let found = match field.data_type() {
            DataType::Struct(fields) => leaf_type(fields, left),
            DataType::List(element)
            | DataType::LargeList(element)
            | DataType::FixedSizeList(element, _)
            | DataType::Map(element, _) => leaf_type(std::slice::from_ref(element), left),
            leaf if *left == 0 => Some(leaf),
            _ => {
                *left -= 1;
                None
            }
        };
        if found.is_some() {
            return found;
        }
    }
    None
}
