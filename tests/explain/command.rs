//! The command, as a user sees it.

use std::path::Path;

use serde_json::{Value, json};

use crate::program::{self, Finished};

const CONF: &str = "\
[terms_rare_process]
es_query_filter=*
aggregator=host
target=process
target_count_method=within_aggregator
trigger_on=low
trigger_method=float
trigger_sensitivity=3
outlier_type=t
outlier_reason=r
outlier_summary=rare {term} on {aggregator}
run_model=1
test_model=0

[metrics_size]
es_query_filter=*
aggregator=host
target=size
metric=numerical_value
trigger_on=high
trigger_method=mad
trigger_sensitivity=10
outlier_type=t
outlier_reason=r
outlier_summary=large
run_model=1
test_model=0

[whitelist_literals]
accepted=accepted.exe
";

/// Ten usual events, then a rare one, one that is accepted, and one that steers terminals.
fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let usual = (0..10).map(|idx| json!({"host": "pc", "process": "usual.exe", "size": 10 + idx}));
    let others = ["rare.exe", "accepted.exe", "e\u{1b}[2Jvil\nrow"];
    let events = usual.chain(others.map(|process| json!({"host": "pc", "process": process, "size": 12})));
    let timed = events.enumerate().map(|(minute, mut event)| {
        event["@timestamp"] = format!("2024-05-01T10:{minute:02}:00Z").into();
        event
    });
    let lines: String = timed.map(|event| format!("{event}\n")).collect();
    std::fs::write(folder.path().join("events.ndjson"), lines).expect("written");
    std::fs::write(folder.path().join("use_cases.conf"), CONF).expect("written");
    folder
}

fn explain(folder: &Path, args: &[&str]) -> Finished {
    let fixed = ["--use-cases", "use_cases.conf", "--events", "events.ndjson"];
    program::run(folder, &[&["explain"], args, &fixed].concat())
}

fn explanations(folder: &Path, args: &[&str]) -> Vec<Value> {
    let finished = explain(folder, &[args, &["--json"]].concat()).expect_code(0);
    let result: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    result["explanations"].as_array().expect("a list").clone()
}

#[test]
fn a_document_is_explained_for_each_use_case() {
    let folder = site();
    let found = explanations(folder.path(), &["--document", "events.ndjson/000000000010"]);
    let verdicts: Vec<[&str; 2]> =
        found.iter().map(|found| ["use_case", "verdict"].map(|key| found[key].as_str().unwrap_or_default())).collect();
    assert_eq!(verdicts, [["terms_rare_process", "outlier"], ["metrics_size", "ordinary"]]);
    let rare = &found[0];
    assert_eq!([&rare["group"], &rare["target"]], ["pc", "rare.exe"]);
    assert_eq!([&rare["value"], &rare["frontier"], &rare["n_values"]].map(Value::as_f64), [1.0, 3.0, 3.0].map(Some));
    assert_eq!(rare["side"], "below");
    assert_eq!(rare["stored"], json!({"term_count": 1, "decision_frontier": 3.0}));
    assert_eq!(rare["above"], json!({"value": 10.0, "n": 1, "text": "usual.exe"}));
    let changes = json!([
        {"change": "key", "key": "trigger_sensitivity", "value": 1.0, "flagged": false},
        {"change": "more_events", "n": 2, "flagged": false},
    ]);
    assert_eq!(rare["changes"], changes);
    let large = &found[1];
    assert_eq!([&large["value"], &large["n_values"]].map(Value::as_f64), [12.0, 13.0].map(Some));
    let only = explanations(folder.path(), &["--document", "events.ndjson/000000000010", "--use-case", "metrics*"]);
    assert_eq!(only.len(), 1);
}

#[test]
fn ordinary_and_accepted_events_are_explained() {
    let folder = site();
    let verdict = |document: &str| {
        let found = explanations(folder.path(), &["--document", document, "--use-case", "terms_rare_process"]);
        (found[0]["verdict"].clone(), found[0]["changes"].clone())
    };
    let (ordinary, changes) = verdict("events.ndjson/000000000000");
    assert_eq!(ordinary, "ordinary");
    let fewer = json!({"change": "fewer_events", "n": 8, "flagged": true});
    assert!(changes.as_array().expect("a list").contains(&fewer), "{changes}");
    let accepted = explanations(folder.path(), &["--document", "events.ndjson/000000000011"]);
    assert_eq!(accepted[0]["verdict"], "whitelisted");
    let entry = json!([{"name": "accepted", "section": "whitelist_literals", "place": "use_cases.conf:30:1"}]);
    assert_eq!(accepted[0]["accepted_by"], entry);
    let shown = explain(folder.path(), &["--document", "events.ndjson/000000000011"]).expect_code(0).stdout;
    let line = "whitelist  accepted of [whitelist_literals] at use_cases.conf:30:1";
    assert!(shown.contains(line), "{shown}");
}

#[test]
fn queries_tell_what_they_found() {
    let folder = site();
    let query = "(process:rare* OR process:other OR size:[5 TO 20]) AND NOT host:server";
    let conf = format!(
        "[simplequery_rare]\nes_query_filter={query}\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\n"
    );
    std::fs::write(folder.path().join("use_cases.conf"), conf).expect("written");
    let found = explanations(folder.path(), &["--document", "events.ndjson/000000000010"]);
    let matched = json!([{"field": "process", "values": ["rare.exe"]}, {"field": "size", "values": ["12"]}]);
    assert_eq!(found[0]["matched"], matched);
    let shown = explain(folder.path(), &["--document", "events.ndjson/000000000012"]).expect_code(0).stdout;
    assert!(shown.contains("matched    size = 12\n") && !shown.contains("matched    process"), "{shown}");
    assert!(shown.contains("flagged: 13 of 13 events, 100 %\n"), "{shown}");
}

#[test]
fn findings_of_reports_are_explained_with_and_without_their_events() {
    let folder = site();
    let args = ["run", "-q", "--use-cases", "use_cases.conf", "--events", "events.ndjson", "--report", "report.json"];
    program::run(folder.path(), &args).expect_code(0);
    let report: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("report.json")).expect("written")).expect("JSON");
    let finding = report["findings"].as_array().expect("a list").iter().find(|it| it["target"] == "rare.exe");
    let id = finding.expect("it is found")["finding_id"].as_str().expect("an id").to_owned();
    let with_events = explanations(folder.path(), &[&id, "--report", "report.json"]);
    assert_eq!(with_events, explanations(folder.path(), &[&id]));
    // the events are gone
    std::fs::remove_file(folder.path().join("events.ndjson")).expect("removed");
    let alone = program::run(folder.path(), &["explain", &id[..9], "--report", "report.json", "--json"]);
    let alone: Value = serde_json::from_str(&alone.expect_code(0).stdout).expect("JSON");
    assert_eq!(alone["document"], "events.ndjson/000000000010");
    let explained = &alone["explanations"][0];
    for key in ["use_case", "model", "verdict", "finding", "value", "frontier", "side", "rank", "above", "plot"] {
        assert_eq!(explained[key], with_events[0][key], "{key}");
    }
    let shown = program::run(folder.path(), &["explain", &id, "--report", "report.json"]).expect_code(0).stdout;
    assert!(shown.contains("frontier   3 (smaller ones are outliers)"), "{shown}");
    let unknown = program::run(folder.path(), &["explain", "ffffffff", "--report", "report.json"]).expect_code(2);
    assert!(unknown.stderr.contains("lists the findings with the highest scores only"), "{}", unknown.stderr);
    let no_report = program::run(folder.path(), &["explain", &id, "--report", "use_cases.conf"]).expect_code(2);
    assert!(no_report.stderr.contains("use_cases.conf: not JSON"), "{}", no_report.stderr);
}

#[test]
fn findings_of_the_history_are_explained() {
    let folder = site();
    std::fs::write(folder.path().join("main.conf"), "[general]\nstate_dir=state\n").expect("written");
    let fixed = ["--config", "main.conf", "--use-cases", "use_cases.conf"];
    let args = [&["run", "-q"][..], &fixed, &["--events", "events.ndjson", "--findings", "f.ndjson"]].concat();
    program::run(folder.path(), &args).expect_code(0);
    let findings = std::fs::read_to_string(folder.path().join("f.ndjson")).expect("written");
    let finding: Value = serde_json::from_str(findings.lines().next().expect("a finding")).expect("JSON");
    let id = finding["finding_id"].as_str().expect("an id");
    let place = format!("{}/{}", finding["index"].as_str().expect("text"), finding["id"].as_str().expect("text"));
    // the event is no longer an outlier, so no run finds it any more
    let path = folder.path().join("events.ndjson");
    let events = std::fs::read_to_string(&path).expect("written");
    let process = finding["target"].as_str().expect("text");
    let more = json!({"@timestamp": "2024-05-01T11:00:00Z", "host": "pc", "process": process, "size": 12});
    std::fs::write(&path, format!("{events}{}", format!("{more}\n").repeat(5))).expect("written");
    let explain = |main: &str| {
        std::fs::write(folder.path().join("main.conf"), main).expect("written");
        program::run(folder.path(), &[&["explain", id, "--json"][..], &fixed, &["--events", "events.ndjson"]].concat())
    };
    let explained = explain("[general]\nstate_dir=state\n").expect_code(0);
    let explained: Value = serde_json::from_str(&explained.stdout).expect("JSON");
    assert_eq!(explained["document"], place.as_str());
    assert_eq!(explained["explanations"][0]["verdict"], "ordinary", "{explained}");
    let without = explain("").expect_code(2);
    assert!(without.stderr.contains("no finding has the id"), "{}", without.stderr);
}

#[test]
fn people_read_harmless_text() {
    let folder = site();
    let shown = explain(folder.path(), &["--document", "events.ndjson/000000000012"]).expect_code(0).stdout;
    assert!(!shown.contains('\u{1b}') && shown.contains("e\\u{1b}[2Jvil\\nrow"), "{shown}");
    for expected in [
        "verdict    outlier",
        "value      1 (occurrences in the group)",
        "frontier   3 (smaller ones are outliers)",
        "rank       1 of 3 terms of the group",
        "but        with 2 more events like this one it would not be an outlier",
        "but        with trigger_sensitivity = 1 it would not be an outlier",
        "█ 1  <- this one",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
}

#[test]
fn documents_that_are_not_judged_are_refused() {
    let folder = site();
    let finished = explain(folder.path(), &["--document", "events.ndjson/99"]).expect_code(2);
    assert!(finished.stderr.contains("is not among the events"), "{}", finished.stderr);
    explain(folder.path(), &[]).expect_code(2);
}
