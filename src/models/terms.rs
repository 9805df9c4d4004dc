//! Counts terms: the occurrences of each within its aggregator, or the distinct terms of each
//! aggregator compared across aggregators.

use arrow::array::{Int64Array, StructArray, UInt32Array};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{col, lit};
use outlier_kernels::{Multiset, beyond};
use rustc_hash::FxHashMap;
use serde_json::{Map, Value};

use super::flagged::{Flagged, candidates};
use super::{
    Bucket, Buckets, Candidate, Columns, Details, Evaluating, Evaluation, Evidence, Inputs, Key, Method, Refinement,
    Sample, WholeEvent, column, places, rows, rows_of, text_of,
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

    fn observations(
        &self,
        view: &View,
        evaluation: &Evaluation,
        candidate: &Candidate,
        _: &WholeEvent<'_>,
    ) -> Map<String, Value> {
        let columns = view.columns();
        let mut seen = Map::new();
        if let Some(bucket) = evaluation.bucket(candidate.aggregator) {
            seen.insert("non_outlier_values_sample".to_owned(), sample_text(view, &bucket.sample));
            seen.insert("decision_frontier".to_owned(), bucket.frontier.into());
        }
        if let Evidence::TermCount(n) = candidate.evidence {
            seen.insert("term_count".to_owned(), n.into());
        }
        seen.insert("aggregator".to_owned(), text_of(view, columns.aggregator, candidate.aggregator));
        seen.insert("term".to_owned(), text_of(view, columns.target, candidate.target));
        seen.insert("trigger_method".to_owned(), self.trigger.method.as_str().into());
        seen
    }

    fn refinement(&self) -> Refinement {
        match self.count_method {
            CountMethod::WithinAggregator => Refinement::SameAggregator,
            CountMethod::AcrossAggregators => Refinement::Everything,
        }
    }
}

/// Judges the counts of the distinct targets within each aggregator.
async fn within_aggregator(terms: &Terms, view: &View, inputs: Inputs<'_>) -> Result<Evaluation, DataFusionError> {
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
                let sample = Sample::Terms(judgement.sample.to_vec());
                buckets.insert(aggregator, Bucket { frontier: judgement.frontier, sample });
            }
        }
    }
    if flagged.is_empty() {
        return Ok(Evaluation::default());
    }
    let candidates = candidates(flagged.rows(view, &inputs)?, Evidence::TermCount).await?;
    Ok(Evaluation { candidates, details: Details::Buckets(buckets), ..Evaluation::default() })
}

/// Judges the numbers of distinct targets across aggregators.
async fn across_aggregators(terms: &Terms, view: &View, inputs: Inputs<'_>) -> Result<Evaluation, DataFusionError> {
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
        return Ok(Evaluation::default());
    };
    n_by_aggregator.retain(|_, &mut n| beyond(n as f64, frontier, kernel_side(terms.trigger.on)));
    if n_by_aggregator.is_empty() {
        return Ok(Evaluation::default());
    }
    let mut candidates = Vec::new();
    let found = rows_of(view, n_by_aggregator.keys().copied().collect(), &inputs)?.collect().await?;
    for batch in &found {
        let targets = column::<UInt32Array>(batch, "target")?;
        for (row, (element, aggregator)) in places(batch)?.enumerate() {
            let evidence = Evidence::TermCount(n_by_aggregator[&aggregator]);
            candidates.push(Candidate { element, aggregator, target: targets.value(row), evidence });
        }
    }
    let bucket = Bucket { frontier, sample: Sample::Terms(Vec::new()) };
    let buckets = n_by_aggregator.keys().map(|&aggregator| (aggregator, bucket.clone())).collect();
    Ok(Evaluation { candidates, details: Details::Buckets(buckets), ..Evaluation::default() })
}

fn sample_text(view: &View, sample: &Sample) -> Value {
    match (sample, view.columns().target) {
        (Sample::Terms(ranks), Some(key_idx)) if !ranks.is_empty() => {
            let dictionary = view.table().dictionary(key_idx);
            let texts: Vec<&str> = ranks.iter().map(|&rank| dictionary.text(rank)).collect();
            texts.join(",").into()
        }
        _ => Value::Array(Vec::new()),
    }
}
