//! The query DSL of Elasticsearch, as far as it selects events.

use serde_json::{Map, Value};

use super::ast::{Bound, Minimum, Query, Test, Text};
use super::lucene::{self, Options, field_name};
use crate::event::text::python_text;

/// Deepest nesting of `bool`.
const MAX_DEPTH: usize = 100;

/// What is wrong with a filter, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DslError {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
    /// Where, as keys joined by dots.
    pub path: String,
}

type Parsed<T> = Result<T, DslError>;

/// Parses the value of `query`.
///
/// # Errors
/// The first thing that is wrong or that files cannot answer.
pub fn parse(query: &Value) -> Parsed<Query> {
    parse_at(query, &Path { keys: "query".to_owned(), depth: 0 })
}

#[derive(Clone)]
struct Path {
    keys: String,
    depth: usize,
}

impl Path {
    fn child(&self, key: &str) -> Path {
        Path { keys: format!("{}.{key}", self.keys), depth: self.depth + 1 }
    }

    fn error(&self, message: impl Into<String>, help: &str) -> DslError {
        DslError { message: message.into(), help: help.to_owned(), path: self.keys.clone() }
    }
}

fn parse_at(query: &Value, path: &Path) -> Parsed<Query> {
    if path.depth > MAX_DEPTH {
        return Err(path.error("nested too deep", "use at most 100 levels"));
    }
    let object = object(query, path)?;
    let Some((kind, body)) = single(object) else {
        return Err(path.error("not one query", "write an object with one key, such as {\"term\": {...}}"));
    };
    let path = path.child(kind);
    match kind {
        "match_all" => Ok(Query::All),
        "match_none" => Ok(Query::None),
        "bool" => parse_bool(body, &path),
        "constant_score" => parse_at(member(body, "filter", &path)?, &path.child("filter")),
        "exists" => Ok(Query::Field { field: field_name(text_member(body, "field", &path)?), test: Test::Exists }),
        "ids" => parse_ids(body, &path),
        "terms" => parse_terms(body, &path),
        "term" | "prefix" | "wildcard" | "regexp" | "fuzzy" | "match" | "match_phrase" | "range" => {
            parse_field(kind, body, &path)
        }
        "multi_match" => parse_multi_match(body, &path),
        "query_string" => parse_query_string(body, &path),
        _ => Err(path.error(
            format!("files cannot answer `{kind}`"),
            "known: bool, term, terms, match, match_phrase, multi_match, range, exists, prefix, wildcard, regexp, fuzzy, ids, \
             match_all, match_none, constant_score, query_string",
        )),
    }
}

fn object<'a>(value: &'a Value, path: &Path) -> Parsed<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| path.error("not an object", "write {...}"))
}

fn single(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    match object.iter().collect::<Vec<_>>().as_slice() {
        [(key, value)] => Some((key.as_str(), *value)),
        _ => None,
    }
}

fn member<'a>(body: &'a Value, key: &str, path: &Path) -> Parsed<&'a Value> {
    body.get(key).ok_or_else(|| path.error(format!("no `{key}`"), "add it"))
}

fn text_member<'a>(body: &'a Value, key: &str, path: &Path) -> Parsed<&'a str> {
    member(body, key, path)?.as_str().ok_or_else(|| path.child(key).error("not a text", "write it in quotes"))
}

/// Scalars as Elasticsearch reads them from JSON.
fn scalar(value: &Value, path: &Path) -> Parsed<String> {
    match value {
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) => Ok(text.clone()),
        _ => Err(path.error(format!("not a value: {}", python_text(value)), "write a text, a number, true or false")),
    }
}

fn reject_unknown(object: &Map<String, Value>, known: &[&str], path: &Path) -> Parsed<()> {
    // names and scores change nothing
    let is_known = |key: &str| known.contains(&key) || matches!(key, "boost" | "_name");
    match object.keys().find(|key| !is_known(key)) {
        Some(key) => {
            Err(path.child(key).error("files cannot answer this option", &format!("known: {}", known.join(", "))))
        }
        None => Ok(()),
    }
}

fn parse_bool(body: &Value, path: &Path) -> Parsed<Query> {
    let body = object(body, path)?;
    reject_unknown(body, &["must", "filter", "should", "must_not", "minimum_should_match"], path)?;
    let list = |key: &str| match body.get(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(queries)) => {
            let parse_one = |(idx, query)| parse_at(query, &path.child(&format!("{key}[{idx}]")));
            queries.iter().enumerate().map(parse_one).collect()
        }
        Some(one) => Ok(vec![parse_at(one, &path.child(key))?]),
    };
    let mut must: Vec<Query> = list("must")?;
    must.extend(list("filter")?);
    let (should, must_not) = (list("should")?, list("must_not")?);
    let minimum_should = match body.get("minimum_should_match") {
        Some(minimum) => {
            let path = path.child("minimum_should_match");
            minimum_of(&scalar(minimum, &path)?, should.len())
                .ok_or_else(|| path.error("not a minimum", "write a number or a percentage such as 75%"))?
        }
        None => usize::from(must.is_empty() && !should.is_empty()),
    };
    Ok(Query::Bool { must, should, must_not, minimum_should })
}

/// `2`, `-1`, `75%`, `-25%`, `2<75%`: how many of `n`.
pub(super) fn minimum_of(text: &str, n: usize) -> Option<usize> {
    let n = i64::try_from(n).ok()?;
    let simple = |text: &str| {
        let number = match text.trim().strip_suffix('%') {
            Some(percent) => {
                let percent: f64 = percent.parse().ok()?;
                let share = (n as f64 * percent.abs() / 100.0).floor() as i64;
                if percent < 0.0 { n - share } else { share }
            }
            None => {
                let number: i64 = text.trim().parse().ok()?;
                if number < 0 { n + number } else { number }
            }
        };
        Some(number.max(0))
    };
    let mut result = n;
    if !text.contains('<') {
        result = simple(text)?;
    }
    for condition in text.split_whitespace().filter(|condition| condition.contains('<')) {
        let (limit, minimum) = condition.split_once('<')?;
        if n > limit.trim().parse().ok()? {
            result = simple(minimum)?;
        }
    }
    usize::try_from(result).ok()
}

fn parse_ids(body: &Value, path: &Path) -> Parsed<Query> {
    match member(body, "values", path)? {
        Value::Array(values) => {
            let path = path.child("values");
            Ok(Query::Ids(values.iter().map(|value| scalar(value, &path)).collect::<Parsed<_>>()?))
        }
        one => Ok(Query::Ids(vec![scalar(one, &path.child("values"))?])),
    }
}

fn parse_terms(body: &Value, path: &Path) -> Parsed<Query> {
    let fields: Vec<(&String, &Value)> =
        object(body, path)?.iter().filter(|(key, _)| !matches!(key.as_str(), "boost" | "_name")).collect();
    let [(field, values)] = fields.as_slice() else {
        return Err(path.error("not one field", "write {\"field\": [\"a\", \"b\"]}"));
    };
    let path = path.child(field);
    let Value::Array(values) = values else {
        return Err(path.error("not a list of values", "write [\"a\", \"b\"]; files cannot look terms up in an index"));
    };
    let term = |value| {
        let test = Test::Term(Text::exact(scalar(value, &path)?));
        Ok(Query::Field { field: field_name(field), test })
    };
    let should = values.iter().map(term).collect::<Parsed<Vec<Query>>>()?;
    Ok(if should.is_empty() {
        Query::None
    } else {
        Query::Bool { must: Vec::new(), should, must_not: Vec::new(), minimum_should: 1 }
    })
}

/// Queries of the form `{"field": value}` or `{"field": {"value": value, ...}}`.
fn parse_field(kind: &str, body: &Value, path: &Path) -> Parsed<Query> {
    let Some((field, body)) = single(object(body, path)?) else {
        return Err(path.error("not one field", "write {\"field\": ...}"));
    };
    let path = path.child(field);
    let options = match body {
        Value::Object(options) => options.clone(),
        short => [(value_key(kind).to_owned(), short.clone())].into_iter().collect(),
    };
    let test = match kind {
        "range" => parse_range(&options, &path)?,
        "match" => parse_match(&options, &path)?,
        "match_phrase" => {
            reject_unknown(&options, &["query", "slop", "analyzer", "zero_terms_query"], &path)?;
            let slop = options.get("slop").and_then(Value::as_u64).unwrap_or(0);
            Test::Phrase(
                Text::exact(option_text(&options, "query", &path)?),
                usize::try_from(slop).unwrap_or(usize::MAX),
            )
        }
        "fuzzy" => parse_fuzzy(&options, &path)?,
        _ => {
            let known =
                ["value", "wildcard", "rewrite", "case_insensitive", "flags", "flags_value", "max_determinized_states"];
            reject_unknown(&options, &known, &path)?;
            let key = if options.contains_key("wildcard") { "wildcard" } else { "value" };
            let ignore_case = options.get("case_insensitive").and_then(Value::as_bool).unwrap_or(false);
            let text = Text { text: option_text(&options, key, &path)?, ignore_case };
            match kind {
                "term" => Test::Term(text),
                "prefix" => Test::Prefix(text),
                "wildcard" => Test::Wildcard(text),
                _ => Test::Regexp(text),
            }
        }
    };
    Ok(Query::Field { field: field_name(field), test })
}

fn value_key(kind: &str) -> &'static str {
    match kind {
        "match" | "match_phrase" => "query",
        _ => "value",
    }
}

fn option_text(options: &Map<String, Value>, key: &str, path: &Path) -> Parsed<String> {
    let value = options.get(key).ok_or_else(|| path.error(format!("no `{key}`"), "add it"))?;
    scalar(value, &path.child(key))
}

fn parse_match(options: &Map<String, Value>, path: &Path) -> Parsed<Test> {
    reject_unknown(options, &["query", "operator", "minimum_should_match", "lenient", "zero_terms_query"], path)?;
    let operator = options.get("operator").and_then(Value::as_str).unwrap_or("or");
    let minimum = match options.get("minimum_should_match") {
        _ if operator.eq_ignore_ascii_case("and") => Minimum::All,
        Some(minimum) => Minimum::Should(scalar(minimum, &path.child("minimum_should_match"))?),
        None => Minimum::Should("1".to_owned()),
    };
    Ok(Test::Words { text: option_text(options, "query", path)?, minimum })
}

fn parse_fuzzy(options: &Map<String, Value>, path: &Path) -> Parsed<Test> {
    let known = ["value", "fuzziness", "prefix_length", "max_expansions", "transpositions", "rewrite"];
    reject_unknown(options, &known, path)?;
    let fuzziness = options.get("fuzziness").map(|value| scalar(value, &path.child("fuzziness"))).transpose()?;
    let edits = match fuzziness.as_deref() {
        None | Some("AUTO" | "auto") => None,
        Some(number) => Some(
            number
                .parse()
                .ok()
                .filter(|edits| *edits <= 2u8)
                .ok_or_else(|| path.child("fuzziness").error("not a number of edits", "write 0, 1, 2 or AUTO"))?,
        ),
    };
    let prefix = options.get("prefix_length").and_then(Value::as_u64).unwrap_or(0);
    Ok(Test::Fuzzy {
        text: option_text(options, "value", path)?,
        edits,
        prefix: usize::try_from(prefix).unwrap_or(usize::MAX),
    })
}

fn parse_range(options: &Map<String, Value>, path: &Path) -> Parsed<Test> {
    let known =
        ["gt", "gte", "lt", "lte", "from", "to", "include_lower", "include_upper", "format", "time_zone", "relation"];
    reject_unknown(options, &known, path)?;
    if let Some(format) = options.get("format").and_then(Value::as_str)
        && !format.split("||").all(|part| part.contains("date_optional_time") || part == "epoch_millis")
    {
        return Err(path
            .child("format")
            .error("files know no such format", "use strict_date_optional_time or epoch_millis"));
    }
    let flag = |key: &str| options.get(key).and_then(Value::as_bool).unwrap_or(true);
    let bound = |including: &str, excluding: &str, old: &str, includes: bool| {
        let found = [(including, true), (excluding, false), (old, includes)];
        for (key, includes) in found {
            match options.get(key) {
                None | Some(Value::Null) => {}
                Some(value) => {
                    let text = scalar(value, &path.child(key))?;
                    return Ok(if includes { Bound::Including(text) } else { Bound::Excluding(text) });
                }
            }
        }
        Ok(Bound::Open)
    };
    let zone = match options.get("time_zone") {
        None => 0,
        Some(zone) => {
            let zone = scalar(zone, &path.child("time_zone"))?;
            super::time::parse_offset(&zone).ok_or_else(|| {
                path.child("time_zone").error("files know no such time zone", "write an offset such as +02:00")
            })?
        }
    };
    Ok(Test::Range {
        from: bound("gte", "gt", "from", flag("include_lower"))?,
        to: bound("lte", "lt", "to", flag("include_upper"))?,
        zone,
    })
}

fn parse_multi_match(body: &Value, path: &Path) -> Parsed<Query> {
    let options = object(body, path)?;
    reject_unknown(options, &["query", "fields", "operator", "type", "lenient"], path)?;
    let kind = options.get("type").and_then(Value::as_str).unwrap_or("best_fields");
    let text = option_text(options, "query", path)?;
    let operator = options.get("operator").and_then(Value::as_str).unwrap_or("or");
    let test = match kind {
        "phrase" => Test::Phrase(Text::exact(text), 0),
        "best_fields" | "most_fields" if operator.eq_ignore_ascii_case("and") => {
            Test::Words { text, minimum: Minimum::All }
        }
        "best_fields" | "most_fields" => Test::Words { text, minimum: Minimum::Should("1".to_owned()) },
        _ => {
            return Err(path
                .child("type")
                .error("files cannot answer this type", "use best_fields, most_fields or phrase"));
        }
    };
    let fields: Vec<&str> = match options.get("fields") {
        Some(Value::Array(fields)) => fields.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(field)) => vec![field],
        _ => vec!["*"],
    };
    let one = |field: &str| {
        let name = field.split('^').next().unwrap_or(field);
        Query::Field { field: field_name(name), test: test.clone() }
    };
    Ok(Query::Bool {
        must: Vec::new(),
        should: fields.into_iter().map(one).collect(),
        must_not: Vec::new(),
        minimum_should: 1,
    })
}

fn parse_query_string(body: &Value, path: &Path) -> Parsed<Query> {
    let options = object(body, path)?;
    let known = [
        "query",
        "default_field",
        "fields",
        "default_operator",
        "analyze_wildcard",
        "allow_leading_wildcard",
        "lenient",
    ];
    reject_unknown(options, &known, path)?;
    let mut fields: Vec<String> = match options.get("fields") {
        Some(Value::Array(fields)) => fields.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    fields.extend(options.get("default_field").and_then(Value::as_str).map(str::to_owned));
    fields.iter_mut().for_each(|field| field.truncate(field.find('^').unwrap_or(field.len())));
    let operator = options.get("default_operator").and_then(Value::as_str).unwrap_or("or");
    let options_of = Options { fields, joins_by_and: operator.eq_ignore_ascii_case("and") };
    let text = option_text(options, "query", path)?;
    lucene::parse(&text, &options_of).map_err(|error| {
        let message = format!("{} at character {}", error.message, error.position + 1);
        DslError { message, help: error.help, path: path.child("query").keys }
    })
}
