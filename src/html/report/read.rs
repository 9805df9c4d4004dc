//! Reports of runs as they are read: from the run itself, a file, or the history.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::findings::Finding;
use crate::models::Evidence;
use crate::report::{SCHEMA, Status};
use crate::state::KeptFinding;

/// Reasons why a page cannot be made of a report.
#[derive(Debug, thiserror::Error)]
pub enum ReportPageError {
    /// The text is not a report of a run.
    #[error("not a report of a run: {0}; write one with `ee-outliers run --report FILE`")]
    NotAReport(String),
    /// The report has another form.
    #[error("the report has schema {0}, which this version cannot read: use the version that wrote it")]
    Schema(u64),
    /// A template has a mistake: a bug in this program.
    #[error("page: {0:#}")]
    Template(#[from] minijinja::Error),
}

/// A report of a run. What earlier versions did not write is empty.
#[derive(Debug, Deserialize)]
pub struct ReadReport {
    pub(super) version: String,
    pub(super) started: String,
    pub(super) status: Status,
    #[serde(default)]
    pub(super) run: Option<String>,
    #[serde(default)]
    pub(super) missing: Vec<String>,
    #[serde(default)]
    pub(super) warnings: Vec<String>,
    pub(super) seconds: f64,
    pub(super) source: ReadSource,
    pub(super) totals: ReadTotals,
    #[serde(default)]
    findings: Vec<Finding>,
    /// Evidence by the id of the finding.
    #[serde(default)]
    evidence: BTreeMap<String, Evidence>,
    #[serde(default)]
    pub(super) assets: Vec<ReadAsset>,
    #[serde(default)]
    pub(super) use_cases: Vec<ReadUseCase>,
}

/// Counts of what was read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReadSource {
    pub(super) events: u64,
    pub(super) bytes: u64,
    pub(super) skipped_lines: BTreeMap<String, ReadSkipped>,
    pub(super) incomplete: Vec<String>,
    pub(super) ignored: Vec<String>,
    pub(super) fields: BTreeMap<String, Vec<String>>,
    pub(super) repeats: u64,
    pub(super) forgotten: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReadSkipped {
    pub(super) lines: u64,
    pub(super) samples: Vec<String>,
}

/// Sums over use cases.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReadTotals {
    pub(super) use_cases: u64,
    pub(super) completed: u64,
    pub(super) not_applicable: u64,
    pub(super) outliers: u64,
    pub(super) findings: u64,
    pub(super) assets: u64,
    pub(super) whitelisted: u64,
}

/// An asset with the evidence about it.
#[derive(Debug, Deserialize)]
pub(super) struct ReadAsset {
    pub(super) asset: String,
    pub(super) score: f64,
    pub(super) surprise: f64,
    pub(super) findings: u64,
    pub(super) use_cases: Vec<ReadShare>,
}

/// Share of a use case in an asset's surprise.
#[derive(Debug, Deserialize)]
pub(super) struct ReadShare {
    pub(super) use_case: String,
    pub(super) findings: u64,
}

/// A use case.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct ReadUseCase {
    pub(super) name: String,
    pub(super) status: Status,
    pub(super) techniques: Vec<String>,
    pub(super) error: Option<String>,
    pub(super) notes: Vec<String>,
    pub(super) events: u64,
    pub(super) outliers: u64,
    pub(super) findings: u64,
    pub(super) whitelisted: u64,
    pub(super) skipped_events: BTreeMap<String, u64>,
}

impl Default for ReadUseCase {
    fn default() -> Self {
        ReadUseCase {
            name: String::new(),
            status: Status::Complete,
            techniques: Vec::new(),
            error: None,
            notes: Vec::new(),
            events: 0,
            outliers: 0,
            findings: 0,
            whitelisted: 0,
            skipped_events: BTreeMap::new(),
        }
    }
}

impl ReadReport {
    /// Reads the JSON form of a report.
    ///
    /// # Errors
    /// JSON that is not a report, or one of a version with another form.
    pub fn of(report: Value) -> Result<Self, ReportPageError> {
        match report["schema"].as_u64() {
            Some(schema) if schema == u64::from(SCHEMA) => {}
            Some(schema) => return Err(ReportPageError::Schema(schema)),
            None => return Err(ReportPageError::NotAReport("it has no `schema`".to_owned())),
        }
        serde_json::from_value(report).map_err(|error| ReportPageError::NotAReport(error.to_string()))
    }

    /// Takes the findings of the report itself: those with the highest scores.
    pub fn take_findings(&mut self) -> Vec<KeptFinding> {
        std::mem::take(&mut self.findings).into_iter().map(KeptFinding::from).collect()
    }

    /// Evidence of the finding with this id.
    pub fn evidence(&self, id: &str) -> Option<&Evidence> {
        self.evidence.get(id)
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use serde_json::{json, to_value};

    use super::*;
    use crate::report::Report;

    #[test]
    fn reports_are_read_as_they_are_written() {
        let written = to_value(Report::new(Utc::now())).unwrap();
        assert_eq!(ReadReport::of(written.clone()).unwrap().status, Status::Complete);
        for (change, expected) in [
            (json!({}), "not a report of a run: it has no `schema`"),
            (json!({"schema": 99}), "schema 99"),
            (json!({"schema": 1, "problems": []}), "not a report of a run: missing field"),
        ] {
            let error = ReadReport::of(change).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
