//! Pages, written on the server: no script, and all text escaped.

mod views;

use std::sync::OnceLock;

use minijinja::{Error, ErrorKind, context};
use serde::Deserialize;
use serde_json::Value;

use super::status::DaemonStatus;
use crate::html::{FindingView, Templates, observations, shown};
use crate::models::Evidence;
use crate::state::{KeptFinding, RunRecord};
use views::{DaemonView, RunView};

/// Rows of a page.
pub(super) const ROWS: usize = 200;

const PAGES: [(&str, &str); 4] = [
    ("runs", include_str!("runs.html")),
    ("run", include_str!("run.html")),
    ("finding", include_str!("finding.html")),
    ("problem", include_str!("problem.html")),
];

/// The list of runs, the newest first; `page` is counted from 1.
pub(super) fn runs_page(status: &DaemonStatus, stored: Option<&[RunRecord]>, page: usize) -> Result<String, Error> {
    let first = page.saturating_sub(1).saturating_mul(ROWS);
    let runs: Vec<RunView> = match stored {
        Some(runs) => runs.iter().rev().skip(first).take(ROWS).map(RunView::of).collect(),
        None => status.recent.iter().skip(first).take(ROWS).map(RunView::of_ended).collect(),
    };
    let n_runs = stored.map_or(status.recent.len(), <[RunRecord]>::len);
    let older = (n_runs > first + runs.len()).then(|| format!("/?page={}", page.max(1) + 1));
    let (daemon, runs) = (shown(&DaemonView::of(status)), shown(&runs));
    let has_store = stored.is_some();
    templates()?.render("runs", context! { title => "Runs", daemon, runs, has_store, older })
}

/// A run with its findings, the highest scores first.
pub(super) fn run_page(
    run: &RunRecord,
    report: &Value,
    findings: &[KeptFinding],
    page: usize,
) -> Result<String, Error> {
    let first = page.saturating_sub(1).saturating_mul(ROWS);
    let templates = templates()?;
    let line = |finding: &KeptFinding| {
        let link = format!("/runs/{}/findings/{}", run.id, finding.id);
        templates.line(&FindingView::of(finding).linked(link))
    };
    let listed: Vec<String> = findings.iter().skip(first).take(ROWS).map(line).collect::<Result<_, _>>()?;
    let more = (findings.len() > first + listed.len()).then(|| format!("/runs/{}?page={}", run.id, page.max(1) + 1));
    let lines = |key: &str| {
        let lines = report[key].as_array().into_iter().flatten().filter_map(|line| line.as_str());
        lines.map(str::to_owned).collect::<Vec<String>>()
    };
    let missing = templates.lines("Missing", "alarm", &lines("missing"))?;
    let warnings = templates.lines("Warnings", "", &lines("warnings"))?;
    let title = format!("Run {}", run.id);
    let run = shown(&RunView::of(run));
    templates.render("run", context! { title, run, missing, warnings, findings => listed, more, page })
}

/// A finding with what the model saw.
pub(super) fn finding_page(run: &RunRecord, report: &Value, finding: &KeptFinding) -> Result<String, Error> {
    let templates = templates()?;
    // the report holds the evidence about the findings with the highest scores
    let evidence = report["evidence"].get(&finding.id).and_then(|evidence| Evidence::deserialize(evidence).ok());
    let details = templates.details(finding, evidence.as_ref())?;
    let outlier = shown(&observations(finding));
    let (run_id, run_link) = (&run.id, format!("/runs/{}", run.id));
    let title = &finding.summary;
    templates.render("finding", context! { title, details, outlier, run_id, run_link })
}

/// A page that says why there is no other.
pub(super) fn problem_page(title: &str, why: &str) -> Result<String, Error> {
    templates()?.render("problem", context! { title, why })
}

fn templates() -> Result<&'static Templates, Error> {
    static READ: OnceLock<Result<Templates, String>> = OnceLock::new();
    let read = READ.get_or_init(|| Templates::read(&PAGES).map_err(|error| error.to_string()));
    read.as_ref().map_err(|error| Error::new(ErrorKind::SyntaxError, error.clone()))
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use serde_json::{Map, json};

    use super::*;
    use crate::report::{Exit, Report};
    use crate::state::RunOutcome;

    const HOSTILE: &str = "<script>alert(1)</script>\" onmouseover='x' {{ 7 * 7 }} \u{202e}\u{1b}[2J javascript:x";

    fn run() -> RunRecord {
        RunRecord {
            number: 7,
            id: "20240508T000000Z-7".to_owned(),
            version: "1".to_owned(),
            begun: "2024-05-08T00:00:00Z".parse().unwrap(),
            ended: Some("2024-05-08T01:30:00Z".parse().unwrap()),
            outcome: RunOutcome::Partial,
            exit_code: Some(3),
            n_events: 1_234_567,
            n_outliers: 2,
            n_findings: 1,
            n_kept: 1,
            n_bytes: 0,
        }
    }

    fn finding() -> KeptFinding {
        let mut outlier = Map::new();
        outlier.insert(HOSTILE.to_owned(), json!(HOSTILE));
        outlier.insert("list".to_owned(), json!([HOSTILE, 1]));
        let hostile = || HOSTILE.to_owned();
        KeptFinding {
            id: "0123abcd".to_owned(),
            use_case: hostile(),
            model: None,
            severity: None,
            techniques: vec![hostile()],
            score: 97.25,
            own_score: 90.0,
            surprise: 12.0,
            supported_by: vec![hostile()],
            aggregator: Some(hostile()),
            target: Some(hostile()),
            documents: 3,
            outliers: 4,
            first: Some(run().begun),
            last: None,
            summary: hostile(),
            reason: Some(hostile()),
            assets: vec![hostile(); 7],
            index: hostile(),
            document: hostile(),
            outlier: Some(outlier),
        }
    }

    /// True if a page contains markup, or characters that steer its display, from outside.
    fn is_steered(page: &str) -> bool {
        let head = page.find("<title>").unwrap();
        let body = &page[head..];
        ["<script", "onmouseover='", "\u{202e}", "\u{1b}", " 49 "].iter().any(|part| body.contains(part))
    }

    #[test]
    fn hostile_text_is_text_on_every_page() {
        let mut status = DaemonStatus::new(Utc::now());
        status.refused_edit = vec![HOSTILE.to_owned()];
        status.use_cases.insert(HOSTILE.to_owned(), Default::default());
        let report = json!({"missing": [HOSTILE], "warnings": [HOSTILE]});
        for page in [
            runs_page(&status, Some(&[run()]), 1).unwrap(),
            run_page(&run(), &report, &[finding()], 1).unwrap(),
            finding_page(&run(), &report, &finding()).unwrap(),
            problem_page(HOSTILE, HOSTILE).unwrap(),
        ] {
            assert!(page.contains("&lt;script&gt;alert(1)&lt;") && page.contains("\\u{202e}"), "{page}");
            assert!(!is_steered(&page), "{page}");
        }
    }

    #[test]
    fn long_lists_have_pages() {
        let findings = vec![finding(); ROWS + 1];
        let first = run_page(&run(), &json!({}), &findings, 1).unwrap();
        assert!(first.contains("20240508T000000Z-7?page=2") && first.contains("90 min"), "{first}");
        let second = run_page(&run(), &json!({}), &findings, 2).unwrap();
        assert!(!second.contains("?page=") && second.matches("<li class=\"finding\">").count() == 1, "{second}");
        let runs = vec![run(); 2 * ROWS];
        let status = DaemonStatus::new(Utc::now());
        assert!(runs_page(&status, Some(&runs), 1).unwrap().contains("?page=2"));
        assert!(!runs_page(&status, Some(&runs), 2).unwrap().contains("?page="));
    }

    #[test]
    fn without_a_store_the_runs_since_the_start_are_listed() {
        let mut status = DaemonStatus::new(Utc::now());
        assert!(runs_page(&status, None, 1).unwrap().contains("No run has ended yet"));
        status.begin(Utc::now(), crate::http::RunReason::Start);
        status.end(Utc::now(), std::time::Duration::from_secs(5), Exit::Unavailable, &Report::new(Utc::now()));
        let page = runs_page(&status, None, 1).unwrap();
        assert!(page.contains("failed: the cluster does not answer") && page.contains("5.0 s"), "{page}");
        assert!(page.contains("state_dir"));
    }
}
