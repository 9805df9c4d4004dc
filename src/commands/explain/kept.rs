//! Findings that earlier runs kept: in reports, and in the history.

use std::path::Path;

use super::super::error::RunError;
use super::super::report;
use super::looking::{Explanation, FindingPlace};
use crate::config::Configuration;
use crate::state::{KeptFinding, StateStore};
use crate::terminal::quoted;

/// A finding of a report.
pub(super) struct ReportedFinding {
    pub(super) place: FindingPlace,
    /// The explanation that the report holds.
    pub(super) explanation: Option<Explanation>,
}

/// Findings of a report whose ids begin with `id`.
///
/// # Errors
/// A file that is not a report.
pub(super) fn in_report(path: &Path, id: &str) -> Result<Vec<ReportedFinding>, RunError> {
    let (report, findings) = report::of_file(path)?;
    let found: Vec<ReportedFinding> = findings
        .into_iter()
        .filter(|finding| finding.id.starts_with(id))
        .map(|finding| ReportedFinding {
            explanation: report.evidence(&finding.id).map(|evidence| Explanation::of_kept(&finding, evidence.clone())),
            place: place_of(finding),
        })
        .collect();
    if found.is_empty() {
        let why = "a report lists the findings with the highest scores only";
        let cure = "leave --report out, and name the events with --events";
        return Err(RunError::Usage(format!(
            "{}: no finding has the id {}: {why}; {cure}",
            path.display(),
            quoted(id)
        )));
    }
    Ok(found)
}

/// Findings of the newest run in the history that knows some whose ids begin with `id`.
///
/// # Errors
/// A history that cannot be read.
pub(super) fn in_history(settings: &Configuration, id: &str) -> Result<Vec<FindingPlace>, RunError> {
    let Some(folder) = &settings.main.general.state_dir else { return Ok(Vec::new()) };
    let Some(store) = StateStore::open_to_read(folder)? else { return Ok(Vec::new()) };
    let mut runs = store.runs()?;
    runs.sort_by_key(|run| std::cmp::Reverse(run.number));
    for run in runs {
        let kept = store.findings(run.number)?.into_iter().filter(|finding| finding.id.starts_with(id));
        let places: Vec<FindingPlace> = kept.map(place_of).collect();
        if !places.is_empty() {
            return Ok(places);
        }
    }
    Ok(Vec::new())
}

fn place_of(finding: KeptFinding) -> FindingPlace {
    FindingPlace {
        document: format!("{}/{}", finding.index, finding.document),
        id: finding.id,
        use_case: finding.use_case,
    }
}
