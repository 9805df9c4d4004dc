//! Measures the program as users run it, next to reading alone:
//! `cargo bench --bench throughput -- EVENTS [TEN_TIMES_EVENTS]`. On a cluster:
//! `cargo bench --bench throughput -- --cluster URL EVENTS` (`cluster.rs`).
//!
//! `EVENTS` is NDJSON in the page cache, `TEN_TIMES_EVENTS` a file ten times as large. Prints
//! medians of wall time, processor time and peak memory of whole processes:
//!
//! 1. reading alone and a whole run, per model;
//! 2. both files under a memory limit of 512 MiB;
//! 3. fifty use cases in one run and each of them alone, with a check that both find the same.

mod cluster;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use ee_outliers::event::decode::Projection;
use ee_outliers::plan::{Period, plan};
use ee_outliers::report::Resources;
use ee_outliers::sources::files::{EventFiles, FileOptions};
use ee_outliers::sources::{EventSource, ScanOptions};
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Number of runs per measurement; the median is reported.
const N_RUNS: usize = 5;

/// Argument that makes this bench read events as a run would and do nothing else.
const READ_ONLY: &str = "--read-only";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.as_slice() {
        [flag, use_cases, events] if flag == READ_ONLY => read_only(use_cases, events),
        [flag, url, events] if flag == "--cluster" => cluster::bench(url, events),
        [events] => bench(events, None),
        [events, ten_times] => bench(events, Some(ten_times)),
        _ => Err("usage: cargo bench --bench throughput -- EVENTS.ndjson [TEN_TIMES_EVENTS.ndjson] | --cluster URL EVENTS.ndjson".into()),
    }
}

fn bench(events: &str, ten_times: Option<&str>) -> Result<()> {
    let mut out = io::stdout().lock();
    for name in ["terms", "length", "entropy"] {
        let use_cases = folder().join(name).with_extension("conf");
        let reading = median(|| read_events(&use_cases, events))?;
        let run = median(|| run(&use_cases, events, &[]).map(|(measured, _)| measured))?;
        writeln!(out, "{name}: reading alone {reading}; whole run {run}; ratio {:.2}", run.wall / reading.wall)?;
        if let Some(ten_times) = ten_times {
            let limit = ["--memory-limit", "512MiB"];
            let small = median(|| self::run(&use_cases, events, &limit).map(|(measured, _)| measured))?;
            let large = median(|| self::run(&use_cases, ten_times, &limit).map(|(measured, _)| measured))?;
            let (time, memory) = (large.wall / small.wall, large.peak / small.peak);
            writeln!(
                out,
                "{name}, 512 MiB: {small}; ten times the events {large}; time x{time:.2}, memory x{memory:.2}"
            )?;
        }
    }
    fifty(events, &mut out)
}

/// Runs all use cases at once, and each alone.
fn fifty(events: &str, out: &mut impl Write) -> Result<()> {
    let use_cases = folder().join("fifty.conf");
    let together = median(|| run(&use_cases, events, &[]).map(|(measured, _)| measured))?;
    let (_, found_together) = run(&use_cases, events, &[])?;
    let (mut dearest, mut dearest_name, mut n_different) = (Measured::default(), "", 0);
    for (name, found) in &found_together {
        let (mut alone, found_alone) = run(&use_cases, events, &["--only", name])?;
        if alone.wall > dearest.wall {
            alone = median(|| run(&use_cases, events, &["--only", name]).map(|(measured, _)| measured))?;
        }
        if alone.wall > dearest.wall {
            (dearest, dearest_name) = (alone, name);
        }
        n_different += usize::from(found_alone.get(name) != Some(found));
    }
    writeln!(out, "{} use cases together: {together}", found_together.len())?;
    writeln!(out, "the dearest alone, {dearest_name}: {dearest}; ratio {:.2}", together.wall / dearest.wall)?;
    writeln!(out, "use cases that found something else alone: {n_different}")?;
    if n_different > 0 { Err("use cases together differ from use cases alone".into()) } else { Ok(()) }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/use_cases")
}

/// Measurements of one process, or medians over several.
#[derive(Clone, Copy, Default)]
struct Measured {
    /// Wall time in seconds.
    wall: f64,
    /// Processor time in seconds.
    cpu: f64,
    /// Peak resident memory in bytes.
    peak: f64,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} s ({:.2} s of processors, {:.0} MB)", self.wall, self.cpu, self.peak / 1e6)
    }
}

fn median(mut measure: impl FnMut() -> Result<Measured>) -> Result<Measured> {
    let runs = (0..N_RUNS).map(|_| measure()).collect::<Result<Vec<_>>>()?;
    let middle = |part: fn(&Measured) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(part).collect();
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Ok(Measured { wall: middle(|run| run.wall), cpu: middle(|run| run.cpu), peak: middle(|run| run.peak) })
}

/// Outliers of each use case, by document.
type Found = BTreeMap<String, BTreeMap<String, Vec<Value>>>;

/// Runs the program from the input file to the written outliers.
fn run(use_cases: &Path, events: &str, options: &[&str]) -> Result<(Measured, Found)> {
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("outliers.ndjson");
    let mut arguments: Vec<OsString> = ["--config", "/dev/null", "--events", events]
        .into_iter()
        .chain(options.iter().copied())
        .map(Into::into)
        .collect();
    arguments.extend(["-o".into(), OsString::from(&output)]);
    let (measured, report) = run_program(use_cases, &arguments)?;
    let mut found = found(&std::fs::read_to_string(output)?)?;
    for use_case in report["use_cases"].as_array().into_iter().flatten() {
        if let Some(name) = use_case["name"].as_str() {
            found.entry(name.to_owned()).or_default();
        }
    }
    Ok((measured, found))
}

/// Runs the program in one process; returns measurements and its report.
fn run_program(use_cases: &Path, options: &[OsString]) -> Result<(Measured, Value)> {
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report.json");
    let mut arguments: Vec<OsString> = ["run", "-q", "--use-cases"].into_iter().map(OsString::from).collect();
    arguments.extend([use_cases.into(), "--report".into(), OsString::from(&report)]);
    arguments.extend_from_slice(options);
    let started = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_ee-outliers")).args(&arguments).status()?;
    let wall = started.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("{arguments:?} ended with {status}").into());
    }
    let report: Value = serde_json::from_slice(&std::fs::read(report)?)?;
    Ok((measured(wall, &report["resources"]), report))
}

/// Groups outliers by use case again; a document stores them as parallel arrays.
fn found(documents: &str) -> Result<Found> {
    let mut found = Found::new();
    for line in documents.lines() {
        let document: Value = serde_json::from_str(line)?;
        let outliers = &document["_source"]["outliers"];
        let column = |key: &str| outliers[key].as_array().map(Vec::as_slice).unwrap_or_default();
        for ((model, name), summary) in column("model_type").iter().zip(column("model_name")).zip(column("summary")) {
            let use_case = format!("{}_{}", model.as_str().unwrap_or_default(), name.as_str().unwrap_or_default());
            found.entry(use_case).or_default().entry(document["_id"].to_string()).or_default().push(summary.clone());
        }
    }
    Ok(found)
}

fn measured(wall: f64, resources: &Value) -> Measured {
    let number = |key: &str| resources[key].as_f64().unwrap_or(f64::NAN);
    Measured { wall, cpu: number("cpu_seconds"), peak: number("peak_memory_bytes") }
}

/// Runs the reading part of a run in a separate process.
fn read_events(use_cases: &Path, events: &str) -> Result<Measured> {
    let started = Instant::now();
    let mut reader = Command::new(std::env::current_exe()?);
    reader.args([OsString::from(READ_ONLY), use_cases.into()]).arg(events);
    let output = reader.output()?;
    let wall = started.elapsed().as_secs_f64();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(measured(wall, &serde_json::from_slice(&output.stdout)?))
}

/// Decodes the columns that a run of `use_cases` would decode, and drops them.
fn read_only(use_cases: &str, events: &str) -> Result<()> {
    let settings = ee_outliers::config::load(&[], &[use_cases.to_owned()]);
    let use_cases = settings.use_cases.into_iter().map(Arc::new).collect();
    let (plan, _) = plan(use_cases, &settings.main.field_names, None, Period::Everything, Utc::now());
    let files = EventFiles::open(&[events.to_owned()], FileOptions { spill_dir: std::env::temp_dir() })
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<String>())?;
    let projection = Projection::new(plan.columns);
    let summary = files.scan(&projection, &ScanOptions::default(), &mut |_| Ok(()))?;
    let resources = Resources::now();
    let result = json!({
        "events": summary.events,
        "cpu_seconds": resources.cpu_seconds,
        "peak_memory_bytes": resources.peak_memory_bytes,
    });
    writeln!(io::stdout(), "{result}")?;
    Ok(())
}
