//! Output on standard error: problems and summaries.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{CheckSummary, NoticeReport, Report, SourceReport, Status};
use crate::config::Problem;
use crate::delivery::Written;
use crate::findings::LeftOut;
use crate::housekeeping::Cleaned;
use crate::sinks::console::{message_for, table_for};
use crate::state::MemorySize;
use crate::terminal::{WordTable, counted, escape_controls, quoted, thousands};

/// Upper limit on the ignored files that the summary names.
const MAX_IGNORED: usize = 10;

/// Upper limit on the use cases among which those without events have rows of the table.
const MOST_WITHOUT_EVENTS: usize = 40;

/// Prints all problems of a check.
pub(crate) fn print_problems(problems: &[Problem]) {
    let text: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
    to_stderr(&text);
}

/// Prints under which names fields occur, and which use cases look at events of another kind.
pub(crate) fn print_fields(fields: &BTreeMap<String, Vec<String>>, not_applicable: &[String]) {
    let names = |others: &[String]| others.iter().map(|other| quoted(other)).collect::<Vec<_>>().join(", ");
    let fields = fields.iter().map(|(name, others)| format!("{} is {} here\n", quoted(name), names(others)));
    let use_cases = not_applicable.iter().map(|line| format!("not applicable: {}\n", escape_controls(line)));
    to_stderr(&fields.chain(use_cases).collect::<String>());
}

/// Prints the result of a check.
pub(crate) fn print_checked(summary: CheckSummary) {
    let use_cases = counted(summary.use_cases as u64, "use case", "use cases");
    let errors = counted(summary.errors as u64, "error", "errors");
    let warnings = counted(summary.warnings as u64, "warning", "warnings");
    to_stderr(&format!("{use_cases} checked: {errors}, {warnings}\n"));
}

/// Prints the summary of a run.
pub(crate) fn print(report: &Report) {
    let table = table(report);
    let mut text = String::new();
    let no_events = match report.totals.no_events {
        0 => String::new(),
        n => format!(", {n} of them without events,"),
    };
    let not_applicable = match report.totals.not_applicable {
        0 => String::new(),
        n => format!("{} {n} not applicable,", if no_events.is_empty() { "," } else { "" }),
    };
    text.push_str(&format!(
        "{}, {} in {}, {} whitelisted; {} of {} completed{no_events}{not_applicable} in {:.1} s (read {:.1} s, write {:.1} s)\n",
        counted(report.source.events, "event", "events"),
        counted(report.totals.outliers, "outlier", "outliers"),
        counted(report.totals.findings, "finding", "findings"),
        thousands(report.totals.whitelisted),
        report.totals.completed,
        counted(report.totals.use_cases as u64, "use case", "use cases"),
        report.seconds,
        report.phases.read,
        report.phases.write,
    ));
    text.push_str(&left_out(&report.totals.left_out));
    if let Some(written) = &report.written {
        text.push_str(&format!("written: {}\n", counts(written)));
    }
    for (what, cleaned) in [("wiped", &report.wiped), ("whitelisted by now", &report.housekeeping)] {
        if let Some(cleaned) = cleaned.as_ref().filter(|cleaned| cleaned.checked > 0) {
            text.push_str(&format!("{what}: {}\n", cleaned_counts(cleaned)));
        }
    }
    if let Some(MemorySize { days, tallies }) = report.memory {
        let (days, tallies) = (counted(days, "day", "days"), counted(tallies, "tally", "tallies"));
        text.push_str(&format!("memory: {days}, {tallies}\n"));
    }
    if let Some(NoticeReport { told, given_up, waiting, .. }) = report.notices {
        let told = counted(told, "notice", "notices");
        text.push_str(&format!("told: {told}, {} waiting, {} given up\n", thousands(waiting), thousands(given_up)));
    }
    text.push_str(&ignored(&report.source.ignored));
    text.push_str(&repeats(&report.source));
    for (what, lines) in [("warning", &report.warnings), ("missing", &report.missing)] {
        lines.iter().for_each(|line| text.push_str(&format!("{what}: {}\n", escape_controls(line))));
    }
    to_stderr(&format!("{table}{}", message_for(&io::stderr(), &text)));
}

/// Outliers that settings leave out.
fn left_out(left_out: &LeftOut) -> String {
    let LeftOut { below_min_score, without_required, beyond_max_outliers, beyond_budget, same_summary, not_written } =
        *left_out;
    let reasons = [
        (below_min_score, "below min_score"),
        (without_required, "without the outliers that requires asks for"),
        (beyond_max_outliers, "beyond max_outliers"),
        (beyond_budget, "beyond outlier_budget"),
        (same_summary, "with the summary of another one of the document"),
    ];
    let reasons = reasons.into_iter().filter(|(n, _)| *n > 0).map(|(n, why)| format!("{} {why}", thousands(n)));
    let mut text = String::new();
    if left_out.n_dropped() > 0 {
        let outliers = counted(left_out.n_dropped(), "outlier", "outliers");
        text.push_str(&format!("left out: {outliers}: {}\n", reasons.collect::<Vec<_>>().join(", ")));
    }
    if not_written > 0 {
        let outliers = counted(not_written, "outlier", "outliers");
        text.push_str(&format!("not written to documents: {outliers} beyond max_documents_per_finding\n"));
    }
    text
}

/// Files that were not read, one line each, as many as fit on a screen.
fn ignored(files: &[String]) -> String {
    let shown = files.iter().take(MAX_IGNORED);
    let mut text: String = shown.map(|file| format!("not read: {}\n", escape_controls(file))).collect();
    if let Some(more) = files.len().checked_sub(MAX_IGNORED).filter(|more| *more > 0) {
        let more = counted(more as u64, "more file", "more files");
        text.push_str(&format!("not read: {more} without events; --report lists all\n"));
    }
    text
}

/// Documents that several files hold.
fn repeats(source: &SourceReport) -> String {
    let mut text = String::new();
    if source.repeats > 0 {
        let n = counted(source.repeats, "document", "documents");
        text.push_str(&format!("repeats: {n} with the _index and _id of an earlier one left out\n"));
    }
    if source.forgotten > 0 {
        let n = counted(source.forgotten, "document", "documents");
        text.push_str(&format!(
            "repeats: {n} may be repeats that count, because there was no room for their ids: raise --memory-limit\n"
        ));
    }
    text
}

/// Formats `12 documents with 15 outliers, 3 unchanged, 1 deleted meanwhile`.
fn counts(written: &Written) -> String {
    let Written { updated, outliers, unchanged, gone, .. } = written;
    format!(
        "{} with {}, {} unchanged, {} deleted meanwhile",
        counted(*updated, "document", "documents"),
        counted(*outliers, "outlier", "outliers"),
        thousands(*unchanged),
        thousands(*gone)
    )
}

/// Prints what is missing.
pub(crate) fn print_missing(report: &Report) {
    to_stderr(&report.missing.iter().map(|line| format!("missing: {}\n", escape_controls(line))).collect::<String>());
}

/// Prints the result of `wipe`.
pub(crate) fn print_cleaned(cleaned: &Cleaned, missing: &[String]) {
    let mut text = format!("wiped: {}\n", cleaned_counts(cleaned));
    missing.iter().for_each(|line| text.push_str(&format!("missing: {}\n", escape_controls(line))));
    to_stderr(&text);
}

/// Prints the result of `setup`, and what is left to do.
pub(crate) fn print_stored(template: &str) {
    to_stderr(&format!(
        "stored the component template {template}: add it to composed_of in the index templates of your events, then roll over\n"
    ));
}

/// Formats the counts of removed outliers, or of those to remove.
fn cleaned_counts(cleaned: &Cleaned) -> String {
    let Cleaned { dry_run, checked, documents, outliers, written, .. } = cleaned;
    let found = format!(
        "{} in {} of {}",
        counted(*outliers, "outlier", "outliers"),
        thousands(*documents),
        counted(*checked, "document", "documents")
    );
    if *dry_run {
        format!("{found}; nothing was changed")
    } else {
        format!("{found}; {} changed", counted(written.updated, "document", "documents"))
    }
}

fn table(report: &Report) -> WordTable {
    let heads = ["use case", "status", "events", "rows", "outliers", "findings", "documents", "whitelisted", "seconds"];
    let mut table = table_for(&io::stderr(), heads).with_numbers(2..heads.len());
    let is_long = report.use_cases.len() > MOST_WITHOUT_EVENTS;
    let is_shown = |status: Status| match status {
        Status::Inactive | Status::NotApplicable => false,
        Status::NoEvents => !is_long,
        _ => true,
    };
    for use_case in report.use_cases.iter().filter(|use_case| is_shown(use_case.status)) {
        let status = match use_case.status {
            Status::Complete => "complete",
            Status::NoEvents => "no events",
            Status::Unusable => "unusable",
            Status::NotApplicable => "not applicable",
            Status::ConfigurationError => "configuration error",
            _ => "failed",
        };
        table.add_row([
            escape_controls(&use_case.name),
            status.to_owned(),
            thousands(use_case.events),
            thousands(use_case.rows),
            thousands(use_case.outliers),
            thousands(use_case.findings),
            thousands(use_case.documents),
            thousands(use_case.whitelisted),
            format!("{:.2}", use_case.seconds_evaluate + use_case.seconds_describe),
        ]);
    }
    table
}

/// Writes to standard error; a closed pipe is not a reason to fail.
fn to_stderr(text: &str) {
    drop(io::stderr().lock().write_all(text.as_bytes()));
}
