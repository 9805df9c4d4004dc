//! Windows that slide over the histories of a use case.

use arrow::array::Int64Array;
use chrono::TimeDelta;
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::{max, min};
use datafusion::prelude::{col, lit};

use super::super::{Inputs, Recall, Span, column, rows};
use crate::config::SuddenAppearance;
use crate::engine::functions::{History, SlidingWindows};
use crate::table::View;

/// Windows of a use case, in at least one history; `None` without events.
pub(super) async fn sliding_windows(
    sudden: &SuddenAppearance,
    everything: &View,
    inputs: &Inputs<'_>,
) -> Result<Option<SlidingWindows>, DataFusionError> {
    let histories = histories(everything, inputs).await?;
    let (window, step) = (microseconds(sudden.window), microseconds(sudden.step));
    let memory = inputs.recall.map_or(0, Recall::length);
    Ok((!histories.is_empty()).then_some(SlidingWindows { histories, window, step, memory }))
}

/// Returns the histories through which windows slide, in the order of time.
async fn histories(view: &View, inputs: &Inputs<'_>) -> Result<Vec<History>, DataFusionError> {
    let until = |end: i64| History { start: end.saturating_sub(inputs.history), end };
    Ok(match inputs.span {
        Span::Until(end) => vec![until(end)],
        Span::UntilNewest => {
            recordings(view, inputs).await?.last().map(|newest| until(newest.end)).into_iter().collect()
        }
        Span::Everything => {
            let mut recordings = recordings(view, inputs).await?;
            recordings
                .iter_mut()
                .for_each(|recording| recording.start = recording.start.min(until(recording.end).start));
            recordings
        }
    })
}

/// Time before all events, from which lengths of histories are counted.
const DAWN: i64 = i64::MIN / 2;

/// Returns first and last times of what was recorded without a break that is longer than the
/// history. Joined recordings are judged as each would be alone.
async fn recordings(view: &View, inputs: &Inputs<'_>) -> Result<Vec<History>, DataFusionError> {
    // no break fits into a period as long as the history, so the ends of these periods tell
    let period = (col("time") - lit(DAWN)) / lit(inputs.history.max(1));
    let ends = vec![min(col("time")).alias("first"), max(col("time")).alias("last")];
    let periods = rows(view, inputs)?.aggregate(vec![period.alias("period")], ends)?.collect().await?;
    let mut found = Vec::new();
    for batch in &periods {
        let (firsts, lasts) = (column::<Int64Array>(batch, "first")?, column::<Int64Array>(batch, "last")?);
        found.extend((0..batch.num_rows()).map(|row| History { start: firsts.value(row), end: lasts.value(row) }));
    }
    found.sort_unstable_by_key(|period| period.start);
    found.dedup_by(|later, earlier| {
        let is_one = later.start.saturating_sub(earlier.end) <= inputs.history;
        if is_one {
            earlier.end = later.end;
        }
        is_one
    });
    Ok(found)
}

fn microseconds(duration: TimeDelta) -> i64 {
    duration.num_microseconds().unwrap_or(i64::MAX)
}
