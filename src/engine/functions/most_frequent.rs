//! `most_frequent(value)`: the most frequent values of a group, as a sample.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Expr, GroupsAccumulator, Signature, Volatility};
use outlier_kernels::Runs;

use super::SAMPLE_SIZE;
use super::collect::list_of;
use super::frontier::{Multisets, multiset_state_fields};
use super::group_function::GroupFunction;

/// The [`SAMPLE_SIZE`] most frequent values, most frequent first; smaller values win ties.
pub fn most_frequent(value: Expr) -> Result<Expr> {
    Ok(super::by_name("most_frequent")?.call(vec![value]))
}

/// The function of DataFusion.
pub(super) fn function() -> GroupFunction {
    GroupFunction {
        name: "most_frequent",
        signature: Signature::exact(vec![DataType::Float64], Volatility::Immutable),
        result: DataType::List(Arc::new(Field::new_list_field(DataType::Float64, false))),
        state_fields: multiset_state_fields,
        accumulator,
    }
}

fn accumulator(_args: &AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
    Ok(Box::new(Multisets::new(Box::new(|groups| {
        let samples: Vec<Vec<f64>> = groups.into_iter().map(|mut group| sample(group.finish())).collect();
        let values: Float64Array = samples.iter().flatten().copied().collect::<Vec<f64>>().into();
        Ok(list_of(&samples, Arc::new(values) as ArrayRef))
    }))))
}

fn sample(runs: Runs<'_>) -> Vec<f64> {
    let mut best: Vec<(f64, u64)> = Vec::with_capacity(SAMPLE_SIZE + 1);
    for (value, count) in runs.iter() {
        let place = best.partition_point(|&(_, other)| other >= count);
        if place < SAMPLE_SIZE {
            best.insert(place, (value, count));
            best.truncate(SAMPLE_SIZE);
        }
    }
    best.into_iter().map(|(value, _)| value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_come_first_and_smaller_ones_win_ties() {
        let check = |values: &[f64], counts: &[u64], expected: &[f64]| {
            assert_eq!(sample(Runs::new(values, counts).unwrap()), expected);
        };
        check(&[1.0, 2.0, 3.0, 4.0], &[1, 5, 5, 2], &[2.0, 3.0, 4.0]);
        check(&[1.0, 2.0, 3.0, 4.0], &[1, 1, 1, 1], &[1.0, 2.0, 3.0]);
        check(&[7.0], &[9], &[7.0]);
        check(&[], &[], &[]);
    }
}
