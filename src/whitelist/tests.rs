use std::path::Path;

use serde_json::json;

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
    let document = Document { index: "idx".to_owned(), id: "1".to_owned(), source };
    let summary = format!("{} ends", "word ".repeat(40).trim_end());
    let outlier: Outlier = serde_json::from_value(json!({
        "fields": {"summary": "line one\nline two", "type": ["T1", "T2"], "assets": ["host: H"]},
        "unwrapped_summary": summary,
    }))
    .unwrap();
    Whitelist::new(entries(text), Arc::default()).matches(&outlier, &document)
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
    let event = json!({"a": "a".repeat(3000)});
    let slow = "[whitelist_regexps]\na = (?=(a+)+\\1$)b";
    assert_eq!(verdict(slow, event.clone()), Verdict { whitelisted: false, regexps_given_up: 1 });
    // the number of stopped regexps must not depend on chance
    let text = format!("{slow}\nb = a+$");
    for _ in 0..20 {
        assert_eq!(verdict(&text, event.clone()), Verdict { whitelisted: true, regexps_given_up: 1 });
    }
}
