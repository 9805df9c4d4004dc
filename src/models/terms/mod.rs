//! Counts terms: the occurrences of each within its aggregator, or the distinct terms of each
//! aggregator compared across aggregators.
//!
//! With a baseline, both are counted by the hour ([`hours`]).

mod across;
mod evidence;
mod hours;
mod hours_evidence;
mod rarities;
mod reason;

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StructArray, UInt32Array};
use arrow::datatypes::DataType;
use datafusion::common::JoinType;
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::cast;
use datafusion::prelude::{DataFrame, col, lit};
use futures::StreamExt;
use outlier_kernels::surprise::{Scale, Tail, TailHistogram, bin_of, least_discovered};
use outlier_kernels::{Runs, Side};
use rustc_hash::FxHashSet;
use serde_json::{Map, Value};

use super::flagged::{Flagged, candidates};
use super::peers::{Counted, PeerCounts, Peers, among_peers};
use super::population::{Extremes, FirstRound, Groups, Reference, Surprises};
use super::{
    Asked, Bucket, Buckets, Candidates, Columns, Evaluating, Evaluation, Explaining, FindingTarget, Inputs, Key,
    Method, Recall, Refinement, column, rows, sample_text, text, text_of,
};
use crate::config::{CountMethod, Terms, Trigger, TriggerMethod, TriggerOn};
use crate::engine::functions::{Levels, TermsJudgement, judge_terms};
use crate::event::{PerOutlier, StoredKey, StoredKind};
use crate::table::View;
use rarities::Rarities;

pub(super) const STORED: &[StoredKey] = &[
    StoredKey::new("term", StoredKind::Text, PerOutlier::One),
    StoredKey::new("term_count", StoredKind::Number, PerOutlier::One),
    StoredKey::new("aggregator", StoredKind::Text, PerOutlier::One),
    StoredKey::new("decision_frontier", StoredKind::Number, PerOutlier::One),
    StoredKey::new("trigger_method", StoredKind::Text, PerOutlier::One),
    StoredKey::new("non_outlier_values_sample", StoredKind::Text, PerOutlier::UpToOne),
];

impl Method for Terms {
    fn columns(&self) -> Columns<'_> {
        Columns {
            aggregator: Some(Key::each(&self.aggregator)),
            target: Some(Key::each(&self.target)),
            time: self.comparison.baseline.is_some(),
            peer: self.comparison.peer_group.as_ref().map(|field| Key::smallest(std::slice::from_ref(field))),
            ..Columns::default()
        }
    }

    fn evaluate<'a>(&'a self, view: &'a View, inputs: Inputs<'a>) -> Evaluating<'a> {
        match self.count_method {
            _ if self.comparison.baseline.is_some() => Box::pin(hours::by_hour(self, view, inputs)),
            CountMethod::WithinAggregator => Box::pin(within_aggregator(self, view, inputs)),
            CountMethod::AcrossAggregators => Box::pin(across::across_aggregators(self, view, inputs)),
        }
    }

    fn evidence<'a>(&'a self, view: &'a View, asked: &'a Asked, inputs: Inputs<'a>) -> Explaining<'a> {
        Box::pin(evidence::evidence(self, view, asked, inputs))
    }

    fn refinement(&self) -> Refinement {
        match (self.count_method, self.trigger.method) {
            (CountMethod::AcrossAggregators, _) | (_, TriggerMethod::Fdr) => Refinement::Everything,
            _ if self.comparison.is_wider() => Refinement::Everything,
            (CountMethod::WithinAggregator, _) => Refinement::SameAggregator,
        }
    }

    fn reason(&self, stored: &Map<String, Value>) -> Option<String> {
        reason::reason(self, stored)
    }

    fn finding_target(&self) -> FindingTarget {
        let judges_each_term = self.count_method == CountMethod::WithinAggregator
            && self.trigger.method != TriggerMethod::CoeffOfVariation;
        if judges_each_term { FindingTarget::Target } else { FindingTarget::Whole }
    }
}

/// Candidates, whose evidence is the number of occurrences of the term, or of distinct terms of the
/// aggregator.
fn evaluation<'a>(
    terms: &'a Terms,
    view: &'a View,
    candidates: Candidates,
    buckets: Buckets<u32>,
    recall: Option<&'a Recall<'a>>,
) -> Evaluation<'a> {
    let columns = view.columns();
    let term_text = move |&rank: &u32| {
        let remembered = recall.and_then(|recall| recall.target(rank));
        remembered.unwrap_or_else(|| text(view, columns.target, rank).unwrap_or_default().to_owned())
    };
    Evaluation::new(candidates, move |candidate, _| {
        let mut seen = Map::new();
        if let Some(bucket) = buckets.get(&candidate.aggregator) {
            seen.insert("non_outlier_values_sample".to_owned(), sample_text(&bucket.sample, term_text));
            seen.insert("decision_frontier".to_owned(), bucket.frontier.into());
        }
        seen.insert("term_count".to_owned(), candidate.evidence.into());
        seen.insert("aggregator".to_owned(), text_of(view, columns.aggregator, candidate.aggregator));
        seen.insert("term".to_owned(), text_of(view, columns.target, candidate.target));
        seen.insert("trigger_method".to_owned(), terms.trigger.method.as_str().into());
        seen
    })
}

/// Judges the counts of the distinct targets within each aggregator.
async fn within_aggregator<'a>(
    terms: &'a Terms,
    view: &'a View,
    inputs: Inputs<'a>,
) -> Result<Evaluation<'a>, DataFusionError> {
    let judged = judge_counts(terms, view, inputs).await?;
    let on = terms.trigger.on;
    let peers = Peers::named(terms.comparison.peer_group.as_ref(), view, &inputs).await?;
    let mut known = None;
    let (buckets, mut flagged) = match terms.trigger.method {
        TriggerMethod::Fdr => {
            let (mut groups, reference) = compared(&judged, on, peers.clone())?;
            // one rate for all terms of all aggregators
            groups.discover(&reference, &Trigger { on: TriggerOn::High, ..terms.trigger });
            groups.drop_smaller_than(terms.min_target_buckets.unwrap_or(0));
            let flagged = flagged_beyond(terms, view, &groups, inputs).await?;
            known = Some((groups, reference));
            flagged
        }
        _ => flagged_in(&judged)?,
    };
    if flagged.is_empty() {
        return Ok(Evaluation::without_candidates(&inputs));
    }
    let n_tests = known.as_ref().map(|(_, reference)| reference.tail.n());
    let surprises = match on {
        TriggerOn::Low => TermSurprises::Rare(Rarities::new(&judged, &flagged, inputs.first_round)?),
        TriggerOn::High => {
            let (groups, reference) = known.map_or_else(|| compared(&judged, on, peers.clone()), Ok)?;
            TermSurprises::Frequent(frequent_surprises(&groups, reference, &flagged, inputs.first_round))
        }
    };
    let peers = match peers {
        Some(peers) => Some(counts_of_peers(view, peers, &flagged, inputs).await?),
        None => None,
    };
    let compared = Compared { surprises, peers };
    if let (Some(n_tests), Some(_)) = (n_tests, &compared.peers) {
        let surprises: Vec<f64> =
            flagged.iter().map(|(aggregator, target, n)| compared.surprise(aggregator, target, n)).collect();
        let least = least_discovered(&surprises, n_tests, terms.trigger.sensitivity).unwrap_or(f64::INFINITY);
        flagged.retain(|aggregator, target, n| compared.surprise(aggregator, target, n) >= least);
    }
    let candidates = candidates(flagged.rows(view, &inputs)?, &inputs).await?;
    Ok(evaluation(terms, view, candidates, buckets, inputs.recall).compared_with(
        compared,
        move |compared, candidate| {
            let Some(of_peers) = &compared.peers else { return Vec::new() };
            let share = compared.share(candidate.aggregator, candidate.target, candidate.evidence);
            of_peers.peers.observations(view, candidate.aggregator, share)
        },
        |compared, candidate| compared.surprise(candidate.aggregator, candidate.target, candidate.evidence),
    ))
}

/// Population and peers with which flagged terms are compared.
struct Compared<'a> {
    surprises: TermSurprises<'a>,
    peers: Option<PeerCounts>,
}

impl Compared<'_> {
    /// Share of the peers that have a term, if rare terms are outliers, or have it as often.
    fn share(&self, aggregator: u32, target: u32, n: u64) -> Option<f64> {
        let least = match self.surprises {
            TermSurprises::Rare(_) => 0.0,
            TermSurprises::Frequent(_) => n as f64,
        };
        self.peers.as_ref()?.share(Counted { aggregator, target, hour: 0 }, least)
    }

    fn surprise(&self, aggregator: u32, target: u32, n: u64) -> f64 {
        let own = match &self.surprises {
            TermSurprises::Rare(rarities) => rarities.surprise(aggregator, n),
            TermSurprises::Frequent(surprises) => surprises.of(aggregator, n as f64),
        };
        among_peers(own, self.share(aggregator, target, n))
    }
}

/// Surprises of flagged terms.
enum TermSurprises<'a> {
    Rare(Rarities<'a>),
    Frequent(Surprises),
}

/// Numbers of occurrences of the flagged terms in the peers of their aggregators.
async fn counts_of_peers(
    view: &View,
    peers: Arc<Peers>,
    flagged: &Flagged,
    inputs: Inputs<'_>,
) -> Result<PeerCounts, DataFusionError> {
    let counted = |(aggregator, target, _)| Counted { aggregator, target, hour: 0 };
    let mut found = PeerCounts::of(peers, flagged.iter().map(counted));
    let targets: FxHashSet<u32> = flagged.iter().map(|(_, target, _)| target).collect();
    let targets = UInt32Array::from_iter_values(targets);
    let targets = RecordBatch::try_from_iter([("flagged_target", Arc::new(targets) as ArrayRef)])?;
    let targets = inputs.context.read_batch(targets)?;
    let counts = counts(view, &inputs)?.join(targets, JoinType::Inner, &["target"], &["flagged_target"], None)?;
    let mut batches = counts.execute_stream().await?;
    while let Some(batch) = batches.next().await {
        let batch = &batch?;
        let targets = column::<UInt32Array>(batch, "target")?.values();
        let counts = column::<Int64Array>(batch, "n")?.values();
        let aggregators = column::<UInt32Array>(batch, "aggregator")?.values();
        for ((&aggregator, &target), &n) in aggregators.iter().zip(targets).zip(counts) {
            found.add(Counted { aggregator, target, hour: 0 }, n as f64);
        }
    }
    Ok(found)
}

/// Number of occurrences of each target in each aggregator, as `n`; those that earlier runs saw are
/// included.
fn counts(view: &View, inputs: &Inputs<'_>) -> Result<DataFrame, DataFusionError> {
    if let Some(recall) = inputs.recall {
        return recall.counts(view, inputs);
    }
    rows(view, inputs)?.aggregate(vec![col("aggregator"), col("target")], vec![count(lit(1)).alias("n")])
}

/// Judgements of [`judge_terms`] by aggregator.
async fn judge_counts(terms: &Terms, view: &View, inputs: Inputs<'_>) -> Result<Vec<RecordBatch>, DataFusionError> {
    let judgement = judge_terms(col("target"), col("n"), &terms.trigger, terms.min_target_buckets.unwrap_or(0));
    counts(view, &inputs)?.aggregate(vec![col("aggregator")], vec![judgement.alias("judged")])?.collect().await
}

fn flagged_in(judged: &[RecordBatch]) -> Result<(Buckets<u32>, Flagged), DataFusionError> {
    let (mut buckets, mut flagged) = (Buckets::default(), Flagged::default());
    for batch in judged {
        let aggregators = column::<UInt32Array>(batch, "aggregator")?;
        let judgements = column::<StructArray>(batch, "judged")?;
        for row in 0..batch.num_rows() {
            if let Some(judgement) = TermsJudgement::read(judgements, row) {
                let aggregator = aggregators.value(row);
                for (&target, &n) in judgement.targets.iter().zip(judgement.counts) {
                    flagged.push(aggregator, target, n);
                }
                let sample = judgement.sample.to_vec();
                buckets.insert(aggregator, Bucket { frontier: judgement.frontier, sample });
            }
        }
    }
    Ok((buckets, flagged))
}

/// Count as a value of which great ones are outliers: that of a rare term is its reciprocal.
fn value_of(n: f64, on: TriggerOn) -> f64 {
    match on {
        TriggerOn::High => n,
        TriggerOn::Low => n.recip(),
    }
}

/// Scales of the aggregators' counts as values, and the population with which they are compared.
fn compared(
    judged: &[RecordBatch],
    on: TriggerOn,
    peers: Option<Arc<Peers>>,
) -> Result<(Groups, Reference), DataFusionError> {
    let (mut groups, mut counts) = (Groups::among(peers), Vec::new());
    for batch in judged {
        let judgements = column::<StructArray>(batch, "judged")?;
        for (row, &aggregator) in column::<UInt32Array>(batch, "aggregator")?.values().iter().enumerate() {
            let levels = Levels::read(judgements, row);
            let mut values: Vec<f64> = levels.counts.iter().map(|&n| value_of(n as f64, on)).collect();
            let mut n_targets = levels.n_targets.to_vec();
            if on == TriggerOn::Low {
                values.reverse();
                n_targets.reverse();
            }
            if let Some(runs) = Runs::new(&values, &n_targets)
                && let Some(scale) = Scale::of(runs)
            {
                groups.push(aggregator, f64::NAN, scale, runs.n());
                counts.push(levels);
            }
        }
    }
    let mut histogram = TailHistogram::default();
    let wholes = groups.wholes();
    for (scale, levels) in groups.within(&wholes).into_iter().zip(counts) {
        for (&n, &n_targets) in levels.counts.iter().zip(levels.n_targets) {
            histogram.add(bin_of(scale.distance(value_of(n as f64, on), Side::High)), n_targets);
        }
    }
    Ok((groups, Reference { wholes, tail: Tail::of(&histogram) }))
}

/// Surprise of the numbers of occurrences of frequent terms.
fn frequent_surprises(groups: &Groups, reference: Reference, flagged: &Flagged, first_round: &FirstRound) -> Surprises {
    let reference = first_round.values.get_or_init(|| reference).clone();
    let mut extremes = Extremes::default();
    flagged.iter().for_each(|(aggregator, _, n)| extremes.add(aggregator, n as f64));
    Surprises::new(groups, reference, &extremes, TriggerOn::High)
}

/// Flags terms whose counts, as values, are beyond the frontiers of `groups`.
async fn flagged_beyond(
    terms: &Terms,
    view: &View,
    groups: &Groups,
    inputs: Inputs<'_>,
) -> Result<(Buckets<u32>, Flagged), DataFusionError> {
    let on = terms.trigger.on;
    let (mut buckets, mut flagged) = (Buckets::default(), Flagged::default());
    let Some(frontiers) = groups.frontiers()? else { return Ok((buckets, flagged)) };
    let n = cast(col("n"), DataType::Float64);
    let value = match on {
        TriggerOn::High => n,
        TriggerOn::Low => lit(1.0) / n,
    };
    let found = counts(view, &inputs)?
        .join(inputs.context.read_batch(frontiers)?, JoinType::Inner, &["aggregator"], &["frontier_aggregator"], None)?
        .filter(value.gt(col("frontier")))?
        .collect()
        .await?;
    for batch in &found {
        let aggregators = column::<UInt32Array>(batch, "aggregator")?.values();
        let targets = column::<UInt32Array>(batch, "target")?.values();
        let (counts, frontiers) = (column::<Int64Array>(batch, "n")?, column::<Float64Array>(batch, "frontier")?);
        for (row, (&aggregator, &target)) in aggregators.iter().zip(targets).enumerate() {
            flagged.push(aggregator, target, counts.value(row) as u64);
            let frontier = value_of(frontiers.value(row), on);
            buckets.entry(aggregator).or_insert_with(|| Bucket { frontier, sample: Vec::new() });
        }
    }
    Ok((buckets, flagged))
}
