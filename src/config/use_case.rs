//! A use case as the program may rely on it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chrono::TimeDelta;

use super::field::FieldPath;
use super::main_config::DerivedField;
use super::model::{Model, ModelType};
use super::problem::{Location, Problem};
use super::whitelist_entries::WhitelistEntries;

/// One named detection: which events, which model, which texts. All of it is valid.
#[derive(Clone, Debug)]
pub struct UseCase {
    /// Where its section header is.
    pub location: Location,
    /// The whole section name.
    pub section: String,
    /// The model that judges the events.
    pub model_type: ModelType,
    /// What follows the model type and one separating character in the section name; may be empty.
    pub model_name: String,
    /// Which events it looks at.
    pub query: UseCaseQuery,
    /// The field that holds the time of an event.
    pub timestamp_field: FieldPath,
    /// How far back events are read; never negative.
    pub history_window: TimeDelta,
    /// The indices to read, when they are not those of the main configuration.
    pub es_index: Option<String>,
    /// Whether a person is told of its outliers: only when the notifier is on as well.
    pub should_notify: bool,
    /// Whether derived fields take part.
    pub use_derived_fields: bool,
    /// Whether it runs at all.
    pub active: bool,
    /// Outlier types, comma-separated, with `{field}` placeholders.
    pub outlier_type: String,
    /// Reasons, comma-separated, with `{field}` placeholders.
    pub outlier_reason: String,
    /// Summary with `{field}` placeholders.
    pub outlier_summary: String,
    /// Arbitrary parameters in section order, copied into each outlier; none has a reserved name.
    pub arbitrary: Vec<(String, String)>,
    /// Whitelist entries of its file and of its own section; those of the main configuration are not repeated here.
    pub whitelist: Arc<WhitelistEntries>,
    /// The main configuration's derived fields and then those of its file; empty unless [`Self::use_derived_fields`].
    pub derived_fields: Arc<[DerivedField]>,
    /// The settings of its model.
    pub model: Model,
    /// Where each of its keys was written, for problems that are only found later.
    pub key_locations: BTreeMap<String, Location>,
}

impl UseCase {
    /// `TYPE_NAME`, by which it is named in logs and reports.
    pub fn id(&self) -> String {
        use_case_id(self.model_type, &self.model_name)
    }

    /// An error in the value of one of its keys that only a later stage can see, at the key's place.
    pub fn problem(&self, key: &str, message: impl Into<String>, help: impl Into<String>) -> Problem {
        let location = self.key_locations.get(key).unwrap_or(&self.location);
        Problem::error(message).at(location.clone()).in_section(&self.section).of_key(key).help(help)
    }
}

pub(crate) fn use_case_id(model_type: ModelType, model_name: &str) -> String {
    format!("{}_{model_name}", model_type.as_str())
}

/// The events a use case looks at: those that fulfil the Lucene query and every DSL query. At least one is given.
#[derive(Clone, Debug, PartialEq)]
pub struct UseCaseQuery {
    /// `es_query_filter`, a Lucene query string.
    pub lucene: Option<String>,
    /// The `X` of each `{"query": X}` of `es_dsl_filter`, always an object.
    pub dsl: Vec<serde_json::Value>,
    /// The text of the filter as written, stored with outliers as `elasticsearch_filter`; both joined by ` AND ` when both are given.
    pub recorded: String,
}

/// A use case that cannot run because of configuration errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedUseCase {
    /// The file it is in.
    pub file: Arc<Path>,
    /// The whole section name.
    pub section: String,
    /// The model type its section name begins with.
    pub model_type: Option<ModelType>,
    /// The rest of its section name.
    pub model_name: String,
    /// How many errors it has.
    pub problems: usize,
}
