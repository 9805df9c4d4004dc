//! A use-case file -> [`UseCase`]s.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;

use super::Configuration;
use super::field::FieldPath;
use super::ini::{Dialect, Entry, Ini, Section, parse};
use super::keys::Keys;
use super::load_main::{self, derived_fields, history};
use super::main_config::{DerivedField, MainConfig};
use super::model::ModelType;
use super::model_keys::{is_word2vec_default, known_keys, load_model};
use super::problem::{Location, Problem, Severity};
use super::use_case::{RejectedUseCase, UseCase, UseCaseQuery};
use super::whitelist_entries::WhitelistEntries;
use crate::spelling::nearest;

/// Names under which outliers store what they are: parameters must not replace them.
const RESERVED: [&str; 8] =
    ["type", "reason", "summary", "assets", "model_name", "model_type", "elasticsearch_filter", "total_outliers"];

/// What use cases take from the main configuration.
pub(super) struct Defaults<'a> {
    timestamp_field: FieldPath,
    days: u64,
    hours: u64,
    run_models: bool,
    test_models: bool,
    notifies: bool,
    derived_fields: Vec<DerivedField>,
    ini: &'a Ini,
}

impl<'a> Defaults<'a> {
    pub(super) fn new(main: &MainConfig, ini: &'a Ini) -> Self {
        let hours = u64::try_from(main.history_window.num_hours()).unwrap_or(0);
        let days = load_main::keys(ini, "general").count("history_window_days").unwrap_or(load_main::DAYS);
        Defaults {
            timestamp_field: main.timestamp_field.clone(),
            days,
            hours: hours.saturating_sub(days.saturating_mul(24)),
            run_models: main.run_models,
            test_models: main.test_models,
            notifies: main.notifier.is_some(),
            derived_fields: main.derived_fields.clone(),
            ini,
        }
    }

    /// What the main configuration says for all use cases of that model.
    fn word2vec(&self) -> Vec<&'a Entry> {
        let entries = self.ini.section("word2vec").map(|section| self.ini.visible(section)).unwrap_or_default();
        entries.into_iter().filter(|entry| is_word2vec_default(&entry.key)).collect()
    }
}

/// Loads all use cases of a file.
pub(super) fn load_file(
    file: Arc<Path>,
    text: &str,
    defaults: &Defaults<'_>,
    settings: &mut Configuration,
    problems: &mut Vec<Problem>,
) {
    let (ini, found) = parse(text, Dialect::UseCases, &file);
    let is_rejected = found.iter().any(|problem| problem.severity == Severity::Error);
    problems.extend(found);
    if is_rejected {
        settings.rejected_files += 1;
    }
    let mut whitelist_problems = Vec::new();
    let context = FileContext {
        defaults,
        whitelist: load_main::whitelist(&ini, &mut whitelist_problems),
        derived: ini.section("derivedfields").map(derived_fields).unwrap_or_default(),
        ini: &ini,
    };
    settings.derived_fields.extend_from_slice(&context.derived);
    settings.rejected_files +=
        usize::from(!whitelist_problems.is_empty() && !is_rejected && has_errors(&whitelist_problems));
    problems.append(&mut whitelist_problems);
    settings.ignored_batch_sizes |= load_main::has_batch_sizes_in_use_cases(&ini);
    if !ini.sections.iter().any(|section| model_type(&section.name).is_some()) {
        let types = ModelType::ALL.map(ModelType::as_str).join(", ");
        let start = Location { file: Arc::clone(&file), line: 1, column: 1 };
        problems.push(
            Problem::warning("the file has no use case")
                .at(start)
                .help(format!("begin one with [MODEL_name], where MODEL is one of {types}")),
        );
    }
    for section in &ini.sections {
        let Some(model_type) = model_type(&section.name) else {
            warn_of_section(section, problems);
            continue;
        };
        let (use_case, mut found) = context.load(section, model_type);
        let n_errors = found.iter().filter(|problem| problem.severity == Severity::Error).count();
        problems.append(&mut found);
        match use_case {
            Some(use_case) if n_errors == 0 && !is_rejected => settings.use_cases.push(use_case),
            _ => settings.rejected.push(RejectedUseCase {
                file: Arc::clone(&file),
                section: section.name.clone(),
                model_type: Some(model_type),
                model_name: model_name(&section.name, model_type).to_owned(),
                problems: n_errors,
            }),
        }
    }
}

fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// The model whose type the section's name starts with.
fn model_type(section: &str) -> Option<ModelType> {
    ModelType::ALL.into_iter().find(|model_type| section.starts_with(model_type.as_str()))
}

/// What follows the model type and one more character.
fn model_name(section: &str, model_type: ModelType) -> &str {
    let mut rest = section[model_type.as_str().len()..].chars();
    rest.next();
    rest.as_str()
}

/// Sections of other names are none of ours, but a slip of the hand should not lose a use case.
fn warn_of_section(section: &Section, problems: &mut Vec<Problem>) {
    const LISTS: [&str; 3] = ["whitelist_literals", "whitelist_regexps", "derivedfields"];
    let name = section.name.as_str();
    if LISTS.contains(&name) {
        return;
    }
    let warning = |message: &str, help: String| {
        Problem::warning(message).at(section.location.clone()).in_section(name).help(help)
    };
    if name == "assets" {
        let help = "move the section to the main configuration, where assets hold for all use cases";
        problems.push(warning("assets of a use-case file are ignored", help.to_owned()));
        return;
    }
    let types = ModelType::ALL.map(ModelType::as_str);
    let heads = name.match_indices(['_', '-', '.', ' ']).map(|(end, _)| &name[..end]).take(3).chain([name]);
    let near = nearest(name, LISTS).or_else(|| heads.filter_map(|head| nearest(head, types)).next());
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("name it after a model: {}, then _ and a name", types.join(", ")),
    };
    problems.push(warning("no model: the section is ignored", help));
}

struct FileContext<'a> {
    defaults: &'a Defaults<'a>,
    whitelist: WhitelistEntries,
    derived: Vec<DerivedField>,
    ini: &'a Ini,
}

impl FileContext<'_> {
    fn load(&self, section: &Section, model_type: ModelType) -> (Option<UseCase>, Vec<Problem>) {
        let main = self.defaults;
        let mut keys = Keys::new(&section.name, section.location.clone(), self.ini.visible(section));
        if model_type == ModelType::Word2vec {
            keys = keys.with_fallback(main.word2vec());
        }
        let query = load_query(&mut keys);
        let history_window = self.history(&mut keys);
        let model = load_model(model_type, &mut keys, self.defaults.ini, history_window);
        let text_help = "outliers are described by it; fields are written as {field}";
        let outlier_type = keys.required_text("outlier_type", text_help);
        let outlier_reason = keys.required_text("outlier_reason", text_help);
        let outlier_summary = keys.required_text("outlier_summary", text_help);
        let runs = main.run_models && keys.bool("run_model").unwrap_or(false);
        let tests = main.test_models && keys.bool("test_model").unwrap_or(false);
        let use_derived_fields = keys.bool("use_derived_fields").unwrap_or(false);
        let should_notify = keys.bool("should_notify").unwrap_or(false) && main.notifies;
        keys.bool("process_documents_chronologically");
        let timestamp_field =
            keys.filled("timestamp_field").map_or_else(|| main.timestamp_field.clone(), FieldPath::new);
        let whitelist = self.whitelist_of(&mut keys);
        let arbitrary = arbitrary(&mut keys, model_type);
        let key_locations = keys.locations();
        let build = || {
            Some(UseCase {
                location: section.location.clone(),
                section: section.name.clone(),
                model_type,
                model_name: model_name(&section.name, model_type).to_owned(),
                query: query?,
                timestamp_field,
                history_window: history_window?,
                es_index: keys.filled("es_index").map(str::to_owned),
                should_notify,
                use_derived_fields,
                active: runs || tests,
                outlier_type: outlier_type?.to_owned(),
                outlier_reason: outlier_reason?.to_owned(),
                outlier_summary: outlier_summary?.to_owned(),
                arbitrary,
                whitelist,
                derived_fields: if use_derived_fields { self.derived() } else { Arc::from([]) },
                model: model?,
                key_locations,
            })
        };
        let use_case = build();
        (use_case, keys.problems)
    }

    fn derived(&self) -> Arc<[DerivedField]> {
        self.defaults.derived_fields.iter().chain(&self.derived).cloned().collect()
    }

    /// An explicit 0 counts; what is not written comes from the main configuration.
    fn history(&self, keys: &mut Keys<'_>) -> Option<chrono::TimeDelta> {
        let days = keys.count("history_window_days");
        let hours = keys.count("history_window_hours");
        let is_wrong = |key: &str, value: Option<u64>, keys: &Keys<'_>| keys.entry(key).is_some() && value.is_none();
        if is_wrong("history_window_days", days, keys) || is_wrong("history_window_hours", hours, keys) {
            return None;
        }
        let window = history(days.unwrap_or(self.defaults.days), hours.unwrap_or(self.defaults.hours));
        let help = "write how many days (and history_window_hours) to look back";
        match window {
            None => keys.error("history_window_days", "the history window is too long", help),
            Some(window) if window.is_zero() => keys.warn("history_window_days", "the history window is empty", help),
            Some(_) => {}
        }
        window
    }

    /// The file's whitelist, and entries in the section itself, as older versions had them.
    fn whitelist_of(&self, keys: &mut Keys<'_>) -> Arc<WhitelistEntries> {
        let old: Vec<&Entry> = keys.entries().filter(|entry| is_old_whitelist(&entry.key)).collect();
        let mut entries = self.whitelist.clone();
        for entry in old {
            if entry.key.starts_with("whitelist_literals") {
                entries.add_literal(entry, keys.section, &mut keys.problems);
            } else {
                entries.add_regexp(entry, keys.section, &mut keys.problems);
            }
            keys.warn(
                &entry.key,
                "whitelist entries inside a use case are an old form",
                "the entry is used; move it to a section [whitelist_literals] or [whitelist_regexps] of the file",
            );
        }
        Arc::new(entries)
    }
}

fn is_old_whitelist(key: &str) -> bool {
    key.starts_with("whitelist_literals") || key.starts_with("whitelist_regexps")
}

fn load_query(keys: &mut Keys<'_>) -> Option<UseCaseQuery> {
    let lucene = keys.filled("es_query_filter");
    let dsl_text = keys.filled("es_dsl_filter");
    let recorded = match (lucene, dsl_text) {
        (None, None) => {
            keys.missing("es_query_filter", "say which events to look at: es_query_filter = * means all");
            return None;
        }
        (Some(lucene), Some(dsl)) => format!("{lucene} AND {dsl}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
    };
    let dsl = match dsl_text {
        None => Vec::new(),
        Some(text) => load_dsl(text, keys)?,
    };
    Some(UseCaseQuery { lucene: lucene.map(str::to_owned), dsl, recorded })
}

/// `{"query": X}` or a list of them.
fn load_dsl(text: &str, keys: &mut Keys<'_>) -> Option<Vec<Json>> {
    let help = "write {\"query\": ...} or a list of such objects";
    let parsed: Json = match serde_json::from_str(text) {
        Ok(parsed) => parsed,
        Err(error) => {
            let message = format!("not JSON: {error}");
            if let Some(entry) = keys.entry("es_dsl_filter") {
                let line_start: usize =
                    text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
                let location = entry.value.location_at(line_start + error.column().saturating_sub(1));
                keys.problems.push(
                    Problem::error(message).at(location).in_section(keys.section).of_key("es_dsl_filter").help(help),
                );
            }
            return None;
        }
    };
    let filters = match parsed {
        Json::Array(filters) => filters,
        one => vec![one],
    };
    let query = |filter: &Json| filter.get("query").filter(|query| query.is_object()).cloned();
    let queries: Option<Vec<Json>> = filters.iter().map(query).collect();
    if queries.as_ref().is_none_or(Vec::is_empty) {
        keys.error("es_dsl_filter", "without an object named `query`", help);
        return None;
    }
    queries
}

/// Keys that no model of this type knows are parameters, stored with each outlier.
fn arbitrary(keys: &mut Keys<'_>, model_type: ModelType) -> Vec<(String, String)> {
    let known = known_keys(model_type);
    let mut parameters = Vec::new();
    for entry in keys.entries().collect::<Vec<_>>() {
        let key = entry.key.as_str();
        if known.contains(&key) || is_old_whitelist(key) {
            continue;
        }
        if RESERVED.contains(&key) {
            keys.warn(key, "the name is taken: the parameter is ignored", "outliers store their own text under it");
            continue;
        }
        // Keys of other models are stored like any other.
        let is_elsewhere = ModelType::ALL.iter().any(|other| known_keys(*other).contains(&key));
        if let Some(near) = nearest(key, known.iter().copied()).filter(|_| !is_elsewhere) {
            let help = format!("did you mean `{near}`? as it is, it is stored with each outlier and changes nothing");
            keys.warn(key, "unknown key", help);
        }
        parameters.push((key.to_owned(), entry.value.text().to_owned()));
    }
    parameters
}
