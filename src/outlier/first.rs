//! Outliers of a document that has none yet, put together as text. This is the way of nearly all
//! documents; it gives what [`super::merge_all`] gives.

use rustc_hash::FxHashSet;

use super::stored::{Merge, TOTAL};
use crate::event::decode::{members, raw_members};

/// Outliers as a document stores them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstOutliers {
    /// JSON text of the field `outliers`.
    pub json: String,
    /// Result for each outlier: of several with the same summary, the first is stored.
    pub merges: Vec<Merge>,
}

/// Puts together encoded outliers; `None` if one of them has a field that is not its own.
pub fn first_outliers<'a>(outliers: impl IntoIterator<Item = &'a str>) -> Option<FirstOutliers> {
    let (mut arrays, mut summaries, mut merges) = (Vec::new(), FxHashSet::default(), Vec::new());
    for outlier in outliers {
        let fields = members(outlier, ["fields"])?[0]?;
        if !summaries.insert(summary_of(fields)) {
            merges.push(Merge::AlreadyPresent);
            continue;
        }
        merges.push(Merge::Added);
        extend(&mut arrays, fields)?;
        if summaries.len() == 1 {
            arrays.push((TOTAL, String::new()));
        }
    }
    Some(FirstOutliers { json: object(&arrays, summaries.len()), merges })
}

/// JSON text of the summary among the encoded fields of an outlier.
pub(super) fn summary_of(fields: &str) -> Option<&str> {
    raw_members(fields).find(|(name, _)| *name == "summary").map(|(_, summary)| summary)
}

/// Names, and the elements of their arrays as text.
type Arrays<'a> = Vec<(&'a str, String)>;

fn extend<'a>(arrays: &mut Arrays<'a>, fields: &'a str) -> Option<()> {
    for (name, value) in raw_members(fields) {
        if name == TOTAL {
            return None;
        }
        let elements = value.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap_or(value);
        match arrays.iter_mut().find(|(known, _)| *known == name) {
            None => arrays.push((name, elements.to_owned())),
            Some((_, known)) => {
                if !known.is_empty() && !elements.is_empty() {
                    known.push(',');
                }
                known.push_str(elements);
            }
        }
    }
    Some(())
}

fn object(arrays: &Arrays<'_>, total: usize) -> String {
    let mut json = String::with_capacity(arrays.iter().map(|(name, elements)| name.len() + elements.len() + 6).sum());
    for (name, elements) in arrays {
        json.push(if json.is_empty() { '{' } else { ',' });
        json.extend(["\"", name, "\":"]);
        if *name == TOTAL {
            json.push_str(&total.to_string());
        } else {
            json.extend(["[", elements, "]"]);
        }
    }
    json.push('}');
    json
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::outlier::{Outlier, merge_all};

    fn value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            "[a\"\\\\é\\]]{0,3}".prop_map(Value::from),
            any::<i16>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
            Just(json!({"k": ["v"]})),
            Just(Value::Null),
        ];
        prop_oneof![scalar.clone(), prop::collection::vec(scalar, 0..3).prop_map(Value::from)]
    }

    fn outlier() -> impl Strategy<Value = Value> {
        let fields = prop::collection::vec((prop::sample::select(vec!["a", "b\"", "é", "metric"]), value()), 0..4);
        (prop::sample::select(vec!["s", "t \"\n"]), fields).prop_map(|(summary, fields)| {
            let mut fields: Map<String, Value> =
                fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            fields.insert("summary".to_owned(), summary.into());
            json!({"fields": fields, "unwrapped_summary": summary})
        })
    }

    proptest! {
        #[test]
        fn agrees_with_merging(outliers in prop::collection::vec(outlier(), 1..4)) {
            let texts: Vec<String> = outliers.iter().map(Value::to_string).collect();
            let found = first_outliers(texts.iter().map(String::as_str)).unwrap();
            let outliers: Vec<Outlier> = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            let mut source = Map::new();
            let additions = merge_all(&mut source, &outliers, usize::MAX);
            prop_assert_eq!(found.json, source["outliers"].to_string());
            prop_assert_eq!(found.merges, additions.merges);
        }
    }

    #[test]
    fn a_count_among_the_fields_is_not_ours() {
        assert_eq!(first_outliers([r#"{"fields":{"summary":"s","total_outliers":"x"}}"#]), None);
    }
}
