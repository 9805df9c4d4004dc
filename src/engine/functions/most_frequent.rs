//! `most_frequent(value)`: the most frequent values of a group, as a sample.

use arrow::datatypes::{DataType, Float64Type};
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{AggregateUDF, Expr, GroupsAccumulator, Signature, Volatility};
use outlier_kernels::Runs;

use super::SAMPLE_SIZE;
use super::frontier::{Multisets, multiset_state_fields};
use super::group_function::GroupFunction;
use super::lists::{list_type, lists_of};

/// The [`SAMPLE_SIZE`] most frequent values, most frequent first; smaller values win ties.
pub fn most_frequent(value: Expr) -> Expr {
    function().call(vec![value])
}

/// The function of DataFusion.
pub(super) fn function() -> AggregateUDF {
    AggregateUDF::new_from_impl(GroupFunction {
        name: "most_frequent",
        signature: Signature::exact(vec![DataType::Float64], Volatility::Immutable),
        result: list_type(DataType::Float64),
        state_fields: multiset_state_fields,
        accumulator,
    })
}

fn accumulator(_args: &AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
    Ok(Box::new(Multisets::new(Box::new(|groups| {
        let samples: Vec<Vec<f64>> = groups.into_iter().map(|mut group| sample(group.finish())).collect();
        lists_of::<Float64Type>(&samples)
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
