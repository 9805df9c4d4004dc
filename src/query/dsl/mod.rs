//! Parses the query DSL: JSON to AST. Anything that is not understood is an error that names its
//! place, because a half-understood filter would find the wrong events.

mod doubts;
mod element;
mod leaf;
mod names;

use serde_json::Value;

use super::ast::{BoolQuery, FieldRef, MinimumShouldMatch, Operator, Query, Test};
use super::lucene;
use super::time::parse_zone;
use element::Element;

pub use doubts::doubts;
pub use names::add_other_names;

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

type Parsed<T> = Result<T, DslError>;

/// Parses one query, the `X` of `{"query": X}`.
///
/// # Errors
/// Returns the first part that is not understood, or that cannot be evaluated on files.
pub fn parse(query: &Value) -> Parsed<Query> {
    query_at(&Element::root(query), 0)
}

fn query_at(query: &Element<'_>, depth: usize) -> Parsed<Query> {
    if depth == MAX_DEPTH {
        return Err(query.error(format!("more than {MAX_DEPTH} queries inside each other"), "take levels away"));
    }
    let entries = query.entries("not a query", "expected an object such as {\"term\": {..}}")?;
    let (kind, body) = query.only(entries.iter()).ok_or_else(|| {
        let help = "put several queries into the `filter` list of a `bool` query";
        query.error("a query has one key, its kind", help)
    })?;
    match kind {
        "bool" => boolean(&body, depth),
        "constant_score" => {
            body.check_keys(&["filter"])?;
            query_at(&body.required("filter")?, depth + 1)
        }
        "dis_max" => {
            body.check_keys(&["queries", "tie_breaker"])?;
            clauses(&body, "queries", depth).map(Query::any_of)
        }
        "match_all" => body.check_keys(&[]).map(|()| Query::MatchAll),
        "match_none" => body.check_keys(&[]).map(|()| Query::MatchNone),
        "ids" => {
            body.check_keys(&["values"])?;
            body.required("values")?.scalars().map(Query::Ids)
        }
        "exists" => {
            body.check_keys(&["field"])?;
            Ok(Query::leaf(FieldRef::new(body.required("field")?.text()?), Test::Exists))
        }
        "query_string" => query_string(&body),
        "terms" => leaf::terms(&body),
        "multi_match" => leaf::multi_match(&body),
        "term" => leaf::on_field(&body, leaf::term),
        "match" => leaf::on_field(&body, leaf::full_text),
        "match_phrase" => leaf::on_field(&body, leaf::phrase),
        "range" => leaf::on_field(&body, leaf::range),
        "prefix" => leaf::on_field(&body, leaf::prefix),
        "wildcard" => leaf::on_field(&body, leaf::wildcard),
        "regexp" => leaf::on_field(&body, leaf::regexp),
        "fuzzy" => leaf::on_field(&body, leaf::fuzzy),
        "nested" | "has_child" | "has_parent" | "parent_id" => {
            let help = "events in files are whole: ask for the inner field directly";
            Err(body.error(format!("`{kind}` queries need the index"), help))
        }
        _ => {
            let message = format!("`{}` is not a query that events from files can answer", kind.escape_debug());
            Err(body.error(message, SUPPORTED))
        }
    }
}

fn boolean(body: &Element<'_>, depth: usize) -> Parsed<Query> {
    body.check_keys(&["must", "filter", "should", "must_not", "minimum_should_match", "adjust_pure_negative"])?;
    let mut must = clauses(body, "must", depth)?;
    must.extend(clauses(body, "filter", depth)?);
    let (should, must_not) = (clauses(body, "should", depth)?, clauses(body, "must_not", depth)?);
    let minimum_should_match = minimum(body)?;
    if !body.flag("adjust_pure_negative", true)? {
        return Err(body.required("adjust_pure_negative")?.error("only the default is supported", "leave it out"));
    }
    if must.is_empty() && should.is_empty() && must_not.is_empty() {
        return Ok(Query::MatchAll);
    }
    Ok(Query::Bool(BoolQuery { must, should, must_not, minimum_should_match }))
}

/// Reads a query or a list of queries.
fn clauses(body: &Element<'_>, key: &str, depth: usize) -> Parsed<Vec<Query>> {
    let queries = body.get(key).map_or_else(Vec::new, |queries| queries.list());
    queries.iter().map(|query| query_at(query, depth + 1)).collect()
}

fn minimum(body: &Element<'_>) -> Parsed<Option<MinimumShouldMatch>> {
    let Some(minimum) = body.get("minimum_should_match") else { return Ok(None) };
    let parsed = MinimumShouldMatch::parse(&minimum.scalar()?);
    parsed.map(Some).ok_or_else(|| minimum.error("not a minimum", "expected such as 2, -1, \"75%\" or \"-25%\""))
}

fn operator(body: &Element<'_>, key: &str) -> Parsed<Operator> {
    let read = |text: &str| match text.to_ascii_lowercase().as_str() {
        "or" => Some(Operator::Or),
        "and" => Some(Operator::And),
        _ => None,
    };
    body.choice(key, Operator::Or, read, ("not an operator", "expected \"and\" or \"or\""))
}

fn offset_minutes(body: &Element<'_>) -> Parsed<i32> {
    let help = "expected an offset such as \"+02:00\", or \"UTC\"; names of zones need a database that is not here";
    body.choice("time_zone", 0, parse_zone, ("not a known time zone", help))
}

/// Reads field names and drops the weights after `^`.
fn fields(names: &Element<'_>) -> Parsed<Vec<FieldRef>> {
    let names = names.scalars()?;
    Ok(names.iter().map(|name| FieldRef::new(name.split_once('^').map_or(name.as_str(), |(name, _)| name))).collect())
}

fn query_string(body: &Element<'_>) -> Parsed<Query> {
    body.check_keys(&[
        "query",
        "default_field",
        "fields",
        "default_operator",
        "analyze_wildcard",
        "allow_leading_wildcard",
        "time_zone",
        "lenient",
    ])?;
    let query = body.required("query")?;
    let text = query.text()?;
    let fields = match (body.get("fields"), body.get("default_field")) {
        (Some(_), Some(_)) => return Err(body.error("both `fields` and `default_field`", "give one of them")),
        (Some(names), None) => fields(&names)?,
        (None, Some(name)) => vec![FieldRef::new(name.text()?)],
        (None, None) => vec![FieldRef::Any],
    };
    let lenient = body.flag("lenient", fields == [FieldRef::Any])?;
    let (operator, offset_minutes) = (operator(body, "default_operator")?, offset_minutes(body)?);
    let defaults = lucene::Defaults { fields, operator, lenient, offset_minutes };
    lucene::parse(text, &defaults).map_err(|error| {
        let message = format!("{} at character {}", error.message, error.position_in(text) + 1);
        query.error(message, error.help)
    })
}

#[cfg(test)]
mod tests;
