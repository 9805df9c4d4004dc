//! Contents of pages on runs and the daemon: texts only.

use serde::Serialize;

use crate::html::texts::{seconds, time};
use crate::http::status::{DaemonStatus, EndedRun, UseCaseStatus};
use crate::report::Exit;
use crate::state::RunRecord;
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
