//! Long texts and lists in outliers.

use super::*;

const MARK: &str = " … [shortened: ";

#[test]
fn a_long_summary_is_wrapped_and_shortened() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = |name: &str| case("long-summary").join(name).display().to_string();
    let line = format!("run --use-cases {} --events {}", path("simple.conf"), path("u250.ndjson"));
    let (finished, _) = run(folder.path(), &line);
    let shown = finished.expect_code(0).stdout;
    assert!(shown.contains("AAAA") && shown.len() < 10_000, "{}", shown.len());
    run(folder.path(), &format!("{line} -o out.ndjson")).0.expect_code(0);
    let summary = written(folder.path())[0]["_source"]["outliers"]["summary"][0].clone();
    let summary = summary.as_str().expect("a text");
    let lines: Vec<&str> = summary.lines().collect();
    assert!(lines.iter().all(|line| line.chars().count() <= 150));
    assert_eq!(lines[..200].concat().len(), 200 * 150);
    assert!(lines[lines.len() - 2..].join(" ").contains("[shortened: 250041 characters, #"), "{:?}", lines.last());
}

#[test]
fn long_lists_and_observations_are_shortened() {
    let words: Vec<String> = (0..100_000).map(|n| format!("w-{n}")).collect();
    let event = json!({"u": words, "h": words, "t": "x".repeat(40_000), "a": 1});
    let conf = "[terms_t]\nes_query_filter=*\naggregator=a\ntarget=t\ntarget_count_method=within_aggregator\n\
                trigger_on=low\ntrigger_method=float\ntrigger_sensitivity=10\noutlier_type=t\noutlier_reason=r\n\
                outlier_summary={u}\nrun_model=1\n";
    let main = "[assets]\nh=host\n";
    let folder = folder(&[("use_case.conf", conf), ("main.conf", main), ("events.ndjson", &format!("{event}\n"))]);
    let line = "run --config main.conf --use-cases use_case.conf --events events.ndjson -o out.ndjson";
    run(folder.path(), line).0.expect_code(0);
    let outliers = &written(folder.path())[0]["_source"]["outliers"];
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    assert!(text(&outliers["term"][0]).contains(&format!("{MARK}40000 characters, #")));
    assert!(text(&outliers["summary"][0]).replace('\n', " ").contains(MARK.trim_start()));
    let assets = outliers["assets"].as_array().expect("a list");
    assert_eq!((text(&assets[0]), assets.len()), ("host: w-0".to_owned(), 1001));
    assert_eq!(assets[1000], "… [shortened: 100000 elements]");
}
