//! `rhythm(time, min_events, min_period, max_period)`, with the size of events as a second
//! argument: the rhythm of the events of a group.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, NullBufferBuilder, StructArray, UInt32Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Fields, Float64Type, Int64Type, UInt32Type, UInt64Type};
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{AggregateUDF, Expr, GroupsAccumulator, Signature, TypeSignature, Volatility, lit};
use outlier_kernels::beacon::{Rhythm, RhythmLimits, Sizes, judge, sizes};

use super::collect::{Collect, state_field};
use super::group_function::GroupFunction;
use super::parameters::number;

/// Number of parameters.
const N_LIMITS: usize = 3;

/// Rhythm of the events of a group at `time`, of the sizes `size` if there are any; null if the
/// group has too few events.
pub fn rhythm(time: Expr, size: Option<Expr>, limits: &RhythmLimits) -> Expr {
    let mut args = vec![time];
    args.extend(size);
    args.push(lit(i64::try_from(limits.min_events).unwrap_or(i64::MAX)));
    args.extend([limits.min_period, limits.max_period].map(lit));
    function().call(args)
}

/// Reads the rhythm in row `row` of a column computed by [`rhythm`]; `None` if the group was not
/// judged.
pub fn rhythm_of(column: &StructArray, row: usize) -> Option<(Rhythm, Option<Sizes>)> {
    if column.is_null(row) {
        return None;
    }
    let float = |idx: usize| column.column(idx).as_primitive::<Float64Type>().value(row);
    let time = |idx: usize| column.column(idx).as_primitive::<Int64Type>().value(row);
    let count = |idx: usize| column.column(idx).as_primitive::<UInt64Type>().value(row);
    let rhythm = Rhythm {
        ln_p: float(0),
        period: time(1),
        jitter: float(2),
        n_events: count(3),
        n_beats: count(4),
        n_missed: count(5),
        hours: column.column(6).as_primitive::<UInt32Type>().value(row),
        first: time(7),
        last: time(8),
    };
    let has_sizes = column.column(9).is_valid(row);
    Some((rhythm, has_sizes.then(|| Sizes { median: float(9), spread: float(10) })))
}

/// The function of DataFusion.
pub(super) fn function() -> AggregateUDF {
    let limits = [const { DataType::Int64 }; N_LIMITS];
    let with = |columns: &[DataType]| TypeSignature::Exact([columns, &limits].concat());
    let signatures = vec![with(&[DataType::Int64]), with(&[DataType::Int64, DataType::Float64])];
    AggregateUDF::new_from_impl(GroupFunction {
        name: "rhythm",
        signature: Signature::one_of(signatures, Volatility::Immutable),
        result: DataType::Struct(result_fields()),
        state_fields: |name| vec![state_field(name)],
        accumulator,
    })
}

fn accumulator(args: &AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
    let n_columns = args.exprs.len().saturating_sub(N_LIMITS);
    let limits = RhythmLimits {
        min_events: u64::try_from(number::<i64>(args, n_columns)?).unwrap_or(0),
        min_period: number(args, n_columns + 1)?,
        max_period: number(args, n_columns + 2)?,
    };
    if n_columns == 1 {
        return Ok(Box::new(Collect::<1>::new(Box::new(move |groups| {
            to_array(groups.into_iter().map(|group| (of_times(group.into_iter().map(|[time]| time), &limits), None)))
        }))));
    }
    Ok(Box::new(Collect::<2>::new(Box::new(move |groups| {
        to_array(groups.into_iter().map(|group| {
            let known = group.iter().map(|&[_, size]| f64::from_bits(size)).filter(|size| !size.is_nan()).collect();
            let rhythm = of_times(group.into_iter().map(|[time, _]| time), &limits);
            (rhythm, rhythm.and_then(|_| sizes(known)))
        }))
    }))))
}

/// Rhythm of a group. Sorting the times makes it independent of their order.
fn of_times(times: impl Iterator<Item = u64>, limits: &RhythmLimits) -> Option<Rhythm> {
    let mut times: Vec<i64> = times.map(|time| time as i64).collect();
    times.sort_unstable();
    judge(&times, limits)
}

fn result_fields() -> Fields {
    let field = |name: &str, data_type: DataType| Field::new(name, data_type, true);
    Fields::from(vec![
        field("ln_p", DataType::Float64),
        field("period", DataType::Int64),
        field("jitter", DataType::Float64),
        field("n_events", DataType::UInt64),
        field("n_beats", DataType::UInt64),
        field("n_missed", DataType::UInt64),
        field("hours", DataType::UInt32),
        field("first", DataType::Int64),
        field("last", DataType::Int64),
        field("size", DataType::Float64),
        field("size_spread", DataType::Float64),
    ])
}

fn to_array(judged: impl Iterator<Item = (Option<Rhythm>, Option<Sizes>)>) -> ArrayRef {
    let mut valid = NullBufferBuilder::new(0);
    let (mut rhythms, mut all_sizes) = (Vec::new(), Vec::new());
    for (rhythm, sizes) in judged {
        valid.append(rhythm.is_some());
        rhythms.push(rhythm.unwrap_or_default());
        all_sizes.push(sizes);
    }
    let float = |value: fn(&Rhythm) -> f64| Arc::new(Float64Array::from_iter_values(rhythms.iter().map(value)));
    let time = |value: fn(&Rhythm) -> i64| Arc::new(Int64Array::from_iter_values(rhythms.iter().map(value)));
    let count = |value: fn(&Rhythm) -> u64| Arc::new(UInt64Array::from_iter_values(rhythms.iter().map(value)));
    let size = |value: fn(&Sizes) -> f64| {
        Arc::new(all_sizes.iter().map(|sizes| sizes.as_ref().map(value)).collect::<Float64Array>())
    };
    let columns: Vec<ArrayRef> = vec![
        float(|rhythm| rhythm.ln_p),
        time(|rhythm| rhythm.period),
        float(|rhythm| rhythm.jitter),
        count(|rhythm| rhythm.n_events),
        count(|rhythm| rhythm.n_beats),
        count(|rhythm| rhythm.n_missed),
        Arc::new(UInt32Array::from_iter_values(rhythms.iter().map(|rhythm| rhythm.hours))),
        time(|rhythm| rhythm.first),
        time(|rhythm| rhythm.last),
        size(|sizes| sizes.median),
        size(|sizes| sizes.spread),
    ];
    Arc::new(StructArray::new(result_fields(), columns, valid.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rhythms_are_read_back() {
        let rhythm = Rhythm { ln_p: -30.5, period: 60, jitter: 0.25, hours: 7, n_events: 9, ..Rhythm::default() };
        let sizes = Sizes { median: 100.0, spread: 0.5 };
        let groups = [(Some(rhythm), Some(sizes)), (None, None), (Some(Rhythm::default()), None)];
        let column = to_array(groups.into_iter());
        let read = |row: usize| rhythm_of(column.as_struct(), row);
        assert_eq!(read(0), Some((rhythm, Some(sizes))));
        assert_eq!(read(1), None);
        assert_eq!(read(2), Some((Rhythm::default(), None)));
    }

    #[test]
    fn the_order_of_events_does_not_matter() {
        let limits = RhythmLimits { min_events: 6, min_period: 10_000_000, max_period: 100_000_000_000 };
        let times = (0..50_u64).map(|beat| beat * 60_000_000 + beat * beat * 7_001 % 1_000_000);
        let found = of_times(times.clone(), &limits);
        assert!(found.is_some_and(|rhythm| rhythm.ln_p < -40.0), "{found:?}");
        assert_eq!(of_times(times.rev(), &limits), found);
    }
}
