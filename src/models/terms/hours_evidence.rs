//! Explains counts by the hour.

use arrow::array::UInt32Array;
use datafusion::error::DataFusionError;
use outlier_kernels::surprise::Scale;
use outlier_kernels::{Multiset, beyond};
use rustc_hash::FxHashMap;

use super::super::evidence::{
    Asked, Change, Counterfactual, Depth, Distribution, Evidence, Settings, asked_rows, flipping_setting, histogram,
};
use super::super::peers::{Counted, Peers};
use super::super::population::Reference;
use super::super::season::{hour, hour_text};
use super::super::{Inputs, column, places, rows, text};
use super::hours::{Counting, Hour};
use crate::config::{CountMethod, Terms, Trigger, TriggerMethod};
use crate::engine::functions::kernel_side;
use crate::table::View;

/// Rows that are to be explained: element and target, by what was counted.
type Wanted = FxHashMap<Counted, Vec<(u64, u32)>>;

pub(super) async fn evidence(
    terms: &Terms,
    view: &View,
    asked: &Asked,
    inputs: Inputs<'_>,
) -> Result<Vec<Evidence>, DataFusionError> {
    let counting = Counting::new(terms, view, inputs).await?;
    let wanted = wanted(terms, view, asked, &inputs).await?;
    let discovery = match terms.trigger.method {
        TriggerMethod::Fdr => {
            let groups =
                counting.judged(Peers::named(terms.comparison.peer_group.as_ref(), view, &inputs).await?).await?;
            let reference = counting.reference(&groups).await?;
            Some(Discovery { scales: groups.scale_by_aggregator(&reference.wholes), reference })
        }
        _ => None,
    };
    let explaining = Explaining { terms, view, asked, counting, wanted, discovery };
    match terms.count_method {
        CountMethod::WithinAggregator => explaining.within().await,
        CountMethod::AcrossAggregators => explaining.across().await,
    }
}

async fn wanted(terms: &Terms, view: &View, asked: &Asked, inputs: &Inputs<'_>) -> Result<Wanted, DataFusionError> {
    let by_hour = rows(view, inputs)?.with_column("hour", hour())?;
    let mut wanted = Wanted::default();
    for batch in &asked_rows(by_hour, asked, &["element", "aggregator", "target", "hour"], inputs).await? {
        let (targets, hours) = (column::<UInt32Array>(batch, "target")?, column::<UInt32Array>(batch, "hour")?);
        for (row, (element, aggregator)) in places(batch)?.enumerate() {
            let target = targets.value(row);
            let is_within = terms.count_method == CountMethod::WithinAggregator;
            let counted = Counted { aggregator, target: if is_within { target } else { 0 }, hour: hours.value(row) };
            wanted.entry(counted).or_default().push((element.0, target));
        }
    }
    Ok(wanted)
}

/// Population among which a rate of false discoveries is kept.
struct Discovery {
    scales: FxHashMap<u32, Scale>,
    reference: Reference,
}

struct Explaining<'a> {
    terms: &'a Terms,
    view: &'a View,
    asked: &'a Asked,
    counting: Counting<'a>,
    wanted: Wanted,
    discovery: Option<Discovery>,
}

impl Explaining<'_> {
    async fn within(&self) -> Result<Vec<Evidence>, DataFusionError> {
        let mut found = Vec::new();
        for part in self.counting.parts() {
            let hours = self.counting.hours(&part).await?;
            for group in hours.chunk_by(|a, b| a.counted.aggregator == b.counted.aggregator) {
                let mut asked = group.iter().filter(|hour| self.wanted.contains_key(&hour.counted)).peekable();
                if asked.peek().is_none() {
                    continue;
                }
                let distribution = Distribution::of(group.iter().map(|hour| hour.value).collect());
                let is_judged = self.has_enough_targets(group);
                asked.for_each(|hour| self.explain(hour, &distribution, is_judged, &mut found));
            }
        }
        Ok(found)
    }

    async fn across(&self) -> Result<Vec<Evidence>, DataFusionError> {
        let (mut values, mut asked) = (Multiset::new(), Vec::new());
        for part in self.counting.parts() {
            for group in self.counting.hours(&part).await?.chunk_by(|a, b| a.counted.aggregator == b.counted.aggregator)
            {
                let is_judged = self.has_enough_targets(group);
                values.extend(group.iter().map(|hour| hour.value));
                let wanted = group.iter().filter(|hour| self.wanted.contains_key(&hour.counted));
                asked.extend(wanted.map(|hour| (*hour, is_judged)));
            }
        }
        let distribution = Distribution::of(values);
        let mut found = Vec::new();
        asked.iter().for_each(|(hour, is_judged)| self.explain(hour, &distribution, *is_judged, &mut found));
        Ok(found)
    }

    fn has_enough_targets(&self, group: &[Hour]) -> bool {
        let n_targets = group.chunk_by(|a, b| a.counted.target == b.counted.target).count() as u64;
        n_targets >= self.terms.min_target_buckets.unwrap_or(0)
    }

    fn explain(&self, hour: &Hour, distribution: &Distribution, is_judged: bool, found: &mut Vec<Evidence>) {
        let Explaining { terms, view, asked, .. } = self;
        let Hour { counted, n, expected, value } = *hour;
        let frontier = |trigger: &Trigger| {
            self.frontier(hour, distribution, trigger).filter(|frontier| is_judged && frontier.is_finite())
        };
        let [below, above] = distribution.neighbours(value);
        let mut notes = vec![format!(
            "{n} occurred in the hour of {}, where {expected} is usual, as other days tell",
            hour_text(counted.hour)
        )];
        if !is_judged {
            let least = terms.min_target_buckets.unwrap_or(0);
            notes.push(format!("the group is not judged: min_target_buckets asks for {least} distinct terms"));
        }
        let measure = if self.counting.seeks_rare() {
            "occurrences if every hour were like this one"
        } else {
            "deviation from the usual count"
        };
        let explained = Evidence {
            group: text(view, view.columns().aggregator, counted.aggregator).map(str::to_owned),
            measure: measure.to_owned(),
            value: Some(value),
            frontier: frontier(&terms.trigger),
            side: Some(terms.trigger.on.into()),
            population: "counts by the hour".to_owned(),
            n_values: distribution.n(),
            rank: Some(distribution.rank(value, kernel_side(terms.trigger.on))),
            below,
            above,
            notes,
            plot: histogram(distribution, value),
            changes: match asked.depth {
                Depth::Plots => Vec::new(),
                Depth::Changes => self.changes(value, frontier),
            },
            ..Evidence::default()
        };
        found.extend(self.wanted.get(&counted).into_iter().flatten().map(|&(element, target)| {
            let Evidence { element, flagged, .. } = asked.about(element);
            let target = text(view, view.columns().target, target).map(str::to_owned);
            Evidence { element, flagged, target, ..explained.clone() }
        }));
    }

    /// Frontier of the values of a group; rare terms are compared as they are.
    fn frontier(&self, hour: &Hour, distribution: &Distribution, trigger: &Trigger) -> Option<f64> {
        match &self.discovery {
            None => {
                let frontier = distribution.frontier(trigger);
                // nothing is less than nothing
                frontier.filter(|frontier| !self.counting.seeks_rare() || *frontier > 0.0)
            }
            Some(Discovery { scales, reference }) => {
                let beyond = reference.tail.discovered_beyond(trigger.sensitivity)?;
                let frontier = scales.get(&self.counting.group(hour))?.at(beyond, self.counting.kernel_side());
                Some(if self.counting.seeks_rare() { (-frontier).exp() } else { frontier })
            }
        }
    }

    fn changes(&self, value: f64, frontier: impl Fn(&Trigger) -> Option<f64>) -> Vec<Counterfactual> {
        let trigger = self.terms.trigger;
        let at = |sensitivity| {
            let frontier = frontier(&Trigger { sensitivity, ..trigger });
            frontier.is_some_and(|frontier| beyond(value, frontier, kernel_side(trigger.on)))
        };
        let flagged = at(trigger.sensitivity);
        let setting = flipping_setting(Settings::of(trigger.method), trigger.sensitivity, flagged, at);
        let change = |value| Change::Key { key: "trigger_sensitivity".to_owned(), value };
        setting.map(change).into_iter().map(|change| Counterfactual { change, flagged: !flagged }).collect()
    }
}
