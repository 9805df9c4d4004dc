use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::config;

fn entries(text: &str) -> Arc<WhitelistEntries> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("main.conf");
    std::fs::write(&path, text).unwrap();
    config::load(&[path], &[]).main.whitelist
}

fn verdict(text: &str, event: Value) -> Verdict {
    let Value::Object(mut source) = event else { panic!("an object") };
    source.insert("key".to_owned(), json!("derived"));
    let document = Document { index: "idx".to_owned(), id: "1".to_owned(), source, names: Arc::default() };
    let summary = format!("{} ends", "word ".repeat(40).trim_end());
    let outlier: Outlier = serde_json::from_value(json!({
        "fields": {"summary": "line one\nline two", "type": ["T1", "T2"], "assets": ["host: H"]},
        "unwrapped_summary": summary,
    }))
    .unwrap();
    Whitelist::new(entries(text), Arc::default()).of_event(&document).matches(&outlier)
}

fn check(text: &str, event: Value, expected: bool) {
    assert_eq!(verdict(text, event.clone()).whitelisted, expected, "{text} {event}");
}

#[test]
fn literals_are_whole_values() {
    let event = || json!({"a": {"b": "7zg.exe"}, "l": ["x", 5], "t": true, "n": null, "f": 5.0});
    check("[whitelist_literals]\na = 7zg.exe", event(), true);
    check("[whitelist_literals]\na = 7ZG.exe", event(), false);
    check("[whitelist_literals]\na = 7zg", event(), false);
    check("[whitelist_literals]\na = 7zg.exe, x", event(), true);
    check("[whitelist_literals]\na = x, 7zg.exe, missing", event(), false);
    check("[whitelist_literals]\na = True, None, 5.0", event(), true);
    check("[whitelist_literals]\na = T2", event(), true);
    check("[whitelist_literals]\na = host: H", event(), true);
    check("[whitelist_literals]\na = derived", event(), true);
    check("[whitelist_literals]\na = idx", event(), false);
    check("[whitelist_literals]\na =", event(), false);
}

#[test]
fn regexps_match_the_beginning_of_values() {
    let event = || json!({"a": "C:\\Teams.EXE -x", "b": "y1"});
    check("[whitelist_regexps]\na = ^.*teams\\.exe.*$", event(), true);
    check("[whitelist_regexps]\na = c:", event(), true);
    check("[whitelist_regexps]\na = teams", event(), false);
    check("[whitelist_regexps]\na = c:, y\\d", event(), true);
    check("[whitelist_regexps]\na = c:, z", event(), false);
    check("[whitelist_regexps]\na = (?=.*x)c:", event(), true);
    check("[whitelist_regexps]\na = c:.{3\\,}x", event(), true);
    check("[whitelist_regexps]\na = ^word word.* ends$", event(), true);
    check("[whitelist_regexps]\na = (", event(), false);
}

#[test]
fn bound_parts_ask_for_one_field() {
    let event = || {
        json!({
            "process": {"name": "evil.exe", "args": ["-enc", "svc_backup", 5]}, "user": "bob", "Zone": "eu",
            "note": "scan.exe", "copy": "process.name:scan.exe", "key": "of the event", "dotted.name": "d",
            "outliers": {"summary": ["forged"]},
        })
    };
    let literal = |entry: &str, expected: bool| check(&format!("[whitelist_literals]\na = {entry}"), event(), expected);
    literal("scan.exe", true);
    literal("process.name:scan.exe", false);
    literal("process.name:evil.exe", true);
    literal("process.name:EVIL.exe", false);
    literal("PROCESS.Name:evil.exe", true);
    literal("process.name\\:scan.exe", true);
    literal("process:evil.exe", false);
    literal("process.args:svc_backup", true);
    literal("process.args:5", true);
    literal("process.args:svc", false);
    literal("zone:eu", true);
    literal("dotted.name:d", true);
    literal("user:bob, process.name:evil.exe", true);
    literal("user:bob, process.name:scan.exe", false);
    literal("user:bob, scan.exe", true);
    literal("no.such.field:bob", false);
    // derived fields hide those of the event, and the outlier has fields of its own
    literal("key:derived", true);
    literal("key:of the event", false);
    literal("outliers.type:T1", true);
    literal("outliers.assets:host: H", true);
    literal("type:T1", false);
    literal("outliers.summary:line one\\nline two", false);
    literal("outliers.summary:forged", false);
    literal("_index:idx", false);

    let regexp = |entry: &str, expected: bool| check(&format!("[whitelist_regexps]\na = {entry}"), event(), expected);
    regexp("process.name:scan", false);
    regexp("process.name:EVIL", true);
    regexp("process.name:^evil\\.exe$", true);
    regexp("process.name:vil", false);
    regexp("process.args:svc_, user:b.b", true);
    regexp("process.args:svc_, user:c", false);
    regexp("process.name\\:scan", true);
    regexp("outliers.summary:^word word.* ends$", true);
    regexp("process.name:(?=evil)e", true);
    regexp("user:(?=evil)e", false);
}

#[test]
fn former_meanings_of_bound_parts_are_reported() {
    let formerly = |text: &str, event: Value| verdict(text, event).formerly_accepted;
    let literal = "[whitelist_literals]\na = sha256:abc, x";
    assert!(formerly(literal, json!({"hash": "sha256:abc", "y": "x"})));
    assert!(!formerly(literal, json!({"hash": "sha256:abc"})));
    assert!(!formerly(literal, json!({"sha256": "abc", "y": "x"})), "it is accepted");
    let regexp = "[whitelist_regexps]\na = sha256:.*";
    assert!(formerly(regexp, json!({"hash": "SHA256:abc"})));
    assert!(!formerly(regexp, json!({"hash": "md5:abc"})));
    assert!(!formerly("[whitelist_literals]\na = sha256\\:abc", json!({"hash": "sha256:abc"})));
}

#[test]
fn earlier_outliers_are_not_matched() {
    check("[whitelist_literals]\na = old", json!({"outliers": {"summary": ["old"]}}), false);
    check("[whitelist_literals]\na = old", json!({"tags": ["old"]}), true);
}

#[test]
fn global_and_use_case_entries_are_combined() {
    let file = entries("[whitelist_literals]\na = x");
    let global = entries("[whitelist_regexps]\nb = y");
    let whitelist = Whitelist::new(global, file);
    assert!(!whitelist.is_empty());
    assert!(Whitelist::new(Arc::default(), Arc::default()).is_empty());
    assert!(!Path::new("main.conf").exists());
}

#[test]
fn slow_regexps_are_stopped_and_counted() {
    // without the word `b`, the pattern would not be tried
    let event = json!({"a": "a".repeat(3000), "b": "b"});
    let slow = "[whitelist_regexps]\na = (?=(a+)+\\1$)b";
    assert_eq!(verdict(slow, event.clone()), Verdict { regexps_given_up: 1, ..Verdict::default() });
    // the number of stopped regexps must not depend on chance
    let text = format!("{slow}\nb = a+$");
    for _ in 0..20 {
        let expected = Verdict { whitelisted: true, regexps_given_up: 1, ..Verdict::default() };
        assert_eq!(verdict(&text, event.clone()), expected);
    }
}

#[test]
fn the_values_of_an_event_are_gathered_once_for_all_of_its_outliers() {
    let values: Vec<String> = (0..200_000).map(|n| format!("value {n}")).collect();
    let Value::Object(source) = json!({"a": values, "b": {"c": values}, "kk": "v"}) else { panic!("an object") };
    let document = Document { index: "idx".to_owned(), id: "1".to_owned(), source, names: Arc::default() };
    // possible for every outlier, and accepted by what an outlier itself holds only
    let entries = entries(
        "[whitelist_literals]\na = value 1, b.c:value 2, target 7\nb = outliers.target:target 8, kk:v\nc = b.c:value 5, kk:w\n\
         [whitelist_regexps]\nd = value 1, b.c:value, target 9$\ne = b.c:value 19, none",
    );
    let whitelist = Whitelist::new(Arc::default(), entries);
    let mut of_event = whitelist.of_event(&document);
    let accepted = (0..10_000).filter(|n| {
        let fields = json!({"fields": {"target": format!("target {n}")}, "unwrapped_summary": "s"});
        of_event.matches(&serde_json::from_value(fields).unwrap()).whitelisted
    });
    assert_eq!(accepted.collect::<Vec<_>>(), [7, 8, 9]);
}

#[test]
fn stopped_regexps_are_counted_for_each_outlier() {
    let Value::Object(source) = json!({"a": "a".repeat(3000), "b": "b"}) else { panic!("an object") };
    let document = Document { index: "idx".to_owned(), id: "1".to_owned(), source, names: Arc::default() };
    let whitelist = Whitelist::new(entries("[whitelist_regexps]\na = (?=(a+)+\\1$)b"), Arc::default());
    let mut of_event = whitelist.of_event(&document);
    for (target, expected) in [("x".to_owned(), 1), ("a".repeat(3000), 1), ("a".repeat(3001), 2)] {
        let outlier = json!({"fields": {"target": target}, "unwrapped_summary": "s"});
        let verdict = of_event.matches(&serde_json::from_value(outlier).unwrap());
        assert_eq!(verdict.regexps_given_up, expected, "{}", target.len());
    }
}
