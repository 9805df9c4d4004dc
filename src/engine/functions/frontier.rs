//! `frontier(value, method, side, sensitivity)`: the decision frontier of a group's values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Float64Builder, ListArray, UInt64Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, UInt64Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{EmitTo, Expr, GroupsAccumulator, Signature, Volatility};
use outlier_kernels::{Multiset, Runs};

use super::group_function::GroupFunction;
use super::parameters::FrontierParameters;
use crate::config::Trigger;

/// Decision frontier of `value` for `trigger`; null if the method gives none.
pub fn frontier(value: Expr, trigger: &Trigger) -> Result<Expr> {
    let mut args = vec![value];
    args.extend(FrontierParameters::literals(trigger));
    Ok(super::by_name("frontier")?.call(args))
}

/// The function of DataFusion.
pub(super) fn function() -> GroupFunction {
    GroupFunction {
        name: "frontier",
        signature: Signature::exact(
            vec![DataType::Float64, DataType::Utf8, DataType::Utf8, DataType::Float64],
            Volatility::Immutable,
        ),
        result: DataType::Float64,
        state_fields: multiset_state_fields,
        accumulator,
    }
}

fn accumulator(args: &AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
    let parameters = FrontierParameters::read(args, 1)?;
    Ok(Box::new(Multisets::new(Box::new(move |groups| {
        let mut frontiers = Float64Builder::with_capacity(groups.len());
        for mut group in groups {
            let runs = group.finish();
            frontiers.append_option(outlier_kernels::frontier(
                parameters.method,
                parameters.side,
                parameters.sensitivity,
                runs,
            ));
        }
        Ok(Arc::new(frontiers.finish()) as ArrayRef)
    }))))
}

type FinishMultisets = Box<dyn Fn(Vec<Multiset>) -> Result<ArrayRef> + Send>;

/// One multiset of values per group. The state of a group is its distinct values and their counts.
pub(super) struct Multisets {
    groups: Vec<Multiset>,
    finish: FinishMultisets,
}

impl Multisets {
    pub(super) fn new(finish: FinishMultisets) -> Self {
        Multisets { groups: Vec::new(), finish }
    }
}

impl GroupsAccumulator for Multisets {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups.resize_with(total_num_groups, Multiset::new);
        let values = values[0].as_primitive::<Float64Type>();
        for (row, &group_idx) in group_indices.iter().enumerate() {
            if values.is_valid(row) && opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row)) {
                self.groups[group_idx].push(values.value(row));
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.groups.resize_with(total_num_groups, Multiset::new);
        let (values, counts) = (states[0].as_list::<i32>(), states[1].as_list::<i32>());
        let all_values = values.values().as_primitive::<Float64Type>().values();
        let all_counts = counts.values().as_primitive::<UInt64Type>().values();
        for (row, &group_idx) in group_indices.iter().enumerate() {
            if values.is_valid(row) {
                let range =
                    |list: &ListArray| list.value_offsets()[row] as usize..list.value_offsets()[row + 1] as usize;
                let runs = Runs::new(&all_values[range(values)], &all_counts[range(counts)])
                    .ok_or_else(|| DataFusionError::Internal("unsorted state of a multiset".to_owned()))?;
                self.groups[group_idx].extend_from_runs(runs);
            }
        }
        Ok(())
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = emit_to.take_needed(&mut self.groups);
        let mut lengths = Vec::with_capacity(groups.len());
        let (mut values, mut counts) = (Vec::new(), Vec::new());
        for group in groups {
            let (group_values, group_counts) = group.into_parts();
            lengths.push(group_values.len());
            values.extend(group_values);
            counts.extend(group_counts);
        }
        Ok(state_arrays(&OffsetBuffer::from_lengths(lengths), values, counts))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = emit_to.take_needed(&mut self.groups);
        (self.finish)(groups)
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = values[0].as_primitive::<Float64Type>();
        let kept = |row: usize| {
            values.is_valid(row) && opt_filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
        };
        let offsets = OffsetBuffer::from_lengths((0..values.len()).map(|row| usize::from(kept(row))));
        let kept_values: Vec<f64> =
            (0..values.len()).filter(|&row| kept(row)).map(|row| values.value(row) + 0.0).collect();
        let counts = vec![1; kept_values.len()];
        Ok(state_arrays(&offsets, kept_values, counts))
    }

    fn size(&self) -> usize {
        self.groups.iter().map(Multiset::size_bytes).sum::<usize>()
            + (self.groups.capacity() - self.groups.len()) * size_of::<Multiset>()
    }
}

/// State columns of [`Multisets`].
pub(super) fn multiset_state_fields(name: &str) -> Vec<FieldRef> {
    let list = |data_type| DataType::List(Arc::new(Field::new_list_field(data_type, false)));
    vec![
        Arc::new(Field::new(format!("{name}[values]"), list(DataType::Float64), true)),
        Arc::new(Field::new(format!("{name}[counts]"), list(DataType::UInt64), true)),
    ]
}

fn state_arrays(offsets: &OffsetBuffer<i32>, values: Vec<f64>, counts: Vec<u64>) -> Vec<ArrayRef> {
    let list = |values: ArrayRef| {
        let field = Arc::new(Field::new_list_field(values.data_type().clone(), false));
        Arc::new(ListArray::new(field, offsets.clone(), values, None)) as ArrayRef
    };
    vec![list(Arc::new(Float64Array::from(values))), list(Arc::new(UInt64Array::from(counts)))]
}
