//! Use cases and recordings that ship with the project: the first command of the README finds the
//! attacks.

use std::path::Path;

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
