//! Use cases and recordings that ship with the project: the first command of the README finds the
//! attacks.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use crate::outliers;
use crate::program::{self, Report};

/// Expected result of each shipped use case on the shipped recordings: name, number of outliers,
/// and true if every event found must belong to an attack by its label (Zeek records have none, and
/// neither have the events of other channels than Sysmon about a process of an attack).
const FOUND: &[(&str, u64, bool)] = &[
    ("beacon_callback", 676, false),
    ("terms_self_signed_certificate", 380, false),
    ("simplequery_identity_question", 33, false),
    ("simplequery_hidden_powershell", 32, false),
    ("simplequery_encoded_powershell", 27, false),
    ("metrics_base64_in_command_line", 27, false),
    ("terms_powershell_on_network", 20, false),
    ("terms_user_folder_program_on_one_host", 20, false),
    ("terms_rare_remote_procedure", 11, false),
    ("simplequery_credential_theft_command", 10, true),
    ("simplequery_webdav_transfer_by_address", 8, false),
    ("simplequery_wmi_starts_shell", 8, false),
    ("terms_unsigned_module_in_one_program", 7, false),
    ("simplequery_service_runs_shell", 4, false),
    ("terms_rare_run_key", 3, false),
];

#[test]
fn shipped_use_cases_find_the_attacks_in_the_shipped_recordings() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let (output, report) = (scratch.path().join("out.ndjson"), scratch.path().join("report.json"));
    let mut args = ["run", "-q", "--events", "tests/data/recordings", "-o"].map(std::path::PathBuf::from).to_vec();
    args.extend([output.clone(), "--report".into(), report.clone()]);
    program::run(Path::new(env!("CARGO_MANIFEST_DIR")), &args).expect_code(0);

    let report = Report::read(&report);
    let n_finding = report.use_cases().iter().filter(|name| report.numbers(name).outliers > 0).count();
    assert!(n_finding > 60, "{n_finding} use cases find something");
    for (name, n_outliers, _) in FOUND {
        assert_eq!(report.numbers(name).outliers, *n_outliers, "outliers of {name}");
    }
    outliers::read(&output).expect("well-formed output");
    let text = std::fs::read_to_string(&output).expect("the output is written");
    for hit in text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")) {
        let source = &hit["_source"];
        let texts = |key: &str| source["outliers"][key].as_array().expect("an array").clone();
        let found: Vec<String> = std::iter::zip(texts("model_type"), texts("model_name"))
            .map(|(model, name)| format!("{}_{}", model.as_str().expect("text"), name.as_str().expect("text")))
            .collect();
        for (name, ..) in FOUND.iter().filter(|(.., only_attacks)| *only_attacks) {
            let is_attack = source["labels"]["attack"] == "attack";
            assert!(is_attack || !found.iter().any(|found| found == name), "{name} found an ordinary event: {hit}");
        }
    }
}

/// Findings of the first ten rows of the table about some recordings.
fn first_rows(recordings: &str) -> Vec<Value> {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let findings = scratch.path().join("findings.ndjson").display().to_string();
    let args = ["run", "-q", "--events", recordings, "--limit", "10", "--wide", "--findings", &findings];
    let table = program::run(Path::new(env!("CARGO_MANIFEST_DIR")), &args).expect_code(0).stdout;
    let findings: Vec<Value> = fs::read_to_string(&findings)
        .expect("written")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    // a row is a score, the first digits of the id, and texts
    let named = |row: &str| {
        let id = row.split_whitespace().nth(1)?;
        findings.iter().find(|finding| finding["finding_id"].as_str().is_some_and(|known| known.starts_with(id)))
    };
    table.lines().take(10).filter_map(named).cloned().collect()
}

#[test]
fn the_first_rows_name_many_attacks() {
    let rows = first_rows("tests/data/recordings");
    assert_eq!(rows.len(), 10);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recordings/windows.ndjson.zst");
    let events = zstd::decode_all(&*fs::read(path).expect("the recordings")).expect("zstd");
    let events: Vec<&str> = std::str::from_utf8(&events).expect("UTF-8").lines().collect();
    // the program does not see these labels
    let recording_of_attack = |finding: &Value| {
        let is_windows = finding["index"] == "windows.ndjson.zst";
        let number: usize = finding["id"].as_str().filter(|_| is_windows)?.parse().expect("the number of a line");
        let labels = &serde_json::from_str::<Value>(events[number]).expect("JSON")["labels"];
        (labels["attack"] == "attack").then(|| labels["dataset"].as_str().expect("a name").to_owned())
    };
    let recordings: BTreeSet<String> = rows.iter().filter_map(recording_of_attack).collect();
    assert!(recordings.len() >= 5, "{recordings:?} of {rows:#?}");
}

#[test]
fn the_beacon_is_among_the_first_rows_of_the_zeek_recordings() {
    let rows = first_rows("tests/data/recordings/zeek.ndjson.zst");
    assert!(rows.len() > 5, "{rows:#?}");
    assert!(rows.iter().any(|finding| finding["use_case"] == "beacon_callback"), "{rows:#?}");
}

#[test]
fn the_page_of_the_recordings_is_made_in_under_a_second() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let [report, page] = ["report.json", "page.html"].map(|name| scratch.path().join(name).display().to_string());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    program::run(root, &["run", "-q", "--events", "tests/data/recordings", "--report", &report]).expect_code(0);
    let seconds = |_| {
        let started = Instant::now();
        program::run(root, &["report", &report, "--html", &page]).expect_code(0);
        started.elapsed().as_secs_f64()
    };
    // other tests run at the same time
    let least = (0..5).map(seconds).fold(f64::INFINITY, f64::min);
    assert!(least < 1.0, "{least} seconds");
    assert!(fs::read_to_string(&page).expect("written").contains("connects to 192.168.0.4 port 443 every 5.5 s"));
}
