//! `runs`: the history of runs, and what changed between two of them.

use std::collections::HashSet;
use std::io;

use serde_json::{Value, json};
use tracing::warn;

use super::error::RunError;
use super::state::folder;
use super::{printed, told};
use crate::cli::{RunsCommand, StatePlace};
use crate::findings::StableId;
use crate::report::Exit;
use crate::sinks::console::{TextPage, message_for, print_json, print_text, table_for};
use crate::state::{KeptFinding, RunRecord, StateStore};
use crate::terminal::{counted, escape_controls, thousands};

/// Findings shown of each kind.
const SHOWN: usize = 30;

/// Characters shown of a text.
const SHOWN_CHARS: usize = 300;

/// Lists runs, shows one, or compares two.
pub fn runs(command: &RunsCommand) -> Exit {
    let done = match command {
        RunsCommand::List { place, json } => list(place, *json),
        RunsCommand::Show { run, place, json } => show(place, run, *json),
        RunsCommand::Diff { from, to, place, json } => diff(place, from, to, *json),
    };
    done.map_or_else(told, |()| Exit::Done)
}

fn open(place: &StatePlace) -> Result<StateStore, RunError> {
    let folder = folder(place)?;
    StateStore::open_to_read(&folder)?
        .ok_or_else(|| RunError::Usage(format!("{}: no run is recorded there", folder.display())))
}

fn find(store: &StateStore, name: &str) -> Result<RunRecord, RunError> {
    let found = store.find_run(name)?;
    found.ok_or_else(|| {
        RunError::Usage(format!("no run is called {}: see `ee-outliers runs list`", escape_controls(name)))
    })
}

fn list(place: &StatePlace, json: bool) -> Result<(), RunError> {
    let runs = open(place)?.runs()?;
    if json {
        return printed(print_json(&json!(runs)));
    }
    let heads = ["run", "begun", "seconds", "outcome", "exit code", "events", "outliers", "findings"];
    let mut table = table_for(&io::stdout(), heads).with_numbers([0, 2, 4, 5, 6, 7]);
    for run in &runs {
        table.add_row([
            run.number.to_string(),
            run.begun.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            run.ended.map(|ended| (ended - run.begun).num_seconds().to_string()).unwrap_or_default(),
            run.outcome.as_str().to_owned(),
            run.exit_code.map(|code| code.to_string()).unwrap_or_default(),
            thousands(run.n_events),
            thousands(run.n_outliers),
            thousands(run.n_findings),
        ]);
    }
    printed(print_text(&table.to_string()))
}

fn show(place: &StatePlace, name: &str, json: bool) -> Result<(), RunError> {
    let store = open(place)?;
    let run = find(&store, name)?;
    let findings = store.findings(run.number)?;
    let report = store.report(run.number)?.map(|report| serde_json::from_str::<Value>(&report)).transpose();
    let report = report.map_err(|error| RunError::Internal(error.to_string()))?;
    if json {
        return printed(print_json(&json!({"run": run, "report": report, "findings": findings})));
    }
    let mut text = format!(
        "run {} ({}): {}, {}, {}, {}\n",
        run.number,
        run.id,
        run.outcome.as_str(),
        counted(run.n_events, "event", "events"),
        counted(run.n_outliers, "outlier", "outliers"),
        counted(run.n_findings, "finding", "findings")
    );
    for kind in ["missing", "warnings"] {
        let lines = report.as_ref().and_then(|report| report[kind].as_array()).into_iter().flatten();
        let lines = lines.filter_map(Value::as_str);
        lines.for_each(|line| text.push_str(&format!("{kind}: {}\n", escape_controls(line))));
    }
    let text = message_for(&io::stdout(), &text) + &findings_text(&findings.iter().collect::<Vec<_>>());
    printed(print_text(&text))
}

fn diff(place: &StatePlace, from: &str, to: &str, json: bool) -> Result<(), RunError> {
    let store = open(place)?;
    let (from, to) = (find(&store, from)?, find(&store, to)?);
    for run in [&from, &to].into_iter().filter(|run| run.n_findings > run.n_kept) {
        warn!(run = run.number, "only the {} findings with the highest scores are kept", thousands(run.n_kept));
    }
    let (before, after) = (store.findings(from.number)?, store.findings(to.number)?);
    let Diff { new, repeated, gone } = Diff::of(&before, &after);
    if json {
        let all = json!({"from": from, "to": to, "new": new, "repeated": repeated, "gone": gone});
        return printed(print_json(&all));
    }
    let head = format!(
        "run {} to run {}: {} new, {} repeated, {} gone\n",
        from.number,
        to.number,
        thousands(new.len() as u64),
        thousands(repeated.len() as u64),
        thousands(gone.len() as u64)
    );
    let mut text = message_for(&io::stdout(), &head);
    for (what, findings) in [("new", &new), ("gone", &gone)] {
        if !findings.is_empty() {
            text.push_str(&format!("\n{what}:\n{}", findings_text(findings)));
        }
    }
    printed(print_text(&text))
}

/// Findings of two runs.
struct Diff<'f> {
    /// Findings of the later run only.
    new: Vec<&'f KeptFinding>,
    /// Findings of both, as the later one has them.
    repeated: Vec<&'f KeptFinding>,
    /// Findings of the earlier run only.
    gone: Vec<&'f KeptFinding>,
}

impl<'f> Diff<'f> {
    fn of(before: &'f [KeptFinding], after: &'f [KeptFinding]) -> Self {
        let ids = |findings: &'f [KeptFinding]| findings.iter().map(|one| one.id.as_str()).collect::<HashSet<_>>();
        let (known, left) = (ids(before), ids(after));
        let (repeated, new) = after.iter().partition(|finding| known.contains(finding.id.as_str()));
        let gone = before.iter().filter(|finding| !left.contains(finding.id.as_str())).collect();
        Diff { new, repeated, gone }
    }
}

fn findings_text(findings: &[&KeptFinding]) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let page = TextPage::on_standard_output(None);
    let mut text = page.head_of_scores("finding, and where");
    for finding in findings.iter().take(SHOWN) {
        let id = finding.id.get(..StableId::SHORT_DIGITS).unwrap_or(&finding.id);
        let facts = [
            escape_controls(&finding.use_case),
            id.to_owned(),
            counted(finding.documents, "document", "documents"),
            shown(&finding.assets.join(", ")),
        ];
        let facts: Vec<&str> = facts.iter().map(String::as_str).filter(|fact| !fact.is_empty()).collect();
        text.push_str(&page.scored(finding.score, &shown(&finding.summary), &facts.join(" · ")));
    }
    let more = findings.len().saturating_sub(SHOWN) as u64;
    let more = if more == 0 {
        String::new()
    } else {
        format!(" ... and {}: --json has all\n", counted(more, "more finding", "more findings"))
    };
    text + &more
}

/// Start of a text that comes from events, escaped.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{} …", escape_controls(&text[..end])),
        None => escape_controls(text),
    }
}
