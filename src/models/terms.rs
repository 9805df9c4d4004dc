//! Counts terms: the occurrences of each within its aggregator, or the distinct terms of each
//! aggregator compared across aggregators.

use std::collections::BTreeMap;

use arrow::array::{Float64Array, Int64Array, RecordBatch, StructArray, UInt32Array};
use arrow::datatypes::DataType;
use datafusion::common::JoinType;
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::cast;
use datafusion::prelude::{DataFrame, col, lit};
use futures::StreamExt;
use outlier_kernels::surprise::{Distances, Others, Scale, Tail, TailHistogram, bin_of, bits, share_of_extremes};
use outlier_kernels::{Multiset, Runs, Side, beyond};
use rustc_hash::FxHashMap;
use serde_json::Map;

use super::flagged::{Flagged, candidates};
use super::population::{Extremes, FirstRound, Groups, Reference, Surprises};
use super::{
    Bucket, Buckets, Candidate, Candidates, Columns, Evaluating, Evaluation, FindingTarget, Inputs, Key, Method,
    Recall, Refinement, column, places, rows, rows_of, sample_text, text, text_of,
};
use crate::config::{CountMethod, Terms, Trigger, TriggerMethod, TriggerOn};
use crate::engine::functions::{Levels, TermsJudgement, frontier_of, judge_terms, kernel_side};
use crate::event::{PerOutlier, StoredKey, StoredKind};
use crate::table::View;

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
            ..Columns::default()
        }
    }

    fn evaluate<'a>(&'a self, view: &'a View, inputs: Inputs<'a>) -> Evaluating<'a> {
        match self.count_method {
            CountMethod::WithinAggregator => Box::pin(within_aggregator(self, view, inputs)),
            CountMethod::AcrossAggregators => Box::pin(across_aggregators(self, view, inputs)),
        }
    }

    fn refinement(&self) -> Refinement {
        match (self.count_method, self.trigger.method) {
            (CountMethod::AcrossAggregators, _) | (_, TriggerMethod::Fdr) => Refinement::Everything,
            (CountMethod::WithinAggregator, _) => Refinement::SameAggregator,
        }
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
    let mut known = None;
    let (buckets, flagged) = match terms.trigger.method {
        TriggerMethod::Fdr => {
            let (mut groups, reference) = compared(&judged, on)?;
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
    let surprises = match on {
        TriggerOn::Low => TermSurprises::Rare(Rarities::new(&judged, &flagged, inputs.first_round)?),
        TriggerOn::High => {
            let (groups, reference) = known.map_or_else(|| compared(&judged, on), Ok)?;
            TermSurprises::Frequent(frequent_surprises(&groups, reference, &flagged, inputs.first_round))
        }
    };
    let candidates = candidates(flagged.rows(view, &inputs)?, &inputs).await?;
    let evaluation = evaluation(terms, view, candidates, buckets, inputs.recall);
    Ok(evaluation.with_surprise(move |candidate| surprises.of(candidate)))
}

/// Surprises of flagged terms.
enum TermSurprises<'a> {
    Rare(Rarities<'a>),
    Frequent(Surprises),
}

impl TermSurprises<'_> {
    fn of(&self, candidate: &Candidate) -> f64 {
        match self {
            TermSurprises::Rare(rarities) => rarities.surprise(candidate),
            TermSurprises::Frequent(surprises) => surprises.of(candidate.aggregator, candidate.evidence as f64),
        }
    }
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
fn compared(judged: &[RecordBatch], on: TriggerOn) -> Result<(Groups, Reference), DataFusionError> {
    let (mut groups, mut counts) = (Groups::default(), Vec::new());
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
                groups.push(aggregator, scale, runs.n());
                counts.push(levels);
            }
        }
    }
    let mut histogram = TailHistogram::default();
    let whole = groups.whole();
    for (scale, levels) in groups.within(&whole).into_iter().zip(counts) {
        for (&n, &n_targets) in levels.counts.iter().zip(levels.n_targets) {
            histogram.add(bin_of(scale.distance(value_of(n as f64, on), Side::High)), n_targets);
        }
    }
    Ok((groups, Reference { whole, tail: Tail::of(&histogram) }))
}

/// Surprise of the numbers of occurrences of frequent terms.
fn frequent_surprises(groups: &Groups, reference: Reference, flagged: &Flagged, first_round: &FirstRound) -> Surprises {
    let reference = first_round.values.get_or_init(|| reference).clone();
    let mut extremes = Extremes::default();
    flagged.iter().for_each(|(aggregator, _, n)| extremes.add(aggregator, n as f64));
    Surprises::new(groups, reference, extremes, TriggerOn::High)
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

/// Shares of the events whose terms are rare (the estimate of Good and Turing).
struct Rarities<'a> {
    /// Number of events, by the number of occurrences of their term, and of all smaller ones.
    whole: &'a BTreeMap<u64, u64>,
    /// The same of aggregators with flagged terms.
    groups: FxHashMap<u32, BTreeMap<u64, u64>>,
}

impl<'a> Rarities<'a> {
    fn new(judged: &[RecordBatch], flagged: &Flagged, first_round: &'a FirstRound) -> Result<Self, DataFusionError> {
        let mut groups: FxHashMap<u32, BTreeMap<u64, u64>> =
            flagged.iter().map(|(aggregator, _, _)| (aggregator, BTreeMap::new())).collect();
        let mut whole: BTreeMap<u64, u64> = BTreeMap::new();
        let is_first = first_round.counts.get().is_none();
        for batch in judged {
            let judgements = column::<StructArray>(batch, "judged")?;
            for (row, aggregator) in column::<UInt32Array>(batch, "aggregator")?.values().iter().enumerate() {
                let levels = Levels::read(judgements, row);
                if is_first {
                    levels.n_events().for_each(|(count, n)| *whole.entry(count).or_default() += n);
                }
                if let Some(own) = groups.get_mut(aggregator) {
                    own.extend(levels.n_events());
                }
            }
        }
        std::iter::once(&mut whole).chain(groups.values_mut()).for_each(accumulate);
        Ok(Rarities { whole: first_round.counts.get_or_init(|| whole), groups })
    }

    /// Surprise of an event whose term occurs as often as `candidate` says: the share of the other
    /// events, in its aggregator and everywhere, whose terms occur as seldom.
    fn surprise(&self, candidate: &Candidate) -> f64 {
        let of = candidate.evidence;
        let others = |events: &BTreeMap<u64, u64>| {
            let up_to = events.range(..=of).next_back().map_or(0, |(_, n)| *n);
            let all = events.values().next_back().copied().unwrap_or(0);
            Others { n_extreme: up_to.saturating_sub(of), n: all.saturating_sub(of) }
        };
        let own = self.groups.get(&candidate.aggregator);
        own.map_or(0.0, |own| bits(share_of_extremes(others(own), others(self.whole))))
    }
}

/// Turns numbers into sums of all numbers up to them.
fn accumulate(numbers: &mut BTreeMap<u64, u64>) {
    let mut sum = 0;
    for number in numbers.values_mut() {
        sum += *number;
        *number = sum;
    }
}

/// Judges the numbers of distinct targets across aggregators.
async fn across_aggregators<'a>(
    terms: &'a Terms,
    view: &'a View,
    inputs: Inputs<'a>,
) -> Result<Evaluation<'a>, DataFusionError> {
    let n_targets = rows(view, &inputs)?
        .aggregate(vec![col("aggregator"), col("target")], vec![])?
        .aggregate(vec![col("aggregator")], vec![count(lit(1)).alias("n")])?
        .collect()
        .await?;
    let mut n_by_aggregator: FxHashMap<u32, u64> = FxHashMap::default();
    for batch in &n_targets {
        let counts = column::<Int64Array>(batch, "n")?;
        let aggregators = column::<UInt32Array>(batch, "aggregator")?;
        n_by_aggregator.extend(aggregators.values().iter().copied().zip(counts.values().iter().map(|&n| n as u64)));
    }
    let side = kernel_side(terms.trigger.on);
    let mut all_n: Multiset = n_by_aggregator.values().map(|&n| n as f64).collect();
    let runs = all_n.finish();
    let Some(distances) = Distances::of(runs, side) else { return Ok(Evaluation::without_candidates(&inputs)) };
    let frontier = match terms.trigger.method {
        TriggerMethod::Fdr => distances.discovered_beyond(terms.trigger.sensitivity),
        _ => frontier_of(&terms.trigger, runs),
    };
    let Some(frontier) = frontier else { return Ok(Evaluation::without_candidates(&inputs)) };
    n_by_aggregator.retain(|_, &mut n| beyond(n as f64, frontier, side));
    if n_by_aggregator.is_empty() {
        return Ok(Evaluation::without_candidates(&inputs));
    }
    let mut candidates = Candidates::new(&inputs);
    let found = rows_of(view, n_by_aggregator.keys().copied().collect(), &inputs)?;
    let mut batches = found.execute_stream().await?;
    while let Some(batch) = batches.next().await {
        let batch = &batch?;
        let targets = column::<UInt32Array>(batch, "target")?;
        for (row, (element, aggregator)) in places(batch)?.enumerate() {
            let evidence = n_by_aggregator[&aggregator];
            candidates.push(Candidate { element, aggregator, target: targets.value(row), evidence })?;
        }
    }
    let bucket = |&aggregator: &u32| (aggregator, Bucket { frontier, sample: Vec::new() });
    let buckets = n_by_aggregator.keys().map(bucket).collect();
    let surprise = move |candidate: &Candidate| distances.surprise(candidate.evidence as f64);
    Ok(evaluation(terms, view, candidates, buckets, None).with_surprise(surprise))
}
