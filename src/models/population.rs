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
    pub(super) whole: Whole,
    /// Distances of all values from their groups.
    pub(super) tail: Tail,
}

/// Frontiers and scales of groups.
#[derive(Debug, Default)]
pub(super) struct Groups {
    aggregators: Vec<u32>,
    /// Not finite where no value is an outlier.
    frontiers: Vec<f64>,
    /// Scale and number of values.
    scales: Vec<(Scale, u64)>,
}

impl Groups {
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

    /// Adds a group without a frontier.
    pub(super) fn push(&mut self, aggregator: u32, scale: Scale, n: u64) {
        self.aggregators.push(aggregator);
        self.frontiers.push(f64::NAN);
        self.scales.push((scale, n));
    }

    /// Sets the frontiers for a false discovery rate among all values of all groups.
    pub(super) fn discover(&mut self, reference: &Reference, trigger: &Trigger) {
        if let Some(beyond) = reference.tail.discovered_beyond(trigger.sensitivity) {
            let scales = self.within(&reference.whole);
            self.frontiers = scales.iter().map(|scale| scale.at(beyond, kernel_side(trigger.on))).collect();
        }
    }

    /// Takes the frontiers from groups with fewer than `least` values.
    pub(super) fn drop_smaller_than(&mut self, least: u64) {
        let groups = self.frontiers.iter_mut().zip(&self.scales);
        groups.filter(|(_, (_, n))| *n < least).for_each(|(frontier, _)| *frontier = f64::NAN);
    }

    /// Population with which the values of the groups are compared on one side. `rows` are those
    /// that were judged.
    pub(super) async fn reference(
        &self,
        rows: DataFrame,
        side: TriggerOn,
        inputs: &Inputs<'_>,
    ) -> Result<Reference, DataFusionError> {
        let whole = self.whole();
        let scales = self.within(&whole);
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
        let bins = rows
            .join(scales, JoinType::Inner, &["aggregator"], &["scale_aggregator"], None)?
            .filter(col("value").is_not_null())?
            .aggregate(vec![bin], vec![count(lit(1)).alias("n")])?
            .collect()
            .await?;
        let mut histogram = TailHistogram::default();
        for batch in &bins {
            let (bins, counts) = (column::<UInt32Array>(batch, "bin")?, column::<Int64Array>(batch, "n")?);
            bins.values().iter().zip(counts.values()).for_each(|(&bin, &n)| histogram.add(bin, n as u64));
        }
        Ok(Reference { whole, tail: Tail::of(&histogram) })
    }

    /// The groups as a whole.
    pub(super) fn whole(&self) -> Whole {
        Whole::of(&self.scales)
    }

    /// Scales of the groups as parts of a whole.
    pub(super) fn within(&self, whole: &Whole) -> Vec<Scale> {
        self.scales.iter().map(|&(own, n)| whole.scale_of(own, n)).collect()
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
    pub(super) fn new(groups: &Groups, reference: Reference, extremes: Extremes, side: TriggerOn) -> Self {
        let Reference { whole, tail } = reference;
        let scales = groups.within(&whole);
        let place: FxHashMap<u32, usize> = groups.aggregators.iter().copied().zip(0..).collect();
        let mut histograms: FxHashMap<u32, TailHistogram> = FxHashMap::default();
        for ((aggregator, value), n) in extremes.0 {
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
