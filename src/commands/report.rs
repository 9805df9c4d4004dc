//! `report`: the page of a run that is over.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::error::RunError;
use super::run::write_page;
use super::state::folder;
use super::told;
use crate::cli::ReportArgs;
use crate::html::{FindingList, ReadReport};
use crate::report::Exit;
use crate::state::{KeptFinding, StateStore};
use crate::terminal::escape_controls;

/// Writes the page of a report, or of a run of the history.
pub fn report(args: &ReportArgs) -> Exit {
    page(args).map_or_else(told, |()| Exit::Done)
}

fn page(args: &ReportArgs) -> Result<(), RunError> {
    let file = Path::new(&args.report);
    let (report, findings) = if file.is_file() { of_file(file)? } else { of_history(args)? };
    let list = FindingList::of(&findings, |id| report.evidence(id))?;
    write_page(&args.html, &report, &list)
}

/// Reads the report in a file, and its findings.
///
/// # Errors
/// A file that cannot be read, or is not a report.
pub(super) fn of_file(path: &Path) -> Result<(ReadReport, Vec<KeptFinding>), RunError> {
    let text = fs::read(path).map_err(|source| RunError::Unreadable { path: path.to_owned(), source })?;
    let usage = |why: &dyn std::fmt::Display| RunError::Usage(format!("{}: {why}", path.display()));
    let report: Value = serde_json::from_slice(&text).map_err(|error| usage(&format!("not JSON: {error}")))?;
    let mut report = ReadReport::of(report).map_err(|error| usage(&error))?;
    let findings = report.take_findings();
    Ok((report, findings))
}

fn of_history(args: &ReportArgs) -> Result<(ReadReport, Vec<KeptFinding>), RunError> {
    let name = escape_controls(&args.report);
    if args.place.state_dir.is_none() && args.place.config.is_empty() {
        let cure = "for a run of the history, name its folder with --state-dir, or a configuration with --config";
        return Err(RunError::Usage(format!("{name}: there is no such file; {cure}")));
    }
    let folder = folder(&args.place)?;
    let store = StateStore::open_to_read(&folder)?
        .ok_or_else(|| RunError::Usage(format!("{}: no run is recorded there", folder.display())))?;
    let run = store.find_run(&args.report)?.ok_or_else(|| {
        RunError::Usage(format!("{name}: neither a file nor a run of the history: see `ee-outliers runs list`"))
    })?;
    let text = store.report(run.number)?;
    let text = text.ok_or_else(|| RunError::Usage(format!("{name}: the run has no report, because it did not end")))?;
    let report: Value = serde_json::from_str(&text).map_err(|error| RunError::Internal(error.to_string()))?;
    Ok((ReadReport::of(report)?, store.findings(run.number)?))
}
