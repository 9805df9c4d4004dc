//! History: what each run reported, and the findings with the highest scores.

use chrono::{DateTime, Utc};
use redb::{ReadableTable, WriteTransaction};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::error::StateError;
use super::StateStore;
use super::tables::{FINDINGS, NUMBERS, REPORTS, RUNS};
use super::values::{compress, decompress, from_json, to_json};
use crate::config::{FindingSeverity, ModelType};
use crate::spelling::named_values;

/// Upper limit on the findings that are kept of a run.
pub const MOST_KEPT: usize = 10_000;

/// Findings per value of the table.
pub(super) const FINDINGS_PER_BLOCK: usize = 256;

/// Key of the number of the next run.
const NEXT_RUN: &str = "next run";

named_values! {
    /// Way in which a run ended.
    RunOutcome {
        /// It has not ended.
        Running = "running",
        /// Everything was done.
        Complete = "complete",
        /// Something is missing.
        Partial = "partial",
        /// Nothing was done.
        Failed = "failed",
        /// It was ended before it was done, or killed.
        Interrupted = "interrupted",
    }
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its number in the store, from 1 on.
    pub number: u64,
    /// Id: the time when it began, and its number.
    pub id: String,
    /// Version of the program.
    pub version: String,
    /// Time when it began.
    pub begun: DateTime<Utc>,
    /// Time when it ended.
    pub ended: Option<DateTime<Utc>>,
    /// Way in which it ended.
    pub outcome: RunOutcome,
    /// Exit code of the run.
    pub exit_code: Option<u8>,
    /// Number of events that it read.
    pub n_events: u64,
    /// Number of its outliers.
    pub n_outliers: u64,
    /// Number of its findings.
    pub n_findings: u64,
    /// Number of the findings that are kept.
    pub n_kept: u64,
    /// Bytes of its report and its findings in the store.
    pub n_bytes: u64,
}

/// Facts about a run when it ends.
#[derive(Debug, Clone)]
pub struct RunEnd {
    /// Time when it ended.
    pub ended: DateTime<Utc>,
    /// Way in which it ended.
    pub outcome: RunOutcome,
    /// Exit code of the run.
    pub exit_code: u8,
    /// Number of events that it read.
    pub n_events: u64,
    /// Number of its outliers.
    pub n_outliers: u64,
    /// Number of its findings.
    pub n_findings: u64,
    /// The report as JSON.
    pub report: String,
}

/// Limits on what is kept of earlier runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryLimits {
    /// Days after which a run is forgotten.
    pub days: u32,
    /// Upper limit on the bytes of all reports and findings; the oldest are forgotten first.
    pub bytes: u64,
}

/// A finding of an earlier run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptFinding {
    /// Id of the finding, in hexadecimal digits: the same in every run.
    pub id: String,
    /// Name of the use case.
    pub use_case: String,
    /// Type of its model; earlier versions did not keep it, nor severity, techniques and reason.
    #[serde(default)]
    pub model: Option<ModelType>,
    /// Severity that the use case names.
    #[serde(default)]
    pub severity: Option<FindingSeverity>,
    /// Techniques of ATT&CK that the use case names.
    #[serde(default)]
    pub techniques: Vec<String>,
    /// Score, from 0 to 100.
    pub score: f64,
    /// Score of its highest outlier alone.
    pub own_score: f64,
    /// Surprise in bits.
    pub surprise: f64,
    /// Names of other use cases that flagged its strongest event.
    pub supported_by: Vec<String>,
    /// Text of the aggregator, if the model has one.
    pub aggregator: Option<String>,
    /// Text that was judged, if it was not the aggregator as a whole.
    pub target: Option<String>,
    /// Number of documents with its outliers.
    pub documents: u64,
    /// Number of its outliers.
    pub outliers: u64,
    /// Time of its first event.
    pub first: Option<DateTime<Utc>>,
    /// Time of its last event.
    pub last: Option<DateTime<Utc>>,
    /// Summary of the outlier of its strongest event, on one line.
    pub summary: String,
    /// Clause that says why that event is an outlier, if what it stores tells.
    #[serde(default)]
    pub reason: Option<String>,
    /// Some of its assets.
    pub assets: Vec<String>,
    /// Index of the document of its strongest event.
    pub index: String,
    /// Id of that document.
    pub document: String,
    /// Fields of the outlier of that document: what the model saw. `None` if they were not kept,
    /// because many findings of the run have higher scores.
    pub outlier: Option<Map<String, Value>>,
}

impl StateStore {
    /// Records the beginning of a run. Earlier runs that have no end were killed.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn begin_run(&self, begun: DateTime<Utc>) -> Result<RunRecord, StateError> {
        self.change(|transaction| {
            self.mark_killed(transaction)?;
            let mut numbers = transaction.open_table(NUMBERS).map_err(self.failed())?;
            let known = numbers.get(NEXT_RUN).map_err(self.failed())?.map(|number| number.value());
            let number = known.unwrap_or(1);
            numbers.insert(NEXT_RUN, number + 1).map_err(self.failed())?;
            let record = RunRecord {
                number,
                id: format!("{}-{number}", begun.format("%Y%m%dT%H%M%SZ")),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                begun,
                ended: None,
                outcome: RunOutcome::Running,
                exit_code: None,
                n_events: 0,
                n_outliers: 0,
                n_findings: 0,
                n_kept: 0,
                n_bytes: 0,
            };
            self.put_run(transaction, &record)?;
            Ok(record)
        })
    }

    fn mark_killed(&self, transaction: &WriteTransaction) -> Result<(), StateError> {
        let runs = self.runs_in(transaction)?;
        for run in runs.into_iter().filter(|run| run.outcome == RunOutcome::Running) {
            self.put_run(transaction, &RunRecord { outcome: RunOutcome::Interrupted, ..run })?;
        }
        Ok(())
    }

    /// Records the end of a run, and forgets what exceeds `limits`.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn end_run(&self, number: u64, end: &RunEnd, limits: HistoryLimits) -> Result<(), StateError> {
        self.change(|transaction| {
            let report = compress(end.report.as_bytes()).map_err(self.bad_value())?;
            let known = self.run_in(transaction, number)?;
            let known = known.ok_or_else(|| self.bad(format!("run {number} is not there")))?;
            let record = RunRecord {
                ended: Some(end.ended),
                outcome: end.outcome,
                exit_code: Some(end.exit_code),
                n_events: end.n_events,
                n_outliers: end.n_outliers,
                n_findings: end.n_findings,
                n_bytes: known.n_bytes + report.len() as u64,
                ..known
            };
            let mut reports = transaction.open_table(REPORTS).map_err(self.failed())?;
            reports.insert(number, report.as_slice()).map_err(self.failed())?;
            drop(reports);
            self.put_run(transaction, &record)?;
            self.forget_runs(transaction, &record, limits)
        })
    }

    /// Removes the runs that exceed `limits`, but not the `newest`.
    fn forget_runs(
        &self,
        transaction: &WriteTransaction,
        newest: &RunRecord,
        limits: HistoryLimits,
    ) -> Result<(), StateError> {
        let oldest = newest.begun - chrono::Days::new(u64::from(limits.days));
        let mut n_bytes = 0;
        for run in self.runs_in(transaction)?.into_iter().rev() {
            n_bytes += run.n_bytes;
            if run.number != newest.number && (run.begun < oldest || n_bytes > limits.bytes) {
                self.remove_run(transaction, run.number)?;
            }
        }
        Ok(())
    }

    fn remove_run(&self, transaction: &WriteTransaction, number: u64) -> Result<(), StateError> {
        transaction.open_table(RUNS).map_err(self.failed())?.remove(number).map_err(self.failed())?;
        transaction.open_table(REPORTS).map_err(self.failed())?.remove(number).map_err(self.failed())?;
        let mut findings = transaction.open_table(FINDINGS).map_err(self.failed())?;
        findings.retain_in((number, 0)..=(number, u64::MAX), |_, _| false).map_err(self.failed())
    }

    pub(super) fn put_run(&self, transaction: &WriteTransaction, record: &RunRecord) -> Result<(), StateError> {
        let value = to_json(record).map_err(self.bad_value())?;
        let mut runs = transaction.open_table(RUNS).map_err(self.failed())?;
        runs.insert(record.number, value.as_slice()).map_err(self.failed())?;
        Ok(())
    }

    pub(super) fn run_in(&self, transaction: &WriteTransaction, number: u64) -> Result<Option<RunRecord>, StateError> {
        let runs = transaction.open_table(RUNS).map_err(self.failed())?;
        let value = runs.get(number).map_err(self.failed())?;
        value.map(|value| from_json(value.value()).map_err(self.bad_value())).transpose()
    }

    fn runs_in(&self, transaction: &WriteTransaction) -> Result<Vec<RunRecord>, StateError> {
        let runs = transaction.open_table(RUNS).map_err(self.failed())?;
        self.decode_runs(&runs)
    }

    fn decode_runs(&self, runs: &impl ReadableTable<u64, &'static [u8]>) -> Result<Vec<RunRecord>, StateError> {
        let mut records = Vec::new();
        for entry in runs.iter().map_err(self.failed())? {
            let (_, value) = entry.map_err(self.failed())?;
            records.push(from_json(value.value()).map_err(self.bad_value())?);
        }
        Ok(records)
    }

    /// All runs, the oldest first.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn runs(&self) -> Result<Vec<RunRecord>, StateError> {
        let transaction = self.begin_read()?;
        let runs = self.table(&transaction, RUNS)?.map_or(Ok(Vec::new()), |runs| self.decode_runs(&runs))?;
        runs.into_iter().map(|run| self.as_it_is(run)).collect()
    }

    /// The run with this number; `None` if there is none.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn run(&self, number: u64) -> Result<Option<RunRecord>, StateError> {
        let transaction = self.begin_read()?;
        let Some(runs) = self.table(&transaction, RUNS)? else { return Ok(None) };
        let Some(value) = runs.get(number).map_err(self.failed())? else { return Ok(None) };
        from_json(value.value()).map_err(self.bad_value()).and_then(|run| self.as_it_is(run)).map(Some)
    }

    /// A run without an end was killed, unless a program holds the folder.
    fn as_it_is(&self, run: RunRecord) -> Result<RunRecord, StateError> {
        let is_running = run.outcome != RunOutcome::Running || self.is_in_use()?;
        Ok(if is_running { run } else { RunRecord { outcome: RunOutcome::Interrupted, ..run } })
    }

    /// The report of a run as JSON; `None` if the run has none.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn report(&self, number: u64) -> Result<Option<String>, StateError> {
        let transaction = self.begin_read()?;
        let Some(reports) = self.table(&transaction, REPORTS)? else { return Ok(None) };
        let Some(value) = reports.get(number).map_err(self.failed())? else { return Ok(None) };
        let text = decompress(value.value()).map_err(self.bad_value())?;
        String::from_utf8(text).map(Some).map_err(|error| self.bad(error.to_string()))
    }

    /// Findings of a run, the highest scores first, at most [`MOST_KEPT`].
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn findings(&self, number: u64) -> Result<Vec<KeptFinding>, StateError> {
        let transaction = self.begin_read()?;
        let Some(blocks) = self.table(&transaction, FINDINGS)? else { return Ok(Vec::new()) };
        let mut findings = Vec::new();
        for entry in blocks.range((number, 0)..=(number, u64::MAX)).map_err(self.failed())? {
            let (_, block) = entry.map_err(self.failed())?;
            let text = decompress(block.value()).map_err(self.bad_value())?;
            findings.extend(from_json::<Vec<KeptFinding>>(&text).map_err(self.bad_value())?);
        }
        Ok(findings)
    }

    /// Number of the run that `name` stands for: its number or its id.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn find_run(&self, name: &str) -> Result<Option<RunRecord>, StateError> {
        if let Ok(number) = name.parse() {
            return self.run(number);
        }
        Ok(self.runs()?.into_iter().find(|run| run.id == name))
    }
}
