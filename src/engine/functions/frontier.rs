//! `frontier(value, method, side, sensitivity)`: the decision frontier of a group's values, and
//! their scale.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, StructArray, UInt64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Float64Type, UInt64Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{AggregateUDF, EmitTo, Expr, GroupsAccumulator, Signature, Volatility};
use outlier_kernels::surprise::Scale;
use outlier_kernels::{Multiset, Runs};

use super::group_function::{GroupFunction, is_kept};
use super::lists::{items, list_type, lists};
use super::parameters::{frontier_of, read_trigger, trigger_literals};
use crate::config::Trigger;

/// Judges the values of a group; see [`Judged`] for the result.
pub fn frontier(value: Expr, trigger: &Trigger) -> Expr {
    let mut args = vec![value];
    args.extend(trigger_literals(trigger));
    function().call(args)
}

/// Column of results of [`frontier()`].
#[derive(Debug)]
pub struct Judged<'a>(&'a StructArray);

impl<'a> Judged<'a> {
    /// Reads a column computed by [`frontier()`].
    pub fn new(column: &'a StructArray) -> Self {
        Judged(column)
    }

    /// Decision frontier in row `row`; `None` if the method gives none.
    pub fn frontier(&self, row: usize) -> Option<f64> {
        let frontiers = self.0.column(0).as_primitive::<Float64Type>();
        frontiers.is_valid(row).then(|| frontiers.value(row))
    }

    /// Scale of the values in row `row`, and their number; `None` without values.
    pub fn scale(&self, row: usize) -> Option<(Scale, u64)> {
        let [centers, spreads] = [1, 2].map(|idx| self.0.column(idx).as_primitive::<Float64Type>());
        let n = self.0.column(3).as_primitive::<UInt64Type>();
        centers.is_valid(row).then(|| {
            let scale = Scale { center: centers.value(row), spread: spreads.value(row) };
            (scale, n.value(row))
        })
    }
}

/// The function of DataFusion.
pub(super) fn function() -> AggregateUDF {
    AggregateUDF::new_from_impl(GroupFunction {
        name: "frontier",
        signature: Signature::exact(
            vec![DataType::Float64, DataType::Utf8, DataType::Utf8, DataType::Float64],
            Volatility::Immutable,
        ),
        result: DataType::Struct(result_fields()),
        state_fields: multiset_state_fields,
        accumulator,
    })
}

fn accumulator(args: &AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
    let trigger = read_trigger(args, 1)?;
    Ok(Box::new(Multisets::new(Box::new(move |mut groups| {
        to_array(groups.iter_mut().map(|group| {
            let runs = group.finish();
            (frontier_of(&trigger, runs), Scale::of(runs), runs.n())
        }))
    }))))
}

fn result_fields() -> Fields {
    Fields::from(vec![
        Field::new("frontier", DataType::Float64, true),
        Field::new("center", DataType::Float64, true),
        Field::new("spread", DataType::Float64, true),
        Field::new("n", DataType::UInt64, false),
    ])
}

fn to_array(judged: impl Iterator<Item = (Option<f64>, Option<Scale>, u64)>) -> ArrayRef {
    let (mut frontiers, mut scales, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for (frontier, scale, n) in judged {
        frontiers.push(frontier);
        scales.push(scale);
        counts.push(n);
    }
    let numbers = |number: fn(&Scale) -> f64| -> ArrayRef {
        Arc::new(scales.iter().map(|scale| scale.as_ref().map(number)).collect::<Float64Array>())
    };
    let columns = vec![
        Arc::new(Float64Array::from(frontiers)) as ArrayRef,
        numbers(|scale| scale.center),
        numbers(|scale| scale.spread),
        Arc::new(UInt64Array::from(counts)),
    ];
    Arc::new(StructArray::new(result_fields(), columns, None))
}

type FinishMultisets = Box<dyn Fn(Vec<Multiset>) -> ArrayRef + Send>;

/// One multiset of values per group. The state of a group is its distinct values and their counts.
pub(super) struct Multisets {
    groups: Vec<Multiset>,
    /// Bytes of all multisets.
    bytes: usize,
    finish: FinishMultisets,
}

impl Multisets {
    pub(super) fn new(finish: FinishMultisets) -> Self {
        Multisets { groups: Vec::new(), bytes: 0, finish }
    }

    fn grow(&mut self, n_groups: usize) {
        self.bytes += (n_groups - self.groups.len()) * size_of::<Multiset>();
        self.groups.resize_with(n_groups, Multiset::new);
    }

    fn change(&mut self, group_idx: usize, change: impl FnOnce(&mut Multiset)) {
        let group = &mut self.groups[group_idx];
        let before = group.size_bytes();
        change(group);
        self.bytes = self.bytes + group.size_bytes() - before;
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<Multiset> {
        let groups = emit_to.take_needed(&mut self.groups);
        self.bytes -= groups.iter().map(Multiset::size_bytes).sum::<usize>();
        groups
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
        self.grow(total_num_groups);
        let values = values[0].as_primitive::<Float64Type>();
        let mut rows = 0..;
        for run in group_indices.chunk_by(|a, b| a == b) {
            let counted = rows.by_ref().take(run.len()).filter(|&row| values.is_valid(row) && is_kept(opt_filter, row));
            self.change(run[0], |group| counted.for_each(|row| group.push(values.value(row))));
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.grow(total_num_groups);
        let (values, counts) = (states[0].as_list::<i32>(), states[1].as_list::<i32>());
        for (row, &group_idx) in group_indices.iter().enumerate() {
            if values.is_valid(row) {
                let runs = Runs::new(items::<Float64Type>(values, row), items::<UInt64Type>(counts, row))
                    .ok_or_else(|| DataFusionError::Internal("unsorted state of a multiset".to_owned()))?;
                self.change(group_idx, |group| group.extend_from_runs(runs));
            }
        }
        Ok(())
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (mut lengths, mut values, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        // each group is freed once it is copied
        for (group_values, group_counts) in self.take(emit_to).into_iter().map(Multiset::into_parts) {
            lengths.push(group_values.len());
            values.extend(group_values);
            counts.extend(group_counts);
        }
        let (values, counts) = (Float64Array::from(values), UInt64Array::from(counts));
        Ok(vec![lists(lengths.iter().copied(), Arc::new(values)), lists(lengths, Arc::new(counts))])
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = self.take(emit_to);
        Ok((self.finish)(groups))
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = values[0].as_primitive::<Float64Type>();
        let is_counted = |row: usize| values.is_valid(row) && is_kept(opt_filter, row);
        let lengths = || (0..values.len()).map(|row| usize::from(is_counted(row)));
        let counted = (0..values.len()).filter(|&row| is_counted(row)).map(|row| values.value(row) + 0.0);
        let counted = Float64Array::from_iter_values(counted);
        let counts = UInt64Array::from_value(1, counted.len());
        Ok(vec![lists(lengths(), Arc::new(counted)), lists(lengths(), Arc::new(counts))])
    }

    fn size(&self) -> usize {
        self.bytes + (self.groups.capacity() - self.groups.len()) * size_of::<Multiset>()
    }
}

/// State columns of [`Multisets`].
pub(super) fn multiset_state_fields(name: &str) -> Vec<FieldRef> {
    vec![
        Arc::new(Field::new(format!("{name}[values]"), list_type(DataType::Float64), true)),
        Arc::new(Field::new(format!("{name}[counts]"), list_type(DataType::UInt64), true)),
    ]
}
