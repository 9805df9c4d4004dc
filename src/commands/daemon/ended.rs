//! Runs that have ended, of this process and of earlier ones.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tracing::{info, warn};

use crate::report::{Exit, Report};
use crate::state::{RunRecord, StateError, StateStore};

/// Reads the newest runs of earlier processes with their reports, the oldest first.
pub(super) fn newest_runs(store: &StateStore) -> Result<Vec<(RunRecord, Option<Value>)>, StateError> {
    const MOST: usize = 30;
    let runs = store.runs()?;
    let newest = runs.into_iter().rev().take(MOST).rev();
    let with_report = newest.map(|run| {
        let report = store.report(run.number)?;
        Ok((run, report.and_then(|text| serde_json::from_str(&text).ok())))
    });
    with_report.collect()
}

/// Report of a run that met a bug.
pub(super) fn panicked(now: DateTime<Utc>) -> (Report, Exit) {
    let mut report = Report::new(now);
    report.fail("internal error: see the log".to_owned(), Exit::Internal);
    (report, Exit::Internal)
}

pub(super) fn log_end(report: &Report, exit: Exit, duration: Duration) {
    let (outliers, findings) = (report.totals.outliers, report.totals.findings);
    let (exit_code, seconds) = (exit as u8, duration.as_secs());
    match exit {
        Exit::Done => info!(outliers, findings, seconds, "the run is complete"),
        Exit::Partial => {
            let missing = report.missing.join("; ");
            warn!(outliers, findings, seconds, exit_code, "the run is partial: {missing}");
        }
        // the reason was logged by the run
        _ => warn!(seconds, exit_code, "the run has not come to its end"),
    }
}

/// Bytes of all files below a folder, as far as they can be read.
pub(super) fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => folder_bytes(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    });
    bytes.sum()
}
