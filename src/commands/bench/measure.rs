//! Runs of this program, and what they take.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::sweep::Settings;
use crate::cli::BenchArgs;
use crate::commands::error::RunError;
use crate::report::Exit;
use crate::runtime::Interrupt;
use crate::spill::SpillError;

/// Pause between two looks at a run.
const POLL: Duration = Duration::from_millis(20);

/// Runs that are faster by less than this share are as fast.
const LEAST_GAIN: f64 = 0.03;

/// Runs with the same settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Measurement {
    pub(super) settings: Settings,
    /// Seconds of each run.
    pub(super) seconds: Vec<f64>,
    /// Processor time of each run, in seconds.
    cpu_seconds: Vec<f64>,
    /// Peak memory of each run, in bytes.
    peak_memory_bytes: Vec<u64>,
    /// Events that a run reads.
    events: u64,
    /// Bytes that a run reads, as stored.
    bytes: u64,
    /// Seconds of each phase of the last run.
    phases: BTreeMap<String, f64>,
    /// Batches that did not fit into memory.
    spilled_batches: u64,
    /// Threads that the run had.
    threads: usize,
}

/// Middle one of some numbers, the lower of two.
pub(super) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

/// Median of the distances from the median.
pub(super) fn noise(numbers: &[f64]) -> f64 {
    let center = median(numbers);
    median(&numbers.iter().map(|number| (number - center).abs()).collect::<Vec<_>>())
}

impl Measurement {
    pub(super) fn median_seconds(&self) -> f64 {
        median(&self.seconds)
    }

    pub(super) fn events_per_second(&self) -> f64 {
        self.events as f64 / self.median_seconds().max(1e-9)
    }

    pub(super) fn megabytes_per_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.median_seconds().max(1e-9)
    }

    /// Seconds of processor time per million events.
    pub(super) fn cpu_per_million(&self) -> f64 {
        median(&self.cpu_seconds) * 1e6 / self.events.max(1) as f64
    }

    pub(super) fn peak_memory(&self) -> u64 {
        self.peak_memory_bytes.iter().copied().max().unwrap_or(0)
    }

    /// Phases and their shares of the time of all phases, the longest first.
    pub(super) fn shares(&self) -> Vec<(&str, f64)> {
        let total: f64 = self.phases.values().sum::<f64>().max(1e-9);
        let mut shares: Vec<(&str, f64)> =
            self.phases.iter().map(|(phase, seconds)| (phase.as_str(), seconds / total)).collect();
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        shares
    }

    /// Names what a faster run would need, by a rule of thumb: a run that keeps its threads busy
    /// needs processors, one that spills needs memory, and the others wait for where events come
    /// from or go to.
    pub(super) fn limit(&self) -> &'static str {
        let busy = median(&self.cpu_seconds) / (self.median_seconds() * self.threads as f64).max(1e-9);
        match self.shares().first() {
            _ if self.spilled_batches > 0 => "memory",
            _ if busy > 0.75 => "processors",
            Some(("read", _)) => "reading",
            Some(("write", _)) => "writing",
            _ => "one thread",
        }
    }

    fn is_faster_than(&self, other: &Measurement) -> bool {
        let gain = other.median_seconds() - self.median_seconds();
        gain > LEAST_GAIN * other.median_seconds() && gain > noise(&self.seconds).max(noise(&other.seconds))
    }
}

/// The fastest one, or an earlier one that is as fast.
pub(super) fn best(measurements: &[Measurement]) -> Option<&Measurement> {
    measurements.iter().reduce(|best, next| if next.is_faster_than(best) { next } else { best })
}

/// Runs that are measured.
pub(super) struct Bench<'a> {
    args: &'a BenchArgs,
    generated: Option<&'a Path>,
    folder: tempfile::TempDir,
    program: PathBuf,
    pub(super) processors: usize,
}

impl<'a> Bench<'a> {
    pub(super) fn new(args: &'a BenchArgs, generated: Option<&'a Path>, spill_dir: &Path) -> Result<Self, RunError> {
        let internal = |error: std::io::Error| RunError::Internal(error.to_string());
        let folder = tempfile::tempdir_in(spill_dir).map_err(SpillError::in_folder(spill_dir))?;
        Ok(Bench {
            args,
            generated,
            folder,
            program: std::env::current_exe().map_err(internal)?,
            processors: std::thread::available_parallelism().map_err(internal)?.get(),
        })
    }

    /// Measures some settings, which take turns.
    pub(super) async fn measure(
        &self,
        variants: &[Settings],
        interrupt: &Interrupt,
    ) -> Result<Vec<Measurement>, RunError> {
        let mut found: Vec<Option<Measurement>> = vec![None; variants.len()];
        for round in 0..self.args.repeat {
            let mut order: Vec<usize> = (0..variants.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for idx in order {
                let report = self.run(&variants[idx], interrupt).await?;
                let run = self.measured(&variants[idx], &report)?;
                match &mut found[idx] {
                    Some(known) => known.add(run),
                    none => *none = Some(run),
                }
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// Runs once, and returns the report.
    async fn run(&self, settings: &Settings, interrupt: &Interrupt) -> Result<Value, RunError> {
        let report = self.folder.path().join("report.json");
        let errors = self.folder.path().join("errors");
        let log = std::fs::File::create(&errors).map_err(|error| RunError::Internal(error.to_string()))?;
        let mut command = Command::new(&self.program);
        command.arg("run").arg("--quiet").arg("--report").arg(&report).args(self.arguments(settings)?);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut child = command.spawn().map_err(|error| RunError::Internal(error.to_string()))?;
        let status = loop {
            if interrupt.is_raised() {
                // it got the same signal if it came from a terminal; its result is of no use anyway
                drop(child.kill());
                drop(child.wait());
                return Err(RunError::Interrupted("nothing more was measured".to_owned()));
            }
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => tokio::time::sleep(POLL).await,
                Err(error) => return Err(RunError::Internal(error.to_string())),
            }
        };
        let usable = [Exit::Done, Exit::Partial].map(|exit| exit as i32);
        if !status.code().is_some_and(|code| usable.contains(&code)) {
            let said = std::fs::read_to_string(&errors).unwrap_or_default();
            return Err(RunError::Reading(format!("the run with {settings} failed ({status}):\n{}", said.trim_end())));
        }
        let text = std::fs::read(&report).map_err(|source| RunError::Unreadable { path: report.clone(), source })?;
        serde_json::from_slice(&text).map_err(|error| RunError::Internal(error.to_string()))
    }

    fn arguments(&self, settings: &Settings) -> Result<Vec<OsString>, RunError> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut add = |option: &str, value: &OsStr| arguments.extend([option.into(), value.to_owned()]);
        self.args.config.config.iter().for_each(|path| add("--config", path.as_os_str()));
        if let Some(text) = settings.configuration() {
            let path = self.folder.path().join("bench.conf");
            std::fs::write(&path, text).map_err(|error| RunError::Internal(error.to_string()))?;
            add("--config", path.as_os_str());
        }
        self.args.config.use_cases.iter().for_each(|glob| add("--use-cases", glob.as_ref()));
        self.args.config.mapping.iter().for_each(|path| add("--mapping", path.as_os_str()));
        self.args.events.iter().for_each(|path| add("--events", path.as_ref()));
        self.generated.iter().for_each(|path| add("--events", path.as_os_str()));
        if let Some(folder) = &self.args.spill_dir {
            add("--spill-dir", folder.as_os_str());
        }
        // nothing is written to a cluster
        arguments.push("--dry-run".into());
        arguments.extend(settings.options().into_iter().map(Into::into));
        Ok(arguments)
    }

    fn measured(&self, settings: &Settings, report: &Value) -> Result<Measurement, RunError> {
        let incomplete = || RunError::Internal("a run whose report is not complete".to_owned());
        let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_f64);
        let phases = report["phases"].as_object().ok_or_else(incomplete)?;
        let phases = phases.iter().filter_map(|(phase, seconds)| Some((phase.clone(), seconds.as_f64()?))).collect();
        let options = settings.options();
        let threads =
            options.iter().position(|option| option == "--threads").and_then(|idx| options[idx + 1].parse().ok());
        Ok(Measurement {
            settings: settings.clone(),
            seconds: vec![number("/seconds").ok_or_else(incomplete)?],
            cpu_seconds: vec![number("/resources/cpu_seconds").unwrap_or(0.0)],
            peak_memory_bytes: vec![number("/resources/peak_memory_bytes").unwrap_or(0.0) as u64],
            events: number("/source/events").ok_or_else(incomplete)? as u64,
            bytes: number("/source/bytes").unwrap_or(0.0) as u64,
            phases,
            spilled_batches: number("/source/spilled_batches").unwrap_or(0.0) as u64,
            threads: threads.unwrap_or(self.processors),
        })
    }
}

impl Measurement {
    /// Adds a run with the same settings.
    fn add(&mut self, run: Measurement) {
        self.seconds.extend(run.seconds);
        self.cpu_seconds.extend(run.cpu_seconds);
        self.peak_memory_bytes.extend(run.peak_memory_bytes);
        self.phases = run.phases;
        self.spilled_batches = self.spilled_batches.max(run.spilled_batches);
    }
}

#[cfg(test)]
pub(super) fn measurement(value: &str, seconds: &[f64]) -> Measurement {
    Measurement {
        settings: Settings::default().with("threads", value),
        seconds: seconds.to_vec(),
        cpu_seconds: seconds.to_vec(),
        peak_memory_bytes: vec![1 << 20; seconds.len()],
        events: 1000,
        bytes: 600_000,
        phases: BTreeMap::from([("read".to_owned(), 0.9), ("write".to_owned(), 0.1)]),
        spilled_batches: 0,
        threads: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_setting_are_medians() {
        let found = measurement("1", &[4.0, 1.0, 2.0]);
        assert_eq!(
            (found.median_seconds(), found.events_per_second(), found.megabytes_per_second()),
            (2.0, 500.0, 0.3)
        );
        assert_eq!((found.cpu_per_million(), noise(&found.seconds)), (2000.0, 1.0));
        assert_eq!(found.shares(), [("read", 0.9), ("write", 0.1)]);
    }

    #[test]
    fn the_limit_is_what_the_run_waits_for() {
        let busy = measurement("1", &[1.0]);
        assert_eq!(busy.limit(), "processors");
        assert_eq!(Measurement { threads: 4, ..busy.clone() }.limit(), "reading");
        assert_eq!(Measurement { spilled_batches: 1, ..busy }.limit(), "memory");
    }

    #[test]
    fn a_setting_must_gain_more_than_noise() {
        let best = |all: &[Measurement]| best(all).map(|found| found.settings.to_string());
        let slow = || measurement("1", &[1.0, 1.1, 1.05]);
        assert_eq!(best(&[slow(), measurement("2", &[1.03, 1.04, 1.02])]).as_deref(), Some("threads=1"));
        assert_eq!(best(&[slow(), measurement("2", &[0.6, 0.61, 0.6])]).as_deref(), Some("threads=2"));
        assert_eq!(best(&[slow(), measurement("2", &[0.2, 1.9, 0.8])]).as_deref(), Some("threads=1"));
        assert_eq!(best(&[]), None);
    }
}
