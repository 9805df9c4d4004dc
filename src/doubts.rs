//! Doubts about use cases: all of it is honoured, but something was probably meant otherwise.
//!
//! These warnings need more than the configuration: the query languages and the models.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::config::{
    Configuration, Location, Problem, Severity, UseCase, UseCaseQuery, WhitelistEntries, WhitelistNote,
};
use crate::event::derived::DerivedFields;
use crate::event::{FieldNames, FieldPath, equal_ignoring_case};
use crate::models::method;
use crate::query;
use crate::terminal::counted;

const USE_DERIVED_FIELDS: &str = "use_derived_fields";
const TIMESTAMP_FIELD: &str = "timestamp_field";
const ONLY_OF_EVENTS: &str = "queries look at fields of the event only";

/// Returns the doubts about `use_cases` of the configuration at the time `now`, as warnings.
pub fn doubts<'a>(
    settings: &Configuration,
    use_cases: impl IntoIterator<Item = &'a UseCase>,
    now: DateTime<Utc>,
) -> Vec<Problem> {
    let mut known: HashMap<Arc<Path>, Derived> = HashMap::new();
    let mut problems = Vec::new();
    let mut shared = Shared::new();
    let assets = settings.main.assets.iter().map(|asset| ("assets", &asset.field));
    let of_main: FieldsOfSections<'_> = assets.chain(whitelist_fields(&settings.main.whitelist)).collect();
    let chosen: Vec<&UseCase> = use_cases.into_iter().collect();
    for use_case in &chosen {
        problems.extend(in_query(use_case));
        problems.extend(named_values_in_query(use_case, &settings.main.field_names));
        let file = &use_case.location.file;
        let derived = known.entry(Arc::clone(file)).or_insert_with(|| {
            let mut derived = Derived::visible_in(file, settings);
            derived.find_shared(&of_main, file, &use_case.whitelist);
            derived
        });
        problems.extend(derived.doubts(use_case));
        derived.add_shared(use_case, &mut shared);
    }
    problems.extend(in_requirements(settings, &chosen));
    let of_use_cases = chosen.iter().map(|use_case| &*use_case.whitelist);
    problems.extend(expired_entries([&*settings.main.whitelist].into_iter().chain(of_use_cases), now));
    problems.extend(shared.into_values().filter(|found| !found.is_decided).map(|found| found.problem));
    problems
}

/// Warnings of whitelist entries that have expired, each once.
fn expired_entries<'a>(
    whitelists: impl Iterator<Item = &'a WhitelistEntries>,
    now: DateTime<Utc>,
) -> impl Iterator<Item = Problem> {
    let expired = whitelists.flat_map(WhitelistEntries::notes).filter(|note| note.is_expired(now));
    let by_place: BTreeMap<&Location, &WhitelistNote> = expired.map(|note| (&note.location, &**note)).collect();
    let warnings: Vec<Problem> = by_place.into_values().filter_map(|note| note.expiry_warning(now)).collect();
    warnings.into_iter()
}

/// Derived fields that sections beside the use cases name, by origin, section and name.
type Shared = BTreeMap<SharedPlace, SharedField>;
type SharedPlace = (Option<Arc<Path>>, &'static str, String);

/// Fields with the sections that name them. Whitelists are long, and name few fields.
type FieldsOfSections<'a> = BTreeSet<(&'static str, &'a FieldPath)>;

/// A derived field that a section beside the use cases names.
struct SharedField {
    /// True if a use case that may derive it says whether it does.
    is_decided: bool,
    /// Warning if none of them does.
    problem: Problem,
}

fn warning(use_case: &UseCase, key: &str, message: String, help: String) -> Problem {
    Problem { severity: Severity::Warning, ..use_case.problem(key, message, help) }
}

/// Doubts about required use cases: those that do not run, and those whose aggregators have another
/// number of fields. Their texts are compared, so they are hardly ever equal.
fn in_requirements(settings: &Configuration, chosen: &[&UseCase]) -> Vec<Problem> {
    let running: BTreeMap<String, &UseCase> =
        chosen.iter().filter(|use_case| use_case.active).map(|use_case| (use_case.id(), *use_case)).collect();
    let n_fields = |use_case: &UseCase| method(&use_case.model).columns().aggregator.map_or(0, |key| key.fields.len());
    let mut problems = Vec::new();
    for use_case in running.values() {
        for name in &use_case.requires {
            let Some(required) = running.get(name) else {
                let message = format!("`{name}` does not run: no outlier of this use case stands");
                let is_known = settings.use_cases.iter().any(|known| known.id() == *name && known.active);
                let help = if is_known { "add its name to --only" } else { "make it run, or remove its name" };
                problems.push(warning(use_case, "requires", message, help.to_owned()));
                continue;
            };
            let (own, other) = (n_fields(use_case), n_fields(required));
            if own != other || own == 0 {
                let message = format!(
                    "texts of aggregators are compared: this one has {}, that of `{name}` has {}",
                    counted(own as u64, "field", "fields"),
                    counted(other as u64, "field", "fields")
                );
                let help = "give both the same aggregator".to_owned();
                problems.push(warning(use_case, "requires", message, help));
            }
        }
    }
    problems
}

fn in_query(use_case: &UseCase) -> Vec<Problem> {
    let problem = |doubt: query::QueryError| {
        let message = format!("{}{}", doubt.message, doubt.place());
        warning(use_case, doubt.key, message, doubt.help)
    };
    query::doubts(&use_case.query).into_iter().map(problem).collect()
}

/// Doubts about values of lists that the configuration names: queries do not know these names.
fn named_values_in_query(use_case: &UseCase, names: &FieldNames) -> Vec<Problem> {
    let problem = |(key, name): (&'static str, String)| {
        let form = names.form(&FieldPath::new(&name)).filter(|_| names.is_named_value(&name))?;
        let message = format!("`{name}` is a named value, and {ONLY_OF_EVENTS}");
        let help = format!("query its list, `{}`, and use `{name}` as target or aggregator", form.of);
        Some(warning(use_case, key, message, help))
    };
    queried_fields(use_case).into_iter().filter_map(problem).collect()
}

/// Derived fields that the use cases of a file may use.
struct Derived {
    /// The field from which each is derived.
    sources: BTreeMap<String, FieldPath>,
    /// Those that sections beside the use cases name.
    shared: BTreeSet<SharedPlace>,
}

impl Derived {
    fn visible_in(file: &Arc<Path>, settings: &Configuration) -> Self {
        let own = settings.derived_fields.iter().filter(|written| written.location.file == *file);
        let visible = settings.main.derived_fields.iter().chain(own).map(|written| &written.field);
        // those that do not compile are errors
        let (rules, _) = DerivedFields::compile(visible);
        let sources = rules.keys().map(|(source, key)| (key.to_owned(), source.clone()));
        Derived { sources: sources.collect(), shared: BTreeSet::new() }
    }

    /// Notes which of them sections of the main configuration name, and the whitelist of a file.
    fn find_shared(&mut self, of_main: &FieldsOfSections<'_>, file: &Arc<Path>, whitelist: &WhitelistEntries) {
        let of_file: FieldsOfSections<'_> = whitelist_fields(whitelist).collect();
        let of_main = of_main.iter().map(|found| (None, *found));
        let of_file = of_file.into_iter().map(|found| (Some(Arc::clone(file)), found));
        let place = |(file, (section, field)): (Option<Arc<Path>>, (&'static str, &FieldPath))| {
            Some((file, section, self.find(field.as_str())?.0.to_owned()))
        };
        self.shared = of_main.chain(of_file).filter_map(place).collect();
    }

    /// The derived field called `name`, or of which it is a form, and its source.
    fn find(&self, name: &str) -> Option<(&str, &FieldPath)> {
        let called = |name: &str| {
            let mut sources = self.sources.iter().map(|(key, source)| (key.as_str(), source));
            sources.find(|(key, _)| equal_ignoring_case(key, name))
        };
        called(name).or_else(|| called(FieldNames::default().form(&FieldPath::new(name))?.of.as_str()))
    }

    fn doubts(&self, use_case: &UseCase) -> Vec<Problem> {
        if self.sources.is_empty() {
            return Vec::new();
        }
        let is_decided = use_case.key_locations.contains_key(USE_DERIVED_FIELDS);
        let used = if is_decided { Vec::new() } else { used_fields(use_case) };
        let forgotten = used.into_iter().filter_map(|(key, name)| {
            let (name, _) = self.find(&name)?;
            let message = format!("`{name}` is a derived field, and {USE_DERIVED_FIELDS} is off");
            let help = format!("write {USE_DERIVED_FIELDS}=1, or 0 if a field of the event is meant");
            Some(warning(use_case, key, message, help))
        });
        let queried = queried_fields(use_case).into_iter().filter_map(|(key, name)| {
            let (name, source) = self.find(&name)?;
            let message = format!("`{name}` is a derived field, and {ONLY_OF_EVENTS}");
            let mut help = format!("query its source, `{source}`, and use `{name}` as target or aggregator");
            if !is_decided {
                help.push_str(&format!(" with {USE_DERIVED_FIELDS}=1"));
            }
            Some(warning(use_case, key, message, help))
        });
        let of_time = self.of_time(use_case).filter(|_| use_case.key_locations.contains_key(TIMESTAMP_FIELD));
        forgotten.chain(queried).chain(of_time).collect()
    }

    /// Doubt about the field of the time.
    fn of_time(&self, use_case: &UseCase) -> Option<Problem> {
        let is_off = use_case.key_locations.contains_key(USE_DERIVED_FIELDS) && use_case.derived_fields.is_empty();
        let (name, source) = self.find(use_case.timestamp_field.as_str()).filter(|_| !is_off)?;
        let message = format!("`{name}` is a derived field, and times are read from fields of the event only");
        let help = format!("name a field of the event, such as its source, `{source}`, and its timestamp_format");
        Some(warning(use_case, TIMESTAMP_FIELD, message, help))
    }

    /// Adds the derived fields that sections for all use cases, or for those of this file, name.
    fn add_shared(&self, use_case: &UseCase, shared: &mut Shared) {
        if self.sources.is_empty() {
            return;
        }
        let of_time = self.of_time(use_case).filter(|_| !use_case.key_locations.contains_key(TIMESTAMP_FIELD));
        if let Some(problem) = of_time {
            let place = (None, "general", TIMESTAMP_FIELD.to_owned());
            shared.entry(place).or_insert(SharedField { is_decided: false, problem });
        }
        let is_decided = use_case.key_locations.contains_key(USE_DERIVED_FIELDS);
        for place in &self.shared {
            let found = shared.entry(place.clone()).or_insert_with(|| {
                let (_, section, name) = place;
                let message = format!("`{name}` in [{section}] is a derived field, and {USE_DERIVED_FIELDS} is off");
                let help = format!(
                    "write {USE_DERIVED_FIELDS}=1 in the use cases that are meant, or 0 if a field of the event is"
                );
                SharedField { is_decided, problem: warning(use_case, USE_DERIVED_FIELDS, message, help) }
            });
            found.is_decided |= is_decided;
        }
    }
}

/// Fields that entries of a whitelist name, with the sections of the entries.
fn whitelist_fields(entries: &WhitelistEntries) -> impl Iterator<Item = (&'static str, &FieldPath)> {
    let literals =
        entries.literals.iter().flatten().filter_map(|part| Some(("whitelist_literals", part.field.as_ref()?)));
    let regexps = entries.regexps.iter().flatten().filter_map(|part| Some(("whitelist_regexps", part.field.as_ref()?)));
    literals.chain(regexps)
}

/// Fields that the query names, with the keys of its two parts.
fn queried_fields(use_case: &UseCase) -> Vec<(&'static str, String)> {
    let lucene = UseCaseQuery { dsl: Vec::new(), ..use_case.query.clone() };
    let dsl = UseCaseQuery { lucene: None, ..use_case.query.clone() };
    let named = |(key, query): (&'static str, UseCaseQuery)| {
        query::named_fields(&query).into_iter().map(move |field| (key, field.name))
    };
    [("es_query_filter", lucene), ("es_dsl_filter", dsl)].into_iter().flat_map(named).collect()
}

/// Fields that derived ones may stand for, with their keys.
fn used_fields(use_case: &UseCase) -> Vec<(&'static str, String)> {
    let columns = method(&use_case.model).columns();
    let keys = [("aggregator", columns.aggregator), ("target", columns.target)];
    let mut used: Vec<(&str, String)> = Vec::new();
    for (key, fields) in keys {
        let fields = fields.map_or(&[][..], |key| key.fields);
        used.extend(fields.iter().map(|field| (key, field.as_str().to_owned())));
    }
    used.extend(columns.value.map(|(_, field)| ("target", field.as_str().to_owned())));
    used.extend(columns.size.map(|field| ("size_field", field.as_str().to_owned())));
    let texts = [
        ("outlier_type", &use_case.outlier_type),
        ("outlier_reason", &use_case.outlier_reason),
        ("outlier_summary", &use_case.outlier_summary),
    ];
    for (key, text) in texts {
        let names = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
        used.extend(names.map(|(name, _)| (key, name.to_owned())));
    }
    used
}
