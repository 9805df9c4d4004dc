//! Parses the query DSL: JSON to AST. Anything that is not understood is an error that names its
//! place, because a half-understood filter would find the wrong events.

mod leaf;
mod object;

use serde_json::Value;

use super::ast::{BoolQuery, FieldRef, MinimumShouldMatch, Operator, Query, Test};
use super::lucene;
use super::time::parse_zone;
use object::{Object, scalar, text};

/// Upper limit on nested queries.
const MAX_DEPTH: usize = 128;
const SUPPORTED: &str = "supported are bool, term, terms, match, match_phrase, multi_match, range, exists, prefix, wildcard, regexp, fuzzy, \
    ids, match_all, match_none, constant_score, dis_max and query_string";

/// Error in a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DslError {
    /// Place of the error, such as `.bool.must[1].term`.
    pub path: String,
    /// Description of the error.
    pub message: String,
    /// Advice on how to fix it.
    pub help: String,
}

impl DslError {
    fn new(path: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        DslError { path: path.to_owned(), message: message.into(), help: help.into() }
    }
}

type Parsed<T> = Result<T, DslError>;

/// Parses one query, the `X` of `{"query": X}`.
///
/// # Errors
/// Returns the first part that is not understood, or that cannot be evaluated on files.
pub fn parse(query: &Value) -> Parsed<Query> {
    query_at(query, "", 0)
}

fn query_at(query: &Value, path: &str, depth: usize) -> Parsed<Query> {
    if depth == MAX_DEPTH {
        return Err(DslError::new(
            path,
            format!("more than {MAX_DEPTH} queries inside each other"),
            "take levels away",
        ));
    }
    let entries = query
        .as_object()
        .ok_or_else(|| DslError::new(path, "not a query", "expected an object such as {\"term\": {..}}"))?;
    let mut entries = entries.iter();
    let (Some((kind, body)), None) = (entries.next(), entries.next()) else {
        return Err(DslError::new(
            path,
            "a query has one key, its kind",
            "put several queries into the `filter` list of a `bool` query",
        ));
    };
    let path = format!("{path}.{kind}");
    match kind.as_str() {
        "bool" => boolean(body, &path, depth),
        "constant_score" => {
            let object = Object::new(body, &path, &["filter"])?;
            query_at(object.required("filter")?, &object.path("filter"), depth + 1)
        }
        "dis_max" => {
            let object = Object::new(body, &path, &["queries", "tie_breaker"])?;
            clauses(&object, "queries", depth).map(Query::any_of)
        }
        "match_all" => Object::new(body, &path, &[]).map(|_| Query::MatchAll),
        "match_none" => Object::new(body, &path, &[]).map(|_| Query::MatchNone),
        "ids" => ids(body, &path),
        "exists" => {
            let object = Object::new(body, &path, &["field"])?;
            let field = text(object.required("field")?, &object.path("field"))?;
            Ok(Query::leaf(FieldRef::new(&field), Test::Exists))
        }
        "query_string" => query_string(body, &path),
        "terms" => leaf::terms(body, &path),
        "multi_match" => leaf::multi_match(body, &path),
        "term" | "match" | "match_phrase" | "range" | "prefix" | "wildcard" | "regexp" | "fuzzy" => {
            leaf::of_field(kind, body, &path)
        }
        "nested" | "has_child" | "has_parent" | "parent_id" => {
            let help = "events in files are whole: ask for the inner field directly";
            Err(DslError::new(&path, format!("`{kind}` queries need the index"), help))
        }
        _ => Err(DslError::new(
            &path,
            format!("`{}` is not a query that events from files can answer", kind.escape_debug()),
            SUPPORTED,
        )),
    }
}

fn boolean(body: &Value, path: &str, depth: usize) -> Parsed<Query> {
    let known = ["must", "filter", "should", "must_not", "minimum_should_match", "adjust_pure_negative"];
    let object = Object::new(body, path, &known)?;
    let mut must = clauses(&object, "must", depth)?;
    must.extend(clauses(&object, "filter", depth)?);
    let (should, must_not) = (clauses(&object, "should", depth)?, clauses(&object, "must_not", depth)?);
    let minimum_should_match = minimum(&object)?;
    if !object.flag("adjust_pure_negative", true)? {
        let path = object.path("adjust_pure_negative");
        return Err(DslError::new(&path, "only the default is supported", "leave it out"));
    }
    if must.is_empty() && should.is_empty() && must_not.is_empty() {
        return Ok(Query::MatchAll);
    }
    Ok(Query::Bool(BoolQuery { must, should, must_not, minimum_should_match }))
}

/// Reads a query or a list of queries.
fn clauses(object: &Object<'_>, key: &str, depth: usize) -> Parsed<Vec<Query>> {
    let path = object.path(key);
    match object.get(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(queries)) => queries
            .iter()
            .enumerate()
            .map(|(idx, query)| query_at(query, &format!("{path}[{idx}]"), depth + 1))
            .collect(),
        Some(query) => query_at(query, &path, depth + 1).map(|query| vec![query]),
    }
}

fn minimum(object: &Object<'_>) -> Parsed<Option<MinimumShouldMatch>> {
    let Some(value) = object.get("minimum_should_match") else { return Ok(None) };
    let path = object.path("minimum_should_match");
    let parsed = MinimumShouldMatch::parse(&scalar(value, &path)?);
    parsed.map(Some).ok_or_else(|| DslError::new(&path, "not a minimum", "expected such as 2, -1, \"75%\" or \"-25%\""))
}

fn operator(object: &Object<'_>, key: &str) -> Parsed<Operator> {
    let Some(value) = object.get(key) else { return Ok(Operator::Or) };
    let path = object.path(key);
    match text(value, &path)?.to_ascii_lowercase().as_str() {
        "or" => Ok(Operator::Or),
        "and" => Ok(Operator::And),
        _ => Err(DslError::new(&path, "not an operator", "expected \"and\" or \"or\"")),
    }
}

fn offset_minutes(object: &Object<'_>) -> Parsed<i32> {
    let Some(value) = object.get("time_zone") else { return Ok(0) };
    let path = object.path("time_zone");
    let help = "expected an offset such as \"+02:00\", or \"UTC\"; names of zones need a database that is not here";
    parse_zone(&text(value, &path)?).ok_or_else(|| DslError::new(&path, "not a known time zone", help))
}

fn ids(body: &Value, path: &str) -> Parsed<Query> {
    let object = Object::new(body, path, &["values"])?;
    object::list_of_scalars(object.required("values")?, &object.path("values")).map(Query::Ids)
}

/// Reads field names and drops the weights after `^`.
fn fields(value: &Value, path: &str) -> Parsed<Vec<FieldRef>> {
    let names = object::list_of_scalars(value, path)?;
    Ok(names.iter().map(|name| FieldRef::new(name.split_once('^').map_or(name.as_str(), |(name, _)| name))).collect())
}

fn query_string(body: &Value, path: &str) -> Parsed<Query> {
    let known = [
        "query",
        "default_field",
        "fields",
        "default_operator",
        "analyze_wildcard",
        "allow_leading_wildcard",
        "time_zone",
        "lenient",
    ];
    let object = Object::new(body, path, &known)?;
    let text = text(object.required("query")?, &object.path("query"))?;
    let fields = match (object.get("fields"), object.get("default_field")) {
        (Some(_), Some(_)) => {
            return Err(DslError::new(path, "both `fields` and `default_field`", "give one of them"));
        }
        (Some(names), None) => fields(names, &object.path("fields"))?,
        (None, Some(name)) => vec![FieldRef::new(&self::text(name, &object.path("default_field"))?)],
        (None, None) => vec![FieldRef::Any],
    };
    let lenient = object.flag("lenient", fields == [FieldRef::Any])?;
    let (operator, offset_minutes) = (operator(&object, "default_operator")?, offset_minutes(&object)?);
    let defaults = lucene::Defaults { fields, operator, lenient, offset_minutes };
    lucene::parse(&text, &defaults).map_err(|error| {
        let message = format!("{} at character {}", error.message, error.position_in(&text) + 1);
        DslError::new(&object.path("query"), message, error.help)
    })
}

#[cfg(test)]
mod tests;
