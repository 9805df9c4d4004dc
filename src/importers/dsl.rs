//! Conditions as the two filters of a use case: what a query string can say, and the rest in the
//! query DSL, which compares without case.

use serde_json::{Map, Value, json};

use super::condition::{Condition, LetterCase, ValueTest};
use super::lucene;

/// Upper limit on levels; servers have one of 20 or more.
pub(super) const MAX_DEPTH: usize = 16;

/// `es_query_filter` and `es_dsl_filter` of a use case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filters {
    pub(super) lucene: Option<String>,
    /// Lines behind the first one are indented.
    pub(super) dsl: Option<String>,
}

impl Filters {
    /// Filters for the events that match `condition`.
    pub(super) fn new(condition: Condition) -> Self {
        let conditions = match condition {
            Condition::All(conditions) => conditions,
            one => vec![one],
        };
        let (plain, others): (Vec<_>, Vec<_>) =
            conditions.into_iter().partition(|condition| lucene::clause(condition).is_some());
        let lucene = (!plain.is_empty() || others.is_empty()).then(|| lucene::query(&Condition::all(plain))).flatten();
        // blanks at the end of a line are not part of a value
        let lucene = lucene.map(|text| if text.ends_with(char::is_whitespace) { format!("({text})") } else { text });
        let dsl = (!others.is_empty()).then(|| {
            let mut text = String::from("{\"query\": ");
            write(&query(&Condition::all(others)), 1, &mut text);
            text.push('}');
            text
        });
        Filters { lucene, dsl }
    }
}

fn query(condition: &Condition) -> Value {
    if let Some(text) = lucene::query(condition) {
        return json!({"query_string": {"query": text}});
    }
    match condition {
        Condition::All(conditions) => {
            let (negative, positive): (Vec<_>, Vec<_>) =
                conditions.iter().partition(|condition| matches!(condition, Condition::Not(_)));
            let excluded = negative.into_iter().filter_map(|condition| match condition {
                Condition::Not(inner) => Some(&**inner),
                _ => None,
            });
            let filter = queries(positive, Condition::all);
            let must_not = queries(excluded, Condition::any);
            let mut body = Map::new();
            for (key, queries) in [("filter", filter), ("must_not", must_not)] {
                if !queries.is_empty() {
                    body.insert(key.to_owned(), Value::Array(queries));
                }
            }
            json!({ "bool": body })
        }
        Condition::Any(conditions) => {
            json!({"bool": {"should": queries(conditions, Condition::any), "minimum_should_match": 1}})
        }
        Condition::Not(inner) => json!({"bool": {"must_not": [query(inner)]}}),
        Condition::Field(field, test) => of_field(field, test),
        // query strings say the one, and the importers refuse what is too long for the other
        Condition::Written(_) | Condition::Anywhere(_) => json!({"match_none": {}}),
    }
}

/// Queries for each condition; those that query strings can say are joined into one.
fn queries<'a>(
    conditions: impl IntoIterator<Item = &'a Condition>,
    join: impl Fn(Vec<Condition>) -> Condition,
) -> Vec<Value> {
    let (plain, others): (Vec<&Condition>, Vec<_>) =
        conditions.into_iter().partition(|condition| lucene::clause(condition).is_some());
    let plain: Vec<Condition> = plain.into_iter().cloned().collect();
    let joined = (!plain.is_empty()).then(|| query(&join(plain)));
    joined.into_iter().chain(others.into_iter().map(query)).collect()
}

fn of_field(field: &str, test: &ValueTest) -> Value {
    match test {
        ValueTest::Text(pattern, case) => {
            let (kind, value) = match (pattern.as_literal(), pattern.wildcard()) {
                (Some(text), _) => ("term", text.to_owned()),
                (None, Some(wildcard)) => ("wildcard", wildcard),
                (None, None) => ("regexp", pattern.regexp()),
            };
            match case {
                LetterCase::Ignored => json!({kind: {field: {"value": value, "case_insensitive": true}}}),
                LetterCase::Kept => json!({kind: {field: {"value": value}}}),
            }
        }
        ValueTest::Regexp(pattern) => json!({"regexp": {field: {"value": pattern}}}),
        // query strings can say all others
        _ => json!({"exists": {"field": field}}),
    }
}

/// Writes a value: lists of queries on lines of their own, everything else on one line.
fn write(value: &Value, indent: usize, text: &mut String) {
    let Some(Value::Object(body)) = value.get("bool") else {
        text.push_str(&one_line(value));
        return;
    };
    text.push_str("{\"bool\": {");
    for (idx, (key, entry)) in body.iter().enumerate() {
        let separator = if idx == 0 { "" } else { ", " };
        text.push_str(&format!("{separator}\"{key}\": "));
        let Value::Array(queries) = entry else {
            text.push_str(&one_line(entry));
            continue;
        };
        text.push('[');
        for (idx, query) in queries.iter().enumerate() {
            text.push_str(if idx == 0 { "\n" } else { ",\n" });
            text.push_str(&" ".repeat(indent + 1));
            write(query, indent + 1, text);
        }
        text.push('\n');
        text.push_str(&" ".repeat(indent));
        text.push(']');
    }
    text.push_str("}}");
}

/// Returns a value on one line, with blanks between its parts.
fn one_line(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members =
                members.iter().map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), one_line(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(elements) => format!("[{}]", elements.iter().map(one_line).collect::<Vec<_>>().join(", ")),
        scalar => scalar.to_string(),
    }
}
