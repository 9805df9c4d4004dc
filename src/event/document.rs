//! Whole events, as stored, and the lookup of their fields.

use serde_json::{Map, Value};

use crate::event::FieldPath;

/// A document: index, id and fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Index, or the name of the file it was read from.
    pub index: String,
    /// Id, or the number of its line.
    pub id: String,
    /// `_source`, keys in their original order.
    pub source: Map<String, Value>,
}

/// Returns the value of `field`; `None` if it is missing.
///
/// All callers follow this rule. The path is walked one name at a time. In each object, a key of
/// exactly that name wins; otherwise the first key that is equal ignoring case. Only objects can be
/// stepped into. If the walk finds nothing, keys that hold several names with their dots are tried,
/// the longest first.
pub fn lookup<'a>(source: &'a Map<String, Value>, field: &FieldPath) -> Option<&'a Value> {
    walk(source, field.as_str())
}

fn walk<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let Some((name, rest)) = path.split_once('.') else { return child(object, path) };
    if let Some(Value::Object(inner)) = child(object, name)
        && let Some(value) = walk(inner, rest)
    {
        return Some(value);
    }
    literal(object, path)
}

/// Looks up `path` as one key, then shorter prefixes of it that hold at least one dot.
fn literal<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = child(object, path) {
        return Some(value);
    }
    let dots: Vec<usize> = path.match_indices('.').map(|(at, _)| at).collect();
    dots.iter().skip(1).rev().find_map(|&at| match child(object, &path[..at]) {
        Some(Value::Object(inner)) => walk(inner, &path[at + 1..]),
        _ => None,
    })
}

fn child<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| equal_ignoring_case(key, name)).map(|(_, value)| value))
}

/// Compares the lower-case forms of two names.
pub fn equal_ignoring_case(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(source: Value, field: &str, expected: Option<Value>) {
        let Value::Object(source) = source else { panic!("an object") };
        assert_eq!(lookup(&source, &FieldPath::new(field)), expected.as_ref(), "{field}");
    }

    #[test]
    fn paths_are_walked_name_by_name() {
        check(json!({"a": {"b": 1}}), "a.b", Some(json!(1)));
        check(json!({"a": {"b": null}}), "a.b", Some(json!(null)));
        check(json!({"a": "text"}), "a.b", None);
        check(json!({"a": [{"b": 1}]}), "a.b", None);
        check(json!({}), "a", None);
        check(json!({"": 1}), "", Some(json!(1)));
    }

    #[test]
    fn exact_names_win_over_other_cases() {
        check(json!({"HOST": 1, "Host": 2, "host": 3}), "host", Some(json!(3)));
        check(json!({"HOST": 1, "Host": 2}), "host", Some(json!(1)));
        check(json!({"ÄRGER": 1}), "ärger", Some(json!(1)));
    }

    #[test]
    fn dotted_keys_are_found_where_nothing_is_nested() {
        check(json!({"a.b": 1}), "a.b", Some(json!(1)));
        check(json!({"a": {"b.c": 1}}), "a.b.c", Some(json!(1)));
        check(json!({"a.b": {"c": 1}}), "a.b.c", Some(json!(1)));
        check(json!({"a.b.c": 2, "a.b": {"c": 1}}), "a.b.c", Some(json!(2)));
        check(json!({"a": {"b": 1}, "a.b": 2}), "a.b", Some(json!(1)));
    }
}
