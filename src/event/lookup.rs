//! Lookup of fields in whole events.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::{Map, Value};

use super::field::equal_ignoring_case;
use super::sentences::SEPARATOR;
use super::text::flatten;
use crate::event::FieldPath;

/// Value of a field in an event.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// One value, which may be a list.
    One(Cow<'a, Value>),
    /// Texts of the distinct elements inside arrays of objects, in the order of the event.
    Several(Vec<String>),
}

impl FieldValue<'_> {
    /// Returns the text of the whole value, elements joined by " - "; `None` if it has none.
    pub fn text(&self) -> Option<String> {
        match self {
            FieldValue::One(value) => flatten(value),
            FieldValue::Several(texts) => (!texts.is_empty()).then(|| texts.join(SEPARATOR)),
        }
    }

    /// Returns the texts of the elements: those of a list, or the only one.
    pub fn elements(&self) -> Vec<String> {
        match self {
            FieldValue::One(value) => match &**value {
                Value::Array(elements) => elements.iter().filter_map(flatten).collect(),
                value => flatten(value).into_iter().collect(),
            },
            FieldValue::Several(texts) => texts.clone(),
        }
    }

    /// Returns the text if the value is a single string.
    pub fn string(&self) -> Option<&str> {
        match self {
            FieldValue::One(value) => value.as_str(),
            FieldValue::Several(texts) => match &texts[..] {
                [text] => Some(text),
                _ => None,
            },
        }
    }
}

/// Returns the value of `field`; `None` if it is missing.
///
/// All callers follow this rule. The path is walked one name at a time. In each object, a key of
/// exactly that name wins; otherwise the first key that is equal ignoring case. If the walk finds
/// nothing, keys that hold several names with their dots are tried, the longest first. If there is
/// nothing in objects alone, the objects in arrays are stepped into as well, and all values found
/// there are elements of the field.
pub fn lookup<'a>(source: &'a Map<String, Value>, field: &FieldPath) -> Option<FieldValue<'a>> {
    find(source, field.as_str()).map(Found::into_value)
}

/// Result of a lookup.
pub(super) enum Found<'a> {
    One(&'a Value),
    /// Values inside arrays of objects; at least one.
    InArrays(Vec<&'a Value>),
}

impl<'a> Found<'a> {
    pub(super) fn into_value(self) -> FieldValue<'a> {
        match self {
            Found::One(value) => FieldValue::One(Cow::Borrowed(value)),
            Found::InArrays(values) => FieldValue::Several(texts_of(&values)),
        }
    }
}

pub(super) fn find<'a>(source: &'a Map<String, Value>, path: &str) -> Option<Found<'a>> {
    if !may_have(source, path) {
        return None;
    }
    if let Some(value) = walk(source, path) {
        return Some(Found::One(value));
    }
    let mut values = Vec::new();
    inside_arrays(source, path, Inside::Objects, &mut values);
    (!values.is_empty()).then_some(Found::InArrays(values))
}

/// False if no key can be equal to a start of `path`, ignoring case: their first bytes differ.
fn may_have(source: &Map<String, Value>, path: &str) -> bool {
    let first = path.bytes().next().filter(|first| first.is_ascii() && *first != b'.');
    let is_possible = |key: &String| key.bytes().next().is_none_or(|byte| !byte.is_ascii() || is_same(byte, first));
    source.keys().any(is_possible)
}

/// True if `byte` is `first` ignoring case, or that may be any byte.
fn is_same(byte: u8, first: Option<u8>) -> bool {
    first.is_none_or(|first| first.eq_ignore_ascii_case(&byte))
}

/// Returns the texts of the elements of some values, each text once.
pub(super) fn texts_of(values: &[&Value]) -> Vec<String> {
    let mut texts = Vec::new();
    let elements = values.iter().flat_map(|value| match value {
        Value::Array(elements) => elements.iter(),
        value => std::slice::from_ref(*value).iter(),
    });
    extend_distinct(&mut texts, elements.filter_map(flatten));
    texts
}

/// Adds the texts that are not there yet.
pub(super) fn extend_distinct(texts: &mut Vec<String>, more: impl IntoIterator<Item = String>) {
    let mut seen: HashSet<String> = texts.iter().cloned().collect();
    texts.extend(more.into_iter().filter(|text| seen.insert(text.clone())));
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

/// Kind of the containers that a walk has come through.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Objects,
    Arrays,
}

/// Adds the values at `path` that are inside arrays of objects, in every way of writing the path.
fn inside_arrays<'a>(object: &'a Map<String, Value>, path: &str, inside: Inside, found: &mut Vec<&'a Value>) {
    let whole = (inside == Inside::Arrays).then_some(path.len());
    let ends = path.match_indices('.').map(|(dot, _)| dot).chain(whole);
    let mut members: Vec<(usize, usize)> = ends.filter_map(|end| Some((place(object, &path[..end])?, end))).collect();
    members.sort_unstable();
    for (place, end) in members {
        match object.values().nth(place) {
            Some(value) if end == path.len() => found.push(value),
            Some(value) => step_into(value, &path[end + 1..], inside, found),
            None => {}
        }
    }
}

fn step_into<'a>(value: &'a Value, path: &str, inside: Inside, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(object) => inside_arrays(object, path, inside, found),
        Value::Array(elements) => elements.iter().for_each(|element| step_into(element, path, Inside::Arrays, found)),
        _ => {}
    }
}

/// Returns the member of this name, or else the first whose name is equal ignoring case.
pub(super) fn child<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| equal_ignoring_case(key, name)).map(|(_, value)| value))
}

/// Returns the place of [`child`] in its object.
fn place(object: &Map<String, Value>, name: &str) -> Option<usize> {
    let exact = object.contains_key(name);
    object.keys().position(|key| if exact { key == name } else { equal_ignoring_case(key, name) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(source: Value, field: &str, expected: Option<Value>) {
        let Value::Object(source) = source else { panic!("an object") };
        let found = lookup(&source, &FieldPath::new(field));
        assert_eq!(found, expected.map(|value| FieldValue::One(Cow::Owned(value))), "{field}");
    }

    #[test]
    fn paths_are_walked_name_by_name() {
        check(json!({"a": {"b": 1}}), "a.b", Some(json!(1)));
        check(json!({"a": {"b": null}}), "a.b", Some(json!(null)));
        check(json!({"a": "text"}), "a.b", None);
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

    #[test]
    fn arrays_of_objects_are_stepped_into() {
        for (source, field, expected) in [
            (json!({"a": [{"b": 1}, {"b": "x"}, "text", [{"B": [1, null, "y"]}]]}), "a.b", Some(vec!["1", "x", "y"])),
            (json!({"a": {"b": [{"c": 1}]}, "a.b": [{"c": 2}]}), "a.b.c", Some(vec!["1", "2"])),
            (json!({"a": [{"b": [{"c": 1}]}, {"b.c": 2}]}), "a.b.c", Some(vec!["1", "2"])),
            (json!({"a": [{"b": null}]}), "a.b", Some(vec![])),
            (json!({"a": [{"b": {"c": 1}}]}), "a.b", Some(vec![])),
            (json!({"a": [{"c": 1}, "b"]}), "a.b", None),
        ] {
            let Value::Object(source) = source else { panic!("an object") };
            let found = lookup(&source, &FieldPath::new(field)).map(|value| value.elements());
            assert_eq!(found, expected.map(|texts| texts.into_iter().map(str::to_owned).collect()), "{field}");
        }
        let Value::Object(both) = json!({"a": [{"b": 1}], "a.b": 2}) else { panic!("an object") };
        let found = lookup(&both, &FieldPath::new("a.b"));
        assert_eq!(found.and_then(|value| value.text()).as_deref(), Some("2"), "objects alone come first");
    }
}
