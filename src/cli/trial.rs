//! Runs that other commands make.

use super::{ConfigArgs, DeviceChoice, RunArgs};

impl RunArgs {
    /// Returns the arguments of a run over all `events` with all use cases that writes nothing.
    pub(super) fn of_trial(config: &ConfigArgs, events: &[String], memory_limit: usize, device: DeviceChoice) -> Self {
        RunArgs {
            config: config.clone(),
            events: events.to_vec(),
            only: Vec::new(),
            now: None,
            from: None,
            to: None,
            dry_run: true,
            output: None,
            format: None,
            findings: None,
            report: None,
            html: None,
            memory_limit,
            spill_dir: None,
            threads: None,
            device,
        }
    }
}
