//! Events beyond the limits: skipped and counted, each at its place.

use super::*;

/// Writes a line, then another event; the line is skipped for `reason`, at its place.
fn check(reason: &str, write: impl FnOnce(&mut File) -> io::Result<()>) -> Value {
    let folder = folder(&[("use_case.conf", ALL), ("events.ndjson", "{\"u\":\"first\"}\n")]);
    let mut file = File::options().append(true).open(folder.path().join("events.ndjson")).expect("opened");
    write(&mut file).and_then(|()| file.write_all(b"\n{\"u\":\"last\"}\n")).expect("written");
    let (finished, report) = run(folder.path(), "run --use-cases use_case.conf --events events.ndjson");
    finished.expect_code(3);
    assert_eq!(report["use_cases"][0]["outliers"], 2, "{reason}");
    let skipped = &report["source"]["skipped_lines"][reason];
    assert_eq!(skipped["lines"], 1, "{}", report["source"]);
    report
}

#[test]
fn a_line_ten_times_too_long_is_skipped() {
    let report = check("line too long", |file| {
        // a hole in the file
        file.set_len(640 << 20)?;
        io::Seek::seek(file, io::SeekFrom::End(0)).map(drop)
    });
    let sample = &report["source"]["skipped_lines"]["line too long"]["samples"][0];
    assert!(sample.to_string().contains('…'), "{sample}");
    assert!(peak_memory(&report) < 600 << 20, "{} MiB", peak_memory(&report) >> 20);
}

#[test]
fn a_value_that_is_too_long_is_skipped() {
    for value in [format!("\"{}\"", "x".repeat(40 << 20)), "1".repeat(17 << 20)] {
        check("value too long", |file| write!(file, "{{\"u\":{value}}}"));
    }
}

#[test]
fn an_event_with_too_many_values_is_skipped() {
    let elements = vec!["1"; 10 << 20].join(",");
    check("too many values", |file| write!(file, "{{\"u\":[{elements}]}}"));
    let members: Vec<String> = (0..1_100_000).map(|n| format!("\"{n}\":0")).collect();
    check("too many values", |file| write!(file, "{{{}}}", members.join(",")));
}

#[test]
fn texts_with_many_commas_are_no_values() {
    let commas = ",[".repeat(2 << 20);
    let folder = folder(&[("use_case.conf", ALL), ("events.ndjson", &format!("{{\"u\":\"{commas}\"}}\n"))]);
    let (finished, report) = run(folder.path(), "run --use-cases use_case.conf --events events.ndjson");
    finished.expect_code(0);
    assert_eq!(report["use_cases"][0]["outliers"], 1);
}

#[test]
fn an_event_nested_ten_times_too_deep_is_skipped() {
    check("nested too deep", |file| write!(file, "{{\"u\":{}1{}}}", "[".repeat(1270), "]".repeat(1270)));
}
