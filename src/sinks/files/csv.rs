//! Outliers as comma-separated values (RFC 4180).

use std::io::{self, BufWriter, Write};

use tempfile::NamedTempFile;

use super::rows::{COLUMNS, CellKind, Column, Timestamps, rows};
use super::sorted::{FilePart, Form};
use crate::delivery::Delivered;

/// First characters with which spreadsheets take a text for a formula.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A header, then a row per outlier.
#[derive(Debug)]
pub(super) struct CsvRows {
    file: BufWriter<NamedTempFile>,
    timestamps: Timestamps,
}

impl CsvRows {
    pub(super) fn start(file: NamedTempFile, timestamps: Timestamps) -> io::Result<Self> {
        let mut file = BufWriter::new(file);
        file.write_all(header(&COLUMNS).as_bytes())?;
        Ok(CsvRows { file, timestamps })
    }
}

impl Form for CsvRows {
    fn encoder(&self) -> impl Fn(&Delivered) -> serde_json::Result<Vec<FilePart>> + Sync {
        let timestamps = &self.timestamps;
        move |document| {
            Ok(rows(document, timestamps)?.iter().map(|row| FilePart::line(record(row, &COLUMNS))).collect())
        }
    }

    fn write(&mut self, FilePart(lines): FilePart) -> io::Result<()> {
        lines.iter().try_for_each(|line| self.file.write_all(line.as_bytes()))
    }

    fn finish(self) -> io::Result<NamedTempFile> {
        self.file.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

/// Returns the first line of a table with these columns.
pub fn header(columns: &[Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    format!("{}\r\n", names.join(","))
}

/// Returns the line of a row with these columns.
pub fn record(row: &[String], columns: &[Column]) -> String {
    let mut out = String::new();
    for (idx, (text, (_, kind))) in row.iter().zip(columns).enumerate() {
        if idx > 0 {
            out.push(',');
        }
        push_cell(text, *kind, &mut out);
    }
    out.push_str("\r\n");
    out
}

fn push_cell(text: &str, kind: CellKind, out: &mut String) {
    // events choose these texts, and must not choose what a spreadsheet computes
    let guard = if kind == CellKind::Text && text.starts_with(FORMULA_STARTS) { "'" } else { "" };
    if text.contains([',', '"', '\r', '\n']) || text.trim().len() < text.len() {
        out.push('"');
        out.push_str(guard);
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(guard);
        out.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_cannot_be_formulas() {
        let check = |text: &str, expected: &str| {
            let mut out = String::new();
            push_cell(text, CellKind::Text, &mut out);
            assert_eq!(out, expected, "{text:?}");
        };
        check("plain text", "plain text");
        check("", "");
        check("a,b", "\"a,b\"");
        check("say \"hi\"\n", "\"say \"\"hi\"\"\n\"");
        check(" x", "\" x\"");
        check("=1+1", "'=1+1");
        check("+1", "'+1");
        check("-1", "'-1");
        check("@SUM(A1,A2)", "\"'@SUM(A1,A2)\"");
        check("\t=1", "\"'\t=1\"");
        check("\r=1", "\"'\r=1\"");
        let mut out = String::new();
        push_cell("-1.5", CellKind::Number, &mut out);
        assert_eq!(out, "-1.5");
    }
}
