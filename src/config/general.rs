//! `[general]`, except for the keys of the cluster and of the log.

use super::field::FieldPath;
use super::history_window::HistoryWindow;
use super::keys::Keys;

pub(super) const SECTION: &str = "general";

/// What holds for all use cases.
#[derive(Clone, Debug)]
pub struct General {
    /// The field that holds the time of an event, unless a use case names another.
    pub timestamp_field: FieldPath,
    /// How far back events are read, unless a use case says otherwise.
    pub history_window: HistoryWindow,
    /// Whether outliers are written to their documents.
    pub save_results: bool,
    /// Whether each outlier is logged.
    pub print_outliers_to_console: bool,
    /// Whether all outliers are removed from documents before a run.
    pub wipe_all_existing_outliers: bool,
    /// Whether outliers that have been whitelisted since are removed from documents.
    pub wipe_all_whitelisted_outliers: bool,
    /// Whether use cases with `run_model` run.
    pub run_models: bool,
    /// Whether use cases with `test_model` run.
    pub test_models: bool,
}

impl General {
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        Self {
            timestamp_field: FieldPath::new(keys.filled("timestamp_field").unwrap_or("@timestamp")),
            save_results: keys.bool("es_save_results").unwrap_or(true),
            print_outliers_to_console: keys.bool("print_outliers_to_console").unwrap_or(false),
            wipe_all_existing_outliers: keys.bool("es_wipe_all_existing_outliers").unwrap_or(false),
            wipe_all_whitelisted_outliers: keys.bool("es_wipe_all_whitelisted_outliers").unwrap_or(true),
            run_models: keys.bool("run_models").unwrap_or(true),
            test_models: keys.bool("test_models").unwrap_or(false),
            history_window: HistoryWindow::read(keys),
        }
    }
}
