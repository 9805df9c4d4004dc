//! A folder in which the program runs, with its configuration and its events.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{self, Finished};

/// Arguments of a run over `events.ndjson`.
pub(crate) const RUN: [&str; 11] = [
    "run",
    "--config",
    "main.conf",
    "--use-cases",
    "use_cases.conf",
    "--events",
    "events.ndjson",
    "-o",
    "found.ndjson",
    "--report",
    "report.json",
];

/// Use case that finds the processes of a host of which there are fewer than `sensitivity`.
pub(crate) fn rare_processes(sensitivity: u32) -> String {
    format!(
        "[terms_process]\nes_query_filter=*\ntarget=process\naggregator=host\n\
         target_count_method=within_aggregator\ntrigger_on=low\ntrigger_method=float\n\
         trigger_sensitivity={sensitivity}\nrun_model=1\noutlier_type=a\noutlier_reason=b\n\
         outlier_summary={{process}} on {{host}}\n"
    )
}

/// The folder.
pub(crate) struct Site(TempDir);

impl Site {
    pub(crate) fn new(main: &str, use_cases: &str) -> Self {
        let site = Site(TempDir::new().expect("a folder"));
        site.write("main.conf", main);
        site.write("use_cases.conf", use_cases);
        site
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("writable");
    }

    /// Runs the program over `events.ndjson`.
    pub(crate) fn run(&self) -> Finished {
        self.run_with(&[])
    }

    pub(crate) fn run_with(&self, more: &[&str]) -> Finished {
        program::run(self.path(), &[&RUN[..], more].concat())
    }

    /// Report of the last run.
    pub(crate) fn report(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path().join("report.json")).expect("a report")).expect("JSON")
    }
}
