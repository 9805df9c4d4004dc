//! Trying use cases: other values of a key, templates, and the list of use cases.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{self, Finished};

const USE_CASES: &str = "[terms_rare]\nes_query_filter=port:*\ntarget=port\naggregator=host\n\
target_count_method=within_aggregator\ntrigger_on=low\ntrigger_method=float\ntrigger_sensitivity=3\n\
outlier_type=x\noutlier_reason=x\noutlier_summary=rare port {port} on {host}\nrun_model=1\nseverity=low\n\
technique=T1571\n\n\
[terms_other]\nes_query_filter=nothing:*\ntarget=absent\naggregator=host\n\
target_count_method=within_aggregator\ntrigger_on=low\ntrigger_method=float\ntrigger_sensitivity=3\n\
outlier_type=x\noutlier_reason=x\noutlier_summary=x\nrun_model=0\n";

/// Port N occurs N times, for N from 1 to 9.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let mut events = String::new();
    for port in 1..10 {
        for second in 0..port {
            events.push_str(&format!(
                "{{\"@timestamp\":\"2024-05-01T00:{port:02}:{second:02}Z\",\"host\":\"alpha\",\"port\":{port}}}\n"
            ));
        }
    }
    for (name, text) in [("u.conf", USE_CASES), ("events.ndjson", &events)] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn run(folder: &Path, more: &str) -> Finished {
    let line = format!("run -q --use-cases u.conf --events events.ndjson --only terms_rare {more}");
    program::run(folder, &line.split_whitespace().collect::<Vec<_>>())
}

/// Text of a trial behind the table of findings, on a terminal of 80 columns.
fn on_80_columns(folder: &Path, args: &[&str]) -> String {
    let started = program::start_with(folder, &[("COLUMNS", OsStr::new("80"))], args);
    let shown = program::finish(started).expect_code(0).stdout;
    let (_, behind) = shown.split_once("ee-outliers explain ").expect("a table");
    behind.split_once('\n').expect("a line").1.to_owned()
}

/// Rows of the table of values: value, findings, documents.
fn values(shown: &str) -> Vec<String> {
    let rows = shown.lines().skip_while(|line| !line.trim_start().starts_with("trigger_")).skip(1);
    let rows = rows.take_while(|line| line.starts_with("  ") && !line.ends_with(':'));
    rows.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_sweep_finds_what_runs_with_each_value_find() {
    let scratch = folder();
    let shown = run(scratch.path(), "--sweep trigger_sensitivity=1..5").expect_code(0).stdout;
    assert_eq!(values(&shown), ["1 0 0", "2 1 1", "3 2 3 in use", "4 3 6", "5 4 10"], "{shown}");
    for value in 1..=5 {
        run(scratch.path(), &format!("--set trigger_sensitivity={value} --findings f{value}.ndjson")).expect_code(0);
        let found = fs::read_to_string(scratch.path().join(format!("f{value}.ndjson"))).expect("written");
        assert_eq!(found.lines().count(), value - 1);
    }
    assert!(shown.contains("terms_rare: 45 of 45 events match: 2 findings in 3 documents"), "{shown}");
    let near = "with trigger_sensitivity=4: rare port 3 on alpha: seen 3 times; fewer than 4 is unusual";
    assert!(shown.split_whitespace().collect::<Vec<_>>().join(" ").contains(near), "{shown}");
}

#[test]
fn a_dry_run_of_named_use_cases_shows_what_nearly_is_an_outlier() {
    let scratch = folder();
    let shown = run(scratch.path(), "--dry-run --report r.json").expect_code(0).stdout;
    assert!(shown.contains("rare port 1 on alpha") && shown.contains("nearly outliers:"), "{shown}");
    assert!(values(&shown).contains(&"3 2 3 in use".to_owned()), "{shown}");
    let report: Value =
        serde_json::from_str(&fs::read_to_string(scratch.path().join("r.json")).expect("written")).expect("JSON");
    assert_eq!((&report["totals"]["findings"], &report["status"]), (&2.into(), &"complete".into()));
}

#[test]
fn a_dry_run_of_named_use_cases_shows_what_they_look_at() {
    let scratch = folder();
    let more: String = (0..3)
        .map(|n| {
            let host = format!("b\u{1b}[2Jravo {}", "x".repeat(90));
            format!("{}\n", serde_json::json!({"@timestamp": "2024-05-02T00:00:00Z", "host": host, "port": n}))
        })
        .collect();
    let path = scratch.path().join("events.ndjson");
    let events = fs::read_to_string(&path).expect("written") + "{\"host\":\"charlie\"}\n" + &more;
    fs::write(&path, events).expect("written");
    let line = "run -q --use-cases u.conf --events events.ndjson --only terms_rare --dry-run";
    let args: Vec<&str> = line.split_whitespace().collect();
    let shown = on_80_columns(scratch.path(), &args);
    assert!(shown.contains("terms_rare: 48 of 49 events match: 5 findings in 6 documents"), "{shown}");
    let (_, groups) = shown.split_once("outliers are  largest groups\n").expect("groups");
    let groups: Vec<&str> = groups.lines().take(2).collect();
    assert_eq!(groups[0].split_whitespace().collect::<Vec<_>>(), ["45", "below", "3", "alpha"]);
    assert!(groups[1].contains("3  below 3") && groups[1].contains("b\\u{1b}[2Jravo xxx"), "{groups:?}");
    let (_, samples) = shown.split_once("  some of the events:\n").expect("samples");
    let samples: Vec<&str> = samples.lines().map(str::trim).collect();
    assert_eq!(samples.iter().filter(|line| line.starts_with("events.ndjson/0000000000")).count(), 3, "{shown}");
    assert!(samples.iter().any(|line| line.starts_with("occurrences in the group: ")), "{shown}");
    assert!(samples.iter().any(|line| line.starts_with("host=") && line.contains("port=")), "{shown}");
    assert!(shown.contains("  nearly outliers:\n"), "{shown}");
    assert!(!shown.contains('\u{1b}') && shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    // the same events in two files are the same groups
    let all = fs::read_to_string(&path).expect("written");
    let (first, rest) = all.split_at(all[..1_000].rfind('\n').expect("a line") + 1);
    fs::write(scratch.path().join("events.ndjson"), rest).expect("written");
    fs::write(scratch.path().join("more.ndjson"), first).expect("written");
    let again = on_80_columns(scratch.path(), &[&args[..], &["--events", "more.ndjson"]].concat());
    let above = |text: &str| text.split_once("  some of the events:").map(|(above, _)| above.to_owned());
    assert_eq!(above(&again), above(&shown));
}

#[test]
fn what_is_remembered_is_not_judged_again_for_each_value() {
    let scratch = folder();
    fs::write(scratch.path().join("main.conf"), "[general]\nstate_dir=state\n").expect("written");
    let run = |more: &str| run(scratch.path(), &format!("--config main.conf {more}")).expect_code(0).stdout;
    run("-o out.ndjson");
    let shown = run("--dry-run");
    assert!(shown.contains("outliers are  largest groups") && shown.contains("some of the events:"), "{shown}");
    assert!(values(&shown).is_empty() && !shown.contains("nearly outliers"), "{shown}");
    // a sweep forgets the earlier run, and is not remembered either
    let swept = run("--sweep trigger_sensitivity=2,3");
    assert_eq!(values(&swept), ["2 1 1", "3 2 3 in use"], "{swept}");
    let runs = program::run(scratch.path(), &["runs", "list", "--config", "main.conf", "--json"]).expect_code(0).stdout;
    assert_eq!(serde_json::from_str::<Value>(&runs).expect("JSON").as_array().map(Vec::len), Some(1));
}

#[test]
fn values_of_the_command_line_are_checked_like_those_of_a_file() {
    let scratch = folder();
    let refused = |more: &str, code: i32, messages: &[&str]| {
        let finished = run(scratch.path(), more).expect_code(code);
        for message in messages {
            assert!(finished.stderr.contains(message), "{message} in {}", finished.stderr);
        }
    };
    refused("--set trigger_sensitivity=many", 78, &["--set trigger_sensitivity=many", "not a number"]);
    refused("--set trigger_sensitivty=5", 78, &["--set trigger_sensitivty=5", "did you mean `trigger_sensitivity`?"]);
    refused("--set severity=high --findings f.ndjson", 0, &[]);
    assert!(fs::read_to_string(scratch.path().join("f.ndjson")).expect("written").contains("\"severity\":\"high\""));
    refused("--set nothing", 2, &["KEY=VALUE"]);
    refused("--sweep trigger_sensitivity=1,x", 78, &["--sweep trigger_sensitivity=x", "not a number"]);
    refused("--sweep trigger_sensitivity=5..1", 2, &["not a range"]);
    refused("--sweep target=host,port", 2, &["it changes what is read", "use --set target=host"]);
}

#[test]
fn templates_are_use_cases_that_run() {
    let scratch = folder();
    for model in ["simplequery", "metrics", "terms", "sudden_appearance", "word2vec", "beacon"] {
        let template = program::run(scratch.path(), &["new", model]).expect_code(0).stdout;
        assert!(template.contains(&format!("[{model}_example]\n")), "{template}");
        fs::write(scratch.path().join("new.conf"), template).expect("written");
        let checked = program::run(scratch.path(), &["check", "--deny-warnings", "--use-cases", "new.conf"]);
        checked.expect_code(0);
    }
    let unknown = program::run(scratch.path(), &["new", "beacons"]).expect_code(2);
    assert!(unknown.stderr.contains("beacon"), "{}", unknown.stderr);
}

#[test]
fn use_cases_are_listed_with_their_state_and_needs() {
    let scratch = folder();
    let listed = |more: &[&str]| {
        let args = [&["list", "--use-cases", "u.conf", "--json"], more].concat();
        let shown = program::run(scratch.path(), &args).expect_code(0).stdout;
        serde_json::from_str::<Value>(&shown).expect("JSON").as_array().expect("a list").clone()
    };
    let all = listed(&[]);
    let states: Vec<&str> = all.iter().filter_map(|it| it["state"].as_str()).collect();
    assert_eq!(states, ["enabled", "disabled"]);
    assert_eq!(all[0]["fields"], serde_json::json!(["host", "port"]));
    assert_eq!((&all[0]["model"], &all[0]["techniques"][0]), (&"terms".into(), &"T1571".into()));
    assert_eq!(all[0]["place"], "u.conf:1:1");
    assert_eq!(listed(&["--only", "*_other"]).len(), 1);
    let text = program::run(scratch.path(), &["list", "--use-cases", "u.conf"]).expect_code(0).stdout;
    assert!(text.contains("terms_rare: enabled, terms · low · T1571") && text.contains("needs host, port"), "{text}");
    assert!(text.ends_with("2 use cases: 1 enabled, 1 disabled\n"), "{text}");
    // of the bundled use cases, most look at other events
    let args = ["list", "--events", "events.ndjson", "--only", "beacon_*"];
    let shown = program::run(scratch.path(), &args).expect_code(0).stdout;
    assert!(shown.contains("not applicable") && shown.contains("missing "), "{shown}");
}
