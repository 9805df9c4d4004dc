//! `[general]`, except for the keys of the cluster and of the log.

use std::num::NonZeroU64;
use std::path::PathBuf;

use super::history_window::HistoryWindow;
use super::keys::Keys;
use super::outlier_limits;
#[cfg(test)]
use super::template_key::{TemplateKey, names_of};
use super::time_formats;
use crate::cli::parse_size;
use crate::event::FieldPath;
use crate::event::time::TimeFormats;
use crate::python::parse_int;
use crate::spelling::named_values;

pub(super) const SECTION: &str = "general";

/// Keys that are read here, for the documentation.
#[cfg(test)]
pub(super) const KEYS: &[TemplateKey] = &[
    TemplateKey::optional(
        "timestamp_field",
        "@timestamp",
        "field with the time of an event; use cases may name another",
    ),
    TemplateKey::optional("timestamp_format", "epoch_second", "formats of that field, where they are ambiguous"),
    TemplateKey::optional("history_window_days", "7", "how far back events are read; use cases may say otherwise"),
    TemplateKey::optional("history_window_hours", "12", "hours on top of the days"),
    TemplateKey::optional("fields", "auto", "profiles of the names that fields have in the events; --fields wins"),
    TemplateKey::optional("hunting", "1", "1: the bundled use cases for hunting run, too"),
    TemplateKey::optional("run_models", "1", "1: use cases with run_model=1 run"),
    TemplateKey::optional("test_models", "1", "1: use cases with test_model=1 run"),
    TemplateKey::optional("unusable", "partial", "effect on the run of a use case that cannot use the events")
        .one_of(|| names_of(&OnUnusable::NAMES)),
    TemplateKey::optional("min_score", "50", "outliers with a lower score are dropped, from 0 to 100"),
    TemplateKey::optional(
        "outlier_budget",
        "1000",
        "at most this number of outliers in a run, those with the highest scores",
    ),
    TemplateKey::optional(
        "max_documents_per_finding",
        "100",
        "at most this number of documents of a finding get its outliers, the first ones",
    ),
    TemplateKey::optional("print_outliers_to_console", "1", "1: each outlier is logged"),
    TemplateKey::optional(
        "state_dir",
        "/var/lib/ee-outliers",
        "folder for what is kept between runs; without one, nothing is remembered",
    ),
    TemplateKey::optional(
        "memory_days",
        "90",
        "days over which what earlier runs saw counts; 0: nothing is remembered",
    ),
    TemplateKey::optional("history_days", "365", "days for which runs are kept; 0: only the last run is"),
    TemplateKey::optional(
        "history_size",
        "1GiB",
        "upper limit on the size of the history of runs; the oldest ones are forgotten first",
    ),
    TemplateKey::optional(
        "es_save_results",
        "1",
        "1: outliers are written to the documents of the cluster; 0: nothing is written there",
    ),
    TemplateKey::optional(
        "es_wipe_all_existing_outliers",
        "0",
        "1: before a run, all outliers are removed from the cluster",
    ),
    TemplateKey::optional(
        "es_wipe_all_whitelisted_outliers",
        "1",
        "1: after a run, outliers that have been whitelisted since are removed",
    ),
];

/// Default of `memory_days`.
const DEFAULT_MEMORY_DAYS: u32 = 90;

/// Upper limit on `memory_days`.
const MOST_MEMORY_DAYS: u32 = 36_500;

/// Reads `memory_days`, the number of days that are remembered.
pub(super) fn read_memory_days(keys: &mut Keys<'_>) -> Option<u32> {
    let days = |text: &str| {
        let days = u32::try_from(parse_int(text)?).ok()?;
        (days <= MOST_MEMORY_DAYS).then_some(days)
    };
    let help = "write a number of days, such as 90; 0 remembers nothing";
    keys.parsed("memory_days", "not a whole number from 0 to 36500", help, days)
}

/// Default of `history_days`.
const DEFAULT_HISTORY_DAYS: u32 = 365;

/// Default of `history_size`.
const DEFAULT_HISTORY_BYTES: u64 = 1 << 30;

/// Reads `history_days`, the number of days for which runs are kept.
fn read_history_days(keys: &mut Keys<'_>) -> Option<u32> {
    let days = |text: &str| u32::try_from(parse_int(text)?).ok().filter(|days| *days <= MOST_MEMORY_DAYS);
    let help = "write a number of days, such as 365; 0 keeps the last run only";
    keys.parsed("history_days", "not a whole number from 0 to 36500", help, days)
}

/// Reads `history_size`, the upper limit on the size of the history in bytes.
fn read_history_bytes(keys: &mut Keys<'_>) -> Option<u64> {
    let bytes = |text: &str| Some(parse_size(text).ok()? as u64);
    keys.parsed("history_size", "not a size", "write 512MiB, 2GiB or a number of bytes", bytes)
}

named_values! {
    /// Effect of a use case on the run if it cannot use the events that match it.
    OnUnusable {
        /// The run is partial.
        Partial = "partial",
        /// The run warns.
        Warn = "warn",
        /// The run fails, and writes nothing.
        Fail = "fail",
    }
}

/// Settings that apply to all use cases.
#[derive(Clone, Debug)]
pub struct General {
    /// The field that holds the time of an event, unless a use case names another.
    pub timestamp_field: FieldPath,
    /// Formats of that field, unless a use case names others.
    pub timestamp_format: TimeFormats,
    /// Length of the history over which events are read, unless a use case sets its own.
    pub history_window: HistoryWindow,
    /// Folder for what is kept of earlier runs; without one, nothing is remembered.
    pub state_dir: Option<PathBuf>,
    /// Number of days that are remembered, unless a use case sets its own; 0 for none.
    pub memory_days: u32,
    /// Number of days for which runs are kept in the history.
    pub history_days: u32,
    /// Upper limit on the bytes of the history.
    pub history_bytes: u64,
    /// Profiles of field names, as written; `None` means the default.
    pub fields: Option<String>,
    /// True to add the use cases for hunting to those that ship with the program.
    pub hunting: bool,
    /// True to write outliers to their documents.
    pub save_results: bool,
    /// True to log each outlier.
    pub print_outliers_to_console: bool,
    /// True to remove all outliers from documents before a run.
    pub wipe_all_existing_outliers: bool,
    /// True to remove outliers from documents if they have been whitelisted since.
    pub wipe_all_whitelisted_outliers: bool,
    /// True to run use cases with `run_model`.
    pub run_models: bool,
    /// True to run use cases with `test_model`.
    pub test_models: bool,
    /// Effect of use cases that cannot use the events.
    pub on_unusable: OnUnusable,
    /// Score below which outliers are dropped, unless a use case sets its own; from 0 to 100.
    pub min_score: Option<f64>,
    /// Upper limit on the outliers of a run.
    pub outlier_budget: Option<NonZeroU64>,
    /// Upper limit on the documents of a finding to which its outliers are written.
    pub max_documents_per_finding: Option<NonZeroU64>,
}

impl General {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        Self {
            timestamp_field: keys.field("timestamp_field").unwrap_or_else(|| FieldPath::new("@timestamp")),
            timestamp_format: time_formats::read(keys).unwrap_or_default(),
            fields: keys.filled("fields").map(str::to_owned),
            hunting: keys.bool("hunting").unwrap_or(false),
            save_results: keys.bool("es_save_results").unwrap_or(true),
            print_outliers_to_console: keys.bool("print_outliers_to_console").unwrap_or(false),
            wipe_all_existing_outliers: keys.bool("es_wipe_all_existing_outliers").unwrap_or(false),
            wipe_all_whitelisted_outliers: keys.bool("es_wipe_all_whitelisted_outliers").unwrap_or(true),
            run_models: keys.bool("run_models").unwrap_or(true),
            test_models: keys.bool("test_models").unwrap_or(false),
            on_unusable: keys.named("unusable", &OnUnusable::NAMES).unwrap_or(OnUnusable::Partial),
            min_score: outlier_limits::min_score(keys),
            outlier_budget: outlier_limits::limit(keys, "outlier_budget"),
            max_documents_per_finding: outlier_limits::limit(keys, "max_documents_per_finding"),
            history_window: HistoryWindow::read(keys),
            state_dir: keys.filled("state_dir").map(PathBuf::from),
            memory_days: read_memory_days(keys).unwrap_or(DEFAULT_MEMORY_DAYS),
            history_days: read_history_days(keys).unwrap_or(DEFAULT_HISTORY_DAYS),
            history_bytes: read_history_bytes(keys).unwrap_or(DEFAULT_HISTORY_BYTES),
        }
    }
}
