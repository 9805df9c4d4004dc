//! One scan group end to end: read once, judge with every use case, merge what was found, write it.
//!
//! Events of a file come from one place and are written where they are read. Documents of a cluster may belong to several scan groups: what
//! these find is gathered by document first, see `pipeline/cluster.rs`.

pub mod cluster;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::config::MainConfig;
use crate::detection::{Detected, Detection, DetectionError, document_places, parse};
use crate::engine::Compute;
use crate::ingest::{Ingested, Usage, ingest};
use crate::models::word2vec::neural::TrainingDevice;
use crate::models::{EvaluationError, Settings};
use crate::outlier::spool::{EventOutliers, Merged};
use crate::outlier::{Outlier, merge_into};
use crate::plan::{Period, PlannedUseCase, ScanPlan};
use crate::runtime::side_by_side;
use crate::sinks::console::Findings;
use crate::sinks::files::{DocumentFile, line};
use crate::sinks::{EnrichedDocument, SinkError};
use crate::sources::{EventSource, ScanOptions, ScanSummary, SourceError};
use crate::table::{EventTable, View};
use crate::telemetry;
use crate::terminal::escape_controls;
use crate::whitelist::Whitelist;

/// Events whose documents are read again and written at once.
const BLOCK: usize = 4096;

/// What a scan group needs.
#[derive(Debug)]
pub struct ScanGroup<'a> {
    /// What to read and judge.
    pub plan: Arc<ScanPlan>,
    /// Where from.
    pub source: &'a dyn EventSource,
    /// Assets, global whitelist.
    pub main: &'a MainConfig,
    /// Threads, memory, temporary files.
    pub compute: &'a Compute,
    /// How to read.
    pub options: ScanOptions,
    /// Which times.
    pub period: Period,
    /// Where models are trained.
    pub device: &'a TrainingDevice,
}

/// What became of a scan group.
#[derive(Debug)]
pub struct GroupResult {
    /// What was read.
    pub summary: ScanSummary,
    /// Seconds of reading.
    pub reading: Duration,
    /// Seconds of merging and writing.
    pub writing: Duration,
    /// Batches of the event table that went to disk.
    pub n_spilled: usize,
    /// Bytes of memory that the event table takes.
    pub table_bytes: usize,
    /// Per use case of the plan.
    pub use_cases: Vec<UseCaseResult>,
}

/// A scan group that was read and judged.
#[derive(Debug)]
struct Judged {
    table: Arc<EventTable>,
    result: GroupResult,
}

/// What became of a use case.
#[derive(Debug)]
pub struct UseCaseResult {
    /// What it got of the events.
    pub usage: Usage,
    /// What was found, without the outliers themselves, or why it failed.
    pub outcome: Result<Detected, DetectionError>,
    /// Documents with outliers of this use case.
    pub documents: u64,
}

/// Where the outliers of a group go.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Documents with outliers.
    pub documents: Option<DocumentFile>,
    /// Findings for a person.
    pub findings: Option<Findings>,
}

/// Why a scan group failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// Reading failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A document could not be read again.
    #[error(transparent)]
    Detection(#[from] DetectionError),
    /// Writing failed.
    #[error(transparent)]
    Sink(#[from] SinkError),
}

/// Runs a scan group. One use case's failure leaves the others alone.
pub async fn run(group: &ScanGroup<'_>, outputs: &mut Outputs) -> Result<GroupResult, GroupError> {
    let Judged { table, mut result } = tokio::task::block_in_place(|| read_and_judge(group))?;
    let started = Instant::now();
    tokio::task::block_in_place(|| write(group, &table, &mut result.use_cases, outputs))?;
    result.writing = started.elapsed();
    Ok(result)
}

fn read_and_judge(group: &ScanGroup<'_>) -> Result<Judged, GroupError> {
    let started = Instant::now();
    let ingested = ingest(group.source, &group.plan, group.compute, &group.options)?;
    let reading = started.elapsed();
    let mut use_cases = judge(group, &ingested);
    if let Some(error) = take_end_of_run(&mut use_cases) {
        return Err(error.into());
    }
    group.options.interrupt.check().map_err(SourceError::from)?;
    let result = GroupResult {
        summary: ingested.summary,
        reading,
        writing: Duration::ZERO,
        n_spilled: ingested.table.n_spilled(),
        table_bytes: ingested.table.memory_bytes(),
        use_cases,
    };
    Ok(Judged { table: ingested.table, result })
}

/// All use cases, as many at once as there are threads; the results in the order of the plan.
fn judge(group: &ScanGroup<'_>, ingested: &Ingested) -> Vec<UseCaseResult> {
    let n_threads = group.compute.limits().threads.get();
    let n_at_once = n_threads.min(group.plan.use_cases.len()).max(1);
    let n_partitions = n_threads.div_ceil(n_at_once);
    side_by_side(group.plan.use_cases.len(), n_at_once, async |mask_idx| {
        let planned = &group.plan.use_cases[mask_idx];
        let outcome = detect(group, ingested, planned, mask_idx, n_partitions).await;
        UseCaseResult { usage: ingested.usage[mask_idx], outcome, documents: 0 }
    })
}

/// The first failure that ends the run, if there is one.
fn take_end_of_run(use_cases: &mut Vec<UseCaseResult>) -> Option<DetectionError> {
    let idx = use_cases.iter().position(|result| result.outcome.as_ref().is_err_and(DetectionError::ends_run))?;
    use_cases.swap_remove(idx).outcome.err()
}

async fn detect(
    group: &ScanGroup<'_>,
    ingested: &Ingested,
    planned: &PlannedUseCase,
    mask_idx: usize,
    n_partitions: usize,
) -> Result<Detected, DetectionError> {
    let use_case = &*planned.use_case;
    let session = group.compute.session(n_partitions);
    let context = session.map_err(|error| EvaluationError::Plan(error.to_string()))?;
    crate::engine::functions::register_all(&context);
    let name = use_case.id();
    let settings = Settings {
        context: &context,
        n_partitions,
        end: match group.period {
            Period::Everything => None,
            Period::HistoryUntil(end) => Some(end.timestamp_micros()),
            Period::Between(window) => Some(window.to).filter(|&to| to < i64::MAX),
        },
        history: use_case.history_window.num_microseconds().unwrap_or(i64::MAX),
        use_case: &name,
        memory_limit: group.compute.limits().memory,
        n_rows: ingested.usage[mask_idx].rows,
        device: group.device,
    };
    Detection {
        use_case,
        view: View::new(Arc::clone(&ingested.table), mask_idx, planned.view),
        source: group.source,
        derived: planned.derived.as_deref(),
        whitelist: Whitelist::new(Arc::clone(&group.main.whitelist), Arc::clone(&use_case.whitelist)),
        assets: &group.main.assets,
        spill_dir: &group.compute.limits().spill_dir,
        interrupt: &group.options.interrupt,
    }
    .run(settings)
    .await
}

/// Merges the outliers of all use cases into their documents, event by event, and hands them to the outputs.
fn write(
    group: &ScanGroup<'_>,
    table: &EventTable,
    use_cases: &mut [UseCaseResult],
    outputs: &mut Outputs,
) -> Result<(), GroupError> {
    let mut merged = merged(use_cases)?;
    loop {
        group.options.interrupt.check().map_err(SourceError::from)?;
        let block = next_block(&mut merged)?;
        if block.is_empty() {
            return Ok(());
        }
        for (document, line) in enrich(group.source, table, block)? {
            count_documents(&document, |use_case_idx| use_cases[use_case_idx].documents += 1);
            if group.main.general.print_outliers_to_console {
                log_outliers(&document, |idx| group.plan.use_cases[idx].use_case.id());
            }
            outputs.add(&document, &line)?;
        }
    }
}

/// The outliers of all use cases, event by event. Use cases keep none of them.
fn merged(use_cases: &mut [UseCaseResult]) -> Result<Merged, GroupError> {
    let runs = use_cases
        .iter_mut()
        .enumerate()
        .filter_map(|(idx, result)| Some((idx, result.outcome.as_mut().ok()?)))
        .flat_map(|(idx, detected)| std::mem::take(&mut detected.runs).into_iter().map(move |run| (idx, run)))
        .collect();
    Ok(Merged::new(runs).map_err(DetectionError::Spill)?)
}

/// The next events; none at the end.
fn next_block(merged: &mut Merged) -> Result<Vec<EventOutliers>, GroupError> {
    let mut block = Vec::with_capacity(BLOCK);
    while block.len() < BLOCK {
        let Some(event) = merged.next_event().map_err(DetectionError::Spill)? else { break };
        block.push(event);
    }
    Ok(block)
}

/// Documents with their outliers, and their lines.
fn enrich(
    source: &dyn EventSource,
    table: &EventTable,
    events: Vec<EventOutliers>,
) -> Result<Vec<(EnrichedDocument, Vec<u8>)>, GroupError> {
    let places = document_places(table, events.iter().map(|event| event.element)).map_err(DetectionError::from)?;
    let documents = source.fetch(&places)?;
    let enriched = documents
        .into_par_iter()
        .zip(events)
        // what was deleted since the scan cannot have outliers any more
        .filter_map(|(raw, event)| Some((raw?, event)))
        .map(|(raw, event)| {
            let mut document = parse(&raw)?;
            let mut outliers = Vec::with_capacity(event.outliers.len());
            for (use_case_idx, bytes) in event.outliers {
                let outlier: Outlier = serde_json::from_slice(&bytes).map_err(spool_error)?;
                merge_into(&mut document.source, &outlier);
                outliers.push((use_case_idx, outlier));
            }
            let document = EnrichedDocument { document, outliers };
            let line = line(&document).map_err(spool_error)?;
            Ok((document, line))
        })
        .collect::<Result<Vec<_>, DetectionError>>()?;
    Ok(enriched)
}

fn spool_error(error: serde_json::Error) -> DetectionError {
    DetectionError::Outlier(error)
}

/// A line per outlier; its text comes from events, so it is made harmless.
fn log_outliers(document: &EnrichedDocument, name: impl Fn(usize) -> String) {
    for (use_case_idx, outlier) in &document.outliers {
        let use_case = name(*use_case_idx);
        tracing::info!(target: telemetry::OUTLIERS, use_case, "outlier - {}", escape_controls(outlier.unwrapped_summary()));
    }
}

/// Tells the number of each use case that found something in the document.
fn count_documents(document: &EnrichedDocument, mut count: impl FnMut(usize)) {
    let mut last = None;
    for &(use_case_idx, _) in &document.outliers {
        if last != Some(use_case_idx) {
            count(use_case_idx);
        }
        last = Some(use_case_idx);
    }
}

impl Outputs {
    fn add(&mut self, document: &EnrichedDocument, line: &[u8]) -> Result<(), SinkError> {
        if let Some(file) = &mut self.documents {
            file.write(document, line)?;
        }
        if let Some(findings) = &mut self.findings {
            findings.add(document);
        }
        Ok(())
    }
}
