//! The main configuration as the program may rely on it, with the shipped values as defaults.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::TimeDelta;

use super::elastic_settings::ElasticSettings;
use super::field::FieldPath;
use super::problem::Location;
use super::secret::Secret;
use super::whitelist_entries::WhitelistEntries;

/// Everything that is not a use case.
#[derive(Clone, Debug)]
pub struct MainConfig {
    /// How Elasticsearch is reached and read.
    pub elastic: ElasticSettings,
    /// The field that holds the time of an event, unless a use case names another.
    pub timestamp_field: FieldPath,
    /// How far back events are read, unless a use case says otherwise; never negative.
    pub history_window: TimeDelta,
    /// Whether outliers are written to their documents.
    pub save_results: bool,
    /// Whether each outlier is logged.
    pub print_outliers_to_console: bool,
    /// Whether all outliers are removed from documents before a run.
    pub wipe_all_existing_outliers: bool,
    /// Whether outliers that are whitelisted by now are removed from documents.
    pub wipe_all_whitelisted_outliers: bool,
    /// Whether use cases with `run_model` run.
    pub run_models: bool,
    /// Whether use cases with `test_model` run.
    pub test_models: bool,
    /// What is logged and where.
    pub log: LogSettings,
    /// Who is told of outliers; `None` when nobody.
    pub notifier: Option<NotifierSettings>,
    /// When the daemon runs, as cron text; `None` when not given.
    pub schedule: Option<String>,
    /// The fields that name what an outlier touches, in configuration order.
    pub assets: Vec<Asset>,
    /// Fields made of other fields, for use cases that want derived fields.
    pub derived_fields: Vec<DerivedField>,
    /// Whitelist entries of all use cases.
    pub whitelist: Arc<WhitelistEntries>,
}

/// What is logged and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// How often progress is told; 0 is least.
    pub verbosity: i64,
    /// What is logged; `None` when not given.
    pub level: Option<LogLevel>,
    /// The file to which the log is written as well.
    pub file: Option<PathBuf>,
}

/// Which messages are logged: those at least as serious.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogLevel {
    /// `CRITICAL` or `FATAL`.
    Critical,
    /// `ERROR`.
    Error,
    /// `WARNING` or `WARN`.
    Warning,
    /// `INFO`.
    Info,
    /// `DEBUG`.
    Debug,
    /// `NOTSET`: everything.
    NotSet,
}

/// Who is told of outliers by e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifierSettings {
    /// Host name of the mail server.
    pub smtp_server: String,
    /// Its port.
    pub smtp_port: u16,
    /// User name, also the sender.
    pub smtp_user: String,
    /// Password.
    pub smtp_password: Secret,
    /// The recipient.
    pub notification_email: String,
    /// How many recent notifications are remembered so as not to repeat them; 0 repeats all.
    pub max_cache_ignore: usize,
}

/// A field that names what an outlier touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// The field.
    pub field: FieldPath,
    /// What it names: `host`, `user`, `ip` ...
    pub asset_type: String,
}

/// Fields to be made from the text of another field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedField {
    /// The field whose text is taken apart.
    pub source: FieldPath,
    /// The GROK pattern that takes it apart; not yet compiled.
    pub pattern: String,
    /// Where the pattern is written.
    pub location: Location,
}

impl Default for MainConfig {
    /// The shipped values, which also stand for keys that are not written. `log_level` and `log_file` are the exceptions: none.
    fn default() -> Self {
        Self {
            elastic: ElasticSettings::default(),
            timestamp_field: FieldPath::new("@timestamp"),
            history_window: TimeDelta::hours(7 * 24 + 12),
            save_results: true,
            print_outliers_to_console: false,
            wipe_all_existing_outliers: false,
            wipe_all_whitelisted_outliers: true,
            run_models: true,
            test_models: false,
            log: LogSettings { verbosity: 1, level: None, file: None },
            notifier: None,
            schedule: None,
            assets: Vec::new(),
            derived_fields: Vec::new(),
            whitelist: Arc::default(),
        }
    }
}

impl LogLevel {
    /// All levels with the names the configuration gives them, upper case only.
    pub const NAMES: [(&'static str, Self); 8] = [
        ("CRITICAL", Self::Critical),
        ("FATAL", Self::Critical),
        ("ERROR", Self::Error),
        ("WARNING", Self::Warning),
        ("WARN", Self::Warning),
        ("INFO", Self::Info),
        ("DEBUG", Self::Debug),
        ("NOTSET", Self::NotSet),
    ];
}
