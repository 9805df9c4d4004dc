//! The list of findings of a report.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use minijinja::context;

use super::super::{FindingView, Templates, shown};
use super::read::ReportPageError;
use crate::config::{FindingSeverity, ModelType};
use crate::models::Evidence;
use crate::plots::{self, ArrivalPlot, Axis};
use crate::state::KeptFinding;
use crate::terminal::counted;

/// Upper limit on the findings of a page.
const MOST: usize = 10_000;

/// Upper limit on the bytes of the list, and of the part of it that has plots.
const MOST_BYTES: usize = 16 << 20;
const MOST_BYTES_WITH_PLOTS: usize = 8 << 20;

const ROW: &str = include_str!("row.html");

/// Findings as they are listed on a page, the highest scores first.
#[derive(Debug)]
pub struct FindingList {
    templates: Templates,
    pub(super) rows: String,
    pub(super) n_listed: u64,
    pub(super) severities: BTreeSet<&'static str>,
    pub(super) use_cases: BTreeSet<String>,
    pub(super) techniques: BTreeSet<String>,
    /// Times of first events in seconds, by use case.
    times: BTreeMap<String, Vec<f64>>,
}

/// Room for more findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// The list takes more.
    Left,
    /// The finding was not added: the list is full.
    None,
}

impl FindingList {
    /// Without findings.
    ///
    /// # Errors
    /// A template with a mistake.
    pub fn new() -> Result<Self, ReportPageError> {
        Ok(FindingList {
            templates: Templates::read(&[])?.with_part("row", ROW)?,
            rows: String::new(),
            n_listed: 0,
            severities: BTreeSet::new(),
            use_cases: BTreeSet::new(),
            techniques: BTreeSet::new(),
            times: BTreeMap::new(),
        })
    }

    /// Lists these findings, as long as there is room.
    ///
    /// # Errors
    /// A template with a mistake.
    pub fn of<'e>(
        findings: &[KeptFinding],
        evidence: impl Fn(&str) -> Option<&'e Evidence>,
    ) -> Result<Self, ReportPageError> {
        let mut list = Self::new()?;
        for finding in findings {
            if list.add(finding, evidence(&finding.id))? == Room::None {
                break;
            }
        }
        Ok(list)
    }

    /// Adds the finding with the next lower score.
    ///
    /// # Errors
    /// A template with a mistake.
    pub fn add(&mut self, finding: &KeptFinding, evidence: Option<&Evidence>) -> Result<Room, ReportPageError> {
        let has_room = self.rows.len() < MOST_BYTES_WITH_PLOTS;
        let row = self.row(finding, evidence.filter(|_| has_room))?;
        if self.n_listed == MOST as u64 || self.rows.len() + row.len() > MOST_BYTES {
            return Ok(Room::None);
        }
        self.rows += &row;
        self.n_listed += 1;
        self.severities.extend(finding.severity.map(|severity| severity.as_str()));
        self.use_cases.insert(finding.use_case.clone());
        self.techniques.extend(finding.techniques.iter().cloned());
        if let Some(first) = finding.first.or(finding.last) {
            let times = self.times.entry(finding.use_case.clone()).or_default();
            times.push(first.timestamp_micros() as f64 / 1e6);
        }
        Ok(Room::Left)
    }

    fn row(&self, finding: &KeptFinding, evidence: Option<&Evidence>) -> Result<String, minijinja::Error> {
        let line = self.templates.line(&FindingView::of(finding))?;
        let details = self.templates.details(finding, evidence)?;
        let micros = |time: Option<DateTime<Utc>>| time.map(|time| time.timestamp_micros());
        let (id, case, documents) = (&finding.id, &finding.use_case, finding.documents);
        let severity = finding.severity.map(|severity| severity.as_str());
        let (first, last) = (micros(finding.first), micros(finding.last));
        let techniques = finding.techniques.join(" ");
        let about = context! { id, case, documents, severity, first, last, techniques };
        self.templates.render("row", context! { line, details, ..about })
    }

    /// Says how many findings are not listed.
    pub(super) fn note(&self, n_findings: u64) -> Option<String> {
        let beyond = n_findings.saturating_sub(self.n_listed);
        let listed = counted(self.n_listed, "finding", "findings");
        match (self.n_listed, beyond) {
            (0, 0) => Some("There are none.".to_owned()),
            (_, 0) => None,
            (_, beyond) => {
                let are = if beyond == 1 { "is" } else { "are" };
                let more = counted(beyond, "finding", "findings");
                Some(format!("The {listed} with the highest scores are listed. {more} with lower scores {are} not."))
            }
        }
    }

    /// Plot of the findings over time, a row for each use case.
    pub(super) fn timeline(&self) -> Option<String> {
        if self.times.is_empty() {
            return None;
        }
        let mut plot = ArrivalPlot::new(
            "First events of findings",
            "A tick for the first event of each finding, in a row for each use case.",
            Axis::linear("time (UTC)").of_times(),
        );
        let mut rows: Vec<(&String, &Vec<f64>)> = self.times.iter().collect();
        rows.sort_by_key(|(name, times)| (Reverse(times.len()), *name));
        for (name, times) in rows {
            let findings = counted(times.len() as u64, "finding", "findings");
            plot = plot.row(without_model(name), times.clone(), findings);
        }
        Some(plots::part(&plot.svg()))
    }

    /// Values of the filters, for a template.
    pub(super) fn filters(&self) -> minijinja::Value {
        // the highest first
        let severities: Vec<&str> = FindingSeverity::NAMES
            .iter()
            .rev()
            .map(|(name, _)| *name)
            .filter(|name| self.severities.contains(name))
            .collect();
        let (use_cases, techniques) = (shown(&self.use_cases), shown(&self.techniques));
        context! { severities, use_cases, techniques }
    }
}

/// Name of a use case without the type of its model: labels are short.
fn without_model(name: &str) -> &str {
    let models = ModelType::NAMES.iter();
    let rest = |(model, _): &(&str, ModelType)| name.strip_prefix(*model)?.strip_prefix('_');
    models.filter_map(rest).next().unwrap_or(name)
}
