//! Memory across nights: runs of several nights, as a user sees them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::program::{self, Finished};
use crate::site::Site;

const MAIN: &str = "[general]\nstate_dir=state\nmemory_days=90\n";

const SUDDEN: &str = "\
[sudden_appearance_process]
es_query_filter=*
target=process
aggregator=host
sliding_window_size=7:00:00
sliding_window_step_size=1:00:00
run_model=1
outlier_type=a
outlier_reason=b
outlier_summary={process} on {host}
";

const RARE: &str = "\
[terms_rare]
es_query_filter=*
target=process
aggregator=host
target_count_method=within_aggregator
trigger_on=low
trigger_method=float
trigger_sensitivity=3
run_model=1
outlier_type=a
outlier_reason=b
outlier_summary={process} on {host}
";

// the events of each day are in a file of its own
impl Site {
    /// Writes the events of a day, as (hour, process), all on one host.
    fn day(&self, day: u32, events: &[(u32, &str)]) {
        let mut text = String::new();
        for (hour, process) in events {
            let time = format!("2024-05-{day:02}T{hour:02}:00:00Z");
            writeln!(text, r#"{{"@timestamp":"{time}","host":"web","process":"{process}"}}"#).expect("a string");
        }
        self.write(&format!("day-{day:02}.ndjson"), &text);
    }

    /// Runs the program over the files of `days` in the night after the last of them.
    fn run_days(&self, days: impl IntoIterator<Item = u32>, more: &[&str]) -> Finished {
        let days: Vec<u32> = days.into_iter().collect();
        let now = format!("2024-05-{:02}T00:00:00Z", days.last().expect("a day") + 1);
        let files = days.iter().map(|day| format!("day-{day:02}.ndjson"));
        let mut args: Vec<String> = ["run", "--config", "main.conf", "--use-cases", "use_cases.conf", "--events"]
            .map(str::to_owned)
            .into_iter()
            .chain(files)
            .collect();
        if !more.contains(&"--from") {
            args.extend(["--now".to_owned(), now]);
        }
        args.extend(["-o", "found.ndjson", "--report", "report.json"].map(str::to_owned));
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        program::run(self.path(), &args)
    }

    /// Processes that the last run found.
    fn found(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path().join("found.ndjson")).expect("outliers");
        let hits = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let mut processes: Vec<String> =
            hits.map(|hit| hit["_source"]["process"].as_str().expect("a process").to_owned()).collect();
        processes.sort_unstable();
        processes
    }

    fn run_and_find(&self, days: impl IntoIterator<Item = u32>) -> Vec<String> {
        self.run_days(days, &[]).expect_code(0);
        self.found()
    }

    fn state_folder(&self) -> PathBuf {
        self.path().join("state")
    }

    /// All files of the memory, by their paths; the history of runs is not one of them.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.state_folder()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("state.redb") {
                    files.insert(path.clone(), fs::read(path).expect("readable"));
                }
            }
        }
        files
    }

    /// The file of the memory whose name ends with `end`.
    fn file(&self, end: &str) -> PathBuf {
        let mut paths = self.files().into_keys();
        paths.find(|path| path.to_string_lossy().ends_with(end)).expect("a file of the memory")
    }
}

#[test]
fn new_means_new_in_memory() {
    let site = Site::new(MAIN, SUDDEN);
    site.day(1, &[(3, "base.exe"), (4, "tool.exe")]);
    site.day(2, &[(3, "base.exe")]);
    site.day(3, &[(3, "base.exe"), (5, "new.exe"), (6, "tool.exe")]);
    site.day(20, &[(3, "base.exe"), (5, "new.exe"), (6, "tool.exe"), (7, "newer.exe")]);
    assert_eq!(site.run_and_find([1]), ["base.exe", "tool.exe"]);
    assert_eq!(site.run_and_find([2]), [""; 0]);
    assert_eq!(site.run_and_find([3]), ["new.exe"]);
    assert_eq!(site.run_and_find([20]), ["newer.exe"]);
    let forgetful = Site::new("", SUDDEN);
    site.files().into_keys().for_each(drop);
    forgetful.day(20, &[(3, "base.exe"), (5, "new.exe")]);
    assert_eq!(forgetful.run_and_find([20]), ["base.exe", "new.exe"]);
    assert!(!forgetful.state_folder().exists());
}

#[test]
fn new_targets_are_more_surprising_after_many_nights() {
    let surprise = |site: &Site, days: std::ops::RangeInclusive<u32>| {
        for day in days.clone() {
            let base = (0..20).map(|hour| (hour, "base.exe"));
            let new = (day == *days.end()).then_some((21, "new.exe"));
            site.day(day, &base.chain(new).collect::<Vec<_>>());
            site.run_and_find([day]);
        }
        let found = fs::read_to_string(site.path().join("found.ndjson")).expect("outliers");
        let hit = found.lines().find(|line| line.contains("new.exe")).expect("an outlier");
        let hit: Value = serde_json::from_str(hit).expect("JSON");
        hit["_source"]["outliers"]["surprise"][0].as_f64().expect("a number")
    };
    let after_one = surprise(&Site::new(MAIN, SUDDEN), 1..=2);
    let after_many = surprise(&Site::new(MAIN, SUDDEN), 1..=12);
    assert!(after_many > after_one + 2.0, "{after_many} bits, {after_one} before");
}

/// Chance gives one of so few events a new target now and then, but not one of all that are
/// remembered.
#[test]
fn discoveries_count_what_earlier_nights_saw() {
    let use_case = format!("{SUDDEN}trigger_method=fdr\ntrigger_sensitivity=0.05\n");
    let site = Site::new(MAIN, &use_case);
    let base = |n: u32| (0..n).map(|number| (number % 20, "base.exe"));
    for day in 1..=9 {
        site.day(day, &base(300).collect::<Vec<_>>());
        assert_eq!(site.run_and_find([day]), [""; 0]);
    }
    site.day(10, &base(50).chain([(21, "new.exe")]).collect::<Vec<_>>());
    for _ in 0..2 {
        assert_eq!(site.run_and_find([10]), ["new.exe"]);
    }
    fs::remove_dir_all(site.state_folder()).expect("removable");
    assert_eq!(site.run_and_find([10]), [""; 0]);
}

#[test]
fn rare_terms_count_what_earlier_nights_saw() {
    let site = Site::new(MAIN, RARE);
    let gone = [6, 7, 8, 9, 10].map(|hour| (hour, "gone.exe"));
    site.day(1, &[&[(3, "often.exe"), (4, "often.exe"), (5, "rare.exe")][..], &gone].concat());
    site.day(2, &[(3, "often.exe"), (4, "rare.exe")]);
    site.day(3, &[(3, "often.exe"), (4, "once.exe"), (5, "rare.exe")]);
    assert_eq!(site.run_and_find([1]), ["often.exe", "often.exe", "rare.exe"]);
    assert_eq!(site.run_and_find([2]), ["rare.exe"]);
    assert_eq!(site.run_and_find([3]), ["once.exe"]);
    let report = site.report();
    assert_eq!((&report["memory"]["days"], &report["memory"]["tallies"]), (&2.into(), &5.into()));
    let found = fs::read_to_string(site.path().join("found.ndjson")).expect("outliers");
    let hit: Value = serde_json::from_str(&found).expect("one line");
    let stored = &hit["_source"]["outliers"];
    assert_eq!(stored["non_outlier_values_sample"][0], "gone.exe,often.exe,rare.exe", "{stored}");
    assert_eq!(stored["term_count"][0], 1);
}

#[test]
fn whitelisted_terms_leave_the_others_as_they_are() {
    let site = Site::new(&format!("{MAIN}[whitelist_literals]\na=once.exe\n"), RARE);
    site.day(1, &[(3, "often.exe"), (4, "often.exe"), (5, "gone.exe")]);
    site.day(2, &[(3, "often.exe"), (4, "once.exe"), (5, "twice.exe"), (6, "twice.exe")]);
    site.run_and_find([1]);
    assert_eq!(site.run_and_find([2]), ["twice.exe", "twice.exe"]);
    assert_eq!(site.report()["totals"]["whitelisted"], 1);
}

#[test]
fn a_run_that_is_repeated_changes_nothing() {
    let site = Site::new(MAIN, &format!("{SUDDEN}\n{RARE}"));
    for day in 1..=12 {
        site.day(day, &[(1, "base.exe"), (2, if day % 2 == 0 { "even.exe" } else { "odd.exe" }), (day, "x.exe")]);
        let first = site.run_and_find(day.saturating_sub(7).max(1)..=day);
        let (output, files) = (fs::read(site.path().join("found.ndjson")).unwrap(), site.files());
        assert_eq!(site.run_and_find(day.saturating_sub(7).max(1)..=day), first, "{day}");
        assert_eq!(fs::read(site.path().join("found.ndjson")).unwrap(), output, "{day}");
        assert_eq!(site.files(), files, "{day}");
    }
}

#[test]
fn late_events_are_added_where_they_belong() {
    let site = Site::new(MAIN, RARE);
    site.day(1, &[(3, "a.exe"), (9, "b.exe")]);
    site.run_and_find([1]);
    site.day(1, &[(3, "a.exe"), (4, "b.exe"), (5, "b.exe"), (9, "b.exe")]);
    site.day(2, &[(3, "a.exe"), (4, "b.exe")]);
    // the night after sees all of the first day, with what came late
    assert_eq!(site.run_and_find(1..=2), ["a.exe", "a.exe"]);
    site.day(3, &[(3, "a.exe"), (4, "b.exe")]);
    assert_eq!(site.run_and_find([3]), [""; 0]);
}

#[test]
fn what_was_last_seen_too_long_ago_is_new() {
    let site = Site::new("[general]\nstate_dir=state\nmemory_days=10\n", SUDDEN);
    site.day(1, &[(3, "a.exe"), (4, "b.exe")]);
    site.day(9, &[(4, "b.exe")]);
    site.day(12, &[(3, "a.exe"), (4, "b.exe")]);
    [1, 9].into_iter().for_each(|day| drop(site.run_and_find([day])));
    assert_eq!(site.run_and_find([12]), ["a.exe"]);
    assert_eq!(site.report()["memory"]["days"], 9);
    let site = Site::new(MAIN, &format!("{SUDDEN}memory_days=0\n"));
    site.day(1, &[(3, "a.exe")]);
    site.run_and_find([1]);
    assert_eq!(site.files().len(), 1, "the lock only");
}

#[test]
fn a_dry_run_reads_the_memory_and_adds_nothing() {
    let site = Site::new(MAIN, SUDDEN);
    site.day(1, &[(3, "a.exe")]);
    site.run_days([1], &["--dry-run"]).expect_code(0);
    assert!(!site.state_folder().exists());
    site.run_and_find([1]);
    let files = site.files();
    site.day(2, &[(3, "a.exe"), (4, "b.exe")]);
    let finished = site.run_days([2], &["--dry-run"]).expect_code(0);
    assert!(finished.stderr.contains("memory: 1 day, 1 tally"), "{}", finished.stderr);
    assert_eq!(site.report()["totals"]["outliers"], 1);
    assert_eq!(site.files(), files);
}

#[test]
fn a_changed_use_case_begins_anew_and_says_so() {
    let site = Site::new(MAIN, SUDDEN);
    site.day(1, &[(3, "a.exe")]);
    site.run_and_find([1]);
    site.write("use_cases.conf", &SUDDEN.replace("es_query_filter=*", "es_query_filter=host:web"));
    site.day(2, &[(3, "a.exe")]);
    let finished = site.run_days([2], &[]).expect_code(0);
    assert_eq!(site.found(), ["a.exe"]);
    let expected = "a new memory begins: another query than before";
    assert!(finished.stderr.contains(expected), "{}", finished.stderr);
    // other texts and thresholds do not matter
    let other_texts = SUDDEN.replace("outlier_type=a", "outlier_type=z").replace("=*", "=host:web");
    site.write("use_cases.conf", &other_texts);
    site.day(3, &[(3, "a.exe")]);
    assert_eq!(site.run_and_find([3]), [""; 0]);
}

#[test]
fn a_damaged_memory_is_not_forgotten_silently() {
    let site = Site::new(MAIN, SUDDEN);
    site.day(1, &[(3, "a.exe")]);
    site.run_and_find([1]);
    let part = site.file(".parquet");
    let bytes = fs::read(&part).expect("readable");
    fs::write(&part, &bytes[..bytes.len() - 1]).expect("writable");
    site.day(2, &[(3, "a.exe")]);
    let finished = site.run_days([2], &[]).expect_code(74);
    let name = part.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(finished.stderr.contains(&name) && finished.stderr.contains("damaged"), "{}", finished.stderr);
    fs::write(&part, &bytes).expect("writable");
    let manifest = site.file("manifest.json");
    let text = fs::read_to_string(&manifest).expect("readable");
    fs::write(&manifest, text.replace("\"version\": 2", "\"version\": 9")).expect("writable");
    let finished = site.run_days([2], &[]).expect_code(74);
    assert!(finished.stderr.contains("update the program"), "{}", finished.stderr);
    fs::write(&manifest, text).expect("writable");
    assert_eq!(site.run_and_find([2]), [""; 0]);
}

#[test]
fn two_runs_do_not_share_a_memory() {
    let site = Site::new(MAIN, SUDDEN);
    site.day(1, &[(3, "a.exe")]);
    site.run_and_find([1]);
    let lock = fs::File::open(site.file("lock")).expect("a lock");
    lock.lock().expect("no other run");
    let finished = site.run_days([1], &[]).expect_code(74);
    assert!(finished.stderr.contains("another run uses this state_dir"), "{}", finished.stderr);
    site.run_days([1], &["--dry-run"]).expect_code(74);
    drop(lock);
    site.run_days([1], &[]).expect_code(0);
}

#[test]
fn a_folder_that_cannot_be_used_is_told_before_events_are_read() {
    let site = Site::new("[general]\nstate_dir=main.conf\n", SUDDEN);
    site.day(1, &[(3, "a.exe")]);
    let finished = site.run_days([1], &[]).expect_code(74);
    assert!(finished.stderr.contains("main.conf") && finished.stderr.contains("state_dir"), "{}", finished.stderr);
    assert!(!site.path().join("found.ndjson").exists());
}

#[test]
fn a_failed_run_is_not_remembered() {
    let unusable = "[general]\nstate_dir=state\nunusable=fail\n";
    let broken = format!("{SUDDEN}\n{}", RARE.replace("target=process", "target=nothing"));
    let site = Site::new(unusable, &broken);
    site.day(1, &[(3, "a.exe")]);
    site.run_days([1], &[]).expect_code(4);
    assert_eq!(site.files().len(), 1, "the lock only");
}

#[test]
fn memory_does_not_depend_on_the_order_of_events() {
    let site = Site::new(MAIN, &format!("{SUDDEN}\n{RARE}"));
    site.day(1, &[(1, "a.exe"), (2, "b.exe"), (3, "a.exe"), (4, "c.exe")]);
    site.day(2, &[(1, "d.exe"), (2, "b.exe"), (3, "d.exe")]);
    let run = |threads: &str, days: &[u32]| {
        site.run_days(days.iter().copied(), &["--threads", threads, "--memory-limit", "64MiB"]).expect_code(0);
        let output = fs::read(site.path().join("found.ndjson")).expect("outliers");
        let memory = site.files();
        fs::remove_dir_all(site.state_folder()).expect("removable");
        (output, memory)
    };
    let (_, memory) = run("1", &[1, 2]);
    for day in [1, 2] {
        let path = site.path().join(format!("day-{day:02}.ndjson"));
        let text = fs::read_to_string(&path).expect("events");
        let reversed: Vec<&str> = text.lines().rev().collect();
        fs::write(&path, reversed.join("\n")).expect("writable");
    }
    assert_eq!(run("3", &[1, 2]).1, memory);
}

#[test]
fn metrics_are_compared_with_remembered_values() {
    let use_case = RARE
        .replace("[terms_rare]", "[metrics_length]")
        .replace("target_count_method=within_aggregator", "metric=length")
        .replace("trigger_on=low", "trigger_on=high")
        .replace("trigger_sensitivity=3", "trigger_sensitivity=10");
    let site = Site::new(MAIN, &use_case);
    site.day(1, &[(3, "a.exe"), (4, "a long name.exe"), (5, "a longer name.exe")]);
    site.day(2, &[(3, "a.exe"), (4, "b.exe")]);
    site.day(3, &[(3, "a.exe"), (4, "a large name.exe")]);
    site.run_and_find([1]);
    site.run_and_find([2]);
    for _ in 0..2 {
        assert_eq!(site.run_and_find([3]), ["a large name.exe"]);
        let found = fs::read_to_string(site.path().join("found.ndjson")).expect("outliers");
        let hit: Value = serde_json::from_str(&found).expect("one line");
        let stored = &hit["_source"]["outliers"];
        assert_eq!((&stored["remembered_values"][0], &stored["remembered_beyond"][0]), (&5.into(), &1.into()));
    }
}

#[test]
fn other_use_cases_of_a_run_have_no_effect() {
    let skipping = RARE.replace("es_query_filter=*", "es_query_filter=NOT process:skip.exe");
    let other = "[simplequery_skipped]\nes_query_filter=process:skip.exe\nrun_model=1\n\
                 outlier_type=a\noutlier_reason=b\noutlier_summary=c\n";
    let site = Site::new(MAIN, &format!("{skipping}\n{other}"));
    let event = |day: u32, hour: u32, host: &str, process: &str| {
        let time = format!("2024-05-{day:02}T{hour:02}:00:00Z");
        format!(r#"{{"@timestamp":"{time}","host":"{host}","process":"{process}"}}"#) + "\n"
    };
    let first: Vec<String> = (1..9).map(|n| event(1, n, "db", &format!("{n}.exe"))).collect();
    let known = (1..9).map(|n| event(1, n, "web", "known.exe"));
    site.write("day-01.ndjson", &first.into_iter().chain(known).collect::<String>());
    site.write("day-02.ndjson", &(event(2, 3, "web", "rare.exe") + &event(2, 4, "db", "skip.exe")));
    site.run_days([1], &[]).expect_code(0);
    let rare = |only: &str| {
        site.run_days([2], &["--only", only]).expect_code(0);
        let found = fs::read_to_string(site.path().join("found.ndjson")).expect("outliers");
        found.lines().find(|line| line.contains("rare.exe")).expect("an outlier").to_owned()
    };
    assert_eq!(rare("terms_rare"), rare("*"));
}
