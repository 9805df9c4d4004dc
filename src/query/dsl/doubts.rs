//! Doubts about the query strings inside a query.

use serde_json::Value;

use super::DslError;
use crate::query::ast::Operator;
use crate::query::lucene;

/// Returns the doubts about the query strings of `query`, in its order.
pub fn doubts(query: &Value) -> Vec<DslError> {
    let mut found = Vec::new();
    // not recursive, because nothing has limited the depth of the query yet
    let mut open = vec![(String::new(), query)];
    while let Some((path, value)) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(body) = members.get("query_string")
                    && let Some(text) = body.get("query").and_then(Value::as_str)
                {
                    found.extend(of_text(&format!("{path}.query_string.query"), text, default_operator(body)));
                }
                open.extend(members.iter().rev().map(|(key, value)| (format!("{path}.{key}"), value)));
            }
            Value::Array(values) => {
                open.extend(values.iter().enumerate().rev().map(|(idx, value)| (format!("{path}[{idx}]"), value)));
            }
            _ => {}
        }
    }
    found
}

/// Operator between clauses without one; what is no operator is an error elsewhere.
fn default_operator(body: &Value) -> Operator {
    let written = body.get("default_operator").and_then(Value::as_str);
    if written.is_some_and(|operator| operator.eq_ignore_ascii_case("and")) { Operator::And } else { Operator::Or }
}

fn of_text(path: &str, text: &str, default: Operator) -> Vec<DslError> {
    let doubt = |doubt: crate::query::SyntaxError| DslError {
        path: path.to_owned(),
        message: format!("{} at character {}", doubt.message, doubt.position_in(text) + 1),
        help: doubt.help,
    };
    lucene::doubts(text, default).into_iter().map(doubt).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn query_strings_are_found_at_any_depth() {
        let text = |text: &str| json!({"query_string": {"query": text}});
        let query = json!({"bool": {"must": [text("a:1"), text("a:1 and b:2")], "filter": text("a = 1")}});
        let paths: Vec<String> = doubts(&query).into_iter().map(|doubt| doubt.path).collect();
        assert_eq!(paths.len(), 2);
        assert!(paths.contains(&".bool.must[1].query_string.query".to_owned()), "{paths:?}");
        assert!(paths.contains(&".bool.filter.query_string.query".to_owned()), "{paths:?}");
        assert_eq!(doubts(&json!({"term": {"query_string": "a and b"}})), []);
        let mixed = |operator: &str| {
            doubts(&json!({"query_string": {"query": "a:1 AND b:2 OR c:3", "default_operator": operator}})).len()
        };
        assert_eq!(["or", "AND", "and"].map(mixed), [1, 0, 0]);
    }
}
