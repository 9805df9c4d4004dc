//! Doubts about use cases: all of it is honoured, but something was probably meant otherwise.
//!
//! These warnings need more than the configuration: the query languages and the models.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use crate::config::{Configuration, Problem, Severity, UseCase, UseCaseQuery};
use crate::event::derived::DerivedFields;
use crate::event::{FieldPath, equal_ignoring_case};
use crate::models::method;
use crate::query;

const USE_DERIVED_FIELDS: &str = "use_derived_fields";

/// Returns the doubts about `use_cases` of the configuration, as warnings.
pub fn doubts<'a>(settings: &Configuration, use_cases: impl IntoIterator<Item = &'a UseCase>) -> Vec<Problem> {
    let mut known: HashMap<Arc<Path>, Derived> = HashMap::new();
    let mut problems = Vec::new();
    for use_case in use_cases {
        problems.extend(in_query(use_case));
        let file = &use_case.location.file;
        let derived = known.entry(Arc::clone(file)).or_insert_with(|| Derived::visible_in(file, settings));
        problems.extend(derived.doubts(use_case));
    }
    problems
}

fn warning(use_case: &UseCase, key: &str, message: String, help: String) -> Problem {
    Problem { severity: Severity::Warning, ..use_case.problem(key, message, help) }
}

fn in_query(use_case: &UseCase) -> Vec<Problem> {
    let problem = |doubt: query::QueryError| {
        let message = format!("{}{}", doubt.message, doubt.place());
        warning(use_case, doubt.key, message, doubt.help)
    };
    query::doubts(&use_case.query).into_iter().map(problem).collect()
}

/// Derived fields that the use cases of a file may use.
struct Derived {
    /// The field from which each is derived.
    sources: BTreeMap<String, FieldPath>,
}

impl Derived {
    fn visible_in(file: &Arc<Path>, settings: &Configuration) -> Self {
        let own = settings.derived_fields.iter().filter(|written| written.location.file == *file);
        let visible = settings.main.derived_fields.iter().chain(own).map(|written| &written.field);
        // those that do not compile are errors
        let (rules, _) = DerivedFields::compile(visible);
        let sources = rules.keys().map(|(source, key)| (key.to_owned(), source.clone()));
        Derived { sources: sources.collect() }
    }

    /// The derived field called `name`, and its source.
    fn find(&self, name: &str) -> Option<(&str, &FieldPath)> {
        let mut sources = self.sources.iter().map(|(key, source)| (key.as_str(), source));
        sources.find(|(key, _)| equal_ignoring_case(key, name))
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
            let message = format!("`{name}` is a derived field, and queries look at fields of the event only");
            let mut help = format!("query its source, `{source}`, and use `{name}` as target or aggregator");
            if !is_decided {
                help.push_str(&format!(" with {USE_DERIVED_FIELDS}=1"));
            }
            Some(warning(use_case, key, message, help))
        });
        forgotten.chain(queried).collect()
    }
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
