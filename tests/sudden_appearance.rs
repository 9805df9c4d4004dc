//! New targets among ordinary ones: which of them are too improbable to be chance.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use crate::outliers;
use crate::program::{self, Report};
use crate::random::Random;

const USE_CASE: &str = "\
[sudden_appearance_process]
es_query_filter=*
target=process
aggregator=host
sliding_window_size=1:00:00
sliding_window_step_size=1:00:00
run_model=1
outlier_type=a
outlier_reason=b
outlier_summary={process} on {host}
";

/// Events as lines, a few seconds after each other.
#[derive(Default)]
struct Events(Vec<String>);

impl Events {
    fn push(&mut self, host: u64, process: &str) {
        let second = self.0.len() * 10;
        let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
        let time = format!("2024-05-07T{clock}Z");
        self.0.push(format!(r#"{{"@timestamp":"{time}","host":"host{host}","process":"{process}"}}"#));
    }

    /// Twenty hosts with five processes. Three hosts get one more, which comes late and stays.
    fn with_three_that_stay() -> Self {
        let (mut events, mut random) = (Events::default(), Random(3));
        for number in 0..8_000 {
            let (host, process) = (random.below(20), random.below(5));
            let is_planted = number >= 7_600 && number % 60 < 3;
            let (host, process) = if is_planted { (number % 60, 9) } else { (host, process) };
            events.push(host, &format!("{process}.exe"));
        }
        events
    }
}

/// Summaries of the outliers, one per event, and the report.
fn run(folder: &Path, use_case: &str, events: &[String]) -> (Vec<String>, Report) {
    let text = events.iter().fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").expect("a string");
        text
    });
    std::fs::write(folder.join("use_cases.conf"), use_case).expect("written");
    std::fs::write(folder.join("events.ndjson"), text).expect("written");
    let args = ["run", "-q", "--use-cases", "use_cases.conf", "--events", "events.ndjson", "-o", "out.ndjson"];
    program::run(folder, &[&args[..], &["--report", "report.json"]].concat()).expect_code(0);
    let found = outliers::read(&folder.join("out.ndjson")).expect("well-formed output");
    let summary = |stored: &serde_json::Map<_, _>| stored["summary"][0].as_str().expect("a text").to_owned();
    let mut summaries: Vec<String> = found.values().map(summary).collect();
    summaries.sort_unstable();
    (summaries, Report::read(&folder.join("report.json")))
}

fn with_rate(rate: &str) -> String {
    format!("{USE_CASE}trigger_method=fdr\ntrigger_sensitivity={rate}\n")
}

#[test]
fn new_targets_of_noise_are_chance() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut events, mut random) = (Events::default(), Random(14));
    for _ in 0..8_000 {
        // the process of rank r is about r times as rare as the first one
        let process = 1_000_f64.powf(random.uniform()) as u64;
        events.push(random.below(10), &format!("{process}.exe"));
    }
    assert!(run(folder.path(), USE_CASE, &events.0).0.len() > 1_000, "all first appearances");
    assert_eq!(run(folder.path(), &with_rate("0.05"), &events.0).0, [""; 0]);
}

#[test]
fn what_comes_late_and_stays_is_found_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut events = Events::with_three_that_stay();
    let expected = ["9.exe on host0", "9.exe on host1", "9.exe on host2"];
    let (found, _) = run(folder.path(), &with_rate("0.05"), &events.0);
    assert_eq!(found, expected);
    let output = || std::fs::read(folder.path().join("out.ndjson")).expect("outliers");
    let as_written = output();
    let stored = String::from_utf8(as_written.clone()).expect("UTF-8");
    let surprise = stored.lines().next().and_then(|line| {
        let hit: serde_json::Value = serde_json::from_str(line).expect("JSON");
        hit["_source"]["outliers"]["surprise"][0].as_f64()
    });
    assert!(surprise.is_some_and(|bits| bits > 16.0), "{surprise:?}");
    let mut before = BTreeSet::new();
    for rate in ["1e-30", "1e-6", "0.01", "0.3", "0.99"] {
        assert!(rate != "1e-6" || before.is_empty(), "{before:?}");
        let found: BTreeSet<String> = run(folder.path(), &with_rate(rate), &events.0).0.into_iter().collect();
        assert!(found.is_superset(&before), "{rate}: {found:?} after {before:?}");
        before = found;
    }
    assert_eq!(before.len(), 3);
    events.0.reverse();
    assert_eq!(run(folder.path(), &with_rate("0.05"), &events.0).0, expected);
    assert_eq!(ids_removed(&output()), ids_removed(&as_written));
}

/// Lines without the ids, which say where in its file an event is.
fn ids_removed(output: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(output);
    let lines = text.lines().map(|line| {
        let hit: serde_json::Value = serde_json::from_str(line).expect("JSON");
        hit["_source"].to_string()
    });
    lines.collect()
}

#[test]
fn whitelisted_appearances_are_known_to_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let events = Events::with_three_that_stay();
    let use_case = format!("{}\n[whitelist_literals]\nknown=host:host1\n", with_rate("0.05"));
    let (found, report) = run(folder.path(), &use_case, &events.0);
    assert_eq!(found, ["9.exe on host0", "9.exe on host2"]);
    let numbers = report.numbers("sudden_appearance_process");
    assert_eq!((numbers.outliers, numbers.whitelisted), (2, 1), "later events are not new because of it");
}

#[test]
fn other_triggers_are_configuration_errors() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases = [
        ("trigger_method=percentile\ntrigger_sensitivity=5\n", "knows fdr only", "write fdr, or remove the key"),
        ("trigger_method=fdr\n", "missing", "such as 0.05"),
        ("trigger_method=fdr\ntrigger_sensitivity=5\n", "not a false discovery rate", "between 0 and 1"),
        ("trigger_sensitivity=0.05\n", "without trigger_method", "write trigger_method = fdr as well"),
    ];
    for (keys, message, help) in cases {
        std::fs::write(folder.path().join("use_cases.conf"), format!("{USE_CASE}{keys}")).expect("written");
        let finished = program::run(folder.path(), &["check", "--use-cases", "use_cases.conf"]).expect_code(78);
        let shown = format!("{}{}", finished.stdout, finished.stderr);
        assert!(shown.contains(message) && shown.contains(help), "{keys}: {shown}");
    }
}
