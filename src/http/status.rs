//! State of the daemon, as its metrics and pages show it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::UseCase;
use crate::report::{Exit, Report, Status};
use crate::spelling::named_values;
use crate::state::{RunOutcome, RunRecord};

/// Ways in which runs end.
pub(super) const ENDINGS: [RunOutcome; 4] =
    [RunOutcome::Complete, RunOutcome::Partial, RunOutcome::Failed, RunOutcome::Interrupted];

named_values! {
    /// Reason for a run.
    RunReason {
        /// The daemon has started.
        Start = "start",
        /// The schedule.
        Schedule = "schedule",
        /// Somebody asked for it.
        Request = "request",
        /// Use cases failed before.
        Retry = "retry",
    }
}

/// Upper limit on the runs that are shown without a state store.
const MOST_RECENT: usize = 100;

/// A run under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RunInProgress {
    /// Time at which it started.
    pub started: DateTime<Utc>,
    /// Reason for it.
    pub reason: RunReason,
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EndedRun {
    /// Time at which it started.
    pub started: DateTime<Utc>,
    /// Seconds that it took.
    pub seconds: f64,
    /// Reason for it.
    pub reason: RunReason,
    /// Way in which it ended.
    pub outcome: RunOutcome,
    /// Exit code that it would have had as a command.
    pub exit_code: u8,
    /// Events that it read.
    pub events: u64,
    /// Its outliers.
    pub outliers: u64,
    /// Its findings.
    pub findings: u64,
    /// Names of the use cases that failed.
    pub failed: Vec<String>,
}

/// Numbers of a use case, from its last run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct UseCaseStatus {
    /// Events that matched.
    pub events: u64,
    /// Outliers.
    pub outliers: u64,
    /// Seconds spent on evaluating and describing.
    pub seconds: f64,
    /// End of the last run in which it was judged.
    pub last_success: Option<DateTime<Utc>>,
    /// True if it cannot use the fields of the events.
    pub is_unusable: bool,
    /// Failures in a row.
    pub n_failures: u32,
}

impl UseCaseStatus {
    /// Takes numbers over from a report of an earlier process.
    fn recalled(use_case: &Value, ended: DateTime<Utc>) -> Self {
        let number = |key: &str| use_case[key].as_u64().unwrap_or_default();
        let seconds = |key: &str| use_case[key].as_f64().unwrap_or_default();
        let status = Status::deserialize(&use_case["status"]).ok();
        UseCaseStatus {
            events: number("events"),
            outliers: number("outliers"),
            seconds: seconds("seconds_evaluate") + seconds("seconds_describe"),
            last_success: status.filter(|status| status.is_success()).map(|_| ended),
            is_unusable: status == Some(Status::Unusable),
            n_failures: 0,
        }
    }
}

/// Numbers of a channel through which people are told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ChannelStatus {
    /// Notices that wait.
    pub pending: u64,
    /// Notices that were accepted.
    pub told: u64,
    /// Notices that were given up.
    pub failed: u64,
    /// Age of the oldest notice that waits.
    pub oldest_pending: Duration,
}

/// State of the daemon.
#[derive(Debug, Clone)]
pub struct DaemonStatus {
    /// Time at which the daemon started.
    pub started: DateTime<Utc>,
    /// The run under way.
    pub in_progress: Option<RunInProgress>,
    /// Runs since the start, the newest first; older ones are forgotten.
    pub recent: VecDeque<EndedRun>,
    /// Start of the last run.
    pub last_start: Option<DateTime<Utc>>,
    /// End of the last complete run.
    pub last_success: Option<DateTime<Utc>>,
    /// Duration of the last run.
    pub last_duration: Option<Duration>,
    /// Exit code of the last run.
    pub last_exit_code: Option<u8>,
    /// Runs since the start, by outcome.
    counts: [u64; RunOutcome::ALL.len()],
    /// Time for which the next run is scheduled.
    pub next_run: Option<DateTime<Utc>>,
    /// Mistakes in the files of the configuration, because of which an older one is used.
    pub refused_edit: Vec<String>,
    /// Time at which the configuration in use was read.
    pub last_reload: Option<DateTime<Utc>>,
    /// Use cases by name.
    pub use_cases: BTreeMap<String, UseCaseStatus>,
    /// Channels by name.
    pub channels: BTreeMap<String, ChannelStatus>,
    /// Bytes in the folder of the state.
    pub state_bytes: Option<u64>,
    /// True from the signal to end on.
    pub is_stopping: bool,
    /// Last sign of life of the daemon's loop, as passed on its clock.
    pub alive: Duration,
}

impl DaemonStatus {
    /// Nothing has happened yet.
    pub fn new(started: DateTime<Utc>) -> Self {
        DaemonStatus {
            started,
            in_progress: None,
            recent: VecDeque::new(),
            last_start: None,
            last_success: None,
            last_duration: None,
            last_exit_code: None,
            counts: [0; RunOutcome::ALL.len()],
            next_run: None,
            refused_edit: Vec::new(),
            last_reload: None,
            use_cases: BTreeMap::new(),
            channels: BTreeMap::new(),
            state_bytes: None,
            is_stopping: false,
            alive: Duration::ZERO,
        }
    }

    /// Number of runs with this outcome since the start.
    pub fn n_runs(&self, outcome: RunOutcome) -> u64 {
        self.counts[outcome as usize]
    }

    /// Time since a run is due that has not begun.
    pub fn lag(&self, now: DateTime<Utc>) -> Duration {
        let overdue = self.next_run.and_then(|next| (now - next).to_std().ok());
        overdue.unwrap_or_default()
    }

    /// Takes over what earlier processes have stored: runs, the oldest first, each with its report
    /// if there is one.
    pub fn recall(&mut self, runs: &[(RunRecord, Option<Value>)]) {
        for (run, report) in runs {
            self.last_start = Some(run.begun);
            let Some(ended) = run.ended else { continue };
            self.last_exit_code = run.exit_code;
            self.last_duration = (ended - run.begun).to_std().ok();
            if run.outcome == RunOutcome::Complete {
                self.last_success = Some(ended);
            }
            let use_cases = report.as_ref().and_then(|report| report["use_cases"].as_array()).into_iter().flatten();
            for use_case in use_cases {
                let Some(name) = use_case["name"].as_str() else { continue };
                let known = self.use_cases.remove(name).and_then(|known| known.last_success);
                let mut recalled = UseCaseStatus::recalled(use_case, ended);
                recalled.last_success = recalled.last_success.or(known);
                self.use_cases.insert(name.to_owned(), recalled);
            }
        }
    }

    /// The state as JSON.
    pub(super) fn json(&self, now: DateTime<Utc>) -> Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "started": self.started,
            "in_progress": self.in_progress,
            "recent_runs": self.recent,
            "last_start": self.last_start,
            "last_success": self.last_success,
            "last_exit_code": self.last_exit_code,
            "next_run": self.next_run,
            "schedule_lag_seconds": self.lag(now).as_secs(),
            "last_reload": self.last_reload,
            "refused_edit": self.refused_edit,
            "use_cases": self.use_cases,
            "channels": self.channels,
        })
    }

    /// Forgets use cases that are inactive, or not among `use_cases`.
    pub fn keep_use_cases(&mut self, use_cases: &[UseCase]) {
        let names: BTreeSet<String> = use_cases.iter().filter(|use_case| use_case.active).map(UseCase::id).collect();
        self.use_cases.retain(|name, _| names.contains(name));
    }

    /// Notes that a run starts.
    pub fn begin(&mut self, started: DateTime<Utc>, reason: RunReason) {
        self.in_progress = Some(RunInProgress { started, reason });
        self.last_start = Some(started);
    }

    /// Notes that the run has ended.
    pub fn end(&mut self, ended: DateTime<Utc>, duration: Duration, exit: Exit, report: &Report) {
        let outcome = report.outcome(exit);
        if let Some(RunInProgress { started, reason }) = self.in_progress.take() {
            let failed = report.use_cases.iter().filter(|use_case| use_case.status == Status::Failed);
            self.recent.push_front(EndedRun {
                started,
                seconds: duration.as_secs_f64(),
                reason,
                outcome,
                exit_code: exit as u8,
                events: report.source.events,
                outliers: report.totals.outliers,
                findings: report.totals.findings,
                failed: failed.map(|use_case| use_case.name.clone()).collect(),
            });
            self.recent.truncate(MOST_RECENT);
        }
        self.last_duration = Some(duration);
        self.last_exit_code = Some(exit as u8);
        self.counts[outcome as usize] += 1;
        if outcome == RunOutcome::Complete {
            self.last_success = Some(ended);
        }
        for use_case in report.use_cases.iter().filter(|use_case| use_case.status != Status::Inactive) {
            let known = self.use_cases.entry(use_case.name.clone()).or_default();
            if use_case.status.is_success() {
                known.last_success = Some(ended);
                known.n_failures = 0;
            } else {
                known.n_failures = known.n_failures.saturating_add(1);
            }
            known.events = use_case.events;
            known.outliers = use_case.outliers;
            known.seconds = use_case.seconds_evaluate + use_case.seconds_describe;
            known.is_unusable = use_case.status == Status::Unusable;
        }
    }
}

/// The state of the daemon, shared between its loop and its HTTP server.
#[derive(Debug, Clone)]
pub struct SharedStatus(Arc<Mutex<DaemonStatus>>);

impl SharedStatus {
    /// Shares `status`.
    pub fn new(status: DaemonStatus) -> Self {
        SharedStatus(Arc::new(Mutex::new(status)))
    }

    /// The state, locked: to be held for a moment only.
    pub fn lock(&self) -> MutexGuard<'_, DaemonStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inactive_use_cases_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("u.conf");
        let same = "es_query_filter=a:b\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\n";
        std::fs::write(&path, format!("[simplequery_on]\nrun_model=1\n{same}[simplequery_off]\nrun_model=0\n{same}"))
            .unwrap();
        let settings = crate::config::load(&[], &[path.display().to_string()]);
        let mut status = DaemonStatus::new(Utc::now());
        for name in ["simplequery_on", "simplequery_off", "simplequery_gone"] {
            status.use_cases.insert(name.to_owned(), UseCaseStatus::default());
        }
        status.keep_use_cases(&settings.use_cases);
        assert_eq!(status.use_cases.keys().collect::<Vec<_>>(), ["simplequery_on"]);
    }
}
