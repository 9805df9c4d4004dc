//! Results as tables for a terminal.

use std::io;

use super::super::comparison::{Changes, ComparedFinding, ComparisonResult};
use super::super::measures::Measures;
use super::super::result::{BacktestResult, Suggestion, UseCaseResult};
use super::figures::{HEADERS, body, cells, kind, name, none, number, proposed, sensitivity};
use crate::sinks::console::table_for;
use crate::terminal::{WordTable, counted, escape_controls, thousands};

/// Findings, recordings and assets that are shown; the other formats have all of them.
const SHOWN: usize = 30;

/// Characters shown of a text.
const SHOWN_CHARS: usize = 200;

/// Table of all use cases, then their curves and the suggestion, if there are any.
pub(super) fn of_result(result: &BacktestResult) -> String {
    let mut text = lines(&body(&result.body));
    let mut table = figures("use case");
    table.add_row(row("in all".to_owned(), &result.in_all));
    for use_case in &result.use_cases {
        table.add_row(row(shown(&name(use_case)), &use_case.measures));
    }
    text += &section(&table);
    let curved = |use_case: &&UseCaseResult| use_case.curve.len() > 1;
    for use_case in result.use_cases.iter().filter(curved) {
        let mut table = figures(&shown(&use_case.name));
        for point in &use_case.curve {
            let mark = if point.in_use { " *" } else { "" };
            table.add_row(row(format!("{}{mark}", sensitivity(point.sensitivity)), &point.measures));
        }
        text += &section(&table);
    }
    if result.use_cases.iter().any(|use_case| curved(&use_case)) {
        text += "* in use\n";
    }
    text + &result.suggestion.as_ref().map(of_suggestion).unwrap_or_default()
}

fn of_suggestion(suggestion: &Suggestion) -> String {
    let heads = ["use case", "in use", "proposed", "found", "bg. find. /day"];
    let mut table = table_for(&io::stdout(), heads).with_numbers(1..heads.len());
    for proposal in &suggestion.use_cases {
        table.add_row([
            shown(&proposal.name),
            sensitivity(proposal.in_use),
            proposed(proposal),
            thousands(proposal.found),
            number(Some(proposal.background_findings_per_day)),
        ]);
    }
    let summary = format!(
        "within {} background findings per day: {} {} with {} per day (in use: {} with {})\n",
        suggestion.budget,
        thousands(suggestion.found),
        suggestion.of,
        number(Some(suggestion.background_findings_per_day)),
        thousands(suggestion.found_in_use),
        number(Some(suggestion.background_findings_per_day_in_use)),
    );
    section(&table) + &summary
}

/// Figures of both configurations, then what was gained and lost.
pub(super) fn of_comparison(result: &ComparisonResult) -> String {
    let mut text = lines(&body(&result.body));
    let mut table = figures("configuration");
    for (side, label) in [(&result.a, "A"), (&result.b, "B")] {
        table.add_row(row(format!("{label}: {}", shown(&side.name)), &side.measures));
    }
    text += &section(&table);
    for (label, findings) in [("gained", &result.gained), ("lost", &result.lost)] {
        text += &format!("\n{label}: {}\n", counted(findings.len() as u64, "finding", "findings"));
        if !findings.is_empty() {
            text += &of_findings(findings).to_string();
            text += &rest(findings.len());
        }
    }
    let changed: Vec<_> =
        result.recordings.iter().filter(|recording| recording.found_by_a != recording.found_by_b).collect();
    for recording in changed {
        let change = if recording.found_by_b { "found by B only" } else { "found by A only" };
        text += &format!("recording {}: {change}\n", shown(&recording.changes.name));
    }
    let changes: Vec<&Changes> = result.recordings.iter().map(|recording| &recording.changes).collect();
    text += &of_changes("recording", &changes);
    text + &of_changes("asset", &result.assets.iter().collect::<Vec<_>>())
}

fn of_findings(findings: &[ComparedFinding]) -> WordTable {
    let heads = ["score", "", "use case", "documents", "finding", "recordings", "assets"];
    let mut table = table_for(&io::stdout(), heads);
    for finding in findings.iter().take(SHOWN) {
        table.add_row([
            format!("{:.1}", finding.score),
            kind(finding.kind).to_owned(),
            shown(&finding.use_case),
            thousands(finding.documents),
            shown(&finding.summary),
            shown(&finding.recordings.join(", ")),
            shown(&finding.assets.join(", ")),
        ]);
    }
    table
}

fn of_changes(what: &str, changes: &[&Changes]) -> String {
    let changed: Vec<_> = changes.iter().filter(|changes| changes.gained + changes.lost > 0).collect();
    if changed.is_empty() {
        return String::new();
    }
    let mut table = table_for(&io::stdout(), [what, "gained", "lost"]).with_numbers([1, 2]);
    for changes in changed.iter().take(SHOWN) {
        table.add_row([shown(&changes.name), thousands(changes.gained), thousands(changes.lost)]);
    }
    section(&table) + &rest(changed.len())
}

/// Says that there is more than is shown.
fn rest(n: usize) -> String {
    let n_more = n.saturating_sub(SHOWN) as u64;
    if n_more == 0 { String::new() } else { format!(" ... and {} more: see --format json\n", thousands(n_more)) }
}

fn figures(first: &str) -> WordTable {
    table_for(&io::stdout(), [first].into_iter().chain(HEADERS)).with_numbers(1..=HEADERS.len())
}

fn row(first: String, measures: &Measures) -> Vec<String> {
    [first].into_iter().chain(cells(measures)).collect()
}

fn section(table: &WordTable) -> String {
    format!("\n{table}")
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Start of a text that comes from elsewhere, escaped.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        _ if text.is_empty() => none(),
        None => escape_controls(text),
        Some((end, _)) => format!("{} …", escape_controls(&text[..end])),
    }
}
