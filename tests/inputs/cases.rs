//! Cases in which a value is not what it seems: its field, its time, its size. The files are those
//! of users, the answers what they expect; the other modules have neighbours of them.

use std::path::Path;

use serde_json::Value;

use super::{Judged, case, judge};
use crate::program;

fn run(name: &str, use_cases: &str, events: &str, options: &[&str]) -> Judged {
    let folder = case(name);
    judge(&folder, Path::new(use_cases), &[events], options)
}

/// Summaries of all outliers, sorted.
fn summaries(judged: &Judged) -> Vec<String> {
    let texts = judged.outliers.values().map(|outlier| match &outlier["summary"] {
        Value::Array(texts) => texts.iter().map(|text| text.as_str().expect("text").to_owned()).collect(),
        text => vec![text.as_str().expect("text").to_owned()],
    });
    let mut texts: Vec<String> = texts.flat_map(|texts: Vec<String>| texts).collect();
    texts.sort();
    texts
}

#[test]
fn times_mean_the_same_in_every_form() {
    let names = [
        "iso_z",
        "dotnet",
        "epoch_ns",
        "epoch_s_float",
        "epoch_s_int",
        "nested_date",
        "nozone",
        "rfc2822",
        "slash",
        "space_ms_comma",
    ];
    for name in names {
        let judged = run("times", "uc.conf", &format!("{name}.ndjson"), &["--config", "main.conf"]);
        assert_eq!((judged.finished.code, judged.n_events()), (0, 49), "{name}: {}", judged.finished.stderr);
        let found = summaries(&judged);
        assert!(found.len() == 1 && found[0].starts_with("new new.exe at "), "{name}: {found:?}");
    }
}

#[test]
fn times_that_cannot_be_read_are_told() {
    let options = ["--now", "2026-11-26T00:00:00Z"];
    let judged = run("unreadable-times", "simple.conf", "ev.ndjson", &options);
    assert_eq!((judged.finished.code, judged.outliers.len()), (3, 7));
    let line = "missing: simplequery_all: 2 events left out: no time could be read in `@timestamp`";
    assert!(judged.finished.stderr.contains(line), "{}", judged.finished.stderr);
}

#[test]
fn times_of_zeek_are_seconds() {
    for (events, mapping) in
        [("conn.log", None), ("conn_iso.log", None), ("conn_ms.log", None), ("conn.log", Some("map_sec.json"))]
    {
        let mut options = vec!["--config", "main.conf"];
        options.extend(mapping.into_iter().flat_map(|mapping| ["--mapping", mapping]));
        let judged = run("zeek-epoch", "uc.conf", events, &options);
        assert_eq!((judged.finished.code, judged.n_events()), (0, 61), "{events}: {}", judged.finished.stderr);
        let of = |use_case: &str| judged.found_by(use_case).len();
        let found = ["sudden_appearance_dest", "simplequery_c2port", "simplequery_time"].map(of);
        assert_eq!(found, [1, 1, 61], "{events} {mapping:?}");
    }
}

#[test]
fn an_event_of_the_future_changes_nothing_for_the_others() {
    let clean = run("time-poisoning", "sa.conf", "clean.ndjson", &[]);
    let poisoned = run("time-poisoning", "sa.conf", "poisoned.ndjson", &[]);
    assert_eq!((summaries(&clean).len(), poisoned.n_events()), (1, clean.n_events() + 1));
    assert_eq!(summaries(&poisoned), summaries(&clean));
    let warning = "warning: sudden_appearance_login: 1 event ignored: later than a day from now";
    assert!(poisoned.finished.stderr.contains(warning), "{}", poisoned.finished.stderr);
}

#[test]
fn elements_of_arrays_of_objects_count_one_by_one() {
    let judged = run("array-of-objects", "uc.conf", "events.ndjson", &["--config", "main.conf"]);
    assert_eq!((judged.finished.code, judged.n_events()), (0, 15), "{}", judged.finished.stderr);
    let expected = [
        "answer 198.51.100.99, 198.51.100.100 for bad.example.org flow 18446744073709551615",
        "flow 2181951993205289",
        "grouped 198.51.100.99, 198.51.100.100",
        "has name Update",
        "long ttl bad.example.org",
        "maxflow 18446744073709551615",
        "mfa change user@example.com StrongAuthenticationMethod, Included Updated Properties",
        "rare answer 198.51.100.100 (1)",
        "rare answer 198.51.100.99 (1)",
        "rare grouped 198.51.100.100 (1)",
        "rare grouped 198.51.100.99 (1)",
    ];
    assert_eq!(summaries(&judged), expected);
    let assets = judged.outliers.values().find_map(|outlier| outlier.get("assets")).expect("assets").to_string();
    assert!(assets.contains("answer: "), "{assets}");
}

#[test]
fn names_in_another_case_are_found() {
    let judged = run("query-field-case", "uc.conf", "ev.ndjson", &[]);
    assert_eq!(
        (judged.finished.code, summaries(&judged)),
        (0, vec!["image a.exe".to_owned(), "image b.exe".to_owned()])
    );
}

#[test]
fn one_extreme_value_leaves_its_group_judged() {
    // numbers of found values, the extreme ones among them
    for (events, mad, stdev) in [("clean", 1, 1), ("p200", 2, 1), ("p308", 2, 1), ("p308x3", 3, 2), ("str", 2, 1)] {
        for (method, n_found) in [("mad", mad), ("madpos", mad), ("pct_of_median_value", mad), ("stdev", stdev)] {
            let judged = run("stdev-overflow", &format!("{method}.conf"), &format!("{events}.ndjson"), &[]);
            let found = judged.found_by("metrics_n");
            assert_eq!((judged.finished.code, found.len()), (0, n_found), "{events} {method}: {found:?}");
        }
    }
}

#[test]
fn outliers_that_an_event_brings_along_change_nothing() {
    let judged = run("forged-outliers", "uc.conf", "ev.ndjson", &[]);
    assert_eq!((judged.finished.code, summaries(&judged)), (0, vec!["shell run by evil".to_owned(); 4]));
}

#[test]
fn whitelist_entries_without_a_field_keep_their_meaning() {
    let judged = run("whitelist-anywhere", "wl.conf", "ev.ndjson", &[]);
    assert_eq!((judged.finished.code, judged.outliers.len()), (0, 1));
    // with a field, only that field counts
    let bound = std::fs::read_to_string(case("whitelist-anywhere").join("wl.conf")).expect("read");
    let bound = bound.replace("backup=svc_backup, C:", "backup=user:svc_backup, process:C:");
    let folder = tempfile::tempdir().expect("a scratch folder");
    std::fs::write(folder.path().join("bound.conf"), bound).expect("written");
    let path = folder.path().join("bound.conf").display().to_string();
    assert_eq!(run("whitelist-anywhere", &path, "ev.ndjson", &[]).outliers.len(), 3);
}

#[test]
fn a_damaged_file_costs_that_file() {
    let judged = run("parquet-panic", "c.conf", "mixed", &[]);
    assert_eq!((judged.finished.code, judged.n_events()), (3, 50), "{}", judged.finished.stderr);
    for folder in ["", "second/", "third/"] {
        let judged = run("parquet-panic", &format!("{folder}c.conf"), &format!("{folder}e.parquet"), &[]);
        assert_eq!(judged.finished.code, 74, "{}", judged.finished.stderr);
        assert!(judged.finished.stderr.contains("e.parquet: "), "{}", judged.finished.stderr);
    }
}

#[test]
fn operators_in_lower_case_are_words_and_worth_a_warning() {
    for (name, word) in [("kql", "and"), ("lower_or", "or"), ("sql", "=")] {
        let line = ["check", "--use-cases", &format!("{name}.conf")];
        let stderr = program::run(&case("lowercase-operators"), &line).expect_code(0).stderr;
        assert!(
            stderr.contains(&format!("{name}.conf:2:17: warning: [terms_rare_child] es_query_filter: `{word}` is")),
            "{stderr}"
        );
        let line = ["check", "--deny-warnings", "--use-cases", &format!("{name}.conf")];
        program::run(&case("lowercase-operators"), &line).expect_code(78);
    }
}

#[test]
fn base64_is_found_behind_other_signs() {
    let judged = run("base64-key-value", "b64.conf", "b64.ndjson", &[]);
    assert_eq!((judged.finished.code, summaries(&judged)), (0, vec!["b64 32".to_owned(); 4]));
}
