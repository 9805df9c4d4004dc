//! Results as pages, with a plot of each curve.

use minijinja::context;
use serde::Serialize;

use super::super::super::error::RunError;
use super::super::comparison::{Changes, ComparedFinding, ComparedRecording, ComparisonResult};
use super::super::measures::Measures;
use super::super::result::{
    BacktestResult, Body, LabelValue, Point, Proposal, RecordingResult, Suggestion, UseCaseResult,
};
use super::figures::{HEADERS, body, cells, duration, kind, name, none, number, proposed, sensitivity};
use crate::html::{Templates, shown};
use crate::plots::{self, Axis, CurvePlot};
use crate::terminal::{escape_controls, thousands};

/// Findings, recordings and assets of a page.
const ROWS: usize = 1000;

/// A row of figures.
#[derive(Serialize)]
struct Row {
    name: String,
    cells: Vec<String>,
}

impl Row {
    fn of(name: impl Into<String>, measures: &Measures) -> Self {
        Row { name: name.into(), cells: cells(measures).to_vec() }
    }
}

/// A table of texts.
#[derive(Serialize)]
struct List {
    title: String,
    headers: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl List {
    fn of(title: impl Into<String>, headers: &'static [&'static str], rows: impl Iterator<Item = Vec<String>>) -> Self {
        List { title: title.into(), headers, rows: rows.take(ROWS).collect() }
    }
}

/// Page of a result.
pub(super) fn of_result(result: &BacktestResult) -> Result<String, RunError> {
    const LABEL: &[&str] = &["Field", "Value", "Events", "Counted as"];
    const PROPOSAL: &[&str] = &["Use case", "In use", "Proposed", "Found", "Background findings per day"];
    const RECORDING: &[&str] = &["Recording", "Kind", "Events", "Attack events", "Found by", "First after"];
    let all = Row::of("in all", &result.in_all);
    let rows = [all].into_iter().chain(result.use_cases.iter().map(|row| Row::of(name(row), &row.measures)));
    let plots = result.use_cases.iter().filter(|of| of.curve.len() > 1).map(plot);
    let mut lists = vec![List::of("Labels", LABEL, result.body.labels.iter().map(label))];
    if let Some(Suggestion { budget, use_cases, .. }) = &result.suggestion {
        let title = format!("Proposal for {budget} background findings per day");
        lists.push(List::of(title, PROPOSAL, use_cases.iter().map(proposal)));
    }
    lists.push(List::of("Recordings", RECORDING, result.recordings.iter().map(recording)));
    let lines = result.missing.iter().chain(&result.warnings);
    page("Backtest", &result.body, rows.collect(), plots.collect(), lists, lines.collect())
}

/// Page of a comparison.
pub(super) fn of_comparison(result: &ComparisonResult) -> Result<String, RunError> {
    const FINDING: &[&str] = &["Score", "Kind", "Use case", "Finding", "Documents", "Recordings", "Assets"];
    const RECORDING: &[&str] = &["Recording", "Kind", "A", "B", "Gained", "Lost"];
    const ASSET: &[&str] = &["Asset", "Gained", "Lost"];
    let sides = [("A", &result.a), ("B", &result.b)];
    let rows = sides.map(|(label, side)| Row::of(format!("{label}: {}", side.name), &side.measures));
    let asset = |asset: &Changes| vec![asset.name.clone(), thousands(asset.gained), thousands(asset.lost)];
    let lists = vec![
        List::of("Gained by B", FINDING, result.gained.iter().map(finding)),
        List::of("Lost by B", FINDING, result.lost.iter().map(finding)),
        List::of("Recordings", RECORDING, result.recordings.iter().map(compared_recording)),
        List::of("Assets", ASSET, result.assets.iter().map(asset)),
    ];
    let lines = sides.into_iter().flat_map(|(_, side)| side.missing.iter().chain(&side.warnings));
    page("Comparison", &result.body, rows.into(), Vec::new(), lists, lines.collect())
}

fn page(
    title: &str,
    of: &Body,
    rows: Vec<Row>,
    plots: Vec<String>,
    mut lists: Vec<List>,
    lines: Vec<&String>,
) -> Result<String, RunError> {
    lists.retain(|list| !list.rows.is_empty());
    let (rows, lists, lines) = (shown(&rows), shown(&lists), shown(&lines));
    let context = context! { title, body => body(of), headers => HEADERS, rows, plots, lists, lines };
    let templates = Templates::read(&[("page", include_str!("page.html"))]);
    let page = templates.and_then(|templates| templates.render_alone("page", None, context));
    page.map_err(|error| RunError::Internal(error.to_string()))
}

/// Plots what a use case finds, and at which price, by its sensitivity.
fn plot(use_case: &UseCaseResult) -> String {
    let price = |point: &Point| {
        let Measures { background_findings, findings, .. } = &point.measures;
        background_findings.per_day.unwrap_or(findings.background as f64)
    };
    let place = |point: &Point| (price(point), point.items.len() as f64);
    let description = "Each point is a sensitivity. The one in use is marked.";
    let x = Axis::linear("background findings per day").reaching(0.0);
    let y = Axis::linear("found").of_counts().reaching(0.0);
    let mut plot = CurvePlot::new(escape_controls(&use_case.name), description, x, y);
    let points: Vec<(f64, f64)> = use_case.curve.iter().map(place).collect();
    plot = plot.line("other sensitivities", points.clone()).points("sensitivities", points);
    for point in use_case.curve.iter().filter(|point| point.in_use) {
        let (x, y) = place(point);
        plot = plot.mark(x, y, format!("in use: {}", sensitivity(point.sensitivity)));
    }
    plots::part(&plot.svg())
}

fn label(label: &LabelValue) -> Vec<String> {
    vec![label.field.clone(), label.value.clone(), thousands(label.events), kind(label.kind).to_owned()]
}

fn proposal(proposal: &Proposal) -> Vec<String> {
    vec![
        proposal.name.clone(),
        sensitivity(proposal.in_use),
        proposed(proposal),
        thousands(proposal.found),
        number(Some(proposal.background_findings_per_day)),
    ]
}

fn recording(recording: &RecordingResult) -> Vec<String> {
    vec![
        recording.name.clone(),
        kind(recording.kind).to_owned(),
        thousands(recording.events.total()),
        thousands(recording.events.attack),
        recording.found_by.join(", "),
        recording.seconds_to_first.map_or_else(none, duration),
    ]
}

fn compared_recording(recording: &ComparedRecording) -> Vec<String> {
    let ComparedRecording { changes, found_by_a, found_by_b, .. } = recording;
    let [a, b] = [found_by_a, found_by_b].map(|is_found| if *is_found { "found" } else { "" }.to_owned());
    let (gained, lost) = (thousands(changes.gained), thousands(changes.lost));
    vec![changes.name.clone(), kind(recording.kind).to_owned(), a, b, gained, lost]
}

fn finding(finding: &ComparedFinding) -> Vec<String> {
    vec![
        format!("{:.1}", finding.score),
        kind(finding.kind).to_owned(),
        finding.use_case.clone(),
        finding.summary.clone(),
        thousands(finding.documents),
        finding.recordings.join(", "),
        finding.assets.join(", "),
    ]
}
