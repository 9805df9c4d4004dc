//! Memory of runs over small files that become large.

use super::*;

/// Bytes that the program may take in all with `--memory-limit 64MiB`.
const MOST: u64 = 320 << 20;

fn check(events: &str, most: u64) {
    let cases = case("memory");
    let folder = tempfile::tempdir().expect("a scratch folder");
    start_of(&cases.join(events), most, &folder.path().join(events));
    for conf in ["simple.conf", "t_u.conf"] {
        let conf_path = cases.join(conf).display().to_string();
        let options = "--memory-limit 64MiB --threads 2";
        let (finished, report) =
            run(folder.path(), &format!("run --use-cases {conf_path} --events {events} {options} -o out.ndjson"));
        finished.expect_code(0);
        assert_eq!(report["source"]["skipped_lines"], json!({}));
        assert!(peak_memory(&report) < MOST, "{events} {conf}: {} MiB", peak_memory(&report) >> 20);
    }
}

#[test]
fn long_documents_stay_within_the_limit() {
    check("bombdocs.ndjson.zst", 160_000_000);
}

#[test]
fn many_documents_stay_within_the_limit() {
    check("docs1m.ndjson.zst", 100_000_000);
}

#[test]
fn many_lines_stay_within_the_limit() {
    check("bomblines.ndjson.zst", 2_600_000);
}

#[test]
fn documents_of_many_values_stay_within_the_limit() {
    let values = vec!["1"; 1_000_000].join(",");
    let events: String = (0..12).map(|n| format!("{{\"u\":{n},\"n\":[{values}]}}\n")).collect();
    let folder = folder(&[("use_case.conf", ALL), ("events.ndjson", &events)]);
    let options = "--memory-limit 64MiB --threads 2";
    let (finished, report) =
        run(folder.path(), &format!("run --use-cases use_case.conf --events events.ndjson {options} -o out.ndjson"));
    finished.expect_code(0);
    assert_eq!(report["use_cases"][0]["outliers"], 12);
    assert!(peak_memory(&report) < 2 * MOST, "{} MiB", peak_memory(&report) >> 20);
}

#[test]
fn findings_that_are_printed_stay_within_the_limit() {
    let text = "x".repeat(30_000);
    let events: String = (0..4000).map(|n| format!("{{\"u\":\"{n} {text}\"}}\n")).collect();
    let folder = folder(&[("use_case.conf", ALL), ("events.ndjson", &events)]);
    let options = "--memory-limit 64MiB --threads 2";
    let (finished, report) =
        run(folder.path(), &format!("run --use-cases use_case.conf --events events.ndjson {options}"));
    let shown = finished.expect_code(0).stdout;
    assert!(shown.contains(" ... and 3,970 more findings: ") && shown.len() < 100_000, "{}", shown.len());
    assert!(peak_memory(&report) < MOST, "{} MiB", peak_memory(&report) >> 20);
}
