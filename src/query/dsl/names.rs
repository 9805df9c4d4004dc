//! Fields with several names: a query of one of them becomes a query of any of them.

use serde_json::{Map, Value, json};

use crate::query::{SyntaxError, lucene};

/// Kinds of queries whose body is `{FIELD: ..}`.
const ON_FIELD: [&str; 9] =
    ["term", "terms", "match", "match_phrase", "range", "prefix", "wildcard", "regexp", "fuzzy"];

/// Replaces every query of a field that has other names by a `bool` of queries of all of its names.
/// What is not understood stays as it is.
///
/// # Errors
/// As [`lucene::with_other_names`], for each `query_string`.
pub fn add_other_names(query: &mut Value, others: &dyn Fn(&str) -> Vec<String>) -> Result<(), SyntaxError> {
    let Some((kind, body)) = only_entry(query) else { return Ok(()) };
    let renamed: Vec<Value> = match kind {
        "bool" | "constant_score" | "dis_max" => {
            return body.values_mut().flat_map(queries).try_for_each(|query| add_other_names(query, others));
        }
        "query_string" => {
            if let Some(Value::String(text)) = body.get_mut("query") {
                *text = lucene::with_other_names(text, others)?;
            }
            if let Some(Value::String(field)) = body.get("default_field")
                && !others(field).is_empty()
            {
                let field = body.remove("default_field");
                body.insert("fields".to_owned(), json!([field]));
            }
            add_to_list(body, others);
            return Ok(());
        }
        "multi_match" => {
            add_to_list(body, others);
            return Ok(());
        }
        "exists" => {
            let field = body.get("field").and_then(Value::as_str);
            field.into_iter().flat_map(others).map(|other| json!({kind: {"field": other}})).collect()
        }
        _ if ON_FIELD.contains(&kind) => {
            let field = body.keys().find(|key| !matches!(key.as_str(), "boost" | "_name"));
            field
                .into_iter()
                .flat_map(|field| others(field).into_iter().map(move |other| (field, other)))
                .map(|(field, other)| json!({kind: with_key(body, field, &other)}))
                .collect()
        }
        _ => return Ok(()),
    };
    if !renamed.is_empty() {
        let should: Vec<Value> = [query.take()].into_iter().chain(renamed).collect();
        *query = json!({"bool": {"should": should, "minimum_should_match": 1}});
    }
    Ok(())
}

/// The kind and the body of a query.
fn only_entry(query: &mut Value) -> Option<(&str, &mut Map<String, Value>)> {
    let query = query.as_object_mut().filter(|query| query.len() == 1)?;
    let (kind, body) = query.iter_mut().next()?;
    Some((kind, body.as_object_mut()?))
}

/// The queries of a clause: a list of them, or one.
fn queries(clause: &mut Value) -> &mut [Value] {
    match clause {
        Value::Array(queries) => queries,
        query => std::slice::from_mut(query),
    }
}

/// Adds other names to a list `fields`, with the weights of the names that stand there.
fn add_to_list(body: &mut Map<String, Value>, others: &dyn Fn(&str) -> Vec<String>) {
    let Some(Value::Array(fields)) = body.get_mut("fields") else { return };
    let of_field = |field: &Value| {
        let text = field.as_str().unwrap_or_default();
        let (name, weight) = text.split_at(text.find('^').unwrap_or(text.len()));
        others(name).into_iter().map(|other| json!(format!("{other}{weight}"))).collect::<Vec<_>>()
    };
    let added: Vec<Value> = fields.iter().flat_map(of_field).collect();
    fields.extend(added);
}

/// Returns `body` with another name for `key`.
fn with_key(body: &Map<String, Value>, key: &str, other: &str) -> Map<String, Value> {
    let renamed = |(known, value): (&String, &Value)| {
        let name = if known == key { other } else { known.as_str() };
        (name.to_owned(), value.clone())
    };
    body.iter().map(renamed).collect()
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
            (
                json!({"query_string": {"query": "1 a:2", "default_field": "a"}}),
                json!({"query_string": {"query": "1 (a:2 OR b:2)", "fields": ["a", "b"]}}),
            ),
            (
                json!({"multi_match": {"query": 1, "fields": ["c", "a^2"]}}),
                json!({"multi_match": {"query": 1, "fields": ["c", "a^2", "b^2"]}}),
            ),
            (json!({"unknown": {"a": 1}}), json!({"unknown": {"a": 1}})),
        ] {
            let mut rewritten = query;
            add_other_names(&mut rewritten, &others).unwrap();
            assert_eq!(rewritten, expected);
        }
    }
}
