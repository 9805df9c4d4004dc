//! `appearances(time, tie, element, ...)`: the events with which a target first appears in a
//! sliding window.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, StructArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Fields, Int64Type, UInt64Type};
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{AggregateUDF, Expr, GroupsAccumulator, Signature, Volatility, lit};

use super::collect::{Collect, Record, state_field};
use super::group_function::GroupFunction;
use super::lists::{list_type, lists};
use super::parameters::number;

/// Windows of equal length that slide over a history in steps, in microseconds. The last one ends
/// with the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlidingWindows {
    /// End of the history, inclusive.
    pub end: i64,
    /// Length of the history.
    pub history: i64,
    /// Length of a window.
    pub window: i64,
    /// Distance between the starts of consecutive windows.
    pub step: i64,
}

impl SlidingWindows {
    /// Start of the history, inclusive.
    pub fn start(&self) -> i64 {
        self.end.saturating_sub(self.history)
    }

    /// Window whose last step contains `time`, as (start, end). An event is judged only there:
    /// earlier in the window there is too little history before it.
    fn judging(&self, time: i64) -> Option<(i64, i64)> {
        let first_end = self.start() + self.window;
        let beyond = time - first_end;
        let n_steps = if beyond <= 0 { 0 } else { (beyond - 1) / self.step + 1 };
        let end = first_end + n_steps * self.step;
        if end < self.end {
            return (time > end - self.step).then_some((end - self.window, end));
        }
        self.last(time)
    }

    fn last(&self, time: i64) -> Option<(i64, i64)> {
        (time > self.end - self.step && time <= self.end).then_some((self.end - self.window, self.end))
    }

    /// Window in which an event at `time` is the first since `previous`.
    fn appears(&self, previous: Option<i64>, time: i64) -> Option<(i64, i64)> {
        let is_new = |&(start, _): &(i64, i64)| previous.is_none_or(|previous| previous < start);
        self.judging(time).filter(is_new).or_else(|| self.last(time).filter(is_new))
    }
}

/// Expression for the events of a group that are the first of their target in the window that
/// judges them.
pub fn appearances(time: Expr, tie: Expr, element: Expr, windows: &SlidingWindows) -> Expr {
    let mut args = vec![time, tie, element];
    args.extend([windows.end, windows.history, windows.window, windows.step].map(lit));
    function().call(args)
}

/// Event with which a target first appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appearance {
    /// Row of the event.
    pub element: u64,
    /// Start and end of the window that judged it.
    pub window: (i64, i64),
    /// Number of occurrences of the target in that window.
    pub n_in_window: u64,
}

/// Reads the appearances in row `row` of a column computed by [`appearances`].
pub fn appearances_of(column: &ListArray, row: usize) -> Vec<Appearance> {
    let found = column.value(row);
    let found = found.as_struct();
    let [elements, counts] = [0, 3].map(|idx| found.column(idx).as_primitive::<UInt64Type>().values());
    let [starts, ends] = [1, 2].map(|idx| found.column(idx).as_primitive::<Int64Type>().values());
    (0..found.len())
        .map(|idx| Appearance { element: elements[idx], window: (starts[idx], ends[idx]), n_in_window: counts[idx] })
        .collect()
}

/// The function of DataFusion.
pub(super) fn function() -> AggregateUDF {
    let mut arguments = vec![DataType::Int64, DataType::UInt64, DataType::UInt64];
    arguments.extend([const { DataType::Int64 }; 4]);
    AggregateUDF::new_from_impl(GroupFunction {
        name: "appearances",
        signature: Signature::exact(arguments, Volatility::Immutable),
        result: list_type(DataType::Struct(result_fields())),
        state_fields: |name| vec![state_field(name)],
        accumulator,
    })
}

fn accumulator(args: &AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
    let windows = SlidingWindows {
        end: number(args, 3)?,
        history: number(args, 4)?,
        window: number(args, 5)?,
        step: number(args, 6)?,
    };
    Ok(Box::new(Collect::<3>::new(Box::new(move |groups| {
        let found: Vec<Vec<Appearance>> = groups.into_iter().map(|group| find(group, &windows)).collect();
        to_array(&found)
    }))))
}

/// Finds the appearances among (time, tie, element) records. An event counts once, even if several
/// of its sentences are equal.
fn find(mut records: Vec<Record<3>>, windows: &SlidingWindows) -> Vec<Appearance> {
    records.sort_unstable_by_key(|&[time, tie, element]| (time as i64, tie, element));
    records.dedup_by_key(|&mut [_, _, element]| crate::table::Element(element).event());
    let times: Vec<i64> = records.iter().map(|&[time, _, _]| time as i64).collect();
    let mut found = Vec::new();
    for (idx, &[time, _, element]) in records.iter().enumerate() {
        let previous = idx.checked_sub(1).map(|previous| times[previous]);
        if let Some((start, end)) = windows.appears(previous, time as i64) {
            let in_window = times.partition_point(|&time| time <= end) - times.partition_point(|&time| time < start);
            found.push(Appearance { element, window: (start, end), n_in_window: in_window as u64 });
        }
    }
    found
}

fn result_fields() -> Fields {
    Fields::from(vec![
        Field::new("element", DataType::UInt64, false),
        Field::new("start", DataType::Int64, false),
        Field::new("end", DataType::Int64, false),
        Field::new("n_in_window", DataType::UInt64, false),
    ])
}

fn to_array(groups: &[Vec<Appearance>]) -> ArrayRef {
    let all = || groups.iter().flatten();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt64Array::from_iter_values(all().map(|appearance| appearance.element))),
        Arc::new(Int64Array::from_iter_values(all().map(|appearance| appearance.window.0))),
        Arc::new(Int64Array::from_iter_values(all().map(|appearance| appearance.window.1))),
        Arc::new(UInt64Array::from_iter_values(all().map(|appearance| appearance.n_in_window))),
    ];
    lists(groups.iter().map(Vec::len), Arc::new(StructArray::new(result_fields(), columns, None)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Element;

    /// History of 24 with windows of 10 and steps of 7: the windows end at 10, 17 and finally 24.
    const WINDOWS: SlidingWindows = SlidingWindows { end: 24, history: 24, window: 10, step: 7 };

    fn check(times: &[i64], expected: &[(usize, (i64, i64), u64)]) {
        let element = |idx: usize| (idx as u64) << 24;
        let records: Vec<Record<3>> =
            times.iter().enumerate().map(|(idx, &time)| [time as u64, idx as u64, element(idx)]).collect();
        let expected: Vec<Appearance> = expected
            .iter()
            .map(|&(idx, window, n_in_window)| Appearance { element: element(idx), window, n_in_window })
            .collect();
        assert_eq!(find(records.clone(), &WINDOWS), expected);
        assert_eq!(find(records.into_iter().rev().collect(), &WINDOWS), expected);
    }

    #[test]
    fn first_event_in_a_window_is_flagged_in_its_last_step() {
        check(&[4], &[(0, (0, 10), 1)]);
        check(&[4, 5, 9], &[(0, (0, 10), 3)]);
        check(&[3], &[]);
        check(&[12, 12], &[(0, (7, 17), 2)]);
        check(&[24], &[(0, (14, 24), 1)]);
    }

    #[test]
    fn an_event_seen_before_in_the_window_is_known() {
        check(&[8, 12], &[(0, (0, 10), 1)]);
        check(&[1, 12], &[(1, (7, 17), 1)]);
        check(&[15, 20], &[(0, (7, 17), 1)]);
        check(&[13, 20], &[(0, (7, 17), 1), (1, (14, 24), 1)]);
    }

    #[test]
    fn a_late_history_end_never_flags_an_event_twice() {
        let windows = SlidingWindows { end: 25, history: 25, window: 23, step: 4 };
        assert_eq!(windows.appears(None, 22), Some((0, 23)));
        assert_eq!(windows.appears(Some(1), 22), Some((2, 25)));
    }

    #[test]
    fn equal_windows_and_history_have_one_window() {
        let windows = SlidingWindows { end: 100, history: 100, window: 100, step: 10 };
        assert_eq!(windows.appears(None, 90), None);
        assert_eq!(windows.appears(None, 91), Some((0, 100)));
        assert_eq!(windows.appears(Some(0), 91), None);
    }

    #[test]
    fn sentences_of_one_event_count_once() {
        let event = Element(7 << 24).0;
        let records = vec![[12, 0, event], [12, 0, event | 1]];
        assert_eq!(find(records, &WINDOWS), [Appearance { element: event, window: (7, 17), n_in_window: 1 }]);
    }
}
