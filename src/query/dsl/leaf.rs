//! Queries on the values of a field.

use std::ops::Bound;

use super::Parsed;
use super::element::Element;
use super::{fields, minimum, offset_minutes, operator};
use crate::query::ast::{Edits, FieldRef, Query, Test, ZeroTerms};
use crate::query::regexp::{Flags, LuceneRegexp};

/// Names of date formats in the DSL that mean the default format, or a part of it.
const KNOWN_FORMATS: [&str; 8] = [
    "strict_date_optional_time",
    "date_optional_time",
    "strict_date_optional_time_nanos",
    "epoch_millis",
    "strict_date_time",
    "yyyy-MM-dd",
    "strict_date",
    "date",
];

/// Reads `{"field": value}` or `{"field": {"value": value, ..}}`; `read` reads what follows the
/// field.
pub(super) fn on_field(body: &Element<'_>, read: fn(&Element<'_>) -> Parsed<Test>) -> Parsed<Query> {
    let (field, body) = body.single_field()?;
    Ok(Query::leaf(FieldRef::Name(field.to_owned()), read(&body)?))
}

pub(super) fn terms(body: &Element<'_>) -> Parsed<Query> {
    let (field, values) = body.single_field()?;
    if !values.is_list() {
        let help = "expected [..]; a lookup in another index needs the index";
        return Err(values.error("not a list of values", help));
    }
    let values = values.scalars()?;
    if values.is_empty() {
        return Ok(Query::MatchNone);
    }
    Ok(Query::leaf(FieldRef::Name(field.to_owned()), Test::Terms { values, case_insensitive: false }))
}

pub(super) fn multi_match(body: &Element<'_>) -> Parsed<Query> {
    let known =
        ["query", "fields", "type", "operator", "minimum_should_match", "slop", "tie_breaker", "zero_terms_query"];
    body.check_keys(&known)?;
    let text = body.required("query")?.scalar()?;
    let fields = body.get("fields").map_or_else(|| Ok(vec![FieldRef::Any]), |names| fields(&names))?;
    let zero_terms = zero_terms(body)?;
    let test = match body.get("type").map_or(Ok("best_fields"), |kind| kind.text())? {
        "best_fields" | "most_fields" => Test::Match {
            text,
            operator: operator(body, "operator")?,
            minimum_should_match: minimum(body)?,
            zero_terms,
        },
        "phrase" => Test::Phrase { text, slop: slop(body)?, zero_terms },
        kind => {
            let message = format!("unsupported type `{}`", kind.escape_debug());
            let help = "supported are best_fields, most_fields and phrase";
            return Err(body.required("type")?.error(message, help));
        }
    };
    Ok(Query::any_of(fields.into_iter().map(|field| Query::leaf(field, test.clone())).collect()))
}

pub(super) fn term(body: &Element<'_>) -> Parsed<Test> {
    let value = body.value("value", &["case_insensitive"])?;
    Ok(Test::Terms { values: vec![value], case_insensitive: body.flag("case_insensitive", false)? })
}

pub(super) fn prefix(body: &Element<'_>) -> Parsed<Test> {
    let text = body.value("value", &["case_insensitive", "rewrite"])?;
    Ok(Test::Prefix { text, case_insensitive: body.flag("case_insensitive", false)?, normalize: false })
}

pub(super) fn wildcard(body: &Element<'_>) -> Parsed<Test> {
    // `wildcard` is another name for `value`
    let key = if body.get("wildcard").is_some() { "wildcard" } else { "value" };
    let pattern = body.value(key, &["case_insensitive", "rewrite"])?;
    Ok(Test::Wildcard { pattern, case_insensitive: body.flag("case_insensitive", false)?, normalize: false })
}

pub(super) fn regexp(body: &Element<'_>) -> Parsed<Test> {
    let pattern = body.value("value", &["case_insensitive", "rewrite", "flags", "max_determinized_states"])?;
    let case_insensitive = body.flag("case_insensitive", false)?;
    let help = "expected ALL, NONE or names joined by `|`: COMPLEMENT, INTERSECTION, EMPTY, ANYSTRING, INTERVAL";
    let flags = body.choice("flags", Flags::ALL, Flags::parse, ("unknown flags", help))?;
    LuceneRegexp::new(&pattern, case_insensitive, flags).map_err(|error| {
        let message = format!("{} at character {}", error.message, error.position_in(&pattern) + 1);
        body.error(message, error.help)
    })?;
    Ok(Test::Regexp { pattern, case_insensitive, flags })
}

pub(super) fn fuzzy(body: &Element<'_>) -> Parsed<Test> {
    let options = ["fuzziness", "prefix_length", "transpositions", "max_expansions", "rewrite"];
    let text = body.value("value", &options)?;
    let (prefix_length, transpositions) = (body.count("prefix_length")?, body.flag("transpositions", true)?);
    let edits = match body.get("fuzziness") {
        None => Edits::AUTO,
        Some(edits) => Edits::parse(&edits.scalar()?)
            .ok_or_else(|| edits.error("not a distance", "expected 0, 1, 2, \"AUTO\" or \"AUTO:3,6\""))?,
    };
    Ok(Test::Fuzzy { text, edits, prefix_length, transpositions, normalize: false })
}

pub(super) fn full_text(body: &Element<'_>) -> Parsed<Test> {
    let text = body.value("query", &["operator", "minimum_should_match", "zero_terms_query"])?;
    let (operator, minimum_should_match) = (operator(body, "operator")?, minimum(body)?);
    Ok(Test::Match { text, operator, minimum_should_match, zero_terms: zero_terms(body)? })
}

pub(super) fn phrase(body: &Element<'_>) -> Parsed<Test> {
    let text = body.value("query", &["slop", "zero_terms_query"])?;
    Ok(Test::Phrase { text, slop: slop(body)?, zero_terms: zero_terms(body)? })
}

fn slop(body: &Element<'_>) -> Parsed<u32> {
    body.count("slop").map(|slop| u32::try_from(slop).unwrap_or(u32::MAX))
}

fn zero_terms(body: &Element<'_>) -> Parsed<ZeroTerms> {
    let read = |text: &str| match text.to_ascii_lowercase().as_str() {
        "none" => Some(ZeroTerms::MatchNone),
        "all" => Some(ZeroTerms::MatchAll),
        _ => None,
    };
    let problem = ("not a choice", "expected \"none\" or \"all\"");
    body.choice("zero_terms_query", ZeroTerms::MatchNone, read, problem)
}

pub(super) fn range(body: &Element<'_>) -> Parsed<Test> {
    let known =
        ["gt", "gte", "lt", "lte", "from", "to", "include_lower", "include_upper", "format", "time_zone", "relation"];
    body.check_keys(&known)?;
    check_format(body)?;
    let lower = bound(body, [("gte", true), ("gt", false), ("from", body.flag("include_lower", true)?)])?;
    let upper = bound(body, [("lte", true), ("lt", false), ("to", body.flag("include_upper", true)?)])?;
    Ok(Test::Range { lower, upper, offset_minutes: offset_minutes(body)?, normalize: false })
}

fn bound(body: &Element<'_>, keys: [(&str, bool); 3]) -> Parsed<Bound<String>> {
    let mut bound = Bound::Unbounded;
    for (key, inclusive) in keys {
        let Some(value) = body.get(key) else { continue };
        if bound != Bound::Unbounded {
            let help = format!("give one of {}, {} and {}", keys[0].0, keys[1].0, keys[2].0);
            return Err(value.error("two bounds for one end", help));
        }
        let text = value.scalar()?;
        bound = if inclusive { Bound::Included(text) } else { Bound::Excluded(text) };
    }
    Ok(bound)
}

fn check_format(body: &Element<'_>) -> Parsed<()> {
    let Some(format) = body.get("format") else { return Ok(()) };
    let text = format.text()?;
    if text.split("||").all(|name| KNOWN_FORMATS.contains(&name)) {
        return Ok(());
    }
    let help = "write the bounds as strict_date_optional_time or epoch_millis and leave the format out";
    Err(format.error(format!("unsupported date format `{}`", text.escape_debug()), help))
}
