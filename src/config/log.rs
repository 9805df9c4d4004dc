//! `log_verbosity`, `log_level` and `log_file` of `[general]`.

use std::path::PathBuf;

use super::keys::Keys;
#[cfg(test)]
use super::template_key::{TemplateKey, names_of};

/// Keys that are read here, for the documentation.
#[cfg(test)]
pub(super) const KEYS: &[TemplateKey] = &[
    TemplateKey::optional(
        "log_level",
        "INFO",
        "least severe messages that are logged; -q and -v win on standard error",
    )
    .one_of(|| names_of(&LogLevel::NAMES)),
    TemplateKey::optional("log_file", "/var/log/ee-outliers.log", "file to which the log is appended as well"),
    TemplateKey::optional("log_verbosity", "1", "accepted and ignored"),
];

/// Log settings: level, verbosity and file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Frequency of progress reports; 0 is the lowest.
    pub verbosity: i64,
    /// Least severe level that is logged; `None` if not given.
    pub level: Option<LogLevel>,
    /// File to which the log is also written.
    pub file: Option<PathBuf>,
}

impl LogSettings {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        Self {
            verbosity: keys.int("log_verbosity").unwrap_or(1),
            level: keys.named("log_level", &LogLevel::NAMES),
            file: keys.filled("log_file").map(PathBuf::from),
        }
    }
}

/// The least serious messages that are logged.
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

impl LogLevel {
    /// All levels with their names in the configuration, upper case only.
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
