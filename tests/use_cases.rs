//! Test events of the bundled use cases: each use case flags the events that it must, and no
//! others.
//!
//! A file of use cases has a file of lines `{"event": {…}, "fires": [NAME, …], "repeat": N,
//! "every": "10m"}`. `repeat` copies the event: `{i}` in its texts is the number of the copy,
//! `{i%7}` that number modulo 7, and `every` moves its time from copy to copy. Without `fires`, no
//! use case may flag it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, TimeDelta};
use serde_json::{Value, json};

use crate::program;

/// Folders of bundled use cases.
const FOLDERS: [&str; 2] = ["use_cases", "hunting"];

/// Numbers of events by the use case that flags them.
type Flagged = BTreeMap<String, BTreeSet<u64>>;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files with this ending below `folder`.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            found.extend(files(&entry, ending));
        } else if entry.extension().is_some_and(|found| found == ending) {
            found.push(entry);
        }
    }
    found.sort();
    found
}

/// Puts the number of the copy into the texts of a value.
fn numbered(value: &Value, copy: u64) -> Value {
    match value {
        Value::String(text) => {
            let mut numbered = text.replace("{i}", &copy.to_string());
            while let Some(start) = numbered.find("{i%") {
                let end = start + numbered[start..].find('}').expect("a closing brace");
                let modulus: u64 = numbered[start + 3..end].parse().expect("a number");
                numbered.replace_range(start..=end, &(copy % modulus).to_string());
            }
            Value::String(numbered)
        }
        Value::Array(list) => list.iter().map(|value| numbered(value, copy)).collect(),
        Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), numbered(value, copy))).collect(),
        other => other.clone(),
    }
}

/// Moves the time of an event.
fn shift(event: &mut Value, seconds: i64) {
    for key in ["@timestamp", "ts"] {
        let Some(time) = event.get_mut(key) else { continue };
        if let Some(number) = time.as_f64() {
            *time = json!(number + seconds as f64);
        } else if let Some(text) = time.as_str() {
            let moved = DateTime::parse_from_rfc3339(text).expect("a time") + TimeDelta::seconds(seconds);
            *time = json!(moved.to_utc().to_rfc3339_opts(SecondsFormat::Micros, true));
        }
    }
}

/// Seconds of a duration such as `10m`.
fn seconds(text: &str) -> i64 {
    let (number, unit) = text.split_at(text.len() - 1);
    let unit = BTreeMap::from([("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)])[unit];
    number.parse::<i64>().expect("a number") * unit
}

/// The events of a file, as lines, and those that must be flagged.
fn events(path: &Path) -> (String, Flagged) {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (mut lines, mut expected, mut n_events) = (String::new(), Flagged::new(), 0);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let case: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}: {line}", path.display()));
        let every = case["every"].as_str().map_or(0, seconds);
        for copy in 0..case["repeat"].as_u64().unwrap_or(1) {
            let mut event = numbered(&case["event"], copy);
            shift(&mut event, every * i64::try_from(copy).expect("a few copies"));
            event["case"] = json!(n_events);
            for name in case["fires"].as_array().into_iter().flatten() {
                expected.entry(name.as_str().expect("a name").to_owned()).or_default().insert(n_events);
            }
            writeln!(lines, "{event}").expect("a text grows");
            n_events += 1;
        }
    }
    (lines, expected)
}

/// The events that each use case flags in documents with outliers.
fn flagged(output: &str) -> Flagged {
    let mut flagged = Flagged::new();
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
    };
    for line in output.lines() {
        let hit: Value = serde_json::from_str(line).expect("JSON");
        let source = hit.get("_source").unwrap_or(&hit);
        let outliers = &source["outliers"];
        for (model, name) in texts(&outliers["model_type"]).into_iter().zip(texts(&outliers["model_name"])) {
            let case = source["case"].as_u64().expect("a number");
            flagged.entry(format!("{model}_{name}")).or_default().insert(case);
        }
    }
    flagged
}

/// Names of the use cases in a file.
fn names(path: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(path).expect("a file");
    let sections = text.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'));
    sections
        .filter(|name| !["whitelist_literals", "whitelist_regexps", "derivedfields", "macros"].contains(name))
        .map(str::to_owned)
        .collect()
}

/// All test events.
pub(crate) fn test_events() -> Vec<Value> {
    let paths = FOLDERS.iter().flat_map(|folder| files(&root().join("tests/data").join(folder), "ndjson"));
    let lines: String = paths.map(|path| events(&path).0).collect();
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn bundled_use_cases_flag_their_test_events_and_no_others() {
    let mut wrong = Vec::new();
    for folder in FOLDERS {
        for path in files(&root().join(folder), "conf") {
            let relative = path.strip_prefix(root()).expect("below the root");
            let (lines, expected) = events(&root().join("tests/data").join(relative).with_extension("ndjson"));
            let scratch = tempfile::tempdir().expect("a scratch folder");
            fs::write(scratch.path().join("events.ndjson"), lines).expect("written");
            let path_text = path.display().to_string();
            let args = [
                "run",
                "-q",
                "--fields",
                "auto",
                "--use-cases",
                &path_text,
                "--events",
                "events.ndjson",
                "-o",
                "o.ndjson",
            ];
            let finished = program::run(scratch.path(), &args);
            if finished.code != 0 {
                wrong.push(format!("{}: exit code {}: {}", relative.display(), finished.code, finished.stderr));
                continue;
            }
            let output = fs::read_to_string(scratch.path().join("o.ndjson")).expect("an output");
            let found = flagged(&output);
            let known = names(&path);
            assert!(
                expected.keys().all(|name| known.contains(name)),
                "{}: a name that no use case has",
                relative.display()
            );
            for name in known {
                let (must, does) = (expected.get(&name), found.get(&name));
                if must.is_none() || must != does {
                    wrong.push(format!("{}: {name} flags {does:?} instead of {must:?}", relative.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
