//! Use cases that were tried with several values of a key, for people.

use crate::findings::Finding;
use crate::sinks::console::TextPage;
use crate::terminal::{counted, escape_controls, padded, thousands, width};

/// Use cases that were tried.
#[derive(Debug)]
pub struct Tried {
    /// The key.
    pub key: String,
    /// Number of events that were read.
    pub n_events: u64,
    /// The use cases.
    pub use_cases: Vec<TriedUseCase>,
}

/// A use case that was tried.
#[derive(Debug)]
pub struct TriedUseCase {
    /// Its name.
    pub name: String,
    /// Number of events that match its query.
    pub matching: u64,
    /// Numbers of findings and of their documents with the value in use.
    pub in_use: (u64, u64),
    /// That value, if it is known.
    pub value_in_use: Option<String>,
    /// Other values, each with these numbers.
    pub values: Vec<(String, (u64, u64))>,
    /// Findings that it does not have, each with the value that finds it; the nearest first.
    pub misses: Vec<(String, Finding)>,
}

impl Tried {
    /// Lines about each use case.
    pub fn text(&self) -> String {
        let page = TextPage::on_standard_output(None);
        self.use_cases.iter().map(|use_case| self.lines(use_case, page)).collect()
    }

    fn lines(&self, tried: &TriedUseCase, page: TextPage) -> String {
        let (matching, n_events) = (thousands(tried.matching), counted(self.n_events, "event", "events"));
        let (n_findings, n_documents) = tried.in_use;
        let (findings, documents) =
            (counted(n_findings, "finding", "findings"), counted(n_documents, "document", "documents"));
        let name = escape_controls(&tried.name);
        let head = format!("{name}: {matching} of {n_events} match: {findings} in {documents}");
        let mut text = format!("\n{}", page.paragraph(&head, 0));
        if tried.values.is_empty() {
            return text;
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
        text.push_str(&format!("  {}  findings  documents\n", padded(&self.key, most)));
        for (value, (findings, documents), mark) in rows {
            let value = padded(&escape_controls(value), most);
            text.push_str(&format!("  {value}  {:>8}  {:>9}{mark}\n", thousands(findings), thousands(documents)));
        }
        if !tried.misses.is_empty() {
            text.push_str("  nearly outliers:\n");
        }
        for (value, finding) in &tried.misses {
            let reason = finding.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let found = format!("with {}={value}: {}{reason}", self.key, finding.summary);
            text.push_str(&page.paragraph(&escape_controls(&found), 4));
        }
        text
    }
}
