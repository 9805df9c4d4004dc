//! Table of outliers for a person: per use case, the distinct findings and the number of events
//! that share each.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use comfy_table::{ContentArrangement, Table, presets};

use crate::delivery::{Delivered, DeliveryError, Sink, SinkError};
use crate::terminal::escape_controls;

/// Findings shown per use case.
const SHOWN: usize = 10;

/// Distinct findings counted per use case; further ones are counted together.
const COUNTED: usize = 50_000;

/// Upper limit on the bytes of the distinct findings of a use case.
const COUNTED_BYTES: usize = 16 << 20;

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
    to_stdout(&format!("{value:#}\n"))
}

/// Writes to standard output; a closed pipe is not an error.
fn to_stdout(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Counted findings of a run.
#[derive(Debug)]
pub struct Findings {
    names: Vec<String>,
    use_cases: BTreeMap<usize, UseCaseFindings>,
}

#[derive(Debug, Default)]
struct UseCaseFindings {
    by_summary: BTreeMap<String, SummaryCount>,
    n_uncounted: u64,
    /// Bytes of the keys of `by_summary`.
    n_bytes: usize,
}

#[derive(Debug)]
struct SummaryCount {
    n_outliers: u64,
    example: (String, String),
}

impl Sink for Findings {
    fn deliver(&mut self, documents: &[Delivered]) -> Result<(), DeliveryError> {
        documents.iter().for_each(|document| self.add(document));
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), DeliveryError> {
        Ok(to_stdout(&self.table()).map_err(SinkError::new(Path::new("standard output")))?)
    }
}

impl Findings {
    /// `names`: those of the use cases, by their number.
    pub fn new(names: &[String]) -> Self {
        Findings { names: names.to_vec(), use_cases: BTreeMap::new() }
    }

    fn add(&mut self, document: &Delivered) {
        for found in document.outliers() {
            let findings = self.use_cases.entry(found.use_case_idx).or_default();
            let summary = found.outlier.unwrapped_summary();
            let place = (document.id.index.clone(), document.id.id.clone());
            if let Some(finding) = findings.by_summary.get_mut(summary) {
                finding.n_outliers += 1;
                finding.example = place.min(std::mem::take(&mut finding.example));
            } else if findings.by_summary.len() < COUNTED && findings.n_bytes + summary.len() <= COUNTED_BYTES {
                findings.n_bytes += summary.len();
                findings.by_summary.insert(summary.to_owned(), SummaryCount { n_outliers: 1, example: place });
            } else {
                findings.n_uncounted += 1;
            }
        }
    }

    /// Returns the table, or an empty text without findings.
    fn table(&self) -> String {
        if self.use_cases.is_empty() {
            return String::new();
        }
        let mut table = table_for(&io::stdout());
        table.set_header(["use case", "outliers", "finding", "first document"]);
        for (&use_case_idx, findings) in &self.use_cases {
            findings.rows(&self.names[use_case_idx]).into_iter().for_each(|row| {
                table.add_row(row);
            });
        }
        format!("{table}\n")
    }
}

/// Start of a text that comes from events, escaped.
fn shown(text: &str) -> String {
    let Some((end, _)) = text.char_indices().nth(SHOWN_CHARS) else { return escape_controls(text) };
    format!("{} …", escape_controls(&text[..end]))
}

impl UseCaseFindings {
    /// Rarest findings come first: the frequent ones would hide them.
    fn rows(&self, name: &str) -> Vec<[String; 4]> {
        let mut findings: Vec<(&String, &SummaryCount)> = self.by_summary.iter().collect();
        findings.sort_by_key(|(summary, finding)| (finding.n_outliers, *summary));
        let mut rows: Vec<[String; 4]> = findings
            .iter()
            .take(SHOWN)
            .map(|(summary, finding)| {
                let (index, id) = &finding.example;
                [escape_controls(name), finding.n_outliers.to_string(), shown(summary), shown(&format!("{index} {id}"))]
            })
            .collect();
        let hidden: u64 = findings.iter().skip(SHOWN).map(|(_, finding)| finding.n_outliers).sum();
        let n_hidden = findings.len().saturating_sub(SHOWN);
        if n_hidden > 0 || self.n_uncounted > 0 {
            let more = if self.n_uncounted > 0 { "more than " } else { "" };
            rows.push([
                escape_controls(name),
                (hidden + self.n_uncounted).to_string(),
                format!("... in {more}{n_hidden} more findings: write them all with -o FILE"),
                String::new(),
            ]);
        }
        rows
    }
}
