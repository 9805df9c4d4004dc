//! Inputs as people and attackers write them, and what comes of them: files of all forms, and
//! events beyond the limits.

mod bounds;
mod cases;
mod columns;
mod event_log;
mod fields;
mod hostile;
mod json;
mod metrics;
mod tables;
mod times;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::outliers::{self, Outliers};
use crate::program::{self, Finished};

/// Folder of a case with files after those of real users.
pub(crate) fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cases").join(name)
}

/// Outcome of a run.
pub(crate) struct Judged {
    pub(crate) finished: Finished,
    pub(crate) report: Value,
    pub(crate) outliers: Outliers,
}

impl Judged {
    pub(crate) fn n_events(&self) -> u64 {
        self.report["source"]["events"].as_u64().expect("a number")
    }

    /// Ids of the documents with outliers of a use case, `INDEX/ID`.
    pub(crate) fn found_by(&self, use_case: &str) -> Vec<String> {
        let is_its_name = |name: &Value| name.as_str().is_some_and(|name| use_case.ends_with(&format!("_{name}")));
        let is_of = |outlier: &serde_json::Map<String, Value>| {
            outlier["model_name"].as_array().is_some_and(|names| names.iter().any(is_its_name))
        };
        self.outliers
            .iter()
            .filter(|(_, outlier)| is_of(outlier))
            .map(|((index, id), _)| format!("{index}/{id}"))
            .collect()
    }

    /// Files that were not read, with the reason.
    pub(crate) fn ignored(&self) -> Vec<&str> {
        self.report["source"]["ignored"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

/// Runs the use cases of a file over event files, which are named relative to `folder`.
pub(crate) fn judge(folder: &Path, use_cases: &Path, events: &[&str], options: &[&str]) -> Judged {
    let out = tempfile::tempdir().expect("a scratch folder");
    let path = |name: &str| out.path().join(name).display().to_string();
    let use_cases = use_cases.display().to_string();
    let (documents, report) = (path("out.ndjson"), path("report.json"));
    let mut line = vec!["run", "--use-cases", &use_cases, "-o", &documents, "--report", &report];
    line.extend(options);
    line.push("--events");
    line.extend(events);
    let finished = program::run(folder, &line);
    let report = std::fs::read_to_string(&report).expect("a report");
    Judged {
        finished,
        report: serde_json::from_str(&report).expect("JSON"),
        outliers: outliers::read(Path::new(&documents)).unwrap_or_default(),
    }
}

/// Use case that finds every event.
pub(crate) const ALL: &str =
    "[simplequery_all]\nes_query_filter=*\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\n";

/// Examples of `docs/input.md` that say how many events they hold, with that number.
fn examples() -> Vec<(String, u64)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/input.md");
    let text = std::fs::read_to_string(path).expect("the documentation");
    let blocks = text.split("\n```").skip(1).step_by(2);
    let example = |block: &str| {
        let (header, body) = block.split_once('\n')?;
        let n_events = header.split_once("events=")?.1.parse().ok()?;
        Some((format!("{body}\n"), n_events))
    };
    blocks.filter_map(example).collect()
}

#[test]
fn examples_of_the_documentation_are_read() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let use_cases = folder.path().join("all.conf");
    std::fs::write(&use_cases, ALL).expect("written");
    let examples = examples();
    assert!(examples.len() >= 8, "{}", examples.len());
    for (text, n_events) in examples {
        std::fs::write(folder.path().join("example"), &text).expect("written");
        let judged = judge(folder.path(), &use_cases, &["example"], &[]);
        let outcome = (judged.finished.code, judged.n_events(), judged.outliers.len() as u64);
        assert_eq!(outcome, (0, n_events, n_events), "{text}\n{}", judged.finished.stderr);
    }
}
