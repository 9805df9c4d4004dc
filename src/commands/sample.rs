//! `check --events`: whether the use cases can use the events of a sample.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Utc;

use super::error::RunError;
use super::{limits, open_files};
use crate::config::{Configuration, Problem, UseCase};
use crate::engine::Compute;
use crate::ingest::ingest;
use crate::plan::{self, Period};
use crate::query::Mapping;
use crate::report::skipped_lines;
use crate::sources::{ScanOptions, ScanSummary};
use crate::terminal::counted;
use crate::usability::{Assessment, Usability, assess, names_in_use};

/// Memory for the events of a sample, in bytes; the rest is spilled.
const MEMORY: usize = 1 << 30;

/// Findings about the use cases in a sample of events.
pub(super) struct Sample {
    /// A warning for each doubt, and for what could not be read.
    pub(super) problems: Vec<Problem>,
    /// True if some use case cannot use the events that it matches, or none is applicable.
    pub(super) has_unusable: bool,
    /// Use cases that look at events of another kind, with what is missing.
    pub(super) not_applicable: Vec<String>,
    /// Missing fields by the names of these use cases.
    pub(super) missing: BTreeMap<String, String>,
    /// Names under which fields occur, by the names that use cases write, where these differ.
    pub(super) fields: BTreeMap<String, Vec<String>>,
}

/// Reads a sample of events and assesses each use case that can run.
///
/// # Errors
/// A sample that cannot be read, or holds no event.
pub(super) fn read(events: &[String], settings: &Configuration, mapping: Option<&Mapping>) -> Result<Sample, RunError> {
    let compute = Compute::new(limits(MEMORY, None, None)?).map_err(|error| RunError::Internal(error.to_string()))?;
    let source = open_files(events, &compute)?;
    let use_cases = settings.use_cases.iter().map(|use_case| Arc::new(use_case.clone())).collect();
    // the problems of use cases that cannot run are told without a sample
    let (plan, _) = plan::plan(use_cases, &settings.main.field_names, mapping, Period::Everything, Utc::now());
    let plan = Arc::new(plan);
    let ingested = ingest(&source, &plan, &compute, &ScanOptions::default())?;
    let mut problems = of_summary(&ingested.summary);
    if ingested.summary.events == 0 {
        let reasons: Vec<String> = problems.iter().map(|problem| problem.message.clone()).collect();
        let reasons = if reasons.is_empty() { "the files are empty".to_owned() } else { reasons.join("\n") };
        return Err(RunError::Reading(format!("no event was read: {reasons}")));
    }
    let assessments = assess(&plan, &ingested, &source);
    let n_with = |wanted| assessments.iter().filter(|assessment| assessment.usability == wanted).count();
    let n_inapplicable = n_with(Usability::NotApplicable);
    let has_unusable = n_with(Usability::Unusable) > 0 || (n_inapplicable > 0 && n_inapplicable == assessments.len());
    let (mut not_applicable, mut missing) = (Vec::new(), BTreeMap::new());
    for (planned, assessment) in plan.use_cases.iter().zip(assessments) {
        if assessment.usability == Usability::NotApplicable {
            let (name, notes) = (planned.use_case.id(), assessment.notes.join("; "));
            not_applicable.push(format!("{name}: {notes}"));
            missing.insert(name, notes);
            continue;
        }
        problems.extend(of_use_case(&planned.use_case, assessment, ingested.summary.events));
    }
    let fields = names_in_use(&plan, &ingested, &source);
    Ok(Sample { problems, has_unusable, not_applicable, missing, fields })
}

/// Returns a warning for each part of the events that was not read.
pub(super) fn of_summary(summary: &ScanSummary) -> Vec<Problem> {
    let skipped = summary.skipped.reasons().map(|(reason, lines, samples)| skipped_lines(reason, lines, samples));
    let incomplete = summary.incomplete.iter().map(|part| format!("{}: {}", part.name, part.reason));
    let ignored = summary.ignored.iter().map(|file| format!("not read: {}: {}", file.name, file.reason));
    skipped.chain(incomplete).chain(ignored).map(Problem::warning).collect()
}

fn of_use_case(use_case: &UseCase, assessment: Assessment, n_events: u64) -> Vec<Problem> {
    let Assessment { usability, mut notes } = assessment;
    if usability == Usability::NoEvents && notes.is_empty() {
        notes.push(format!("none of the {} matches its query", counted(n_events, "event", "events")));
    }
    let warning = |note| Problem::warning(note).at(use_case.location.clone()).in_section(&use_case.id());
    notes.into_iter().map(warning).collect()
}
