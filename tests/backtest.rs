//! `backtest` says how good use cases are, in figures that were worked out by hand.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::program::{self, Finished};

/// Finds `evil.exe`.
const QUERY: &str = "[simplequery_evil]\nrun_model=1\nes_query_filter=process.name:evil.exe\noutlier_type=t\n\
    outlier_reason=r\noutlier_summary={process.name} on {host.name}\n";

/// Finds names that occur more than 4 times on a host.
fn counting(sensitivity: &str) -> String {
    format!(
        "[terms_often]\nrun_model=1\nes_query_filter=*\ntarget=process.name\naggregator=host.name\n\
         target_count_method=within_aggregator\ntrigger_on=high\ntrigger_method=float\n\
         trigger_sensitivity={sensitivity}\noutlier_type=t\noutlier_reason=r\noutlier_summary={{term}}\n"
    )
}

/// Recordings r1, r2 and r5 hold attacks, r3 is not labelled, r4 is background. There are 8 attack
/// events, 7 background events on 2 days, and 1 that is neither.
const EVENTS: [(&str, &str, &str, &str, &str); 16] = [
    ("2024-05-01T10:00:00Z", "h1", "a.exe", "background", "r1"),
    ("2024-05-01T10:01:00Z", "h1", "evil.exe", "attack", "r1"),
    ("2024-05-01T10:02:00Z", "h1", "ok.exe", "attack", "r1"),
    ("2024-05-01T11:00:00Z", "h2", "c.exe", "background", "r2"),
    ("2024-05-01T11:00:10Z", "h2", "evil2.exe", "attack", "r2"),
    ("2024-05-01T12:00:00Z", "h3", "evil.exe", "unknown", "r3"),
    ("2024-05-01T13:00:00Z", "h4", "evil.exe", "background", "r4"),
    ("2024-05-02T13:00:00Z", "h4", "b.exe", "background", "r4"),
    ("2024-05-02T13:00:01Z", "hb", "y.exe", "background", "r4"),
    ("2024-05-02T13:00:02Z", "hb", "y.exe", "background", "r4"),
    ("2024-05-02T13:00:03Z", "hb", "y.exe", "background", "r4"),
    ("2024-05-03T10:00:00Z", "ha", "x.exe", "attack", "r5"),
    ("2024-05-03T10:00:01Z", "ha", "x.exe", "attack", "r5"),
    ("2024-05-03T10:00:02Z", "ha", "x.exe", "attack", "r5"),
    ("2024-05-03T10:00:03Z", "ha", "x.exe", "attack", "r5"),
    ("2024-05-03T10:00:04Z", "ha", "x.exe", "attack", "r5"),
];

const LABELS: [&str; 4] = ["--label", "labels.attack=attack", "--recording", "labels.recording"];

fn write_events(folder: &Path) {
    let mut text = String::new();
    for (time, host, process, label, recording) in EVENTS {
        let labels = json!({"attack": label, "recording": recording});
        let event = json!({"@timestamp": time, "host": {"name": host}, "process": {"name": process}, "labels": labels});
        writeln!(text, "{event}").expect("text");
    }
    write(folder, "events.ndjson", &text);
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("written");
}

/// A folder with the events, and use cases in `u.conf`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write_events(folder.path());
    write(folder.path(), "u.conf", &format!("{QUERY}{}", counting("4")));
    folder
}

fn backtest(folder: &Path, more: &[&str], code: i32) -> Finished {
    let args = ["backtest", "--events", "events.ndjson", "-q"];
    let use_cases: &[&str] = if more.contains(&"--use-cases") { &[] } else { &["--use-cases", "u.conf"] };
    program::run(folder, &[&args[..], use_cases, more].concat()).expect_code(code)
}

fn as_json(folder: &Path, more: &[&str]) -> Value {
    let finished = backtest(folder, &[&LABELS[..], &["--format", "json"], more].concat(), 0);
    serde_json::from_str(&finished.stdout).expect("JSON")
}

fn counts(attack: u64, background: u64, neither: u64) -> Value {
    json!({"attack": attack, "background": background, "neither": neither})
}

/// Result of a use case.
fn of<'a>(result: &'a Value, name: &str) -> &'a Value {
    let use_cases = result["use_cases"].as_array().expect("use cases");
    use_cases.iter().find(|use_case| use_case["name"] == name).unwrap_or_else(|| panic!("no {name} in {result}"))
}

fn assert_near(value: &Value, expected: f64) {
    assert!(value.as_f64().is_some_and(|value| (value - expected).abs() < 1e-9), "{value} is not {expected}");
}

#[test]
fn figures_are_those_worked_out_by_hand() {
    let folder = folder();
    let result = as_json(folder.path(), &[]);
    let body = &result["body"];
    assert_eq!(body["events"], counts(8, 7, 1));
    assert_eq!(body["background_days"], 2);
    assert_eq!(body["recordings"], counts(3, 1, 1));
    let labels = body["labels"].as_array().expect("labels");
    let label = |value: &str| labels.iter().find(|label| label["value"] == value).expect("a label");
    assert_eq!(label("unknown")["kind"], "neither");
    assert_eq!((&label("background")["kind"], &label("background")["events"]), (&json!("background"), &json!(7)));

    let evil = of(&result, "simplequery_evil");
    assert_eq!(evil["documents"], counts(1, 1, 1));
    assert_eq!(evil["findings"], counts(1, 1, 1));
    assert_eq!((&evil["recordings"], &evil["unlabelled_recordings"]), (&json!(1), &json!(1)));
    assert_near(&evil["background_documents"]["per_10k_events"], 10_000.0 / 7.0);
    assert_near(&evil["background_documents"]["per_day"], 0.5);
    assert_near(&evil["background_findings"]["per_day"], 0.5);
    assert_near(&evil["precision"], 0.5);
    assert_near(&evil["precision_at"]["10"], 0.5);
    // the findings have the same score, so the order of their texts decides: h1 comes before h4.
    // One of three recordings is found, at precision 1.
    assert_near(&evil["average_precision"], 1.0 / 3.0);
    // r1 after a minute, r3 at once: the lower one of two is the median
    assert_near(&evil["seconds_to_first"], 0.0);

    let often = of(&result, "terms_often");
    assert_eq!(often["documents"], counts(5, 0, 0));
    assert_eq!(often["findings"], counts(1, 0, 0));
    assert_eq!(often["sensitivity"], 4.0);
    assert_near(&often["background_documents"]["per_10k_events"], 0.0);
    assert_near(&often["average_precision"], 1.0 / 3.0);

    let all = &result["in_all"];
    assert_eq!(all["documents"], counts(6, 1, 1));
    assert_eq!(all["findings"], counts(2, 1, 1));
    assert_eq!((&all["recordings"], &all["unlabelled_recordings"]), (&json!(2), &json!(1)));
    assert_near(&all["precision"], 6.0 / 7.0);

    let recordings = result["recordings"].as_array().expect("recordings");
    let found_by: Vec<usize> =
        recordings.iter().map(|recording| recording["found_by"].as_array().expect("names").len()).collect();
    assert_eq!(found_by, [1, 0, 1, 0, 1]);
    assert_near(&recordings[0]["seconds_to_first"], 60.0);
}

#[test]
fn documents_are_those_that_a_run_writes() {
    let folder = folder();
    let conf = format!("{QUERY}{}", counting("0.5"));
    for main in ["", "max_documents_per_finding=2\n", "outlier_budget=3\n"] {
        write(folder.path(), "u.conf", &conf);
        write(folder.path(), "main.conf", &format!("[general]\n{main}"));
        let config = ["--config", "main.conf"];
        let documents = as_json(folder.path(), &config)["in_all"]["documents"].clone();
        let run = ["run", "--events", "events.ndjson", "--use-cases", "u.conf", "-o", "out.ndjson", "-q"];
        program::run(folder.path(), &[&run[..], &config].concat()).expect_code(0);
        let out = std::fs::read_to_string(folder.path().join("out.ndjson")).expect("written");
        let n_with = |label: &str| {
            let is_one = |line: &&str| {
                let document: Value = serde_json::from_str(line).expect("JSON");
                document["_source"]["labels"]["attack"] == label
            };
            out.lines().filter(is_one).count() as u64
        };
        assert_eq!(documents, counts(n_with("attack"), n_with("background"), n_with("unknown")), "{main}");
    }
}

#[test]
fn other_sensitivities_are_judged_from_the_same_events() {
    let folder = folder();
    let result = as_json(folder.path(), &["--curves"]);
    let curve = of(&result, "terms_often")["curve"].as_array().expect("a curve");
    let points: Vec<(f64, Value, u64)> = curve
        .iter()
        .map(|point| {
            let sensitivity = point["sensitivity"].as_f64().expect("a number");
            (sensitivity, point["documents"].clone(), point["recordings"].as_u64().expect("a number"))
        })
        .collect();
    let expected = [
        (0.5, counts(8, 7, 1), 3),
        (1.0, counts(5, 3, 0), 1),
        (2.0, counts(5, 3, 0), 1),
        (3.0, counts(5, 0, 0), 1),
        (4.0, counts(5, 0, 0), 1),
        (6.0, counts(0, 0, 0), 0),
        (8.0, counts(0, 0, 0), 0),
        (16.0, counts(0, 0, 0), 0),
        (32.0, counts(0, 0, 0), 0),
    ];
    assert_eq!(points, expected);
    assert_eq!(curve.iter().filter(|point| point["in_use"] == true).count(), 1);
    assert_eq!(curve[4]["in_use"], true);
    assert_eq!(curve[0]["findings"], counts(4, 5, 1));
    // a query has one point: it is as it is
    assert_eq!(of(&result, "simplequery_evil")["curve"].as_array().map(Vec::len), Some(1));
    // without curves, the figures are the same
    let plain = as_json(folder.path(), &[]);
    assert_eq!((&plain["in_all"], &plain["recordings"]), (&result["in_all"], &result["recordings"]));
}

#[test]
fn required_use_cases_are_those_in_use_while_others_vary() {
    let folder = folder();
    // what is often, on hosts with evil.exe: none, because evil.exe is on h1, h3 and h4
    let evil = counting("0.5").replace("terms_often", "terms_evil").replace("=*", "=process.name:evil.exe");
    let often = counting("0.5") + "requires=terms_evil\n";
    write(folder.path(), "u.conf", &format!("{evil}{often}"));
    let result = as_json(folder.path(), &["--curves"]);
    let curve = of(&result, "terms_often")["curve"].as_array().expect("a curve");
    // h1: a, evil and ok; h3: evil; h4: evil and b
    assert_eq!(of(&result, "terms_often")["documents"], counts(2, 3, 1));
    for point in curve {
        let is_all = point["sensitivity"].as_f64() < Some(1.0);
        let expected = if is_all { counts(2, 3, 1) } else { counts(0, 0, 0) };
        assert_eq!(point["documents"], expected, "{point}");
    }
}

#[test]
fn proposals_stay_within_the_budget() {
    let folder = folder();
    let proposed = |budget: &str| {
        let result = as_json(folder.path(), &["--suggest", "--budget", budget]);
        let suggestion = result["suggestion"].clone();
        let use_cases = suggestion["use_cases"].as_array().expect("use cases").clone();
        let sensitivities: Vec<Option<Value>> = use_cases
            .iter()
            .map(|proposal| (proposal["run"] == true).then(|| proposal["sensitivity"].clone()))
            .collect();
        (sensitivities, suggestion["found"].clone(), suggestion["background_findings_per_day"].clone())
    };
    // simplequery_evil costs 1 background finding and finds r1 and r3. terms_often finds r5 for
    // nothing, and r1, r2, r3 and r5 for 5.
    assert_eq!(proposed("0/day"), (vec![None, Some(json!(4.0))], json!(1), json!(0.0)));
    assert_eq!(proposed("0.5/day"), (vec![Some(Value::Null), Some(json!(4.0))], json!(3), json!(0.5)));
    assert_eq!(proposed("3/day"), (vec![None, Some(json!(0.5))], json!(4), json!(2.5)));
    let table = backtest(folder.path(), &[&LABELS[..], &["--suggest", "--budget", "0.5/day"]].concat(), 0).stdout;
    assert!(table.contains("within 0.5 background findings per day: 3 recordings with 0.5 per day"), "{table}");
    let finished = backtest(folder.path(), &[&LABELS[..], &["--suggest", "--budget", "5"]].concat(), 2);
    assert!(finished.stderr.contains("50/day"), "{}", finished.stderr);
}

#[test]
fn two_configurations_are_compared() {
    let folder = folder();
    write(folder.path(), "main.conf", "[assets]\nhost.name=host\n");
    write(folder.path(), "accepted.conf", "[assets]\nhost.name=host\n[whitelist_literals]\nx=x.exe\n");
    write(folder.path(), "a.conf", &counting("4"));
    std::fs::create_dir(folder.path().join("b")).expect("a folder");
    write(folder.path(), "b/b.conf", &format!("{QUERY}{}", counting("2")));
    let compare = |a: &str, b: &str| as_json(folder.path(), &["--config", "main.conf", "--compare", a, b]);
    let result = compare("a.conf", "b");
    let shown = |key: &str| {
        let findings = result[key].as_array().expect("findings");
        let mut shown: Vec<String> = findings
            .iter()
            .map(|finding| format!("{} {} {}", finding["kind"], finding["recordings"], finding["assets"]))
            .collect();
        shown.sort();
        shown
    };
    let expected = [
        r#""attack" ["r1"] ["host: h1"]"#,
        r#""background" ["r4"] ["host: h4"]"#,
        r#""background" ["r4"] ["host: hb"]"#,
        r#""neither" ["r3"] ["host: h3"]"#,
    ];
    assert_eq!(shown("gained"), expected);
    assert!(shown("lost").is_empty());
    let found: Vec<(Value, Value)> = result["recordings"]
        .as_array()
        .expect("recordings")
        .iter()
        .map(|recording| (recording["found_by_a"].clone(), recording["found_by_b"].clone()))
        .collect();
    let [yes, no] = [json!(true), json!(false)];
    let expected = [(&no, &yes), (&no, &no), (&no, &yes), (&no, &no), (&yes, &yes)];
    assert_eq!(found, expected.map(|(a, b)| (a.clone(), b.clone())));
    assert_eq!(result["assets"][3], json!({"name": "host: hb", "gained": 1, "lost": 0}));

    // two main configurations, with the same use cases
    let result = compare("main.conf", "accepted.conf");
    assert_eq!(
        (result["gained"].as_array().map(Vec::len), result["lost"].as_array().map(Vec::len)),
        (Some(0), Some(1))
    );
    assert_eq!(result["lost"][0]["target"], "x.exe");
    let table = backtest(folder.path(), &[&LABELS[..], &["--compare", "a.conf", "b"]].concat(), 0).stdout;
    assert!(table.contains("gained: 4 findings") && table.contains("recording r1: found by B only"), "{table}");
    let csv = backtest(folder.path(), &[&LABELS[..], &["--compare", "b", "a.conf", "--format", "csv"]].concat(), 0);
    assert_eq!(csv.stdout.lines().filter(|line| line.starts_with("lost,")).count(), 4, "{}", csv.stdout);
}

#[test]
fn labels_that_no_event_has_are_errors() {
    let folder = folder();
    let check = |args: &[&str], expected: &[&str]| {
        let stderr = backtest(folder.path(), args, 2).stderr;
        expected.iter().for_each(|part| assert!(stderr.contains(part), "no {part} in {stderr}"));
    };
    let seen = "`labels.attack` has `attack` (8 events), `background` (7 events), `unknown` (1 event)";
    check(&["--label", "labels.attack=evil"], &["no event has this value", "`evil`", seen]);
    check(&["--label", "labels.attack=attack", "--background", "labels.attack=normal"], &["--background", seen]);
    check(&["--label", "label.attack=attack"], &["no event has a value in `label.attack`"]);
    check(&["--recording", "labels.dataset"], &["--recording", "no event has a value in `labels.dataset`"]);
    check(&["--label", "attack"], &["FIELD=VALUE"]);
    check(&[], &["--label"]);
}

#[test]
fn values_that_are_named_as_background_are_the_only_background() {
    let folder = folder();
    let result = as_json(folder.path(), &["--background", "labels.attack=unknown"]);
    assert_eq!(result["body"]["events"], counts(8, 1, 7));
    // r4 is not known to be background now: evil.exe finds it
    let evil = of(&result, "simplequery_evil");
    assert_eq!((&evil["documents"], &evil["unlabelled_recordings"]), (&counts(1, 1, 1), &json!(1)));
}

#[test]
fn without_labels_any_flagged_event_finds_its_recording() {
    let folder = folder();
    let args = ["--recording", "labels.recording", "--format", "json"];
    let result: Value = serde_json::from_str(&backtest(folder.path(), &args, 0).stdout).expect("JSON");
    assert_eq!(result["body"]["recordings"], counts(0, 0, 5));
    let all = &result["in_all"];
    // r1, r3 and r4 by evil.exe, r5 by x.exe
    assert_eq!((&all["recordings"], &all["unlabelled_recordings"]), (&json!(0), &json!(4)));
    assert_eq!(all["precision"], Value::Null);
}

#[test]
fn without_recordings_attack_events_are_what_is_found() {
    let folder = folder();
    let args = ["--label", "labels.attack=attack", "--format", "json"];
    let result: Value = serde_json::from_str(&backtest(folder.path(), &args, 0).stdout).expect("JSON");
    // five of eight attack events, all in one finding
    assert_near(&of(&result, "terms_often")["average_precision"], 5.0 / 8.0);
    assert!(result.get("recordings").is_none());
}

#[test]
fn halves_of_the_recordings_add_up() {
    let folder = folder();
    let whole = as_json(folder.path(), &[]);
    let halves = ["a", "b"].map(|half| as_json(folder.path(), &["--half", half]));
    let sum = |path: &[&str]| {
        let number = |result: &Value| path.iter().fold(result, |value, key| &value[*key]).as_u64().expect("a number");
        (halves.iter().map(number).sum::<u64>(), number(&whole))
    };
    for path in [
        ["body", "events", "attack"],
        ["body", "events", "background"],
        ["body", "recordings", "attack"],
        ["in_all", "documents", "attack"],
        ["in_all", "findings", "background"],
    ] {
        let (halves, whole) = sum(&path);
        assert_eq!(halves, whole, "{path:?}");
    }
    // the first bytes of the SHA-256 of r1 to r5 are 0x82, 0xdb, 0xe4, 0xa2 and 0x5e
    let names = |result: &Value| -> Vec<String> {
        let recordings = result["recordings"].as_array().expect("recordings");
        recordings.iter().filter_map(|recording| recording["name"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(names(&halves[0]), ["r1", "r3", "r4", "r5"]);
    assert_eq!(names(&halves[1]), ["r2"]);
}

#[test]
fn windows_restrict_what_is_counted() {
    let folder = folder();
    let result = as_json(folder.path(), &["--from", "2024-05-03T00:00:00Z"]);
    assert_eq!(result["body"]["events"], counts(5, 0, 0));
    assert_eq!(result["in_all"]["documents"], counts(5, 0, 0));
    assert_eq!(result["in_all"]["background_documents"]["per_day"], Value::Null);
}

#[test]
fn use_cases_that_look_at_labels_are_told() {
    let folder = folder();
    write(folder.path(), "main.conf", "[field_aliases]\nverdict=labels.attack\n");
    let by_label = counting("4").replace("target=process.name", "target=labels.attack");
    let by_alias = counting("4").replace("terms_often", "terms_alias").replace("target=process.name", "target=verdict");
    let by_query = QUERY.replace("process.name:evil.exe", "labels.recording:r1 AND process.name:*");
    let by_all = QUERY.replace("simplequery_evil", "simplequery_all").replace("process.name:evil.exe", "evil.exe");
    let clean = QUERY.replace("simplequery_evil", "simplequery_clean");
    write(folder.path(), "u.conf", &format!("{by_label}{by_alias}{by_query}{by_all}{clean}"));
    let stderr = program::run(
        folder.path(),
        &[&["backtest", "--config", "main.conf", "--use-cases", "u.conf", "--events", "events.ndjson"], &LABELS[..]]
            .concat(),
    )
    .expect_code(0)
    .stderr;
    for part in
        ["terms_often", "terms_alias", "its target looks at `labels.attack`", "its query looks at `labels.recording`"]
    {
        assert!(stderr.contains(part), "no {part} in {stderr}");
    }
    assert_eq!(stderr.matches("which labels the events").count(), 5, "{stderr}");
    assert_eq!(stderr.matches("simplequery_all").count(), 2, "{stderr}");
    assert!(!stderr.contains("simplequery_clean"), "{stderr}");
}

#[test]
fn hostile_text_stays_text_in_every_form() {
    const HOSTILE: &str = "=<script>alert(1)</script>\u{1b}[2J\u{202e}{{ 7*7 }}";
    let folder = folder();
    let mut text = String::new();
    for label in ["attack", HOSTILE] {
        let labels = json!({"attack": label, "recording": HOSTILE});
        let event = json!({"host": {"name": HOSTILE}, "process": {"name": "evil.exe"}, "labels": labels});
        writeln!(text, "{event}").expect("text");
    }
    write(folder.path(), "events.ndjson", &text);
    write(folder.path(), "main.conf", "[assets]\nhost.name=host\n");
    let empty = QUERY.replace("evil.exe", "none.exe");
    write(folder.path(), "empty.conf", &empty);
    let compare = ["--config", "main.conf", "--compare", "empty.conf", "u.conf"];
    for more in [&["--curves"][..], &compare] {
        for format in ["table", "csv", "html"] {
            // no event matches in empty.conf, which is not a failure
            let finished = backtest(folder.path(), &[&LABELS[..], more, &["--format", format]].concat(), 0);
            let shown = &finished.stdout;
            assert!(!shown.contains('\u{1b}') || format == "csv", "{format}: {shown}");
            match format {
                "html" => {
                    assert!(shown.contains("&lt;script&gt;") && !shown.contains("<script"), "{shown}");
                    assert!(!shown.contains('\u{202e}'), "{shown}");
                }
                "table" => assert!(!shown.contains('\u{202e}'), "{shown}"),
                _ => assert!(!shown.contains(",=<script"), "{shown}"),
            }
        }
    }
    let wrong = backtest(folder.path(), &["--label", "labels.attack=no"], 2).stderr;
    assert!(wrong.contains("\\u{1b}") && !wrong.contains('\u{1b}'), "{wrong}");
}

#[test]
fn forms_follow_the_name_of_the_file() {
    let folder = folder();
    for (name, start) in
        [("r.json", "{"), ("r.csv", "use_case,"), ("r.html", "<!doctype html>"), ("r.txt", "16 events")]
    {
        let finished = backtest(folder.path(), &[&LABELS[..], &["--curves", "-o", name]].concat(), 0);
        assert_eq!(finished.stdout, "");
        let text = std::fs::read_to_string(folder.path().join(name)).expect("written");
        assert!(text.starts_with(start), "{name}: {text}");
    }
    let page = std::fs::read_to_string(folder.path().join("r.html")).expect("written");
    assert!(page.contains("<svg") && page.contains("in use: 4") && page.contains("<style>"), "{page}");
    let rows = std::fs::read_to_string(folder.path().join("r.csv")).expect("written");
    // header, all, two use cases, nine points and one
    assert_eq!(rows.lines().count(), 14, "{rows}");
    let stderr = backtest(folder.path(), &[&LABELS[..], &["-o", "events.ndjson"]].concat(), 2).stderr;
    assert!(stderr.contains("-o events.ndjson: it would replace events.ndjson, which is read"), "{stderr}");
}

#[test]
fn use_cases_that_cannot_use_the_events_are_told() {
    let folder = folder();
    let elsewhere = QUERY.replace("process.name:evil.exe", "nowhere:1");
    write(folder.path(), "u.conf", &format!("{}{}", elsewhere, counting("4").replace("process.name", "nowhere")));
    let finished = backtest(folder.path(), &LABELS, 3);
    assert!(finished.stdout.contains("terms_often (unusable)"), "{}", finished.stdout);
    assert!(finished.stderr.contains("missing: terms_often"), "{}", finished.stderr);
}
