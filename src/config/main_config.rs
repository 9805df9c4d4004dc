//! The main configuration: all of its sections together.

use std::path::PathBuf;
use std::sync::Arc;

use super::assets::{self, Asset};
use super::cluster::{ElasticSettings, Environment};
use super::daemon::{self, DaemonSettings};
use super::derived_fields::{self, WrittenDerivedField};
use super::field_aliases;
use super::files;
use super::general::{self, General};
use super::geoip;
use super::http::{self, HttpServerSettings};
use super::ini::{Dialect, Ini, parse};
use super::keys::Keys;
use super::log::LogSettings;
use super::macros::{self, Macros};
use super::models::{ModelDefaults, ModelType};
use super::named_values;
use super::notifiers::{self, Notifiers};
use super::problem::Problem;
use super::profiles::Profiles;
use super::whitelist::{self, WhitelistEntries};
use crate::event::FieldNames;
use crate::spelling::nearest;

/// The sections besides those named after models. `[machine_learning]` is accepted and ignored.
const SECTIONS: [&str; 13] = [
    general::SECTION,
    assets::SECTION,
    derived_fields::SECTION,
    named_values::SECTION,
    field_aliases::SECTION,
    geoip::SECTION,
    macros::SECTION,
    whitelist::LITERALS,
    whitelist::REGEXPS,
    notifiers::SECTION,
    daemon::SECTION,
    http::SECTION,
    "machine_learning",
];

/// Everything that is not a use case.
#[derive(Clone, Debug)]
pub struct MainConfig {
    /// Settings that apply to all use cases.
    pub general: General,
    /// Settings for connecting to Elasticsearch and reading from it.
    pub elastic: ElasticSettings,
    /// Log settings.
    pub log: LogSettings,
    /// Channels through which people are told of outliers.
    pub notifiers: Notifiers,
    /// Settings of the daemon.
    pub daemon: DaemonSettings,
    /// Settings of its HTTP server.
    pub http: HttpServerSettings,
    /// The fields that name what an outlier touches, in configuration order.
    pub assets: Vec<Asset>,
    /// The fields that name what a finding touches if the configuration has no assets. Documents do
    /// not store these: old configurations write what they always wrote.
    pub built_in_assets: Vec<Asset>,
    /// Fields made from other fields, for use cases that want derived fields.
    pub derived_fields: Vec<WrittenDerivedField>,
    /// Meaning of the names of fields, as far as the configuration says.
    pub field_names: Arc<FieldNames>,
    /// Conditions that queries use by name.
    pub macros: Arc<Macros>,
    /// Whitelist entries for all use cases.
    pub whitelist: Arc<WhitelistEntries>,
}

/// Merges all files; later ones win.
pub(super) fn read_files(paths: &[PathBuf], problems: &mut Vec<Problem>) -> Ini {
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

/// Reads all sections, and what they say for use cases of single models. `fields` is the choice of
/// profiles on the command line, `default_fields` the one without any.
pub(super) fn read<'a>(
    ini: &'a Ini,
    (fields, default_fields): (Option<&str>, &str),
    environment: &Environment<'_>,
    problems: &mut Vec<Problem>,
) -> (MainConfig, ModelDefaults<'a>) {
    warn_of_sections(ini, problems);
    let mut keys = Keys::of(ini, general::SECTION);
    let elastic = ElasticSettings::read(&mut keys, environment);
    let general = General::read(&mut keys);
    let log = LogSettings::read(&mut keys);
    let give_up_after = notifiers::read_give_up(&mut keys);
    keys.check_comments(|_| false);
    problems.append(&mut keys.problems);
    problems.extend(keys.misspelled());
    let notifiers = notifiers::read(ini, give_up_after, environment, problems);
    let daemon = Keys::read(ini, daemon::SECTION, problems, DaemonSettings::read);
    let http = Keys::read(ini, http::SECTION, problems, HttpServerSettings::read);
    let model_defaults = ModelDefaults::read(ini, problems);
    let choice = fields.or(general.fields.as_deref()).unwrap_or(default_fields);
    let Profiles { aliases, macros, mut whitelist } = Profiles::read(choice, ini, problems);
    whitelist.extend(WhitelistEntries::read(ini, problems));
    let mut field_names = named_values::read(ini, problems).with_aliases(aliases);
    if let Some(databases) = Keys::read(ini, geoip::SECTION, problems, geoip::read) {
        field_names = field_names.with_databases(databases);
    }
    let main = MainConfig {
        general,
        elastic,
        log,
        notifiers,
        daemon,
        http,
        assets: assets::read(ini, problems),
        built_in_assets: assets::built_in(ini),
        derived_fields: derived_fields::read(ini, problems),
        field_names: Arc::new(field_names),
        macros: Arc::new(macros),
        whitelist: Arc::new(whitelist),
    };
    (main, model_defaults)
}

/// True if the main configuration has a section of this name.
pub(super) fn has_section(name: &str) -> bool {
    SECTIONS.contains(&name)
        || name.starts_with(whitelist::SECTION_PREFIX)
        || notifiers::is_channel(name)
        || ModelType::ALL.iter().any(|model_type| model_type.as_str() == name)
}

fn warn_of_sections(ini: &Ini, problems: &mut Vec<Problem>) {
    let known: Vec<&str> = SECTIONS.into_iter().chain(ModelType::ALL.map(ModelType::as_str)).collect();
    for section in ini.sections.iter().filter(|section| !has_section(&section.name)) {
        if let Some(near) = nearest(&section.name, known.iter().copied()) {
            problems.push(section.warning("unknown section", format!("did you mean [{near}]?")));
        } else if is_use_case(&section.name) {
            let help = "move it to a file named with --use-cases";
            problems.push(section.warning("a use case is ignored in the main configuration", help));
        }
    }
}

/// True if the section has a name such as `terms_name`.
fn is_use_case(section: &str) -> bool {
    ModelType::of_section(section).is_some_and(|(model_type, name)| {
        !name.is_empty() && section[model_type.as_str().len()..].starts_with(['_', '-', '.', ' '])
    })
}
