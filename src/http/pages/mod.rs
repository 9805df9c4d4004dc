//! Pages, written on the server: no script, and all text escaped.
//!
//! Event text is hostile. Templates escape it as HTML; before that, characters that reorder or hide
//! text become visible escapes, as on terminals.

mod views;

use std::sync::OnceLock;

use minijinja::value::{Serde, Value as TemplateValue};
use minijinja::{Environment, Error, context, escape_formatter};
use serde::Serialize;

use super::status::DaemonStatus;
use crate::state::{KeptFinding, RunRecord};
use crate::terminal::escape_controls;
use views::{DaemonView, FindingView, RunView, facts, observations};

/// The style sheet of all pages.
pub(super) const STYLE: &str = include_str!("style.css");

/// Rows of a page.
pub(super) const ROWS: usize = 200;

macro_rules! page {
    ($name:literal) => {
        ($name, concat!(include_str!("head.html"), include_str!($name), include_str!("foot.html")))
    };
}

const TEMPLATES: [(&str, &str); 4] =
    [page!("runs.html"), page!("run.html"), page!("finding.html"), page!("problem.html")];

const VERSION: &str = env!("CARGO_PKG_VERSION");

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
    render("runs.html", context! { title => "Runs", version => VERSION, daemon, runs, has_store, older })
}

/// A run with its findings, the highest scores first.
pub(super) fn run_page(
    run: &RunRecord,
    report: &serde_json::Value,
    findings: &[KeptFinding],
    page: usize,
) -> Result<String, Error> {
    let first = page.saturating_sub(1).saturating_mul(ROWS);
    let listed: Vec<FindingView> =
        findings.iter().skip(first).take(ROWS).map(|finding| FindingView::of(&run.id, finding)).collect();
    let more = (findings.len() > first + listed.len()).then(|| format!("/runs/{}?page={}", run.id, page.max(1) + 1));
    let lines = |key: &str| {
        let lines = report[key].as_array().into_iter().flatten().filter_map(|line| line.as_str());
        shown(&lines.collect::<Vec<&str>>())
    };
    let (missing, warnings) = (lines("missing"), lines("warnings"));
    let title = format!("Run {}", run.id);
    let (run, findings) = (shown(&RunView::of(run)), shown(&listed));
    render("run.html", context! { title, version => VERSION, run, missing, warnings, findings, more, page })
}

/// A finding with what the model saw.
pub(super) fn finding_page(run: &RunRecord, finding: &KeptFinding) -> Result<String, Error> {
    let (facts, outlier) = (shown(&facts(finding)), shown(&observations(finding)));
    let (run_id, run_link) = (&run.id, format!("/runs/{}", run.id));
    let title = &finding.summary;
    render("finding.html", context! { title, version => VERSION, facts, outlier, run_id, run_link })
}

/// A page that says why there is no other.
pub(super) fn problem_page(title: &str, why: &str) -> Result<String, Error> {
    render("problem.html", context! { title, version => VERSION, why })
}

/// A value for a template. JSON values are none: their numbers would become objects.
fn shown(value: &impl Serialize) -> TemplateValue {
    TemplateValue::from(Serde(value))
}

fn render(name: &str, context: TemplateValue) -> Result<String, Error> {
    static TEMPLATES_READ: OnceLock<Result<Environment<'static>, String>> = OnceLock::new();
    let environment = TEMPLATES_READ.get_or_init(|| environment().map_err(|error| error.to_string()));
    let environment = environment.as_ref().map_err(|error| {
        let kind = minijinja::ErrorKind::SyntaxError;
        Error::new(kind, error.clone())
    })?;
    environment.get_template(name)?.render(context)
}

/// A page that stands alone, in a file: `template` is what is between head and foot. It may mark
/// markup of our own as safe; all other text is escaped.
pub(crate) fn page_alone(template: &str, context: TemplateValue) -> Result<String, Error> {
    const NAME: &str = "alone.html";
    const STYLE_LINK: &str = "<link rel=\"stylesheet\" href=\"/style.css\">";
    const HOME_LINK: &str = "<a href=\"/\">ee-outliers</a>";
    let head = include_str!("head.html").replace(STYLE_LINK, &format!("<style>\n{STYLE}</style>"));
    let head = head.replace(HOME_LINK, "ee-outliers");
    let mut environment = escaping();
    environment.add_template_owned(NAME, [&head, template, include_str!("foot.html")].concat())?;
    environment.get_template(NAME)?.render(context)
}

/// An environment without templates, which escapes text for HTML and for people.
fn escaping() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if !value.is_safe() => escape_formatter(out, state, &TemplateValue::from(escape_controls(text))),
        _ => escape_formatter(out, state, value),
    });
    environment
}

fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = escaping();
    for (name, text) in TEMPLATES {
        environment.add_template(name, text)?;
    }
    Ok(environment)
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
            version: VERSION.to_owned(),
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
            finding_page(&run(), &finding()).unwrap(),
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
        assert!(!second.contains("?page=") && second.matches("<tr>").count() == 2, "{second}");
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
