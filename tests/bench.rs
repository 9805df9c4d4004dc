//! `bench` measures real runs, and recommends settings.

use std::path::Path;

use serde_json::Value;

use crate::program;

const USE_CASE: &str = "[terms_rare]\nrun_model=1\nes_query_filter=event.category:process\ntarget=process.name\n\
    aggregator=host.name\ntarget_count_method=within_aggregator\ntrigger_on=low\ntrigger_method=float\n\
    trigger_sensitivity=2\noutlier_type=t\noutlier_reason=r\noutlier_summary={term}\n";

fn bench(folder: &Path, more: &[&str], code: i32) -> program::Finished {
    std::fs::write(folder.join("u.conf"), USE_CASE).expect("written");
    program::run(folder, &[&["bench", "--use-cases", "u.conf"], more].concat()).expect_code(code)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON")
}

#[test]
fn settings_are_measured_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let sweep = ["--generate", "3000", "--sweep", "threads=1,2", "--repeat", "2"];
    let finished = bench(folder.path(), &[&sweep[..], &["--json", "b.json", "--plot", "b.svg"]].concat(), 0);
    for expected in ["events/s", "threads=1", "threads=2", "Recommended (*): ee-outliers run --threads"] {
        assert!(finished.stdout.contains(expected), "no {expected} in\n{}", finished.stdout);
    }
    let path = folder.path().join("b.json");
    let mut benchmark = json(&path);
    let measurements = benchmark["measurements"].as_array().expect("measurements");
    assert_eq!(measurements.len(), 2);
    for measurement in measurements {
        assert_eq!(measurement["events"], 3000);
        assert_eq!(measurement["seconds"].as_array().map(Vec::len), Some(2));
        assert!(measurement["phases"]["read"].is_f64() && measurement["bytes"].as_u64() > Some(500_000));
    }
    let svg = std::fs::read_to_string(folder.path().join("b.svg")).expect("a plot");
    assert!(svg.contains("threads=2") && svg.trim_end().ends_with("</svg>"));

    // earlier runs that took no time at all, and others that took ages
    for (seconds, code, verdict) in [(1e-6, 3, "slower"), (1e6, 0, "faster")] {
        for measurement in benchmark["measurements"].as_array_mut().expect("measurements") {
            measurement["seconds"] = vec![seconds; 2].into();
        }
        std::fs::write(&path, benchmark.to_string()).expect("written");
        let finished = bench(folder.path(), &[&sweep[..], &["--compare", "b.json"]].concat(), code);
        assert!(finished.stdout.contains(&format!("threads=1: {verdict}")), "{}", finished.stdout);
    }
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 3, "u.conf, b.json and b.svg; nothing temporary");
}

#[test]
fn keys_of_the_configuration_are_varied() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.conf"), "[general]\nmin_score=10\n").expect("written");
    let options = [
        "--config",
        "main.conf",
        "--generate",
        "500",
        "--repeat",
        "1",
        "--sweep",
        "min_score=0,90",
        "--sweep",
        "device=cpu",
    ];
    let finished = bench(folder.path(), &options, 0);
    for expected in ["device=cpu min_score=", "and in the main configuration:", "[general]\nmin_score = "] {
        assert!(finished.stdout.contains(expected), "no {expected} in\n{}", finished.stdout);
    }
}

#[test]
fn what_cannot_be_measured_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let finished = bench(folder.path(), &["--generate", "10", "--sweep", "threads=1,many"], 4);
    assert!(finished.stderr.contains("the run with threads=many failed"), "{}", finished.stderr);
    assert!(finished.stderr.contains("not a number from 1 to 1024"), "{}", finished.stderr);
    let finished = bench(folder.path(), &["--generate", "10", "--sweep", "threads"], 2);
    assert!(finished.stderr.contains("KEY=VALUE"), "{}", finished.stderr);
    std::fs::write(folder.path().join("old.json"), "{}").expect("written");
    let finished = bench(folder.path(), &["--generate", "10", "--compare", "old.json"], 2);
    assert!(finished.stderr.contains("bench --json"), "{}", finished.stderr);
    let finished = bench(folder.path(), &["--events", "nowhere.ndjson", "--repeat", "1"], 4);
    assert!(finished.stderr.contains("nowhere.ndjson"), "{}", finished.stderr);
}
