//! Flags events whose metric lies beyond the frontier of their aggregator's metrics.

mod evidence;

use arrow::array::{AsArray, Float64Array, RecordBatch, UInt32Array};
use arrow::datatypes::Float64Type;
use datafusion::common::JoinType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, not};
use datafusion::prelude::{DataFrame, col};
use futures::StreamExt;
use outlier_kernels::surprise::least_discovered;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value};
use std::sync::Arc;

use super::peers::{PeerValues, Peers, among_peers};
use super::population::{Extremes, Groups, Surprises};
use super::season::{Season, Values, observations as season_observations, parts, seasons_in};
use super::{
    Asked, Bucket, Buckets, Candidate, Candidates, Columns, Evaluating, Evaluation, Explaining, FindingTarget, Inputs,
    Key, Method, Refinement, WholeEvent, column, places, reason, sample_text, text_of,
};
use crate::config::{Metrics, TriggerMethod, TriggerOn};
use crate::engine::functions::most_frequent;
use crate::event::metric::{is_integer, metric_number, metric_observations, metric_phrase};
use crate::event::{PerOutlier, StoredKey, StoredKind};
use crate::python::float_text;
use crate::state::Sketch;
use crate::table::{Population, View};

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
            time: self.comparison.baseline.is_some(),
            peer: self.comparison.peer_group.as_ref().map(|field| Key::smallest(std::slice::from_ref(field))),
            ..Columns::default()
        }
    }

    fn evaluate<'a>(&'a self, view: &'a View, inputs: Inputs<'a>) -> Evaluating<'a> {
        Box::pin(evaluate(self, view, inputs))
    }

    fn evidence<'a>(&'a self, view: &'a View, asked: &'a Asked, inputs: Inputs<'a>) -> Explaining<'a> {
        Box::pin(evidence::evidence(self, view, asked, inputs))
    }

    fn refinement(&self) -> Refinement {
        match self.trigger.method {
            TriggerMethod::Fdr => Refinement::Everything,
            _ if self.comparison.is_wider() => Refinement::Everything,
            _ => Refinement::SameAggregator,
        }
    }

    fn finding_target(&self) -> FindingTarget {
        FindingTarget::Observation("target")
    }

    fn reason(&self, stored: &Map<String, Value>) -> Option<String> {
        let number = |key: &str| reason::number(stored, key).map(reason::shown);
        let value = metric_phrase(self.metric, &number("metric")?);
        let season = || Some((reason::text(stored, "baseline_hour")?, number("baseline_expected")?));
        let (when, usual) = season().map_or_else(Default::default, |(hour, expected)| {
            (format!(" on {hour}"), format!(", {expected} is usual then"))
        });
        let typical = reason::text(stored, "non_outlier_values_sample").map_or_else(String::new, typical);
        let remembered = || Some((number("remembered_values")?, number("remembered_beyond")?));
        let remembered = remembered()
            .map_or_else(String::new, |(all, beyond)| format!("; {beyond} of {all} remembered values are as extreme"));
        let frontier = number("decision_frontier")?;
        let peers = reason::among_peers(stored);
        Some(format!("{value}; the limit{when} was {frontier}{usual}{typical}{remembered}{peers}"))
    }
}

async fn evaluate<'a>(
    metrics: &'a Metrics,
    view: &'a View,
    inputs: Inputs<'a>,
) -> Result<Evaluation<'a>, DataFusionError> {
    let side = metrics.trigger.on;
    let values = Values::new(&metrics.comparison, metrics.trigger, inputs);
    let peers = Peers::named(metrics.comparison.peer_group.as_ref(), view, &inputs).await?;
    let mut groups = Groups::among(peers.clone());
    for part in parts(view, &inputs) {
        groups.judge(values.rows(&part).await?, &metrics.trigger).await?;
    }
    let discovery = match metrics.trigger.method {
        TriggerMethod::Fdr => {
            let reference = groups.reference(values.tables(view).await?, side, &inputs).await?;
            groups.discover(&reference, &metrics.trigger);
            Some(reference)
        }
        _ => None,
    };
    let Some(frontiers) = groups.frontiers()? else {
        return Ok(Evaluation::without_candidates(&inputs));
    };
    let found = Found::beyond(frontiers.clone(), &values, view, &inputs).await?;
    if found.buckets.is_empty() {
        return Ok(Evaluation::without_candidates(&inputs));
    }
    let n_tests = discovery.as_ref().map(|reference| reference.tail.n());
    let known = discovery.or_else(|| inputs.first_round.values.get().cloned());
    let reference = match known {
        Some(known) => known,
        None => {
            let reference = groups.reference(values.tables(view).await?, side, &inputs).await?;
            inputs.first_round.values.get_or_init(|| reference).clone()
        }
    };
    let Found { candidates, mut buckets, extremes, seasons } = found;
    let surprises = Surprises::new(&groups, reference, &extremes, side);
    let peers = match peers {
        Some(peers) => Some(PeerValues::of(values.tables(view).await?, peers, &buckets, side).await?),
        None => None,
    };
    let compared = Compared { surprises, peers, seasons };
    let candidates = match n_tests {
        Some(n_tests) => compared.discoveries(candidates, &extremes, n_tests, metrics.trigger.sensitivity, &inputs)?,
        None => candidates,
    };
    add_samples(metrics, view, &values, frontiers, &mut buckets, inputs).await?;
    let remembered = inputs.recall.map(|recall| recall.sketches(buckets.keys().copied(), view)).transpose()?;
    let compared = Arc::new(compared);
    let of_surprise = Arc::clone(&compared);
    let evaluation = Evaluation::new(candidates, move |candidate, event| {
        let mut seen = observations(metrics, view, &buckets, &compared.seasons, candidate, event);
        if let Some(sketches) = &remembered {
            seen.extend(remembered_values(sketches.get(&candidate.aggregator), candidate, side));
        }
        if let Some(of_peers) = &compared.peers {
            let share = of_peers.share(candidate.aggregator, compared.seasons.adjusted(candidate));
            seen.extend(of_peers.peers.observations(view, candidate.aggregator, share));
        }
        seen
    });
    Ok(evaluation.with_surprise(move |candidate| of_surprise.surprise(candidate)))
}

/// Population and peers with which candidates are compared.
struct Compared {
    surprises: Surprises,
    peers: Option<PeerValues>,
    seasons: Seasons,
}

impl Compared {
    fn surprise(&self, candidate: &Candidate) -> f64 {
        self.surprise_of(candidate.aggregator, self.seasons.adjusted(candidate))
    }

    /// Candidates that are discoveries at a false discovery rate among `n_tests` values, although
    /// they are less surprising among their peers.
    fn discoveries(
        &self,
        candidates: Candidates,
        extremes: &Extremes,
        n_tests: u64,
        rate: f64,
        inputs: &Inputs<'_>,
    ) -> Result<Candidates, DataFusionError> {
        if self.peers.is_none() {
            return Ok(candidates);
        }
        let surprises: Vec<f64> =
            extremes.iter().map(|(aggregator, value)| self.surprise_of(aggregator, value)).collect();
        let least = least_discovered(&surprises, n_tests, rate).unwrap_or(f64::INFINITY);
        candidates.retain(inputs, |candidate| self.surprise(candidate) >= least)
    }

    /// Surprise of a value as it is compared.
    fn surprise_of(&self, aggregator: u32, value: f64) -> f64 {
        let share = self.peers.as_ref().and_then(|peers| peers.share(aggregator, value));
        among_peers(self.surprises.of(aggregator, value), share)
    }
}

/// Values beyond the frontiers of their groups.
struct Found {
    /// The target of a candidate is its hour if values are adjusted for the season.
    candidates: Candidates,
    buckets: Buckets<f64>,
    extremes: Extremes,
    seasons: Seasons,
}

impl Found {
    /// Values of `view` beyond the frontiers.
    async fn beyond(
        frontiers: RecordBatch,
        values: &Values<'_>,
        view: &View,
        inputs: &Inputs<'_>,
    ) -> Result<Self, DataFusionError> {
        let mut found = Found {
            candidates: Candidates::new(inputs),
            buckets: Buckets::default(),
            extremes: Extremes::default(),
            seasons: Seasons::default(),
        };
        for rows in values.tables(view).await? {
            let beyond_frontier =
                with_frontier(rows, frontiers.clone(), inputs)?.filter(beyond(values.trigger().on))?;
            found.read(beyond_frontier, values.season_columns()).await?;
        }
        Ok(found)
    }

    async fn read(&mut self, found: DataFrame, season_columns: &[&str]) -> Result<(), DataFusionError> {
        let columns = [&["element", "aggregator", "value", "unadjusted", "frontier"], season_columns].concat();
        let mut batches = found.select_columns(&columns)?.execute_stream().await?;
        while let Some(batch) = batches.next().await {
            let batch = &batch?;
            let values = column::<Float64Array>(batch, "value")?;
            let unadjusted = column::<Float64Array>(batch, "unadjusted")?;
            let frontiers = column::<Float64Array>(batch, "frontier")?;
            let season_of = if season_columns.is_empty() { None } else { Some(seasons_in(batch)?) };
            for (row, (element, aggregator)) in places(batch)?.enumerate() {
                let evidence = unadjusted.value(row).to_bits();
                let hour = season_of.as_ref().map(|season_of| season_of(row));
                let target = hour.map_or(0, |(hour, season)| self.seasons.add(aggregator, hour, season));
                self.candidates.push(Candidate { element, aggregator, target, evidence })?;
                self.extremes.add(aggregator, values.value(row));
                let bucket = || Bucket { frontier: frontiers.value(row), sample: Vec::new() };
                self.buckets.entry(aggregator).or_insert_with(bucket);
            }
        }
        Ok(())
    }
}

/// Seasons of candidates, by aggregator and hour; none if values are not adjusted.
#[derive(Default)]
struct Seasons(FxHashMap<(u32, u32), Season>);

impl Seasons {
    fn add(&mut self, aggregator: u32, hour: u32, season: Season) -> u32 {
        self.0.entry((aggregator, hour)).or_insert(season);
        hour
    }

    fn of(&self, candidate: &Candidate) -> Option<&Season> {
        self.0.get(&(candidate.aggregator, candidate.target))
    }

    /// Value of a candidate as it is compared.
    fn adjusted(&self, candidate: &Candidate) -> f64 {
        let value = f64::from_bits(candidate.evidence);
        self.of(candidate).map_or(value, |season| season.adjusted(value))
    }
}

/// Observations about a candidate, whose evidence is its metric.
fn observations(
    metrics: &Metrics,
    view: &View,
    buckets: &Buckets<f64>,
    seasons: &Seasons,
    candidate: &Candidate,
    event: &WholeEvent<'_>,
) -> Map<String, Value> {
    let value = f64::from_bits(candidate.evidence);
    let target = event.document.value(&metrics.target).and_then(|value| value.text()).unwrap_or_default();
    let mut seen = metric_observations(metrics.metric, &target);
    seen.insert("metric".to_owned(), Value::Number(metric_number(metrics.metric, &target, value)));
    if let Some(bucket) = buckets.get(&candidate.aggregator) {
        let season = seasons.of(candidate);
        let frontier = season.map_or(bucket.frontier, |season| season.in_hour(bucket.frontier));
        seen.insert("decision_frontier".to_owned(), frontier.into());
        seen.insert("confidence".to_owned(), (frontier - value).abs().min(f64::MAX).into());
        if let Some(season) = season {
            let Season { expected, n_days, .. } = *season;
            seen.extend(season_observations(candidate.target, expected, n_days, season.adjusted(value)));
        }
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

/// Clause about the values of a sample.
fn typical(sample: &str) -> String {
    let values: Vec<String> = sample.split(',').filter_map(|value| value.parse().ok()).map(reason::shown).collect();
    if values.is_empty() { String::new() } else { format!(", typical: {}", values.join(", ")) }
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
    values: &Values<'_>,
    frontiers: RecordBatch,
    buckets: &mut Buckets<f64>,
    inputs: Inputs<'_>,
) -> Result<(), DataFusionError> {
    let aggregators: FxHashSet<u32> = buckets.keys().copied().collect();
    if aggregators.is_empty() {
        return Ok(());
    }
    let without = view.population().without.clone();
    for rows in values.tables(&view.with_population(Population { without, only: Some(aggregators) })).await? {
        let samples = with_frontier(rows, frontiers.clone(), &inputs)?
            .filter(not(beyond(metrics.trigger.on)))?
            .aggregate(vec![col("aggregator")], vec![most_frequent(col("unadjusted")).alias("sample")])?
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
    }
    Ok(())
}
