//! Counts terms: the occurrences of each within its aggregator, or the distinct terms of each
//! aggregator compared across aggregators.

use arrow::array::{Int64Array, StructArray, UInt32Array};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{col, lit};
use futures::StreamExt;
use outlier_kernels::{Multiset, beyond};
use rustc_hash::FxHashMap;
use serde_json::Map;

use super::flagged::{Flagged, candidates};
use super::{
    Bucket, Buckets, Candidate, Candidates, Columns, Evaluating, Evaluation, Inputs, Key, Method, Refinement, column,
    places, rows, rows_of, sample_text, text, text_of,
};
use crate::config::{CountMethod, Terms};
use crate::engine::functions::{TermsJudgement, frontier_of, judge_terms, kernel_side};
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
        match self.count_method {
            CountMethod::WithinAggregator => Refinement::SameAggregator,
            CountMethod::AcrossAggregators => Refinement::Everything,
        }
    }
}

/// Candidates, whose evidence is the number of occurrences of the term, or of distinct terms of the
/// aggregator.
fn evaluation<'a>(terms: &'a Terms, view: &'a View, candidates: Candidates, buckets: Buckets<u32>) -> Evaluation<'a> {
    let columns = view.columns();
    let term_text = move |&rank: &u32| text(view, columns.target, rank).unwrap_or_default().to_owned();
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
    let judgement = judge_terms(col("target"), col("n"), &terms.trigger, terms.min_target_buckets.unwrap_or(0));
    let judged = rows(view, &inputs)?
        .aggregate(vec![col("aggregator"), col("target")], vec![count(lit(1)).alias("n")])?
        .aggregate(vec![col("aggregator")], vec![judgement.alias("judged")])?
        .collect()
        .await?;
    let mut buckets = Buckets::default();
    let mut flagged = Flagged::default();
    for batch in &judged {
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
    if flagged.is_empty() {
        return Ok(Evaluation::without_candidates(&inputs));
    }
    let candidates = candidates(flagged.rows(view, &inputs)?, &inputs).await?;
    Ok(evaluation(terms, view, candidates, buckets))
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
    let mut all_n: Multiset = n_by_aggregator.values().map(|&n| n as f64).collect();
    let Some(frontier) = frontier_of(&terms.trigger, all_n.finish()) else {
        return Ok(Evaluation::without_candidates(&inputs));
    };
    n_by_aggregator.retain(|_, &mut n| beyond(n as f64, frontier, kernel_side(terms.trigger.on)));
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
    Ok(evaluation(terms, view, candidates, buckets))
}
