//! Inputs that would cost too much time or memory: they end within the limits of `docs/limits.md`,
//! and the first signal ends every phase.

mod events;
mod fields;
mod memory;
mod patterns;
mod signals;
mod texts;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::case;
use crate::program::{self, Finished, Report, Running};

const ALL: &str = "\
[simplequery_all]
es_query_filter=*
outlier_type=t
outlier_reason=r
outlier_summary={u}
run_model=1
";

/// Long enough on a busy machine; only a program that hangs takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).expect("written"));
    folder
}

/// Runs the program with arguments given as one line, and reads its report.
fn run(folder: &Path, line: &str) -> (Finished, Value) {
    let line = format!("{line} --report report.json");
    let finished = program::run(folder, &line.split_whitespace().collect::<Vec<_>>());
    let report = folder.join("report.json");
    let report = if report.exists() { Report::read(&report).json().clone() } else { Value::Null };
    (finished, report)
}

/// The documents that were written, in the form `{"_index", "_id", "_source"}`.
fn written(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("out.ndjson")).expect("written");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn peak_memory(report: &Value) -> u64 {
    report["resources"]["peak_memory_bytes"].as_u64().expect("the system counts memory")
}

/// Copies the first `most` decompressed bytes of `from`, whole lines only.
fn start_of(from: &Path, most: u64, to: &Path) {
    let mut text = Vec::new();
    let decoder = zstd::Decoder::new(File::open(from).expect("readable")).expect("zstd");
    decoder.take(most).read_to_end(&mut text).expect("zstd");
    text.truncate(text.iter().rposition(|byte| *byte == b'\n').expect("a line") + 1);
    fs::write(to, zstd::encode_all(&text[..], 1).expect("zstd")).expect("written");
}
