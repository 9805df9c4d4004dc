//! The history of runs: each is there, with what it found, however it ended.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::program::{self, Finished};
use crate::site::Site;

const USE_CASE: &str = "\
[simplequery_bad]
es_query_filter=bad:1
run_model=1
outlier_type=a
outlier_reason=b
outlier_summary={process} is bad
";

fn site() -> Site {
    Site::new("[general]\nstate_dir=state\n", USE_CASE)
}

impl Site {
    fn bad_processes(&self, bad: &[&str]) {
        let line = |process: &&str| format!(r#"{{"@timestamp":"2024-05-01T00:00:00Z","process":"{process}","bad":1}}"#);
        self.write("events.ndjson", &bad.iter().map(line).collect::<Vec<_>>().join("\n"));
    }

    fn runs(&self, args: &[&str]) -> Finished {
        program::run(self.path(), &[&["runs"], args, &["--config", "main.conf"]].concat())
    }

    fn json(&self, args: &[&str]) -> Value {
        let text = self.runs(&[args, &["--json"]].concat()).expect_code(0).stdout;
        serde_json::from_str(&text).expect("JSON")
    }
}

fn summaries(findings: &Value) -> Vec<&str> {
    let findings = findings.as_array().expect("findings").iter();
    let mut summaries: Vec<&str> = findings.map(|finding| finding["summary"].as_str().expect("a text")).collect();
    summaries.sort_unstable();
    summaries
}

#[test]
fn runs_are_listed_shown_and_compared() {
    let site = site();
    let stderr = site.runs(&["list"]).expect_code(2).stderr;
    assert!(stderr.contains("no run is recorded"), "{stderr}");
    site.bad_processes(&["a", "b"]);
    site.run().expect_code(0);
    site.bad_processes(&["b", "c\\u001b[2J"]);
    site.run().expect_code(0);
    site.bad_processes(&[]);
    site.run().expect_code(4);
    let list = site.json(&["list"]);
    let outcomes: Vec<(&str, u64)> = list
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| (run["outcome"].as_str().expect("a text"), run["exit_code"].as_u64().expect("a code")))
        .collect();
    assert_eq!(outcomes, [("complete", 0), ("complete", 0), ("failed", 4)]);
    let text = site.runs(&["list"]).expect_code(0).stdout;
    assert_eq!(text.lines().count(), 4, "{text}");
    let shown = site.json(&["show", "1"]);
    assert_eq!(summaries(&shown["findings"]), ["a is bad", "b is bad"]);
    assert_eq!(shown["findings"][0]["outlier"]["model_type"], "simplequery");
    assert_eq!((&shown["run"]["n_outliers"], &shown["report"]["totals"]["outliers"]), (&2.into(), &2.into()));
    let id = list[1]["id"].as_str().expect("an id");
    let text = site.runs(&["show", id]).expect_code(0).stdout;
    assert!(text.contains("c\\u{1b}[2J is bad") && !text.contains('\u{1b}'), "{text}");
    let id = shown["findings"][0]["id"].as_str().expect("an id");
    let text = site.runs(&["show", "1"]).expect_code(0).stdout;
    assert!(text.contains(&id[..8]), "the id for explain: {text}");
    let failed = site.runs(&["show", "3"]).expect_code(0).stdout;
    assert!(failed.contains("missing: no event was read"), "{failed}");
    let diff = site.json(&["diff", "1", "2"]);
    let parts = ["new", "repeated", "gone"].map(|part| summaries(&diff[part]));
    assert_eq!(parts, [vec!["c\u{1b}[2J is bad"], vec!["b is bad"], vec!["a is bad"]]);
    let text = site.runs(&["diff", "2", "1"]).expect_code(0).stdout;
    assert!(text.starts_with("run 2 to run 1: 1 new, 1 repeated, 1 gone"), "{text}");
    let stderr = site.runs(&["show", "9"]).expect_code(2).stderr;
    assert!(stderr.contains("no run is called 9"), "{stderr}");
}

#[test]
fn the_report_names_the_run() {
    let site = site();
    site.bad_processes(&["a"]);
    let args = ["run", "--config", "main.conf", "--use-cases", "use_cases.conf", "--events", "events.ndjson"];
    program::run(site.path(), &[&args[..], &["--report", "report.json"]].concat()).expect_code(0);
    let report: Value =
        serde_json::from_slice(&fs::read(site.path().join("report.json")).expect("there")).expect("JSON");
    assert_eq!(report["run"], site.json(&["list"])[0]["id"]);
}

#[test]
fn a_killed_run_is_interrupted() {
    let site = site();
    site.bad_processes(&["a"]);
    // standard input stays open: the run waits for more
    let args = ["run", "--config", "main.conf", "--use-cases", "use_cases.conf", "--events", "-"];
    let mut child = program::start(site.path(), &args);
    let outcome = || site.json(&["list"])[0]["outcome"].as_str().map(str::to_owned);
    let is_listed = || site.runs(&["list"]).code == 0 && outcome().is_some();
    for _ in 0..600 {
        if is_listed() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(outcome().as_deref(), Some("running"));
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert_eq!(outcome().as_deref(), Some("interrupted"));
    site.run().expect_code(0);
    let list = site.json(&["list"]);
    assert_eq!((&list[0]["outcome"], &list[1]["outcome"]), (&"interrupted".into(), &"complete".into()));
}

#[test]
fn old_runs_are_forgotten() {
    let site = site();
    site.write("main.conf", "[general]\nstate_dir=state\nhistory_size=1\n");
    site.bad_processes(&["a"]);
    for _ in 0..3 {
        site.run().expect_code(0);
    }
    let list = site.json(&["list"]);
    assert_eq!((list.as_array().map(Vec::len), &list[0]["number"]), (Some(1), &3.into()));
}
