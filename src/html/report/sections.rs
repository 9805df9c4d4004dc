//! Sections of a report: the run, assets, use cases, what was read.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::super::Fact;
use super::super::texts::{seconds, shortened, time};
use super::link;
use super::read::{ReadAsset, ReadReport, ReadSource, ReadUseCase};
use crate::report::Status;
use crate::terminal::{counted, thousands};

/// Upper limit on the lines of a list.
const MOST_LINES: usize = 1000;

/// Upper limit on the characters of a line.
const LINE_CHARS: usize = 600;

/// A section of the page.
#[derive(Debug, Serialize)]
pub(super) struct SectionLink {
    id: &'static str,
    name: &'static str,
}

/// Sections in their order.
pub(super) const SECTIONS: [SectionLink; 8] = [
    SectionLink { id: "run", name: "The run" },
    SectionLink { id: "findings", name: "Findings" },
    SectionLink { id: "assets", name: "Assets" },
    SectionLink { id: "timeline", name: "Timeline" },
    SectionLink { id: "attack", name: "ATT&CK" },
    SectionLink { id: "whitelisted", name: "Whitelisted" },
    SectionLink { id: "use-cases", name: "Use cases" },
    SectionLink { id: "read", name: "What was read" },
];

/// Outcome and numbers of a run.
#[derive(Debug, Serialize)]
pub(super) struct RunSection {
    status: Status,
    facts: Vec<Fact>,
}

/// Time when the run started, as text.
pub(super) fn started(report: &ReadReport) -> String {
    let read = DateTime::parse_from_rfc3339(&report.started);
    read.map_or_else(|_| report.started.clone(), |started| time(started.with_timezone(&Utc)))
}

pub(super) fn run(report: &ReadReport) -> RunSection {
    let totals = &report.totals;
    let mut facts = vec![
        Fact::new("Events", thousands(report.source.events)),
        Fact::new("Findings", thousands(totals.findings)),
        Fact::new("Outliers", thousands(totals.outliers)),
        Fact::new("Whitelisted", counted(totals.whitelisted, "outlier", "outliers")),
        Fact::new(
            "Use cases",
            format!(
                "{} of {} judged, {} not applicable to these events",
                thousands(totals.completed),
                thousands(totals.use_cases),
                thousands(totals.not_applicable)
            ),
        ),
        Fact::new("Started", started(report)),
        Fact::new("Took", seconds(report.seconds)),
        Fact::new("Program", format!("ee-outliers {}", report.version)),
    ];
    facts.extend(report.run.as_ref().map(|id| Fact::new("Run", id)));
    RunSection { status: report.status, facts }
}

/// Assets with the highest scores.
#[derive(Debug, Serialize)]
pub(super) struct AssetSection {
    note: String,
    rows: Vec<AssetRow>,
}

#[derive(Debug, Serialize)]
struct AssetRow {
    name: String,
    link: String,
    score: String,
    bits: String,
    findings: String,
    use_cases: String,
}

pub(super) fn assets(assets: &[ReadAsset], n_assets: u64) -> AssetSection {
    let row = |asset: &ReadAsset| {
        let share = |(name, n): (&str, u64)| match n {
            1 => name.to_owned(),
            n => format!("{name} ({})", thousands(n)),
        };
        let use_cases: Vec<String> = asset.use_cases.iter().map(|one| share((&one.use_case, one.findings))).collect();
        let words: Vec<&str> = asset.asset.split_whitespace().collect();
        AssetRow {
            name: asset.asset.clone(),
            link: link("q", &words.join(" ")),
            score: format!("{:.1}", asset.score),
            bits: format!("{:.1}", asset.surprise),
            findings: thousands(asset.findings),
            use_cases: use_cases.join(", "),
        }
    };
    let more = n_assets.saturating_sub(assets.len() as u64);
    let mut note = "Hosts, users and addresses by the evidence of all use cases. \
        A name leads to the findings that mention it."
        .to_owned();
    if more > 0 {
        note += &format!(" {} with lower scores are not listed.", counted(more, "asset", "assets"));
    }
    AssetSection { note, rows: assets.iter().map(row).collect() }
}

/// A use case with whitelisted outliers.
#[derive(Debug, Serialize)]
pub(super) struct WhitelistedRow {
    name: String,
    whitelisted: String,
    outliers: String,
}

pub(super) fn whitelisted(use_cases: &[ReadUseCase]) -> Vec<WhitelistedRow> {
    let row = |use_case: &ReadUseCase| WhitelistedRow {
        name: use_case.name.clone(),
        whitelisted: thousands(use_case.whitelisted),
        outliers: thousands(use_case.outliers),
    };
    use_cases.iter().filter(|use_case| use_case.whitelisted > 0).map(row).collect()
}

/// Use cases with the same outcome.
#[derive(Debug, Serialize)]
pub(super) struct UseCaseGroup {
    heading: String,
    open: bool,
    rows: Vec<UseCaseRow>,
}

#[derive(Debug, Serialize)]
struct UseCaseRow {
    name: String,
    events: String,
    outliers: String,
    findings: String,
    notes: Vec<String>,
}

/// Groups of use cases: those that need attention first, and open.
pub(super) fn use_cases(use_cases: &[ReadUseCase]) -> Vec<UseCaseGroup> {
    type Belongs = fn(&ReadUseCase) -> bool;
    let groups: [(&str, bool, Belongs); 7] = [
        ("failed", true, |of| matches!(of.status, Status::Failed | Status::Partial)),
        ("with errors in the configuration", true, |of| of.status == Status::ConfigurationError),
        ("that cannot use the events", true, |of| of.status == Status::Unusable),
        ("with findings", false, |of| of.status == Status::Complete && of.findings > 0),
        ("that found nothing", false, |of| of.status == Status::Complete && of.findings == 0),
        ("whose query matches no event", false, |of| of.status == Status::NoEvents),
        ("not applicable: the events are of another kind", false, |of| of.status == Status::NotApplicable),
    ];
    let inactive: (&str, bool, Belongs) = ("switched off", false, |of| of.status == Status::Inactive);
    let group = |(what, open, belongs): (&str, bool, Belongs)| {
        let mut found: Vec<&ReadUseCase> = use_cases.iter().filter(|use_case| belongs(use_case)).collect();
        found.sort_by_key(|use_case| (std::cmp::Reverse(use_case.findings), use_case.name.clone()));
        let heading = format!("{} {what}", counted(found.len() as u64, "use case", "use cases"));
        UseCaseGroup { heading, open, rows: found.into_iter().map(row).collect() }
    };
    groups.into_iter().chain([inactive]).map(group).filter(|group| !group.rows.is_empty()).collect()
}

fn row(use_case: &ReadUseCase) -> UseCaseRow {
    let skipped = use_case.skipped_events.iter();
    let skipped = skipped.map(|(reason, n)| format!("{} left out: {reason}", counted(*n, "event", "events")));
    let notes = use_case.error.iter().chain(&use_case.notes).cloned().chain(skipped);
    UseCaseRow {
        name: use_case.name.clone(),
        events: thousands(use_case.events),
        outliers: thousands(use_case.outliers),
        findings: thousands(use_case.findings),
        notes: notes.map(|note| shortened(&note, LINE_CHARS)).collect(),
    }
}

/// Section about what was read.
#[derive(Debug, Serialize)]
pub(super) struct SourceSection {
    facts: Vec<Fact>,
    lists: Vec<LineList>,
}

#[derive(Debug, Serialize)]
struct LineList {
    heading: String,
    lines: Vec<String>,
}

pub(super) fn source(source: &ReadSource) -> SourceSection {
    let mut facts = vec![Fact::new("Events", thousands(source.events))];
    if source.bytes > 0 {
        facts.push(Fact::new("Bytes as stored", thousands(source.bytes)));
    }
    let repeats = counted(source.repeats, "document", "documents");
    if source.repeats > 0 {
        facts.push(Fact::new("Repeats", format!("{repeats} left out, because an earlier one has the same id")));
    }
    if source.forgotten > 0 {
        let forgotten = counted(source.forgotten, "document", "documents");
        facts.push(Fact::new("Repeats unknown", format!("{forgotten} whose ids did not fit into memory")));
    }
    let fields = source.fields.iter().map(|(name, others)| format!("{name} is {} here", others.join(", ")));
    let mut lists = vec![
        list(source.incomplete.len(), ("file not read to its end", "files not read to their end"), &source.incomplete),
        list(source.ignored.len(), ("file without events", "files without events"), &source.ignored),
    ];
    for (reason, skipped) in &source.skipped_lines {
        let heading = format!("{} skipped: {reason}", counted(skipped.lines, "line", "lines"));
        lists.push(LineList { heading, lines: lines(&skipped.samples) });
    }
    let fields: Vec<String> = fields.collect();
    lists.push(list(fields.len(), ("field with another name", "fields with other names"), &fields));
    lists.retain(|list| !list.lines.is_empty());
    SourceSection { facts, lists }
}

fn list(n: usize, (one, many): (&str, &str), all: &[String]) -> LineList {
    LineList { heading: counted(n as u64, one, many), lines: lines(all) }
}

fn lines(all: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = all.iter().take(MOST_LINES).map(|line| shortened(line, LINE_CHARS)).collect();
    if all.len() > MOST_LINES {
        lines.push(format!("and {} more", thousands((all.len() - MOST_LINES) as u64)));
    }
    lines
}
