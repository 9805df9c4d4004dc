//! Splits the outliers stored in a document, and removes some of them.
//!
//! The arrays under `outliers` are parallel only for keys of which every outlier has exactly one
//! value: `summary`, `model_name`, `model_type` and `elasticsearch_filter`. Of other keys an
//! outlier may have none, one or several values. These are assigned by the number of values that
//! each outlier may have: if the length of an array allows only one assignment, that one is used.
//! Assets come from the event, so all outliers of a document have the same ones. If several
//! assignments are possible, the values belong to no outlier and are kept as long as any outlier is
//! left.

use std::ops::Range;

use serde_json::{Map, Value};

use super::Outlier;
use super::stored::{COMMON, TAG, TOTAL, elements};
use crate::config::ModelType;
use crate::event::PerOutlier;
use crate::models::stored_keys;

/// One outlier of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredOutlier {
    /// Name of the model that found it.
    pub model_name: String,
    /// Type of the model that found it.
    pub model_type: String,
    /// Values known to belong to it. The unwrapped summary is only as exact as the wrapped one
    /// allows.
    pub outlier: Outlier,
}

/// Splits the stored `outliers` object into single outliers; `None` if that is impossible because
/// the numbers of names, types and summaries differ.
pub fn take_apart(stored: &Map<String, Value>) -> Option<Vec<StoredOutlier>> {
    let types = model_types(stored)?;
    let names = texts(stored, "model_name")?;
    let mut outliers: Vec<StoredOutlier> = names
        .iter()
        .zip(&types)
        .map(|(name, model_type)| StoredOutlier {
            model_name: (*name).to_owned(),
            model_type: (*model_type).to_owned(),
            outlier: Outlier { fields: Map::new(), unwrapped_summary: String::new(), why: None, touched: Vec::new() },
        })
        .collect();
    for (key, value) in stored.iter().filter(|(key, _)| *key != TOTAL) {
        let values = elements(value);
        let Some(spans) = spans(key, values, &types) else { continue };
        for (stored, span) in outliers.iter_mut().zip(spans) {
            stored.outlier.fields.insert(key.clone(), Value::Array(values[span].to_vec()));
        }
    }
    let summaries = texts(stored, "summary")?;
    for (stored, summary) in outliers.iter_mut().zip(summaries) {
        stored.outlier.unwrapped_summary = summary.replace('\n', " ");
    }
    Some(outliers)
}

/// Returns `outliers` without those whose indices `is_removed` accepts; `None` if none is left.
///
/// If [`take_apart`] cannot split `stored`, it is returned unchanged.
pub fn without(stored: &Map<String, Value>, is_removed: impl Fn(usize) -> bool) -> Option<Map<String, Value>> {
    let Some(types) = model_types(stored) else { return Some(stored.clone()) };
    let kept: Vec<usize> = (0..types.len()).filter(|idx| !is_removed(*idx)).collect();
    if kept.is_empty() {
        return None;
    }
    let mut left = Map::new();
    for (key, value) in stored {
        let values = elements(value);
        if key == TOTAL {
            left.insert(key.clone(), kept.len().into());
        } else if let Some(spans) = spans(key, values, &types) {
            let own: Vec<Value> = kept.iter().flat_map(|&idx| &values[spans[idx].clone()]).cloned().collect();
            // a key that only removed outliers had is removed too
            if !own.is_empty() || values.is_empty() {
                left.insert(key.clone(), Value::Array(own));
            }
        } else {
            left.insert(key.clone(), value.clone());
        }
    }
    Some(left)
}

/// Returns `tags` without our tag; `None` if that leaves nothing.
pub fn untagged(tags: &Value) -> Option<Value> {
    match tags {
        Value::Array(tags) => {
            let others: Vec<Value> = tags.iter().filter(|tag| *tag != TAG).cloned().collect();
            (others.len() == tags.len() || !others.is_empty()).then_some(Value::Array(others))
        }
        tag if *tag == TAG => None,
        other => Some(other.clone()),
    }
}

/// Types of the models, one per outlier; `None` unless there are as many names and summaries.
fn model_types(stored: &Map<String, Value>) -> Option<Vec<&str>> {
    let types = texts(stored, "model_type")?;
    let n_outliers = types.len();
    let is_parallel = |key: &str| texts(stored, key).is_some_and(|texts| texts.len() == n_outliers);
    (n_outliers > 0 && is_parallel("model_name") && is_parallel("summary")).then_some(types)
}

fn texts<'a>(stored: &'a Map<String, Value>, key: &str) -> Option<Vec<&'a str>> {
    elements(stored.get(key)?).iter().map(Value::as_str).collect()
}

/// Returns the range of the values of `key` that each outlier has; `None` if several assignments
/// are possible.
fn spans(key: &str, values: &[Value], model_types: &[&str]) -> Option<Vec<Range<usize>>> {
    let mut end = 0;
    let span = |count| {
        let start = end;
        end += count;
        start..end
    };
    Some(counts(key, values, model_types)?.into_iter().map(span).collect())
}

fn counts(key: &str, values: &[Value], model_types: &[&str]) -> Option<Vec<usize>> {
    if model_types.len() == 1 {
        return Some(vec![values.len()]);
    }
    // first assume that no use case has a parameter named like another model's key, which is rare
    [bounds_of_model, bounds]
        .iter()
        .find_map(|bounds| {
            let bounds: Vec<Bounds> = model_types.iter().map(|model_type| bounds(key, model_type)).collect();
            only_answer(values.len(), &bounds)
        })
        .or_else(|| {
            let n_each = values.len() / model_types.len();
            let is_same_for_all = n_each * model_types.len() == values.len()
                && values.chunks(n_each.max(1)).all(|own| *own == values[..n_each]);
            (key == "assets" && is_same_for_all).then(|| vec![n_each; model_types.len()])
        })
}

/// Returns the number of values of each outlier if `n_values` allows only one answer.
fn only_answer(n_values: usize, bounds: &[Bounds]) -> Option<Vec<usize>> {
    let least: usize = bounds.iter().map(|bounds| bounds.least).sum();
    let most = bounds.iter().try_fold(0, |sum, bounds| Some(sum + bounds.most?));
    if n_values == least {
        return Some(bounds.iter().map(|bounds| bounds.least).collect());
    }
    if Some(n_values) == most {
        return bounds.iter().map(|bounds| bounds.most).collect();
    }
    if n_values < least || most.is_some_and(|most| n_values > most) {
        return None;
    }
    let mut open = (0..bounds.len()).filter(|&idx| bounds[idx].most != Some(bounds[idx].least));
    let (only, None) = (open.next()?, open.next()) else { return None };
    let count = |idx: usize| bounds[idx].least + if idx == only { n_values - least } else { 0 };
    Some((0..bounds.len()).map(count).collect())
}

/// Bounds on the number of values of one outlier.
#[derive(Clone, Copy)]
struct Bounds {
    least: usize,
    /// `None` means any number.
    most: Option<usize>,
}

impl From<PerOutlier> for Bounds {
    fn from(values: PerOutlier) -> Self {
        let (least, most) = match values {
            PerOutlier::Shared => (0, Some(0)),
            PerOutlier::One => (1, Some(1)),
            PerOutlier::UpToOne => (0, Some(1)),
            PerOutlier::AtLeastOne => (1, None),
            PerOutlier::Any => (0, None),
        };
        Bounds { least, most }
    }
}

/// Bounds under the assumption that no use case has a parameter named like a key of another model.
fn bounds_of_model(key: &str, model_type: &str) -> Bounds {
    let has_key = |model_type| stored_keys(model_type).any(|stored| stored.name == key);
    match model_named(model_type) {
        Some(own) if !has_key(own) && ModelType::ALL.into_iter().any(has_key) => Bounds { least: 0, most: Some(0) },
        _ => bounds(key, model_type),
    }
}

fn bounds(key: &str, model_type: &str) -> Bounds {
    let model = model_named(model_type);
    let declared = COMMON.iter().chain(model.into_iter().flat_map(stored_keys)).find(|stored| stored.name == key);
    let values = match (declared, model) {
        (Some(stored), _) => stored.values,
        // a parameter of the use case, or a derived field
        (None, Some(_)) => PerOutlier::UpToOne,
        (None, None) => PerOutlier::Any,
    };
    values.into()
}

fn model_named(name: &str) -> Option<ModelType> {
    ModelType::ALL.into_iter().find(|model_type| model_type.as_str() == name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("an object") };
        object
    }

    /// Returns the `outliers` of these models, with additional keys.
    fn stored(model_types: &[&str], more: Value) -> Map<String, Value> {
        let n_outliers = model_types.len();
        let names: Vec<String> = (0..n_outliers).map(|idx| format!("m{idx}")).collect();
        let summaries: Vec<String> = (0..n_outliers).map(|idx| format!("s{idx}")).collect();
        let mut stored = object(json!({"summary": summaries, "model_name": names, "model_type": model_types}));
        stored.extend(object(more));
        stored.insert(TOTAL.to_owned(), n_outliers.into());
        stored
    }

    /// Checks what remains of `key` when the first outlier is removed.
    fn check(model_types: &[&str], key: &str, values: Value, expected: Option<Value>) {
        let left = without(&stored(model_types, json!({key: values})), |idx| idx == 0).unwrap();
        assert_eq!(left.get(key), expected.as_ref(), "{model_types:?} {key} {values}");
        let n_left = model_types.len() - 1;
        let names: Vec<String> = (1..=n_left).map(|idx| format!("m{idx}")).collect();
        assert_eq!((&left["model_name"], &left[TOTAL]), (&json!(names), &json!(n_left)));
    }

    #[test]
    fn values_are_removed_with_their_outlier() {
        check(&["terms", "metrics"], "type", json!(["a", "b"]), Some(json!(["b"])));
        check(&["terms", "metrics"], "elasticsearch_filter", json!(["a", "b"]), Some(json!(["b"])));
        check(&["terms", "metrics"], "aggregator", json!(["a", "b"]), Some(json!(["b"])));
        check(&["terms", "metrics"], "term", json!(["a"]), None);
        check(&["terms", "metrics"], "metric", json!([5]), Some(json!([5])));
        check(&["terms", "metrics"], "non_outlier_values_sample", json!([]), Some(json!([])));
        check(&["terms", "metrics"], "non_outlier_values_sample", json!(["a", "b"]), Some(json!(["b"])));
        check(&["sudden_appearance", "terms"], "aggregator", json!(["f", "g", "h", "x"]), Some(json!(["x"])));
        check(&["terms", "sudden_appearance"], "aggregator", json!(["x", "f", "g", "h"]), Some(json!(["f", "g", "h"])));
        check(&["terms", "terms", "terms"], "level", json!(["a", "b", "c"]), Some(json!(["b", "c"])));
        check(&["simplequery", "word2vec"], "assets", json!(["h", "u", "h", "u"]), Some(json!(["h", "u"])));
        check(&["terms", "word2vec"], "words", json!([{"w": 1}, {"w": 2}]), Some(json!([{"w": 1}, {"w": 2}])));
        check(&["word2vec", "terms"], "words", json!([{"w": 1}, {"w": 2}]), None);
        check(&["word2vec", "terms"], "decision_frontier", json!([1.5, 2]), Some(json!([2])));
        // a parameter of a use case that is named like a key of another model
        check(&["terms", "metrics"], "metric", json!(["mine", 5]), Some(json!([5])));
    }

    #[test]
    fn values_of_unknown_owner_are_kept() {
        check(&["terms", "metrics"], "type", json!(["a", "b", "c"]), Some(json!(["a", "b", "c"])));
        check(&["terms", "metrics"], "level", json!(["a"]), Some(json!(["a"])));
        check(&["terms", "metrics"], "aggregator", json!(["a"]), Some(json!(["a"])));
        check(&["terms", "metrics"], "level", json!(["a", "b", "c"]), Some(json!(["a", "b", "c"])));
        check(&["terms", "metrics"], "assets", json!(["a", "b", "c"]), Some(json!(["a", "b", "c"])));
        check(&["terms", "metrics"], "assets", json!(["a", "b"]), Some(json!(["a", "b"])));
        check(&["terms", "metrics"], "level", json!("alone"), Some(json!("alone")));
        check(&["terms", "unknown"], "level", json!(["a", "b"]), Some(json!(["a", "b"])));
    }

    #[test]
    fn removing_the_last_outlier_removes_everything() {
        assert_eq!(without(&stored(&["terms", "metrics"], json!({"level": ["a"]})), |_| true), None);
        let whole = stored(&["terms", "metrics"], json!({"level": ["a"]}));
        assert_eq!(without(&whole, |_| false), Some(whole));
    }

    #[test]
    fn stored_outliers_are_split() {
        let more = json!({"type": ["a", "b", "c"], "term": ["x"], "metric": [7.5], "level": ["l", "m"]});
        let mut whole = stored(&["terms", "metrics"], more);
        whole["summary"] = json!(["one\ntwo", "three"]);
        let outliers = take_apart(&whole).unwrap();
        let [first, second] = &outliers[..] else { panic!("two outliers") };
        assert_eq!((first.model_name.as_str(), first.model_type.as_str()), ("m0", "terms"));
        assert_eq!(
            (&first.outlier.fields["summary"], first.outlier.unwrapped_summary()),
            (&json!(["one\ntwo"]), "one two")
        );
        assert_eq!((&first.outlier.fields["term"], &second.outlier.fields["metric"]), (&json!(["x"]), &json!([7.5])));
        assert_eq!((&first.outlier.fields["level"], &second.outlier.fields["level"]), (&json!(["l"]), &json!(["m"])));
        assert!(!first.outlier.fields.contains_key("type") && !first.outlier.fields.contains_key(TOTAL));
        let alone = take_apart(&object(json!({
            "summary": "s", "model_name": "m", "model_type": ["terms"], "type": ["a", "b"], "total_outliers": "1",
        })));
        assert_eq!(alone.unwrap()[0].outlier.fields["type"], json!(["a", "b"]));
    }

    #[test]
    fn outliers_of_other_programs_are_not_split() {
        for odd in [
            json!({}),
            json!({"summary": ["a"], "model_name": ["m", "n"], "model_type": ["terms"]}),
            json!({"summary": ["a", "b"], "model_name": ["m"], "model_type": ["terms"]}),
            json!({"summary": [1], "model_name": ["m"], "model_type": ["terms"]}),
            json!({"summary": [], "model_name": [], "model_type": []}),
        ] {
            assert_eq!(take_apart(&object(odd.clone())), None, "{odd}");
            assert_eq!(without(&object(odd.clone()), |_| true), Some(object(odd)));
        }
    }

    #[test]
    fn only_our_tag_is_removed() {
        for (tags, expected) in [
            (json!(["a", "outlier", 7]), Some(json!(["a", 7]))),
            (json!(["outlier"]), None),
            (json!(["outlier", "outlier"]), None),
            (json!("outlier"), None),
            (json!([]), Some(json!([]))),
            (json!("outliers"), Some(json!("outliers"))),
            (json!({"a": "outlier"}), Some(json!({"a": "outlier"}))),
        ] {
            assert_eq!(untagged(&tags), expected, "{tags}");
        }
    }
}
