//! Trips: their explanations agree with the verdicts, and another speed turns them.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use ee_outliers::models::{Depth, Evidence, OutlierSide, Plot, VerdictChange};
use ee_outliers::plan::Period;
use serde_json::json;

use super::world::World;
use crate::random::Random;

/// Users, each of whom is seen once an hour.
const USERS: usize = 12;

const HOURS: usize = 24;

/// Speed from which on a trip is an outlier, in km/h.
const SPEED: f64 = 900.0;

/// Latitude and longitude of a place: trips have many lengths, and some are short.
fn place(random: &mut Random) -> (f64, f64) {
    let near = |random: &mut Random| random.uniform() * 6.0;
    match random.below(5) {
        0 => (40.0 + near(random), random.uniform() * 60.0),
        _ => (48.0 + near(random), 8.0 + near(random)),
    }
}

fn events(random: &mut Random) -> String {
    let mut lines = String::new();
    for hour in 0..HOURS {
        for user in 0..USERS {
            let (lat, lon) = place(random);
            let event = json!({
                "@timestamp": format!("2024-05-01T{hour:02}:{:02}:00Z", random.below(60)),
                "user": {"name": format!("u{user}")},
                "source": {"geo": {"location": {"lat": lat, "lon": lon}, "country_iso_code": "DE"}},
            });
            writeln!(lines, "{event}").expect("a text");
        }
    }
    lines
}

/// Explains the rows of the events that `wants`.
fn explain(folder: &Path, speed: f64, depth: Depth, wants: impl Fn(u64) -> bool) -> Vec<Evidence> {
    let conf = format!(
        "[travel_users]\nes_query_filter=*\naggregator=user.name\ntrigger_sensitivity={speed}\noutlier_type=t\n\
         outlier_reason=r\noutlier_summary={{user.name}} {{places}}\nrun_model=1\n"
    );
    fs::write(folder.join("use_case.conf"), conf).expect("written");
    let use_cases = vec![folder.join("use_case.conf")];
    let events = folder.join("events.ndjson");
    let world = World { main: None, use_cases, events: &events, period: Period::Everything, depth };
    let mut explained = world.explain(|_, row| wants(row));
    explained.pop().expect("a use case").rows
}

#[tokio::test(flavor = "multi_thread")]
async fn trips_are_explained() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::write(folder.path().join("events.ndjson"), events(&mut Random(3))).expect("written");
    let rows = explain(folder.path(), SPEED, Depth::Changes, |_| true);
    assert_eq!(rows.len(), USERS * HOURS);
    let (flagged, ordinary): (Vec<&Evidence>, Vec<&Evidence>) = rows.iter().partition(|row| row.flagged);
    assert!(flagged.len() > 10 && ordinary.len() > 50, "{} flagged", flagged.len());
    let mut n_turned = [0, 0];
    for row in &rows {
        assert_eq!((row.frontier, row.side), (Some(SPEED), Some(OutlierSide::Above)), "{row:#?}");
        assert_eq!(row.value.is_some_and(|speed| speed > SPEED), row.flagged, "{row:#?}");
        assert!(row.group.as_deref().is_some_and(|group| group.starts_with('u')) && row.target.is_some(), "{row:#?}");
        assert_eq!(row.notes.len(), 1, "{row:#?}");
        let Some(value) = row.value else {
            // the first event of a user, and steps to a place nearby
            assert!(row.notes[0].contains("no place that is at least") && row.rank.is_none(), "{row:#?}");
            continue;
        };
        let rank = row.rank.expect("a rank");
        assert!((1..=row.n_values).contains(&rank), "{row:#?}");
        let of_user = rows.iter().filter(|other| other.group == row.group).filter_map(|other| other.value);
        let speeds: Vec<f64> = of_user.collect();
        assert_eq!(row.n_values, speeds.len() as u64, "{row:#?}");
        assert_eq!(rank, 1 + speeds.iter().filter(|speed| **speed > value).count() as u64, "{row:#?}");
        let Plot::Histogram { bins } = &row.plot else { panic!("{row:#?}") };
        assert_eq!(bins.iter().map(|bin| bin.n).sum::<u64>(), row.n_values, "{row:#?}");
        let [change] = &row.changes[..] else { panic!("{row:#?}") };
        n_turned[usize::from(row.flagged)] += 1;
        if n_turned[usize::from(row.flagged)] <= 6 {
            let VerdictChange::Key { key, value } = &change.change else { panic!("{row:#?}") };
            assert_eq!((key.as_str(), change.flagged), ("trigger_sensitivity", !row.flagged));
            let after = explain(folder.path(), *value, Depth::Plots, |other| other == row.element);
            assert_eq!(after.iter().map(|row| row.flagged).collect::<Vec<_>>(), [change.flagged], "{row:#?}");
        }
    }
    assert!(n_turned.iter().all(|n| *n > 6), "{n_turned:?}");
}
