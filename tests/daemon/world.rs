//! A folder with a configuration and events, in which daemons run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use ee_outliers::cli::{Cli, Command, RunArgs};
use ee_outliers::commands::Daemon;
use ee_outliers::runtime::{Clock, Interrupt, VirtualClock};

/// Use cases that find the rare of the events below.
pub(super) const USE_CASES: &str = "[terms_rare_user]\nrun_model=1\nes_query_filter=*\naggregator=host\ntarget=user\n\
    target_count_method=within_aggregator\ntrigger_on=low\ntrigger_method=float\ntrigger_sensitivity=2\n\
    outlier_type=t\noutlier_reason=r\noutlier_summary=rare user {user}\nshould_notify=1\n";

pub(super) struct World {
    folder: tempfile::TempDir,
    pub(super) clock: VirtualClock,
}

impl World {
    /// The folder with events and use cases; `main` is the main configuration.
    pub(super) fn new(main: &str, now: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let world = World { folder, clock: VirtualClock::new(now.parse().expect("a time")) };
        world.write("main.conf", main);
        world.write("use_cases.conf", USE_CASES);
        world.write("events.ndjson", &events());
        world
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    /// Arguments of a daemon, with the files of this folder.
    pub(super) fn arguments(&self) -> Vec<String> {
        let path = |name: &str| self.path(name).display().to_string();
        let (config, use_cases, events) = (path("main.conf"), path("use_cases.conf"), path("events.ndjson"));
        ["daemon", "--config", &config, "--use-cases", &use_cases, "--events", &events].map(str::to_owned).to_vec()
    }

    pub(super) fn run_args(&self) -> RunArgs {
        let arguments = std::iter::once("ee-outliers".to_owned()).chain(self.arguments());
        match Cli::parse_from(arguments).command {
            Command::Daemon(args) => args,
            other => panic!("not a daemon: {other:?}"),
        }
    }

    /// A daemon on the virtual clock.
    pub(super) fn daemon(&self, interrupt: &Interrupt) -> Daemon {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        Daemon::new(&self.run_args(), clock, interrupt).expect("a usable configuration")
    }
}

/// Events with one rare user.
pub(super) fn events() -> String {
    (0..40).map(|n| event(if n == 17 { "mallory" } else { "alice" })).collect()
}

/// An event of a user.
pub(super) fn event(user: &str) -> String {
    format!("{{\"@timestamp\":\"2024-01-15T00:00:00Z\",\"host\":\"h\",\"user\":\"{user}\"}}\n")
}
