//! Configuration: from what the user wrote to what the program relies on.
//!
//! 1. [`ini`] parses the text and keeps the place of every section, key and value.
//! 2. Each section, or family of keys, has a file: the valid type, the keys, their defaults and the
//!    reader. `main_config` and `use_case` combine them. What is wrong becomes a [`Problem`].
//! 3. [`load`] does it for all files at once. A bad file or use case never stops another one.
//!
//! Existing files rely on two dialects of the format: see [`ini::Dialect`].

mod problem;
mod secret;
pub mod values;
pub mod ini;
mod comments;
mod files;
mod shipped;
mod keys;
mod template_key;
mod history_window;
mod outlier_limits;
mod time_formats;
mod general;
mod geoip;
mod cluster;
mod log;
mod assets;
mod derived_fields;
mod field_aliases;
mod macros;
mod named_values;
mod whitelist;
mod notifiers;
mod schedule;
mod daemon;
mod http;
mod models;
mod log_sources;
mod overrides;
mod template;
mod profiles;
mod main_config;
mod use_case;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

pub use assets::Asset;
pub(crate) use cluster::percent_decoded;
pub use cluster::{Authentication, ClientCertificate, ElasticSettings};
pub use daemon::DaemonSettings;
pub use derived_fields::{WrittenDerivedField, compile_derived};
pub use general::{General, OnUnusable};
pub use history_window::HistoryWindow;
pub use http::HttpServerSettings;
pub use log::{LogLevel, LogSettings};
pub use log_sources::LogSource;
pub use macros::{ExpandedMacro, Macros};
pub use main_config::MainConfig;
pub use models::{
    Baseline, Beacon, BeaconMethod, BeaconTrigger, Comparison, CountMethod, Metrics, Model, ModelType, Networks,
    Prevalence, Sensitivity, Separators, SimpleQuery, SuddenAppearance, Terms, Travel, Trigger, TriggerFocus,
    TriggerMethod, TriggerOn, TriggerScore, Word2vec,
};
pub use notifiers::{
    Channel, ChannelSettings, ChannelTls, ChannelType, CustomField, CustomFieldType, DataStreamSettings, HttpSettings,
    MailSettings, MailTls, Notifiers, SlackSettings, SyslogFormat, SyslogSettings, SyslogTransport, TeamsSettings,
    TheHiveApi, TheHiveSettings, WebhookSettings,
};
pub use overrides::KeyOverride;
pub(crate) use problem::n_errors;
pub use problem::{Location, Problem, Severity};
pub use profiles::log_sources;
pub use schedule::{Schedule, ScheduleZone};
pub use secret::Secret;
pub use use_case::{FindingSeverity, NotifiedChannels, RejectedUseCase, UseCase, UseCaseQuery, tactics};
pub use whitelist::{
    IndexedField, WhitelistEntries, WhitelistIndex, WhitelistNote, WhitelistPart, WrittenWhitelistEntry, written_entry,
};

use cluster::Environment;
use models::ModelDefaults;

/// Everything the configuration says, and everything that is wrong with it.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The main configuration, with defaults where nothing or something invalid is written.
    pub main: MainConfig,
    /// The valid use cases, sorted by file, then in the order of the file.
    pub use_cases: Vec<UseCase>,
    /// The use-case files that were read, or tried.
    pub files: Vec<PathBuf>,
    /// All problems of all files.
    pub problems: Vec<Problem>,
    /// The derived fields of all files, also those that no use case wants; not yet compiled.
    pub derived_fields: Vec<WrittenDerivedField>,
    /// The use cases that cannot run because of configuration errors.
    pub rejected: Vec<RejectedUseCase>,
    /// Number of use-case files that cannot be read, or that have errors outside of use cases.
    pub rejected_files: usize,
    /// Number of errors in whitelist entries of the main configuration, which are left out.
    pub rejected_entries: usize,
    /// Number of other errors in the main configuration: with any, [`Self::main`] is not as meant.
    pub main_errors: usize,
    /// True if a batch size is configured. It has no effect, which is worth one note per run.
    pub ignored_batch_sizes: bool,
}

impl Configuration {
    /// True if a use case, or a whole file of them, cannot be used.
    pub fn has_rejected(&self) -> bool {
        self.rejected_files > 0 || !self.rejected.is_empty()
    }

    /// Returns the use cases of a `text` that the program made itself, which names fields and uses
    /// macros as the other use cases do.
    pub fn use_cases_of(&self, text: &str) -> Vec<UseCase> {
        let mut of_text = Configuration { use_cases: Vec::new(), problems: Vec::new(), ..self.clone() };
        let no_defaults = ini::Ini::default();
        let model_defaults = ModelDefaults::read(&no_defaults, &mut of_text.problems);
        of_text.read_use_cases(&Path::new("made by the program").into(), text, &model_defaults, &[]);
        debug_assert!(of_text.problems.is_empty(), "{:?}", of_text.problems);
        of_text.use_cases
    }
}

/// Reads all configuration files, and the use cases in all files that match the patterns; without a
/// pattern, those that ship with the program.
///
/// Never panics and never stops early: [`Configuration::problems`] holds everything that is wrong.
pub fn load(config_files: &[PathBuf], use_case_patterns: &[String]) -> Configuration {
    load_with(config_files, use_case_patterns, &LoadOptions::default())
}

/// Choices of the command line that replace those of the main configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadOptions<'a> {
    /// Profiles of fields.
    pub fields: Option<&'a str>,
    /// True to add the use cases for hunting to those that ship with the program.
    pub hunting: bool,
    /// Keys of use cases that have another value than in their files.
    pub set: &'a [KeyOverride],
}

/// As [`load`], with the choices of a command line.
pub fn load_with(config_files: &[PathBuf], use_case_patterns: &[String], options: &LoadOptions<'_>) -> Configuration {
    load_in(config_files, use_case_patterns, options, &|name| std::env::var(name).ok())
}

/// As [`load_with`], in the given environment.
fn load_in(
    config_files: &[PathBuf],
    use_case_patterns: &[String],
    options: &LoadOptions<'_>,
    environment: &Environment<'_>,
) -> Configuration {
    let mut problems = Vec::new();
    let ini = main_config::read_files(config_files, &mut problems);
    // existing use cases say which names they mean; those that ship are for all forms of logs
    let default_fields = if use_case_patterns.is_empty() { profiles::AUTO } else { profiles::NONE };
    let (main, model_defaults) = main_config::read(&ini, (options.fields, default_fields), environment, &mut problems);
    let rejected_entries = problems.iter().filter(|problem| is_of_entry(problem)).count();
    let main_errors = n_errors(&problems) - rejected_entries;
    let files = files::expand(use_case_patterns, &mut problems);
    let mut configuration = Configuration {
        derived_fields: main.derived_fields.clone(),
        main,
        use_cases: Vec::new(),
        files: files.clone(),
        rejected: Vec::new(),
        // each is a file that does not exist, or an invalid pattern
        rejected_files: n_errors(&problems) - main_errors - rejected_entries,
        rejected_entries,
        main_errors,
        ignored_batch_sizes: models::has_batch_sizes(&ini),
        problems,
    };
    if use_case_patterns.is_empty() {
        let is_hunting = options.hunting || configuration.main.general.hunting;
        let hunting = if is_hunting { shipped::HUNTING } else { &[] };
        for (path, text) in shipped::USE_CASES.iter().chain(hunting) {
            configuration.read_use_cases(&Path::new(path).into(), text, &model_defaults, options.set);
        }
    }
    for path in &files {
        match files::read(path) {
            Ok((file, text)) => configuration.read_use_cases(&file, &text, &model_defaults, options.set),
            Err(problem) => {
                configuration.problems.push(*problem);
                configuration.rejected_files += 1;
            }
        }
    }
    warn_of_duplicates(&configuration.use_cases, &mut configuration.problems);
    configuration.check_requirements();
    use_case::check_channels(&configuration.main.notifiers, &configuration.use_cases, &mut configuration.problems);
    configuration
}

/// True if `problem` makes a whitelist entry unusable. Without the entry, less is accepted; nothing
/// else changes.
fn is_of_entry(problem: &Problem) -> bool {
    let is_whitelist = problem.section.as_deref().is_some_and(|section| section.starts_with("whitelist"));
    problem.severity == Severity::Error && is_whitelist && problem.key.is_some()
}

/// Warns of use cases that results could not tell apart.
fn warn_of_duplicates(use_cases: &[UseCase], problems: &mut Vec<Problem>) {
    let mut known: HashMap<String, &UseCase> = HashMap::new();
    for use_case in use_cases {
        let first = *known.entry(use_case.id()).or_insert(use_case);
        if !std::ptr::eq(first, use_case) {
            problems.push(
                Problem::warning(format!("the name is also used at {}", first.location))
                    .at(use_case.location.clone())
                    .in_section(&use_case.section)
                    .help("give each use case a name of its own: both run, and their outliers look alike"),
            );
        }
    }
}

/// Returns the whitelist entries of a file of any kind, and what is wrong with them.
pub(crate) fn whitelist_of_file(path: &Path) -> (WhitelistEntries, Vec<Problem>) {
    match files::read(path) {
        Ok((file, text)) => whitelist_of(&text, &file),
        Err(problem) => (WhitelistEntries::default(), vec![*problem]),
    }
}

/// As [`whitelist_of_file`], for the text of a file.
pub(crate) fn whitelist_of(text: &str, file: &Path) -> (WhitelistEntries, Vec<Problem>) {
    let (ini, mut problems) = ini::parse(text, ini::Dialect::UseCases, &file.into());
    let entries = WhitelistEntries::read(&ini, &mut problems);
    (entries, problems)
}

/// True if a file defines use cases, so that it is not a main configuration; also if it cannot be
/// read, which [`load`] reports.
pub(crate) fn defines_use_cases(path: &Path) -> bool {
    let is_use_case = |name: &str| ModelType::of_section(name).is_some_and(|(_, name)| !name.is_empty());
    files::read(path).map_or(true, |(file, text)| {
        let (ini, _) = ini::parse(&text, ini::Dialect::UseCases, &file);
        ini.sections.iter().any(|section| is_use_case(&section.name))
    })
}

#[cfg(test)]
mod documentation;
/// Returns the files of patterns of use cases, as [`load`] finds them.
pub(crate) fn use_case_files(patterns: &[String]) -> Vec<PathBuf> {
    files::expand(patterns, &mut Vec::new())
}

#[cfg(test)]
mod tests;
