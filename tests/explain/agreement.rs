//! Value and frontier say the same as the verdict, for every row.

use chrono::{DateTime, Utc};
use ee_outliers::models::{Depth, Evidence, OutlierSide, Plot};
use ee_outliers::plan::Period;

use super::world::{Explained, World};
use crate::golden::{OTRF, SYNTHETIC, Set};
use crate::properties::{Bench, USE_CASES, events};

/// Use cases that do not flag all that is beyond the frontier: peers are as extreme, or one of
/// several equal texts stands for all.
const FLAGS_LESS: [&str; 4] = ["metrics_by_hour", "terms_by_hour", "terms_jumps", "word2vec_counted_duplicates"];

#[tokio::test(flavor = "multi_thread")]
async fn synthetic_cases_are_explained() {
    check_set(&SYNTHETIC);
}

#[tokio::test(flavor = "multi_thread")]
async fn otrf_cases_are_explained() {
    check_set(&OTRF);
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_seasons_and_rhythms_are_explained() {
    let bench = Bench::new(USE_CASES);
    let events = bench.write("events.ndjson", &events(400, 1));
    let use_cases = vec![bench.path().join("use_cases.conf")];
    let world = World { main: None, use_cases, events: &events, period: Period::Everything, depth: Depth::Plots };
    let explained = world.explain(|_, _| true);
    assert!(explained.len() > 10, "{} use cases", explained.len());
    explained.iter().for_each(check);
}

fn check_set(set: &Set) {
    let cases = set.cases();
    let (sudden, others): (Vec<&String>, Vec<&String>) =
        cases.iter().partition(|case| case.starts_with("sudden_appearance"));
    let now: DateTime<Utc> = set.now.parse().expect("a time");
    let mut n_flagged = 0;
    for (cases, period) in [(sudden, Period::HistoryUntil(now)), (others, Period::Everything)] {
        let use_case = |case: &&String| set.folder().join(case).join("use_case.conf");
        let world = World {
            main: Some(set.folder().join("main.conf")),
            use_cases: cases.iter().map(use_case).collect(),
            events: &set.folder().join("events.ndjson.zst"),
            period,
            depth: Depth::Plots,
        };
        // every third row is enough
        let explained = world.explain(|_, row| (row >> 24).is_multiple_of(3));
        assert_eq!(explained.len(), cases.len());
        for explained in &explained {
            explained.rows.iter().for_each(|row| check_row(&explained.name, row));
            n_flagged += explained.rows.iter().filter(|row| row.flagged).count();
        }
    }
    assert!(n_flagged > 1000, "{n_flagged} rows are flagged");
}

/// All rows of a use case that are not whitelisted.
fn check(explained: &Explained) {
    let Explained { name, rows, n_outliers, n_whitelisted, n_left } = explained;
    rows.iter().for_each(|row| check_row(name, row));
    // models that never judge again flag whitelisted rows, too
    let n_flagged = rows.iter().filter(|row| row.flagged).count() as u64;
    let expected = if *n_left > 0 { *n_outliers } else { n_outliers + n_whitelisted };
    assert_eq!(n_flagged, expected, "{name}");
}

fn check_row(name: &str, row: &Evidence) {
    let is_beyond = match (row.value, row.frontier, row.side) {
        // rates are reached by the discovery whose rate it is
        (Some(value), Some(frontier), Some(OutlierSide::Below)) if name.starts_with("beacon") => value <= frontier,
        (Some(value), Some(frontier), Some(OutlierSide::Below)) => value < frontier,
        (Some(value), Some(frontier), Some(OutlierSide::Above)) => value > frontier,
        _ if name.starts_with("word2vec") => row.words.iter().any(|word| word.flagged),
        // first appearances and matches have no frontier
        _ if name.starts_with("sudden") || name.starts_with("simplequery") => row.flagged,
        _ => false,
    };
    let agrees = is_beyond == row.flagged || is_beyond && FLAGS_LESS.contains(&name);
    assert!(agrees, "{name}: {row:#?}");
    if let Some(rank) = row.rank {
        assert!((1..=row.n_values.max(1)).contains(&rank), "{name}: {row:#?}");
    }
    match &row.plot {
        Plot::Histogram { bins } => {
            assert_eq!(bins.iter().map(|bin| bin.n).sum::<u64>(), row.n_values, "{name}: {row:#?}");
            assert_eq!(bins.iter().filter(|bin| bin.own).count(), 1, "{name}: {row:#?}");
        }
        Plot::Counts { bars, n_more } => {
            assert_eq!(bars.len() as u64 + n_more, row.n_values, "{name}: {row:#?}");
            assert_eq!(bars.iter().filter(|bar| bar.own).count(), 1, "{name}: {row:#?}");
        }
        Plot::Arrivals { group, target, .. } => {
            assert!(target.iter().zip(group).all(|(own, all)| own <= all), "{name}: {row:#?}");
        }
        Plot::Nothing => {}
    }
}
