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
use super::parameters::{bytes, bytes_literal, number};

/// Period through which windows slide, in microseconds; both ends are inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// First instant.
    pub start: i64,
    /// Last instant.
    pub end: i64,
}

impl History {
    /// Number of [`Self::to_bytes`].
    const N_BYTES: usize = 16;

    fn to_bytes(self) -> impl Iterator<Item = u8> + use<> {
        self.start.to_le_bytes().into_iter().chain(self.end.to_le_bytes())
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, byte| number << 8 | i64::from(*byte));
        let (start, end) = bytes.split_at(Self::N_BYTES / 2);
        History { start: number(start), end: number(end) }
    }
}

/// Windows of equal length that slide over histories in steps, in microseconds. The last one of a
/// history ends with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlidingWindows {
    /// Histories in the order of time; no window reaches from one into another.
    pub histories: Vec<History>,
    /// Length of a window.
    pub window: i64,
    /// Distance between the starts of consecutive windows.
    pub step: i64,
    /// Time for which a target is known after an event, beyond the window that judges it; 0 if it
    /// is forgotten with the window.
    pub memory: i64,
}

impl SlidingWindows {
    /// Window of `history` whose last step contains `time`, as (start, end). An event is judged
    /// only there: earlier in the window there is too little history before it.
    fn judging(&self, history: History, time: i64) -> Option<(i64, i64)> {
        let first_end = history.start.saturating_add(self.window);
        let beyond = time.saturating_sub(first_end);
        let n_steps = if beyond <= 0 { 0 } else { (beyond - 1) / self.step + 1 };
        let end = first_end.saturating_add(n_steps.saturating_mul(self.step));
        if end < history.end {
            return (time > end - self.step).then_some((end - self.window, end));
        }
        self.last(history, time)
    }

    /// Periods whose events are judged, in the order of time.
    pub fn judged(&self) -> impl Iterator<Item = History> + '_ {
        self.histories.iter().map(|&History { start, end }| {
            let first_end = start.saturating_add(self.window).min(end);
            History { start: first_end.saturating_sub(self.step).saturating_add(1).max(start), end }
        })
    }

    fn last(&self, History { end, .. }: History, time: i64) -> Option<(i64, i64)> {
        (time > end - self.step && time <= end).then_some((end - self.window, end))
    }

    /// Window in which an event at `time` is the first since `previous`.
    pub fn appears(&self, previous: Option<i64>, time: i64) -> Option<(i64, i64)> {
        let later = self.histories.partition_point(|history| history.end < time);
        let history = *self.histories.get(later).filter(|history| history.start <= time)?;
        let oldest = time.saturating_sub(self.memory);
        let is_new = |&(start, _): &(i64, i64)| previous.is_none_or(|previous| previous < start.min(oldest));
        self.judging(history, time).filter(is_new).or_else(|| self.last(history, time).filter(is_new))
    }
}

/// Expression for the events of a group that are the first of their target in the window that
/// judges them.
pub fn appearances(time: Expr, tie: Expr, element: Expr, windows: &SlidingWindows) -> Expr {
    let mut args = vec![time, tie, element];
    args.push(bytes_literal(windows.histories.iter().copied().flat_map(History::to_bytes).collect()));
    args.extend([windows.window, windows.step, windows.memory].map(lit));
    function().call(args)
}

/// Event with which a target first appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appearance {
    /// Row of the event.
    pub element: u64,
    /// Its time, in microseconds.
    pub time: i64,
    /// Start and end of the window that judged it.
    pub window: (i64, i64),
    /// Number of occurrences of the target in that window.
    pub n_in_window: u64,
}

/// Reads the appearances in row `row` of a column computed by [`appearances`].
pub fn appearances_of(column: &ListArray, row: usize) -> Vec<Appearance> {
    let found = column.value(row);
    let found = found.as_struct();
    let [elements, counts] = [0, 4].map(|idx| found.column(idx).as_primitive::<UInt64Type>().values());
    let [times, starts, ends] = [1, 2, 3].map(|idx| found.column(idx).as_primitive::<Int64Type>().values());
    (0..found.len())
        .map(|idx| Appearance {
            element: elements[idx],
            time: times[idx],
            window: (starts[idx], ends[idx]),
            n_in_window: counts[idx],
        })
        .collect()
}

/// The function of DataFusion.
pub(super) fn function() -> AggregateUDF {
    let mut arguments = vec![DataType::Int64, DataType::UInt64, DataType::UInt64];
    arguments.extend([DataType::Binary, DataType::Int64, DataType::Int64, DataType::Int64]);
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
        histories: bytes(args, 3)?.chunks_exact(History::N_BYTES).map(History::of_bytes).collect(),
        window: number(args, 4)?,
        step: number(args, 5)?,
        memory: number(args, 6)?,
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
            let (time, window) = (time as i64, (start, end));
            found.push(Appearance { element, time, window, n_in_window: in_window as u64 });
        }
    }
    found
}

fn result_fields() -> Fields {
    Fields::from(vec![
        Field::new("element", DataType::UInt64, false),
        Field::new("time", DataType::Int64, false),
        Field::new("start", DataType::Int64, false),
        Field::new("end", DataType::Int64, false),
        Field::new("n_in_window", DataType::UInt64, false),
    ])
}

fn to_array(groups: &[Vec<Appearance>]) -> ArrayRef {
    let all = || groups.iter().flatten();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt64Array::from_iter_values(all().map(|appearance| appearance.element))),
        Arc::new(Int64Array::from_iter_values(all().map(|appearance| appearance.time))),
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
    fn windows() -> SlidingWindows {
        sliding(&[(0, 24)], 10, 7)
    }

    fn sliding(histories: &[(i64, i64)], window: i64, step: i64) -> SlidingWindows {
        let histories = histories.iter().map(|&(start, end)| History { start, end }).collect();
        SlidingWindows { histories, window, step, memory: 0 }
    }

    fn check(times: &[i64], expected: &[(usize, (i64, i64), u64)]) {
        let element = |idx: usize| (idx as u64) << 24;
        let records: Vec<Record<3>> =
            times.iter().enumerate().map(|(idx, &time)| [time as u64, idx as u64, element(idx)]).collect();
        let expected: Vec<Appearance> = expected
            .iter()
            .map(|&(idx, window, n_in_window)| Appearance {
                element: element(idx),
                time: times[idx],
                window,
                n_in_window,
            })
            .collect();
        assert_eq!(find(records.clone(), &windows()), expected);
        assert_eq!(find(records.into_iter().rev().collect(), &windows()), expected);
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
        let windows = sliding(&[(0, 25)], 23, 4);
        assert_eq!(windows.appears(None, 22), Some((0, 23)));
        assert_eq!(windows.appears(Some(1), 22), Some((2, 25)));
    }

    #[test]
    fn events_are_judged_from_the_end_of_the_first_window_on() {
        for windows in [windows(), sliding(&[(0, 25)], 23, 4), sliding(&[(0, 5), (30, 70)], 10, 10)] {
            let judged: Vec<History> = windows.judged().collect();
            for time in -5..80 {
                let is_judged = judged.iter().any(|judged| (judged.start..=judged.end).contains(&time));
                assert_eq!(is_judged, windows.appears(None, time).is_some(), "{windows:?} {time}");
            }
        }
    }

    #[test]
    fn equal_windows_and_history_have_one_window() {
        let windows = sliding(&[(0, 100)], 100, 10);
        assert_eq!(windows.appears(None, 90), None);
        assert_eq!(windows.appears(None, 91), Some((0, 100)));
        assert_eq!(windows.appears(Some(0), 91), None);
    }

    #[test]
    fn a_target_is_known_as_long_as_it_is_remembered() {
        let remembering = |memory: i64| SlidingWindows { memory, ..windows() };
        assert_eq!(remembering(0).appears(Some(1), 12), Some((7, 17)));
        assert_eq!(remembering(10).appears(Some(1), 12), Some((7, 17)));
        assert_eq!(remembering(11).appears(Some(1), 12), None);
        assert_eq!(remembering(i64::MAX).appears(None, 12), Some((7, 17)));
    }

    #[test]
    fn each_history_has_windows_of_its_own() {
        let both = sliding(&[(0, 24), (1_000, 1_024)], 10, 7);
        assert_eq!(both.appears(None, 4), windows().appears(None, 4));
        assert_eq!(both.appears(Some(4), 1_024), Some((1_014, 1_024)));
        assert_eq!(both.appears(Some(4), 1_003), None);
        assert_eq!(both.appears(Some(4), 500), None);
    }

    #[test]
    fn histories_are_read_back() {
        for (start, end) in [(0, 24), (-62_135_596_800_000_000, 253_402_300_799_999_999), (i64::MIN, i64::MAX)] {
            let history = History { start, end };
            assert_eq!(History::of_bytes(&history.to_bytes().collect::<Vec<_>>()), history);
        }
    }

    #[test]
    fn windows_are_found_without_walking_through_centuries() {
        let (start, end) = (-62_135_596_800_000_000, 253_402_300_799_999_999);
        let all = sliding(&[(start, end)], 86_400_000_000, 1);
        assert_eq!(all.appears(None, 5), Some((5 - 86_400_000_000, 5)));
        assert_eq!(all.appears(None, end), Some((end - 86_400_000_000, end)));
    }

    #[test]
    fn sentences_of_one_event_count_once() {
        let event = Element(7 << 24).0;
        let records = vec![[12, 0, event], [12, 0, event | 1]];
        assert_eq!(
            find(records, &windows()),
            [Appearance { element: event, time: 12, window: (7, 17), n_in_window: 1 }]
        );
    }
}
