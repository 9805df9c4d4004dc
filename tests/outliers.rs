//! Reads and compares written outliers, and checks the merged outliers of several use cases.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value};

/// Stored form of a document's outliers, by `(_index, _id)`.
pub(crate) type Outliers = BTreeMap<(String, String), Map<String, Value>>;

/// Reads the output of `-o` and checks the rules that every line must follow.
pub(crate) fn read(path: &Path) -> Result<Outliers, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut outliers = Outliers::new();
    let mut previous = None;
    for line in text.lines() {
        let hit: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
        let text_of = |key: &str| hit[key].as_str().map(str::to_owned).ok_or(format!("no text {key}: {line}"));
        let document = (text_of("_index")?, text_of("_id")?);
        if previous.as_ref().is_some_and(|previous| previous >= &document) {
            return Err(format!("not sorted by _index and _id at {document:?}"));
        }
        let tagged = hit["_source"]["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == "outlier"));
        if !tagged {
            return Err(format!("no tag `outlier` on {document:?}"));
        }
        let stored = hit["_source"]["outliers"].as_object().ok_or(format!("no outliers: {line}"))?;
        outliers.insert(document.clone(), stored.clone());
        previous = Some(document);
    }
    Ok(outliers)
}

/// Returns the first place where two values differ, as `PATH: expected X, got Y`. Floating-point
/// numbers may differ by a relative 1e-9; everything else is exact. An integer never equals a
/// floating-point number.
pub(crate) fn first_difference(path: &str, expected: &Value, actual: &Value) -> Option<String> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => difference_of_objects(path, expected, actual),
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => expected
            .iter()
            .zip(actual)
            .enumerate()
            .find_map(|(idx, (expected, actual))| first_difference(&format!("{path}[{idx}]"), expected, actual)),
        (Value::Number(expected), Value::Number(actual)) if equal_numbers(expected, actual) => None,
        _ if expected == actual => None,
        _ => Some(format!("{path}: expected {expected}, got {actual}")),
    }
}

/// Same as [`first_difference`], for the keys of two objects in any order.
pub(crate) fn difference_of_objects(
    path: &str,
    expected: &Map<String, Value>,
    actual: &Map<String, Value>,
) -> Option<String> {
    let keys: BTreeSet<&String> = expected.keys().chain(actual.keys()).collect();
    keys.into_iter().find_map(|key| {
        let path = format!("{path}.{key}");
        match (expected.get(key), actual.get(key)) {
            (Some(expected), Some(actual)) => first_difference(&path, expected, actual),
            (Some(expected), None) => Some(format!("{path}: expected {expected}, got nothing")),
            (None, actual) => Some(format!("{path}: expected nothing, got {}", actual.unwrap_or(&Value::Null))),
        }
    })
}

fn equal_numbers(expected: &serde_json::Number, actual: &serde_json::Number) -> bool {
    let is_float = |number: &serde_json::Number| number.to_string().contains(['.', 'e', 'E']);
    if is_float(expected) != is_float(actual) {
        return false;
    }
    match (expected.as_f64(), actual.as_f64()) {
        (Some(x), Some(y)) if is_float(expected) => (x - y).abs() <= 1e-9 * x.abs().max(y.abs()),
        _ => expected.to_string() == actual.to_string(),
    }
}

/// Checks that one run of many use cases gave each document the outliers that the runs of each
/// alone gave it.
///
/// `alone` holds one entry per use case. An array of a merged document is the concatenation of the
/// arrays of its use cases. An outlier is not merged if the document already has its summary.
/// Documents on which two use cases give the same summary are therefore compared by their summaries
/// only.
pub(crate) fn check_merged(alone: &[Outliers], merged: &Outliers) -> Result<(), String> {
    let mut by_document: BTreeMap<&(String, String), Vec<&Map<String, Value>>> = BTreeMap::new();
    for (document, outliers) in alone.iter().flatten() {
        by_document.entry(document).or_default().push(outliers);
    }
    if !by_document.keys().copied().eq(merged.keys()) {
        return Err("the documents with outliers differ".to_owned());
    }
    by_document.into_iter().try_for_each(|(document, parts)| {
        check_merged_document(parts, &merged[document]).map_err(|reason| format!("{document:?}: {reason}"))
    })
}

fn check_merged_document(mut parts: Vec<&Map<String, Value>>, merged: &Map<String, Value>) -> Result<(), String> {
    let summaries: Vec<&Value> = parts.iter().flat_map(|part| texts(part, "summary")).collect();
    let distinct: BTreeSet<String> = summaries.iter().map(ToString::to_string).collect();
    if distinct.len() < summaries.len() {
        let found: BTreeSet<String> = texts(merged, "summary").map(ToString::to_string).collect();
        return if distinct == found { Ok(()) } else { Err(format!("summaries {found:?}, expected {distinct:?}")) };
    }
    let order: Vec<&Value> = texts(merged, "summary").collect();
    let place = |part: &Map<String, Value>| {
        let first = texts(part, "summary").next();
        order.iter().position(|summary| Some(*summary) == first)
    };
    parts.sort_by_key(|part| place(part));
    match difference_of_objects("outliers", &concatenated(&parts), merged) {
        None => Ok(()),
        Some(difference) => Err(difference),
    }
}

fn texts<'a>(outliers: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a Value> {
    outliers.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn concatenated(parts: &[&Map<String, Value>]) -> Map<String, Value> {
    let mut all = Map::new();
    let mut total = 0;
    for part in parts {
        for (key, value) in *part {
            match value {
                Value::Array(values) => {
                    let list = all.entry(key.clone()).or_insert_with(|| Value::Array(Vec::new()));
                    list.as_array_mut().expect("only arrays are inserted").extend(values.iter().cloned());
                }
                _ => total += value.as_u64().expect("total_outliers is the only scalar"),
            }
        }
    }
    all.insert("total_outliers".to_owned(), total.into());
    all
}
