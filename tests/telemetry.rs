//! The log: spans of runs and use cases, and files that are moved while a run goes on.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program;

const USE_CASES: &str = "\
[simplequery_a]
es_query_filter=user:ann
outlier_type=t
outlier_reason=r
outlier_summary=a
run_model=1

[simplequery_b]
es_query_filter=user:bob
outlier_type=t
outlier_reason=r
outlier_summary=b
run_model=1
";

const EVENTS: &str = "{\"user\":\"ann\"}\n{\"user\":\"bob\"}\n{\"user\":\"bob\"}\n";

fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for (name, text) in [("use_cases.conf", USE_CASES), ("main.conf", config), ("events.ndjson", EVENTS)] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn args(events: &str) -> Vec<&str> {
    vec!["run", "--config", "main.conf", "--use-cases", "use_cases.conf", "--events", events, "-o", "out.ndjson"]
}

fn parsed(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// Names of the spans of a line, from the outermost.
fn spans(line: &Value) -> Vec<&str> {
    let spans = line["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
    spans.iter().filter_map(|span| span["name"].as_str()).collect()
}

#[test]
fn json_lines_say_in_which_run_and_use_case_they_were_logged() {
    let folder = folder("[general]\nlog_file=run.log\n");
    let mut line = args("events.ndjson");
    line.extend(["-v", "--log-format", "json"]);
    let finished = program::run(folder.path(), &line).expect_code(0);
    let logged = fs::read_to_string(folder.path().join("run.log")).expect("the log is written");
    let (on_stderr, _summary): (Vec<&str>, Vec<&str>) = finished.stderr.lines().partition(|line| line.starts_with('{'));
    for lines in [parsed(&on_stderr.join("\n")), parsed(&logged)] {
        let mut outliers = BTreeMap::new();
        let mut n_ended = 0;
        for line in &lines {
            let fields = &line["fields"];
            match fields["message"].as_str().expect("a message") {
                "judged" => {
                    assert_eq!(spans(line), ["run", "use_case"], "{line}");
                    assert_eq!(line["span"]["use_case"], fields["use_case"], "{line}");
                    assert_eq!(line["spans"][0]["started"].as_str().map(|time| &time[10..11]), Some("T"), "{line}");
                    let name = fields["use_case"].as_str().expect("a name");
                    assert_eq!(outliers.insert(name, fields["outliers"].as_u64()), None, "one span per use case");
                }
                "run ended" => {
                    assert_eq!((spans(line), &fields["exit_code"]), (vec!["run"], &0.into()), "{line}");
                    n_ended += 1;
                }
                _ => {}
            }
        }
        assert_eq!(outliers, BTreeMap::from([("simplequery_a", Some(1)), ("simplequery_b", Some(2))]));
        assert_eq!(n_ended, 1);
    }
}

#[test]
fn warnings_as_json_have_spans_even_if_nothing_else_is_logged() {
    let folder = folder("[general]\n");
    fs::write(folder.path().join("main.conf"), "[general]\nes_save_result=0\n").expect("written");
    let mut line = args("events.ndjson");
    line.extend(["--log-format", "json"]);
    let stderr = program::run(folder.path(), &line).expect_code(0).stderr;
    let warning = stderr.lines().find(|line| line.contains("es_save_result")).expect("a warning");
    let warning: Value = serde_json::from_str(warning).expect("JSON");
    assert_eq!((spans(&warning), &warning["level"]), (vec!["run"], &"WARN".into()));
}

#[test]
fn lines_for_people_have_no_spans() {
    let folder = folder("[general]\nlog_file=run.log\n");
    let mut line = args("events.ndjson");
    line.push("-vv");
    let finished = program::run(folder.path(), &line).expect_code(0);
    let logged = fs::read_to_string(folder.path().join("run.log")).expect("the log is written");
    for text in [&finished.stderr, &logged] {
        assert!(text.contains("judged use_case=\"simplequery_b\" outliers=2"), "{text}");
        assert!(!text.contains("run{") && !text.contains("use_case{"), "{text}");
    }
}

fn wait_for(path: &Path) {
    let started = Instant::now();
    while !path.exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "{} does not appear", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_log_file_that_is_moved_away_is_opened_again() {
    let folder = folder("[general]\nlog_file=run.log\n");
    let (path, moved) = (folder.path().join("run.log"), folder.path().join("run.log.1"));
    let mut child = program::start(folder.path(), &args("-"));
    wait_for(&path);
    fs::rename(&path, &moved).expect("moved");
    child.stdin.take().expect("piped").write_all(EVENTS.as_bytes()).expect("read");
    program::finish(child).expect_code(0);
    let logged = fs::read_to_string(&path).expect("opened again");
    assert!(logged.contains("run ended"), "{logged}");
    assert!(!fs::read_to_string(&moved).expect("still there").contains("run ended"));
}
