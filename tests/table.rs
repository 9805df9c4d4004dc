//! Tables, as a person reads them: that of findings, and that all of them keep words whole.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{self, Finished};

const USE_CASES: &str = "[metrics_long]\nes_query_filter=name:*\ntarget=name\naggregator=host\nmetric=length\n\
trigger_on=high\ntrigger_method=float\ntrigger_sensitivity=9\noutlier_type=x\noutlier_reason=x\n\
outlier_summary=a very long name of a program, {name}, was seen on the host {host}\nrun_model=1\nseverity=high\n\
technique=T1059.001, T1204\n\n\
[terms_rare]\nes_query_filter=port:*\ntarget=port\naggregator=host\ntarget_count_method=within_aggregator\n\
trigger_on=low\ntrigger_method=float\ntrigger_sensitivity=3\noutlier_type=x\noutlier_reason=x\n\
outlier_summary=rare port {port} on {host}\nrun_model=1\n";

const MAIN: &str = "[assets]\nhost=host\nuser=user\n";

/// Many ordinary events, four long names and two rare ports.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let mut events = String::new();
    let mut add = |second: usize, host: &str, port: u32, name: &str, user: &str| {
        let (minute, second) = (second / 60, second % 60);
        events.push_str(&format!(
            "{{\"@timestamp\":\"2024-05-01T00:{minute:02}:{second:02}Z\",\"host\":\"{host}\",\"port\":{port},\
             \"name\":\"{name}\",\"user\":\"{user}\"}}\n"
        ));
    };
    for n in 0..200 {
        add(n, ["alpha", "beta"][n % 2], 443, ["bash", "ls", "cat"][n % 3], "ann");
    }
    add(300, "alpha", 443, "curl-with-a-name-as-long-as-this", "bob");
    add(301, "alpha", 443, "curl-with-a-name-as-long-as-this", "bob");
    add(310, "beta", 443, "a-name-of-twenty-two-c", "ann");
    add(400, "beta", 4444, "nc", "eve");
    add(401, "beta", 8080, "nc", "eve");
    add(500, "beta", 443, "\\u001b[31mred-and-more\\u202e", "eve");
    for (name, text) in [("u.conf", USE_CASES), ("main.conf", MAIN), ("events.ndjson", &events)] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn run(folder: &Path, columns: &str, more: &str) -> Finished {
    let line = format!("run -q --config main.conf --use-cases u.conf --events events.ndjson {more}");
    let args: Vec<&str> = line.split_whitespace().collect();
    let started = program::start_with(folder, &[("COLUMNS", OsStr::new(columns))], &args);
    program::finish(started).expect_code(0)
}

fn findings(folder: &Path) -> Vec<Value> {
    run(folder, "80", "--findings f.ndjson");
    let text = fs::read_to_string(folder.join("f.ndjson")).expect("written");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn no_line_is_wider_than_the_terminal_and_no_word_is_broken() {
    let scratch = folder();
    let whole = run(scratch.path(), "80", "--wide").stdout;
    let words: Vec<&str> = whole.split_whitespace().collect();
    for (columns, most) in [("40", 40), ("80", 80), ("200", 200)] {
        let shown = run(scratch.path(), columns, "").stdout;
        let (table, next) = shown.split_once("\nNext, ").unwrap_or_else(|| panic!("no next step:\n{shown}"));
        assert!(next.contains("ee-outliers explain "), "{next}");
        for line in table.lines() {
            assert!(line.chars().count() <= most, "{} columns at {columns}: {line}", line.chars().count());
        }
        // what was found and why, word by word
        let text: Vec<&str> = table.split_whitespace().collect();
        for word in ["curl-with-a-name-as-long-as-this,", "characters;", "typical:", "4444", "unusual", "beta,"] {
            assert!(text.contains(&word), "{word} at {columns}:\n{table}");
        }
        let known = |word: &&&str| words.contains(word) || word.ends_with('…');
        let unknown: Vec<&&str> =
            text.iter().filter(|word| word.contains("-name-")).filter(|word| !known(word)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}

/// Commands that print tables, each with a word that is in its output.
const TABLES: [(&str, &str); 6] = [
    ("fields --events events.ndjson", "distinct"),
    ("run --config kept.conf --use-cases u.conf --events events.ndjson -o o.ndjson", "metrics_long"),
    ("runs list --config kept.conf", "complete"),
    ("runs show 1 --config kept.conf", "metrics_long"),
    ("runs diff 1 2 --config kept.conf", "repeated,"),
    (
        "whitelist preview w.conf --config kept.conf --use-cases u.conf --events events.ndjson --label user=nobody",
        "somebody@example.org",
    ),
];

#[test]
fn every_table_keeps_its_words_whole() {
    let scratch = folder();
    let whitelist = "[whitelist:a name of several words]\nliterals=name:nc\nowner=somebody@example.org\n";
    for (name, text) in [("w.conf", whitelist), ("kept.conf", &format!("[general]\nstate_dir=state\n{MAIN}"))] {
        fs::write(scratch.path().join(name), text).expect("written");
    }
    for (command, known) in TABLES {
        let args: Vec<&str> = command.split_whitespace().collect();
        let shown = |columns: &str| {
            let started = program::start_with(scratch.path(), &[("COLUMNS", OsStr::new(columns))], &args);
            let Finished { stdout, stderr, .. } = program::finish(started).expect_code(0);
            format!("{stdout}{stderr}")
        };
        // the second run remembers the first one
        shown("400");
        let wide = shown("400");
        let whole: Vec<&str> = wide.split_whitespace().collect();
        assert!(whole.contains(&known), "{command}: {wide}");
        for most in [200, 80, 40] {
            let text = shown(&most.to_string());
            for line in text.lines() {
                let is_command = line.starts_with("ee-outliers ");
                let fits = line.chars().count() <= most || is_command || line.split_whitespace().count() == 1;
                assert!(fits, "{command} at {most}: {line}\n{text}");
            }
            // numbers may differ from run to run
            let is_word = |word: &&str| !word.chars().any(|c| c.is_ascii_digit()) && *word != "·";
            let broken: Vec<&str> =
                text.split_whitespace().filter(is_word).filter(|word| !whole.contains(word)).collect();
            assert!(broken.is_empty(), "{command} at {most}: {broken:?}\n{text}");
        }
    }
}

#[test]
fn findings_come_with_reasons_documents_times_assets_and_a_next_step() {
    let scratch = folder();
    let finished = run(scratch.path(), "80", "");
    let best = &findings(scratch.path())[0];
    let id = best["finding_id"].as_str().expect("text");
    assert_eq!(id.len(), 32);
    let next = finished.stdout.lines().last().expect("lines");
    let source = "--config main.conf --use-cases u.conf --events events.ndjson";
    assert_eq!(next, format!("ee-outliers explain {} {source}", &id[..8]));
    let flowed = finished.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "32 characters; the limit was 9, typical:",
        "high · 2 documents · 2024-05-01 00:05:00 to 00:05:01 · host: alpha, user: bob · T1059.001, T1204 · metrics_long",
        "seen once; fewer than 3 is unusual",
    ] {
        assert!(flowed.contains(part), "{part} in\n{}", finished.stdout);
    }
}

#[test]
fn reasons_are_in_every_output() {
    let scratch = folder();
    run(scratch.path(), "80", "--report r.json -o o.ndjson --findings f.csv");
    let report: Value =
        serde_json::from_str(&fs::read_to_string(scratch.path().join("r.json")).expect("written")).expect("JSON");
    let found = report["findings"].as_array().expect("a list");
    assert_eq!(found.len(), 5);
    for finding in found {
        assert!(finding["reason"].as_str().is_some_and(|reason| reason.contains("; ")), "{finding}");
    }
    let long = found.iter().find(|finding| finding["use_case"] == "metrics_long").expect("a finding");
    assert_eq!((&long["model"], &long["severity"]), (&"metrics".into(), &"high".into()));
    assert_eq!(long["techniques"], serde_json::json!(["T1059.001", "T1204"]));
    let csv = fs::read_to_string(scratch.path().join("f.csv")).expect("written");
    assert!(csv.contains("\"32 characters; the limit was 9, typical: "), "{csv}");
    // the reason follows from what documents store, so they do not store it
    assert!(!fs::read_to_string(scratch.path().join("o.ndjson")).expect("written").contains("the limit was"));
}

#[test]
fn findings_are_sorted_and_limited_as_asked() {
    let scratch = folder();
    let order = |more: &str| {
        let shown = run(scratch.path(), "80", &format!("--wide {more}")).stdout;
        let names = ["curl-with", "twenty-two", "4444", "8080", "red"];
        let rows = shown.lines().take_while(|line| !line.is_empty());
        rows.filter_map(|row| names.into_iter().find(|name| row.contains(name))).collect::<Vec<_>>()
    };
    assert_eq!(order("--sort time"), ["red", "8080", "4444", "twenty-two", "curl-with"]);
    assert_eq!(order("--sort documents --limit 1"), ["curl-with"]);
    assert_eq!(order("--sort use-case --limit 4")[3..], ["4444"]);
    let limited = run(scratch.path(), "80", "--limit 2").stdout;
    assert!(limited.contains("... and 3 more findings: --limit shows more"), "{limited}");
}

#[test]
fn findings_are_grouped_as_asked() {
    let scratch = folder();
    let grouped = |by: &str| run(scratch.path(), "80", &format!("--group-by {by}")).stdout;
    let heads = |text: &str| {
        let heads = text.lines().filter(|line| line.ends_with(" documents") && !line.starts_with("    "));
        heads.map(|line| line.trim().split_once("  ").expect("a score").1.to_owned()).collect::<Vec<_>>()
    };
    let mut by_use_case = heads(&grouped("use-case"));
    by_use_case.sort();
    assert_eq!(by_use_case, ["metrics_long: 3 findings, 4 documents", "terms_rare: 2 findings, 2 documents"]);
    let mut by_technique = heads(&grouped("technique"));
    by_technique.sort();
    let names: Vec<&str> = by_technique.iter().map(|head| head.split_once(':').expect("a name").0).collect();
    assert_eq!(names, ["T1059.001", "T1204", "none named"]);
    let by_asset = grouped("asset");
    assert!(by_asset.contains("host: beta: 4 findings, 4 documents"), "{by_asset}");
    assert!(by_asset.contains("metrics_long ") && by_asset.contains(" of 2 findings · "), "{by_asset}");
}

#[test]
fn colours_are_used_only_where_they_are_wanted() {
    let scratch = folder();
    let escapes = |more: &str| run(scratch.path(), "80", more).stdout.contains('\u{1b}');
    assert_eq!([escapes(""), escapes("--color never"), escapes("--color always")], [false, false, true]);
    let coloured = run(scratch.path(), "80", "--color always").stdout;
    assert!(coloured.contains("\u{1b}[31ma very long name"), "{coloured}");
    // what events say never reaches the terminal as it is
    assert!(coloured.contains("\\u{1b}[31mred-and-more\\u{202e}") && !coloured.contains('\u{202e}'), "{coloured}");
}
