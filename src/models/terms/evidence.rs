//! Explains terms: how often the terms of a group occur, or how many distinct ones groups have.

use arrow::array::{Int64Array, RecordBatch, UInt32Array};
use datafusion::error::DataFusionError;
use datafusion::prelude::col;
use futures::StreamExt;
use outlier_kernels::beyond;
use outlier_kernels::surprise::{Distances, Scale};
use rustc_hash::FxHashMap;

use super::super::evidence::{
    Asked, Change, Counterfactual, Counts, Depth, Distribution, Evidence, Settings, asked_rows, flipping_number,
    flipping_setting,
};
use super::super::peers::Peers;
use super::super::population::Reference;
use super::super::{Inputs, column, places, rows, text};
use super::across::distinct_targets;
use super::{compared, counts, hours_evidence, judge_counts, value_of};
use crate::config::{CountMethod, Terms, Trigger, TriggerMethod};
use crate::engine::functions::kernel_side;
use crate::table::{Population, View};

/// Greatest change of a number that is imagined.
const MOST: u64 = 1_000_000;

pub(super) async fn evidence(
    terms: &Terms,
    view: &View,
    asked: &Asked,
    inputs: Inputs<'_>,
) -> Result<Vec<Evidence>, DataFusionError> {
    if terms.comparison.baseline.is_some() {
        return hours_evidence::evidence(terms, view, asked, inputs).await;
    }
    let explaining = Explaining { terms, view, asked, inputs };
    let columns = ["element", "aggregator", "target"];
    let mut wanted: FxHashMap<u32, Vec<Row>> = FxHashMap::default();
    for batch in &asked_rows(rows(view, &inputs)?, asked, &columns, &inputs).await? {
        let targets = column::<UInt32Array>(batch, "target")?;
        for (row, (element, aggregator)) in places(batch)?.enumerate() {
            wanted.entry(aggregator).or_default().push(Row { element: element.0, target: targets.value(row) });
        }
    }
    match terms.count_method {
        CountMethod::WithinAggregator => explaining.within(&wanted).await,
        CountMethod::AcrossAggregators => explaining.across(&wanted).await,
    }
}

/// A row that is to be explained.
struct Row {
    element: u64,
    target: u32,
}

struct Explaining<'a> {
    terms: &'a Terms,
    view: &'a View,
    asked: &'a Asked,
    inputs: Inputs<'a>,
}

impl Explaining<'_> {
    async fn within(&self, wanted: &FxHashMap<u32, Vec<Row>>) -> Result<Vec<Evidence>, DataFusionError> {
        let Explaining { terms, view, inputs, .. } = *self;
        let discovery = match terms.trigger.method {
            TriggerMethod::Fdr => Some(self.discovery().await?),
            _ => None,
        };
        let without = view.population().without.clone();
        let groups = view.with_population(Population { without, only: Some(wanted.keys().copied().collect()) });
        // remembered counts are those of the view as it was asked for
        let counted = if inputs.recall.is_some() { counts(view, &inputs)? } else { counts(&groups, &inputs)? };
        let mut sorted = counted.sort(vec![col("aggregator").sort(true, false)])?.execute_stream().await?;
        let mut found = Vec::new();
        let mut group: (u32, Vec<(u64, u32)>) = Default::default();
        let mut explain = |(aggregator, counts): (u32, Vec<(u64, u32)>)| {
            let rows = wanted.get(&aggregator).filter(|_| !counts.is_empty());
            let Some(rows) = rows else { return };
            let counts = Counts::of(counts);
            let group =
                Group { aggregator, distribution: counts.distribution(), counts, discovery: discovery.as_ref() };
            found.extend(rows.iter().filter_map(|row| self.term(row, &group)));
        };
        while let Some(batch) = sorted.next().await {
            for (aggregator, target, n) in counted_targets(&batch?)? {
                if aggregator != group.0 {
                    explain(std::mem::replace(&mut group, (aggregator, Vec::new())));
                }
                if wanted.contains_key(&aggregator) {
                    group.1.push((n, target));
                }
            }
        }
        explain(group);
        Ok(found)
    }

    async fn discovery(&self) -> Result<Discovery, DataFusionError> {
        let Explaining { terms, view, inputs, .. } = *self;
        let peers = Peers::named(terms.comparison.peer_group.as_ref(), view, &inputs).await?;
        let (groups, reference) = compared(&judge_counts(terms, view, inputs).await?, terms.trigger.on, peers)?;
        Ok(Discovery { scales: groups.scale_by_aggregator(&reference.wholes), reference })
    }

    /// Explains the count of a term in its group.
    fn term(&self, row: &Row, group: &Group<'_>) -> Option<Evidence> {
        let Explaining { terms, view, .. } = *self;
        let n = group.counts.number(row.target)?;
        let judging = Judging { terms, group, is_whole: terms.trigger.method == TriggerMethod::CoeffOfVariation };
        let [below, above] = group.counts.neighbours(n, |rank| self.target_text(rank));
        let value = judging.value(&group.distribution, n);
        let min_targets = terms.min_target_buckets.unwrap_or(0);
        let too_few = (group.counts.n() < min_targets)
            .then(|| format!("the group is not judged: min_target_buckets asks for {min_targets} distinct terms"));
        Some(Evidence {
            group: text(view, view.columns().aggregator, group.aggregator).map(str::to_owned),
            target: Some(self.target_text(row.target)),
            measure: if judging.is_whole {
                "coefficient of variation of the group"
            } else {
                "occurrences in the group"
            }
            .to_owned(),
            value,
            frontier: judging.frontier(&group.distribution, &terms.trigger),
            side: Some(terms.trigger.on.into()),
            population: "terms of the group".to_owned(),
            n_values: group.counts.n(),
            rank: (!judging.is_whole).then(|| group.distribution.rank(n as f64, kernel_side(terms.trigger.on))),
            below,
            above,
            notes: too_few.into_iter().collect(),
            plot: group.counts.plot(row.target, |rank| self.target_text(rank)),
            changes: match self.asked.depth {
                Depth::Plots => Vec::new(),
                Depth::Changes => judging.changes(n),
            },
            ..self.asked.about(row.element)
        })
    }

    fn target_text(&self, rank: u32) -> String {
        let remembered = self.inputs.recall.and_then(|recall| recall.target(rank));
        remembered.unwrap_or_else(|| text(self.view, self.view.columns().target, rank).unwrap_or_default().to_owned())
    }

    /// Explains the numbers of distinct terms of groups.
    async fn across(&self, wanted: &FxHashMap<u32, Vec<Row>>) -> Result<Vec<Evidence>, DataFusionError> {
        let Explaining { terms, view, asked, inputs } = *self;
        let n_by_aggregator = distinct_targets(view, &inputs).await?;
        let counts = Counts::of(n_by_aggregator.iter().map(|(&aggregator, &n)| (n, aggregator)).collect());
        let distribution = counts.distribution();
        let side = kernel_side(terms.trigger.on);
        let group_text = |rank: u32| text(view, view.columns().aggregator, rank).unwrap_or_default().to_owned();
        let frontier = |distribution: &Distribution, trigger: &Trigger| frontier_across(distribution, trigger);
        let now = frontier(&distribution, &terms.trigger);
        let mut found = Vec::new();
        for (&aggregator, rows) in wanted {
            let Some(&n) = n_by_aggregator.get(&aggregator) else { continue };
            let [below, above] = counts.neighbours(n, group_text);
            let fields = fields_text(terms);
            let explained = Evidence {
                group: Some(group_text(aggregator)),
                measure: format!("distinct values of {fields} in the group"),
                value: Some(n as f64),
                frontier: now,
                side: Some(terms.trigger.on.into()),
                population: "groups".to_owned(),
                n_values: counts.n(),
                rank: Some(distribution.rank(n as f64, side)),
                below,
                above,
                plot: counts.plot(aggregator, group_text),
                changes: match asked.depth {
                    Depth::Plots => Vec::new(),
                    Depth::Changes => changes_across(terms, &distribution, n),
                },
                ..Evidence::default()
            };
            found.extend(rows.iter().map(|row| {
                let Evidence { element, flagged, .. } = asked.about(row.element);
                Evidence { element, flagged, target: Some(self.target_text(row.target)), ..explained.clone() }
            }));
        }
        Ok(found)
    }
}

/// Population among which a rate of false discoveries is kept.
struct Discovery {
    scales: FxHashMap<u32, Scale>,
    reference: Reference,
}

/// Terms of one group.
struct Group<'a> {
    aggregator: u32,
    counts: Counts,
    distribution: Distribution,
    discovery: Option<&'a Discovery>,
}

/// Verdicts about a term of a group.
struct Judging<'a> {
    terms: &'a Terms,
    group: &'a Group<'a>,
    /// True if the group is judged as a whole.
    is_whole: bool,
}

impl Judging<'_> {
    /// The value that is compared: that of a term with `n` occurrences, or that of the group.
    fn value(&self, distribution: &Distribution, n: u64) -> Option<f64> {
        if self.is_whole { distribution.frontier(&self.terms.trigger) } else { Some(n as f64) }
    }

    fn frontier(&self, distribution: &Distribution, trigger: &Trigger) -> Option<f64> {
        if distribution.n() < self.terms.min_target_buckets.unwrap_or(0) {
            return None;
        }
        if self.is_whole {
            return Some(trigger.sensitivity);
        }
        let Some(discovery) = self.group.discovery else { return distribution.frontier(trigger) };
        let beyond = discovery.reference.tail.discovered_beyond(trigger.sensitivity)?;
        let scale = discovery.scales.get(&self.group.aggregator)?;
        let frontier = scale.at(beyond, outlier_kernels::Side::High);
        // of rare terms, great reciprocals are outliers
        (frontier.is_finite() && frontier > 0.0 || trigger.on == crate::config::TriggerOn::High)
            .then(|| value_of(frontier, trigger.on))
            .filter(|frontier| frontier.is_finite())
    }

    fn is_outlier(&self, distribution: &Distribution, n: u64, trigger: &Trigger) -> bool {
        let (value, frontier) = (self.value(distribution, n), self.frontier(distribution, trigger));
        value.zip(frontier).is_some_and(|(value, frontier)| beyond(value, frontier, kernel_side(trigger.on)))
    }

    fn changes(&self, n: u64) -> Vec<Counterfactual> {
        let (trigger, distribution) = (self.terms.trigger, &self.group.distribution);
        let flagged = self.is_outlier(distribution, n, &trigger);
        let at = |sensitivity| self.is_outlier(distribution, n, &Trigger { sensitivity, ..trigger });
        let setting = flipping_setting(Settings::of(trigger.method), trigger.sensitivity, flagged, at);
        let key = |value| Change::Key { key: "trigger_sensitivity".to_owned(), value };
        let others = distribution.without(n as f64, 1);
        let with = |n: u64| self.is_outlier(&others.with(n as f64, 1), n, &trigger);
        let (more, fewer) = if self.group.discovery.is_some() {
            (None, None)
        } else {
            let more = flipping_number(MOST, flagged, |more| with(n + more));
            (more, flipping_number(n.saturating_sub(1), flagged, |fewer| with(n - fewer)))
        };
        let changes =
            [setting.map(key), more.map(|n| Change::MoreEvents { n }), fewer.map(|n| Change::FewerEvents { n })];
        changes.into_iter().flatten().map(|change| Counterfactual { change, flagged: !flagged }).collect()
    }
}

/// Frontier of the numbers of distinct terms of all groups.
fn frontier_across(distribution: &Distribution, trigger: &Trigger) -> Option<f64> {
    match trigger.method {
        TriggerMethod::Fdr => {
            Distances::of(distribution.runs()?, kernel_side(trigger.on))?.discovered_beyond(trigger.sensitivity)
        }
        _ => distribution.frontier(trigger),
    }
}

fn changes_across(terms: &Terms, distribution: &Distribution, n: u64) -> Vec<Counterfactual> {
    let trigger = terms.trigger;
    let is_outlier = |distribution: &Distribution, n: u64, trigger: &Trigger| {
        let frontier = frontier_across(distribution, trigger);
        frontier.is_some_and(|frontier| beyond(n as f64, frontier, kernel_side(trigger.on)))
    };
    let flagged = is_outlier(distribution, n, &trigger);
    let at = |sensitivity| is_outlier(distribution, n, &Trigger { sensitivity, ..trigger });
    let setting = flipping_setting(Settings::of(trigger.method), trigger.sensitivity, flagged, at);
    let key = |value| Change::Key { key: "trigger_sensitivity".to_owned(), value };
    let others = distribution.without(n as f64, 1);
    let with = |n: u64| is_outlier(&others.with(n as f64, 1), n, &trigger);
    let more = flipping_number(MOST, flagged, |more| with(n + more));
    let fewer = flipping_number(n.saturating_sub(1), flagged, |fewer| with(n - fewer));
    let changes = [
        setting.map(key),
        more.map(|n| Change::MoreTargets { n, fields: fields_text(terms) }),
        fewer.map(|n| Change::FewerTargets { n, fields: fields_text(terms) }),
    ];
    changes.into_iter().flatten().map(|change| Counterfactual { change, flagged: !flagged }).collect()
}

fn fields_text(terms: &Terms) -> String {
    let fields: Vec<&str> = terms.target.iter().map(|field| field.as_str()).collect();
    fields.join(", ")
}

fn counted_targets(batch: &RecordBatch) -> Result<Vec<(u32, u32, u64)>, DataFusionError> {
    let aggregators = column::<UInt32Array>(batch, "aggregator")?.values();
    let (targets, counts) = (column::<UInt32Array>(batch, "target")?, column::<Int64Array>(batch, "n")?);
    let row = |(row, &aggregator): (usize, &u32)| (aggregator, targets.value(row), counts.value(row) as u64);
    Ok(aggregators.iter().enumerate().map(row).collect())
}
