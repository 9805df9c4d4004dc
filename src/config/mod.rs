//! What the user wrote -> what the program may rely on.
//!
//! 1. [`ini`] takes the text apart, with the place of every section, key and value.
//! 2. `main_config` and `use_case` are the valid types; everything that is wrong on the way to them becomes a [`Problem`].
//! 3. [`load`] does it for all files at once. A bad file or use case never stops another one.
//!
//! Two dialects of the same format are read, because existing files rely on it: see [`ini::Dialect`].

mod elastic_settings;
mod elastic_url;
mod field;
mod files;
pub mod ini;
mod keys;
mod load_elastic;
mod load_main;
mod load_use_case;
mod main_config;
mod model;
mod model_keys;
mod problem;
mod secret;
mod separators;
mod shipped;
mod use_case;
pub mod values;
mod whitelist_entries;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

pub use elastic_settings::{Authentication, ClientCertificate, ElasticSettings};
pub use field::FieldPath;
pub use main_config::{Asset, DerivedField, LogLevel, LogSettings, MainConfig, NotifierSettings};
pub use model::{
    CountMethod, Metric, Metrics, Model, ModelType, SimpleQuery, SuddenAppearance, Terms, Trigger, TriggerFocus,
    TriggerMethod, TriggerOn, TriggerScore, Word2vec,
};
pub use problem::{Location, Problem, Severity};
pub use secret::Secret;
pub use separators::Separators;
pub use use_case::{RejectedUseCase, UseCase, UseCaseQuery};
pub use whitelist_entries::WhitelistEntries;

/// Everything the configuration says, and everything that is wrong with it.
#[derive(Clone, Debug, Default)]
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
    pub derived_fields: Vec<DerivedField>,
    /// The use cases that cannot run because of configuration errors.
    pub rejected: Vec<RejectedUseCase>,
    /// How many use-case files could not be read as a whole.
    pub rejected_files: usize,
    /// How many problems there are in whitelist entries of the main configuration, which are left out.
    pub rejected_entries: usize,
    /// How many of the problems are other errors in the main configuration: with any, what [`Self::main`] says is not what the user meant.
    pub main_errors: usize,
    /// Whether a batch size is configured: batches do not exist any more, which is worth one note per run.
    pub ignored_batch_sizes: bool,
}

/// Reads all configuration files and the use cases in all files that match the patterns; without a pattern, those that ship with the program.
///
/// Never panics and never stops early: what is wrong is in [`Configuration::problems`].
pub fn load(config_files: &[PathBuf], use_case_patterns: &[String]) -> Configuration {
    load_in(config_files, use_case_patterns, &|name| std::env::var(name).ok())
}

/// As [`load`], in the given environment.
fn load_in(
    config_files: &[PathBuf],
    use_case_patterns: &[String],
    environment: &load_main::Environment<'_>,
) -> Configuration {
    let mut settings = Configuration::default();
    let mut problems = Vec::new();
    let main_ini = load_main::read_all(config_files, &mut problems);
    settings.main = load_main::load(&main_ini, environment, &mut problems);
    settings.derived_fields.clone_from(&settings.main.derived_fields);
    settings.ignored_batch_sizes = load_main::has_batch_sizes(&main_ini);
    settings.rejected_entries = problems.iter().filter(|problem| is_of_entry(problem)).count();
    settings.main_errors = n_errors(&problems) - settings.rejected_entries;
    let defaults = load_use_case::Defaults::new(&settings.main, &main_ini);
    if use_case_patterns.is_empty() {
        for (path, text) in shipped::USE_CASES {
            load_use_case::load_file(Path::new(path).into(), text, &defaults, &mut settings, &mut problems);
        }
    }
    let n_before = n_errors(&problems);
    let paths = files::expand(use_case_patterns, &mut problems);
    // each is a file that is not there, or a pattern that is none
    settings.rejected_files += n_errors(&problems) - n_before;
    settings.files.clone_from(&paths);
    for path in paths {
        match files::read(&path) {
            Ok((file, text)) => load_use_case::load_file(file, &text, &defaults, &mut settings, &mut problems),
            Err(problem) => {
                problems.push(*problem);
                settings.rejected_files += 1;
            }
        }
    }
    warn_of_duplicates(&settings.use_cases, &mut problems);
    settings.problems = problems;
    settings
}

fn n_errors(problems: &[Problem]) -> usize {
    problems.iter().filter(|problem| problem.severity == Severity::Error).count()
}

/// Whether an entry of a whitelist cannot be used: without it less is accepted, and nothing else changes.
fn is_of_entry(problem: &Problem) -> bool {
    let is_whitelist = problem.section.as_deref().is_some_and(|section| section.starts_with("whitelist_"));
    problem.severity == Severity::Error && is_whitelist && problem.key.is_some()
}

/// Two use cases of one name would be told apart nowhere in the results.
fn warn_of_duplicates(use_cases: &[UseCase], problems: &mut Vec<Problem>) {
    let mut known: HashMap<String, &UseCase> = HashMap::new();
    for use_case in use_cases {
        if let Some(first) = known.get(&use_case.id()) {
            problems.push(
                Problem::warning(format!("the name is also used at {}", first.location))
                    .at(use_case.location.clone())
                    .in_section(&use_case.section)
                    .help("give each use case a name of its own: both run, and their outliers look alike"),
            );
        } else {
            known.insert(use_case.id(), use_case);
        }
    }
}

#[cfg(test)]
mod tests;
