//! Findings as rows of a table, for wide terminals.

use super::TextPage;
use super::told::{MOST_LINES, colour, one_decimal, shown, times};
use crate::findings::Finding;
use crate::terminal::{Colour, escape_controls, thousands, width, wrapped};

/// Space between two columns.
const GAP: &str = "  ";

/// Share of the width that a column beside the finding takes at most.
const MOST_BESIDE: usize = 5;

/// A column: its head, and whether numbers in it end together.
const COLUMNS: [(&str, bool); 6] = [
    ("score", true),
    ("finding, and why", false),
    ("documents", true),
    ("first and last", false),
    ("assets", false),
    ("use case, id", false),
];

/// Place of the column of findings, which gets the room that the others leave.
const FINDING: usize = 1;

/// Lines of a cell, each with its colour.
type Cell = Vec<(String, Option<Colour>)>;

impl TextPage {
    pub(super) fn rows(self, findings: &[Finding]) -> String {
        let beside: Vec<[Cell; COLUMNS.len()]> =
            findings.iter().map(|finding| cells_beside(finding, self.width / MOST_BESIDE)).collect();
        let mut widths = COLUMNS.map(|(head, _)| width(head));
        for row in &beside {
            for (most, cell) in widths.iter_mut().zip(row) {
                *most = cell.iter().map(|(line, _)| width(line)).chain([*most]).max().unwrap_or(0);
            }
        }
        let taken: usize = widths.iter().sum::<usize>() - widths[FINDING] + GAP.len() * (COLUMNS.len() - 1);
        widths[FINDING] = self.width.saturating_sub(taken);
        let heads = COLUMNS.map(|(head, _)| vec![(head.to_owned(), Some(Colour::Faint))]);
        let mut text = self.row(&heads, &widths);
        for (finding, mut row) in findings.iter().zip(beside) {
            row[FINDING] = finding_cell(finding, widths[FINDING]);
            text.push_str(&self.row(&row, &widths));
        }
        text
    }

    fn row(self, cells: &[Cell; COLUMNS.len()], widths: &[usize; COLUMNS.len()]) -> String {
        let n_lines = cells.iter().map(Vec::len).max().unwrap_or(0);
        let mut text = String::new();
        for idx in 0..n_lines {
            let mut line = String::new();
            for ((cell, (_, ends_together)), &columns) in cells.iter().zip(COLUMNS).zip(widths) {
                let empty = (String::new(), None);
                let (part, colour) = cell.get(idx).unwrap_or(&empty);
                let blank = " ".repeat(columns.saturating_sub(width(part)));
                let part = colour.map_or_else(|| part.clone(), |colour| self.palette.paint(colour, part));
                line.push_str(&if ends_together { format!("{blank}{part}") } else { format!("{part}{blank}") });
                line.push_str(GAP);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Cells of a finding, without the one that gets the rest of the room.
fn cells_beside(finding: &Finding, most: usize) -> [Cell; COLUMNS.len()] {
    let plain = |lines: Vec<String>| lines.into_iter().map(|line| (line, None)).collect::<Cell>();
    let faint = |line: String| (line, Some(Colour::Faint));
    let names = wrapped(&shown(&finding.assets.join(", ")), most, MOST_LINES);
    let severity = finding.severity.map(|severity| (severity.as_str().to_owned(), Some(colour(Some(severity)))));
    let mut use_case = plain(wrapped(&words_of(&finding.use_case, most), most, MOST_LINES));
    use_case.extend(severity);
    use_case.push(faint(finding.finding_id.short()));
    [
        vec![(one_decimal(finding.score), Some(colour(finding.severity)))],
        Vec::new(),
        plain(vec![thousands(finding.documents)]),
        plain(times(finding)),
        plain(names),
        use_case,
    ]
}

/// Name of a use case with spaces where it may be broken.
fn words_of(name: &str, most: usize) -> String {
    let name = escape_controls(name);
    if width(&name) <= most { name } else { name.replacen('_', " ", 1) }
}

fn finding_cell(finding: &Finding, most: usize) -> Cell {
    let strong = Some(colour(finding.severity));
    let mut cell: Cell =
        wrapped(&shown(&finding.summary), most, MOST_LINES).into_iter().map(|line| (line, strong)).collect();
    if let Some(reason) = &finding.reason {
        cell.extend(wrapped(&shown(reason), most, MOST_LINES).into_iter().map(|line| (line, None)));
    }
    if !finding.supported_by.is_empty() {
        let others = format!("also {}", escape_controls(&finding.supported_by.join(", ")));
        cell.extend(wrapped(&others, most, MOST_LINES).into_iter().map(|line| (line, Some(Colour::Faint))));
    }
    cell
}
