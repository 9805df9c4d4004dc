//! Use cases that were tried, for people: what they look at, and what they find with other values
//! of a key.

use crate::findings::Finding;
use crate::models::{Evidence, OutlierSide};
use crate::scan_group::{Overview, SampledEvent};
use crate::sinks::console::TextPage;
use crate::terminal::{counted, escape_controls, fitted, number, padded, thousands, width};

/// Columns of a text of an event, at most.
const TEXT: usize = 60;

/// Use cases that were tried.
#[derive(Debug)]
pub struct Tried {
    /// The key.
    pub key: String,
    /// The use cases.
    pub use_cases: Vec<TriedUseCase>,
}

/// A use case that was tried.
#[derive(Debug)]
pub struct TriedUseCase {
    /// Its name.
    pub name: String,
    /// Number of events in its window.
    pub n_events: u64,
    /// Number of those that match its query.
    pub matching: u64,
    /// Numbers of findings and of their documents with the value in use.
    pub in_use: (u64, u64),
    /// That value, if it is known.
    pub value_in_use: Option<String>,
    /// Other values, each with these numbers.
    pub values: Vec<(String, (u64, u64))>,
    /// Findings that it does not have, each with the value that finds it; the nearest first.
    pub misses: Vec<(String, Finding)>,
    /// Groups and events that it looks at.
    pub overview: Overview,
}

impl Tried {
    /// Lines about each use case.
    pub fn text(&self) -> String {
        let page = TextPage::on_standard_output(None);
        self.use_cases.iter().map(|use_case| self.lines(use_case, page)).collect()
    }

    fn lines(&self, tried: &TriedUseCase, page: TextPage) -> String {
        let (matching, n_events) = (thousands(tried.matching), counted(tried.n_events, "event", "events"));
        let (n_findings, n_documents) = tried.in_use;
        let (findings, documents) =
            (counted(n_findings, "finding", "findings"), counted(n_documents, "document", "documents"));
        let name = escape_controls(&tried.name);
        let head = format!("{name}: {matching} of {n_events} match: {findings} in {documents}");
        let mut text = format!("\n{}", page.paragraph(&head, 0));
        text.push_str(&groups(&tried.overview, page));
        text.push_str(&self.values(tried));
        if !tried.misses.is_empty() {
            text.push_str("  nearly outliers:\n");
        }
        for (value, finding) in &tried.misses {
            let reason = finding.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let found = format!("with {}={value}: {}{reason}", self.key, finding.summary);
            text.push_str(&page.paragraph(&escape_controls(&found), 4));
        }
        text.push_str(&samples(&tried.overview.samples, page));
        text
    }

    /// Table of the values of the key.
    fn values(&self, tried: &TriedUseCase) -> String {
        if tried.values.is_empty() {
            return String::new();
        }
        let mut rows: Vec<(&str, (u64, u64), &str)> =
            tried.values.iter().map(|(value, counts)| (value.as_str(), *counts, "")).collect();
        match &tried.value_in_use {
            Some(value) => {
                rows.retain(|(other, ..)| other != value);
                rows.push((value, tried.in_use, "  in use"));
            }
            None => rows.push(("as configured", tried.in_use, "")),
        }
        rows.sort_by(|a, b| a.0.parse().unwrap_or(f64::MAX).total_cmp(&b.0.parse().unwrap_or(f64::MAX)));
        let most = rows.iter().map(|(value, ..)| width(value)).chain([width(&self.key)]).max().unwrap_or(0);
        let mut text = format!("  {}  findings  documents\n", padded(&self.key, most));
        for (value, (findings, documents), mark) in rows {
            let value = padded(&escape_controls(value), most);
            text.push_str(&format!("  {value}  {:>8}  {:>9}{mark}\n", thousands(findings), thousands(documents)));
        }
        text
    }
}

/// Table of the largest groups, with their frontiers.
fn groups(overview: &Overview, page: TextPage) -> String {
    if overview.groups.is_empty() {
        return String::new();
    }
    let rows: Vec<[String; 3]> = overview
        .groups
        .iter()
        .map(|group| {
            let Evidence { group: name, .. } = &group.evidence;
            let name = name.as_deref().map_or_else(String::new, |name| one_line(name, TEXT));
            [thousands(group.n_rows), frontier(&group.evidence), name]
        })
        .collect();
    let heads = ["events", "outliers are"];
    let widest = |idx: usize| rows.iter().map(|row| width(&row[idx])).chain([width(heads[idx])]).max().unwrap_or(0);
    let widths = [widest(0), widest(1)];
    let n_others = overview.n_groups.saturating_sub(rows.len() as u64);
    let others = if n_others > 0 { format!(", of {}", thousands(overview.n_groups)) } else { String::new() };
    let line = |[n, frontier, name]: [&str; 3]| {
        let line = format!("  {n:>first$}  {}  {name}", padded(frontier, widths[1]), first = widths[0]);
        format!("{}\n", fitted(line.trim_end(), page.columns()))
    };
    let mut text = line([heads[0], heads[1], &format!("largest groups{others}")]);
    for [n, frontier, name] in &rows {
        text.push_str(&line([n, frontier, name]));
    }
    text
}

/// Values that are outliers in the group of a row.
fn frontier(evidence: &Evidence) -> String {
    let side = match evidence.side {
        Some(OutlierSide::Above) => "above",
        Some(OutlierSide::Below) => "below",
        None => return "-".to_owned(),
    };
    evidence.frontier.map_or_else(|| "none".to_owned(), |frontier| format!("{side} {}", number(frontier)))
}

/// Lines about some of the events.
fn samples(samples: &[SampledEvent], page: TextPage) -> String {
    if samples.is_empty() {
        return String::new();
    }
    let mut text = "  some of the events:\n".to_owned();
    for SampledEvent { document, fields, evidence } in samples {
        text.push_str(&page.paragraph(&one_line(&format!("{}/{}", document.index, document.id), usize::MAX), 4));
        let value = evidence.as_ref().and_then(|evidence| {
            let value = number(evidence.value?);
            Some(format!("{}: {value}; outliers are {}", escape_controls(&evidence.measure), frontier(evidence)))
        });
        let fields = fields.iter().map(|(name, value)| format!("{}={}", escape_controls(name), one_line(value, TEXT)));
        for line in value.into_iter().chain([fields.collect::<Vec<_>>().join(" · ")]).filter(|line| !line.is_empty()) {
            text.push_str(&page.paragraph(&line, 6));
        }
    }
    text
}

/// Start of a text of an event, escaped.
fn one_line(text: &str, most: usize) -> String {
    // escaping makes texts longer, and these may be of any length
    let start: String = text.chars().take(most).collect();
    let shown = escape_controls(&start);
    if start.len() < text.len() { fitted(&format!("{shown}…"), most) } else { fitted(&shown, most) }
}
