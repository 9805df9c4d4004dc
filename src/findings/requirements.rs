//! `requires`: outliers stand only where other use cases flagged the same aggregator.
//!
//! All use cases are judged first. An aggregator is then looked at once for all of them: a use case
//! comes after those that it requires, so that one of these counts only where its own requirements
//! are met.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use super::found::Found;
use super::selection::{Reason, Selection};
use super::{MEMORY_BYTES, RollUp, RollUpError};
use crate::config::UseCase;
use crate::spill::{FieldReader, FieldWriter, MergedRuns, Record, SortedRuns, StoredRuns};

/// Leaves out the outliers whose requirements are not met.
pub(super) fn apply(
    roll_up: &RollUp<'_>,
    found: &StoredRuns<Found>,
    selection: &mut Selection,
) -> Result<(), RollUpError> {
    let requirements = requirements(roll_up.use_cases);
    if requirements.is_empty() {
        return Ok(());
    }
    let flagged = flagged(roll_up, found, selection, &requirements)?;
    let mut unmet = unmet(roll_up, flagged, &requirements)?;
    let mut last: Option<Unmet> = None;
    roll_up.for_each_kept(found, selection, |found, selection| {
        let wanted = (found.use_case_idx, found.finding.aggregator.as_deref());
        while let Some(next) = unmet.next_if(|next| next.key() <= wanted)? {
            last = Some(next);
        }
        if last.as_ref().is_some_and(|last| last.key() == wanted) {
            selection.leave_out(found.use_case_idx, found.number, Reason::WithoutRequired);
        }
        Ok(())
    })
}

/// Requirements of one use case.
struct Requirement {
    use_case_idx: usize,
    /// Numbers of the required use cases by name, which several may share; none if it did not run.
    required: Vec<Vec<usize>>,
}

/// Returns the use cases that have requirements; each comes after those that it requires.
fn requirements(use_cases: &[Arc<UseCase>]) -> Vec<Requirement> {
    let named = |name: &String| -> Vec<usize> {
        use_cases.iter().enumerate().filter(|(_, known)| known.id() == *name).map(|(idx, _)| idx).collect()
    };
    let of_use_case = |use_case: &Arc<UseCase>| use_case.requires.iter().map(named).collect();
    let required: Vec<Vec<Vec<usize>>> = use_cases.iter().map(of_use_case).collect();
    let mut placed = BTreeSet::new();
    let mut sorted = Vec::new();
    // without circles, which are configuration errors, every round places at least one
    for _ in 0..use_cases.len() {
        for (use_case_idx, required) in required.iter().enumerate() {
            if !placed.contains(&use_case_idx) && required.iter().flatten().all(|idx| placed.contains(idx)) {
                placed.insert(use_case_idx);
                sorted.push(Requirement { use_case_idx, required: required.clone() });
            }
        }
    }
    sorted.retain(|requirement| !requirement.required.is_empty());
    sorted
}

/// An aggregator that a use case flagged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Flagged {
    aggregator: String,
    use_case_idx: usize,
}

impl Record for Flagged {
    fn encode(&self, fields: &mut FieldWriter) {
        fields.text(&self.aggregator);
        fields.number(self.use_case_idx as u64);
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        Ok(Flagged { aggregator: fields.text()?, use_case_idx: fields.small()? })
    }
}

/// An aggregator of a use case whose requirements are not met.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Unmet {
    use_case_idx: usize,
    aggregator: String,
}

impl Unmet {
    fn key(&self) -> (usize, Option<&str>) {
        (self.use_case_idx, Some(&self.aggregator))
    }
}

impl Record for Unmet {
    fn encode(&self, fields: &mut FieldWriter) {
        fields.number(self.use_case_idx as u64);
        fields.text(&self.aggregator);
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        Ok(Unmet { use_case_idx: fields.small()?, aggregator: fields.text()? })
    }
}

/// Returns the flagged aggregators of the use cases that requirements name, sorted by aggregator.
fn flagged(
    roll_up: &RollUp<'_>,
    found: &StoredRuns<Found>,
    selection: &mut Selection,
    requirements: &[Requirement],
) -> Result<MergedRuns<Flagged>, RollUpError> {
    let named = requirements.iter().flat_map(|named| named.required.iter().flatten().chain([&named.use_case_idx]));
    let named: BTreeSet<usize> = named.copied().collect();
    let mut sorted = SortedRuns::new(roll_up.spill_dir, MEMORY_BYTES);
    let mut last: Option<Flagged> = None;
    roll_up.for_each_kept(found, selection, |found, _| {
        let Some(aggregator) = found.finding.aggregator.filter(|_| named.contains(&found.use_case_idx)) else {
            return Ok(());
        };
        let flagged = Flagged { aggregator, use_case_idx: found.use_case_idx };
        // those of one use case and aggregator come one after the other
        if last.as_ref() != Some(&flagged) {
            sorted.push(flagged.clone(), flagged.aggregator.len() + size_of::<Flagged>())?;
            last = Some(flagged);
        }
        Ok(())
    })?;
    Ok(sorted.merge()?)
}

/// Returns the flagged aggregators whose requirements are not met, sorted by use case.
fn unmet(
    roll_up: &RollUp<'_>,
    mut flagged: MergedRuns<Flagged>,
    requirements: &[Requirement],
) -> Result<MergedRuns<Unmet>, RollUpError> {
    let mut sorted = SortedRuns::new(roll_up.spill_dir, MEMORY_BYTES);
    while let Some(Flagged { aggregator, use_case_idx }) = flagged.next_if(|_| true)? {
        let mut standing = BTreeSet::from([use_case_idx]);
        while let Some(next) = flagged.next_if(|next| next.aggregator == aggregator)? {
            standing.insert(next.use_case_idx);
        }
        for Requirement { use_case_idx, required } in requirements {
            let is_met = required.iter().all(|named| named.iter().any(|idx| standing.contains(idx)));
            if !is_met && standing.remove(use_case_idx) {
                let unmet = Unmet { use_case_idx: *use_case_idx, aggregator: aggregator.clone() };
                sorted.push(unmet, aggregator.len() + size_of::<Unmet>())?;
            }
        }
    }
    Ok(sorted.merge()?)
}
