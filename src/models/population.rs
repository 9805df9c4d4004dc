//! Groups of values as parts of one population: each value is compared with those of its group, and
//! its distance from them with the distances of all values in their groups.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StructArray, UInt32Array};
use datafusion::common::JoinType;
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{DataFrame, col, lit};
use outlier_kernels::surprise::{Scale, Tail, TailHistogram, Whole, bin_of, bits};
use rustc_hash::FxHashMap;

use super::peers::Peers;
use super::{Inputs, column};
use crate::config::{Trigger, TriggerOn};
use crate::engine::functions::{Judged, frontier, kernel_side, tail_bin};

/// All groups as the first evaluation of a use case sees them. Later evaluations, without what was
/// whitelisted, judge some groups again and compare them with the same whole.
#[derive(Debug, Default)]
pub struct FirstRound {
    /// Values of groups.
    pub(super) values: OnceLock<Reference>,
    /// Number of events by the number of occurrences of their term, and of all smaller ones.
    pub(super) counts: OnceLock<BTreeMap<u64, u64>>,
}

/// Population with which the values of groups are compared.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    /// Scales of all groups.
    pub(super) wholes: Wholes,
    /// Distances of all values from their groups.
    pub(super) tail: Tail,
}

/// Wholes that groups are parts of: all groups, and those of their peers.
#[derive(Clone, Debug)]
pub(super) struct Wholes {
    all: Whole,
    /// Wholes by peer group.
    of_peers: FxHashMap<u32, Whole>,
}

/// Frontiers and scales of groups.
#[derive(Debug, Default)]
pub(super) struct Groups {
    peers: Option<Arc<Peers>>,
    aggregators: Vec<u32>,
    /// Not finite where no value is an outlier.
    frontiers: Vec<f64>,
    /// Scale and number of values.
    scales: Vec<(Scale, u64)>,
}

impl Groups {
    /// Without groups; those that will be added have `peers`, if any are known.
    pub(super) fn among(peers: Option<Arc<Peers>>) -> Self {
        Groups { peers, ..Groups::default() }
    }

    /// Judges the groups in `rows`, whose columns are `aggregator` and `value`. No group may be
    /// judged twice.
    pub(super) async fn judge(&mut self, rows: DataFrame, trigger: &Trigger) -> Result<(), DataFusionError> {
        let judged = vec![frontier(col("value"), trigger).alias("judged")];
        for batch in rows.aggregate(vec![col("aggregator")], judged)?.collect().await? {
            let judged = Judged::new(column::<StructArray>(&batch, "judged")?);
            for (row, &aggregator) in column::<UInt32Array>(&batch, "aggregator")?.values().iter().enumerate() {
                if let Some(scale) = judged.scale(row) {
                    self.aggregators.push(aggregator);
                    // no value lies beyond NaN
                    self.frontiers.push(judged.frontier(row).unwrap_or(f64::NAN));
                    self.scales.push(scale);
                }
            }
        }
        Ok(())
    }

    /// Frontiers by `frontier_aggregator`; `None` if no group has one.
    pub(super) fn frontiers(&self) -> Result<Option<RecordBatch>, DataFusionError> {
        let with_frontier = self.aggregators.iter().zip(&self.frontiers).filter(|(_, frontier)| frontier.is_finite());
        let (aggregators, frontiers): (Vec<u32>, Vec<f64>) = with_frontier.unzip();
        if aggregators.is_empty() {
            return Ok(None);
        }
        Ok(Some(RecordBatch::try_from_iter([
            ("frontier_aggregator", Arc::new(UInt32Array::from(aggregators)) as ArrayRef),
            ("frontier", Arc::new(Float64Array::from(frontiers))),
        ])?))
    }

    /// Adds a group, whose frontier is NaN if it has none.
    pub(super) fn push(&mut self, aggregator: u32, frontier: f64, scale: Scale, n: u64) {
        self.aggregators.push(aggregator);
        self.frontiers.push(frontier);
        self.scales.push((scale, n));
    }

    /// Frontiers of the groups that have one, by aggregator.
    pub(super) fn frontier_by_aggregator(&self) -> FxHashMap<u32, f64> {
        let groups = self.aggregators.iter().copied().zip(self.frontiers.iter().copied());
        groups.filter(|(_, frontier)| frontier.is_finite()).collect()
    }

    /// Scales of the groups as parts of their wholes, by aggregator.
    pub(super) fn scale_by_aggregator(&self, wholes: &Wholes) -> FxHashMap<u32, Scale> {
        self.aggregators.iter().copied().zip(self.within(wholes)).collect()
    }

    /// Sets the frontiers for a false discovery rate among all values of all groups.
    pub(super) fn discover(&mut self, reference: &Reference, trigger: &Trigger) {
        if let Some(beyond) = reference.tail.discovered_beyond(trigger.sensitivity) {
            let scales = self.within(&reference.wholes);
            self.frontiers = scales.iter().map(|scale| scale.at(beyond, kernel_side(trigger.on))).collect();
        }
    }

    /// Takes the frontiers from groups with fewer than `least` values.
    pub(super) fn drop_smaller_than(&mut self, least: u64) {
        let groups = self.frontiers.iter_mut().zip(&self.scales);
        groups.filter(|(_, (_, n))| *n < least).for_each(|(frontier, _)| *frontier = f64::NAN);
    }

    /// Population with which the values of the groups are compared on one side. `tables` hold the
    /// rows that were judged.
    pub(super) async fn reference(
        &self,
        tables: Vec<DataFrame>,
        side: TriggerOn,
        inputs: &Inputs<'_>,
    ) -> Result<Reference, DataFusionError> {
        let wholes = self.wholes();
        let scales = self.within(&wholes);
        let numbers = |number: fn(&Scale) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(scales.iter().map(number)))
        };
        let scales = RecordBatch::try_from_iter([
            ("scale_aggregator", Arc::new(UInt32Array::from(self.aggregators.clone())) as ArrayRef),
            ("center", numbers(|scale| scale.center)),
            ("spread", numbers(|scale| scale.spread)),
        ])?;
        let scales = inputs.context.read_batch(scales)?;
        let bin = tail_bin(col("value"), col("center"), col("spread"), side).alias("bin");
        let mut histogram = TailHistogram::default();
        for rows in tables {
            let bins = rows
                .join(scales.clone(), JoinType::Inner, &["aggregator"], &["scale_aggregator"], None)?
                .filter(col("value").is_not_null())?
                .aggregate(vec![bin.clone()], vec![count(lit(1)).alias("n")])?
                .collect()
                .await?;
            for batch in &bins {
                let (bins, counts) = (column::<UInt32Array>(batch, "bin")?, column::<Int64Array>(batch, "n")?);
                bins.values().iter().zip(counts.values()).for_each(|(&bin, &n)| histogram.add(bin, n as u64));
            }
        }
        Ok(Reference { wholes, tail: Tail::of(&histogram) })
    }

    /// Computes the wholes that the groups are parts of.
    pub(super) fn wholes(&self) -> Wholes {
        let all = Whole::of(&self.scales);
        let mut by_peers: FxHashMap<u32, Vec<(Scale, u64)>> = FxHashMap::default();
        for (&aggregator, &scale) in self.aggregators.iter().zip(&self.scales) {
            if let Some(group) = self.peer_group(aggregator) {
                by_peers.entry(group).or_default().push(scale);
            }
        }
        let of_peers = by_peers.into_iter().map(|(group, scales)| (group, Whole::of(&scales).within(&all)));
        Wholes { of_peers: of_peers.collect(), all }
    }

    /// Scales of the groups as parts of their wholes.
    pub(super) fn within(&self, wholes: &Wholes) -> Vec<Scale> {
        let scale = |(&aggregator, &(own, n)): (&u32, &(Scale, u64))| {
            let of_peers = self.peer_group(aggregator).and_then(|group| wholes.of_peers.get(&group));
            of_peers.unwrap_or(&wholes.all).scale_of(own, n)
        };
        self.aggregators.iter().zip(&self.scales).map(scale).collect()
    }

    fn peer_group(&self, aggregator: u32) -> Option<u32> {
        self.peers.as_ref()?.group(aggregator)
    }
}

/// Values beyond the frontiers of their groups, counted. They are rounded, so that their number
/// does not grow with the events.
#[derive(Debug, Default)]
pub(super) struct Extremes(FxHashMap<(u32, u64), u64>);

/// Bits of a number that are rounded away: 12 bits of the mantissa are kept.
const ROUNDED_BITS: u32 = 40;

fn rounded(value: f64) -> f64 {
    f64::from_bits(value.to_bits() >> ROUNDED_BITS << ROUNDED_BITS)
}

impl Extremes {
    /// Adds a value of a group.
    pub(super) fn add(&mut self, aggregator: u32, value: f64) {
        *self.0.entry((aggregator, rounded(value).to_bits())).or_default() += 1;
    }

    /// Aggregators and values, each as often as it was added.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, f64)> {
        let repeated = |(&(aggregator, value), &n): (&(u32, u64), &u64)| {
            std::iter::repeat_n((aggregator, f64::from_bits(value)), n as usize)
        };
        self.0.iter().flat_map(repeated)
    }
}

/// Surprise of the values beyond the frontiers of their groups.
#[derive(Debug)]
pub(super) struct Surprises {
    /// Of all values.
    tail: Tail,
    /// Of groups with values beyond their frontiers.
    groups: FxHashMap<u32, Own>,
    side: TriggerOn,
}

/// A group with values beyond its frontier.
#[derive(Debug)]
struct Own {
    scale: Scale,
    n: u64,
    /// Its values beyond the frontier.
    extremes: Tail,
}

impl Surprises {
    pub(super) fn new(groups: &Groups, reference: Reference, extremes: &Extremes, side: TriggerOn) -> Self {
        let Reference { wholes, tail } = reference;
        let scales = groups.within(&wholes);
        let place: FxHashMap<u32, usize> = groups.aggregators.iter().copied().zip(0..).collect();
        let mut histograms: FxHashMap<u32, TailHistogram> = FxHashMap::default();
        for (&(aggregator, value), &n) in &extremes.0 {
            let Some(&idx) = place.get(&aggregator) else { continue };
            let distance = scales[idx].distance(f64::from_bits(value), kernel_side(side));
            histograms.entry(aggregator).or_default().add(bin_of(distance), n);
        }
        let own = |(aggregator, histogram)| {
            let idx = place[&aggregator];
            (aggregator, Own { scale: scales[idx], n: groups.scales[idx].1, extremes: Tail::of(&histogram) })
        };
        Surprises { tail, groups: histograms.into_iter().map(own).collect(), side }
    }

    /// Surprise of a value beyond the frontier of its group, in bits. Neither all values, by their
    /// distances from their groups, nor the other values of its group make it less surprising.
    pub(super) fn of(&self, aggregator: u32, value: f64) -> f64 {
        let Some(Own { scale, n, extremes }) = self.groups.get(&aggregator) else { return 0.0 };
        let distance = scale.distance(rounded(value), kernel_side(self.side));
        let n_others = extremes.n_from(distance).saturating_sub(1) as f64;
        bits(self.tail.probability(distance).max(n_others / (*n).max(1) as f64))
    }
}
