//! Stored form of outliers: arrays under `outliers` of the document, one element per outlier, and
//! the tag `outlier`.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use serde_json::{Map, Value};

use super::Outlier;
use crate::event::{PerOutlier, StoredKey, StoredKind};

/// Keys that outliers of all models have. Each model declares its own besides.
pub const COMMON: &[StoredKey] = &[
    StoredKey::new("type", StoredKind::Text, PerOutlier::AtLeastOne),
    StoredKey::new("reason", StoredKind::Text, PerOutlier::AtLeastOne),
    StoredKey::new("summary", StoredKind::Prose, PerOutlier::One),
    StoredKey::new("model_name", StoredKind::Text, PerOutlier::One),
    StoredKey::new("model_type", StoredKind::Text, PerOutlier::One),
    StoredKey::new("elasticsearch_filter", StoredKind::Text, PerOutlier::One),
    StoredKey::new("assets", StoredKind::Text, PerOutlier::Any),
    // earlier versions did not store these two
    StoredKey::new(SURPRISE, StoredKind::Number, PerOutlier::UpToOne),
    StoredKey::new(SCORE, StoredKind::Number, PerOutlier::UpToOne),
    StoredKey::new(TOTAL, StoredKind::Count, PerOutlier::Shared),
];

/// Surprise of an outlier in bits, and the score that follows from it.
pub(super) const SURPRISE: &str = "surprise";
pub(super) const SCORE: &str = "score";

/// Number of outliers of a document.
pub(super) const TOTAL: &str = "total_outliers";

/// Upper limit on this number, which a document may have made up: more is not an `integer`.
const MOST_OUTLIERS: u64 = i32::MAX as u64;

/// Keys that name the use case of an outlier.
const USE_CASE: [&str; 2] = ["model_type", "model_name"];

/// Tag of documents that have outliers.
pub const TAG: &str = "outlier";

/// Field of a document that holds its outliers.
pub(super) const FIELD: &str = "outliers";

/// Fields of a document that change when outliers are added.
pub const CHANGED_FIELDS: [&str; 2] = [FIELD, TAGS];

/// Field of a document that holds its tags.
pub(super) const TAGS: &str = "tags";

/// Result of merging one outlier into a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// The outlier was added.
    Added,
    /// The document had it, or another one of the run with the same summary; nothing was changed.
    AlreadyPresent,
}

/// Result of adding outliers to a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Additions {
    /// Fields that changed; empty if nothing did.
    pub fields: Vec<&'static str>,
    /// Result for each outlier that was looked at.
    pub merges: Vec<Merge>,
}

impl Additions {
    /// Number of outliers added.
    pub fn n_added(&self) -> u64 {
        self.merges.iter().filter(|merge| **merge == Merge::Added).count() as u64
    }

    /// Values of the changed fields in `source`, the document that outliers were added to.
    pub fn changed<'s>(&self, source: &'s Map<String, Value>) -> BTreeMap<&'static str, &'s Value> {
        self.fields.iter().filter_map(|&field| Some((field, source.get(field)?))).collect()
    }
}

/// Adds outliers to a document, at most `most` that it does not have yet. Values that other
/// programs wrote under these names are kept as far as possible.
///
/// The document has an outlier if it stores one of the same use case with the same summary. Of
/// several use cases with the same summary, it stores one.
pub fn merge_all<'a>(
    source: &mut Map<String, Value>,
    outliers: impl IntoIterator<Item = &'a Outlier>,
    most: usize,
) -> Additions {
    let outliers: Vec<&Outlier> = outliers.into_iter().collect();
    let mut known = known_summaries(source, &outliers);
    let mut merges = Vec::new();
    let mut n_added = 0;
    for outlier in outliers {
        let merge = if known.insert(outlier.summary()) {
            add(source, outlier);
            Merge::Added
        } else {
            Merge::AlreadyPresent
        };
        merges.push(merge);
        n_added += usize::from(merge == Merge::Added);
        if n_added == most {
            break;
        }
    }
    let is_tagged = !merges.is_empty() && tag(source);
    let changed = [n_added > 0, is_tagged];
    let fields = CHANGED_FIELDS.into_iter().zip(changed).filter_map(|(field, is_changed)| is_changed.then_some(field));
    Additions { fields: fields.collect(), merges }
}

/// Summaries of those `outliers` that the document stores for the same use case. What others have
/// stored under a summary says nothing about ours.
fn known_summaries<'a>(source: &Map<String, Value>, outliers: &[&'a Outlier]) -> FxHashSet<&'a str> {
    let Some(Value::Object(stored)) = source.get(FIELD) else { return FxHashSet::default() };
    let summaries = stored.get("summary").map_or(&[][..], elements);
    let columns = USE_CASE.map(|key| stored.get(key).map(elements));
    let is_parallel = columns.iter().flatten().all(|column| column.len() == summaries.len());
    let is_of = |outlier: &Outlier, idx: usize| {
        let own = USE_CASE.map(|key| outlier.fields().get(key));
        own == columns.map(|column| column.and_then(|column| column.get(idx)))
    };
    let is_stored = |outlier: &Outlier| {
        let mut same = summaries.iter().enumerate().filter(|(_, summary)| *summary == outlier.summary());
        is_parallel && same.any(|(idx, _)| is_of(outlier, idx))
    };
    outliers.iter().filter(|outlier| is_stored(outlier)).map(|outlier| outlier.summary()).collect()
}

fn add(source: &mut Map<String, Value>, outlier: &Outlier) {
    match source.get_mut(FIELD) {
        Some(Value::Object(stored)) => extend_arrays(stored, outlier),
        _ => drop(source.insert(FIELD.to_owned(), Value::Object(first(outlier)))),
    }
}

fn first(outlier: &Outlier) -> Map<String, Value> {
    let arrays = outlier.fields().iter().map(|(key, value)| (key.clone(), Value::Array(elements(value).to_vec())));
    let mut stored: Map<String, Value> = arrays.collect();
    stored.insert(TOTAL.to_owned(), 1.into());
    stored
}

fn extend_arrays(stored: &mut Map<String, Value>, outlier: &Outlier) {
    let total = stored.get(TOTAL).map_or(0, total_of);
    for (key, value) in outlier.fields() {
        match stored.get_mut(key) {
            Some(Value::Array(known)) => known.extend_from_slice(elements(value)),
            Some(known) => {
                *known = Value::Array([&[known.take()], elements(value)].concat());
            }
            None => {
                stored.insert(key.clone(), Value::Array(elements(value).to_vec()));
            }
        }
    }
    stored.insert(TOTAL.to_owned(), total.saturating_add(1).min(MOST_OUTLIERS).into());
}

/// Reads a count, which another program may have stored as text or in an array.
fn total_of(value: &Value) -> u64 {
    match value {
        Value::Array(elements) => elements.first().map_or(0, total_of),
        Value::String(text) => text.trim().parse().unwrap_or(0),
        other => other.as_u64().unwrap_or(0),
    }
}

/// Returns the elements of a list. Another value is one element, as before a second outlier came.
pub(super) fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) => elements,
        other => std::slice::from_ref(other),
    }
}

/// Adds the tag to the document `source`; returns false if it was there.
pub fn tag(source: &mut Map<String, Value>) -> bool {
    match source.get_mut("tags") {
        Some(Value::Array(tags)) if tags.iter().any(|tag| tag == TAG) => return false,
        Some(Value::Array(tags)) => tags.push(TAG.into()),
        Some(Value::Null) | None => {
            source.insert("tags".to_owned(), Value::Array(vec![TAG.into()]));
        }
        Some(other) if *other != TAG => *other = Value::Array(vec![other.take(), TAG.into()]),
        Some(_) => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::ModelType;
    use crate::models::stored_keys;

    fn outlier(summary: &str, more: Value) -> Outlier {
        let Value::Object(mut fields) = more else { panic!("an object") };
        fields.insert("summary".to_owned(), summary.into());
        Outlier { fields, unwrapped_summary: summary.to_owned(), why: None, touched: Vec::new() }
    }

    fn check(source: Value, outliers: &[Outlier], expected: Value) {
        let Value::Object(mut source) = source else { panic!("an object") };
        merge_all(&mut source, outliers, usize::MAX);
        assert_eq!(Value::Object(source), expected);
    }

    #[test]
    fn the_first_outlier_becomes_arrays() {
        check(
            json!({"a": 1}),
            &[outlier("s", json!({"type": ["T", ""], "metric": 5, "sample": []}))],
            json!({"a": 1, "outliers": {"type": ["T", ""], "metric": [5], "sample": [], "summary": ["s"],
                   "total_outliers": 1}, "tags": ["outlier"]}),
        );
    }

    #[test]
    fn more_outliers_extend_the_arrays() {
        check(
            json!({"tags": ["x"]}),
            &[outlier("s", json!({"metric": 5})), outlier("t", json!({"metric": 6, "term": "q"}))],
            json!({"tags": ["x", "outlier"], "outliers": {"metric": [5, 6], "summary": ["s", "t"],
                   "total_outliers": 2, "term": ["q"]}}),
        );
    }

    #[test]
    fn the_same_summary_changes_nothing() {
        let stored = json!({"tags": ["outlier"], "outliers": {"summary": ["s"], "metric": [5], "total_outliers": 1}});
        check(stored.clone(), &[outlier("s", json!({"metric": 6}))], stored);
    }

    #[test]
    fn only_changed_fields_are_returned() {
        let additions = |source: Value, summaries: &[&str]| {
            let Value::Object(mut source) = source else { panic!("an object") };
            let outliers: Vec<Outlier> = summaries.iter().map(|summary| outlier(summary, json!({}))).collect();
            let additions = merge_all(&mut source, &outliers, 2);
            let n_added = additions.n_added();
            (!additions.fields.is_empty()).then_some((json!(additions.changed(&source)), n_added))
        };
        let stored = |summaries: Value, total: u64| json!({"summary": summaries, "total_outliers": total});
        let both = json!({"outliers": stored(json!(["s", "t"]), 2), "tags": ["outlier"]});
        assert_eq!(additions(json!({"a": 1}), &["s", "t", "s", "u"]), Some((both, 2)));
        let known = json!({"a": 1, "outliers": stored(json!(["s"]), 1), "tags": ["outlier"]});
        assert_eq!(additions(known.clone(), &["s"]), None);
        assert_eq!(additions(known.clone(), &["t"]), Some((json!({"outliers": stored(json!(["s", "t"]), 2)}), 1)));
        let untagged = json!({"outliers": stored(json!(["s"]), 1)});
        assert_eq!(additions(untagged, &["s"]), Some((json!({"tags": ["outlier"]}), 0)));
        assert_eq!(additions(known, &[]), None);
    }

    #[test]
    fn only_the_same_use_case_makes_a_summary_known() {
        let found = |name: &str| outlier("s", json!({"model_type": "terms", "model_name": name}));
        let merges = |stored: Value, names: &[&str]| {
            let Value::Object(mut source) = json!({"outliers": stored}) else { unreachable!() };
            let outliers: Vec<Outlier> = names.iter().copied().map(found).collect();
            merge_all(&mut source, &outliers, usize::MAX).merges
        };
        use Merge::{Added, AlreadyPresent};
        let of = |name: &str| json!({"summary": ["r", "s"], "model_type": ["x", "terms"], "model_name": ["y", name]});
        assert_eq!(merges(of("a"), &["a"]), [AlreadyPresent]);
        assert_eq!(merges(of("b"), &["a"]), [Added]);
        // the summary that a document stores for one of them stands for all
        assert_eq!(merges(of("a"), &["b", "a"]), [AlreadyPresent, AlreadyPresent]);
        assert_eq!(merges(of("c"), &["b", "a"]), [Added, AlreadyPresent]);
        for malformed in [
            json!({"summary": "s"}),
            json!({"summary": ["s"], "model_name": ["a"]}),
            json!({"summary": ["s"], "model_type": ["terms"], "model_name": ["a", "b"]}),
            json!({"summary": ["s"], "model_type": [["terms"]], "model_name": ["a"]}),
            json!({"summary": {"s": "s"}, "model_type": "terms", "model_name": "a"}),
            json!({"summary": [["s"]], "model_type": "terms", "model_name": "a"}),
            json!(["s"]),
            json!("s"),
            json!(7),
            json!(null),
        ] {
            assert_eq!(merges(malformed.clone(), &["a"]), [Added], "{malformed}");
        }
    }

    #[test]
    fn odd_tags_and_counts_are_tolerated() {
        let merged = |source: Value| {
            let Value::Object(mut source) = source else { panic!("an object") };
            merge_all(&mut source, &[outlier("s", json!({}))], 1);
            (source["tags"].clone(), source["outliers"]["total_outliers"].clone())
        };
        assert_eq!(merged(json!({"tags": "x"})).0, json!(["x", "outlier"]));
        assert_eq!(merged(json!({"tags": "outlier"})).0, json!("outlier"));
        assert_eq!(merged(json!({"tags": "outliers"})).0, json!(["outliers", "outlier"]));
        assert_eq!(merged(json!({"tags": null})).0, json!(["outlier"]));
        assert_eq!(merged(json!({"outliers": {"total_outliers": "3", "summary": "t"}})).1, json!(4));
        assert_eq!(merged(json!({"outliers": {"total_outliers": [2]}})).1, json!(3));
        assert_eq!(merged(json!({"outliers": "text"})).1, json!(1));
        for huge in [json!(u64::MAX), json!(i64::MAX), json!("18446744073709551615")] {
            assert_eq!(merged(json!({"outliers": {"total_outliers": huge}})).1, json!(i32::MAX));
        }
        assert_eq!(merged(json!({"outliers": {"total_outliers": -5}})).1, json!(1));
    }

    /// Texts in backticks.
    fn quoted(cell: &str) -> Vec<&str> {
        cell.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn the_documentation_lists_all_keys() {
        let mut documented: Vec<(&str, &str)> = Vec::new();
        for line in include_str!("../../docs/outliers.md").lines() {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let ["", keys, models, _, ""] = cells[..] else { continue };
            let models = if models == "all" { vec!["all"] } else { quoted(models) };
            documented.extend(quoted(keys).iter().flat_map(|key| models.iter().map(move |model| (*model, *key))));
        }
        // one per derived field, not a key of its own
        documented.retain(|&(_, key)| key != "derived_NAME");
        let common = COMMON.iter().map(|key| ("all", key.name));
        let of_model = |model: ModelType| stored_keys(model).map(move |key| (model.as_str(), key.name));
        let mut declared: Vec<_> = common.chain(ModelType::ALL.into_iter().flat_map(of_model)).collect();
        documented.sort_unstable();
        declared.sort_unstable();
        assert_eq!(documented, declared);
    }
}
