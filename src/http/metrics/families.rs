//! Families of metrics: names and units by the conventions of Prometheus.

/// Kind of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A number that only grows while the process runs.
    Counter,
    /// A number that goes up and down.
    Gauge,
}

impl MetricKind {
    /// Its name in the text format.
    pub fn as_str(self) -> &'static str {
        match self {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
        }
    }
}

/// A family of metrics: samples of one name, told apart by labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// Name, with its unit.
    pub name: &'static str,
    /// Kind.
    pub kind: MetricKind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// Meaning, in one sentence.
    pub help: &'static str,
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind: MetricKind::Gauge, labels, help }
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind: MetricKind::Counter, labels, help }
}

/// Version of the program.
pub const BUILD_INFO: Family =
    gauge("ee_outliers_build_info", &["version"], "Always 1; the labels say which build runs.");
/// Start of the last run.
pub const RUN_LAST_START: Family =
    gauge("ee_outliers_run_last_start_timestamp_seconds", &[], "Time at which the last run started.");
/// End of the last complete run.
pub const RUN_LAST_SUCCESS: Family =
    gauge("ee_outliers_run_last_success_timestamp_seconds", &[], "Time at which the last complete run ended.");
/// Duration of the last run.
pub const RUN_DURATION: Family = gauge("ee_outliers_run_duration_seconds", &[], "Duration of the last run.");
/// Exit code of the last run.
pub const RUN_LAST_EXIT_CODE: Family =
    gauge("ee_outliers_run_last_exit_code", &[], "Exit code that the last run would have had as a command.");
/// Runs by outcome.
pub const RUNS: Family = counter("ee_outliers_runs_total", &["status"], "Runs since the start, by outcome.");
/// A run is under way.
pub const RUN_IN_PROGRESS: Family = gauge("ee_outliers_run_in_progress", &[], "1 while a run is under way, else 0.");
/// Delay of a run that is due.
pub const SCHEDULE_LAG: Family =
    gauge("ee_outliers_schedule_lag_seconds", &[], "Time since a run is due that has not begun; 0 if none is.");
/// Time of the next run.
pub const NEXT_RUN: Family =
    gauge("ee_outliers_next_run_timestamp_seconds", &[], "Time for which the next run is scheduled.");
/// The last edit of the configuration was refused.
pub const CONFIG_RELOAD_FAILED: Family = gauge(
    "ee_outliers_config_reload_failed",
    &[],
    "1 if the files of the configuration have mistakes and an older configuration is used, else 0.",
);
/// Time at which the configuration was read.
pub const CONFIG_LAST_RELOAD: Family =
    gauge("ee_outliers_config_last_reload_timestamp_seconds", &[], "Time at which the configuration in use was read.");
/// Events of a use case.
pub const USE_CASE_EVENTS: Family =
    gauge("ee_outliers_use_case_events", &["use_case"], "Events that matched the use case in its last run.");
/// Outliers of a use case.
pub const USE_CASE_OUTLIERS: Family =
    gauge("ee_outliers_use_case_outliers", &["use_case"], "Outliers of the use case in its last run.");
/// Duration of a use case.
pub const USE_CASE_DURATION: Family = gauge(
    "ee_outliers_use_case_duration_seconds",
    &["use_case"],
    "Time that evaluating and describing took for the use case in its last run.",
);
/// Last success of a use case.
pub const USE_CASE_LAST_SUCCESS: Family = gauge(
    "ee_outliers_use_case_last_success_timestamp_seconds",
    &["use_case"],
    "End of the last run in which the use case was judged.",
);
/// A use case that cannot use the events.
pub const USE_CASE_UNUSABLE: Family = gauge(
    "ee_outliers_use_case_unusable",
    &["use_case"],
    "1 if events matched the use case in its last run, but their fields are not what it needs, else 0.",
);
/// Failures of a use case in a row.
pub const USE_CASE_FAILURES: Family = gauge(
    "ee_outliers_use_case_consecutive_failures",
    &["use_case"],
    "Runs in a row in which the use case failed; 0 after a success.",
);
/// Notices that wait.
pub const NOTICES_PENDING: Family =
    gauge("ee_outliers_notices_pending", &["channel"], "Notices that are stored, but not yet accepted.");
/// Notices that were accepted.
pub const NOTICES_TOLD: Family =
    counter("ee_outliers_notices_told_total", &["channel"], "Notices that the channel accepted.");
/// Notices that were given up.
pub const NOTICES_FAILED: Family =
    counter("ee_outliers_notices_failed_total", &["channel"], "Notices that were given up.");
/// Age of the oldest notice that waits.
pub const NOTICES_OLDEST: Family = gauge(
    "ee_outliers_notices_oldest_pending_seconds",
    &["channel"],
    "Age of the oldest notice that waits for the channel; 0 if none does.",
);
/// Size of the state.
pub const STATE_BYTES: Family = gauge("ee_outliers_state_bytes", &[], "Size of the files in state_dir.");
/// Resident memory.
pub const RESIDENT_MEMORY: Family = gauge("process_resident_memory_bytes", &[], "Resident memory of the process.");
/// Open files.
pub const OPEN_FDS: Family = gauge("process_open_fds", &[], "Number of open file descriptors.");
/// Start of the process.
pub const START_TIME: Family = gauge("process_start_time_seconds", &[], "Time at which the process started.");
/// Processor time.
pub const CPU_SECONDS: Family =
    counter("process_cpu_seconds_total", &[], "Processor time of all threads, user and system.");

/// All families, in the order in which `/metrics` shows them.
pub const FAMILIES: [Family; 26] = [
    BUILD_INFO,
    RUN_LAST_START,
    RUN_LAST_SUCCESS,
    RUN_DURATION,
    RUN_LAST_EXIT_CODE,
    RUNS,
    RUN_IN_PROGRESS,
    SCHEDULE_LAG,
    NEXT_RUN,
    CONFIG_RELOAD_FAILED,
    CONFIG_LAST_RELOAD,
    USE_CASE_EVENTS,
    USE_CASE_OUTLIERS,
    USE_CASE_DURATION,
    USE_CASE_LAST_SUCCESS,
    USE_CASE_UNUSABLE,
    USE_CASE_FAILURES,
    NOTICES_PENDING,
    NOTICES_TOLD,
    NOTICES_FAILED,
    NOTICES_OLDEST,
    STATE_BYTES,
    RESIDENT_MEMORY,
    OPEN_FDS,
    START_TIME,
    CPU_SECONDS,
];
