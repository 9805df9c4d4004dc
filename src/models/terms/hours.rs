//! Counts by the hour, compared with the same hours of other days: how often a term occurs in its
//! aggregator, or how many distinct terms an aggregator has.
//!
//! | outliers | value that is compared |
//! |---|---|
//! | rare terms | number of occurrences if every hour were like this one, as other days tell |
//! | others | deviation of the count from the expected one ([`deviation`]) |

use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, UInt32Array, UInt64Array};
use datafusion::common::JoinType;
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{col, lit};
use outlier_kernels::surprise::{
    HourlyCount, ObservedDays, Scale, Tail, TailHistogram, bin_of, count_at, deviation, expected_counts,
    least_discovered,
};
use outlier_kernels::{Multiset, Side, beyond};
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::flagged::candidates;
use super::super::peers::{Counted, PeerCounts, Peers, among_peers};
use super::super::population::{Extremes, Groups, Reference, Surprises};
use super::super::season::{DAY, hour, observations, parts};
use super::super::{Buckets, Evaluation, Inputs, column, rows, rows_of};
use super::evaluation;
use crate::config::{CountMethod, Terms, Trigger, TriggerMethod, TriggerOn};
use crate::engine::functions::{frontier_of, kernel_side};
use crate::table::View;

/// Judges counts by the hour.
pub(super) async fn by_hour<'a>(
    terms: &'a Terms,
    view: &'a View,
    inputs: Inputs<'a>,
) -> Result<Evaluation<'a>, DataFusionError> {
    let mut counting = Counting::new(terms, view, inputs).await?;
    let peers = Peers::named(terms.comparison.peer_group.as_ref(), view, &inputs).await?;
    let mut groups = counting.judged(peers.clone()).await?;
    let is_discovery = terms.trigger.method == TriggerMethod::Fdr;
    let reference = match inputs.first_round.values.get() {
        Some(known) if !is_discovery => known.clone(),
        _ => counting.reference(&groups).await?,
    };
    if is_discovery {
        groups.discover(&reference, &Trigger { on: counting.side(), ..terms.trigger });
    } else {
        inputs.first_round.values.get_or_init(|| reference.clone());
    }
    let frontiers = groups.frontier_by_aggregator();
    let mut flagged = counting.beyond(&frontiers).await?;
    if flagged.is_empty() {
        return Ok(Evaluation::without_candidates(&inputs));
    }
    let mut extremes = Extremes::default();
    flagged.iter().for_each(|hour| extremes.add(counting.group(hour), counting.extremity(hour.value)));
    let n_tests = reference.tail.n();
    let surprises = Surprises::new(&groups, reference, &extremes, counting.side());
    let peers = match peers {
        Some(peers) => Some(counting.counts_of_peers(peers, &flagged).await?),
        None => None,
    };
    counting.all.take();
    let compared = Compared { counting, surprises, peers };
    if is_discovery && compared.peers.is_some() {
        let surprises: Vec<f64> = flagged.iter().map(|hour| compared.surprise(hour)).collect();
        let least = least_discovered(&surprises, n_tests, terms.trigger.sensitivity);
        flagged.retain(|hour| least.is_some_and(|least| compared.surprise(hour) >= least));
    }
    let candidates = candidates(flagged_rows(terms, view, &flagged, &inputs)?, &inputs).await?;
    Ok(evaluation(terms, view, candidates, Buckets::default(), None).compared_with(
        (compared, flagged),
        move |(compared, flagged), candidate| {
            let hour = &flagged[candidate.evidence as usize];
            compared.observations(view, hour, frontiers[&compared.counting.group(hour)])
        },
        |(compared, flagged), candidate| compared.surprise(&flagged[candidate.evidence as usize]),
    ))
}

/// Count of an hour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hour {
    pub(super) counted: Counted,
    pub(super) n: u64,
    /// Number that other days let expect.
    pub(super) expected: f64,
    /// The value that is compared.
    pub(super) value: f64,
}

/// Counts of the hours of a view.
pub(super) struct Counting<'a> {
    terms: &'a Terms,
    view: &'a View,
    inputs: Inputs<'a>,
    days: ObservedDays,
    /// All hours, if there is memory for all of them at once.
    all: OnceLock<Arc<Vec<Hour>>>,
}

impl<'a> Counting<'a> {
    pub(super) async fn new(terms: &'a Terms, view: &'a View, inputs: Inputs<'a>) -> Result<Self, DataFusionError> {
        let found = rows(view, &inputs)?.aggregate(vec![(hour() / lit(DAY)).alias("day")], vec![])?.collect().await?;
        let mut days = ObservedDays::default();
        for batch in &found {
            column::<UInt32Array>(batch, "day")?.iter().flatten().for_each(|day| days.add(day));
        }
        Ok(Counting { terms, view, inputs, days, all: OnceLock::new() })
    }

    /// True if rare terms are outliers.
    pub(super) fn seeks_rare(&self) -> bool {
        self.terms.count_method == CountMethod::WithinAggregator && self.terms.trigger.on == TriggerOn::Low
    }

    /// Side of [`Counting::extremity`] on which outliers lie.
    fn side(&self) -> TriggerOn {
        if self.seeks_rare() { TriggerOn::High } else { self.terms.trigger.on }
    }

    /// Value as it is compared with those of other groups. Numbers of occurrences differ by
    /// factors, so rare ones are compared by their logarithms.
    fn extremity(&self, value: f64) -> f64 {
        if self.seeks_rare() { -value.ln() } else { value }
    }

    /// Group of values with which an hour is compared.
    pub(super) fn group(&self, hour: &Hour) -> u32 {
        match self.terms.count_method {
            CountMethod::WithinAggregator => hour.counted.aggregator,
            CountMethod::AcrossAggregators => 0,
        }
    }

    pub(super) fn parts(&self) -> impl Iterator<Item = View> + use<'a> {
        parts(self.view, &self.inputs)
    }

    /// Hours of a part of the view, in the order of aggregators, targets and time.
    pub(super) async fn hours(&self, part: &View) -> Result<Arc<Vec<Hour>>, DataFusionError> {
        if let Some(all) = self.all.get() {
            return Ok(Arc::clone(all));
        }
        let hours = Arc::new(self.count(part).await?);
        if self.parts().nth(1).is_none() {
            self.all.get_or_init(|| Arc::clone(&hours));
        }
        Ok(hours)
    }

    async fn count(&self, part: &View) -> Result<Vec<Hour>, DataFusionError> {
        let is_within = self.terms.count_method == CountMethod::WithinAggregator;
        let each = vec![col("aggregator"), col("target"), hour().alias("hour")];
        let counts = rows(part, &self.inputs)?;
        let counts = match is_within {
            true => counts.aggregate(each, vec![count(lit(1)).alias("n")])?,
            false => counts
                .aggregate(each, vec![])?
                .aggregate(vec![col("aggregator"), col("hour")], vec![count(lit(1)).alias("n")])?,
        };
        let mut hours = Vec::new();
        for batch in &counts.collect().await? {
            let aggregators = column::<UInt32Array>(batch, "aggregator")?;
            let targets = column::<UInt32Array>(batch, "target").ok();
            let (times, counts) = (column::<UInt32Array>(batch, "hour")?, column::<Int64Array>(batch, "n")?);
            hours.extend((0..batch.num_rows()).map(|row| {
                let target = targets.map_or(0, |targets| targets.value(row));
                let counted = Counted { aggregator: aggregators.value(row), target, hour: times.value(row) };
                Hour { counted, n: counts.value(row) as u64, expected: 0.0, value: 0.0 }
            }));
        }
        hours.sort_unstable_by_key(|hour| hour.counted);
        for of_target in hours
            .chunk_by_mut(|a, b| (a.counted.aggregator, a.counted.target) == (b.counted.aggregator, b.counted.target))
        {
            let counts: Vec<HourlyCount> =
                of_target.iter().map(|hour| HourlyCount { hour: hour.counted.hour, n: hour.n }).collect();
            for (hour, expected) in of_target.iter_mut().zip(expected_counts(&counts, &self.days)) {
                hour.expected = expected;
                hour.value = match self.seeks_rare() {
                    true => expected * self.days.n_hours(),
                    false => deviation(hour.n as f64, expected),
                };
            }
        }
        Ok(hours)
    }

    /// Frontiers and scales of the groups. Frontiers are extremities.
    pub(super) async fn judged(&self, peers: Option<Arc<Peers>>) -> Result<Groups, DataFusionError> {
        let is_within = self.terms.count_method == CountMethod::WithinAggregator;
        let mut groups = Groups::among(peers.filter(|_| is_within));
        let mut values: FxHashMap<u32, (Multiset, Multiset)> = FxHashMap::default();
        let mut judge = |values: &mut FxHashMap<u32, (Multiset, Multiset)>| {
            for (group, (mut values, mut extremities)) in values.drain() {
                let frontier = frontier_of(&self.terms.trigger, values.finish()).map_or(f64::NAN, |frontier| {
                    // nothing is less than nothing
                    if self.seeks_rare() && frontier <= 0.0 { f64::NAN } else { self.extremity(frontier) }
                });
                let extremities = extremities.finish();
                if let Some(scale) = Scale::of(extremities) {
                    groups.push(group, frontier, scale, extremities.n());
                }
            }
        };
        for part in self.parts() {
            for hour in self.hours(&part).await?.iter() {
                let (values, extremities) = values.entry(self.group(hour)).or_default();
                values.push(hour.value);
                extremities.push(self.extremity(hour.value));
            }
            if is_within {
                judge(&mut values);
            }
        }
        judge(&mut values);
        Ok(groups)
    }

    /// Distances of all hours from their groups.
    pub(super) async fn reference(&self, groups: &Groups) -> Result<Reference, DataFusionError> {
        let wholes = groups.wholes();
        let scales = groups.scale_by_aggregator(&wholes);
        let mut histogram = TailHistogram::default();
        for part in self.parts() {
            for hour in self.hours(&part).await?.iter() {
                if let Some(scale) = scales.get(&self.group(hour)) {
                    let distance = scale.distance(self.extremity(hour.value), self.kernel_side());
                    histogram.add(bin_of(distance), 1);
                }
            }
        }
        Ok(Reference { wholes, tail: Tail::of(&histogram) })
    }

    pub(super) fn kernel_side(&self) -> Side {
        kernel_side(self.side())
    }

    /// Hours beyond the frontiers of their groups. Aggregators with fewer targets than are asked
    /// for have none.
    async fn beyond(&self, frontiers: &FxHashMap<u32, f64>) -> Result<Vec<Hour>, DataFusionError> {
        let least_targets = self.terms.min_target_buckets.unwrap_or(0);
        let mut found = Vec::new();
        for part in self.parts() {
            let hours = self.hours(&part).await?;
            for of_aggregator in hours.chunk_by(|a, b| a.counted.aggregator == b.counted.aggregator) {
                let n_targets = of_aggregator.chunk_by(|a, b| a.counted.target == b.counted.target).count() as u64;
                if n_targets < least_targets {
                    continue;
                }
                found.extend(of_aggregator.iter().filter(|hour| {
                    let frontier = frontiers.get(&self.group(hour));
                    frontier.is_some_and(|&frontier| beyond(self.extremity(hour.value), frontier, self.kernel_side()))
                }));
            }
        }
        found.sort_unstable_by_key(|hour: &Hour| hour.counted);
        Ok(found)
    }

    /// Counts of the peers of the flagged hours in the same hours.
    async fn counts_of_peers(&self, peers: Arc<Peers>, flagged: &[Hour]) -> Result<PeerCounts, DataFusionError> {
        let mut found = PeerCounts::of(peers, flagged.iter().map(|hour| hour.counted));
        for part in self.parts() {
            for hour in self.hours(&part).await?.iter() {
                found.add(hour.counted, self.extremity_among_peers(hour));
            }
        }
        Ok(found)
    }

    /// Number of which great ones are extreme. Peers have a term, or they do not, if rare ones are
    /// outliers.
    fn extremity_among_peers(&self, hour: &Hour) -> f64 {
        match self.terms.trigger.on {
            TriggerOn::High => hour.value,
            TriggerOn::Low if self.seeks_rare() => 1.0,
            TriggerOn::Low => -hour.value,
        }
    }

    /// Frontier of an hour in the unit of its observations.
    fn frontier(&self, hour: &Hour, frontier: f64) -> f64 {
        if self.seeks_rare() { (-frontier).exp() } else { count_at(frontier, hour.expected) }
    }
}

/// Population and peers with which flagged hours are compared.
struct Compared<'a> {
    counting: Counting<'a>,
    surprises: Surprises,
    peers: Option<PeerCounts>,
}

impl Compared<'_> {
    fn share(&self, hour: &Hour) -> Option<f64> {
        self.peers.as_ref()?.share(hour.counted, self.counting.extremity_among_peers(hour))
    }

    fn surprise(&self, hour: &Hour) -> f64 {
        let own = self.surprises.of(self.counting.group(hour), self.counting.extremity(hour.value));
        among_peers(own, self.share(hour))
    }

    fn observations(&self, view: &View, hour: &Hour, frontier: f64) -> Vec<(String, serde_json::Value)> {
        let Hour { counted: Counted { aggregator, hour: time, .. }, n, expected, value } = *hour;
        let mut seen = vec![
            ("term_count".to_owned(), n.into()),
            ("decision_frontier".to_owned(), self.counting.frontier(hour, frontier).into()),
            ("non_outlier_values_sample".to_owned(), serde_json::Value::Array(Vec::new())),
        ];
        seen.extend(observations(time, expected, self.counting.days.n().saturating_sub(1), value));
        if let Some(of_peers) = &self.peers {
            seen.extend(of_peers.peers.observations(view, aggregator, self.share(hour)));
        }
        seen
    }
}

/// Rows of flagged hours, with their indices as `number`.
fn flagged_rows(
    terms: &Terms,
    view: &View,
    flagged: &[Hour],
    inputs: &Inputs<'_>,
) -> Result<datafusion::prelude::DataFrame, DataFusionError> {
    let aggregators: FxHashSet<u32> = flagged.iter().map(|hour| hour.counted.aggregator).collect();
    let places =
        |place: fn(&Hour) -> u32| -> ArrayRef { Arc::new(UInt32Array::from_iter_values(flagged.iter().map(place))) };
    let numbers = UInt64Array::from_iter_values(0..flagged.len() as u64);
    let hours = inputs.context.read_batch(RecordBatch::try_from_iter([
        ("flagged_aggregator", places(|hour| hour.counted.aggregator)),
        ("flagged_target", places(|hour| hour.counted.target)),
        ("flagged_hour", places(|hour| hour.counted.hour)),
        ("number", Arc::new(numbers)),
    ])?)?;
    let rows = rows_of(view, aggregators, inputs)?.with_column("hour", hour())?;
    match terms.count_method {
        CountMethod::WithinAggregator => rows.join(
            hours,
            JoinType::Inner,
            &["aggregator", "target", "hour"],
            &["flagged_aggregator", "flagged_target", "flagged_hour"],
            None,
        ),
        CountMethod::AcrossAggregators => {
            let keys = ["flagged_aggregator", "flagged_hour"];
            rows.join(hours, JoinType::Inner, &["aggregator", "hour"], &keys, None)
        }
    }
}
