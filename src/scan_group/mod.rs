//! One scan group: read once, judged by every use case.

mod explanation;
mod matches;
mod overview;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::json;
use tracing::{Instrument, Span as LogSpan, info, info_span};

use crate::config::{MainConfig, UseCase};
use crate::detection::{Detected, Detection, DetectionError, Explained};
use crate::engine::{Compute, Session};
use crate::findings::UseCaseCounts;
use crate::ingest::{Ingested, Usage, ingest};
use crate::models::{EvaluationError, FirstRound, Inputs, Recall, Span};
use crate::outlier::Gathered;
use crate::plan::{Period, PlannedUseCase, ScanPlan, time_formats};
use crate::runtime::side_by_side;
use crate::sources::{EventSource, ScanOptions, ScanSummary, SourceError};
use crate::state::{Memories, MemorySize, MemoryUse};
use crate::table::View;
use crate::telemetry::SPANS;
use crate::usability::{Assessment, assess, names_in_use};
use crate::whitelist::Whitelist;

pub use explanation::{Question, explain_rows, rows_of_documents};
pub use matches::matched_fields;
pub use overview::{GroupOverview, Overview, SampledEvent, overview};

/// Inputs of a scan group.
#[derive(Debug)]
pub struct ScanGroup<'a> {
    /// Plan of what to read and judge.
    pub plan: Arc<ScanPlan>,
    /// Source of the events.
    pub source: &'a dyn EventSource,
    /// Assets, global whitelist.
    pub main: &'a MainConfig,
    /// Threads, memory, temporary files.
    pub compute: &'a Compute,
    /// Options for reading.
    pub options: ScanOptions,
    /// Period of the events to read.
    pub period: Period,
    /// Time at which entries of whitelists may have expired.
    pub now: DateTime<Utc>,
    /// Destination of the outliers.
    pub gathered: &'a Gathered,
    /// Number of use cases in the run's earlier groups.
    pub n_before: usize,
    /// Memory of earlier runs, if the configuration has one.
    pub store: Option<&'a Memories>,
    /// True if rows will be explained: then it is kept which ones are whitelisted.
    pub explains: bool,
    /// Destination of evidence about the strongest findings, if that is wanted.
    pub explained: Option<&'a Explained>,
}

/// A scan group whose events are in memory, before anything is judged.
#[derive(Debug)]
pub struct ReadGroup {
    /// The events.
    pub ingested: Ingested,
    /// Time spent reading.
    reading: Duration,
}

/// Result of a scan group.
#[derive(Debug)]
pub struct GroupResult {
    /// Summary of what was read.
    pub summary: ScanSummary,
    /// Time spent reading.
    pub reading: Duration,
    /// Batches of the event table that were spilled to disk.
    pub n_spilled: usize,
    /// Bytes of memory that the event table takes.
    pub table_bytes: usize,
    /// Names under which fields occur, by the names that use cases write, where these differ.
    pub fields: BTreeMap<String, Vec<String>>,
    /// Results, per use case of the plan.
    pub use_cases: Vec<UseCaseResult>,
}

/// Result of a use case.
#[derive(Debug)]
pub struct UseCaseResult {
    /// Share of the events that it used.
    pub usage: Usage,
    /// Conclusion whether it can use the events.
    pub assessment: Assessment,
    /// Findings without the outliers themselves, or the reason why it failed.
    pub outcome: Result<Detected, DetectionError>,
    /// Documents with outliers of this use case.
    pub documents: u64,
    /// Its findings, and outliers that were left out.
    pub counts: UseCaseCounts,
}

/// Reasons why a scan group failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// Reading failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A document could not be read again.
    #[error(transparent)]
    Detection(#[from] DetectionError),
}

/// Reads a scan group, judges it with all its use cases, and gathers what they found. One use
/// case's failure leaves the others alone. Blocks: not for tokio's own threads.
///
/// # Errors
/// Events that could not be read, and failures that no other use case would be spared.
pub fn judge(group: &ScanGroup<'_>) -> Result<GroupResult, GroupError> {
    judge_read(group, &read(group)?)
}

/// Reads a scan group, and judges nothing. Blocks like [`judge`].
///
/// # Errors
/// Events that could not be read.
pub fn read(group: &ScanGroup<'_>) -> Result<ReadGroup, GroupError> {
    let started = Instant::now();
    let read = || ingest(group.source, &group.plan, group.compute, &group.options);
    let ingested = info_span!(target: SPANS, "read").in_scope(read)?;
    Ok(ReadGroup { ingested, reading: started.elapsed() })
}

/// Judges a scan group that was read with all its use cases. Blocks like [`judge`].
///
/// # Errors
/// Failures that no other use case would be spared.
pub fn judge_read(group: &ScanGroup<'_>, read: &ReadGroup) -> Result<GroupResult, GroupError> {
    let ReadGroup { ingested, reading } = read;
    let assessments = assess(&group.plan, ingested, group.source);
    let fields = names_in_use(&group.plan, ingested, group.source);
    let as_planned = |(mask_idx, planned): (usize, &PlannedUseCase)| (mask_idx, Arc::clone(&planned.use_case));
    let as_planned: Vec<(usize, Arc<UseCase>)> = group.plan.use_cases.iter().enumerate().map(as_planned).collect();
    let outcomes = judge_as(group, read, &as_planned)?;
    let result = |((outcome, assessment), &usage)| UseCaseResult {
        usage,
        assessment,
        outcome,
        documents: 0,
        counts: UseCaseCounts::default(),
    };
    Ok(GroupResult {
        summary: ingested.summary.clone(),
        reading: *reading,
        n_spilled: ingested.table.n_spilled(),
        table_bytes: ingested.table.memory_bytes(),
        fields,
        use_cases: outcomes.into_iter().zip(assessments).zip(&ingested.usage).map(result).collect(),
    })
}

/// Judges a scan group that was read with `variants` of its use cases: each stands for the use case
/// of the plan with its number, from which it differs in its trigger only. Up to one per thread is
/// judged at once; results are in their order. Blocks like [`judge`].
///
/// # Errors
/// Failures that no other use case would be spared.
pub fn judge_as(
    group: &ScanGroup<'_>,
    read: &ReadGroup,
    variants: &[(usize, Arc<UseCase>)],
) -> Result<Vec<Result<Detected, DetectionError>>, GroupError> {
    let n_threads = group.compute.limits().threads.get();
    let n_at_once = n_threads.min(variants.len()).max(1);
    let n_partitions = n_threads.div_ceil(n_at_once);
    let run = LogSpan::current();
    let mut outcomes = side_by_side(variants.len(), n_at_once, async |idx| {
        let (mask_idx, use_case) = &variants[idx];
        let name = use_case.id();
        let span = info_span!(target: SPANS, parent: &run, "use_case", use_case = name);
        let judged = async {
            let started = Instant::now();
            let judged = Judged { use_case, mask_idx: *mask_idx, use_case_idx: group.n_before + idx };
            let outcome = detect(group, &read.ingested, judged, n_partitions).await;
            let outliers = outcome.as_ref().map_or(0, |detected| detected.outliers);
            info!(use_case = name, outliers, seconds = started.elapsed().as_secs_f64(), "judged");
            outcome
        };
        let outcome = judged.instrument(span).await;
        if outcome.is_err() {
            group.gathered.withdraw_use_case(group.n_before + idx);
        }
        outcome
    });
    let ends_run = |outcome: &Result<_, DetectionError>| outcome.as_ref().is_err_and(DetectionError::ends_run);
    if let Some(idx) = outcomes.iter().position(ends_run)
        && let Err(error) = outcomes.swap_remove(idx)
    {
        return Err(error.into());
    }
    Ok(outcomes)
}

impl ScanGroup<'_> {
    fn session(&self, n_partitions: usize) -> Result<Session, EvaluationError> {
        self.compute.session(n_partitions).map_err(|error| EvaluationError::Plan(error.to_string()))
    }

    /// Inputs of a model, without its name and its memory.
    fn inputs<'i>(
        &'i self,
        ingested: &Ingested,
        judged: Judged<'_>,
        context: &'i Session,
        n_partitions: usize,
        first_round: &'i FirstRound,
    ) -> Inputs<'i> {
        let usage = ingested.usage[judged.mask_idx];
        Inputs {
            context,
            n_partitions,
            span: match (self.period, self.period.end()) {
                (Period::Everything, _) => Span::Everything,
                (_, Some(end)) => Span::Until(end),
                (_, None) => Span::UntilNewest,
            },
            history: judged.use_case.history_window.num_microseconds().unwrap_or(i64::MAX),
            use_case: "",
            memory_limit: self.compute.limits().memory,
            spill_dir: &self.compute.limits().spill_dir,
            first_round,
            n_rows: usage.rows,
            n_events: usage.in_window,
            recall: None,
        }
    }
}

/// A use case that is judged, or a variant of it.
#[derive(Clone, Copy)]
struct Judged<'a> {
    use_case: &'a UseCase,
    /// Number of the use case in the plan.
    mask_idx: usize,
    /// Number under which its outliers are gathered.
    use_case_idx: usize,
}

async fn detect(
    group: &ScanGroup<'_>,
    ingested: &Ingested,
    judged: Judged<'_>,
    n_partitions: usize,
) -> Result<Detected, DetectionError> {
    let Judged { use_case, mask_idx, use_case_idx } = judged;
    let planned = &group.plan.use_cases[mask_idx];
    let session = group.session(n_partitions)?;
    let name = use_case.id();
    let first_round = FirstRound::default();
    let inputs = Inputs { use_case: &name, ..group.inputs(ingested, judged, &session, n_partitions, &first_round) };
    let view = View::new(Arc::clone(&ingested.table), mask_idx, planned.view);
    let store = group.store.and_then(|store| Some((store, store.memory(use_case)?)));
    let recall = match store {
        Some((_, memory)) => Recall::new(memory, &view, &inputs, group.plan.latest).await?,
        None => None,
    };
    let detection = Detection {
        use_case,
        view: view.clone(),
        source: group.source,
        derived: planned.derived.as_deref(),
        whitelist: Whitelist::new(Arc::clone(&group.main.whitelist), Arc::clone(&use_case.whitelist)).at(group.now),
        assets: &group.main.assets,
        built_in_assets: &group.main.built_in_assets,
        names: &group.plan.names,
        formats: time_formats(use_case, &group.plan.names),
        newest: group.plan.newest,
        gathered: group.gathered,
        use_case_idx,
        interrupt: &group.options.interrupt,
        keeps_left: group.explains,
        explained: group.explained,
    };
    let mut detected = detection.run(Inputs { recall: recall.as_ref(), ..inputs }).await?;
    if let (Some((store, _)), Some(recall)) = (store, &recall) {
        let MemorySize { days, tallies } = recall.size();
        detected.statistics.members.insert("memory".to_owned(), json!({"days": days, "tallies": tallies}));
        if store.usage() == MemoryUse::ReadAndAdd {
            store.keep(recall.add(&view, &inputs).await?);
        }
    }
    Ok(detected)
}
