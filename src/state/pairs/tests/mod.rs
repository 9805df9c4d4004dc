//! Many nights against one scan of all of them.

mod amount;
mod older_versions;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::super::error::StateError;
use super::*;
use crate::event::time::MICROS_PER_DAY;

const HOUR: i64 = MICROS_PER_DAY / 24;

/// Length of what a night looks back at.
const HISTORY: i64 = 7 * MICROS_PER_DAY + 12 * HOUR;

/// An event of one of a few pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    time: i64,
    pair: u32,
    /// Time after which it can be seen.
    arrives: i64,
}

/// Number of events, first and last time, by pair.
type Sums = BTreeMap<u32, (u64, Stretch)>;

fn scan(events: &[Event]) -> Sums {
    let mut sums = Sums::new();
    for &Event { time, pair, .. } in events {
        let sum = sums.entry(pair).or_insert((0, Stretch { start: time, end: time }));
        *sum = (sum.0 + 1, Stretch { start: sum.1.start.min(time), end: sum.1.end.max(time) });
    }
    sums
}

/// Memory of a use case between runs.
struct Site {
    folder: tempfile::TempDir,
    days: u32,
}

impl Site {
    fn remembering(days: u32) -> Self {
        Site { folder: tempfile::tempdir().unwrap(), days }
    }

    fn memory(&self) -> Memory {
        Memory::for_test(self.folder.path(), self.days)
    }

    /// One run that sees `events`.
    fn run(&self, events: &[Event]) {
        let times = events.iter().map(|event| event.time);
        let (Some(start), Some(end)) = (times.clone().min(), times.max()) else { return };
        let memory = self.memory();
        let looked = Looked { seen: Stretch { start, end }, history: HISTORY, latest: i64::MAX };
        let stretches = memory.stretches(looked);
        let mut tallies: BTreeMap<(i64, u32), (u64, Stretch)> = BTreeMap::new();
        for counted in &stretches {
            let Stretch { start, end } = counted.stretch;
            let inside: Vec<Event> =
                events.iter().filter(|event| (start..=end).contains(&event.time)).copied().collect();
            for (pair, (count, seen)) in scan(&inside) {
                let sum = tallies.entry((counted.place, pair)).or_insert((0, seen));
                *sum = (sum.0 + count, sum.1.hull(seen));
            }
        }
        // the order in which tallies come does not matter
        let mut adding =
            memory.adding(looked, self.folder.path(), if tallies.len().is_multiple_of(2) { 0 } else { 1 << 20 });
        for ((place, pair), (count, seen)) in tallies.into_iter().rev() {
            let (aggregator, target) = (format!("host {}", pair % 3), format!("process {pair}"));
            adding.push(Tally { aggregator, target, place, count, seen }).unwrap();
        }
        adding.finish().unwrap().commit().unwrap();
    }

    fn sums(&self) -> Sums {
        let all = sums_of(&self.memory(), usize::MAX);
        assert_eq!(sums_of(&self.memory(), 1 + all.len() / 3), all, "windows change nothing");
        all
    }

    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let paths = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }
}

/// Sums of a memory that is read in windows of `most_pairs`.
fn sums_of(memory: &Memory, most_pairs: usize) -> Sums {
    let mut sums = Sums::new();
    for window in memory.windows(most_pairs) {
        let pair_of = window.by_pair(u32::MAX, |pairs, by_number| {
            for (row, &number) in pairs.numbers.values().iter().enumerate() {
                let (aggregator, target) = pairs.texts(row);
                let pair: u32 = target.strip_prefix("process ").unwrap().parse().unwrap();
                assert_eq!(aggregator, format!("host {}", pair % 3));
                by_number[number as usize] = pair;
            }
            Ok::<_, StateError>(())
        });
        let pair_of = pair_of.unwrap();
        let everything = Stretch { start: i64::MIN, end: i64::MAX };
        let read = window.tallies(everything, TallyColumns::All, |tallies| {
            for tally in tallies.iter() {
                let sum = sums.entry(pair_of[tally.pair as usize]).or_insert((0, tally.seen));
                *sum = (sum.0 + tally.count, sum.1.hull(tally.seen));
            }
            Ok::<_, StateError>(())
        });
        read.unwrap();
    }
    sums
}

/// Events of `days` days that arrive up to `most_late` after they happened.
fn events(random: &mut fastrand::Rng, days: i64, most_late: i64) -> Vec<Event> {
    let event = |random: &mut fastrand::Rng| {
        // whole hours, so that events have equal times
        let time = random.i64(0..days * 24) * HOUR;
        Event { time, pair: random.u32(0..12).min(random.u32(0..12)), arrives: time + random.i64(0..=most_late) }
    };
    let mut events: Vec<Event> = (0..days * 6).map(|_| event(random)).collect();
    events.sort_unstable();
    events
}

fn visible(events: &[Event], now: i64) -> Vec<Event> {
    let is_visible = |event: &&Event| event.arrives <= now && event.time <= now && event.time >= now - HISTORY;
    events.iter().filter(is_visible).copied().collect()
}

#[test]
fn ninety_nights_equal_one_scan_of_ninety_days() {
    for seed in 0..3 {
        let mut random = fastrand::Rng::with_seed(seed);
        // at most so late that a night sees an event with all of its day
        let late = [0, 3 * MICROS_PER_DAY, 6 * MICROS_PER_DAY][seed as usize];
        let events = events(&mut random, 90, late);
        let site = Site::remembering(200);
        let mut most_files = 0;
        for night in 1..=97 {
            let now = night * MICROS_PER_DAY + [0, 30 * HOUR / 60, 2 * HOUR][seed as usize % 3];
            site.run(&visible(&events, now));
            if random.bool() {
                let files = site.files();
                site.run(&visible(&events, now));
                assert!(site.files() == files, "a run that is repeated changes nothing: {night}");
            }
            most_files = most_files.max(site.files().len());
        }
        assert_eq!(site.sums(), scan(&events), "{seed}");
        // 9 open days, 6 that wait to be closed with a seventh, 3 closed parts of 50 days, a list
        // of pairs, the manifest
        assert!(most_files <= 20, "{most_files}");
    }
}

#[test]
fn days_of_their_own_add_up_in_any_order() {
    for seed in 0..4 {
        let mut random = fastrand::Rng::with_seed(seed);
        let events = events(&mut random, 40, 0);
        let site = Site::remembering(100);
        let mut days: Vec<i64> = (0..40).chain((0..40).filter(|_| random.bool())).collect();
        random.shuffle(&mut days);
        for day in days {
            let of_day: Vec<Event> =
                events.iter().filter(|event| event.time.div_euclid(MICROS_PER_DAY) == day).copied().collect();
            site.run(&of_day);
        }
        assert_eq!(site.sums(), scan(&events), "{seed}");
    }
}

#[test]
fn halves_of_a_day_add_up() {
    let mut random = fastrand::Rng::with_seed(9);
    let events = events(&mut random, 3, 0);
    let site = Site::remembering(10);
    for part in events.chunk_by(|a, b| a.time / (5 * HOUR) == b.time / (5 * HOUR)) {
        site.run(part);
        site.run(part);
    }
    assert_eq!(site.sums(), scan(&events));
    site.run(&events);
    assert_eq!(site.sums(), scan(&events));
}

#[test]
fn first_and_last_times_are_exact_whatever_runs_see() {
    for seed in 0..6 {
        let mut random = fastrand::Rng::with_seed(seed);
        let events = events(&mut random, 30, 0);
        let site = Site::remembering(100);
        let mut seen = BTreeSet::new();
        for _ in 0..20 {
            let some: Vec<Event> = events.iter().filter(|_| random.u8(0..4) == 0).copied().collect();
            site.run(&some);
            seen.extend(some);
        }
        let times = |sums: Sums| sums.into_iter().map(|(pair, (_, seen))| (pair, seen)).collect::<Vec<_>>();
        assert_eq!(times(site.sums()), times(scan(&seen.into_iter().collect::<Vec<_>>())));
        // no count is above the truth
        let truth = scan(&events);
        assert!(site.sums().iter().all(|(pair, (count, _))| *count <= truth[pair].0));
    }
}

#[test]
fn what_is_too_old_is_forgotten() {
    let mut random = fastrand::Rng::with_seed(1);
    let events = events(&mut random, 60, 0);
    let site = Site::remembering(20);
    for night in 1..=60 {
        site.run(&visible(&events, night * MICROS_PER_DAY));
    }
    let size = site.memory().size();
    // up to one closed part, a quarter of the days, reaches beyond
    assert!((20..=26).contains(&size.days), "{size:?}");
    let oldest = |days: i64| events.iter().filter(move |event| event.time >= (60 - days) * MICROS_PER_DAY).copied();
    let [least, most] = [19, 26].map(|days| scan(&oldest(days).collect::<Vec<_>>()));
    for (pair, (count, _)) in site.sums() {
        assert!(least.get(&pair).is_none_or(|(least, _)| count >= *least) && count <= most[&pair].0, "{pair}");
    }
}

#[test]
fn events_of_the_future_are_not_remembered() {
    let site = Site::remembering(20);
    let memory = site.memory();
    let looked = |end: i64, latest: i64| Looked { seen: Stretch { start: 0, end }, history: HISTORY, latest };
    let stretches = memory.stretches(looked(i64::MAX, HOUR));
    assert_eq!(stretches, [Counted { stretch: Stretch { start: 0, end: HOUR }, place: 0 }]);
    let centuries = memory.stretches(looked(i64::MAX / 2, i64::MAX));
    assert!(centuries.len() <= 22, "{}", centuries.len());
}

fn damage(path: &Path) -> (PathBuf, StateError) {
    let part = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let part = part.filter(|path| path.extension().is_some_and(|end| end == "parquet")).min().unwrap();
    let mut bytes = fs::read(&part).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&part, bytes).unwrap();
    let error = manifest::Manifest::read(path).unwrap_err();
    (part, error)
}

#[test]
fn damaged_files_are_told() {
    let site = Site::remembering(20);
    site.run(&[Event { time: 5, pair: 1, arrives: 5 }]);
    let (part, error) = damage(site.folder.path());
    let text = error.to_string();
    assert!(text.contains(&part.display().to_string()) && text.contains("restore it from a backup"), "{text}");
    fs::remove_file(&part).unwrap();
    let text = manifest::Manifest::read(site.folder.path()).unwrap_err().to_string();
    assert!(text.contains("it is missing"), "{text}");
    let path = site.folder.path().join("manifest.json");
    let manifest = fs::read_to_string(&path).unwrap();
    fs::write(&path, manifest.replacen("\"version\": 2", "\"version\": 3, \"more\": 7", 1)).unwrap();
    let text = manifest::Manifest::read(site.folder.path()).unwrap_err().to_string();
    assert!(text.contains("version 3") && text.contains("update the program"), "{text}");
    let start = manifest.find("  \"lists\"").unwrap();
    let without_lists = manifest[..start].to_owned() + &manifest[manifest.find("  \"parts\"").unwrap()..];
    fs::write(&path, without_lists).unwrap();
    let text = manifest::Manifest::read(site.folder.path()).unwrap_err().to_string();
    assert!(text.contains("without lists"), "{text}");
    fs::write(&path, &manifest[..manifest.len() / 2]).unwrap();
    assert!(matches!(manifest::Manifest::read(site.folder.path()), Err(StateError::Damaged { .. })));
}

#[test]
fn files_that_do_not_count_are_removed() {
    let site = Site::remembering(20);
    let of_killed_run = site.folder.path().join(".ee-outliers-abc");
    fs::write(&of_killed_run, "half").unwrap();
    let of_others = site.folder.path().join("notes.txt");
    fs::write(&of_others, "mine").unwrap();
    site.run(&[Event { time: 5, pair: 1, arrives: 5 }]);
    assert!(!of_killed_run.exists() && of_others.exists());
    assert_eq!(site.sums().len(), 1);
}
