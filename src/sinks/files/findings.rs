//! Findings as lines of JSON, or as a table with a row per finding; the highest scores come first.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::csv::{header, record};
use super::parquet::ParquetTable;
use super::place::{beside, persist};
use super::rows::{CellKind, Column};
use crate::cli::OutputFormat;
use crate::config::FindingSeverity;
use crate::delivery::{DeliveryError, SinkError};
use crate::findings::{Finding, Findings, shown_time};

/// Columns of findings.
const COLUMNS: [Column; 21] = [
    ("finding_id", CellKind::Text),
    ("score", CellKind::Number),
    ("surprise", CellKind::Number),
    ("own_score", CellKind::Number),
    ("own_surprise", CellKind::Number),
    ("use_case", CellKind::Text),
    ("model", CellKind::Text),
    ("severity", CellKind::Text),
    ("techniques", CellKind::Text),
    ("supported_by", CellKind::Text),
    ("aggregator", CellKind::Text),
    ("target", CellKind::Text),
    ("documents", CellKind::Number),
    ("outliers", CellKind::Number),
    ("first", CellKind::Text),
    ("last", CellKind::Text),
    ("summary", CellKind::Text),
    ("reason", CellKind::Text),
    ("assets", CellKind::Text),
    ("_index", CellKind::Text),
    ("_id", CellKind::Text),
];

/// Starts a file for findings; fails at once if it could not be written at the end. What is written
/// to a stream is kept in `spill_dir` until then.
///
/// # Errors
/// A place that cannot be written.
pub fn create_findings(path: &Path, spill_dir: &Path) -> Result<FindingsFile, SinkError> {
    let file = beside(path, spill_dir).map_err(SinkError::new(path))?;
    Ok(FindingsFile { path: path.to_owned(), format: OutputFormat::of_name(path), file })
}

/// A file for findings in which nothing is written yet.
#[derive(Debug)]
pub struct FindingsFile {
    path: PathBuf,
    format: OutputFormat,
    file: NamedTempFile,
}

impl FindingsFile {
    /// Writes the file, which appears under its name when it is complete.
    ///
    /// # Errors
    /// Findings that cannot be read back, and a file that cannot be written.
    pub fn write(self, findings: &Findings) -> Result<(), DeliveryError> {
        let FindingsFile { path, format, file } = self;
        let cannot_write = SinkError::new(&path);
        let mut form = Form::start(file, format).map_err(&cannot_write)?;
        let mut findings = findings.read()?;
        while let Some(finding) = findings.next_if(|_| true)? {
            form.write(&finding).map_err(&cannot_write)?;
        }
        let file = form.finish().map_err(&cannot_write)?;
        Ok(persist(file, &path)?)
    }
}

enum Form {
    Lines(BufWriter<NamedTempFile>),
    Csv(BufWriter<NamedTempFile>),
    Parquet(Box<ParquetTable>),
}

impl Form {
    fn start(file: NamedTempFile, format: OutputFormat) -> io::Result<Self> {
        Ok(match format {
            OutputFormat::Ndjson => Form::Lines(BufWriter::new(file)),
            OutputFormat::Csv => {
                let mut file = BufWriter::new(file);
                file.write_all(header(&COLUMNS).as_bytes())?;
                Form::Csv(file)
            }
            OutputFormat::Parquet => Form::Parquet(Box::new(ParquetTable::start(file, &COLUMNS)?)),
        })
    }

    fn write(&mut self, finding: &Finding) -> io::Result<()> {
        match self {
            Form::Lines(file) => {
                serde_json::to_writer(&mut *file, finding)?;
                file.write_all(b"\n")
            }
            Form::Csv(file) => file.write_all(record(&row(finding)?, &COLUMNS).as_bytes()),
            Form::Parquet(table) => table.push(row(finding)?),
        }
    }

    fn finish(self) -> io::Result<NamedTempFile> {
        match self {
            Form::Lines(file) | Form::Csv(file) => file.into_inner().map_err(io::IntoInnerError::into_error),
            Form::Parquet(table) => table.finish(),
        }
    }
}

/// Returns the cells of a finding, empty if there is no value.
fn row(finding: &Finding) -> serde_json::Result<Vec<String>> {
    let time = |time: Option<i64>| time.and_then(shown_time).unwrap_or_default();
    Ok(vec![
        finding.finding_id.to_string(),
        finding.score.to_string(),
        finding.surprise.to_string(),
        finding.own_score.to_string(),
        finding.own_surprise.to_string(),
        finding.use_case.clone(),
        finding.model.as_str().to_owned(),
        finding.severity.map_or("", FindingSeverity::as_str).to_owned(),
        finding.techniques.join(", "),
        finding.supported_by.join(", "),
        finding.aggregator.clone().unwrap_or_default(),
        finding.target.clone().unwrap_or_default(),
        finding.documents.to_string(),
        finding.outliers.to_string(),
        time(finding.first),
        time(finding.last),
        finding.summary.clone(),
        finding.reason.clone().unwrap_or_default(),
        serde_json::to_string(&finding.assets)?,
        finding.index.clone(),
        finding.id.clone(),
    ])
}
