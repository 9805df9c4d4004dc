//! Doubts about the query strings inside a query.

use serde_json::Value;

use super::DslError;
use crate::query::lucene;

/// Returns the doubts about the query strings of `query`, in its order.
pub fn doubts(query: &Value) -> Vec<DslError> {
    let mut found = Vec::new();
    // not recursive, because nothing has limited the depth of the query yet
    let mut open = vec![(String::new(), query)];
    while let Some((path, value)) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(text) = members.get("query_string").and_then(|body| body.get("query")?.as_str()) {
                    found.extend(of_text(&format!("{path}.query_string.query"), text));
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

fn of_text(path: &str, text: &str) -> Vec<DslError> {
    let doubt = |doubt: crate::query::SyntaxError| DslError {
        path: path.to_owned(),
        message: format!("{} at character {}", doubt.message, doubt.position_in(text) + 1),
        help: doubt.help,
    };
    lucene::doubts(text).into_iter().map(doubt).collect()
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
    }
}
