//! Observations about an impossible trip.

use serde_json::{Map, Value};

use super::super::reason::{number, shown, text as stored_text};
use super::super::sudden_appearance::time_text;
use super::super::{text, text_of};
use super::judge::SeenTrip;
use crate::engine::functions::{NO_RANK, Visit};
use crate::event::geo::point_text;
use crate::event::sentences::SEPARATOR;
use crate::event::{PerOutlier, StoredKey, StoredKind};
use crate::table::View;

/// Observation of both places, in the same order whatever the direction.
pub(super) const PLACES: &str = "places";

pub(in crate::models) const STORED: &[StoredKey] = &[
    StoredKey::new("aggregator", StoredKind::Text, PerOutlier::One),
    StoredKey::new("distance_km", StoredKind::Number, PerOutlier::One),
    StoredKey::new("speed_kmh", StoredKind::Number, PerOutlier::One),
    StoredKey::new("interval_seconds", StoredKind::Number, PerOutlier::One),
    StoredKey::new("location", StoredKind::Text, PerOutlier::One),
    StoredKey::new("previous_location", StoredKind::Text, PerOutlier::One),
    StoredKey::new("previous_time", StoredKind::Text, PerOutlier::One),
    StoredKey::new(PLACES, StoredKind::Text, PerOutlier::One),
    StoredKey::new("country", StoredKind::Text, PerOutlier::UpToOne),
    StoredKey::new("previous_country", StoredKind::Text, PerOutlier::UpToOne),
    StoredKey::new("network", StoredKind::Text, PerOutlier::UpToOne),
    StoredKey::new("previous_network", StoredKind::Text, PerOutlier::UpToOne),
    StoredKey::new("prevalence", StoredKind::Number, PerOutlier::UpToOne),
    StoredKey::new("network_users", StoredKind::Number, PerOutlier::UpToOne),
    StoredKey::new("other_days", StoredKind::Number, PerOutlier::One),
];

/// Observations of a trip.
pub(super) fn observations(view: &View, seen_trip: &SeenTrip) -> Map<String, Value> {
    let SeenTrip { aggregator, trip, users, .. } = seen_trip;
    let [from, to] = &trip.ends;
    let columns = view.columns();
    let mut seen = Map::new();
    let mut add = |key: &str, value: Value| drop(seen.insert(key.to_owned(), value));
    add("aggregator", text_of(view, columns.aggregator, *aggregator));
    add("distance_km", trip.distance.round().into());
    add("speed_kmh", trip.speed.round().into());
    add("interval_seconds", seconds(to.time.saturating_sub(from.time)).into());
    add("location", point_text(to.place).into());
    add("previous_location", point_text(from.place).into());
    add("previous_time", time_text(from.time).into());
    let places = [from.place.min(to.place), from.place.max(to.place)].map(point_text);
    add(PLACES, places.join(SEPARATOR).into());
    let mut add_rank = |key: &str, key_idx: Option<usize>, rank: u32| {
        if let Some(text) = text(view, key_idx.filter(|_| rank != NO_RANK), rank) {
            seen.insert(key.to_owned(), text.into());
        }
    };
    let ranks = |of: fn(&Visit) -> u32| [of(to), of(from)];
    let of_countries = ["country", "previous_country"].into_iter().zip(ranks(|visit| visit.country));
    of_countries.for_each(|(key, rank)| add_rank(key, columns.destination, rank));
    let of_networks = ["network", "previous_network"].into_iter().zip(ranks(|visit| visit.network));
    of_networks.for_each(|(key, rank)| add_rank(key, columns.source, rank));
    if let Some(users) = users {
        seen.insert("prevalence".to_owned(), ((users.percentage() * 100.0).round() / 100.0).into());
        seen.insert("network_users".to_owned(), users.n.into());
    }
    seen.insert("other_days".to_owned(), trip.n_other_days.into());
    seen
}

/// Clause about a trip, whether it is an outlier or not.
pub(super) fn reason_of(view: &View, seen: &SeenTrip) -> Option<String> {
    reason(&observations(view, seen))
}

/// Reason why a trip is an outlier, from what it stores.
pub(super) fn reason(stored: &Map<String, Value>) -> Option<String> {
    let distance = number(stored, "distance_km")?;
    let seconds = number(stored, "interval_seconds")?;
    let speed = number(stored, "speed_kmh")?;
    let place = |country: &str, location: &str| {
        stored_text(stored, country).or_else(|| stored_text(stored, location)).unwrap_or("an unknown place").to_owned()
    };
    let (from, to) = (place("previous_country", "previous_location"), place("country", "location"));
    let interval = match seconds {
        _ if seconds < 120.0 => format!("{} s", shown(seconds)),
        _ if seconds < 7_200.0 => format!("{} minutes", shown((seconds / 60.0).round())),
        _ => format!("{} hours", shown((seconds / 360.0).round() / 10.0)),
    };
    let (distance, speed) = (shown(distance), shown(speed));
    Some(format!("{distance} km from {from} to {to} in {interval}, at {speed} km/h"))
}

/// Microseconds in seconds, to the millisecond.
fn seconds(microseconds: i64) -> f64 {
    (microseconds as f64 / 1e3).round() / 1e3
}
