//! Distinct terms of each aggregator, compared across aggregators.

use std::sync::Arc;

use arrow::array::{Int64Array, UInt32Array};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{col, lit};
use futures::StreamExt;
use outlier_kernels::surprise::{Distances, least_discovered};
use outlier_kernels::{Multiset, beyond};
use rustc_hash::FxHashMap;

use super::super::peers::{Counted, PeerCounts, Peers, among_peers};
use super::super::{Bucket, Candidate, Candidates, Evaluation, Inputs, column, places, rows, rows_of};
use super::evaluation;
use crate::config::{Terms, TriggerMethod, TriggerOn};
use crate::engine::functions::{frontier_of, kernel_side};
use crate::table::View;

/// Judges the numbers of distinct targets across aggregators.
pub(super) async fn across_aggregators<'a>(
    terms: &'a Terms,
    view: &'a View,
    inputs: Inputs<'a>,
) -> Result<Evaluation<'a>, DataFusionError> {
    let n_by_aggregator = distinct_targets(view, &inputs).await?;
    let side = kernel_side(terms.trigger.on);
    let mut all_n: Multiset = n_by_aggregator.values().map(|&n| n as f64).collect();
    let runs = all_n.finish();
    let Some(distances) = Distances::of(runs, side) else { return Ok(Evaluation::without_candidates(&inputs)) };
    let frontier = match terms.trigger.method {
        TriggerMethod::Fdr => distances.discovered_beyond(terms.trigger.sensitivity),
        _ => frontier_of(&terms.trigger, runs),
    };
    let Some(frontier) = frontier else { return Ok(Evaluation::without_candidates(&inputs)) };
    let mut flagged = n_by_aggregator.clone();
    flagged.retain(|_, &mut n| beyond(n as f64, frontier, side));
    if flagged.is_empty() {
        return Ok(Evaluation::without_candidates(&inputs));
    }
    let peers = Peers::named(terms.comparison.peer_group.as_ref(), view, &inputs).await?;
    let peers = peers.map(|peers| counts_of_peers(peers, &n_by_aggregator, &flagged, terms.trigger.on));
    let compared = Compared { distances, peers, on: terms.trigger.on };
    if terms.trigger.method == TriggerMethod::Fdr && compared.peers.is_some() {
        let surprises: Vec<f64> = flagged.iter().map(|(&aggregator, &n)| compared.surprise(aggregator, n)).collect();
        let least = least_discovered(&surprises, n_by_aggregator.len() as u64, terms.trigger.sensitivity);
        flagged.retain(|&aggregator, &mut n| least.is_some_and(|least| compared.surprise(aggregator, n) >= least));
    }
    let mut candidates = Candidates::new(&inputs);
    let found = rows_of(view, flagged.keys().copied().collect(), &inputs)?;
    let mut batches = found.execute_stream().await?;
    while let Some(batch) = batches.next().await {
        let batch = &batch?;
        let targets = column::<UInt32Array>(batch, "target")?;
        for (row, (element, aggregator)) in places(batch)?.enumerate() {
            let evidence = flagged[&aggregator];
            candidates.push(Candidate { element, aggregator, target: targets.value(row), evidence })?;
        }
    }
    let bucket = |&aggregator: &u32| (aggregator, Bucket { frontier, sample: Vec::new() });
    let buckets = flagged.keys().map(bucket).collect();
    Ok(evaluation(terms, view, candidates, buckets, None).compared_with(
        compared,
        move |compared, candidate| {
            let Some(of_peers) = &compared.peers else { return Vec::new() };
            let share = compared.share(candidate.aggregator, candidate.evidence);
            of_peers.peers.observations(view, candidate.aggregator, share)
        },
        |compared, candidate| compared.surprise(candidate.aggregator, candidate.evidence),
    ))
}

/// Counts the distinct targets of each aggregator.
pub(super) async fn distinct_targets(view: &View, inputs: &Inputs<'_>) -> Result<FxHashMap<u32, u64>, DataFusionError> {
    let n_targets = rows(view, inputs)?
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
    Ok(n_by_aggregator)
}

/// Population and peers with which flagged aggregators are compared.
struct Compared {
    distances: Distances,
    peers: Option<PeerCounts>,
    on: TriggerOn,
}

impl Compared {
    /// Share of the peers whose number of distinct terms is as extreme.
    fn share(&self, aggregator: u32, n: u64) -> Option<f64> {
        self.peers.as_ref()?.share(whole(aggregator), extremity(n, self.on))
    }

    fn surprise(&self, aggregator: u32, n: u64) -> f64 {
        among_peers(self.distances.surprise(n as f64), self.share(aggregator, n))
    }
}

fn whole(aggregator: u32) -> Counted {
    Counted { aggregator, target: 0, hour: 0 }
}

/// Number of which great ones are extreme.
fn extremity(n: u64, on: TriggerOn) -> f64 {
    match on {
        TriggerOn::High => n as f64,
        TriggerOn::Low => -(n as f64),
    }
}

fn counts_of_peers(
    peers: Arc<Peers>,
    all: &FxHashMap<u32, u64>,
    flagged: &FxHashMap<u32, u64>,
    on: TriggerOn,
) -> PeerCounts {
    let mut counts = PeerCounts::of(peers, flagged.keys().copied().map(whole));
    all.iter().for_each(|(&aggregator, &n)| counts.add(whole(aggregator), extremity(n, on)));
    counts
}
