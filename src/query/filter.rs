//! Turns an AST and the types of its fields into a boolean expression over tests of columns.
//! Lucene's rules about optional and prohibited clauses are resolved here.

use chrono::{DateTime, Utc};

use super::ast::{BoolQuery, FieldRef, Query, Test};
use super::mapping::{Field, FieldType, Mapping, fields_like, fields_named};
use super::predicate::{Predicate, Refusal, Shape, compile};
use super::{QueryColumn, TimeField};
use crate::event::{FieldNames, FieldPath, equal_ignoring_case};

/// Upper limit on the fields that a clause without a field, or with a pattern, stands for;
/// Elasticsearch has the same limit.
const MAX_FIELDS: usize = 1024;

/// A condition on the leaves of an event's columns.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    All,
    None,
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    /// At least this many of the parts hold.
    AtLeast(usize, Vec<Filter>),
    /// Some leaf of the column passes the test.
    Some(QueryColumn, Predicate),
}

/// Inputs, besides the query itself, that its meaning depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct FilterContext<'a> {
    pub(super) mapping: Option<&'a Mapping>,
    pub(super) times: Option<TimeField<'a>>,
    /// Names of fields, if some may be known by databases.
    pub(super) names: Option<&'a FieldNames>,
    pub(super) now: DateTime<Utc>,
}

/// Reason why a query cannot be evaluated on files.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) message: String,
    pub(super) help: String,
}

/// Turns `query` into a filter. A query whose clauses are all dropped matches nothing.
pub(super) fn of(query: &Query, context: &FilterContext<'_>) -> Result<Filter, Refused> {
    Ok(resolve(query, context)?.unwrap_or(Filter::None))
}

impl Filter {
    pub(super) fn and(parts: Vec<Filter>) -> Filter {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Filter::All => {}
                Filter::None => return Filter::None,
                Filter::And(inner) => kept.extend(inner),
                part => kept.push(part),
            }
        }
        match kept.len() {
            0 => Filter::All,
            1 => kept.remove(0),
            _ => Filter::And(kept),
        }
    }

    /// Tests of the same column are merged into one test, so that each distinct value is tested
    /// only once.
    pub(super) fn or(parts: Vec<Filter>) -> Filter {
        let mut kept: Vec<Filter> = Vec::new();
        let mut by_column = std::collections::BTreeMap::<QueryColumn, Predicate>::new();
        for part in parts.into_iter().flat_map(|part| if let Filter::Or(inner) = part { inner } else { vec![part] }) {
            match part {
                Filter::None => {}
                Filter::All => return Filter::All,
                Filter::Some(column, predicate) => {
                    let joined = match by_column.remove(&column) {
                        Some(known) => known.or(predicate),
                        None => predicate,
                    };
                    by_column.insert(column, joined);
                }
                part => kept.push(part),
            }
        }
        kept.extend(by_column.into_iter().map(|(column, predicate)| Filter::Some(column, predicate)));
        match kept.len() {
            0 => Filter::None,
            1 => kept.remove(0),
            _ => Filter::Or(kept),
        }
    }

    fn not(self) -> Filter {
        match self {
            Filter::All => Filter::None,
            Filter::None => Filter::All,
            Filter::Not(inner) => *inner,
            filter => Filter::Not(Box::new(filter)),
        }
    }

    fn at_least(count: usize, parts: Vec<Filter>) -> Filter {
        match count {
            0 => Filter::All,
            1 => Filter::or(parts),
            _ if count > parts.len() => Filter::None,
            _ if count == parts.len() => Filter::and(parts),
            _ => Filter::AtLeast(count, parts),
        }
    }
}

/// Resolves a query. `None` means that the clause is dropped, as if it had not been written.
fn resolve(query: &Query, context: &FilterContext<'_>) -> Result<Option<Filter>, Refused> {
    match query {
        Query::MatchAll => Ok(Some(Filter::All)),
        Query::MatchNone => Ok(Some(Filter::None)),
        Query::Bool(query) => resolve_bool(query, context),
        Query::Leaf { field, test, lenient } => resolve_leaf(field, test, *lenient, context),
        Query::Ids(ids) => {
            let test = Test::Terms { values: ids.clone(), case_insensitive: false };
            resolve_leaf(&FieldRef::Name("_id".to_owned()), &test, false, context)
        }
    }
}

fn resolve_bool(query: &BoolQuery, context: &FilterContext<'_>) -> Result<Option<Filter>, Refused> {
    let all = |queries: &[Query]| -> Result<Vec<Filter>, Refused> {
        let filters = queries.iter().map(|query| resolve(query, context)).collect::<Result<Vec<_>, _>>()?;
        Ok(filters.into_iter().flatten().collect())
    };
    let (must, should, must_not) = (all(&query.must)?, all(&query.should)?, all(&query.must_not)?);
    if must.is_empty() && should.is_empty() && must_not.is_empty() {
        return Ok(None);
    }
    let count = query.n_wanted(must.len(), should.len());
    // if all clauses are prohibited, everything else matches
    let mut parts = must;
    parts.push(Filter::at_least(count, should));
    parts.extend(must_not.into_iter().map(Filter::not));
    Ok(Some(Filter::and(parts)))
}

/// Fields that only a server keeps beside those of a document, in one version or another.
pub(super) const SERVER_FIELDS: [&str; 11] = [
    "_type",
    "_routing",
    "_ignored",
    "_field_names",
    "_source",
    "_size",
    "_doc_count",
    "_tier",
    "_seq_no",
    "_version",
    "_primary_term",
];

fn resolve_leaf(
    field: &FieldRef,
    test: &Test,
    lenient: bool,
    context: &FilterContext<'_>,
) -> Result<Option<Filter>, Refused> {
    if (field, test) == (&FieldRef::Any, &Test::Exists) {
        return Ok(Some(Filter::All));
    }
    // of several fields, those whose type does not fit the test are skipped
    let (name, fields, lenient) = match field {
        FieldRef::Name(name) if name == "_id" || name == "_index" => return identity(name, test).map(Some),
        FieldRef::Name(name) if SERVER_FIELDS.contains(&name.as_str()) => {
            return Err(refused(name, "only a server knows it"));
        }
        FieldRef::Name(name) => (name.as_str(), fields_of(name, context), lenient),
        FieldRef::Pattern(pattern) => (pattern.as_str(), fields_like(context.mapping, pattern), true),
        FieldRef::Any => ("*", fields_like(context.mapping, "*"), true),
    };
    // the fields of a dynamic template are not counted: nobody knows how many there are
    let n_fields = fields.iter().filter(|field| field.kinds.is_none()).count();
    if n_fields > MAX_FIELDS {
        let message = format!("a clause without a field, or with a pattern, stands for {n_fields} fields");
        return Err(Refused {
            message,
            help: format!("name the field; at most {MAX_FIELDS} can be searched at once, as in Elasticsearch"),
        });
    }
    let mut filters = Vec::new();
    let mut mismatches = Vec::new();
    for field in &fields {
        if let Some(refusal) = field.sources.iter().find_map(|column| column.field().refusal()) {
            let help = "name a field of an event, such as process.parent.name".to_owned();
            return Err(Refused { help, ..refused(name, &refusal) });
        }
        match on_field(field, test, context.now) {
            Ok(filter) => filters.extend(filter),
            Err(Refusal::Mismatch(reason)) => {
                filters.push(Filter::None);
                mismatches.push(reason);
            }
            Err(Refusal::Unknowable(reason)) => {
                let source =
                    field.sources.first().filter(|_| fields.len() > 1).map(|column| column.field().to_string());
                return Err(refused(source.as_deref().unwrap_or(name), &reason));
            }
        }
    }
    if let Some(reason) = mismatches.first().filter(|_| !lenient && mismatches.len() == fields.len()) {
        return Err(refused(name, reason));
    }
    // if no field yields a word, the clause is dropped; if there are no fields, it matches nothing
    Ok((!filters.is_empty() || fields.is_empty()).then(|| Filter::or(filters)))
}

/// Returns the fields that `name` stands for, and what databases know of events that lack them. If
/// it is the one for times, its values are compared as times. As in events, case decides nothing.
fn fields_of(name: &str, context: &FilterContext<'_>) -> Vec<Field> {
    let mut fields = fields_named(context.mapping, name);
    if let Some(times) = context.times.filter(|times| equal_ignoring_case(times.name, name)) {
        fields.iter_mut().for_each(|field| field.read_times(times.formats));
    }
    let forms = context.names.map_or_else(Vec::new, |names| names.forms_with_facts(&FieldPath::new(name)));
    if !forms.is_empty() {
        let sources = vec![QueryColumn::of_facts(name, forms)];
        let known = fields.iter().map(|field| Field { sources: sources.clone(), ..field.clone() });
        fields.extend(known.collect::<Vec<Field>>());
    }
    fields
}

fn identity(name: &str, test: &Test) -> Result<Filter, Refused> {
    let exact = matches!(test, Test::Match { .. } | Test::Phrase { .. } | Test::Terms { .. } | Test::Exists);
    if name == "_id" && !exact {
        return Err(refused(name, "ids can be asked for whole only"));
    }
    let keyword = FieldType::Keyword { ignore_above: None, lowercase: false };
    let field = Field::new(QueryColumn::of(name), keyword);
    // tests of keywords do not depend on the time
    match on_field(&field, test, DateTime::UNIX_EPOCH) {
        Ok(filter) => Ok(filter.unwrap_or(Filter::None)),
        Err(Refusal::Mismatch(reason) | Refusal::Unknowable(reason)) => Err(refused(name, &reason)),
    }
}

fn on_field(field: &Field, test: &Test, now: DateTime<Utc>) -> Result<Option<Filter>, Refusal> {
    let some = |predicate: Predicate| {
        let predicate = match &field.kinds {
            None => predicate,
            Some(kinds) => Predicate::OfKinds(kinds.clone(), Box::new(predicate)),
        };
        let column = |source: &QueryColumn| Filter::Some(source.clone(), predicate.clone());
        Filter::or(field.sources.iter().map(column).collect())
    };
    Ok(match compile(test, &field.field_type, now)? {
        Shape::All => Some(Filter::All),
        Shape::None => Some(Filter::None),
        Shape::Dropped => None,
        Shape::Is(predicate) => Some(some(predicate)),
        Shape::Every(predicates) => Some(Filter::and(predicates.into_iter().map(some).collect())),
        Shape::AtLeast(count, predicates) => Some(Filter::at_least(count, predicates.into_iter().map(some).collect())),
    })
}

fn refused(field: &str, reason: &str) -> Refused {
    const SHOWN_CHARS: usize = 200;
    let shown: String = field.chars().take(SHOWN_CHARS).collect();
    let rest = if shown.len() < field.len() { "…" } else { "" };
    Refused {
        message: format!("field `{}{rest}`: {reason}", shown.escape_debug()),
        help: "a file cannot answer this as Elasticsearch would; ask for another field or in another way".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::time::TimeFormats;

    #[test]
    fn tests_of_one_column_are_merged() {
        let exists = |name: &str| Filter::Some(QueryColumn::of(name), Predicate::Exists { ignore_above: None });
        let joined = Filter::or(vec![exists("a"), exists("b"), exists("a"), Filter::None]);
        let Filter::Or(parts) = joined else { panic!("{joined:?}") };
        assert_eq!(parts.len(), 2);
    }

    #[test]
    fn the_field_of_times_is_known_in_any_case() {
        let formats = TimeFormats::default();
        let field_type = |times: &str, name: &str| {
            let times = Some(TimeField { name: times, formats: &formats });
            let context = FilterContext { mapping: None, times, names: None, now: DateTime::UNIX_EPOCH };
            fields_of(name, &context).remove(0).field_type
        };
        for (times, name) in [("@timestamp", "@Timestamp"), ("When.Größe", "when.GRÖßE"), ("at", "at")] {
            assert_eq!(field_type(times, name), FieldType::Time(formats.clone()), "{times} {name}");
        }
        assert_eq!(field_type("@timestamp", "timestamp"), FieldType::Untyped);
    }
}
