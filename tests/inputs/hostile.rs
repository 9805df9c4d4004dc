//! Events whose values try to switch a detection off, to forge its result or to be accepted.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use serde_json::{Value, json};

use crate::program::{self, Finished, Report};

/// Result of a run: its report, the output's documents in their order, and the program's messages.
struct Outcome {
    report: Report,
    documents: Vec<Value>,
    finished: Finished,
}

/// Runs use cases over events, each of them JSON text.
fn run(use_cases: &str, main: &str, events: &str) -> Outcome {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for (name, text) in [("uc.conf", use_cases), ("main.conf", main), ("events.ndjson", events)] {
        fs::write(folder.path().join(name), text).expect("a scratch file");
    }
    let line = "run --config main.conf --use-cases uc.conf --events events.ndjson -o out.ndjson --report report.json";
    let finished = program::run(folder.path(), &line.split(' ').collect::<Vec<_>>()).expect_code(0);
    let output = fs::read_to_string(folder.path().join("out.ndjson")).expect("the output");
    let document = |line: &str| serde_json::from_str::<Value>(line).expect("a line of JSON")["_source"].take();
    Outcome {
        report: Report::read(&folder.path().join("report.json")),
        documents: output.lines().map(document).collect(),
        finished,
    }
}

fn metrics(method: &str, sensitivity: &str, side: &str) -> String {
    format!(
        "[metrics_n]\nes_query_filter=*\naggregator=h\ntarget=n\nmetric=numerical_value\ntrigger_on={side}\n\
         trigger_method={method}\ntrigger_sensitivity={sensitivity}\noutlier_type=t\noutlier_reason=r\n\
         outlier_summary={{metric}} over {{decision_frontier}}\nrun_model=1\n"
    )
}

/// 200 ordinary numbers of each of two groups, then the extreme ones of the first group and 5000 of
/// the second.
fn numbers(extremes: &[&str]) -> Vec<String> {
    let ordinary = (0..400).map(|n| {
        let group = if n % 2 == 0 { "x" } else { "y" };
        format!("{{\"h\":\"{group}\",\"n\":{}}}", 1000 + (n * 37) % 101 - 50)
    });
    let extremes = extremes.iter().map(|number| format!("{{\"h\":\"x\",\"n\":{number}}}"));
    ordinary.chain(extremes).chain([r#"{"h":"y","n":5000}"#.to_owned()]).collect()
}

/// The numbers that are outliers, by group, and the frontier of each group.
fn judged(use_case: &str, events: &[String]) -> BTreeMap<String, (Vec<String>, String)> {
    let mut found: BTreeMap<String, (Vec<String>, String)> = BTreeMap::new();
    for document in run(use_case, "", &events.join("\n")).documents {
        let group = found.entry(document["h"].as_str().expect("a group").to_owned()).or_default();
        group.0.push(document["n"].to_string());
        group.1 = document["outliers"]["decision_frontier"][0].to_string();
    }
    found.values_mut().for_each(|(numbers, _)| numbers.sort());
    found
}

#[test]
fn extreme_numbers_are_outliers_of_a_group_that_is_judged() {
    let methods = [
        ("stdev", "3"),
        ("mad", "5"),
        ("madpos", "5"),
        ("percentile", "99.9"),
        ("pct_of_max_value", "90"),
        ("pct_of_median_value", "300"),
        ("pct_of_avg_value", "300"),
    ];
    for (method, sensitivity) in methods {
        let use_case = metrics(method, sensitivity, "high");
        for extreme in ["1e200", "1e308", "1.7976931348623157e308", "\"1e308\""] {
            let events = numbers(&[extreme]);
            let found = judged(&use_case, &events);
            let written: Value = serde_json::from_str(extreme).expect("JSON");
            assert_eq!(found["x"].0, [written.to_string()], "{method} {extreme}");
            // the other group does not notice
            assert_eq!(found["y"], judged(&use_case, &numbers(&[]))["y"], "{method} {extreme}");
            let reversed: Vec<String> = events.into_iter().rev().collect();
            assert_eq!(judged(&use_case, &reversed), found, "{method} {extreme}");
        }
    }
}

#[test]
fn extreme_numbers_of_both_signs_are_judged() {
    let both = &["1e+308", "-1e+308", "1.7e+308", "-1.7e+308"];
    for (side, expected) in [("high", ["1.7e+308", "1e+308"]), ("low", ["-1.7e+308", "-1e+308"])] {
        for (method, sensitivity) in [("stdev", "3"), ("mad", "5"), ("percentile", "50")] {
            let sensitivity = if side == "low" && method == "percentile" { "2" } else { sensitivity };
            let found = judged(&metrics(method, sensitivity, side), &numbers(both));
            let extremes = found["x"].0.iter().filter(|number| number.contains("308"));
            assert_eq!(extremes.collect::<Vec<_>>(), expected, "{method} {side}");
        }
    }
    // the smallest number is the outlier of the other side
    assert_eq!(judged(&metrics("stdev", "3", "low"), &numbers(&["-1e+308"]))["x"].0, ["-1e+308"]);
    assert_eq!(judged(&metrics("stdev", "3", "high"), &numbers(&["-1e+308"])).get("x"), None);
}

#[test]
fn frontiers_and_distances_beyond_the_range_are_written_as_numbers() {
    let events = numbers(&["1.7e308", "-1.7e308"]);
    let low = run(&metrics("pct_of_max_value", "200", "low"), "", &events.join("\n"));
    let extreme = low.documents.iter().find(|document| document["n"].to_string().starts_with("-1.7")).expect("found");
    let number = |key: &str| extreme["outliers"][key][0].as_f64().unwrap_or_else(|| panic!("{key}: {extreme}"));
    assert_eq!((number("decision_frontier"), number("confidence")), (f64::MAX, f64::MAX));
}

#[test]
fn one_number_has_one_meaning_however_it_is_written() {
    let terms = "[terms_t]\nes_query_filter=*\naggregator=h\ntarget=n\ntarget_count_method=within_aggregator\n\
                 trigger_on=high\ntrigger_method=float\ntrigger_sensitivity=0\noutlier_type=t\noutlier_reason=r\n\
                 outlier_summary={aggregator}: {term} x {term_count}\nrun_model=1\n";
    let mut events = String::new();
    for number in ["0", "-0", "0.0", "-0.0", "-0e5", "-1e-400", "18446744073709551616", "9007199254740993", "1e400"] {
        writeln!(events, "{{\"h\":{number},\"n\":{number}}}").expect("a text");
    }
    let found = run(terms, "", &events);
    let mut summaries: Vec<&str> =
        found.documents.iter().filter_map(|document| document["outliers"]["summary"][0].as_str()).collect();
    summaries.sort_unstable();
    let expected = [
        "0.0: 0.0 x 4",
        "0.0: 0.0 x 4",
        "0.0: 0.0 x 4",
        "0.0: 0.0 x 4",
        "0: 0 x 2",
        "0: 0 x 2",
        "18446744073709551616: 18446744073709551616 x 1",
        "9007199254740993: 9007199254740993 x 1",
        "inf: inf x 1",
    ];
    assert_eq!(summaries, expected);

    // as the target of `numerical_value`
    let numbers = ["0", "-0", "-0.0", "\"-0\"", "18446744073709551616", "9007199254740993", "\" 1_000 \""];
    let others = ["1e400", "-1e400", "\"NaN\"", "\"nan\"", "\"inf\"", "\"-Infinity\"", "\"0x10\"", "\"\"", "true"];
    let events: String = numbers.iter().chain(&others).map(|n| format!("{{\"h\":\"x\",\"n\":{n}}}\n")).collect();
    let use_case = metrics("float", "-1", "high");
    let found = run(&use_case, "", &events);
    let metrics: Vec<String> =
        found.documents.iter().map(|document| document["outliers"]["metric"][0].to_string()).collect();
    assert_eq!(metrics, ["0.0", "0.0", "0.0", "0.0", "1.8446744073709552e+19", "9007199254740992.0", "1000.0"]);
    let skipped = &found.report.json()["use_cases"][0]["skipped_events"]["without a usable target"];
    assert_eq!(*skipped, json!(others.len()));
}

const SHELL: &str = "[simplequery_shell]\nes_query_filter=process:powershell.exe\noutlier_type=process\n\
                     outlier_reason=shell\noutlier_summary=shell run by {user}\nrun_model=1\n";

/// `outliers` and `tags` that an event brings along.
fn forgeries() -> Vec<Value> {
    let summary = json!("shell run by evil");
    let deep = (0..100).fold(json!("deep"), |inner, _| json!([inner]));
    let objects = vec![json!({"summary": summary}); 3];
    let ours = json!({
        "type": ["process"], "reason": ["shell"], "summary": [summary], "model_name": ["shell"],
        "model_type": ["simplequery"], "elasticsearch_filter": ["process:powershell.exe"], "total_outliers": 1,
    });
    vec![
        json!({"outliers": {"summary": summary}, "tags": "outlier"}),
        json!({"outliers": {"summary": [summary], "total_outliers": 99, "model_name": ["whatever"]}}),
        json!({"outliers": {"total_outliers": u64::MAX, "summary": ["other"]}}),
        json!({"outliers": {"total_outliers": "18446744073709551615", "summary": summary, "type": {"a": 1}}}),
        json!({"outliers": ours, "tags": ["outlier"]}),
        json!({"outliers": summary}),
        json!({"outliers": [summary, summary]}),
        json!({"outliers": objects}),
        json!({"outliers": -1.5, "tags": {"outlier": true}}),
        json!({"outliers": null, "tags": null}),
        json!({"outliers": {}, "tags": []}),
        json!({"outliers": {"summary": deep}, "tags": ["a", "b"]}),
        json!({"outliers": {"summary": vec![summary; 20_000]}}),
        json!({"outliers": "x".repeat(200_000), "original_outliers": "mine"}),
    ]
}

#[test]
fn outliers_of_an_event_are_its_own_data() {
    let honest = json!({"process": "powershell.exe", "user": "evil"});
    let with = |more: &Value| {
        let mut event = honest.as_object().expect("an object").clone();
        event.extend(more.as_object().expect("an object").clone());
        Value::Object(event)
    };
    let events: Vec<Value> = std::iter::once(json!({})).chain(forgeries()).map(|more| with(&more)).collect();
    let text: String = events.iter().map(|event| format!("{event}\n")).collect();
    let found = run(SHELL, "", &text);
    assert_eq!(found.documents.len(), events.len());
    assert_eq!(found.report.numbers("simplequery_shell").documents, events.len() as u64);
    let expected = &found.documents[0]["outliers"];
    assert_eq!(expected["total_outliers"], 1);
    for (document, event) in found.documents.iter().zip(&events) {
        assert_eq!(document["outliers"], *expected, "{event}");
        let is_tagged = document["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == "outlier"));
        assert!(is_tagged, "{event}");
        // nothing of the event is lost
        let kept = if event.get("original_outliers").is_some() { "original_outliers_2" } else { "original_outliers" };
        assert_eq!(document.get(kept), event.get("outliers"), "{event}");
    }
}

/// The output of a run is a file of events like any other.
#[test]
fn an_output_that_is_read_again_is_judged_again() {
    let first = run(SHELL, "", &format!("{}\n", json!({"process": "powershell.exe", "user": "ann"})));
    let output: String = first.documents.iter().map(|document| format!("{document}\n")).collect();
    let again = run(SHELL, "", &output);
    assert_eq!(again.documents[0]["outliers"], first.documents[0]["outliers"]);
    assert_eq!(again.documents[0]["original_outliers"], first.documents[0]["outliers"]);
    assert_eq!(again.documents[0]["tags"], json!(["outlier"]));
}

/// Whitelisted words, in their field and elsewhere.
const WITH_KNOWN_WORDS: &str = r#"{"process":"powershell.exe","user":"evil","cmd":"powershell -enc AAAA"}
{"process":"powershell.exe","user":"evil","user_agent":"svc_backup","referrer":"C:\\Backup\\agent.exe"}
{"process":"powershell.exe","user":"evil","args":["svc_backup","C:\\Backup\\agent.exe","user:svc_backup"]}
{"process":"powershell.exe","user":"svc_backup","parent":{"path":"C:\\Backup\\agent.exe"}}
{"process":"powershell.exe","user":"svc_backup","parent":{"path":"C:\\Temp\\evil.exe"},"cmd":"C:\\Backup\\agent.exe"}
"#;

#[test]
fn entries_for_a_field_are_not_satisfied_elsewhere() {
    let reported = |section: &str, entry: &str| {
        let found = run(SHELL, &format!("[{section}]\nbackup={entry}\n"), WITH_KNOWN_WORDS);
        let lines = WITH_KNOWN_WORDS.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let is_reported = |event: &Value| {
            found.documents.iter().any(|document| {
                event.as_object().expect("an object").iter().all(|(field, value)| document[field] == *value)
            })
        };
        lines.enumerate().filter(|(_, event)| is_reported(event)).map(|(idx, _)| idx).collect::<Vec<_>>()
    };
    // as ever: a value anywhere
    assert_eq!(reported("whitelist_literals", "svc_backup, C:\\Backup\\agent.exe"), [0]);
    assert_eq!(reported("whitelist_regexps", "svc_, C:\\\\Backup"), [0]);
    // in their fields alone
    let bound = "user:svc_backup, parent.path:C:\\Backup\\agent.exe";
    assert_eq!(reported("whitelist_literals", bound), [0, 1, 2, 4]);
    assert_eq!(reported("whitelist_regexps", "user:SVC_, parent.path:C:\\\\Backup\\\\.+\\.exe$"), [0, 1, 2, 4]);
    assert_eq!(reported("whitelist_literals", "user:svc_backup"), [0, 1, 2]);
    assert_eq!(reported("whitelist_literals", "args:svc_backup"), [0, 1, 3, 4]);
    // a colon as part of the value
    assert_eq!(reported("whitelist_literals", "user\\:svc_backup"), [0, 1, 3, 4]);
    assert_eq!(reported("whitelist_literals", "outliers.summary:shell run by svc_backup"), [0, 1, 2]);
}

#[test]
fn entries_whose_meaning_has_changed_are_reported() {
    let events = r#"{"process":"powershell.exe","user":"evil","hash":"sha256:abcd"}"#;
    let found = |entry: &str| run(SHELL, &format!("[whitelist_literals]\nknown={entry}\n"), events);
    let changed = found("sha256:abcd");
    assert_eq!(changed.documents.len(), 1);
    assert!(changed.finished.stderr.contains("write `field\\:value`"), "{}", changed.finished.stderr);
    let escaped = found("sha256\\:abcd");
    assert_eq!((escaped.documents.len(), escaped.finished.stderr.contains("field:value")), (0, false));
}

/// Two entries decide about one event each; the other ones are as many as lists of indicators have.
#[test]
fn long_whitelists_are_searched() {
    let mut main = String::from("[whitelist_regexps]\n");
    (0..3000).for_each(|n| writeln!(main, "r{n}=^C:\\\\Tools\\\\tool{n:05}\\\\.+\\.exe$").expect("a text"));
    main += "[whitelist_literals]\n";
    (0..3000).for_each(|n| writeln!(main, "l{n}=C:\\Programs\\{n:05}.exe, powershell.exe").expect("a text"));
    let event = |cmd: &str| format!("{}\n", json!({"process": "powershell.exe", "user": "ann", "cmd": cmd}));
    let commands = ["C:\\Tools\\tool02999\\x.exe", "C:\\Tools\\tool3000\\x.exe", "C:\\Programs\\00007.exe", "x"];
    let found = run(SHELL, &main, &commands.map(event).concat());
    let kept: Vec<&str> = found.documents.iter().filter_map(|document| document["cmd"].as_str()).collect();
    assert_eq!(kept, [commands[1], commands[3]]);
    assert_eq!(found.report.numbers("simplequery_shell").whitelisted, 2);
}
