//! The page of a run: findings are listed while they are at hand, the rest when the run is over.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::super::error::RunError;
use crate::cli::RunArgs;
use crate::findings::{Findings, StableId};
use crate::html::{FindingList, ReadReport, ReportPageError, Room, report_page};
use crate::models::Evidence;
use crate::report::Report;
use crate::sinks::files::{is_standard_output, write_whole};

/// The page of a run that wants one.
#[derive(Debug)]
pub(super) struct Page {
    path: PathBuf,
    findings: OnceLock<FindingList>,
}

impl Page {
    /// `None` if no page is wanted.
    pub(super) fn wanted(args: &RunArgs) -> Option<Self> {
        Some(Page { path: args.html.clone()?, findings: OnceLock::new() })
    }

    /// True if the page goes to standard output.
    pub(super) fn is_printed(&self) -> bool {
        is_standard_output(&self.path)
    }

    /// Lists the findings with the highest scores, with what explains them.
    ///
    /// # Errors
    /// Findings that cannot be read back.
    pub(super) fn list(&self, findings: &Findings, evidence: &HashMap<StableId, Evidence>) -> Result<(), RunError> {
        let mut list = FindingList::new()?;
        let mut findings = findings.read()?;
        while let Some(finding) = findings.next_if(|_| true)? {
            let evidence = evidence.get(&finding.finding_id);
            if list.add(&finding.into(), evidence)? == Room::None {
                break;
            }
        }
        // a run lists its findings once
        drop(self.findings.set(list));
        Ok(())
    }

    /// Writes the page. That of a run which failed before it had findings lists none.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(super) fn write(self, report: &Report) -> Result<(), RunError> {
        let list = self.findings.into_inner().map_or_else(FindingList::new, Ok)?;
        let report = serde_json::to_value(report).map_err(|error| RunError::Internal(error.to_string()))?;
        let report = ReadReport::of(report).map_err(|error| RunError::Internal(error.to_string()))?;
        write_page(&self.path, &report, &list)
    }
}

/// Writes the page of a report; `-` is standard output.
///
/// # Errors
/// A file that cannot be written.
pub(in crate::commands) fn write_page(path: &Path, report: &ReadReport, list: &FindingList) -> Result<(), RunError> {
    Ok(write_whole(path, report_page(report, list)?.as_bytes())?)
}

impl From<ReportPageError> for RunError {
    fn from(error: ReportPageError) -> Self {
        match error {
            ReportPageError::Template(_) => RunError::Internal(error.to_string()),
            ReportPageError::NotAReport(_) | ReportPageError::Schema(_) => RunError::Usage(error.to_string()),
        }
    }
}
