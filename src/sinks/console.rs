//! Tables for a person: the findings and assets of a run, the highest scores first.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::delivery::{DeliveryError, SinkError};
use crate::findings::{Finding, Findings, RankedAsset};
use crate::terminal::{counted, escape_controls, thousands};

/// Findings shown.
const SHOWN_FINDINGS: usize = 30;

/// Assets shown.
const SHOWN_ASSETS: usize = 10;

/// Characters shown of a finding: laying out a cell takes time that grows with the square of its
/// length.
const SHOWN_CHARS: usize = 1000;

/// Width of the table if its stream is not a terminal.
const PLAIN_WIDTH: u16 = 160;

/// Returns an empty table as wide as the terminal `stream`.
pub fn table_for(stream: &impl IsTerminal) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !stream.is_terminal() {
        table.set_width(PLAIN_WIDTH);
    }
    table
}

/// Prints a value on standard output.
pub fn print_json(value: &serde_json::Value) -> io::Result<()> {
    print_text(&format!("{value:#}\n"))
}

/// Writes text for people to standard output; a closed pipe is not an error.
pub fn print_text(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Prints the findings and assets with the highest scores, if there are any.
///
/// # Errors
/// Findings that cannot be read back, and a standard output that cannot be written.
pub fn print_findings(findings: &Findings) -> Result<(), DeliveryError> {
    if findings.n_findings == 0 {
        return Ok(());
    }
    let mut text = format!("{}\n", findings_table(&findings.top(SHOWN_FINDINGS)?));
    if findings.n_findings > SHOWN_FINDINGS as u64 {
        let more = counted(findings.n_findings - SHOWN_FINDINGS as u64, "more finding", "more findings");
        text.push_str(&format!(" ... and {more}: write them all with --findings FILE\n"));
    }
    if findings.n_assets > 0 {
        text.push_str(&format!("\n{}\n", assets_table(&findings.assets[..SHOWN_ASSETS.min(findings.assets.len())])));
    }
    if findings.n_assets > SHOWN_ASSETS as u64 {
        let more = counted(findings.n_assets - SHOWN_ASSETS as u64, "more asset", "more assets");
        text.push_str(&format!(" ... and {more}: --report FILE has the first 100\n"));
    }
    Ok(print_text(&text).map_err(SinkError::new(Path::new("standard output")))?)
}

fn findings_table(findings: &[Finding]) -> Table {
    let mut table = table_for(&io::stdout());
    table.set_header(["score", "use case", "others", "documents", "finding", "document"]);
    for finding in findings {
        table.add_row([
            one_decimal(finding.score),
            escape_controls(&finding.use_case),
            thousands(finding.supported_by.len() as u64),
            thousands(finding.documents),
            shown(&finding.summary),
            shown(&format!("{} {}", finding.index, finding.id)),
        ]);
    }
    align_right(&mut table, &[0, 2, 3]);
    table
}

fn assets_table(assets: &[RankedAsset]) -> Table {
    let mut table = table_for(&io::stdout());
    table.set_header(["score", "bits", "asset", "findings", "use cases"]);
    for asset in assets {
        let use_cases: Vec<&str> = asset.use_cases.iter().map(|evidence| evidence.use_case.as_str()).collect();
        table.add_row([
            one_decimal(asset.score),
            // scores of assets with much evidence are nearly equal
            one_decimal(asset.surprise),
            shown(&asset.asset),
            thousands(asset.findings),
            shown(&use_cases.join(", ")),
        ]);
    }
    align_right(&mut table, &[0, 1, 3]);
    table
}

/// Aligns columns of numbers.
pub fn align_right(table: &mut Table, columns: &[usize]) {
    for idx in columns {
        table.column_mut(*idx).into_iter().for_each(|column| {
            column.set_cell_alignment(CellAlignment::Right);
        });
    }
}

fn one_decimal(number: f64) -> String {
    format!("{number:.1}")
}

/// Start of a text that comes from events, escaped.
fn shown(text: &str) -> String {
    let Some((end, _)) = text.char_indices().nth(SHOWN_CHARS) else { return escape_controls(text) };
    format!("{} …", escape_controls(&text[..end]))
}
