//! Group accumulator that collects small records per group and judges the records of each group
//! together.

use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt64Array};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type, UInt32Type, UInt64Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::group_function::is_kept;
use super::lists::{items, list_type, lists};

/// One record: the first `N` arguments as 64-bit lanes.
pub(super) type Record<const N: usize> = [u64; N];

/// Turns the records of each group into one result per group.
pub(super) type Finish<const N: usize> = Box<dyn Fn(Vec<Vec<Record<N>>>) -> ArrayRef + Send>;

/// Records per group. The state of a group is a single list of their lanes.
pub(super) struct Collect<const N: usize> {
    groups: Vec<Vec<Record<N>>>,
    record_bytes: usize,
    finish: Finish<N>,
}

impl<const N: usize> Collect<N> {
    pub(super) fn new(finish: Finish<N>) -> Self {
        Collect { groups: Vec::new(), record_bytes: 0, finish }
    }

    fn push(&mut self, group_idx: usize, record: Record<N>) {
        let group = &mut self.groups[group_idx];
        let before = group.capacity();
        group.push(record);
        self.record_bytes += (group.capacity() - before) * size_of::<Record<N>>();
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<Vec<Record<N>>> {
        let groups = emit_to.take_needed(&mut self.groups);
        let taken: usize = groups.iter().map(|group| group.capacity() * size_of::<Record<N>>()).sum();
        self.record_bytes = self.record_bytes.saturating_sub(taken);
        groups
    }
}

impl<const N: usize> GroupsAccumulator for Collect<N> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups.resize_with(total_num_groups, Vec::new);
        let lanes = lanes::<N>(values)?;
        for (row, &group_idx) in group_indices.iter().enumerate() {
            if is_kept(opt_filter, row) {
                self.push(group_idx, std::array::from_fn(|lane| lanes[lane][row]));
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.groups.resize_with(total_num_groups, Vec::new);
        let states = values[0].as_list::<i32>();
        for (row, &group_idx) in group_indices.iter().enumerate() {
            if states.is_valid(row) {
                for &record in items::<UInt64Type>(states, row).as_chunks::<N>().0 {
                    self.push(group_idx, record);
                }
            }
        }
        Ok(())
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = self.take(emit_to);
        let lengths: Vec<usize> = groups.iter().map(|group| group.len() * N).collect();
        // each group is freed once it is copied
        let lanes = UInt64Array::from_iter_values(groups.into_iter().flatten().flatten());
        Ok(vec![lists(lengths, Arc::new(lanes))])
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = self.take(emit_to);
        Ok((self.finish)(groups))
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let lanes = lanes::<N>(values)?;
        let n_rows = values[0].len();
        let lengths = (0..n_rows).map(|row| if is_kept(opt_filter, row) { N } else { 0 });
        let kept = (0..n_rows).filter(|&row| is_kept(opt_filter, row));
        let flat = UInt64Array::from_iter_values(kept.flat_map(|row| lanes.iter().map(move |lane| lane[row])));
        Ok(vec![lists(lengths, Arc::new(flat))])
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.groups.capacity() * size_of::<Vec<Record<N>>>() + self.record_bytes
    }
}

/// State column of [`Collect`].
pub(super) fn state_field(name: &str) -> FieldRef {
    Arc::new(Field::new(format!("{name}[records]"), list_type(DataType::UInt64), true))
}

fn lanes<const N: usize>(values: &[ArrayRef]) -> Result<Vec<ScalarBuffer<u64>>> {
    values.iter().take(N).map(lane).collect()
}

fn lane(array: &ArrayRef) -> Result<ScalarBuffer<u64>> {
    if array.null_count() > 0 {
        return Err(DataFusionError::Internal("null in a collected column".to_owned()));
    }
    match array.data_type() {
        DataType::UInt64 => Ok(array.as_primitive::<UInt64Type>().values().clone()),
        DataType::UInt32 => {
            Ok(array.as_primitive::<UInt32Type>().values().iter().map(|&value| u64::from(value)).collect())
        }
        DataType::Int64 => Ok(array.as_primitive::<Int64Type>().values().iter().map(|&value| value as u64).collect()),
        DataType::Float64 => {
            Ok(array.as_primitive::<Float64Type>().values().iter().map(|value| value.to_bits()).collect())
        }
        other => Err(DataFusionError::Internal(format!("cannot collect a column of type {other}"))),
    }
}
