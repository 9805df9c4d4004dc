//! Explains rhythms: when the events of a group came, and how improbable that is.

use arrow::array::{Int64Array, UInt32Array};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::{count, max, min};
use datafusion::prelude::{col, lit};
use futures::StreamExt;
use outlier_kernels::order_statistics::percentile;
use outlier_kernels::surprise::score;
use rustc_hash::FxHashMap;

use super::super::evidence::{
    ArrivalBins, Asked, Change, Counterfactual, Depth, Distribution, Evidence, OutlierSide, Settings, asked_rows,
    flipping_setting,
};
use super::super::{Inputs, column, places, rows, rows_of, text};
use super::judge::judge;
use super::observed::period_text;
use super::trigger::{Flagged, surprise, with_q};
use crate::config::{Beacon, BeaconMethod};
use crate::table::View;

/// Aggregator and target of a group; the target is 0 without one.
type Pair = (u32, u32);

pub(super) async fn evidence(
    beacon: &Beacon,
    view: &View,
    asked: &Asked,
    inputs: Inputs<'_>,
) -> Result<Vec<Evidence>, DataFusionError> {
    let has_target = !beacon.target.is_empty();
    let columns: &[&str] = if has_target { &["element", "aggregator", "target"] } else { &["element", "aggregator"] };
    let mut wanted: FxHashMap<Pair, Vec<u64>> = FxHashMap::default();
    for batch in &asked_rows(rows(view, &inputs)?, asked, columns, &inputs).await? {
        let targets = column::<UInt32Array>(batch, "target").ok();
        for (row, (element, aggregator)) in places(batch)?.enumerate() {
            let target = targets.map_or(0, |targets| targets.value(row));
            wanted.entry((aggregator, target)).or_default().push(element.0);
        }
    }
    let arrivals = arrivals(has_target, view, &wanted, &inputs).await?;
    let mut judged = judge(beacon, view, &inputs).await?;
    judged.groups.sort_unstable_by(|a, b| a.rhythm.ln_p.total_cmp(&b.rhythm.ln_p));
    let n_others = judged.n_others;
    let explaining = Explaining { beacon, view, asked, groups: with_q(judged.groups, n_others), n_others };
    let places: FxHashMap<Pair, usize> =
        (0..).zip(&explaining.groups).map(|(idx, found)| ((found.group.aggregator, found.group.target), idx)).collect();
    let mut found = Vec::new();
    for (pair, elements) in &wanted {
        let Some(arrivals) = arrivals.get(pair) else { continue };
        let judged = places.get(pair).map(|&idx| &explaining.groups[idx]);
        let explained = explaining.group(*pair, judged, arrivals);
        found.extend(elements.iter().map(|&element| {
            let Evidence { element, flagged, .. } = asked.about(element);
            Evidence { element, flagged, ..explained.clone() }
        }));
    }
    Ok(found)
}

/// Arrivals of the events of groups.
async fn arrivals(
    has_target: bool,
    view: &View,
    wanted: &FxHashMap<Pair, Vec<u64>>,
    inputs: &Inputs<'_>,
) -> Result<FxHashMap<Pair, ArrivalBins>, DataFusionError> {
    let groups = || rows_of(view, wanted.keys().map(|(aggregator, _)| *aggregator).collect(), inputs);
    let mut keys = vec![col("aggregator")];
    keys.extend(has_target.then(|| col("target")));
    let ends = vec![min(col("time")).alias("first"), max(col("time")).alias("last"), count(lit(1)).alias("n")];
    let mut found: FxHashMap<Pair, ArrivalBins> = FxHashMap::default();
    for batch in &groups()?.aggregate(keys, ends)?.collect().await? {
        let aggregators = column::<UInt32Array>(batch, "aggregator")?;
        let targets = column::<UInt32Array>(batch, "target").ok();
        let (firsts, lasts) = (column::<Int64Array>(batch, "first")?, column::<Int64Array>(batch, "last")?);
        for row in 0..batch.num_rows() {
            let pair = (aggregators.value(row), targets.map_or(0, |targets| targets.value(row)));
            if wanted.contains_key(&pair) {
                found.insert(pair, ArrivalBins::between(firsts.value(row), lasts.value(row)));
            }
        }
    }
    let mut batches = groups()?.execute_stream().await?;
    while let Some(batch) = batches.next().await {
        let batch = &batch?;
        let targets = column::<UInt32Array>(batch, "target").ok();
        let times = column::<Int64Array>(batch, "time")?;
        for (row, (_, aggregator)) in places(batch)?.enumerate() {
            let target = targets.map_or(0, |targets| targets.value(row));
            if let Some(bins) = found.get_mut(&(aggregator, target)) {
                bins.add(times.value(row));
            }
        }
    }
    Ok(found)
}

struct Explaining<'a> {
    beacon: &'a Beacon,
    view: &'a View,
    asked: &'a Asked,
    /// Groups with some rhythm, the most regular first.
    groups: Vec<Flagged>,
    n_others: u64,
}

impl Explaining<'_> {
    fn group(&self, (aggregator, target): Pair, judged: Option<&Flagged>, arrivals: &ArrivalBins) -> Evidence {
        let Explaining { beacon, view, .. } = *self;
        let columns = view.columns();
        let trigger = &beacon.trigger;
        let (measure, side) = match trigger.method {
            BeaconMethod::Fdr => ("rate of false discoveries at which the rhythm is one", OutlierSide::Below),
            BeaconMethod::Float | BeaconMethod::Percentile => ("score of the rhythm", OutlierSide::Above),
        };
        let n_groups = self.groups.len() as u64 + self.n_others;
        let values = self.values();
        let value = judged.map(|judged| self.value(judged));
        let neighbours = value.map_or([None, None], |value| values.neighbours(value));
        let [below, above] = neighbours;
        let kernel_side = match side {
            OutlierSide::Above => outlier_kernels::Side::High,
            OutlierSide::Below => outlier_kernels::Side::Low,
        };
        Evidence {
            group: text(view, columns.aggregator, aggregator).map(str::to_owned),
            target: (!beacon.target.is_empty())
                .then(|| text(view, columns.target, target).unwrap_or_default().to_owned()),
            measure: measure.to_owned(),
            value,
            frontier: self.frontier(trigger.sensitivity),
            side: Some(side),
            population: "groups with enough events".to_owned(),
            n_values: n_groups,
            rank: value.map(|value| values.rank(value, kernel_side)),
            below,
            above,
            notes: vec![self.note(judged, arrivals)],
            plot: arrivals.clone().plot(None),
            changes: match (self.asked.depth, judged) {
                (Depth::Changes, Some(judged)) => self.changes(judged),
                _ => Vec::new(),
            },
            ..Evidence::default()
        }
    }

    /// Rhythm of a group, or why it has none.
    fn note(&self, judged: Option<&Flagged>, arrivals: &ArrivalBins) -> String {
        let n: u64 = arrivals.counts.iter().sum();
        match judged {
            Some(Flagged { group, .. }) => {
                let rhythm = &group.rhythm;
                let period = period_text(rhythm.period as f64 / 1e6);
                let (beats, missed) = (rhythm.n_beats, rhythm.n_missed);
                format!("{n} events, one every {period}: {beats} beats, of which {missed} were missed")
            }
            None if n < self.beacon.min_events => {
                format!("{n} events: too few, min_events asks for {}", self.beacon.min_events)
            }
            None if self.beacon.prevalence.is_some() => {
                format!("{n} events without a rhythm, or to a destination that is common")
            }
            None => format!("{n} events without a rhythm"),
        }
    }

    fn value(&self, judged: &Flagged) -> f64 {
        match self.beacon.trigger.method {
            BeaconMethod::Fdr => judged.q,
            BeaconMethod::Float | BeaconMethod::Percentile => score(surprise(&judged.group)),
        }
    }

    /// Values of all groups.
    fn values(&self) -> Distribution {
        Distribution::of(self.groups.iter().map(|judged| self.value(judged)).collect())
    }

    fn frontier(&self, sensitivity: f64) -> Option<f64> {
        match self.beacon.trigger.method {
            BeaconMethod::Fdr | BeaconMethod::Float => Some(sensitivity),
            BeaconMethod::Percentile => {
                let mut scores: Vec<f64> = self.groups.iter().map(|judged| score(surprise(&judged.group))).collect();
                scores.extend((self.n_others > 0).then_some(0.0));
                scores.dedup();
                scores.reverse();
                percentile(&scores, sensitivity)
            }
        }
    }

    fn changes(&self, judged: &Flagged) -> Vec<Counterfactual> {
        let value = self.value(judged);
        let (settings, is_flagged): (_, &dyn Fn(f64) -> bool) = match self.beacon.trigger.method {
            // a rate is reached by the discovery whose rate it is
            BeaconMethod::Fdr => (Settings::Rates, &|rate| value <= rate),
            BeaconMethod::Float => (Settings::Numbers, &|least| value > least),
            BeaconMethod::Percentile => {
                (Settings::Percentages, &|at| self.frontier(at).is_some_and(|frontier| value > frontier))
            }
        };
        let now = self.beacon.trigger.sensitivity;
        let flagged = is_flagged(now);
        let setting = flipping_setting(settings, now, flagged, is_flagged);
        let change = |value| Change::Key { key: "trigger_sensitivity".to_owned(), value };
        setting.map(change).into_iter().map(|change| Counterfactual { change, flagged: !flagged }).collect()
    }
}
