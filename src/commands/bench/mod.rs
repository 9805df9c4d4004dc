//! `bench`: measures runs with different settings, and recommends some.
//!
//! Each setting is measured by runs of this program in processes of their own, so that memory and
//! processor time are those of a run as it will be. The settings of a sweep take turns, forwards
//! and backwards, so that a machine that becomes busier is busier for all of them.

mod compare;
mod events;
mod measure;
mod sweep;
mod table;

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::error::RunError;
use super::{spill_dir, told};
use crate::cli::BenchArgs;
use crate::delivery::SinkError;
use crate::plots::{Axis, BarPlot};
use crate::report::Exit;
use crate::runtime::Interrupt;
use crate::sinks::console::print_text;
use measure::{Bench, Measurement};
use sweep::{Settings, usual};

/// Version of the JSON form.
const SCHEMA: u32 = 1;

/// Measurements, and the settings that they recommend.
#[derive(Debug, Serialize, Deserialize)]
struct Benchmark {
    schema: u32,
    version: String,
    processors: usize,
    /// Measurements in the order in which their settings were first tried.
    measurements: Vec<Measurement>,
    /// Settings that are recommended.
    recommended: Settings,
}

/// Measures, prints a table, and recommends settings.
pub async fn bench(args: &BenchArgs, interrupt: Interrupt) -> Exit {
    measure_all(args, &interrupt).await.unwrap_or_else(told)
}

async fn measure_all(args: &BenchArgs, interrupt: &Interrupt) -> Result<Exit, RunError> {
    let before = args.compare.as_deref().map(read).transpose()?;
    let spill_dir = spill_dir(args.spill_dir.as_deref())?;
    let generated = match args.generate {
        Some(n) => Some(events::generate(n, args.seed, &spill_dir)?),
        None => None,
    };
    let bench = Bench::new(args, generated.as_ref().map(tempfile::NamedTempFile::path), &spill_dir)?;
    let sweeps = if args.sweep.is_empty() { usual(bench.processors) } else { args.sweep.clone() };
    let mut benchmark = Benchmark {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        processors: bench.processors,
        measurements: Vec::new(),
        recommended: Settings::default(),
    };
    for sweep in sweeps {
        let variants: Vec<Settings> =
            sweep.values.iter().map(|value| benchmark.recommended.with(&sweep.key, value)).collect();
        let found = bench.measure(&variants, interrupt).await?;
        if let Some(best) = measure::best(&found) {
            benchmark.recommended = best.settings.clone();
        }
        for measurement in found {
            info!(settings = %measurement.settings, seconds = measurement.median_seconds(), "measured");
            match benchmark.measurements.iter_mut().find(|known| known.settings == measurement.settings) {
                Some(known) => *known = measurement,
                None => benchmark.measurements.push(measurement),
            }
        }
    }
    let mut text = table::table(&benchmark).to_string();
    text.push('\n');
    text += &table::recommendation(&benchmark.recommended);
    let slower = before.map(|before| compare::compared(&before.measurements, &benchmark.measurements));
    if let Some(slower) = &slower {
        text += &slower.text;
    }
    print_text(&text).map_err(failed_on(Path::new("standard output")))?;
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&benchmark).map_err(|error| RunError::Internal(error.to_string()))?;
        std::fs::write(path, json + "\n").map_err(failed_on(path))?;
    }
    if let Some(path) = &args.plot {
        std::fs::write(path, plot(&benchmark).svg()).map_err(failed_on(path))?;
    }
    if slower.is_some_and(|slower| slower.n_slower > 0) {
        warn!("some settings are slower than before");
        return Ok(Exit::Partial);
    }
    Ok(Exit::Done)
}

fn failed_on(path: &Path) -> impl Fn(io::Error) -> RunError {
    let path: PathBuf = path.to_owned();
    move |source| SinkError { path: path.clone(), source }.into()
}

/// Reads an earlier benchmark.
fn read(path: &Path) -> Result<Benchmark, RunError> {
    let text = std::fs::read(path).map_err(|source| RunError::Unreadable { path: path.to_owned(), source })?;
    let refused = |reason: String| {
        RunError::Usage(format!("--compare {}: {reason}; name a file that `bench --json` wrote", path.display()))
    };
    let benchmark: Benchmark = serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))?;
    if benchmark.schema != SCHEMA {
        return Err(refused(format!("its form is {}, not {SCHEMA}", benchmark.schema)));
    }
    Ok(benchmark)
}

/// Events per second of each setting.
fn plot(benchmark: &Benchmark) -> BarPlot {
    let description = "Median of the runs of each setting. The recommended setting is marked.";
    let mut plot = BarPlot::new("Events per second", description, Axis::linear("events per second").of_counts());
    for measurement in &benchmark.measurements {
        let note = format!("{:.2} s", measurement.median_seconds());
        let (name, rate) = (measurement.settings.to_string(), measurement.events_per_second());
        plot = match measurement.settings == benchmark.recommended {
            true => plot.marked_bar(name, rate, note),
            false => plot.bar(name, rate, note),
        };
    }
    plot
}
