//! Results as comma-separated values.

use super::super::comparison::{ComparedFinding, ComparisonResult};
use super::super::measures::Measures;
use super::super::result::BacktestResult;
use super::figures::kind;
use crate::sinks::files::{CellKind, Column, csv_header, csv_record};

/// Columns of results: a row per use case, and per point of its curve.
const COLUMNS: [Column; 22] = [
    ("use_case", CellKind::Text),
    ("sensitivity", CellKind::Number),
    ("in_use", CellKind::Text),
    ("attack_documents", CellKind::Number),
    ("background_documents", CellKind::Number),
    ("other_documents", CellKind::Number),
    ("attack_findings", CellKind::Number),
    ("background_findings", CellKind::Number),
    ("other_findings", CellKind::Number),
    ("recordings", CellKind::Number),
    ("unlabelled_recordings", CellKind::Number),
    ("background_documents_per_10k_events", CellKind::Number),
    ("background_documents_per_day", CellKind::Number),
    ("background_findings_per_10k_events", CellKind::Number),
    ("background_findings_per_day", CellKind::Number),
    ("precision", CellKind::Number),
    ("precision_at_10", CellKind::Number),
    ("precision_at_50", CellKind::Number),
    ("precision_at_100", CellKind::Number),
    ("average_precision", CellKind::Number),
    ("seconds_to_first", CellKind::Number),
    ("proposed", CellKind::Text),
];

/// Columns of comparisons: a row per finding that was gained or lost.
const COMPARED: [Column; 10] = [
    ("change", CellKind::Text),
    ("kind", CellKind::Text),
    ("score", CellKind::Number),
    ("use_case", CellKind::Text),
    ("aggregator", CellKind::Text),
    ("target", CellKind::Text),
    ("documents", CellKind::Number),
    ("recordings", CellKind::Text),
    ("assets", CellKind::Text),
    ("summary", CellKind::Text),
];

pub(super) fn of_result(result: &BacktestResult) -> String {
    let mut text = csv_header(&COLUMNS);
    let mut add = |name: &str, sensitivity: Option<f64>, in_use: &str, measures: &Measures, proposed: String| {
        let number = |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
        let mut row = vec![name.to_owned(), number(sensitivity), in_use.to_owned()];
        let Measures { documents, findings, recordings, unlabelled_recordings, .. } = measures;
        let counts = [documents.attack, documents.background, documents.neither];
        let counts = counts.into_iter().chain([findings.attack, findings.background, findings.neither]);
        row.extend(counts.chain([*recordings, *unlabelled_recordings]).map(|count| count.to_string()));
        let rates = [measures.background_documents, measures.background_findings];
        row.extend(rates.iter().flat_map(|rates| [number(rates.per_10k_events), number(rates.per_day)]));
        let at = measures.precision_at;
        let shares = [measures.precision, at.ten, at.fifty, at.hundred, measures.average_precision];
        row.extend(shares.into_iter().chain([measures.seconds_to_first]).map(number));
        row.push(proposed);
        text += &csv_record(&row, &COLUMNS);
    };
    add("in all", None, "yes", &result.in_all, String::new());
    for use_case in &result.use_cases {
        let proposals = result.suggestion.iter().flat_map(|suggestion| &suggestion.use_cases);
        let proposal = proposals.into_iter().find(|proposal| proposal.name == use_case.name);
        add(&use_case.name, use_case.sensitivity, "yes", &use_case.measures, String::new());
        for point in &use_case.curve {
            let is_proposed =
                proposal.is_some_and(|proposal| proposal.run && proposal.sensitivity == point.sensitivity);
            let in_use = if point.in_use { "alone" } else { "no" };
            let proposed = if is_proposed { "yes" } else { "" };
            add(&use_case.name, point.sensitivity, in_use, &point.measures, proposed.to_owned());
        }
    }
    text
}

pub(super) fn of_comparison(result: &ComparisonResult) -> String {
    let mut text = csv_header(&COMPARED);
    for (change, findings) in [("gained", &result.gained), ("lost", &result.lost)] {
        findings.iter().for_each(|finding| text += &csv_record(&row(change, finding), &COMPARED));
    }
    text
}

fn row(change: &str, finding: &ComparedFinding) -> Vec<String> {
    vec![
        change.to_owned(),
        kind(finding.kind).to_owned(),
        finding.score.to_string(),
        finding.use_case.clone(),
        finding.aggregator.clone().unwrap_or_default(),
        finding.target.clone().unwrap_or_default(),
        finding.documents.to_string(),
        finding.recordings.join(", "),
        finding.assets.join(", "),
        finding.summary.clone(),
    ]
}
