//! The sections of use-case files that are named after models.

mod file;
mod members;
mod notify;
mod query;
mod requires;
mod severity;
mod technique;

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::Path;
use std::sync::Arc;

use chrono::TimeDelta;

use super::derived_fields::WrittenDerivedField;
use super::general::{General, read_memory_days};
use super::history_window::HistoryWindow;
use super::ini::Section;
use super::keys::{FIELD_HELP, Keys};
use super::macros::Macros;
use super::main_config::MainConfig;
use super::models::{Model, ModelDefaults, ModelType};
use super::outlier_limits;
use super::problem::{Location, Problem};
use super::schedule::Schedule;
use super::time_formats;
use super::whitelist::{WhitelistEntries, is_old_entry};
use crate::event::FieldPath;
use crate::event::time::TimeFormats;

pub use notify::NotifiedChannels;
pub(super) use notify::check_channels;
pub use query::UseCaseQuery;
pub use severity::FindingSeverity;
pub use technique::tactics;

/// Names under which outliers store what they are: parameters must not replace them.
const RESERVED: [&str; 10] = [
    "type",
    "reason",
    "summary",
    "assets",
    "model_name",
    "model_type",
    "elasticsearch_filter",
    "score",
    "surprise",
    "total_outliers",
];

/// One named detection: which events, which model, which texts. All of it is valid.
#[derive(Clone, Debug)]
pub struct UseCase {
    /// Location of its section header.
    pub location: Location,
    /// The whole section name.
    pub section: String,
    /// Rest of the section name after the model type and one separating character; may be empty.
    pub model_name: String,
    /// Query for the events it looks at.
    pub query: UseCaseQuery,
    /// The field that holds the time of an event.
    pub timestamp_field: FieldPath,
    /// Formats of that field.
    pub timestamp_format: TimeFormats,
    /// Length of the history over which events are read; never negative.
    pub history_window: TimeDelta,
    /// Number of days over which what earlier runs saw counts; `None` if nothing is remembered.
    pub memory_days: Option<NonZeroU32>,
    /// The indices to read, when they are not those of the main configuration.
    pub es_index: Option<String>,
    /// Channels that are told of its outliers.
    pub notify: NotifiedChannels,
    /// True if it runs at all.
    pub active: bool,
    /// Times at which the daemon runs it, if not those of the main configuration.
    pub schedule: Option<Schedule>,
    /// Score below which outliers are dropped, from 0 to 100.
    pub min_score: Option<f64>,
    /// Upper limit on its outliers.
    pub max_outliers: Option<NonZeroU64>,
    /// Names of the use cases that must have flagged the aggregator of its outliers.
    pub requires: Vec<String>,
    /// Outlier types, comma-separated, with `{field}` placeholders.
    pub outlier_type: String,
    /// Reasons, comma-separated, with `{field}` placeholders.
    pub outlier_reason: String,
    /// Summary with `{field}` placeholders.
    pub outlier_summary: String,
    /// Arbitrary parameters in section order, copied into each outlier; none has a reserved name.
    pub arbitrary: Vec<(String, String)>,
    /// Techniques of ATT&CK that it shows, such as `T1059.001`.
    pub techniques: Vec<String>,
    /// Severity of its findings, if its parameter `severity` names one.
    pub severity: Option<FindingSeverity>,
    /// Whitelist entries of its file and of its own section.
    pub whitelist: Arc<WhitelistEntries>,
    /// The main configuration's derived fields, then those of its file; empty unless
    /// the use case uses derived fields.
    pub derived_fields: Arc<[WrittenDerivedField]>,
    /// The settings of its model.
    pub model: Model,
    /// Location of each of its keys, for problems that are only found later.
    pub key_locations: BTreeMap<String, Location>,
}

impl UseCase {
    /// `TYPE_NAME`, by which it is named in logs and reports.
    pub fn id(&self) -> String {
        format!("{}_{}", self.model.model_type().as_str(), self.model_name)
    }

    /// True if the channel of this name is told of its outliers.
    pub fn notifies(&self, channel: &str) -> bool {
        self.notify.has(channel)
    }

    /// Returns an error at the place of one of its keys, which only a later stage can find.
    pub fn problem(&self, key: &str, message: impl Into<String>, help: impl Into<String>) -> Problem {
        let location = self.key_locations.get(key).unwrap_or(&self.location);
        Problem::error(message).at(location.clone()).in_section(&self.section).of_key(key).help(help)
    }
}

/// A use case that cannot run because of configuration errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedUseCase {
    /// The file it is in.
    pub file: Arc<Path>,
    /// The whole section name.
    pub section: String,
    /// The model type its section name begins with.
    pub model_type: ModelType,
    /// Number of errors.
    pub problems: usize,
}

/// Settings that a use case takes from its file and from the main configuration.
struct Context<'a> {
    main: &'a MainConfig,
    model_defaults: &'a ModelDefaults<'a>,
    whitelist: Arc<WhitelistEntries>,
    derived_fields: Vec<WrittenDerivedField>,
    macros: Macros,
}

impl<'a> Context<'a> {
    /// Reads the use case in `section` from its `keys`. One with errors may be returned, too: the
    /// problems count.
    fn read(&self, section: &Section, keys: &mut Keys<'a>, model_type: ModelType, model_name: &str) -> Option<UseCase> {
        let general = &self.main.general;
        let query = UseCaseQuery::read(keys, &self.macros);
        let history_window = general.history_window.read_over(keys).map(HistoryWindow::duration);
        let model = Model::read(model_type, keys, self.model_defaults, history_window);
        let text_help = "outliers are described by it; fields are written as {field}";
        let outlier_type = keys.required_text("outlier_type", text_help);
        let outlier_reason = keys.required_text("outlier_reason", text_help);
        let outlier_summary = keys.required_text("outlier_summary", text_help);
        check_placeholders(keys);
        let active = is_active(keys, general);
        let schedule = Schedule::read(keys, self.main.daemon.zone);
        let use_derived_fields = keys.bool("use_derived_fields").unwrap_or(false);
        let notify = NotifiedChannels::read(keys);
        keys.bool("process_documents_chronologically");
        let timestamp_field = keys.field("timestamp_field").unwrap_or_else(|| general.timestamp_field.clone());
        let timestamp_format = time_formats::read(keys).unwrap_or_else(|| general.timestamp_format.clone());
        let memory_days = read_memory_days(keys).unwrap_or(general.memory_days);
        let es_index = keys.filled("es_index").map(str::to_owned);
        let min_score = outlier_limits::min_score(keys).or(general.min_score);
        let max_outliers = outlier_limits::limit(keys, "max_outliers");
        let requires = requires::read(keys);
        let derived_fields = self.main.derived_fields.iter().chain(&self.derived_fields);
        let derived_fields = derived_fields.filter(|_| use_derived_fields).cloned().collect();
        let mut whitelist = Arc::clone(&self.whitelist);
        if keys.entries().any(|entry| is_old_entry(&entry.key)) {
            Arc::make_mut(&mut whitelist).add_old_entries(keys);
        }
        let remembers = general.state_dir.is_some() && model.as_ref().is_some_and(Model::uses_memory);
        let arbitrary = read_arbitrary(keys);
        technique::check(keys);
        // query strings are checked word by word, see `query::doubts`
        keys.check_comments(|key| key == query::LUCENE || is_old_entry(key));
        Some(UseCase {
            location: section.location.clone(),
            section: section.name.clone(),
            model_name: model_name.to_owned(),
            query: query?,
            timestamp_field,
            timestamp_format,
            history_window: history_window?,
            memory_days: NonZeroU32::new(memory_days).filter(|_| remembers),
            es_index,
            notify,
            active,
            schedule,
            min_score,
            max_outliers,
            requires,
            outlier_type: outlier_type?.to_owned(),
            outlier_reason: outlier_reason?.to_owned(),
            outlier_summary: outlier_summary?.to_owned(),
            techniques: technique::of(&arbitrary),
            severity: FindingSeverity::of(&arbitrary),
            arbitrary,
            whitelist,
            derived_fields,
            model: model?,
            key_locations: keys.locations(),
        })
    }
}

/// Refuses placeholders of fields that cannot be looked up.
fn check_placeholders(keys: &mut Keys<'_>) {
    for key in ["outlier_type", "outlier_reason", "outlier_summary"] {
        let text = keys.text(key).unwrap_or_default();
        let names = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
        if let Some(refusal) = names.filter_map(|(name, _)| FieldPath::new(name).refusal()).next() {
            keys.error(key, refusal, FIELD_HELP);
        }
    }
}

/// Reads `run_model` and `test_model`. A switch the main configuration overrules is not checked.
fn is_active(keys: &mut Keys<'_>, general: &General) -> bool {
    if keys.entry("run_model").or(keys.entry("test_model")).is_none() {
        keys.warn("run_model", "missing: the use case never runs", "write run_model=1, or 0 if it is not to run");
    }
    let runs = keys.entry("run_model").is_some() && general.run_models && keys.bool("run_model") == Some(true);
    let tests = keys.entry("test_model").is_some() && general.test_models && keys.bool("test_model") == Some(true);
    runs || tests
}

/// Reads what nobody asked for: parameters that are stored with each outlier.
fn read_arbitrary(keys: &mut Keys<'_>) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    for entry in keys.entries().collect::<Vec<_>>() {
        let key = entry.key.as_str();
        if keys.knows(key) || is_old_entry(key) {
            continue;
        }
        if RESERVED.contains(&key) {
            keys.warn(key, "the name is taken: the parameter is ignored", "outliers store their own text under it");
            continue;
        }
        // keys of other models are stored like any other
        if let Some(near) = keys.meant_by(key).filter(|_| !Model::any_has_key(key)) {
            let help = format!("did you mean `{near}`? as it is, it is stored with each outlier and changes nothing");
            keys.warn(key, "unknown key", help);
        }
        parameters.push((key.to_owned(), entry.value.text().to_owned()));
    }
    parameters
}
