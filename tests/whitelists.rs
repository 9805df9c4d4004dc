//! Whitelists that people dare to use: entries are suggested, tried out, and end.

use std::fs;

use serde_json::{Value, json};

use crate::program::{self, Finished};
use crate::site::{Site, rare_processes};

/// A site with state, and processes that are rare on their host.
fn site(rare: &[&str]) -> Site {
    let site = Site::new("[general]\nstate_dir=state\n", &rare_processes(2));
    let event = |host: &str, process: &str, label: &str| {
        json!({"@timestamp": "2024-05-01T00:00:00Z", "host": host, "process": process, "label": label}).to_string()
    };
    let common = (0..4).map(|_| event("web", "common", "background"));
    let rare = rare.iter().flat_map(|process| [event("web", process, "background"), event("db", process, "attack")]);
    site.write("events.ndjson", &common.chain(rare).collect::<Vec<_>>().join("\n"));
    site
}

impl Site {
    fn whitelist(&self, args: &[&str]) -> Finished {
        let config = ["--config", "main.conf", "--use-cases", "use_cases.conf"];
        program::run(self.path(), &[&["whitelist"], args, &config].concat())
    }

    fn previewed(&self, args: &[&str]) -> Value {
        let text = self.whitelist(&[&["preview"], args, &["--json"]].concat()).expect_code(0).stdout;
        serde_json::from_str(&text).expect("JSON")
    }

    /// Id, aggregator and target of the findings of the last run.
    fn findings(&self) -> Vec<(String, String, String)> {
        let runs = program::run(self.path(), &["runs", "list", "--json", "--config", "main.conf"]).expect_code(0);
        let runs: Value = serde_json::from_str(&runs.stdout).expect("JSON");
        let last = runs.as_array().expect("a list").last().expect("a run")["id"].as_str().expect("a text").to_owned();
        let shown =
            program::run(self.path(), &["runs", "show", &last, "--json", "--config", "main.conf"]).expect_code(0);
        let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let findings = shown["findings"].as_array().expect("a list").iter();
        findings.map(|finding| (text(&finding["id"]), text(&finding["aggregator"]), text(&finding["target"]))).collect()
    }

    fn append(&self, name: &str, text: &str) {
        let known = fs::read_to_string(self.path().join(name)).expect("a file");
        self.write(name, &format!("{known}\n{text}"));
    }
}

/// Values that entries can hardly name.
const HOSTILE: [&str; 9] = [
    "C:\\a, b\\",
    "a\\,b",
    "//server/share",
    "x\n[simplequery_x]\ny=1",
    "\u{1b}[2J\u{202e}",
    "a ; b # c",
    "outliers.term:x",
    "(.*",
    "{process} \u{1f600}",
];

#[test]
fn a_suggested_entry_hides_its_finding_and_nothing_else() {
    for source in [&[][..], &["--events", "events.ndjson"]] {
        let site = site(&HOSTILE);
        site.run().expect_code(0);
        let mut left = site.findings();
        assert_eq!(left.len(), 18);
        // every third one: each needs runs of its own
        for (id, aggregator, target) in left.clone().into_iter().step_by(3) {
            let suggested = site.whitelist(&[&["suggest", &id], source].concat()).expect_code(0).stdout;
            assert!(
                suggested.contains("# Hides 1 outlier of it and nothing else, tested on "),
                "{target}: {suggested}"
            );
            assert!(!suggested.contains(['\u{1b}', '\u{202e}']), "{suggested}");
            site.append("use_cases.conf", &suggested);
            site.run().expect_code(0);
            left.retain(|finding| *finding != (id.clone(), aggregator.clone(), target.clone()));
            let mut found = site.findings();
            found.sort_unstable();
            left.sort_unstable();
            assert_eq!(found, left, "{target}: {suggested}");
            let entries = site.report()["whitelist"].clone();
            assert!(
                entries
                    .as_array()
                    .expect("a list")
                    .iter()
                    .all(|entry| entry["status"] == "used" && entry["accepted"] == 1),
                "{entries}"
            );
        }
    }
}

#[test]
fn suggestions_ask_for_one_finding() {
    let site = site(&["alpha", "beta"]);
    let stderr = site.whitelist(&["suggest", "12"]).expect_code(2).stderr;
    assert!(stderr.contains("no run is recorded"), "{stderr}");
    site.run().expect_code(0);
    let list = site.whitelist(&["suggest"]).expect_code(0).stdout;
    assert!(list.starts_with("4 findings of run 1 (") && list.contains("  terms_process: alpha on web\n"), "{list}");
    assert!(site.findings().iter().all(|(id, ..)| list.contains(&format!("\n{}  ", &id[..12]))), "{list}");
    let stderr = site.whitelist(&["suggest", "xyz"]).expect_code(2).stderr;
    assert!(stderr.contains("not the id of a finding"), "{stderr}");
    let id = site.findings()[0].0.clone();
    let unknown = if id.starts_with('0') { "1111111111" } else { "0000000000" };
    let stderr = site.whitelist(&["suggest", unknown]).expect_code(2).stderr;
    assert!(stderr.contains("has an id that begins with"), "{stderr}");
    let notes = ["--owner", "ann", "--reason", "known tool", "--expires", "2099-12-31"];
    let suggested = site.whitelist(&[&["suggest", &id[..12]][..], &notes].concat()).expect_code(0).stdout;
    let written = "expires = 2099-12-31\nowner = ann\nreason = known tool\n";
    assert!(suggested.ends_with(written) && suggested.contains("[whitelist:terms_process "), "{suggested}");
    let attack = ["--events", "events.ndjson", "--label", "label=attack"];
    let of_db = site.findings().into_iter().find(|(_, aggregator, _)| aggregator == "db").unwrap().0;
    let suggested = site.whitelist(&[&["suggest", &of_db][..], &attack].concat()).expect_code(0).stdout;
    assert!(suggested.contains("# ATTACK: 1 outlier is labelled as such."), "{suggested}");
}

const ENTRIES: &str = "[whitelist:broad]\nliterals = process:alpha\nowner = bob\n\
    [whitelist:old]\nregexps = outliers.term:^beta$\nexpires = 2020-01-31\n\
    [whitelist:typo]\nliterals = outliers.term:alph\n[whitelist_literals]\nanywhere = alpha, db\n";

#[test]
fn a_preview_counts_what_each_entry_hides() {
    let site = site(&["alpha", "beta"]);
    site.write("new.conf", ENTRIES);
    site.run().expect_code(0);
    let counts = |previewed: &Value| -> Vec<(String, u64, u64, u64, Option<u64>)> {
        let number = |entry: &Value, key: &str| entry[key].as_u64().unwrap();
        let entries = previewed["entries"].as_array().expect("a list").iter();
        let counts = entries.map(|entry| {
            let name = entry["name"].as_str().expect("a text").to_owned();
            let (findings, perhaps) = (number(entry, "findings"), number(entry, "findings_perhaps"));
            (name, findings, perhaps, number(entry, "documents"), entry["attacks"].as_u64())
        });
        counts.collect()
    };
    let row =
        |name: &str, findings, perhaps, documents, attacks| (name.to_owned(), findings, perhaps, documents, attacks);
    let by_events = site.previewed(&["new.conf", "--events", "events.ndjson", "--label", "label=attack"]);
    assert_eq!(by_events["findings"], 4);
    let expected = [
        row("broad", 2, 0, 2, Some(1)),
        row("old", 2, 0, 2, Some(1)),
        row("typo", 0, 0, 0, Some(0)),
        row("anywhere", 1, 0, 1, Some(1)),
    ];
    assert_eq!(counts(&by_events), expected);
    // fields of events are not in the history
    let by_history = site.previewed(&["new.conf"]);
    let expected = [
        row("broad", 0, 4, 0, None),
        row("old", 2, 0, 2, None),
        row("typo", 0, 0, 0, None),
        row("anywhere", 1, 3, 1, None),
    ];
    assert_eq!(counts(&by_history), expected);
    let shown =
        site.whitelist(&["preview", "new.conf", "--events", "events.ndjson", "--label", "label=attack"]).expect_code(0);
    assert!(shown.stdout.contains("1 entry hides nothing: `typo` (new.conf:"), "{}", shown.stdout);
    assert!(shown.stdout.contains("expired"), "{}", shown.stdout);
    assert!(
        shown.stderr.contains("would hide events that are labelled as attacks: `broad` (new.conf:1:1)"),
        "{}",
        shown.stderr
    );
    // entries of the configuration are taken out before they are tried
    site.append("use_cases.conf", ENTRIES);
    let of_configuration = site.previewed(&["--events", "events.ndjson", "--label", "label=attack"]);
    assert_eq!(counts(&of_configuration)[0], row("broad", 2, 0, 2, Some(1)));
    site.write("new.conf", "[whitelist:bad]\nregexps = (\n");
    site.whitelist(&["preview", "new.conf"]).expect_code(78);
    site.write("new.conf", "");
    site.whitelist(&["preview", "new.conf"]).expect_code(78);
}

#[test]
fn expired_entries_accept_nothing_and_are_reported() {
    let site = site(&["beta"]);
    site.append("use_cases.conf", "[whitelist:b]\nliterals = process:beta\nexpires = 2024-05-02\nowner = ann\n");
    site.run_with(&["--now", "2024-05-02T23:59:59Z"]).expect_code(0);
    assert!(site.findings().is_empty());
    let entry = |site: &Site| site.report()["whitelist"][0].clone();
    assert_eq!((&entry(&site)["status"], &entry(&site)["accepted"]), (&"used".into(), &2.into()));
    let finished = site.run_with(&["--now", "2024-05-03T00:00:00Z"]).expect_code(0);
    assert_eq!(site.findings().len(), 2);
    assert_eq!((&entry(&site)["status"], &entry(&site)["owner"]), (&"expired".into(), &"ann".into()));
    let warning = "the whitelist entry expired at 2024-05-03T00:00:00Z and accepts nothing; its owner is `ann`";
    assert!(finished.stderr.contains(warning), "{}", finished.stderr);
    assert!(site.report()["problems"].to_string().contains("expired at"), "{}", site.report()["problems"]);
    let check = ["check", "--config", "main.conf", "--use-cases", "use_cases.conf"];
    let checked = program::run(site.path(), &check).expect_code(0);
    assert!(
        checked.stderr.contains("use_cases.conf:14:1: warning") && checked.stderr.contains(warning),
        "{}",
        checked.stderr
    );
    program::run(site.path(), &[&check[..], &["--deny-warnings"]].concat()).expect_code(78);
}

#[test]
fn entries_that_are_wrong_accept_nothing() {
    for (entry, expected) in [
        ("literals = process:beta\nexpires = soon", "not a day or a time: `soon`"),
        ("literals = process:beta\nexpires =", "not a day or a time"),
        ("literals = process:beta\nregexps = process:beta", "either `literals` or `regexps`"),
        ("owner = ann", "literals"),
        ("regexps = process:(", "not a regular expression"),
    ] {
        let site = site(&["beta"]);
        site.append("use_cases.conf", &format!("[whitelist:x]\n{entry}\n"));
        let check = ["check", "--config", "main.conf", "--use-cases", "use_cases.conf"];
        let checked = program::run(site.path(), &check).expect_code(78);
        assert!(checked.stderr.contains(expected), "{entry}: {}", checked.stderr);
        site.run();
        assert_eq!(site.report()["totals"]["whitelisted"], 0, "{entry}");
    }
}

#[test]
fn old_entries_mean_what_they_always_did() {
    // what looks like a note is a value there
    let site = site(&["expires=2020-01-01", "beta"]);
    site.append("use_cases.conf", "[whitelist_literals]\nowner = expires=2020-01-01\nexpires = reason=x\n");
    site.run().expect_code(0);
    let targets: Vec<String> = site.findings().into_iter().map(|(_, _, target)| target).collect();
    assert_eq!(targets, ["beta", "beta"]);
    let entries = site.report()["whitelist"].clone();
    let statuses: Vec<(&str, &str)> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["name"].as_str().expect("a text"), entry["status"].as_str().expect("a text")))
        .collect();
    assert_eq!(statuses, [("owner", "used"), ("expires", "unused")]);
}
