//! Flags targets that appear in an aggregator for the first time in a sliding window: all of them,
//! or those that are [`discoveries`].

mod discoveries;
mod evidence;
mod novelty;
mod reason;
mod windows;

use arrow::array::{ArrayRef, Int64Array, ListArray, RecordBatch, UInt32Array};
use chrono::{DateTime, TimeDelta};
use datafusion::common::JoinType;
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::{count, min};
use datafusion::prelude::{col, lit};
use futures::StreamExt;
use outlier_kernels::surprise::bits;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value};
use std::sync::Arc;

use super::peers::{Counted, PeerCounts, Peers};
use super::{
    Asked, Candidate, Candidates, Columns, Evaluating, Evaluation, Explaining, Inputs, Key, Method, Recall, Refinement,
    column, field_names, rows, rows_of, text_of,
};
use crate::config::SuddenAppearance;
use crate::engine::functions::{Appearance, appearances, appearances_of};
use crate::event::{PerOutlier, StoredKey, StoredKind};
use crate::state::Stretch;
use crate::table::{Element, Population, View};
use novelty::Novelty;
use windows::sliding_windows;

pub(super) const STORED: &[StoredKey] = &[
    StoredKey::new("target", StoredKind::Text, PerOutlier::AtLeastOne),
    StoredKey::new("aggregator", StoredKind::Text, PerOutlier::AtLeastOne),
    StoredKey::new("target_value", StoredKind::Text, PerOutlier::One),
    StoredKey::new("aggregator_value", StoredKind::Text, PerOutlier::One),
    StoredKey::new("size_time_window", StoredKind::Text, PerOutlier::One),
    StoredKey::new("start_time_window", StoredKind::Text, PerOutlier::One),
    StoredKey::new("end_time_window", StoredKind::Text, PerOutlier::One),
    StoredKey::new("num_target_value_in_window", StoredKind::Number, PerOutlier::One),
];

impl Method for SuddenAppearance {
    fn columns(&self) -> Columns<'_> {
        Columns {
            aggregator: Some(Key::smallest(&self.aggregator)),
            target: Some(Key::smallest(&self.target)),
            time: true,
            tie: true,
            peer: self.peer_group.as_ref().map(|field| Key::smallest(std::slice::from_ref(field))),
            ..Columns::default()
        }
    }

    fn evaluate<'a>(&'a self, view: &'a View, inputs: Inputs<'a>) -> Evaluating<'a> {
        Box::pin(evaluate(self, view, inputs))
    }

    fn reason(&self, stored: &Map<String, Value>) -> Option<String> {
        reason::reason(self, stored)
    }

    fn evidence<'a>(&'a self, view: &'a View, asked: &'a Asked, inputs: Inputs<'a>) -> Explaining<'a> {
        Box::pin(evidence::evidence(self, view, asked, inputs))
    }

    fn refinement(&self) -> Refinement {
        // without a rate, each event is judged against its past
        self.rate.map_or(Refinement::Never, |_| Refinement::Everything)
    }
}

/// An appearance, and its row as a candidate.
struct Appeared {
    candidate: Candidate,
    /// Time of its event, in microseconds.
    time: i64,
    /// Start and end of the window, in microseconds.
    window: (i64, i64),
    /// Number of occurrences of the target in the window.
    n_in_window: u64,
}

async fn evaluate<'a>(
    sudden: &'a SuddenAppearance,
    view: &'a View,
    inputs: Inputs<'a>,
) -> Result<Evaluation<'a>, DataFusionError> {
    // what was whitelisted is known from then on, so it stays in the past of the others
    let accepted = &view.population().without;
    let everything = view.with_population(Population::default());
    let Some(windows) = sliding_windows(sudden, &everything, &inputs).await? else {
        return Ok(Evaluation::without_candidates(&inputs));
    };
    let (start, end) = (windows.histories[0].start, windows.histories[windows.histories.len() - 1].end);
    let expression = appearances(col("time"), col("tie"), col("element"), &windows);
    let mut wanted = vec![expression.alias("appearances"), count(lit(1)).alias("n")];
    wanted.extend(sudden.peer_group.as_ref().map(|_| min(col("time")).alias("first")));
    let found = rows(&everything, &inputs)?
        .filter(col("time").between(lit(start), lit(end)))?
        .aggregate(vec![col("aggregator"), col("target")], wanted)?
        .collect()
        .await?;
    let mut appeared = Vec::new();
    found.iter().try_for_each(|batch| collect_appearances(batch, &mut appeared))?;
    appeared.retain(|appeared| !accepted.contains(&appeared.candidate.element.0));
    if let Some(recall) = inputs.recall {
        drop_remembered(recall, view, &mut appeared)?;
    }
    if let Some(minimum) = sudden.min_aggregator_bucket {
        drop_small_buckets(minimum, &everything, &mut appeared, inputs).await?;
    }
    if appeared.is_empty() {
        return Ok(Evaluation::without_candidates(&inputs));
    }
    let novelty = novelty(sudden, &everything, &found, &appeared, inputs).await?;
    let peers = peers(sudden, &everything, &found, &appeared, &inputs).await?;
    let known_to_peers = |appeared: &Appeared| peers.as_ref().and_then(|peers| appeared.known_to(peers)).unwrap_or(0.0);
    let surprises: Vec<f64> = match sudden.rate {
        Some(rate) => {
            discoveries::keep(rate, &windows, (&novelty, &known_to_peers), view, &mut appeared, inputs).await?
        }
        None => {
            let probability =
                |appeared: &Appeared| novelty.probability(&appeared.candidate).max(known_to_peers(appeared));
            appeared.iter().map(probability).map(bits).collect()
        }
    };
    let mut candidates = Candidates::new(&inputs);
    let mut numbered = (0..).zip(&appeared);
    numbered.try_for_each(|(evidence, appeared)| candidates.push(Candidate { evidence, ..appeared.candidate }))?;
    let evaluation = Evaluation::new(candidates, move |candidate, _| {
        let appeared = &appeared[candidate.evidence as usize];
        let mut seen = observations(sudden, view, appeared);
        if let Some(found) = &peers {
            seen.extend(found.peers.observations(view, candidate.aggregator, appeared.known_to(found)));
        }
        seen
    });
    Ok(evaluation.with_surprise(move |candidate| surprises[candidate.evidence as usize]))
}

/// Peers of the aggregators of `appeared` that have their targets, by the time since when; `None`
/// without a field of peers.
async fn peers(
    sudden: &SuddenAppearance,
    everything: &View,
    found: &[RecordBatch],
    appeared: &[Appeared],
    inputs: &Inputs<'_>,
) -> Result<Option<PeerCounts>, DataFusionError> {
    let Some(peers) = Peers::named(sudden.peer_group.as_ref(), everything, inputs).await? else { return Ok(None) };
    let mut counts = PeerCounts::of(peers, appeared.iter().map(Appeared::counted));
    for batch in found {
        let (targets, firsts) = (column::<UInt32Array>(batch, "target")?, column::<Int64Array>(batch, "first")?);
        for (row, &aggregator) in column::<UInt32Array>(batch, "aggregator")?.values().iter().enumerate() {
            let counted = Counted { aggregator, target: targets.value(row), hour: 0 };
            // the earlier, the greater
            counts.add(counted, -(firsts.value(row) as f64));
        }
    }
    Ok(Some(counts))
}

/// Counts how often targets occur, in the aggregators of `appeared` and everywhere. Remembered
/// events are included.
async fn novelty(
    sudden: &SuddenAppearance,
    everything: &View,
    found: &[RecordBatch],
    appeared: &[Appeared],
    inputs: Inputs<'_>,
) -> Result<Novelty, DataFusionError> {
    let aggregators = appeared.iter().map(|appeared| appeared.candidate.aggregator);
    let mut novelty = match sudden.rate {
        Some(_) => Novelty::with_occurrences(aggregators),
        None => Novelty::of(aggregators),
    };
    match inputs.recall {
        Some(recall) => {
            let mut batches = recall.counts(everything, &inputs)?.execute_stream().await?;
            while let Some(batch) = batches.next().await {
                novelty.add(&batch?)?;
            }
        }
        None => found.iter().try_for_each(|batch| novelty.add(batch))?,
    }
    Ok(novelty)
}

fn observations(sudden: &SuddenAppearance, view: &View, appeared: &Appeared) -> Map<String, Value> {
    let Appeared { candidate, window: (start, end), n_in_window, .. } = *appeared;
    let columns = view.columns();
    let mut seen = Map::new();
    seen.insert("size_time_window".to_owned(), duration_text(sudden.window).into());
    seen.insert("start_time_window".to_owned(), time_text(start).into());
    seen.insert("end_time_window".to_owned(), time_text(end).into());
    seen.insert("aggregator".to_owned(), field_names(&sudden.aggregator));
    seen.insert("aggregator_value".to_owned(), text_of(view, columns.aggregator, candidate.aggregator));
    seen.insert("target".to_owned(), field_names(&sudden.target));
    seen.insert("target_value".to_owned(), text_of(view, columns.target, candidate.target));
    seen.insert("num_target_value_in_window".to_owned(), n_in_window.into());
    seen
}

fn collect_appearances(batch: &RecordBatch, appeared: &mut Vec<Appeared>) -> Result<(), DataFusionError> {
    let aggregators = column::<UInt32Array>(batch, "aggregator")?;
    let targets = column::<UInt32Array>(batch, "target")?;
    let lists = column::<ListArray>(batch, "appearances")?;
    for row in 0..batch.num_rows() {
        for appearance in appearances_of(lists, row) {
            let candidate = Candidate {
                element: Element(appearance.element),
                aggregator: aggregators.value(row),
                target: targets.value(row),
                evidence: 0,
            };
            let Appearance { time, window, n_in_window, .. } = appearance;
            appeared.push(Appeared { candidate, time, window, n_in_window });
        }
    }
    Ok(())
}

/// Drops the appearances of what an earlier run saw before them.
fn drop_remembered(recall: &Recall<'_>, view: &View, appeared: &mut Vec<Appeared>) -> Result<(), DataFusionError> {
    let times = appeared.iter().map(|appeared| appeared.time);
    let (Some(first), Some(last)) = (times.clone().min(), times.max()) else { return Ok(()) };
    let time = Stretch { start: first.saturating_sub(recall.length()), end: last };
    let wanted = appeared.iter().map(Appeared::pair).collect();
    let known = recall.times_of(&wanted, time, view)?;
    appeared.retain(|appeared| {
        let oldest = appeared.time.saturating_sub(recall.length());
        let is_before = |time: i64| (oldest..appeared.time).contains(&time);
        let seen = known.get(&appeared.pair()).map_or(&[][..], Vec::as_slice);
        !seen.iter().any(|seen| is_before(seen.start) || is_before(seen.end))
    });
    Ok(())
}

/// Keeps the appearances whose aggregator has more than `minimum` events in their window.
async fn drop_small_buckets(
    minimum: u64,
    view: &View,
    appeared: &mut Vec<Appeared>,
    inputs: Inputs<'_>,
) -> Result<(), DataFusionError> {
    let mut windows: Vec<(u32, i64, i64)> = appeared.iter().map(Appeared::bucket).collect();
    windows.sort_unstable();
    windows.dedup();
    if windows.is_empty() {
        return Ok(());
    }
    let aggregators = windows.iter().map(|&(aggregator, _, _)| aggregator).collect();
    let windows_table = inputs.context.read_batch(windows_batch(&windows)?)?;
    let counted = rows_of(view, aggregators, &inputs)?
        // an event with several targets is one event of its aggregator
        .aggregate(vec![col("aggregator"), event_of(col("element")).alias("event"), col("time")], vec![])?
        .join(windows_table, JoinType::Inner, &["aggregator"], &["window_aggregator"], None)?
        .filter(col("time").between(col("start"), col("end")))?
        .aggregate(vec![col("aggregator"), col("start"), col("end")], vec![count(lit(1)).alias("n")])?
        .collect()
        .await?;
    let mut n_by_bucket: FxHashMap<(u32, i64, i64), u64> = FxHashMap::default();
    for batch in &counted {
        let aggregators = column::<UInt32Array>(batch, "aggregator")?;
        let (starts, ends) = (column::<Int64Array>(batch, "start")?, column::<Int64Array>(batch, "end")?);
        let counts = column::<Int64Array>(batch, "n")?;
        for row in 0..batch.num_rows() {
            let bucket = (aggregators.value(row), starts.value(row), ends.value(row));
            n_by_bucket.insert(bucket, counts.value(row) as u64);
        }
    }
    let is_big = |bucket| n_by_bucket.get(&bucket).is_some_and(|&n| n > minimum);
    appeared.retain(|appeared| is_big(appeared.bucket()));
    Ok(())
}

impl Appeared {
    fn counted(&self) -> Counted {
        Counted { aggregator: self.candidate.aggregator, target: self.candidate.target, hour: 0 }
    }

    /// Share of the peers that had the target before.
    fn known_to(&self, peers: &PeerCounts) -> Option<f64> {
        peers.share(self.counted(), -(self.time as f64))
    }

    fn pair(&self) -> (u32, u32) {
        (self.candidate.aggregator, self.candidate.target)
    }

    fn bucket(&self) -> (u32, i64, i64) {
        let (start, end) = self.window;
        (self.candidate.aggregator, start, end)
    }
}

fn event_of(element: datafusion::prelude::Expr) -> datafusion::prelude::Expr {
    element / lit(1u64 << Element::SENTENCE_BITS)
}

fn windows_batch(windows: &[(u32, i64, i64)]) -> Result<RecordBatch, DataFusionError> {
    let numbers =
        |number: fn(&(u32, i64, i64)) -> i64| Arc::new(Int64Array::from_iter_values(windows.iter().map(number)));
    let aggregators = UInt32Array::from_iter_values(windows.iter().map(|window| window.0));
    Ok(RecordBatch::try_from_iter([
        ("window_aggregator", Arc::new(aggregators) as ArrayRef),
        ("start", numbers(|window| window.1)),
        ("end", numbers(|window| window.2)),
    ])?)
}

/// Formats a time as `2024-05-01 00:00:00.123456`; a fraction of zero is omitted.
pub(super) fn time_text(microseconds: i64) -> String {
    let time = DateTime::from_timestamp_micros(microseconds).unwrap_or_default();
    let format = if microseconds.rem_euclid(1_000_000) == 0 { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S%.6f" };
    time.format(format).to_string()
}

/// Formats a duration as `1 day, 0:00:00`, `7 days, 12:00:00` or `12:00:00`.
fn duration_text(duration: TimeDelta) -> String {
    let days = duration.num_days();
    let seconds = (duration - TimeDelta::days(days)).num_seconds();
    let clock = format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match days {
        0 => clock,
        1 => format!("1 day, {clock}"),
        _ => format!("{days} days, {clock}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_formatted_like_the_reference() {
        let check = |minutes: i64, expected: &str| assert_eq!(duration_text(TimeDelta::minutes(minutes)), expected);
        check(24 * 60, "1 day, 0:00:00");
        check(7 * 24 * 60 + 12 * 60, "7 days, 12:00:00");
        check(12 * 60, "12:00:00");
        check(5, "0:05:00");
    }

    #[test]
    fn times_are_formatted_like_the_reference() {
        let check = |microseconds: i64, expected: &str| assert_eq!(time_text(microseconds), expected);
        check(1_577_836_800_123_456, "2020-01-01 00:00:00.123456");
        check(1_577_836_800_000_000, "2020-01-01 00:00:00");
        check(-1, "1969-12-31 23:59:59.999999");
    }
}
