//! A notice as people read it: a title, lines with a name and a text, the document.
//!
//! All texts are bounded and safe to print; each channel escapes them for its own markup.

use chrono::{DateTime, SecondsFormat, Utc};
use outlier_kernels::surprise::score;

use super::text::{block, one_line};
use crate::config::FindingSeverity;
use crate::delivery::{Digest, FindingNotice, Notice, NoticeDocument};
use crate::terminal::counted;

/// Upper limit on the characters of a title.
pub(super) const TITLE_CHARS: usize = 300;

/// Upper limit on the lines with what the model saw.
const MOST_OBSERVATIONS: usize = 60;

/// Values that an outlier stores and that other lines tell already.
const TOLD_ELSEWHERE: [&str; 5] = ["type", "reason", "summary", "assets", "score"];

/// A notice as people read it.
#[derive(Debug)]
pub(super) struct View {
    /// One line.
    pub(super) title: String,
    pub(super) severity: FindingSeverity,
    /// Names and texts.
    pub(super) facts: Vec<(&'static str, String)>,
    /// Names and texts of what the model saw.
    pub(super) observations: Vec<(String, String)>,
    /// Findings of a digest, one line each.
    pub(super) findings: Vec<String>,
    /// The document, on several lines.
    pub(super) document: Option<String>,
}

/// Upper limits on the characters of a view.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Of each text.
    pub(super) text: usize,
    /// Of the document.
    pub(super) document: usize,
}

impl View {
    pub(super) fn new(notice: &Notice, bounds: Bounds) -> Self {
        let (title, severity) = (title(notice), severity(notice));
        match notice {
            Notice::Finding(finding) | Notice::Sample(finding) => View {
                title,
                severity,
                facts: facts(finding, severity, bounds.text),
                observations: observations(finding, bounds.text),
                findings: Vec::new(),
                document: finding.example.as_ref().map(|example| document(example, bounds.document)),
            },
            Notice::Digest(digest) => View {
                title,
                severity,
                facts: digest_facts(digest, bounds.text),
                observations: Vec::new(),
                findings: digest_findings(digest, bounds.text),
                document: None,
            },
        }
    }
}

/// The summary of a finding, or what a digest sums up, on one line.
pub(super) fn title(notice: &Notice) -> String {
    let title = match notice {
        Notice::Finding(finding) => finding.summary.clone(),
        Notice::Sample(finding) => format!("[test] {}", finding.summary),
        Notice::Digest(digest) => {
            let findings = counted(digest.n_findings, "finding", "findings");
            let outliers = counted(digest.n_outliers, "new outlier", "new outliers");
            format!("{findings} with {outliers} in {}", counted(digest.n_use_cases, "use case", "use cases"))
        }
    };
    one_line(&title, TITLE_CHARS)
}

/// The severity that the use case names, else the highest one whose least surprise the score
/// reaches.
pub(super) fn severity(notice: &Notice) -> FindingSeverity {
    let named = match notice {
        Notice::Finding(finding) | Notice::Sample(finding) => finding.severity,
        Notice::Digest(_) => None,
    };
    let highest_score = highest_score(notice);
    let reached = |severity: &FindingSeverity| score(severity.least_surprise()) <= highest_score;
    let by_score = || FindingSeverity::ALL.into_iter().rfind(reached);
    named.or_else(by_score).unwrap_or(FindingSeverity::Informational)
}

/// The score of a finding, or the highest one of a digest.
pub(super) fn highest_score(notice: &Notice) -> f64 {
    match notice {
        Notice::Finding(finding) | Notice::Sample(finding) => finding.score,
        Notice::Digest(digest) => digest.best.iter().map(|finding| finding.score).fold(0.0, f64::max),
    }
}

/// A time as text.
pub(super) fn shown_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A score as text.
pub(super) fn shown_score(score: f64) -> String {
    format!("{score:.1}")
}

fn facts(finding: &FindingNotice, severity: FindingSeverity, most_chars: usize) -> Vec<(&'static str, String)> {
    let list = |texts: &[String]| (!texts.is_empty()).then(|| one_line(&texts.join(", "), most_chars));
    let text = |text: &str| Some(one_line(text, most_chars)).filter(|text| !text.is_empty());
    let example = finding.example.as_ref();
    let facts = [
        ("Use case", text(&finding.use_case)),
        ("Score", Some(format!("{} of 100", shown_score(finding.score)))),
        ("Severity", Some(severity.as_str().to_owned())),
        ("Type", list(&finding.outlier_type)),
        ("Reason", list(&finding.reason)),
        ("Description", finding.description.as_deref().and_then(text)),
        ("Aggregator", finding.aggregator.as_deref().and_then(text)),
        ("Target", finding.target.as_deref().and_then(text)),
        ("Documents", Some(counted(finding.n_documents, "document", "documents"))),
        ("First event", finding.first.map(shown_time)),
        ("Last event", finding.last.map(shown_time)),
        ("Assets", list(&finding.assets)),
        ("ATT&CK", list(&finding.techniques)),
        ("Also flagged by", list(&finding.supported_by)),
        ("Index", example.and_then(|example| text(&example.index))),
        ("Document id", example.and_then(|example| text(&example.id))),
        ("Found at", Some(shown_time(finding.found_at))),
        ("Run", text(&finding.run_id)),
        ("Finding", text(&finding.finding_id)),
        ("Notice", text(&finding.key)),
    ];
    facts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
}

fn observations(finding: &FindingNotice, most_chars: usize) -> Vec<(String, String)> {
    let told = finding.observations.iter().filter(|(name, _)| !TOLD_ELSEWHERE.contains(&name.as_str()));
    let shown = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => one_line(text, most_chars),
        other => one_line(&other.to_string(), most_chars),
    };
    told.take(MOST_OBSERVATIONS).map(|(name, value)| (one_line(name, 100), shown(value))).collect()
}

/// The document with one value per line, as far as it is a document.
fn document(example: &NoticeDocument, most_chars: usize) -> String {
    let Some(source) = &example.source else { return "(the document is too large to be sent)".to_owned() };
    let parsed = serde_json::from_str::<serde_json::Value>(source).ok();
    let pretty = parsed.and_then(|document| serde_json::to_string_pretty(&document).ok());
    block(pretty.as_deref().unwrap_or(source), most_chars)
}

fn digest_facts(digest: &Digest, most_chars: usize) -> Vec<(&'static str, String)> {
    let use_case = |named: &crate::delivery::DigestUseCase| {
        let findings = counted(named.n_findings, "finding", "findings");
        one_line(
            &format!("{}: {findings}, highest score {}", named.use_case, shown_score(named.highest_score)),
            most_chars,
        )
    };
    let facts = [("Found at", shown_time(digest.found_at)), ("Run", one_line(&digest.run_id, most_chars))];
    let use_cases = digest.use_cases.iter().map(|named| ("Use case", use_case(named)));
    use_cases.chain(facts).chain([("Notice", one_line(&digest.key, most_chars))]).collect()
}

fn digest_findings(digest: &Digest, most_chars: usize) -> Vec<String> {
    let line = |finding: &crate::delivery::DigestFinding| {
        let assets =
            if finding.assets.is_empty() { String::new() } else { format!(" ({})", finding.assets.join(", ")) };
        let text = format!("{} {}: {}{assets}", shown_score(finding.score), finding.use_case, finding.summary);
        one_line(&text, most_chars)
    };
    digest.best.iter().map(line).collect()
}
