//! Files for monitoring: they name metrics, alerts and fields that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ee_outliers::http::metrics::FAMILIES;
use serde_json::Value;

use crate::program;

/// Set to write the files that are made from the program anew.
const REWRITE: &str = "EE_OUTLIERS_REWRITE";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Names in the first column of the tables of the documentation that begin with one of `starts`.
fn documented(starts: &[&str]) -> BTreeSet<String> {
    let readme = text("README.md");
    let names = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    names.filter(|name| starts.iter().any(|start| name.starts_with(start))).map(str::to_owned).collect()
}

/// Names of metrics in expressions.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_metric = |word: &&str| word.starts_with("ee_outliers_") || word.starts_with("process_");
    words.filter(is_metric).map(str::to_owned).collect()
}

#[test]
fn alerts_and_panels_use_documented_metrics() {
    let known = documented(&["ee_outliers_", "process_"]);
    assert!(known.len() > 20, "{known:?}");
    for name in ["alerts.yml", "alerts_test.yml", "grafana.json"] {
        let used = metrics(&text(name));
        assert!(used.is_subset(&known), "{name}: {:?}", used.difference(&known));
    }
    let shown = metrics(&text("grafana.json"));
    assert!(known.is_subset(&shown), "no panel shows {:?}", known.difference(&shown));
}

#[test]
fn every_metric_of_the_daemon_is_documented() {
    let names = FAMILIES.iter().map(|family| family.name.to_owned()).collect();
    assert_eq!(documented(&["ee_outliers_", "process_"]), names);
}

#[test]
fn every_alert_is_documented_and_complete() {
    let alerts = text("alerts.yml");
    let rules: Vec<&str> = alerts.split("      - alert: ").skip(1).collect();
    let names: BTreeSet<String> = rules.iter().map(|rule| rule.lines().next().expect("a name").to_owned()).collect();
    assert_eq!(names.len(), rules.len());
    assert_eq!(names, documented(&["EeOutliers"]));
    for rule in rules {
        for needed in ["        expr: ", "          severity: ", "          summary: ", "          description: "] {
            assert_eq!(rule.matches(needed).count(), 1, "{needed}in {rule}");
        }
    }
}

#[test]
fn the_dashboard_has_one_place_per_panel() {
    let dashboard: Value = serde_json::from_str(&text("grafana.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut taken = BTreeSet::new();
    for panel in panels {
        let place = |key: &str| panel["gridPos"][key].as_u64().expect("a number");
        assert!(place("x") + place("w") <= 24, "{}", panel["title"]);
        for cell in (place("x")..place("x") + place("w"))
            .flat_map(|x| (place("y")..place("y") + place("h")).map(move |y| (x, y)))
        {
            assert!(taken.insert(cell), "{} overlaps another panel", panel["title"]);
        }
    }
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len());
}

#[test]
fn saved_objects_are_those_that_the_program_makes() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::write(folder.path().join("main.conf"), "[general]\nes_index_pattern=logs-*\n").expect("written");
    for program in ["kibana", "opensearch"] {
        let args = ["setup", "--config", "main.conf", "--saved-objects", program];
        let made = program::run(folder.path(), &args).expect_code(0).stdout;
        let name = format!("{program}.ndjson");
        if std::env::var_os(REWRITE).is_some() {
            fs::write(path(&name), &made).expect("written");
        }
        assert!(made == text(&name), "{name} is old: run this test with {REWRITE}=1");
    }
}
