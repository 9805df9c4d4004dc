//! Explains metrics: the values of the group, and where the frontier cuts them.

use arrow::array::{Float64Array, RecordBatch};
use datafusion::error::DataFusionError;
use outlier_kernels::beyond;
use outlier_kernels::surprise::Scale;
use rustc_hash::FxHashMap;

use super::super::evidence::{
    Asked, Change, Counterfactual, Depth, Distribution, Evidence, Group, Settings, asked_rows, flipping_number,
    flipping_setting, for_each_group, histogram,
};
use super::super::peers::Peers;
use super::super::population::{Groups, Reference};
use super::super::season::{Season, Values, hour_text, parts, seasons_in};
use super::super::{Inputs, column, places, text};
use crate::config::{Metrics, Trigger, TriggerMethod};
use crate::engine::functions::kernel_side;
use crate::table::{Population, View};

/// Most events that are imagined.
const MOST_EVENTS: u64 = 1_000_000;

/// A row that is to be explained.
struct Row {
    element: u64,
    value: f64,
    unadjusted: f64,
    /// Hour and season, if values are adjusted.
    season: Option<(u32, Season)>,
}

pub(super) async fn evidence(
    metrics: &Metrics,
    view: &View,
    asked: &Asked,
    inputs: Inputs<'_>,
) -> Result<Vec<Evidence>, DataFusionError> {
    let values = Values::new(&metrics.comparison, metrics.trigger, inputs);
    let columns = [&["element", "aggregator", "value", "unadjusted"], values.season_columns()].concat();
    let mut rows: FxHashMap<u32, Vec<Row>> = FxHashMap::default();
    for table in values.tables(view).await? {
        for batch in &asked_rows(table, asked, &columns, &inputs).await? {
            read(batch, !values.season_columns().is_empty(), &mut rows)?;
        }
    }
    let discovery = match metrics.trigger.method {
        TriggerMethod::Fdr => Some(Discovery::of(metrics, &values, view, inputs).await?),
        _ => None,
    };
    let without = view.population().without.clone();
    let groups = view.with_population(Population { without, only: Some(rows.keys().copied().collect()) });
    let of_groups = Values::new(&metrics.comparison, metrics.trigger, inputs);
    let explaining = Explaining { metrics, view, asked, discovery: discovery.as_ref() };
    let mut found = Vec::new();
    for table in of_groups.tables(&groups).await? {
        for_each_group(table, |group| {
            let rows = rows.get(&group.aggregator).map_or(&[][..], Vec::as_slice);
            found.extend(rows.iter().map(|row| explaining.row(row, &group)));
            Ok(())
        })
        .await?;
    }
    Ok(found)
}

fn read(batch: &RecordBatch, is_seasonal: bool, rows: &mut FxHashMap<u32, Vec<Row>>) -> Result<(), DataFusionError> {
    let (values, unadjusted) = (column::<Float64Array>(batch, "value")?, column::<Float64Array>(batch, "unadjusted")?);
    let season_of = if is_seasonal { Some(seasons_in(batch)?) } else { None };
    for (row, (element, aggregator)) in places(batch)?.enumerate() {
        rows.entry(aggregator).or_default().push(Row {
            element: element.0,
            value: values.value(row),
            unadjusted: unadjusted.value(row),
            season: season_of.as_ref().map(|season_of| season_of(row)),
        });
    }
    Ok(())
}

/// Population among which a rate of false discoveries is kept.
struct Discovery {
    scales: FxHashMap<u32, Scale>,
    reference: Reference,
}

impl Discovery {
    async fn of(
        metrics: &Metrics,
        values: &Values<'_>,
        view: &View,
        inputs: Inputs<'_>,
    ) -> Result<Self, DataFusionError> {
        let peers = Peers::named(metrics.comparison.peer_group.as_ref(), view, &inputs).await?;
        let mut groups = Groups::among(peers);
        for part in parts(view, &inputs) {
            groups.judge(values.rows(&part).await?, &metrics.trigger).await?;
        }
        let reference = groups.reference(values.tables(view).await?, metrics.trigger.on, &inputs).await?;
        Ok(Discovery { scales: groups.scale_by_aggregator(&reference.wholes), reference })
    }

    fn frontier(&self, aggregator: u32, trigger: &Trigger) -> Option<f64> {
        let beyond = self.reference.tail.discovered_beyond(trigger.sensitivity)?;
        Some(self.scales.get(&aggregator)?.at(beyond, kernel_side(trigger.on)))
    }
}

struct Explaining<'a> {
    metrics: &'a Metrics,
    view: &'a View,
    asked: &'a Asked,
    discovery: Option<&'a Discovery>,
}

impl Explaining<'_> {
    fn row(&self, row: &Row, group: &Group) -> Evidence {
        let Metrics { metric, target, trigger, .. } = self.metrics;
        let side = kernel_side(trigger.on);
        let [below, above] = group.distribution.neighbours(row.value);
        Evidence {
            group: text(self.view, self.view.columns().aggregator, group.aggregator).map(str::to_owned),
            measure: format!("{} of {target}", metric.as_str()),
            value: Some(row.value),
            unadjusted: row.season.is_some().then_some(row.unadjusted),
            frontier: self.frontier(group, trigger),
            side: Some(trigger.on.into()),
            population: "values of the group".to_owned(),
            n_values: group.distribution.n(),
            rank: Some(group.distribution.rank(row.value, side)),
            below,
            above,
            notes: row.season.iter().map(|(hour, season)| season_note(*hour, season)).collect(),
            plot: histogram(&group.distribution, row.value),
            changes: match self.asked.depth {
                Depth::Plots => Vec::new(),
                Depth::Changes => self.changes(row, group),
            },
            ..self.asked.about(row.element)
        }
    }

    fn frontier(&self, group: &Group, trigger: &Trigger) -> Option<f64> {
        let frontier = match self.discovery {
            Some(discovery) => discovery.frontier(group.aggregator, trigger),
            None => group.distribution.frontier(trigger),
        };
        frontier.filter(|frontier| frontier.is_finite())
    }

    fn is_beyond(&self, row: &Row, frontier: Option<f64>) -> bool {
        frontier.is_some_and(|frontier| beyond(row.value, frontier, kernel_side(self.metrics.trigger.on)))
    }

    fn changes(&self, row: &Row, group: &Group) -> Vec<Counterfactual> {
        let trigger = self.metrics.trigger;
        let flagged = self.is_beyond(row, self.frontier(group, &trigger));
        let at = |sensitivity| self.is_beyond(row, self.frontier(group, &Trigger { sensitivity, ..trigger }));
        let setting = flipping_setting(Settings::of(trigger.method), trigger.sensitivity, flagged, at);
        let key = |value| Change::Key { key: "trigger_sensitivity".to_owned(), value };
        let events = if self.discovery.is_none() && row.season.is_none() {
            self.other_events(row, &group.distribution, flagged)
        } else {
            None
        };
        let changes = [setting.map(key), events].into_iter().flatten();
        changes.map(|change| Counterfactual { change, flagged: !flagged }).collect()
    }

    /// Number of more or fewer events with the same value.
    fn other_events(&self, row: &Row, distribution: &Distribution, flagged: bool) -> Option<Change> {
        let judge = |changed: Distribution| self.is_beyond(row, changed.frontier(&self.metrics.trigger));
        if flagged {
            let n = flipping_number(MOST_EVENTS, flagged, |n| judge(distribution.with(row.value, n)));
            return n.map(|n| Change::MoreEvents { n });
        }
        let n_equal = distribution.iter().find(|(value, _)| *value == row.value).map_or(0, |(_, n)| n);
        let n = flipping_number(n_equal.saturating_sub(1), flagged, |n| judge(distribution.without(row.value, n)));
        n.map(|n| Change::FewerEvents { n })
    }
}

fn season_note(hour: u32, season: &Season) -> String {
    let Season { expected, n_days, .. } = season;
    format!(
        "{expected} is usual for {}, as {n_days} other days tell; values are adjusted for their hours",
        hour_text(hour)
    )
}
