//! Explains trips: how fast a user got here, and how fast the user's other trips were.

use arrow::array::UInt32Array;
use datafusion::error::DataFusionError;
use outlier_kernels::Side;
use rustc_hash::FxHashSet;

use super::super::evidence::{
    Asked, Counterfactual, Distribution, Evidence, OutlierSide, Plot, VerdictChange, asked_rows, histogram,
};
use super::super::{Inputs, column, places, rows, text};
use super::judge::{SeenTrip, long_trips};
use super::observed::reason_of;
use crate::config::Travel;
use crate::table::View;

/// Key that holds the frontier.
const SENSITIVITY: &str = "trigger_sensitivity";

pub(super) async fn evidence(
    travel: &Travel,
    view: &View,
    asked: &Asked,
    inputs: Inputs<'_>,
) -> Result<Vec<Evidence>, DataFusionError> {
    let batches = asked_rows(rows(view, &inputs)?, asked, &["element", "aggregator", "target"], &inputs).await?;
    let mut users: FxHashSet<u32> = FxHashSet::default();
    for batch in &batches {
        users.extend(column::<UInt32Array>(batch, "aggregator")?.values());
    }
    let of_users = long_trips(travel, view, &users, &inputs).await?;
    let mut found = Vec::new();
    for batch in &batches {
        let targets = column::<UInt32Array>(batch, "target")?;
        for ((element, aggregator), &target) in places(batch)?.zip(targets.values()) {
            let trips = of_users.get(&aggregator).map_or(&[][..], Vec::as_slice);
            let explained = explain(travel, view, trips, asked.about(element.0));
            found.push(Evidence {
                group: text(view, view.columns().aggregator, aggregator).map(str::to_owned),
                target: text(view, view.columns().target, target).map(str::to_owned),
                ..explained
            });
        }
    }
    Ok(found)
}

fn explain(travel: &Travel, view: &View, trips: &[SeenTrip], about: Evidence) -> Evidence {
    let speeds = Distribution::of(trips.iter().map(|seen| seen.trip.speed).collect());
    let own = trips.iter().find(|seen| seen.trip.element == about.element);
    let value = own.map(|seen| seen.trip.speed);
    let [below, above] = value.map_or([None, None], |value| speeds.neighbours(value));
    let note = match own {
        Some(seen) => reason_of(view, seen),
        None => Some(format!(
            "the user's event before this one has no place that is at least {} km away",
            travel.min_distance
        )),
    };
    let explained = Evidence {
        measure: "speed in km/h".to_owned(),
        value,
        frontier: Some(travel.max_speed),
        side: Some(OutlierSide::Above),
        population: format!("trips of the user of at least {} km", travel.min_distance),
        n_values: trips.len() as u64,
        rank: value.map(|value| speeds.rank(value, Side::High)),
        below,
        above,
        notes: note.into_iter().collect(),
        plot: value.map_or(Plot::Nothing, |value| histogram(&speeds, value)),
        ..about
    };
    let changes = value.and_then(|speed| change(speed, &explained)).into_iter().collect();
    Evidence { changes, ..explained }.settled()
}

/// Sensitivity, as a whole number, that turns the verdict about a trip.
fn change(speed: f64, explained: &Evidence) -> Option<Counterfactual> {
    let flagged = explained.flagged;
    let value = if flagged { speed.floor() + 1.0 } else { (speed.ceil() - 1.0).max(0.0) };
    let turns = if flagged { value >= speed } else { value < speed };
    let key = SENSITIVITY.to_owned();
    turns.then_some(Counterfactual { change: VerdictChange::Key { key, value }, flagged: !flagged })
}
