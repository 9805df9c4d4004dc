//! Flags events whose metric lies beyond the frontier of their aggregator's metrics.

use arrow::array::{AsArray, Float64Array, RecordBatch, UInt32Array};
use arrow::datatypes::Float64Type;
use datafusion::common::JoinType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, not};
use datafusion::prelude::{DataFrame, col};
use futures::StreamExt;
use rustc_hash::FxHashSet;
use serde_json::{Map, Value};

use super::population::{Extremes, Groups, Surprises};
use super::{
    Bucket, Buckets, Candidate, Candidates, Columns, Evaluating, Evaluation, FindingTarget, Inputs, Key, Method,
    Refinement, WholeEvent, column, places, rows, rows_of, sample_text, text_of,
};
use crate::config::{Metrics, TriggerMethod, TriggerOn};
use crate::engine::functions::most_frequent;
use crate::event::metric::{is_integer, metric_number, metric_observations};
use crate::event::{PerOutlier, StoredKey, StoredKind};
use crate::python::float_text;
use crate::state::Sketch;
use crate::table::{Population, View};

/// Memory in bytes per row while the numbers of its group are collected, including the unused
/// capacity of thousands of growing groups.
const ROW_BYTES: u64 = 64;

/// Collected numbers may take 1 / `GATHERED_SHARE` of the memory limit; the rest is for the event
/// table and its texts.
const GATHERED_SHARE: u64 = 4;

/// Upper limit on the number of parts: each is one more pass over the event table.
const MOST_PARTS: u64 = 32;

/// Keys of every metric; each metric declares its own besides.
pub(super) const STORED: &[StoredKey] = &[
    StoredKey::new("target", StoredKind::Text, PerOutlier::One),
    StoredKey::new("aggregator", StoredKind::Text, PerOutlier::One),
    StoredKey::new("metric", StoredKind::Number, PerOutlier::One),
    StoredKey::new("decision_frontier", StoredKind::Number, PerOutlier::One),
    StoredKey::new("confidence", StoredKind::Number, PerOutlier::One),
    StoredKey::new("non_outlier_values_sample", StoredKind::Text, PerOutlier::UpToOne),
    StoredKey::new("remembered_values", StoredKind::Number, PerOutlier::UpToOne),
    StoredKey::new("remembered_beyond", StoredKind::Number, PerOutlier::UpToOne),
];

impl Method for Metrics {
    fn columns(&self) -> Columns<'_> {
        Columns {
            aggregator: Some(Key::each(&self.aggregator)),
            value: Some((self.metric, &self.target)),
            ..Columns::default()
        }
    }

    fn evaluate<'a>(&'a self, view: &'a View, inputs: Inputs<'a>) -> Evaluating<'a> {
        Box::pin(evaluate(self, view, inputs))
    }

    fn refinement(&self) -> Refinement {
        match self.trigger.method {
            TriggerMethod::Fdr => Refinement::Everything,
            _ => Refinement::SameAggregator,
        }
    }

    fn finding_target(&self) -> FindingTarget {
        FindingTarget::Observation("target")
    }
}

async fn evaluate<'a>(
    metrics: &'a Metrics,
    view: &'a View,
    inputs: Inputs<'a>,
) -> Result<Evaluation<'a>, DataFusionError> {
    let side = metrics.trigger.on;
    let mut groups = judge_groups(metrics, view, inputs).await?;
    let discovery = match metrics.trigger.method {
        TriggerMethod::Fdr => {
            let reference = groups.reference(rows(view, &inputs)?, side, &inputs).await?;
            groups.discover(&reference, &metrics.trigger);
            Some(reference)
        }
        _ => None,
    };
    let Some(frontiers) = groups.frontiers()? else {
        return Ok(Evaluation::without_candidates(&inputs));
    };
    let found = with_frontier(rows(view, &inputs)?, frontiers.clone(), &inputs)?
        .filter(beyond(side))?
        .select_columns(&["element", "aggregator", "value", "frontier"])?;
    let mut candidates = Candidates::new(&inputs);
    let mut buckets = Buckets::default();
    let mut extremes = Extremes::default();
    let mut batches = found.execute_stream().await?;
    while let Some(batch) = batches.next().await {
        let batch = &batch?;
        let values = column::<Float64Array>(batch, "value")?;
        let batch_frontiers = column::<Float64Array>(batch, "frontier")?;
        for (row, (element, aggregator)) in places(batch)?.enumerate() {
            let evidence = values.value(row).to_bits();
            candidates.push(Candidate { element, aggregator, target: 0, evidence })?;
            extremes.add(aggregator, values.value(row));
            let bucket = || Bucket { frontier: batch_frontiers.value(row), sample: Vec::new() };
            buckets.entry(aggregator).or_insert_with(bucket);
        }
    }
    if buckets.is_empty() {
        return Ok(Evaluation::without_candidates(&inputs));
    }
    add_samples(metrics, view, frontiers, &mut buckets, inputs).await?;
    let reference = match discovery.or_else(|| inputs.first_round.values.get().cloned()) {
        Some(known) => known,
        None => {
            let reference = groups.reference(rows(view, &inputs)?, side, &inputs).await?;
            inputs.first_round.values.get_or_init(|| reference).clone()
        }
    };
    let surprises = Surprises::new(&groups, reference, extremes, side);
    let remembered = inputs.recall.map(|recall| recall.sketches(buckets.keys().copied(), view)).transpose()?;
    let evaluation = Evaluation::new(candidates, move |candidate, event| {
        let mut seen = observations(metrics, view, &buckets, candidate, event);
        if let Some(sketches) = &remembered {
            seen.extend(remembered_values(sketches.get(&candidate.aggregator), candidate, side));
        }
        seen
    });
    let surprise = move |candidate: &Candidate| surprises.of(candidate.aggregator, f64::from_bits(candidate.evidence));
    Ok(evaluation.with_surprise(surprise))
}

/// Frontiers and scales of the groups of `view`.
async fn judge_groups(metrics: &Metrics, view: &View, inputs: Inputs<'_>) -> Result<Groups, DataFusionError> {
    let mut groups = Groups::default();
    for part in parts(view, &inputs) {
        groups.judge(rows(&part, &inputs)?, &metrics.trigger).await?;
    }
    Ok(groups)
}

/// Observations about a candidate, whose evidence is its metric.
fn observations(
    metrics: &Metrics,
    view: &View,
    buckets: &Buckets<f64>,
    candidate: &Candidate,
    event: &WholeEvent<'_>,
) -> Map<String, Value> {
    let value = f64::from_bits(candidate.evidence);
    let target = event.document.value(&metrics.target).and_then(|value| value.text()).unwrap_or_default();
    let mut seen = metric_observations(metrics.metric, &target);
    seen.insert("metric".to_owned(), Value::Number(metric_number(metrics.metric, &target, value)));
    if let Some(bucket) = buckets.get(&candidate.aggregator) {
        seen.insert("decision_frontier".to_owned(), bucket.frontier.into());
        seen.insert("confidence".to_owned(), (bucket.frontier - value).abs().min(f64::MAX).into());
        let is_integer = is_integer(metrics.metric);
        let text = |&value: &f64| if is_integer { format!("{value:.0}") } else { float_text(value) };
        seen.insert("non_outlier_values_sample".to_owned(), sample_text(&bucket.sample, text));
    }
    seen.insert("target".to_owned(), target.into());
    seen.insert("aggregator".to_owned(), text_of(view, view.columns().aggregator, candidate.aggregator));
    seen
}

/// Number of the aggregator's values before the events of the run, and of those among them that are
/// as extreme as a candidate.
fn remembered_values(sketch: Option<&Sketch>, candidate: &Candidate, side: TriggerOn) -> [(String, Value); 2] {
    let value = f64::from_bits(candidate.evidence);
    let beyond = |sketch: &Sketch| match side {
        TriggerOn::High => sketch.at_least(value),
        TriggerOn::Low => sketch.at_most(value),
    };
    [("remembered_values", sketch.map_or(0, Sketch::n)), ("remembered_beyond", sketch.map_or(0, beyond))]
        .map(|(key, n)| (key.to_owned(), n.into()))
}

/// Splits the view by aggregator if the numbers of all rows would take too much memory at once. An
/// aggregator is judged by its own numbers only.
fn parts<'a>(view: &'a View, inputs: &Inputs<'_>) -> impl Iterator<Item = View> + 'a {
    let most = (inputs.memory_limit as u64 / GATHERED_SHARE).max(1);
    let n_parts = inputs.n_rows.saturating_mul(ROW_BYTES).div_ceil(most).clamp(1, MOST_PARTS) as u32;
    let key_idx = view.columns().aggregator.filter(|_| n_parts > 1);
    (0..key_idx.map_or(1, |_| n_parts)).map(move |part| {
        let Some(key_idx) = key_idx else { return view.clone() };
        let Population { without, only } = view.population();
        let is_of_part = |rank: &u32| rank % n_parts == part;
        let only = match only {
            Some(only) => only.iter().copied().filter(is_of_part).collect(),
            None => (0..view.table().dictionary(key_idx).len() as u32).filter(is_of_part).collect(),
        };
        view.with_population(Population { without: without.clone(), only: Some(only) })
    })
}

fn with_frontier(rows: DataFrame, frontiers: RecordBatch, inputs: &Inputs<'_>) -> Result<DataFrame, DataFusionError> {
    let frontiers = inputs.context.read_batch(frontiers)?;
    rows.join(frontiers, JoinType::Inner, &["aggregator"], &["frontier_aggregator"], None)
}

/// Condition for outliers: strictly beyond the frontier. Neither values nor frontiers are NaN here.
fn beyond(side: TriggerOn) -> Expr {
    match side {
        TriggerOn::High => col("value").gt(col("frontier")),
        TriggerOn::Low => col("value").lt(col("frontier")),
    }
}

async fn add_samples(
    metrics: &Metrics,
    view: &View,
    frontiers: RecordBatch,
    buckets: &mut Buckets<f64>,
    inputs: Inputs<'_>,
) -> Result<(), DataFusionError> {
    let aggregators: FxHashSet<u32> = buckets.keys().copied().collect();
    if aggregators.is_empty() {
        return Ok(());
    }
    let samples = with_frontier(rows_of(view, aggregators, &inputs)?, frontiers, &inputs)?
        .filter(not(beyond(metrics.trigger.on)))?
        .aggregate(vec![col("aggregator")], vec![most_frequent(col("value")).alias("sample")])?
        .collect()
        .await?;
    for batch in &samples {
        let lists = batch.column(1).as_list::<i32>();
        for (row, aggregator) in column::<UInt32Array>(batch, "aggregator")?.values().iter().enumerate() {
            if let Some(bucket) = buckets.get_mut(aggregator) {
                bucket.sample = lists.value(row).as_primitive::<Float64Type>().values().to_vec();
            }
        }
    }
    Ok(())
}
