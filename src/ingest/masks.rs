//! Events of a batch that use cases want.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, Int64Array, RecordBatch, UInt64Array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{and, filter, filter_record_batch};

use super::Usage;
use super::columns::times;
use crate::event::decode::{EventBatch, RowRef};
use crate::plan::{PlannedUseCase, ScanPlan};
use crate::query::{BatchEvaluation, TimeWindow};

/// Returns the events of a batch that belong to a use case. `matched` is set if the source has
/// already applied the window, and the query or a part of it.
pub(super) fn mask(
    planned: &PlannedUseCase,
    plan: &ScanPlan,
    (columns, evaluation): (&RecordBatch, &mut BatchEvaluation<'_>),
    matched: Option<&BooleanArray>,
    usage: &mut Usage,
) -> anyhow::Result<BooleanArray> {
    let n_rows = columns.num_rows();
    let matching = match matched {
        Some(matched) if planned.query.is_match_all() || matched.true_count() == 0 => matched.clone(),
        Some(matched) => and(matched, &planned.query.evaluate_in(evaluation)?)?,
        None if planned.query.is_match_all() => BooleanArray::from(vec![true; n_rows]),
        None => planned.query.evaluate_in(evaluation)?,
    };
    let n_matching = matching.true_count();
    usage.matching += n_matching as u64;
    let Some(time_idx) = planned.time_idx.filter(|_| n_matching > 0) else { return Ok(matching) };
    let times = times(plan, time_idx, columns)?;
    let is_too_late = |row: usize| planned.ends_at_newest && times.is_valid(row) && times.value(row) > plan.latest;
    usage.without_time += matching.values().set_indices().filter(|&row| times.is_null(row)).count() as u64;
    usage.in_future += matching.values().set_indices().filter(|&row| is_too_late(row)).count() as u64;
    let window = planned.window.filter(|_| matched.is_none());
    if window.is_none() && !planned.ends_at_newest {
        return Ok(matching);
    }
    let is_wanted = |row: &usize| !is_too_late(*row) && window.is_none_or(|window| is_inside(&times, *row, window));
    let mut wanted = BooleanBufferBuilder::new(n_rows);
    wanted.append_n(n_rows, false);
    matching.values().set_indices().filter(is_wanted).for_each(|row| wanted.set_bit(row, true));
    Ok(BooleanArray::new(wanted.finish(), None))
}

fn is_inside(times: &Int64Array, row: usize, TimeWindow { from, to }: TimeWindow) -> bool {
    times.is_valid(row) && (from..=to).contains(&times.value(row))
}

/// Counts the events of a batch within the window of each use case. Most of them share a window.
pub(super) fn count_in_windows(plan: &ScanPlan, columns: &RecordBatch, usage: &mut [Usage]) -> anyhow::Result<()> {
    let mut counted: Vec<(Option<usize>, Option<TimeWindow>, u64)> = Vec::new();
    for (planned, usage) in plan.use_cases.iter().zip(usage) {
        let known =
            counted.iter().find(|(time_idx, window, _)| (*time_idx, *window) == (planned.time_idx, planned.window));
        usage.in_window = match (known, planned.time_idx, planned.window) {
            (Some((_, _, n)), _, _) => *n,
            (None, Some(time_idx), Some(window)) => {
                let times = times(plan, time_idx, columns)?;
                let n = (0..times.len()).filter(|&row| is_inside(&times, row, window)).count() as u64;
                counted.push((planned.time_idx, planned.window, n));
                n
            }
            _ => columns.num_rows() as u64,
        };
    }
    Ok(())
}

pub(super) fn any(masks: &[BooleanArray], n_rows: usize) -> BooleanArray {
    let none = BooleanBuffer::new_unset(n_rows);
    BooleanArray::new(masks.iter().fold(none, |wanted, mask| &wanted | mask.values()), None)
}

type Kept = (RecordBatch, Vec<RowRef>, Vec<BooleanArray>, Option<ArrayRef>);

/// Drops the events that no use case wants.
pub(super) fn keep(batch: &EventBatch, wanted: &BooleanArray, masks: Vec<BooleanArray>) -> anyhow::Result<Kept> {
    let ties = batch.id_hash.as_ref().map(|hashes| Arc::new(UInt64Array::from(hashes.clone())) as ArrayRef);
    if wanted.true_count() == wanted.len() {
        return Ok((batch.columns.clone(), batch.rows.clone(), masks, ties));
    }
    let rows = wanted.values().set_indices().map(|row| batch.rows[row]).collect();
    let masks = masks.iter().map(|mask| kept_of(mask, wanted)).collect::<anyhow::Result<_>>()?;
    let ties = ties.map(|ties| filter(&ties, wanted)).transpose()?;
    Ok((filter_record_batch(&batch.columns, wanted)?, rows, masks, ties))
}

fn kept_of(mask: &BooleanArray, wanted: &BooleanArray) -> anyhow::Result<BooleanArray> {
    if mask.true_count() == 0 {
        return Ok(BooleanArray::new(BooleanBuffer::new_unset(wanted.true_count()), None));
    }
    Ok(filter(mask, wanted)?.as_boolean().clone())
}
