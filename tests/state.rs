//! The folder of the state, as an operator sees it: what is in it, and what happens to files that
//! cannot be trusted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::program::{self, Finished};
use crate::site::{Site, rare_processes};

fn site() -> Site {
    let site = Site::new("[general]\nstate_dir=state\n", &rare_processes(2));
    let event =
        |process: &str| format!(r#"{{"@timestamp":"2024-05-01T00:00:00Z","host":"web","process":"{process}"}}"#);
    site.write("events.ndjson", &["a", "b", "b"].map(event).join("\n"));
    site
}

impl Site {
    fn store(&self) -> PathBuf {
        self.path().join("state/state.redb")
    }

    fn state(&self, command: &str, more: &[&str]) -> Finished {
        program::run(self.path(), &[&["state", command, "--config", "main.conf"], more].concat())
    }

    fn shown(&self) -> Value {
        serde_json::from_str(&self.state("show", &["--json"]).expect_code(0).stdout).expect("JSON")
    }
}

#[test]
fn the_folder_is_shown_checked_and_exported() {
    let site = site();
    let usage = program::run(site.path(), &["state", "show"]).expect_code(2).stderr;
    assert!(usage.contains("--state-dir"), "{usage}");
    site.run().expect_code(0);
    site.run().expect_code(0);
    let shown = site.shown();
    assert_eq!((&shown["store"]["runs"], &shown["store"]["last_run"]["outcome"]), (&2.into(), &"complete".into()));
    let memory = &shown["memories"][0];
    assert_eq!((&memory["use_case"], &memory["days"]), (&"terms_process".into(), &1.into()));
    let text = site.state("show", &[]).expect_code(0).stdout;
    assert!(text.contains("store: version 1") && text.contains("memory of terms_process: 1 day"), "{text}");
    let verified = site.state("verify", &[]).expect_code(0).stdout;
    assert!(verified.contains("state store sound, 1 memory checked, 0 damaged"), "{verified}");
    let place = ["state", "export", "--state-dir", "state"];
    let lines = program::run(site.path(), &place).expect_code(0).stdout;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let kinds: Vec<&str> = lines.iter().map(|line| line["kind"].as_str().expect("a kind")).collect();
    assert_eq!(kinds, ["store", "run", "finding", "run", "finding", "memory", "tally", "tally"]);
    assert_eq!(lines[1]["report"]["use_cases"][0]["name"], "terms_process");
    assert_eq!(lines[2]["finding"]["outlier"]["term_count"], 1);
    assert_eq!((&lines[5]["use_case"], &lines[5]["keys"]["target"]), (&"terms_process".into(), &"process".into()));
    let midnight = "2024-05-01T00:00:00Z";
    assert_eq!(lines[5]["stretches"], json!([{"start": midnight, "end": midnight}]));
    let mut tallies: Vec<&Value> = lines[6..].iter().collect();
    tallies.sort_by_key(|tally| tally["target"].to_string());
    for (tally, (target, count)) in tallies.into_iter().zip([("a", 1), ("b", 2)]) {
        let expected = json!({
            "kind": "tally", "use_case": "terms_process", "aggregator": "web", "target": target,
            "stretch": midnight, "count": count, "first": midnight, "last": midnight,
        });
        assert_eq!(*tally, expected);
    }
    // a memory without a store, and nothing at all
    fs::remove_file(site.store()).expect("removable");
    let lines = site.state("export", &[]).expect_code(0).stdout;
    assert_eq!(lines.lines().count(), 3, "{lines}");
    fs::remove_dir_all(site.path().join("state")).expect("removable");
    fs::create_dir(site.path().join("state")).expect("a folder");
    let nothing = site.state("export", &[]).expect_code(2).stderr;
    assert!(nothing.contains("nothing is kept there"), "{nothing}");
}

#[test]
fn the_folder_is_for_its_owner_only() {
    let site = site();
    site.run().expect_code(0);
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&site.path().join("state")), 0o700);
    let mut folders = vec![site.path().join("state")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
            }
        }
    }
}

#[test]
fn a_store_that_cannot_be_trusted_is_set_aside() {
    let site = site();
    site.run().expect_code(0);
    let good = fs::read(site.store()).expect("readable");
    for (number, bytes) in [b"somebody's notes".to_vec(), good[..good.len() / 2].to_vec()].into_iter().enumerate() {
        fs::write(site.store(), &bytes).expect("writable");
        let verified = site.state("verify", &[]).expect_code(74);
        assert!(verified.stdout.contains("state store damaged"), "{verified:?}");
        assert_eq!(fs::read(site.store()).expect("readable"), bytes, "checked, not changed");
        let stderr = site.run().expect_code(0).stderr;
        let name = format!("state.redb.set-aside-{}", number + 1);
        assert!(stderr.contains(&name) && stderr.contains("a new store begins"), "{stderr}");
        assert_eq!(fs::read(site.path().join("state").join(&name)).expect("there"), bytes);
        assert_eq!(site.shown()["set_aside"][number], name.as_str());
        assert_eq!(site.shown()["store"]["runs"], 1);
    }
    // back from the backup
    fs::write(site.store(), &good).expect("writable");
    site.run().expect_code(0);
    assert_eq!(site.shown()["store"]["runs"], 2);
}

#[test]
fn a_store_that_cannot_be_read_ends_the_run() {
    let site = site();
    site.run().expect_code(0);
    fs::remove_file(site.store()).expect("removable");
    fs::create_dir(site.store()).expect("a folder");
    let stderr = site.run().expect_code(74).stderr;
    assert!(stderr.contains("state.redb"), "{stderr}");
}

#[test]
fn damaged_memories_are_found() {
    let site = site();
    site.run().expect_code(0);
    let folder = site.shown()["memories"][0]["folder"].as_str().expect("a path").to_owned();
    fs::write(site.path().join(folder).join("manifest.json"), "{").expect("writable");
    let verified = site.state("verify", &[]).expect_code(74);
    assert!(verified.stdout.contains("1 memory checked, 1 damaged"), "{}", verified.stdout);
    assert!(verified.stderr.contains("manifest.json: damaged"), "{}", verified.stderr);
    assert_eq!(site.shown()["damaged"].as_array().map(Vec::len), Some(1));
}
