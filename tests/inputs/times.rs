//! Times as logs have them: each form gives the same findings, and what is no time is counted.

use std::fs;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{self, Finished, Report};

/// A use case that finds programs that are new on their host.
const NEW_PROGRAM: &str = "[sudden_appearance_new]\nes_query_filter=*\naggregator=host\ntarget=program\n\
    history_window_days=2\nhistory_window_hours=0\nsliding_window_size=1:0:0\nsliding_window_step_size=0:2:0\n\
    outlier_type=t\noutlier_reason=r\noutlier_summary=new {target_value}\nrun_model=1\n";

/// A use case that finds the events of a query.
fn query(query: &str) -> String {
    format!(
        "[simplequery_query]\nes_query_filter={query}\noutlier_type=t\noutlier_reason=r\noutlier_summary=found {{n}}\nrun_model=1\n"
    )
}

/// A run over events in a folder of its own.
struct Run {
    folder: TempDir,
    finished: Finished,
}

impl Run {
    /// Runs `use_cases` over files of events, with further arguments.
    fn new(use_cases: &str, files: &[(&str, String)], main: &str, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        fs::create_dir(folder.path().join("events")).expect("a folder for events");
        fs::write(folder.path().join("u.conf"), use_cases).expect("use cases");
        fs::write(folder.path().join("main.conf"), main).expect("a main configuration");
        for (name, text) in files {
            fs::write(folder.path().join("events").join(name), text).expect("events");
        }
        let mut all = vec!["run", "--config", "main.conf", "--use-cases", "u.conf", "--events", "events"];
        all.extend(["-o", "out.ndjson", "--report", "report.json"]);
        all.extend(args);
        let finished = program::run(folder.path(), &all);
        Run { folder, finished }
    }

    fn report(&self) -> Value {
        Report::read(&self.folder.path().join("report.json")).json().clone()
    }

    /// Events with findings, as they were read, without `outliers` and `tags`.
    fn found(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("out.ndjson")).expect("the output is written");
        let event = |line: &str| {
            let mut hit: Value = serde_json::from_str(line).expect("JSON");
            let event = hit["_source"].as_object_mut().expect("an object");
            event.retain(|key, _| key != "outliers" && key != "tags");
            hit["_source"].take()
        };
        text.lines().map(event).collect()
    }

    /// Values of a field of the events with findings.
    fn found_in(&self, field: &str) -> Vec<Value> {
        let mut found: Vec<Value> = self.found().iter().map(|event| event[field].clone()).collect();
        found.sort_by_key(Value::to_string);
        found
    }

    /// Number of events that a use case skipped for a reason.
    fn skipped(&self, reason: &str) -> u64 {
        self.report()["use_cases"][0]["skipped_events"][reason].as_u64().unwrap_or(0)
    }
}

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect("a time").to_utc()
}

/// Two days of `common.exe` on one host, every hour, and at the end `new.exe`, with times as
/// `write` writes them.
fn two_days(start: &str, write: impl Fn(DateTime<Utc>) -> Value) -> String {
    let start = time(start);
    let hours = (0..48).map(|hour| (start + TimeDelta::hours(hour), "common.exe"));
    let new = (start + TimeDelta::minutes(47 * 60 + 30), "new.exe");
    hours
        .chain([new])
        .map(|(time, program)| format!("{}\n", json!({"ts": write(time), "host": "h1", "program": program})))
        .collect()
}

/// Writes a time in some form.
type Write = Box<dyn Fn(DateTime<Utc>) -> Value>;

#[test]
fn every_form_of_time_gives_the_same_findings() {
    let formatted = |form: &'static str| move |time: DateTime<Utc>| Value::from(time.format(form).to_string());
    let forms: Vec<(&str, Write)> = vec![
        ("ISO", Box::new(formatted("%Y-%m-%dT%H:%M:%SZ"))),
        ("without a zone", Box::new(formatted("%Y-%m-%dT%H:%M:%S"))),
        ("blank, comma", Box::new(formatted("%Y-%m-%d %H:%M:%S,123"))),
        ("blank before the zone", Box::new(formatted("%Y-%m-%d %H:%M:%S +00:00"))),
        ("basic", Box::new(formatted("%Y%m%dT%H%M%SZ"))),
        ("week", Box::new(formatted("%G-W%V-%uT%H:%M:%SZ"))),
        ("day of the year", Box::new(formatted("%Y-%jT%H:%M:%SZ"))),
        ("slashes", Box::new(formatted("%Y/%m/%d %H:%M:%S"))),
        ("RFC 2822", Box::new(formatted("%a, %d %b %Y %H:%M:%S +0000"))),
        ("ctime", Box::new(formatted("%a %b %e %H:%M:%S %Y"))),
        ("Common Log Format", Box::new(formatted("%d/%b/%Y:%H:%M:%S +0000"))),
        ("syslog", Box::new(formatted("%b %e %H:%M:%S"))),
        ("seconds", Box::new(|time| time.timestamp().into())),
        ("seconds as text", Box::new(|time| time.timestamp().to_string().into())),
        ("fractions of seconds", Box::new(|time| (time.timestamp() as f64 + 0.774_572).into())),
        ("milliseconds", Box::new(|time| time.timestamp_millis().into())),
        ("microseconds", Box::new(|time| time.timestamp_micros().into())),
        ("nanoseconds", Box::new(|time| time.timestamp_nanos_opt().into())),
        (".NET", Box::new(|time| format!("/Date({}+0200)/", time.timestamp_millis()).into())),
        ("MongoDB", Box::new(|time| json!({"$date": time.to_rfc3339()}))),
        ("MongoDB, number", Box::new(|time| json!({"$date": time.timestamp_millis()}))),
        ("MongoDB, long", Box::new(|time| json!({"$date": {"$numberLong": time.timestamp_millis().to_string()}}))),
    ];
    for (name, write) in forms {
        // syslog has no year: these days are in the past in every year
        let start = if name == "syslog" { "2024-01-01T00:00:00Z" } else { "2024-05-01T10:00:00Z" };
        let events = two_days(start, write);
        let run = Run::new(NEW_PROGRAM, &[("e.ndjson", events)], "[general]\ntimestamp_field=ts\n", &[]);
        assert_eq!(run.finished.code, 0, "{name}: {}", run.finished.stderr);
        assert_eq!(run.found_in("program"), ["new.exe"], "{name}");
        assert_eq!(run.skipped("without a readable timestamp"), 0, "{name}");
    }
}

/// Times of one instant in many forms, two of which are ambiguous.
const MIXED: [&str; 9] = [
    r#""2024-11-20T10:00:00Z""#,
    r#""Nov 20 10:00:00""#,
    r#""20/Nov/2024:10:00:00 +0000""#,
    "1732096800",
    "1732096800.25",
    "1732096800000000000",
    r#""2024-11-20 10:00:00 UTC""#,
    r#""20.11.2024 10:00""#,
    r#""11/20/2024 10:00:00 AM""#,
];

fn mixed() -> String {
    MIXED.iter().enumerate().map(|(n, time)| format!("{{\"@timestamp\": {time}, \"n\": {n}}}\n")).collect()
}

#[test]
fn ambiguous_times_are_counted_and_never_guessed() {
    let at = ["--from", "2024-11-20T09:59:59Z", "--to", "2024-11-20T10:00:01Z"];
    let run = Run::new(&query("*"), &[("e.ndjson", mixed())], "", &at);
    assert_eq!(run.found_in("n"), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(run.skipped("without a readable timestamp"), 2);
    // a time without a year is in any year
    let epoch = Run::new(&query("NOT n:1"), &[("e.ndjson", mixed())], "", &["--to", "1980-01-01T00:00:00Z"]);
    assert_eq!(epoch.found(), Vec::<Value>::new(), "nothing is in 1970");
}

#[test]
fn formats_settle_what_is_ambiguous() {
    let at = ["--from", "2024-11-20T09:59:59Z", "--to", "2024-11-20T10:00:01Z"];
    let both = "[general]\ntimestamp_format=dd.MM.yyyy HH:mm||MM/dd/yyyy hh:mm:ss a\n";
    let run = Run::new(&query("*"), &[("e.ndjson", mixed())], both, &at);
    assert_eq!(run.found_in("n"), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    // a date with dots only, and times of the same field in another format in another use case
    let dots = format!("{}timestamp_format=dd.MM.yyyy HH:mm\n", query("n:>6"));
    let slashes = dots.replace("query_query", "query_other").replace("dd.MM.yyyy HH:mm", "MM/dd/yyyy hh:mm:ss a");
    let run = Run::new(&format!("{dots}{slashes}"), &[("e.ndjson", mixed())], "", &at);
    assert_eq!(run.found_in("n"), [7, 8]);
    let report = run.report();
    for use_case in report["use_cases"].as_array().expect("use cases") {
        assert_eq!((&use_case["events"], &use_case["outliers"]), (&json!(1), &json!(1)), "{use_case}");
    }
}

#[test]
fn formats_that_cannot_be_used_are_errors_with_their_place() {
    let wrong = format!("{}timestamp_format=epoch_second||yyyy-MM-ddTHH\n", query("*"));
    let run = Run::new(&wrong, &[("e.ndjson", mixed())], "[general]\ntimestamp_format=HH:mm\n", &[]);
    assert_ne!(run.finished.code, 0);
    for expected in ["main.conf:2:18", "it has no date", "u.conf:7:32", "the letter `T` has no meaning"] {
        assert!(run.finished.stderr.contains(expected), "{expected}: {}", run.finished.stderr);
    }
}

fn seconds() -> String {
    (0..60).map(|n| format!("{{\"ts\": {}.857497, \"n\": {n}}}\n", 1_547_188_415 + n * 60)).collect()
}

#[test]
fn queries_compare_the_time_field_as_times() {
    let main = "[general]\ntimestamp_field=ts\n";
    let found =
        |text: &str, args: &[&str]| Run::new(&query(text), &[("e.ndjson", seconds())], main, args).found().len();
    assert_eq!(found("ts:[2019-01-01 TO 2019-12-31]", &[]), 60);
    assert_eq!(found("ts:[2018-01-01 TO 2018-12-31]", &[]), 0);
    assert_eq!(found("ts:{* TO \"2019-01-11T06:43:00Z\"}", &[]), 10);
    assert_eq!(found("ts:>=1547188475", &[]), 59);
    assert_eq!(found("*", &["--from", "2019-01-11T07:00:00Z", "--to", "2019-01-11T08:00:00Z"]), 33);
}

#[test]
fn formats_of_a_mapping_count() {
    let events: String = (0..10).map(|n| format!("{{\"t\": \"{:02}.01.2019\", \"n\": {n}}}\n", n + 1)).collect();
    let mapping = r#"{"i":{"mappings":{"properties":{"t":{"type":"date","format":"dd.MM.yyyy"}}}}}"#;
    let folder = tempfile::tempdir().expect("a scratch folder");
    let mapping_file = folder.path().join("mapping.json");
    fs::write(&mapping_file, mapping).expect("a mapping");
    let mapping_file = mapping_file.display().to_string();
    let main = "[general]\ntimestamp_field=t\n";
    let period = ["--mapping", &mapping_file, "--from", "2019-01-03T00:00:00Z"];
    let run = Run::new(&query("t:[* TO 2019-01-05]"), &[("e.ndjson", events.clone())], main, &period);
    assert_eq!(run.found_in("n"), [2, 3, 4]);
    let run = Run::new(&query("t:\"05.01.2019\""), &[("e.ndjson", events)], main, &period[..2]);
    assert_eq!(run.found_in("n"), [4]);
}

#[test]
fn an_event_of_the_far_future_changes_nothing_for_the_others() {
    let clean = two_days("2024-05-01T10:00:00Z", |time| time.to_rfc3339().into());
    let late = json!({"ts": "2099-01-01T00:00:00Z", "host": "x", "program": "y"});
    let early = json!({"ts": "0001-01-01T00:00:00Z", "host": "h1", "program": "common.exe"});
    let main = "[general]\ntimestamp_field=ts\n";
    let run = Run::new(NEW_PROGRAM, &[("e.ndjson", format!("{late}\n{clean}"))], main, &[]);
    assert_eq!((run.finished.code, run.found_in("program")), (0, vec![json!("new.exe")]));
    assert_eq!(run.skipped("later than a day from now"), 1);
    let warning = "warning: sudden_appearance_new: 1 event ignored: later than a day from now";
    assert!(run.finished.stderr.contains(warning), "{}", run.finished.stderr);
    assert_eq!(run.report()["warnings"].as_array().map(Vec::len), Some(1));
    let run = Run::new(NEW_PROGRAM, &[("e.ndjson", clean.clone()), ("f.ndjson", early.to_string())], main, &[]);
    assert_eq!(run.found_in("ts"), [json!("0001-01-01T00:00:00Z"), json!("2024-05-03T09:30:00+00:00")]);
    // an event that is yet to come counts if the user says when that is
    let run =
        Run::new(NEW_PROGRAM, &[("e.ndjson", format!("{late}\n{clean}"))], main, &["--now", "2099-01-01T00:00:00Z"]);
    assert_eq!(run.found_in("program"), ["y"]);
}

#[test]
fn joined_recordings_are_judged_as_each_would_be_alone() {
    let main = "[general]\ntimestamp_field=ts\n";
    let write = |time: DateTime<Utc>| Value::from(time.to_rfc3339());
    let recordings =
        ["2018-03-01T00:00:00Z", "2024-05-01T10:00:00Z", "2004-12-31T12:00:00Z"].map(|start| two_days(start, write));
    let mut alone = Vec::new();
    for recording in &recordings {
        alone.extend(Run::new(NEW_PROGRAM, &[("e.ndjson", recording.clone())], main, &[]).found_in("ts"));
    }
    alone.sort_by_key(Value::to_string);
    assert_eq!(alone.len(), 3);
    let joined = Run::new(NEW_PROGRAM, &[("e.ndjson", recordings.concat())], main, &[]);
    assert_eq!(joined.found_in("ts"), alone);
    // in any order, with any threads
    let mut lines: Vec<&str> = recordings.iter().flat_map(|text| text.lines()).collect();
    lines.reverse();
    let shuffled = Run::new(NEW_PROGRAM, &[("e.ndjson", lines.join("\n"))], main, &["--threads", "1"]);
    assert_eq!(shuffled.found_in("ts"), alone);
}

#[test]
fn years_of_syslog_follow_from_its_neighbours_in_any_order() {
    let dated = json!({"ts": "2019-03-02T00:00:00Z", "n": 0}).to_string();
    let syslog = ["Mar  1 23:00:00", "Mar  2 23:00:00", "Mar  3 01:00:00", "Feb 29 12:00:00"];
    let mut lines: Vec<String> = syslog
        .iter()
        .enumerate()
        .map(|(n, ts)| json!({"ts": ts, "n": n + 1, "host": "h", "program": n}).to_string())
        .collect();
    lines.push(dated);
    let every = NEW_PROGRAM.replace("1:0:0", "2:0:0").replace("0:2:0", "2:0:0");
    for _ in 0..2 {
        let run = Run::new(&every, &[("e.ndjson", lines.join("\n"))], "[general]\ntimestamp_field=ts\n", &[]);
        let text = fs::read_to_string(run.folder.path().join("out.ndjson")).expect("the output is written");
        let mut ends: Vec<String> = Vec::new();
        for hit in text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")) {
            let end = hit["_source"]["outliers"]["end_time_window"][0].as_str().expect("a time").to_owned();
            ends.push(format!("{} {end}", hit["_source"]["n"]));
        }
        ends.sort();
        let expected =
            ["1 2019-03-02 23:00:00", "2 2019-03-02 23:00:00", "3 2018-03-03 01:00:00", "4 2016-02-29 12:00:00"];
        assert_eq!(ends, expected);
        lines.reverse();
    }
}
