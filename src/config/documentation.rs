//! The documentation against the keys that the readers ask for.

use std::collections::BTreeSet;
use std::path::Path;

use super::keys::asked_in_this_thread;
use super::models::{self, ModelType, template_keys};
use super::notifiers::{self, ChannelType};
use super::template::shared_keys;
use super::template_key::{KeyTable, TemplateKey};
use super::{cluster, daemon, general, geoip, http, log, whitelist};

const GUIDES: [&str; 7] = [
    include_str!("../../docs/configuration.md"),
    include_str!("../../docs/elasticsearch.md"),
    include_str!("../../docs/notifiers.md"),
    include_str!("../../docs/use_cases.md"),
    include_str!("../../docs/models.md"),
    include_str!("../../docs/triggers.md"),
    include_str!("../../docs/geography.md"),
];

/// Keys that are looked up among those that are copied to outliers.
const COPIED: [&str; 2] = ["severity", "technique"];

/// Environment variable that writes the reference instead of comparing it.
const UPDATE: &str = "UPDATE_REFERENCE";

const REFERENCE: &str = "docs/reference.md";

/// Beginning of the reference.
const BEGINNING: &str = "\
# Keys

Every key that the program reads, made from the readers themselves (`UPDATE_REFERENCE=1 cargo test
--lib config::documentation` makes this page anew). What the keys mean in full is on the pages that
it names.

## Use cases

`usual` keys are in every use case that `ee-outliers new MODEL` prints, `optional` ones have a
default. Full explanations: [use_cases.md](use_cases.md), [models.md](models.md),
[triggers.md](triggers.md).
";

/// Text between keys of use cases and those of the main configuration.
const MAIN: &str = "
## Main configuration

`usual` keys are those that a section needs, `optional` ones have a default. Full explanations:
[configuration.md](configuration.md), [elasticsearch.md](elasticsearch.md),
[notifiers.md](notifiers.md), [geography.md](geography.md), [whitelists.md](whitelists.md). The
sections `[assets]`, `[derivedfields]`, `[field_aliases]`, `[macros]`, `[namedvalues]`,
`[whitelist_literals]` and `[whitelist_regexps]` have keys of your own choice.
";

/// Tables of the keys of the main configuration, from their declarations.
fn main_tables() -> Vec<KeyTable> {
    let of = |title: &str, section: &str, keys: &[TemplateKey]| {
        KeyTable::new(title.replace("SECTION", section), [section.to_owned()], &[keys])
    };
    let general = |about: &str, keys: &[TemplateKey]| of(&format!("`[SECTION]`{about}"), general::SECTION, keys);
    let mut tables = vec![
        general("", general::KEYS),
        general(": the cluster", cluster::KEYS),
        general(": credentials for the cluster", cluster::AUTHENTICATION_KEYS),
        general(": the log", log::KEYS),
        general(": notices", notifiers::GIVE_UP_KEYS),
        of("`[SECTION]`", daemon::SECTION, daemon::KEYS),
        of("`[SECTION]`", http::SECTION, http::KEYS),
        of("`[SECTION]`", geoip::SECTION, geoip::KEYS),
        of("`[SECTION]`", "whitelist:NAME", whitelist::SECTION_KEYS),
    ];
    tables.extend(notifiers::key_tables());
    let asked = keys();
    for model in ModelType::ALL {
        let section = model.as_str();
        let is_asked = |key: &&TemplateKey| asked.contains(&(section.to_owned(), key.example().0));
        let keys = template_keys(model).iter().chain(models::OLD_KEYS).filter(is_asked);
        let keys: Vec<TemplateKey> = keys.copied().collect();
        tables.extend((!keys.is_empty()).then(|| of("`[SECTION]`", section, &keys)));
    }
    tables
}

/// Returns every key with its section, by loading a configuration with one use case per model and
/// one channel per type.
fn keys() -> BTreeSet<(String, &'static str)> {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let use_cases: String = ModelType::ALL.iter().map(|model| format!("[{}_a]\n", model.as_str())).collect();
    let use_cases = write("use_cases.conf", &use_cases);
    let channel = |name: &&str| format!("[notifier_{name}]\ntype={name}\n");
    let channels: String = ChannelType::NAMES.iter().map(|(name, _)| channel(name)).collect();
    asked_in_this_thread::take();
    let main = format!("[general]\n{channels}[whitelist:NAME]\n");
    super::load(&[write("main.conf", &main)], &[use_cases.display().to_string()]);
    asked_in_this_thread::take()
}

#[test]
fn every_key_is_documented() {
    let keys: BTreeSet<&str> = keys().into_iter().map(|(_, key)| key).collect();
    assert!(keys.len() > 60, "{keys:?}");
    for known in
        ["es_url", "log_level", "email_notifier", "schedule", "es_query_filter", "trigger_method", "size_window"]
    {
        assert!(keys.contains(&known), "no reader asks for {known}");
    }
    let is_documented = |key: &&&str| GUIDES.iter().any(|guide| guide.contains(&format!("`{key}`")));
    let missing: Vec<&&str> = keys.iter().filter(|key| !is_documented(key)).collect();
    assert!(missing.is_empty(), "no guide has {missing:?}");
}

/// Names of the keys that a guide explains, in tables whose first column is `key`.
fn explained(guide: &str) -> Vec<&str> {
    let mut is_table_of_keys = false;
    let mut found = Vec::new();
    for line in guide.lines() {
        if !line.starts_with('|') {
            is_table_of_keys = false;
        } else if ["| key |", "| key in "].iter().any(|head| line.starts_with(head)) {
            is_table_of_keys = true;
        } else if is_table_of_keys {
            let first = line.split('|').nth(1).unwrap_or_default();
            found.extend(first.split('`').skip(1).step_by(2));
        }
    }
    found
}

#[test]
fn no_guide_explains_a_key_that_nobody_reads() {
    let keys: BTreeSet<&str> = keys().into_iter().map(|(_, key)| key).collect();
    let explained: Vec<&str> = GUIDES.iter().flat_map(|guide| explained(guide)).collect();
    assert!(explained.len() > 100, "{explained:?}");
    let unknown: Vec<&&str> = explained.iter().filter(|key| !keys.contains(**key) && !COPIED.contains(key)).collect();
    assert!(unknown.is_empty(), "no reader asks for {unknown:?}");
}

fn table<'a>(title: &str, keys: impl Iterator<Item = &'a TemplateKey>) -> String {
    let rows: String = keys.map(TemplateKey::row).collect();
    let head = "| key | example | | meaning |\n|---|---|---|---|\n";
    format!(
        "\n### {title}\n\n{}",
        if rows.is_empty() { "No keys of its own.\n".to_owned() } else { format!("{head}{rows}") }
    )
}

fn reference() -> String {
    let mut text = format!("{BEGINNING}{}", table("All models", shared_keys()));
    for model in ModelType::ALL {
        text.push_str(&table(model.as_str(), template_keys(model).iter()));
    }
    text.push_str(MAIN);
    for KeyTable { title, keys, .. } in main_tables() {
        text.push_str(&table(&title, keys.iter()));
    }
    text
}

/// True if the section is a use case of [`keys`].
fn is_use_case(section: &str) -> bool {
    ModelType::ALL.iter().any(|model| section == format!("{}_a", model.as_str()))
}

#[test]
fn every_key_of_the_main_configuration_is_declared_once() {
    let mut declared = BTreeSet::new();
    for KeyTable { title, sections, keys } in main_tables() {
        for (section, key) in sections.iter().flat_map(|section| keys.iter().map(move |key| (section, key))) {
            let (name, _) = key.example();
            assert!(declared.insert((section.clone(), name)), "{title}: {name} is declared twice");
        }
    }
    let asked: BTreeSet<_> = keys().into_iter().filter(|(section, _)| !is_use_case(section)).collect();
    let without = asked.difference(&declared).collect::<Vec<_>>();
    assert!(without.is_empty(), "read, but not declared: {without:?}");
    let too_many = declared.difference(&asked).collect::<Vec<_>>();
    assert!(too_many.is_empty(), "declared, but not read: {too_many:?}");
}

#[test]
fn examples_of_the_main_configuration_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("main.conf");
    for KeyTable { sections, keys, .. } in main_tables() {
        for (section, (key, value)) in
            sections.iter().flat_map(|section| keys.iter().map(move |key| (section, key.example())))
        {
            // these name files, which are read
            if key.ends_with("_file") || section == geoip::SECTION {
                continue;
            }
            let of_type = section.strip_prefix("notifier_").filter(|_| key != "type");
            let of_type = of_type.map(|kind| format!("type={kind}\n")).unwrap_or_default();
            std::fs::write(&path, format!("[{section}]\n{of_type}{key}={value}\n")).unwrap();
            let loaded = super::load(std::slice::from_ref(&path), &["no_such_file".to_owned()]);
            let wrong = loaded.problems.iter().filter(|problem| problem.key.as_deref() == Some(key));
            let wrong: Vec<String> = wrong.map(ToString::to_string).collect();
            assert!(wrong.is_empty(), "[{section}] {key}={value}: {wrong:?}");
        }
    }
}

#[test]
fn the_reference_is_what_the_readers_ask_for() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(REFERENCE);
    let made = reference();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == made, "{REFERENCE} is out of date: {UPDATE}=1 cargo test --lib config::documentation");
}
