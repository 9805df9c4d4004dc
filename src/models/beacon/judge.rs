//! Rhythms of the groups of a view.

use arrow::array::{Array, StructArray, UInt32Array};
use chrono::TimeDelta;
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::min;
use datafusion::prelude::col;
use futures::StreamExt;
use outlier_kernels::beacon::{Rhythm, RhythmLimits, Sizes};
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::{Inputs, column, rows};
use crate::config::Beacon;
use crate::engine::functions::{rhythm, rhythm_of};
use crate::table::{Population, View};

/// Judged groups.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Groups with some rhythm, in no order.
    pub(super) groups: Vec<Group>,
    /// Number of groups without any.
    pub(super) n_others: u64,
}

/// Group with some rhythm.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    pub(super) aggregator: u32,
    /// 0 without a target.
    pub(super) target: u32,
    pub(super) rhythm: Rhythm,
    pub(super) sizes: Option<Sizes>,
    pub(super) sources: Option<Sources>,
}

/// Sources that talk to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sources {
    /// Number of them.
    pub(super) n: u64,
    /// Number of all sources.
    pub(super) n_all: u64,
}

impl Sources {
    /// Percentage of all sources.
    pub(super) fn percentage(self) -> f64 {
        100.0 * self.n as f64 / self.n_all.max(1) as f64
    }
}

/// Judges all groups of `view`, whatever aggregators are wanted, without those of common
/// destinations.
pub(super) async fn judge(beacon: &Beacon, view: &View, inputs: &Inputs<'_>) -> Result<Judged, DataFusionError> {
    let everyone = view.with_population(Population { without: view.population().without.clone(), only: None });
    let by_destination = match &beacon.prevalence {
        Some(_) => Some(sources_by_destination(&everyone, inputs).await?),
        None => None,
    };
    let mut judged = Judged::default();
    let mut keys = vec![col("aggregator")];
    keys.extend((!beacon.target.is_empty()).then(|| col("target")));
    let size = beacon.size.as_ref().map(|_| col("size"));
    let mut found = vec![rhythm(col("time"), size, &limits(beacon)).alias("rhythm")];
    found.extend(by_destination.as_ref().map(|_| min(col("destination")).alias("destination")));
    let mut batches = rows(&everyone, inputs)?.aggregate(keys, found)?.execute_stream().await?;
    while let Some(batch) = batches.next().await {
        let batch = &batch?;
        let aggregators = column::<UInt32Array>(batch, "aggregator")?;
        let targets = column::<UInt32Array>(batch, "target").ok();
        let rhythms = column::<StructArray>(batch, "rhythm")?;
        let destinations = column::<UInt32Array>(batch, "destination").ok();
        for row in 0..batch.num_rows() {
            let Some((rhythm, sizes)) = rhythm_of(rhythms, row) else { continue };
            let destination = destinations.filter(|found| found.is_valid(row)).map(|found| found.value(row));
            let sources = by_destination.as_ref().zip(destination).and_then(|(known, idx)| known.get(&idx).copied());
            if sources.is_some_and(|sources| is_common(beacon, sources)) {
                continue;
            }
            let target = targets.map_or(0, |targets| targets.value(row));
            let group = Group { aggregator: aggregators.value(row), target, rhythm, sizes, sources };
            if rhythm.ln_p < 0.0 { judged.groups.push(group) } else { judged.n_others += 1 }
        }
    }
    Ok(judged)
}

fn limits(beacon: &Beacon) -> RhythmLimits {
    let microseconds = |period: TimeDelta| period.num_microseconds().unwrap_or(i64::MAX);
    RhythmLimits {
        min_events: beacon.min_events,
        min_period: microseconds(beacon.min_period),
        max_period: microseconds(beacon.max_period),
    }
}

/// True if more sources than allowed talk to the destination. That of a single source is not
/// common, however few sources there are.
fn is_common(beacon: &Beacon, sources: Sources) -> bool {
    let most = beacon.prevalence.as_ref().and_then(|prevalence| prevalence.most);
    most.is_some_and(|most| sources.n > 1 && sources.percentage() > most)
}

/// Sources of each destination, from one pass over the events.
async fn sources_by_destination(view: &View, inputs: &Inputs<'_>) -> Result<FxHashMap<u32, Sources>, DataFusionError> {
    let pairs = rows(view, inputs)?.aggregate(vec![col("destination"), col("source")], vec![])?;
    let mut batches = pairs.execute_stream().await?;
    let (mut n_by_destination, mut all): (FxHashMap<u32, u64>, FxHashSet<u32>) = Default::default();
    while let Some(batch) = batches.next().await {
        let batch = &batch?;
        let destinations = column::<UInt32Array>(batch, "destination")?;
        let sources = column::<UInt32Array>(batch, "source")?;
        for (destination, source) in destinations.iter().zip(sources).filter_map(|(to, from)| to.zip(from)) {
            *n_by_destination.entry(destination).or_default() += 1;
            all.insert(source);
        }
    }
    let n_all = all.len() as u64;
    Ok(n_by_destination.into_iter().map(|(destination, n)| (destination, Sources { n, n_all })).collect())
}
