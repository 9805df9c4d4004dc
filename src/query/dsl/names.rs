//! Fields with several names: a query of one of them becomes a query of any of them.

use serde_json::{Map, Value, json};

use crate::query::lucene;

/// Kinds of queries whose body is `{FIELD: ..}`.
const ON_FIELD: [&str; 8] = ["term", "match", "match_phrase", "range", "prefix", "wildcard", "regexp", "fuzzy"];

/// Returns `query` with every query of a field that has other names replaced by a `bool` of queries
/// of all of its names. What is not understood stays as it is.
pub fn with_other_names(query: &Value, others: &dyn Fn(&str) -> Vec<String>) -> Value {
    let Some((kind, body)) = query.as_object().filter(|query| query.len() == 1).and_then(|query| query.iter().next())
    else {
        return query.clone();
    };
    let below = |value: &Value| with_other_names(value, others);
    match (kind.as_str(), body) {
        ("bool" | "constant_score" | "dis_max", Value::Object(body)) => {
            let rewritten = |(key, value): (&String, &Value)| {
                let value = match value {
                    Value::Array(list) => list.iter().map(below).collect(),
                    value => below(value),
                };
                (key.clone(), value)
            };
            json!({kind: body.iter().map(rewritten).collect::<Map<_, _>>()})
        }
        ("query_string", Value::Object(body)) => {
            let mut body = body.clone();
            if let Some(Value::String(text)) = body.get_mut("query")
                && let Ok(rewritten) = lucene::with_other_names(text, others)
            {
                *text = rewritten;
            }
            json!({kind: body})
        }
        ("exists", Value::Object(body)) => match body.get("field").and_then(Value::as_str) {
            Some(field) => any_of(query, others(field).into_iter().map(|other| json!({kind: {"field": other}}))),
            None => query.clone(),
        },
        ("terms", Value::Object(body)) => {
            let is_field = |key: &&String| !matches!(key.as_str(), "boost" | "_name");
            on_field(query, kind, body, body.keys().find(is_field), others)
        }
        (kind, Value::Object(body)) if ON_FIELD.contains(&kind) => {
            on_field(query, kind, body, body.keys().next(), others)
        }
        _ => query.clone(),
    }
}

fn on_field(
    query: &Value,
    kind: &str,
    body: &Map<String, Value>,
    field: Option<&String>,
    others: &dyn Fn(&str) -> Vec<String>,
) -> Value {
    let Some(field) = field else { return query.clone() };
    let renamed = |other: String| {
        let named =
            body.iter().map(|(key, value)| (if key == field { other.clone() } else { key.clone() }, value.clone()));
        json!({kind: named.collect::<Map<_, _>>()})
    };
    any_of(query, others(field).into_iter().map(renamed))
}

fn any_of(query: &Value, others: impl Iterator<Item = Value>) -> Value {
    let others: Vec<Value> = others.collect();
    if others.is_empty() {
        return query.clone();
    }
    let should: Vec<Value> = [query.clone()].into_iter().chain(others).collect();
    json!({"bool": {"should": should, "minimum_should_match": 1}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_ask_for_every_name() {
        let others = |name: &str| if name == "a" { vec!["b".to_owned()] } else { Vec::new() };
        let any = |one: Value, other: Value| json!({"bool": {"should": [one, other], "minimum_should_match": 1}});
        for (query, expected) in [
            (json!({"match_all": {}}), json!({"match_all": {}})),
            (json!({"term": {"c": 1}}), json!({"term": {"c": 1}})),
            (
                json!({"term": {"a": {"value": 1}}}),
                any(json!({"term": {"a": {"value": 1}}}), json!({"term": {"b": {"value": 1}}})),
            ),
            (
                json!({"terms": {"boost": 2, "a": [1, 2]}}),
                any(json!({"terms": {"boost": 2, "a": [1, 2]}}), json!({"terms": {"boost": 2, "b": [1, 2]}})),
            ),
            (
                json!({"exists": {"field": "a"}}),
                any(json!({"exists": {"field": "a"}}), json!({"exists": {"field": "b"}})),
            ),
            (
                json!({"bool": {"must_not": {"range": {"a": {"gt": 1}}}, "should": [{"term": {"c": 1}}], "minimum_should_match": 1}}),
                json!({"bool": {
                    "must_not": any(json!({"range": {"a": {"gt": 1}}}), json!({"range": {"b": {"gt": 1}}})),
                    "should": [{"term": {"c": 1}}], "minimum_should_match": 1}}),
            ),
            (json!({"query_string": {"query": "a:1"}}), json!({"query_string": {"query": "(a:1 OR b:1)"}})),
            (json!({"unknown": {"a": 1}}), json!({"unknown": {"a": 1}})),
        ] {
            assert_eq!(with_other_names(&query, &others), expected);
        }
    }
}
