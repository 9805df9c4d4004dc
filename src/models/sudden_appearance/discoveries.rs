//! First appearances that are too improbable to be chance.
//!
//! Each judged event is a test: how probable is it that an event of its aggregator has a target
//! that none of the earlier ones had, if the events came in random order ([`Occurrences`])? The
//! events that have no new target count as tests, too. What was whitelisted is neither a test nor a
//! discovery, so the rate is that of the others.
//!
//! [`Occurrences`]: outlier_kernels::surprise::Occurrences

use arrow::array::{Int64Array, UInt32Array};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{col, lit};
use futures::StreamExt;
use outlier_kernels::surprise::{bits, least_discovered};

use super::super::{Inputs, column, rows, rows_of};
use super::Appeared;
use super::novelty::Novelty;
use crate::engine::functions::{NO_PLACE, SlidingWindows, place_of};
use crate::state::{Counted, Stretch};
use crate::table::{Population, View};

/// Keeps the appearances that are discoveries at a rate of false ones; returns their surprises.
pub(super) async fn keep(
    rate: f64,
    windows: &SlidingWindows,
    (novelty, known_to_peers): (&Novelty, &(dyn Fn(&Appeared) -> f64 + Sync)),
    view: &View,
    appeared: &mut Vec<Appeared>,
    inputs: Inputs<'_>,
) -> Result<Vec<f64>, DataFusionError> {
    let n_tests = n_judged(windows, view, &inputs).await?.max(appeared.len() as u64);
    let n_before = n_before(windows, view, appeared, inputs).await?;
    // nothing is known of what is rarer than that
    let least = (novelty.n() as f64).powi(-2);
    let probability = |(appeared, &n_before): (&Appeared, &u64)| {
        let occurrences = novelty.occurrences(appeared.candidate.aggregator);
        let own = occurrences.map_or(1.0, |own| own.probability_of_new(n_before, rate).max(least));
        own.max(known_to_peers(appeared))
    };
    let surprises: Vec<f64> = appeared.iter().zip(&n_before).map(probability).map(bits).collect();
    let least = least_discovered(&surprises, n_tests, rate).unwrap_or(f64::INFINITY);
    let mut of_appeared = surprises.iter();
    appeared.retain(|_| of_appeared.next().is_some_and(|surprise| *surprise >= least));
    Ok(surprises.into_iter().filter(|surprise| *surprise >= least).collect())
}

/// Number of judged events that are not whitelisted.
async fn n_judged(windows: &SlidingWindows, view: &View, inputs: &Inputs<'_>) -> Result<u64, DataFusionError> {
    let judged: Vec<Counted> = windows
        .judged()
        .map(|judged| Counted { stretch: Stretch { start: judged.start, end: judged.end }, place: judged.start })
        .collect();
    let is_judged = place_of(col("time"), &judged).not_eq(lit(NO_PLACE));
    let n = rows(view, inputs)?.filter(is_judged)?.aggregate(vec![], vec![count(lit(1)).alias("n")])?.collect().await?;
    n.iter().map(|batch| Ok(column::<Int64Array>(batch, "n")?.values().iter().sum::<i64>() as u64)).sum()
}

/// Numbers of events of the aggregator that came before each appearance, as long ago as a target is
/// known.
async fn n_before(
    windows: &SlidingWindows,
    view: &View,
    appeared: &[Appeared],
    inputs: Inputs<'_>,
) -> Result<Vec<u64>, DataFusionError> {
    let oldest = |appeared: &Appeared| appeared.window.0.min(appeared.time.saturating_sub(windows.memory));
    let mut starts_and_ends = Vec::with_capacity(2 * appeared.len());
    for appeared in appeared {
        let aggregator = appeared.candidate.aggregator;
        starts_and_ends.push((aggregator, oldest(appeared)));
        starts_and_ends.push((aggregator, appeared.time));
    }
    let n_earlier = n_earlier(windows, &starts_and_ends, view, inputs).await?;
    let remembered = inputs.recall.map(|recall| recall.counts_before(view, &inputs)).transpose()?;
    let n_before = |(appeared, n_earlier): (&Appeared, &[u64; 2])| {
        let remembered = remembered.as_ref().map_or(0, |remembered| remembered(appeared.candidate.aggregator));
        n_earlier[1].saturating_sub(n_earlier[0]) + remembered
    };
    Ok(appeared.iter().zip(n_earlier.as_chunks().0).map(n_before).collect())
}

/// Numbers of events of aggregators that came before a time.
async fn n_earlier(
    windows: &SlidingWindows,
    wanted: &[(u32, i64)],
    view: &View,
    inputs: Inputs<'_>,
) -> Result<Vec<u64>, DataFusionError> {
    let everything = view.with_population(Population::default());
    let aggregators = wanted.iter().map(|&(aggregator, _)| aggregator).collect();
    let (Some(first), Some(last)) = (windows.histories.first(), windows.histories.last()) else {
        return Ok(vec![0; wanted.len()]);
    };
    let mut sorted = rows_of(&everything, aggregators, &inputs)?
        .filter(col("time").between(lit(first.start), lit(last.end)))?
        .select(vec![col("aggregator"), col("time")])?
        .sort(vec![col("aggregator").sort(true, false), col("time").sort(true, false)])?
        .execute_stream()
        .await?;
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_unstable_by_key(|&idx| wanted[idx]);
    let mut order = order.into_iter().peekable();
    let mut found = vec![0; wanted.len()];
    let (mut of, mut n) = (None, 0);
    while let Some(batch) = sorted.next().await {
        let batch = &batch?;
        let times = column::<Int64Array>(batch, "time")?.values();
        for (&aggregator, &time) in column::<UInt32Array>(batch, "aggregator")?.values().iter().zip(times) {
            while let Some(idx) = order.next_if(|&idx| wanted[idx] <= (aggregator, time)) {
                found[idx] = if of == Some(wanted[idx].0) { n } else { 0 };
            }
            n = if of == Some(aggregator) { n + 1 } else { 1 };
            of = Some(aggregator);
        }
    }
    order.for_each(|idx| found[idx] = if of == Some(wanted[idx].0) { n } else { 0 });
    Ok(found)
}
