//! Profiles of field names: one use case on the forms that the same log has.

use std::fs;

use serde_json::{Value, json};

use crate::program::{self, Finished};

/// A use case in ECS names, and one of another kind of log.
const USE_CASES: &str = "[simplequery_shell]\nes_query_filter=${process_start} AND process.command_line:*hidden*\n\
    outlier_type=t\noutlier_reason=r\noutlier_summary={host.name}: {process.executable} by {process.parent.executable}\n\
    run_model=1\n\n\
    [terms_names]\nes_query_filter=${dns_query}\naggregator=client.address\ntarget=dns.question.name\n\
    target_count_method=within_aggregator\ntrigger_on=low\ntrigger_method=float\ntrigger_sensitivity=2\n\
    outlier_type=t\noutlier_reason=r\noutlier_summary={aggregator} asks for {term}\nrun_model=1\n";

const SYSMON: &str = "Microsoft-Windows-Sysmon/Operational";

/// The same process start as six collectors write it.
fn process_starts() -> Vec<Value> {
    let (image, parent, line) = ("C:\\a.exe", "C:\\p.exe", "a.exe -w hidden");
    vec![
        json!({"@timestamp": "2024-05-01T10:00:00Z", "event": {"code": "1", "category": ["process"], "type": ["start"]},
            "winlog": {"channel": SYSMON}, "host": {"name": "H"},
            "process": {"executable": image, "command_line": line, "parent": {"executable": parent}}}),
        json!({"@timestamp": "2024-05-01T10:00:00Z", "Channel": SYSMON, "EventID": 1, "Hostname": "H", "Image": image,
            "CommandLine": line, "ParentImage": parent}),
        json!({"Event": {"System": {"EventID": 1, "Channel": SYSMON, "Computer": "H",
            "TimeCreated": {"#attributes": {"SystemTime": "2024-05-01T10:00:00.000000Z"}}},
            "EventData": {"Image": image, "CommandLine": line, "ParentImage": parent}}}),
        json!({"timestamp": "2024-05-01T10:00:00.000+0000", "data": {"win": {
            "system": {"eventID": "1", "channel": SYSMON, "computer": "H"},
            "eventdata": {"image": image, "commandLine": line, "parentImage": parent}}}}),
        json!({"@timestamp": "2024-05-01T10:00:00Z", "winlog": {"channel": "Security", "event_id": 4688,
            "computer_name": "H", "event_data": {"NewProcessName": image, "CommandLine": line, "ParentProcessName": parent}}}),
        json!({"@timestamp": "2024-05-01T10:00:00Z", "EventID": 1, "UtcTime": "2024-05-01 10:00:00.000", "Hostname": "H",
            "Image": image, "CommandLine": line, "ParentImage": parent}),
    ]
}

fn run(events: &[Value], options: &str) -> (Finished, String, Value) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    fs::write(folder.path().join("events.ndjson"), lines).expect("written");
    fs::write(folder.path().join("use_cases.conf"), USE_CASES).expect("written");
    let line = format!(
        "run -q --use-cases use_cases.conf --events events.ndjson --findings findings.ndjson --report report.json {options}"
    );
    let finished = program::run(folder.path(), &line.split_whitespace().collect::<Vec<_>>());
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    let report = serde_json::from_str(&read("report.json")).unwrap_or_default();
    (finished, read("findings.ndjson"), report)
}

fn status<'a>(report: &'a Value, name: &str) -> &'a str {
    let use_cases = report["use_cases"].as_array().expect("use cases");
    let found = use_cases.iter().find(|use_case| use_case["name"] == name).expect("the use case");
    found["status"].as_str().expect("a status")
}

#[test]
fn one_use_case_runs_on_all_forms_of_a_log() {
    for event in process_starts() {
        let other = json!({"@timestamp": "2024-05-01T10:00:00Z", "EventID": 7, "CommandLine": "hidden"});
        let (finished, findings, report) = run(&[event.clone(), other], "--fields auto");
        let finished = finished.expect_code(0);
        assert_eq!(findings.lines().count(), 1, "{event}: {}", finished.stderr);
        assert!(findings.contains("H: C:\\\\a.exe by C:\\\\p.exe"), "{event}: {findings}");
        assert_eq!(status(&report, "simplequery_shell"), "complete");
        assert_eq!(status(&report, "terms_names"), "not_applicable");
        assert_eq!(report["totals"]["not_applicable"], 1);
    }
    // mixtures need no choice either
    let (_, findings, report) = run(&process_starts(), "--fields auto");
    let finding: Value = serde_json::from_str(findings.lines().next().expect("a finding")).expect("JSON");
    assert_eq!((findings.lines().count(), &finding["documents"]), (1, &json!(6)), "{findings}");
    let names = &report["source"]["fields"]["process.command_line"];
    let expected = [
        "CommandLine",
        "winlog.event_data.CommandLine",
        "Event.EventData.CommandLine",
        "data.win.eventdata.commandLine",
    ];
    assert_eq!(names, &json!(expected));
}

#[test]
fn a_run_in_which_nothing_is_applicable_is_partial() {
    let events = [json!({"@timestamp": "2024-05-01T10:00:00Z", "temperature": 21})];
    let (finished, _, report) = run(&events, "--fields auto");
    let finished = finished.expect_code(3);
    assert!(finished.stderr.contains("none of the 2 use cases is applicable"), "{}", finished.stderr);
    assert_eq!(report["status"], "partial");
}

#[test]
fn profiles_are_chosen() {
    let flat = &process_starts()[1..2];
    // a macro of a profile that is not chosen matches nothing
    let (finished, findings, _) = run(flat, "--fields zeek");
    assert_eq!((finished.code, findings.as_str()), (3, ""), "{}", finished.stderr);
    let (finished, findings, _) = run(flat, "--fields zeek,windows");
    assert_eq!((finished.code, findings.lines().count()), (0, 1), "{}", finished.stderr);
    // without profiles, macros are unknown
    let (finished, ..) = run(flat, "");
    let finished = finished.expect_code(78);
    for part in ["use_cases.conf:2:17", "unknown macro `process_start`", "--fields"] {
        assert!(finished.stderr.contains(part), "{part}: {}", finished.stderr);
    }
}

#[test]
fn own_names_and_macros_are_added() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("own.conf");
    fs::write(&path, "[field_aliases]\nprocess.command_line=cmd\n[macros]\nprocess_start=kind:exec\n")
        .expect("written");
    let own = json!({"@timestamp": "2024-05-01T10:00:00Z", "kind": "exec", "cmd": "x hidden", "Image": "C:\\a.exe"});
    let (finished, findings, _) = run(&[own], &format!("--fields auto,{}", path.display()));
    finished.expect_code(0);
    assert_eq!(findings.lines().count(), 1, "{findings}");
}

#[test]
fn mistakes_in_macros_have_their_place() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let text = "[macros]\nbad=a:[1 TO\n\n[simplequery_x]\nes_query_filter=x:1 AND ${bad} AND y:2\noutlier_type=t\noutlier_reason=r\n\
        outlier_summary=s\nrun_model=1\n[simplequery_y]\nes_query_filter=${process_start} AND y:[\noutlier_type=t\noutlier_reason=r\n\
        outlier_summary=s\nrun_model=1\n";
    fs::write(folder.path().join("u.conf"), text).expect("written");
    let checked = program::run(folder.path(), &["check", "--fields", "auto", "--use-cases", "u.conf"]).expect_code(78);
    for part in ["u.conf:5", "in the macro ${bad}", "at character 9", "u.conf:11", "at character 24"] {
        assert!(checked.stderr.contains(part), "{part}: {}", checked.stderr);
    }
}

#[test]
fn check_says_which_names_fields_have() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::write(folder.path().join("e.ndjson"), format!("{}\n", process_starts()[1])).expect("written");
    fs::write(folder.path().join("u.conf"), USE_CASES).expect("written");
    let line = "check --fields auto --use-cases u.conf --events e.ndjson --deny-warnings";
    let checked = program::run(folder.path(), &line.split(' ').collect::<Vec<_>>()).expect_code(0);
    for part in [
        "`process.command_line` is `CommandLine` here",
        "not applicable: terms_names: no event has `dns.question.name`",
    ] {
        assert!(checked.stderr.contains(part), "{part}: {}", checked.stderr);
    }
    let json = program::run(folder.path(), &format!("{line} --format json").split(' ').collect::<Vec<_>>());
    let report: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(report["fields"]["process.command_line"], json!(["CommandLine"]));
    assert_eq!(report["not_applicable"].as_array().map(Vec::len), Some(1));
}
