//! The main configuration files -> [`MainConfig`].

use std::path::PathBuf;
use std::sync::Arc;

use chrono::TimeDelta;

use super::field::FieldPath;
use super::files;
use super::ini::{Dialect, Ini, Section, parse};
use super::keys::Keys;
use super::load_elastic;
use super::main_config::{Asset, DerivedField, LogLevel, LogSettings, MainConfig, NotifierSettings};
use super::model::ModelType;
use super::model_keys::{WORD2VEC, WORD2VEC_COUNTS, WORD2VEC_SWITCHES};
use super::problem::{Location, Problem, Severity};
use super::secret::Secret;
use super::values::parse_bool;
use super::whitelist_entries::WhitelistEntries;
use crate::spelling::nearest;

const SECTIONS: [&str; 13] = [
    "general",
    "assets",
    "derivedfields",
    "whitelist_literals",
    "whitelist_regexps",
    "notifier",
    "daemon",
    "simplequery",
    "terms",
    "metrics",
    "sudden_appearance",
    "word2vec",
    "machine_learning",
];

/// Keys of `[general]` besides those of the cluster.
const GENERAL_KEYS: [&str; 12] = [
    "timestamp_field",
    "es_save_results",
    "print_outliers_to_console",
    "history_window_days",
    "history_window_hours",
    "es_wipe_all_existing_outliers",
    "es_wipe_all_whitelisted_outliers",
    "run_models",
    "test_models",
    "log_verbosity",
    "log_level",
    "log_file",
];

/// Keys of the sections that hold neither fields nor entries of the user's own.
const OTHER_KEYS: [(&str, &[&str]); 7] = [
    (
        "notifier",
        &[
            "email_notifier",
            "smtp_server",
            "smtp_port",
            "smtp_user",
            "smtp_pass",
            "notification_email",
            "max_cache_ignore",
        ],
    ),
    ("daemon", &["schedule"]),
    ("simplequery", &["highlight_match"]),
    ("terms", &["terms_batch_eval_size"]),
    ("metrics", &["metrics_batch_eval_size"]),
    ("sudden_appearance", &["max_num_aggregators", "max_num_targets"]),
    ("word2vec", &WORD2VEC),
];

/// How many days back events are read when nothing is written.
pub(super) const DAYS: u64 = 7;

/// Looks up a variable of the environment.
pub(super) type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// All files merged, the later ones win.
pub(super) fn read_all(paths: &[PathBuf], problems: &mut Vec<Problem>) -> Ini {
    let mut merged = Ini::default();
    for path in paths {
        match files::read(path) {
            Ok((file, text)) => {
                let (ini, found) = parse(&text, Dialect::Main, &file);
                problems.extend(found);
                merged.merge(ini);
            }
            Err(problem) => problems.push(*problem),
        }
    }
    merged
}

/// Whether a batch size is configured.
pub(super) fn has_batch_sizes(ini: &Ini) -> bool {
    ini.sections.iter().any(|section| {
        let is_model = ["terms", "metrics", "word2vec"].contains(&section.name.as_str());
        is_model && section.entries.iter().any(|entry| entry.key.ends_with("_batch_eval_size"))
    })
}

/// Whether a use case has a batch size.
pub(super) fn has_batch_sizes_in_use_cases(ini: &Ini) -> bool {
    let mut entries = ini.sections.iter().flat_map(|section| &section.entries).chain(&ini.defaults);
    entries.any(|entry| entry.key == "word2vec_batch_eval_size")
}

/// The main configuration; the shipped values stand where nothing is written.
pub(super) fn load(ini: &Ini, environment: &Environment<'_>, problems: &mut Vec<Problem>) -> MainConfig {
    warn_of_sections(ini, problems);
    let mut config = MainConfig::default();
    let mut general = keys(ini, "general");
    load_elastic::load(&mut general, environment, &mut config.elastic);
    load_general(&mut general, &mut config);
    warn_of_keys(&mut general, &[&GENERAL_KEYS[..], &load_elastic::KEYS[..]].concat());
    problems.append(&mut general.problems);
    warn_of_other_keys(ini, problems);
    config.assets = pairs(ini, "assets")
        .map(|(key, value, _)| Asset { field: FieldPath::new(key), asset_type: value.to_owned() })
        .collect();
    config.derived_fields = ini.section("derivedfields").map(derived_fields).unwrap_or_default();
    config.whitelist = Arc::new(whitelist(ini, problems));
    let mut notifier = keys(ini, "notifier");
    config.notifier = load_notifier(&mut notifier);
    problems.append(&mut notifier.problems);
    config.schedule = keys(ini, "daemon").filled("schedule").map(str::to_owned);
    config
}

/// The pairs of a `[derivedfields]` section.
pub(super) fn derived_fields(section: &Section) -> Vec<DerivedField> {
    section
        .entries
        .iter()
        .map(|entry| DerivedField {
            source: FieldPath::new(&entry.key),
            pattern: entry.value.text().to_owned(),
            location: entry.value.location(),
        })
        .collect()
}

/// The whitelist sections of a file. Defaults of the file are none of them.
pub(super) fn whitelist(ini: &Ini, problems: &mut Vec<Problem>) -> WhitelistEntries {
    let mut entries = WhitelistEntries::default();
    for entry in ini.section("whitelist_literals").into_iter().flat_map(|section| &section.entries) {
        entries.add_literal(entry, "whitelist_literals", problems);
    }
    for entry in ini.section("whitelist_regexps").into_iter().flat_map(|section| &section.entries) {
        entries.add_regexp(entry, "whitelist_regexps", problems);
    }
    entries
}

/// The keys of a section of the main configuration; none where it is missing.
pub(super) fn keys<'a>(ini: &'a Ini, name: &'a str) -> Keys<'a> {
    match ini.section(name) {
        Some(section) => Keys::new(name, section.location.clone(), ini.visible(section)),
        None => {
            let nowhere = Location { file: Arc::from(PathBuf::from("built-in defaults")), line: 1, column: 1 };
            Keys::new(name, nowhere, Vec::new())
        }
    }
}

fn pairs<'a>(ini: &'a Ini, name: &str) -> impl Iterator<Item = (&'a str, &'a str, Location)> {
    let entries = ini.section(name).map(|section| section.entries.as_slice()).unwrap_or_default();
    entries.iter().map(|entry| (entry.key.as_str(), entry.value.text(), entry.location.clone()))
}

fn load_general(keys: &mut Keys<'_>, config: &mut MainConfig) {
    set(&mut config.timestamp_field, keys.filled("timestamp_field").map(FieldPath::new));
    set(&mut config.save_results, keys.bool("es_save_results"));
    set(&mut config.print_outliers_to_console, keys.bool("print_outliers_to_console"));
    set(&mut config.wipe_all_existing_outliers, keys.bool("es_wipe_all_existing_outliers"));
    set(&mut config.wipe_all_whitelisted_outliers, keys.bool("es_wipe_all_whitelisted_outliers"));
    set(&mut config.run_models, keys.bool("run_models"));
    set(&mut config.test_models, keys.bool("test_models"));
    let days = keys.count("history_window_days").unwrap_or(DAYS);
    let hours = keys.count("history_window_hours").unwrap_or(12);
    match history(days, hours) {
        Some(window) => config.history_window = window,
        None => keys.error("history_window_days", "too long", "write at most 1000000 days"),
    }
    let LogSettings { verbosity, level, file } = &mut config.log;
    set(verbosity, keys.int("log_verbosity"));
    *level = keys.named("log_level", &LogLevel::NAMES);
    *file = keys.filled("log_file").map(PathBuf::from);
}

/// A history window.
pub(super) fn history(days: u64, hours: u64) -> Option<TimeDelta> {
    let hours = days.checked_mul(24)?.checked_add(hours).filter(|hours| *hours <= 24_000_000)?;
    TimeDelta::try_hours(i64::try_from(hours).ok()?)
}

fn load_notifier(keys: &mut Keys<'_>) -> Option<NotifierSettings> {
    if !keys.bool("email_notifier").unwrap_or(false) {
        return None;
    }
    let help = "needed because email_notifier is on";
    let smtp_server = keys.required("smtp_server", help);
    let smtp_user = keys.required("smtp_user", help);
    let smtp_password = keys.required("smtp_pass", help);
    let notification_email = keys.required("notification_email", help);
    let is_port =
        |text: &str| crate::python::parse_int(text).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    let smtp_port = keys.parsed("smtp_port", "not a port", "write a number from 1 to 65535", is_port).unwrap_or(465);
    let max_cache_ignore = keys.count("max_cache_ignore").unwrap_or(1000);
    Some(NotifierSettings {
        smtp_server: smtp_server?.to_owned(),
        smtp_port,
        smtp_user: smtp_user?.to_owned(),
        smtp_password: Secret::new(smtp_password?),
        notification_email: notification_email?.to_owned(),
        max_cache_ignore: usize::try_from(max_cache_ignore).unwrap_or(usize::MAX),
    })
}

fn warn_of_sections(ini: &Ini, problems: &mut Vec<Problem>) {
    for section in &ini.sections {
        if let Some(near) = nearest(&section.name, SECTIONS) {
            problems.push(
                Problem::warning("unknown section")
                    .at(section.location.clone())
                    .in_section(&section.name)
                    .help(format!("did you mean [{near}]?")),
            );
        } else if !SECTIONS.contains(&section.name.as_str()) && is_use_case(&section.name) {
            problems.push(
                Problem::warning("a use case is ignored in the main configuration")
                    .at(section.location.clone())
                    .in_section(&section.name)
                    .help("move it to a file named with --use-cases"),
            );
        }
    }
}

/// `terms_name` and the like.
fn is_use_case(section: &str) -> bool {
    ModelType::ALL.iter().any(|model_type| {
        section
            .strip_prefix(model_type.as_str())
            .is_some_and(|rest| rest.len() > 1 && rest.starts_with(['_', '-', '.', ' ']))
    })
}

fn warn_of_other_keys(ini: &Ini, problems: &mut Vec<Problem>) {
    for (section, known) in OTHER_KEYS {
        let mut keys = keys(ini, section);
        warn_of_keys(&mut keys, known);
        check_values(&mut keys);
        problems.append(&mut keys.problems);
    }
}

/// Values that nothing may ever read are still wrong: a warning each. What a run relies on is an error.
fn check_values(keys: &mut Keys<'_>) {
    let n_problems = keys.problems.len();
    let (numbers, switches): (&[&str], &[&str]) = match keys.section {
        "terms" => (&["terms_batch_eval_size"], &[]),
        "metrics" => (&["metrics_batch_eval_size"], &[]),
        "sudden_appearance" => (&["max_num_aggregators", "max_num_targets"], &[]),
        "notifier" if !keys.text("email_notifier").and_then(parse_bool).unwrap_or(false) => {
            (&["smtp_port", "max_cache_ignore"], &["email_notifier"])
        }
        "word2vec" => (&WORD2VEC_COUNTS, &WORD2VEC_SWITCHES),
        "simplequery" => {
            keys.bool("highlight_match");
            return;
        }
        "daemon" => {
            let is_cron = |text: &str| [5, 6].contains(&text.split_whitespace().count()).then_some(());
            keys.parsed("schedule", "not a cron expression", "write five fields, such as 0 0 * * *", is_cron);
            (&[], &[])
        }
        _ => (&[], &[]),
    };
    for key in numbers {
        keys.count(key);
    }
    for key in switches {
        keys.bool(key);
    }
    for problem in &mut keys.problems[n_problems..] {
        problem.severity = Severity::Warning;
    }
}

fn warn_of_keys(keys: &mut Keys<'_>, known: &[&str]) {
    let written: Vec<String> = keys.entries().map(|entry| entry.key.clone()).collect();
    for key in written.iter().filter(|key| !known.contains(&key.as_str())) {
        if let Some(near) = nearest(key, known.iter().copied()) {
            keys.warn(key, "unknown key", format!("did you mean `{near}`?"));
        }
    }
}

pub(super) fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
