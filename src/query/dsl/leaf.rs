//! Queries on the values of a field.

use std::ops::Bound;

use serde_json::Value;

use super::object::{Object, list_of_scalars, scalar, single_field, text};
use super::{DslError, Parsed, fields, minimum, offset_minutes, operator};
use crate::query::ast::{Edits, FieldRef, Query, Test, ZeroTerms};
use crate::query::regexp::{Flags, LuceneRegexp};

/// Names of date formats in the DSL that mean the default format.
const USUAL_FORMATS: [&str; 5] = [
    "strict_date_optional_time",
    "date_optional_time",
    "strict_date_optional_time_nanos",
    "epoch_millis",
    "strict_date_time",
];

/// Reads `{"field": value}` or `{"field": {"value": value, ..}}`.
pub(super) fn of_field(kind: &str, body: &Value, path: &str) -> Parsed<Query> {
    let (field, body) = single_field(body, path)?;
    let path = format!("{path}.{field}");
    let test = match kind {
        "term" => term(body, &path),
        "match" => full_text(body, &path),
        "match_phrase" => phrase(body, &path),
        "range" => range(body, &path),
        "prefix" => prefix(body, &path),
        "wildcard" => wildcard(body, &path),
        "regexp" => regexp(body, &path),
        _ => fuzzy(body, &path),
    }?;
    Ok(Query::leaf(FieldRef::Name(field.to_owned()), test))
}

pub(super) fn terms(body: &Value, path: &str) -> Parsed<Query> {
    let (field, values) = single_field(body, path)?;
    let path = format!("{path}.{field}");
    if !values.is_array() {
        return Err(DslError::new(
            &path,
            "not a list of values",
            "expected [..]; a lookup in another index needs the index",
        ));
    }
    let values = list_of_scalars(values, &path)?;
    if values.is_empty() {
        return Ok(Query::MatchNone);
    }
    Ok(Query::leaf(FieldRef::Name(field.to_owned()), Test::Terms { values, case_insensitive: false }))
}

pub(super) fn multi_match(body: &Value, path: &str) -> Parsed<Query> {
    let known =
        ["query", "fields", "type", "operator", "minimum_should_match", "slop", "tie_breaker", "zero_terms_query"];
    let object = Object::new(body, path, &known)?;
    let text = scalar(object.required("query")?, &object.path("query"))?;
    let fields =
        object.get("fields").map_or_else(|| Ok(vec![FieldRef::Any]), |names| fields(names, &object.path("fields")))?;
    let zero_terms = zero_terms(&object)?;
    let kind = object
        .get("type")
        .map_or_else(|| Ok("best_fields".to_owned()), |kind| self::text(kind, &object.path("type")))?;
    let test = match kind.as_str() {
        "best_fields" | "most_fields" => Test::Match {
            text,
            operator: operator(&object, "operator")?,
            minimum_should_match: minimum(&object)?,
            zero_terms,
        },
        "phrase" => Test::Phrase { text, slop: slop(&object)?, zero_terms },
        _ => {
            let help = "supported are best_fields, most_fields and phrase";
            return Err(DslError::new(
                &object.path("type"),
                format!("unsupported type `{}`", kind.escape_debug()),
                help,
            ));
        }
    };
    Ok(Query::any_of(fields.into_iter().map(|field| Query::leaf(field, test.clone())).collect()))
}

/// Reads the value and the options of a query on a field: `body` is the value itself, or an object
/// that holds it under `key`.
fn value_and_options<'a>(
    body: &'a Value,
    path: &str,
    key: &str,
    known: &[&str],
) -> Parsed<(String, Option<Object<'a>>)> {
    if !body.is_object() {
        return Ok((scalar(body, path)?, None));
    }
    let known: Vec<&str> = std::iter::once(key).chain(known.iter().copied()).collect();
    let object = Object::new(body, path, &known)?;
    let value = scalar(object.required(key)?, &object.path(key))?;
    Ok((value, Some(object)))
}

fn case_insensitive(options: Option<&Object<'_>>) -> Parsed<bool> {
    options.map_or(Ok(false), |options| options.flag("case_insensitive", false))
}

fn term(body: &Value, path: &str) -> Parsed<Test> {
    let (value, options) = value_and_options(body, path, "value", &["case_insensitive"])?;
    Ok(Test::Terms { values: vec![value], case_insensitive: case_insensitive(options.as_ref())? })
}

fn prefix(body: &Value, path: &str) -> Parsed<Test> {
    let (text, options) = value_and_options(body, path, "value", &["case_insensitive", "rewrite"])?;
    Ok(Test::Prefix { text, case_insensitive: case_insensitive(options.as_ref())?, normalize: false })
}

fn wildcard(body: &Value, path: &str) -> Parsed<Test> {
    // `wildcard` is another name for `value`
    let key = if body.get("wildcard").is_some() { "wildcard" } else { "value" };
    let (pattern, options) = value_and_options(body, path, key, &["case_insensitive", "rewrite"])?;
    Ok(Test::Wildcard { pattern, case_insensitive: case_insensitive(options.as_ref())?, normalize: false })
}

fn regexp(body: &Value, path: &str) -> Parsed<Test> {
    let known = ["case_insensitive", "rewrite", "flags", "max_determinized_states"];
    let (pattern, options) = value_and_options(body, path, "value", &known)?;
    let case_insensitive = case_insensitive(options.as_ref())?;
    let mut flags = Flags::ALL;
    if let Some((value, path)) =
        options.as_ref().and_then(|options| Some((options.get("flags")?, options.path("flags"))))
    {
        let help = "expected ALL, NONE or names joined by `|`: COMPLEMENT, INTERSECTION, EMPTY, ANYSTRING, INTERVAL";
        flags = Flags::parse(&text(value, &path)?).ok_or_else(|| DslError::new(&path, "unknown flags", help))?;
    }
    LuceneRegexp::new(&pattern, case_insensitive, flags).map_err(|error| {
        let position = pattern.char_indices().take_while(|(byte, _)| *byte < error.at).count();
        DslError::new(path, format!("{} at character {}", error.message, position + 1), error.help)
    })?;
    Ok(Test::Regexp { pattern, case_insensitive, flags })
}

fn fuzzy(body: &Value, path: &str) -> Parsed<Test> {
    let known = ["fuzziness", "prefix_length", "transpositions", "max_expansions", "rewrite"];
    let (text, options) = value_and_options(body, path, "value", &known)?;
    let mut edits = Edits::AUTO;
    let (mut prefix_length, mut transpositions) = (0, true);
    if let Some(options) = options {
        prefix_length = options.count("prefix_length")?;
        transpositions = options.flag("transpositions", true)?;
        if let Some(value) = options.get("fuzziness") {
            let path = options.path("fuzziness");
            edits = Edits::parse(&scalar(value, &path)?)
                .ok_or_else(|| DslError::new(&path, "not a distance", "expected 0, 1, 2, \"AUTO\" or \"AUTO:3,6\""))?;
        }
    }
    Ok(Test::Fuzzy { text, edits, prefix_length, transpositions, normalize: false })
}

fn full_text(body: &Value, path: &str) -> Parsed<Test> {
    let known = ["operator", "minimum_should_match", "zero_terms_query"];
    let (text, options) = value_and_options(body, path, "query", &known)?;
    let Some(options) = options else {
        return Ok(Test::Match {
            text,
            operator: Default::default(),
            minimum_should_match: None,
            zero_terms: ZeroTerms::MatchNone,
        });
    };
    let (operator, minimum_should_match) = (operator(&options, "operator")?, minimum(&options)?);
    Ok(Test::Match { text, operator, minimum_should_match, zero_terms: zero_terms(&options)? })
}

fn phrase(body: &Value, path: &str) -> Parsed<Test> {
    let (text, options) = value_and_options(body, path, "query", &["slop", "zero_terms_query"])?;
    let Some(options) = options else { return Ok(Test::Phrase { text, slop: 0, zero_terms: ZeroTerms::MatchNone }) };
    Ok(Test::Phrase { text, slop: slop(&options)?, zero_terms: zero_terms(&options)? })
}

fn slop(options: &Object<'_>) -> Parsed<u32> {
    options.count("slop").map(|slop| u32::try_from(slop).unwrap_or(u32::MAX))
}

fn zero_terms(options: &Object<'_>) -> Parsed<ZeroTerms> {
    let Some(value) = options.get("zero_terms_query") else { return Ok(ZeroTerms::MatchNone) };
    let path = options.path("zero_terms_query");
    match text(value, &path)?.to_ascii_lowercase().as_str() {
        "none" => Ok(ZeroTerms::MatchNone),
        "all" => Ok(ZeroTerms::MatchAll),
        _ => Err(DslError::new(&path, "not a choice", "expected \"none\" or \"all\"")),
    }
}

fn range(body: &Value, path: &str) -> Parsed<Test> {
    let known =
        ["gt", "gte", "lt", "lte", "from", "to", "include_lower", "include_upper", "format", "time_zone", "relation"];
    let object = Object::new(body, path, &known)?;
    check_format(&object)?;
    let lower = bound(&object, [("gte", true), ("gt", false), ("from", object.flag("include_lower", true)?)])?;
    let upper = bound(&object, [("lte", true), ("lt", false), ("to", object.flag("include_upper", true)?)])?;
    Ok(Test::Range { lower, upper, offset_minutes: offset_minutes(&object)?, normalize: false })
}

fn bound(object: &Object<'_>, keys: [(&str, bool); 3]) -> Parsed<Bound<String>> {
    let mut bound = Bound::Unbounded;
    for (key, inclusive) in keys {
        let Some(value) = object.get(key) else { continue };
        if bound != Bound::Unbounded {
            let help = format!("give one of {}, {} and {}", keys[0].0, keys[1].0, keys[2].0);
            return Err(DslError::new(&object.path(key), "two bounds for one end", help));
        }
        let text = scalar(value, &object.path(key))?;
        bound = if inclusive { Bound::Included(text) } else { Bound::Excluded(text) };
    }
    Ok(bound)
}

fn check_format(object: &Object<'_>) -> Parsed<()> {
    let Some(value) = object.get("format") else { return Ok(()) };
    let path = object.path("format");
    let format = text(value, &path)?;
    if format
        .split("||")
        .all(|format| USUAL_FORMATS.contains(&format) || matches!(format, "yyyy-MM-dd" | "strict_date" | "date"))
    {
        return Ok(());
    }
    let help = "write the bounds as strict_date_optional_time or epoch_millis and leave the format out";
    Err(DslError::new(&path, format!("unsupported date format `{}`", format.escape_debug()), help))
}
