//! Contents of pages on runs, findings and the daemon: texts only.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::http::status::{DaemonStatus, EndedRun, UseCaseStatus};
use crate::report::Exit;
use crate::state::{KeptFinding, RunRecord};
use crate::terminal::thousands;

/// State of the daemon on a page.
#[derive(Debug, Serialize)]
pub(super) struct DaemonView {
    refused_edit: Vec<String>,
    running_since: Option<String>,
    reason: Option<&'static str>,
    next_run: Option<String>,
    last_success: Option<String>,
    last_reload: Option<String>,
    use_cases: Vec<UseCaseView>,
}

#[derive(Debug, Serialize)]
struct UseCaseView {
    name: String,
    events: String,
    outliers: String,
    took: String,
    last_success: Option<String>,
    note: String,
}

/// A run on a page.
#[derive(Debug, Serialize)]
pub(super) struct RunView {
    id: String,
    link: Option<String>,
    begun: String,
    took: String,
    outcome: &'static str,
    meaning: Option<&'static str>,
    events: String,
    outliers: String,
    findings: String,
}

/// A finding in the list of a run.
#[derive(Debug, Serialize)]
pub(super) struct FindingView {
    link: String,
    score: String,
    use_case: String,
    summary: String,
    assets: String,
    documents: String,
    last: String,
}

/// A name and a text.
#[derive(Debug, Serialize)]
pub(super) struct Fact {
    name: String,
    text: String,
}

impl DaemonView {
    pub(super) fn of(status: &DaemonStatus) -> Self {
        DaemonView {
            refused_edit: status.refused_edit.clone(),
            running_since: status.in_progress.map(|run| time(run.started)),
            reason: status.in_progress.map(|run| run.reason.as_str()),
            next_run: status.next_run.map(time),
            last_success: status.last_success.map(time),
            last_reload: status.last_reload.map(time),
            use_cases: status.use_cases.iter().map(|(name, use_case)| UseCaseView::of(name, use_case)).collect(),
        }
    }
}

impl UseCaseView {
    fn of(name: &str, use_case: &UseCaseStatus) -> Self {
        let note = match (use_case.n_failures, use_case.is_unusable) {
            (0, false) => String::new(),
            (0, true) => "cannot use the fields of its events".to_owned(),
            (1, _) => "failed".to_owned(),
            (n, _) => format!("failed {n} times in a row"),
        };
        UseCaseView {
            name: name.to_owned(),
            events: thousands(use_case.events),
            outliers: thousands(use_case.outliers),
            took: seconds(use_case.seconds),
            last_success: use_case.last_success.map(time),
            note,
        }
    }
}

impl RunView {
    /// A run of the store.
    pub(super) fn of(run: &RunRecord) -> Self {
        let took = run.ended.map(|ended| seconds((ended - run.begun).as_seconds_f64()));
        RunView {
            id: run.id.clone(),
            link: Some(format!("/runs/{}", run.id)),
            begun: time(run.begun),
            took: took.unwrap_or_default(),
            outcome: run.outcome.as_str(),
            meaning: run.exit_code.and_then(meaning),
            events: thousands(run.n_events),
            outliers: thousands(run.n_outliers),
            findings: thousands(run.n_findings),
        }
    }

    /// A run since the start, without a store.
    pub(super) fn of_ended(run: &EndedRun) -> Self {
        RunView {
            id: run.reason.as_str().to_owned(),
            link: None,
            begun: time(run.started),
            took: seconds(run.seconds),
            outcome: run.outcome.as_str(),
            meaning: meaning(run.exit_code),
            events: thousands(run.events),
            outliers: thousands(run.outliers),
            findings: thousands(run.findings),
        }
    }
}

impl FindingView {
    pub(super) fn of(run_id: &str, finding: &KeptFinding) -> Self {
        const SHOWN_ASSETS: usize = 5;
        let mut assets: Vec<&str> = finding.assets.iter().take(SHOWN_ASSETS).map(String::as_str).collect();
        if finding.assets.len() > SHOWN_ASSETS {
            assets.push("…");
        }
        FindingView {
            link: format!("/runs/{run_id}/findings/{}", finding.id),
            score: format!("{:.1}", finding.score),
            use_case: finding.use_case.clone(),
            summary: finding.summary.clone(),
            assets: assets.join(", "),
            documents: thousands(finding.documents),
            last: finding.last.map(time).unwrap_or_default(),
        }
    }
}

/// Facts about a finding, besides what the model saw.
pub(super) fn facts(finding: &KeptFinding) -> Vec<Fact> {
    let fact = |name: &str, text: String| Fact { name: name.to_owned(), text };
    let mut facts = vec![
        fact(
            "Score",
            format!("{:.1} of 100 ({:.1} bits; alone {:.1})", finding.score, finding.surprise, finding.own_score),
        ),
        fact("Use case", finding.use_case.clone()),
    ];
    facts.extend(finding.reason.clone().map(|reason| fact("Why", reason)));
    facts.extend(finding.severity.map(|severity| fact("Severity", severity.as_str().to_owned())));
    if !finding.techniques.is_empty() {
        facts.push(fact("ATT&CK", finding.techniques.join(", ")));
    }
    if !finding.supported_by.is_empty() {
        facts.push(fact("Also flagged by", finding.supported_by.join(", ")));
    }
    facts.extend(finding.aggregator.clone().map(|text| fact("Aggregator", text)));
    facts.extend(finding.target.clone().map(|text| fact("Target", text)));
    facts.extend(finding.first.map(|first| fact("First event", time(first))));
    facts.extend(finding.last.map(|last| fact("Last event", time(last))));
    facts.push(fact("Documents", thousands(finding.documents)));
    facts.push(fact("Assets", finding.assets.join(", ")));
    facts.push(fact("Strongest event", format!("{} in {}", finding.document, finding.index)));
    facts
}

/// Observations of the model, if they were kept.
pub(super) fn observations(finding: &KeptFinding) -> Vec<Fact> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    let members = finding.outlier.iter().flatten();
    members.map(|(name, value)| Fact { name: name.clone(), text: text(value) }).collect()
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true).replace('T', " ").replace('Z', " UTC")
}

fn seconds(seconds: f64) -> String {
    if seconds < 100.0 {
        return format!("{seconds:.1} s");
    }
    let minutes = (seconds / 60.0).round();
    if minutes < 100.0 { format!("{minutes} min") } else { format!("{:.1} h", seconds / 3600.0) }
}

/// Meaning of an exit code; `None` for those that say no more than the outcome.
fn meaning(code: u8) -> Option<&'static str> {
    const MEANINGS: [(Exit, &str); 7] = [
        (Exit::Reading, "events could not be read"),
        (Exit::Unavailable, "the cluster does not answer"),
        (Exit::Internal, "internal error"),
        (Exit::LocalFile, "a local file could not be read or written"),
        (Exit::Refused, "the cluster refuses the credentials"),
        (Exit::Configuration, "the configuration has errors"),
        (Exit::Usage, "the command line contradicts itself"),
    ];
    MEANINGS.iter().find(|(exit, _)| *exit as u8 == code).map(|(_, meaning)| *meaning)
}
