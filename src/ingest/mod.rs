//! Source -> event table: decoded batches are filtered by the queries of the use cases, reduced to
//! keys, metrics and times, and stored.

mod columns;
mod derive;
mod first;
mod masks;
mod outside;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, UInt32Array, new_null_array};
use arrow::datatypes::{DataType, UInt32Type};

use crate::engine::Compute;
use crate::event::decode::{ColumnKind, EventBatch, Projection, RowRef};
use crate::event::metric::metric_value;
use crate::event::sentences::{LocalKey, combine, elements};
use crate::event::text::lower_case;
use crate::event::time::{MICROS_PER_DAY, yearless};
use crate::event::{Case, FieldPath};
use crate::plan::{PlannedUseCase, ScanPlan, column_name, key_kind};
use crate::query::BatchEvaluation;
use crate::runtime::InOrder;
use crate::sources::{DocRef, EventSource, ScanOptions, ScanSummary, SourceError};
use crate::spill::SpillFile;
use crate::table::{
    DerivedSource, EventTable, FieldSource, KeySpec, MAX_ROWS_PER_EVENT, MetricSpec, PreparedBatch, TableBuilder,
};
use columns::{column, times};
use derive::{Derived, derived_texts, overlay_elements, overlay_texts, points};
use masks::{any, count_in_windows, keep, mask};
use outside::outside_windows;

pub use first::FirstEvents;

/// Counts of the events and rows of one use case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Events within its window, whether they match its query or not.
    pub in_window: u64,
    /// Events that match its query, whether their times are within its window or not; a source
    /// that applies windows itself gives those within.
    pub matching: u64,
    /// Events that match its query and window.
    pub events: u64,
    /// Rows: events x target sentences x aggregator sentences.
    pub rows: u64,
    /// Matching events without a usable value in some target field.
    pub without_target: u64,
    /// Matching events that have a target, but no usable value in some aggregator field.
    pub without_aggregator: u64,
    /// Matching events without a readable time, if the use case needs one.
    pub without_time: u64,
    /// Matching events that are ignored because their time has not come yet, if windows end at the
    /// newest event.
    pub in_future: u64,
    /// Events with more rows than one event may have.
    pub too_many_rows: u64,
}

impl Usage {
    fn add(&mut self, other: Usage) {
        self.in_window += other.in_window;
        self.matching += other.matching;
        self.events += other.events;
        self.rows += other.rows;
        self.without_target += other.without_target;
        self.without_aggregator += other.without_aggregator;
        self.without_time += other.without_time;
        self.in_future += other.in_future;
        self.too_many_rows += other.too_many_rows;
    }
}

/// Filled event table and the counts of the scan.
#[derive(Debug)]
pub struct Ingested {
    /// The table.
    pub table: Arc<EventTable>,
    /// Counts of the scan.
    pub summary: ScanSummary,
    /// Counts per use case of the plan.
    pub usage: Vec<Usage>,
    /// Names of the columns that have a value in some event.
    pub filled: BTreeSet<String>,
    /// Some of the first events.
    pub first: FirstEvents,
    /// Per use case, some of the first events that match.
    pub first_matching: Vec<FirstEvents>,
}

/// Reads `source` once for all use cases of `plan`. Blocks, so it must not run on tokio's threads.
pub fn ingest(
    source: &dyn EventSource,
    plan: &Arc<ScanPlan>,
    compute: &Compute,
    options: &ScanOptions,
) -> Result<Ingested, SourceError> {
    let projection = Projection::new(plan.columns.clone());
    let limits = compute.limits();
    let spill = SpillFile::new(&limits.spill_dir);
    let mut table = TableBuilder::new(plan.layout.clone(), compute.memory_pool(), limits.memory / CHUNK_SHARE, spill);
    let mut usage = vec![Usage::default(); plan.use_cases.len()];
    let mut first_matching = vec![FirstEvents::default(); plan.use_cases.len()];
    let mut newest = vec![None; plan.layout.times.len()];
    let mut store = |prepared: anyhow::Result<Prepared>| -> anyhow::Result<()> {
        let Prepared { batch, usage: batch_usage, newest: batch_newest } = prepared?;
        usage.iter_mut().zip(batch_usage).for_each(|(total, part)| total.add(part));
        newest.iter_mut().zip(batch_newest).for_each(|(newest, time)| *newest = time.max(*newest));
        first_matching.iter_mut().zip(&batch.masks).for_each(|(first, mask)| add_first(first, &batch, mask));
        table.append(batch)?;
        Ok(())
    };
    let (mut filled, mut first) = (BTreeSet::new(), FirstEvents::default());
    let mut preparing = InOrder::new(options.threads);
    let outside = outside_windows(plan, &projection).map(Arc::new);
    let options = ScanOptions { id_hash: plan.layout.tie_break, outside, ..options.clone() };
    let summary = source.scan(&projection, &options, &mut |batch| {
        note_filled(&mut filled, &batch);
        first.extend(batch.rows.iter().map(|row| DocRef::new(batch.number, row)));
        let plan = Arc::clone(plan);
        preparing.start(move || prepare(&plan, batch)).map_or(Ok(()), &mut store)
    })?;
    while let Some(prepared) = preparing.finish_one() {
        store(prepared).map_err(SourceError::Consumer)?;
    }
    if let Some(counts) = source.count_in_windows(plan)? {
        usage.iter_mut().zip(counts).for_each(|(usage, n)| usage.in_window = n);
    }
    if plan.newest.is_none() {
        table.set_newest(newest.into_iter().map(|newest| newest.unwrap_or(plan.latest - MICROS_PER_DAY)).collect());
    }
    Ok(Ingested { table: Arc::new(table.finish()), summary, usage, filled, first, first_matching })
}

/// Adds the names of columns that have a value. Costs the same for every batch, whatever its size.
fn note_filled(filled: &mut BTreeSet<String>, batch: &EventBatch) {
    let columns = &batch.columns;
    filled.extend(batch.filled.iter().map(|&idx| columns.schema_ref().field(idx).name().clone()));
    for (field, column) in columns.schema_ref().fields().iter().zip(columns.columns()) {
        let has_value = match column.as_list_opt::<i32>() {
            Some(lists) => !lists.values().is_empty(),
            None => column.null_count() < column.len(),
        };
        if has_value && !filled.contains(field.name()) {
            filled.insert(field.name().clone());
        }
    }
}

fn add_first(first: &mut FirstEvents, batch: &PreparedBatch, mask: &BooleanArray) {
    let [offsets, lengths, lines] = &batch.places;
    let place = |row| DocRef {
        batch: batch.batch,
        offset: offsets.value(row),
        length: lengths.value(row),
        line: lines.value(row),
    };
    first.extend(mask.values().set_indices().map(place));
}

/// Divisor of the memory limit: this share is for batches of the event table; the rest is for its
/// texts and the plans over it.
const CHUNK_SHARE: usize = 16;

/// A batch for the event table, and what was learnt from it.
struct Prepared {
    batch: PreparedBatch,
    /// Per use case.
    usage: Vec<Usage>,
    /// Per time of the layout, the newest one that has a year.
    newest: Vec<Option<i64>>,
}

fn prepare(plan: &ScanPlan, batch: EventBatch) -> anyhow::Result<Prepared> {
    let mut usage = vec![Usage::default(); plan.use_cases.len()];
    let mut evaluation = BatchEvaluation::new(&batch.columns, &plan.searches);
    let masks: Vec<BooleanArray> = plan
        .use_cases
        .iter()
        .zip(&mut usage)
        .enumerate()
        .map(|(mask_idx, (planned, usage))| {
            let matched = batch.matched.as_ref().map(|matched| &matched[mask_idx]);
            mask(planned, plan, (&batch.columns, &mut evaluation), matched, usage)
        })
        .collect::<anyhow::Result<_>>()?;
    if batch.matched.is_none() {
        count_in_windows(plan, &batch.columns, &mut usage)?;
    }
    let newest = newest(plan, &batch.columns)?;
    let n_rows = batch.columns.num_rows();
    let wanted = if plan.kept.is_some() { BooleanArray::from(vec![true; n_rows]) } else { any(&masks, n_rows) };
    let (columns, rows, masks, ties) = keep(&batch, &wanted, masks)?;
    let needed = Needed::of(plan, &masks);
    let n_rows = columns.num_rows();
    let key = |(key_idx, spec)| match needed.keys.contains(&key_idx) {
        true => key(plan, spec, &columns),
        false => Ok((LocalKey::without_sentences(n_rows), Vec::new())),
    };
    let (keys, too_many): (Vec<LocalKey>, Vec<Vec<usize>>) =
        plan.layout.keys.iter().enumerate().map(key).collect::<anyhow::Result<_>>()?;
    let metric = |(metric_idx, spec)| match needed.metrics.contains(&metric_idx) {
        true => metric(plan, spec, &columns),
        false => Ok(new_null_array(&DataType::Float64, n_rows)),
    };
    let metrics: Vec<ArrayRef> = plan.layout.metrics.iter().enumerate().map(metric).collect::<anyhow::Result<_>>()?;
    let times = (0..plan.layout.times.len())
        .map(|time_idx| Ok(Arc::new(times(plan, time_idx, &columns)?) as ArrayRef))
        .collect::<anyhow::Result<_>>()?;
    for ((planned, mask), usage) in plan.use_cases.iter().zip(&masks).zip(&mut usage) {
        count_rows(planned, mask, (&keys, &too_many), &metrics, usage);
    }
    let place = |part: fn(&RowRef) -> u32| UInt32Array::from_iter_values(rows.iter().map(part));
    let places = [place(|row| row.offset_in_batch), place(|row| row.length), place(|row| row.line_in_batch)];
    let batch = PreparedBatch { batch: batch.number, places, keys, metrics, times, masks, ties };
    Ok(Prepared { batch, usage, newest })
}

/// Columns of a batch that use cases with events in it read. Those of the others are not made.
struct Needed {
    keys: BTreeSet<usize>,
    metrics: BTreeSet<usize>,
}

impl Needed {
    fn of(plan: &ScanPlan, masks: &[BooleanArray]) -> Self {
        if plan.kept.is_some() {
            let (keys, metrics) = (plan.layout.keys.len(), plan.layout.metrics.len());
            return Needed { keys: (0..keys).collect(), metrics: (0..metrics).collect() };
        }
        let with_events = plan.use_cases.iter().zip(masks).filter(|(_, mask)| mask.true_count() > 0);
        let views: Vec<_> = with_events.map(|(planned, _)| planned.view).collect();
        Needed {
            keys: views.iter().flat_map(|view| view.keys()).collect(),
            metrics: views.iter().flat_map(|view| view.metrics()).collect(),
        }
    }
}

/// Returns the sentences of a key, and the rows that have none because they would have too many.
fn key(plan: &ScanPlan, spec: &KeySpec, columns: &RecordBatch) -> anyhow::Result<(LocalKey, Vec<usize>)> {
    let kind = key_kind(spec.values);
    let fields = spec.fields.iter().map(|field| field_elements(plan, kind, field, columns));
    let fields = fields.collect::<anyhow::Result<_>>()?;
    Ok(combine(fields, spec.values, &spec.joiner))
}

fn field_elements(
    plan: &ScanPlan,
    kind: ColumnKind,
    field: &FieldSource,
    columns: &RecordBatch,
) -> anyhow::Result<LocalKey> {
    let own = elements(column(columns, &column_name(kind, &field.path))?.as_list::<i32>());
    Ok(match derived(plan, field, columns)? {
        None => own,
        Some(derived) if kind == ColumnKind::Points => overlay_elements(own, points(derived)),
        Some(derived) => overlay_elements(own, derived),
    })
}

/// Texts that grok derives for `field`; `None` if no pattern derives it.
fn derived(plan: &ScanPlan, field: &FieldSource, columns: &RecordBatch) -> anyhow::Result<Option<Vec<Derived>>> {
    let Some(DerivedSource { rule_set, key, case }) = &field.derived else { return Ok(None) };
    let strings = |source: &FieldPath| column(columns, &column_name(ColumnKind::Strings, source));
    let mut derived = derived_texts(&plan.rule_sets[*rule_set], key, strings)?;
    if *case == Case::Lower {
        derived.iter_mut().flatten().flatten().for_each(|text| *text = lower_case(text));
    }
    Ok(Some(derived))
}

fn metric(plan: &ScanPlan, spec: &MetricSpec, columns: &RecordBatch) -> anyhow::Result<ArrayRef> {
    let own = column(columns, &column_name(ColumnKind::Joined, &spec.field.path))?;
    let texts = match derived(plan, &spec.field, columns)? {
        None => Arc::clone(own),
        Some(derived) => overlay_texts(own, &derived),
    };
    let dictionary = texts.as_dictionary::<UInt32Type>();
    let distinct = dictionary.values().as_string::<i32>();
    let mut known: Vec<Option<Option<f64>>> = vec![None; distinct.len()];
    let values: Float64Array = dictionary
        .keys()
        .iter()
        .map(|code| {
            let code = code? as usize;
            *known[code].get_or_insert_with(|| metric_value(spec.metric, distinct.value(code)))
        })
        .collect();
    Ok(Arc::new(values))
}

/// Returns, per time, the newest one of a batch that has a year and may have happened; nothing if
/// it is known without them. It is the same for all use cases, so that none depends on what others
/// look at.
fn newest(plan: &ScanPlan, columns: &RecordBatch) -> anyhow::Result<Vec<Option<i64>>> {
    let newest = |time_idx| {
        let times = times(plan, time_idx, columns)?;
        let is_known = |time: &i64| !yearless::is(*time) && *time <= plan.latest;
        Ok(times.iter().flatten().filter(is_known).max())
    };
    let n_times = if plan.newest.is_none() { plan.layout.times.len() } else { 0 };
    (0..n_times).map(newest).collect()
}

fn count_rows(
    planned: &PlannedUseCase,
    mask: &BooleanArray,
    (keys, too_many): (&[LocalKey], &[Vec<usize>]),
    metrics: &[ArrayRef],
    usage: &mut Usage,
) {
    let n_sentences = |key_idx: Option<usize>, row: usize| key_idx.map_or(1, |key_idx| keys[key_idx].of_row(row).len());
    let has_too_many = |row: usize| {
        let mut planned_keys = [planned.view.target, planned.view.aggregator].into_iter().flatten();
        planned_keys.any(|key_idx| too_many[key_idx].binary_search(&row).is_ok())
    };
    for row in mask.values().set_indices() {
        usage.events += 1;
        let has_value = planned.view.value.is_none_or(|metric_idx| metrics[metric_idx].is_valid(row));
        let n_targets = if has_value { n_sentences(planned.view.target, row) } else { 0 };
        let n_rows = n_targets * n_sentences(planned.view.aggregator, row);
        match (n_targets, n_rows) {
            (_, 0) if has_too_many(row) => usage.too_many_rows += 1,
            (0, _) => usage.without_target += 1,
            (_, 0) => usage.without_aggregator += 1,
            (_, n_rows) if n_rows > MAX_ROWS_PER_EVENT => usage.too_many_rows += 1,
            (_, n_rows) => usage.rows += n_rows as u64,
        }
    }
}
