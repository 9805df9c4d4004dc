//! Peers: aggregators that have the value of a field in common, such as the hosts of a department.
//!
//! Things that are common among peers are less surprising. The share of the peers, or of their
//! values, that are as extreme is a probability of its own, and none is taken to be smaller.

use std::cmp::Reverse;
use std::sync::Arc;

use arrow::array::{Int32Array, Int64Array, UInt32Array};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{DataFrame, col, lit};
use futures::StreamExt;
use outlier_kernels::surprise::bits;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;

use super::{Buckets, Inputs, column, rows, text_of};
use crate::config::TriggerOn;
use crate::engine::functions::value_bin;
use crate::event::{FieldPath, PerOutlier, StoredKey, StoredKind};
use crate::state::{Bin, Sketch};
use crate::table::View;

/// Keys of outliers of use cases with `peer_group`.
pub(super) const STORED: [StoredKey; 3] = [
    StoredKey::new("peer_group", StoredKind::Text, PerOutlier::UpToOne),
    StoredKey::new("peers", StoredKind::Number, PerOutlier::UpToOne),
    StoredKey::new("peer_share", StoredKind::Number, PerOutlier::UpToOne),
];

/// Surprise, in bits, of something that a share of the peers has as well.
pub(super) fn among_peers(surprise: f64, share: Option<f64>) -> f64 {
    share.map_or(surprise, |share| surprise.min(bits(share)))
}

/// Peer groups of aggregators.
#[derive(Debug)]
pub(super) struct Peers {
    group_of: FxHashMap<u32, u32>,
    n_members: FxHashMap<u32, u64>,
}

impl Peers {
    /// Peer groups of the aggregators in `view`, if the use case names a field of peers: each
    /// belongs to that of most of its rows.
    pub(super) async fn named(
        peer_group: Option<&FieldPath>,
        view: &View,
        inputs: &Inputs<'_>,
    ) -> Result<Option<Arc<Self>>, DataFusionError> {
        if peer_group.is_none() {
            return Ok(None);
        }
        let counts = rows(view, inputs)?
            .filter(col("peer").is_not_null())?
            .aggregate(vec![col("aggregator"), col("peer")], vec![count(lit(1)).alias("n")])?;
        let mut most: FxHashMap<u32, (i64, Reverse<u32>)> = FxHashMap::default();
        let mut batches = counts.execute_stream().await?;
        while let Some(batch) = batches.next().await {
            let batch = &batch?;
            let peers = column::<UInt32Array>(batch, "peer")?;
            let counts = column::<Int64Array>(batch, "n")?;
            for (row, &aggregator) in column::<UInt32Array>(batch, "aggregator")?.values().iter().enumerate() {
                // the order of ranks does not depend on that of the events
                let found = (counts.value(row), Reverse(peers.value(row)));
                most.entry(aggregator).and_modify(|known| *known = found.max(*known)).or_insert(found);
            }
        }
        let group_of: FxHashMap<u32, u32> =
            most.into_iter().map(|(aggregator, (_, Reverse(peer)))| (aggregator, peer)).collect();
        let mut n_members: FxHashMap<u32, u64> = FxHashMap::default();
        group_of.values().for_each(|&group| *n_members.entry(group).or_default() += 1);
        Ok(Some(Arc::new(Peers { group_of, n_members })))
    }

    /// Peer group of an aggregator; `None` if none of its events names one.
    pub(super) fn group(&self, aggregator: u32) -> Option<u32> {
        self.group_of.get(&aggregator).copied()
    }

    /// Number of peers of an aggregator.
    fn n_others(&self, aggregator: u32) -> u64 {
        let group = self.group(aggregator);
        group.and_then(|group| self.n_members.get(&group)).map_or(0, |n| n.saturating_sub(1))
    }

    /// Observations about the peers of an aggregator, of which a share is as extreme.
    pub(super) fn observations(&self, view: &View, aggregator: u32, share: Option<f64>) -> Vec<(String, Value)> {
        let Some(group) = self.group(aggregator) else { return Vec::new() };
        let seen = [
            ("peer_group", Some(text_of(view, view.columns().peer, group))),
            ("peers", Some(self.n_others(aggregator).into())),
            ("peer_share", share.map(Value::from)),
        ];
        seen.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }
}

/// Values of some aggregators and of all their peers.
#[derive(Debug)]
pub(super) struct PeerValues {
    pub(super) peers: Arc<Peers>,
    of_group: FxHashMap<u32, Sketch>,
    own: FxHashMap<u32, Sketch>,
    side: TriggerOn,
}

impl PeerValues {
    /// Values, as the columns `aggregator` and `value` of `rows`, of the aggregators of `buckets`
    /// and of their peers.
    pub(super) async fn of(
        rows: Vec<DataFrame>,
        peers: Arc<Peers>,
        buckets: &Buckets<f64>,
        side: TriggerOn,
    ) -> Result<Self, DataFusionError> {
        let groups: FxHashSet<u32> = buckets.keys().filter_map(|&aggregator| peers.group(aggregator)).collect();
        let (mut of_group, mut own): (FxHashMap<u32, Sketch>, FxHashMap<u32, Sketch>) = Default::default();
        for rows in rows {
            let bins = vec![col("aggregator"), value_bin(col("value")).alias("bin")];
            let mut batches = rows.aggregate(bins, vec![count(lit(1)).alias("n")])?.execute_stream().await?;
            while let Some(batch) = batches.next().await {
                let batch = &batch?;
                let bins = column::<Int32Array>(batch, "bin")?;
                let counts = column::<Int64Array>(batch, "n")?;
                for (row, &aggregator) in column::<UInt32Array>(batch, "aggregator")?.values().iter().enumerate() {
                    let Some(group) = peers.group(aggregator).filter(|group| groups.contains(group)) else { continue };
                    let (bin, n) = (Bin(bins.value(row)), counts.value(row) as u64);
                    of_group.entry(group).or_default().add(bin, n);
                    if buckets.contains_key(&aggregator) {
                        own.entry(aggregator).or_default().add(bin, n);
                    }
                }
            }
        }
        Ok(PeerValues { peers, of_group, own, side })
    }

    /// Share of the peers' values that are at least as extreme; `None` without peers.
    pub(super) fn share(&self, aggregator: u32, value: f64) -> Option<f64> {
        let of_group = self.of_group.get(&self.peers.group(aggregator)?)?;
        let own = self.own.get(&aggregator)?;
        let n_extreme = |sketch: &Sketch| match self.side {
            TriggerOn::High => sketch.at_least(value),
            TriggerOn::Low => sketch.at_most(value),
        };
        let n = of_group.n() - own.n();
        (n > 0).then(|| (n_extreme(of_group) - n_extreme(own)) as f64 / n as f64)
    }
}

/// Key of a count in one aggregator: of a target (0 if all are counted together), in an hour (0
/// if all are).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Counted {
    pub(super) aggregator: u32,
    pub(super) target: u32,
    pub(super) hour: u32,
}

/// Aggregators that are as extreme as their peers, by what was counted.
#[derive(Debug)]
pub(super) struct PeerCounts {
    pub(super) peers: Arc<Peers>,
    /// Numbers, of which great ones are extreme, by peer group, target and hour.
    found: FxHashMap<(u32, u32, u32), Vec<f64>>,
}

impl PeerCounts {
    /// Will count what the peers have of `wanted`.
    pub(super) fn of(peers: Arc<Peers>, wanted: impl Iterator<Item = Counted>) -> Self {
        let key = |counted: Counted| {
            let Counted { aggregator, target, hour } = counted;
            Some(((peers.group(aggregator)?, target, hour), Vec::new()))
        };
        let found = wanted.filter_map(key).collect();
        PeerCounts { peers, found }
    }

    /// Adds a number of an aggregator. None may be added twice.
    pub(super) fn add(&mut self, counted: Counted, number: f64) {
        let Counted { aggregator, target, hour } = counted;
        let Some(group) = self.peers.group(aggregator) else { return };
        if let Some(numbers) = self.found.get_mut(&(group, target, hour)) {
            numbers.push(number);
        }
    }

    /// Share of the peers whose number is at least `number`; `None` without peers.
    pub(super) fn share(&self, counted: Counted, number: f64) -> Option<f64> {
        let Counted { aggregator, target, hour } = counted;
        let numbers = self.found.get(&(self.peers.group(aggregator)?, target, hour))?;
        let n_others = self.peers.n_others(aggregator);
        // the aggregator itself is one of them
        let n_extreme = (numbers.iter().filter(|found| **found >= number).count() as u64).saturating_sub(1);
        (n_others > 0).then(|| n_extreme as f64 / n_others as f64)
    }
}
