//! `max_outliers` and `outlier_budget`: the outliers with the highest scores.

use std::cmp::Reverse;
use std::io;

use super::found::Found;
use super::selection::{Reason, Selection};
use super::{MEMORY_BYTES, RollUp, RollUpError};
use crate::outlier::FindingKey;
use crate::spill::{FieldReader, FieldWriter, Record, SortedRuns, StoredRuns};

/// An outlier in the order in which outliers are kept: the highest surprise first. Of equal ones,
/// the first event of each finding comes before the second event of any, and so on, so that many
/// repeats of one finding do not crowd out the others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked {
    surprise: Reverse<u64>,
    /// Number of earlier outliers of its finding.
    position: u64,
    index: String,
    id: String,
    use_case_idx: usize,
    text_hash: u64,
    number: u64,
}

impl Record for Ranked {
    fn encode(&self, fields: &mut FieldWriter) {
        [self.surprise.0, self.position].into_iter().for_each(|number| fields.number(number));
        [&self.index, &self.id].into_iter().for_each(|text| fields.text(text));
        [self.use_case_idx as u64, self.text_hash, self.number].into_iter().for_each(|number| fields.number(number));
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let (surprise, position) = (Reverse(fields.number()?), fields.number()?);
        let (index, id) = (fields.text()?, fields.text()?);
        let (use_case_idx, text_hash, number) = (fields.small()?, fields.number()?, fields.number()?);
        Ok(Ranked { surprise, position, index, id, use_case_idx, text_hash, number })
    }
}

/// Leaves out what exceeds the limits. An outlier that exceeds the limit of its use case takes
/// nothing of the budget.
pub(super) fn apply(
    roll_up: &RollUp<'_>,
    found: &StoredRuns<Found>,
    selection: &mut Selection,
) -> Result<(), RollUpError> {
    let mut left: Vec<u64> = roll_up.use_cases.iter().map(|use_case| room(use_case.max_outliers)).collect();
    let mut budget = room(roll_up.general.outlier_budget);
    if budget == u64::MAX && left.iter().all(|left| *left == u64::MAX) {
        return Ok(());
    }
    let mut ranked = rank(roll_up, found, selection)?.read()?;
    while let Some(Ranked { use_case_idx, number, .. }) = ranked.next_if(|_| true)? {
        if left[use_case_idx] == 0 {
            selection.leave_out(use_case_idx, number, Reason::BeyondMaxOutliers);
            continue;
        }
        left[use_case_idx] -= 1;
        if budget == 0 {
            selection.leave_out(use_case_idx, number, Reason::BeyondBudget);
            continue;
        }
        budget -= 1;
    }
    Ok(())
}

fn room(limit: Option<std::num::NonZeroU64>) -> u64 {
    limit.map_or(u64::MAX, std::num::NonZeroU64::get)
}

fn rank(
    roll_up: &RollUp<'_>,
    found: &StoredRuns<Found>,
    selection: &mut Selection,
) -> Result<StoredRuns<Ranked>, RollUpError> {
    let mut sorted = SortedRuns::new(roll_up.spill_dir, MEMORY_BYTES);
    let mut finding = (usize::MAX, FindingKey::default());
    let mut position = 0;
    roll_up.for_each_kept(found, selection, |found, _| {
        if found.is_of_finding(finding.0, &finding.1) {
            position += 1;
        } else {
            (finding, position) = ((found.use_case_idx, found.finding), 0);
        }
        let Found { index, id, use_case_idx, text_hash, number, .. } = found;
        let surprise = Reverse(found.surprise);
        let ranked = Ranked { surprise, position, index, id, use_case_idx, text_hash, number };
        let n_bytes = ranked.index.len() + ranked.id.len() + size_of::<Ranked>();
        Ok(sorted.push(ranked, n_bytes)?)
    })?;
    Ok(sorted.store()?)
}
