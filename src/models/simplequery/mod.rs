//! Flags every event that matches the query.

mod evidence;

use std::future::ready;

use arrow::array::UInt64Array;
use datafusion::error::DataFusionError;
use futures::StreamExt;

use serde_json::{Map, Value, json};

use super::{
    Asked, Candidate, Candidates, Columns, Evaluating, Evaluation, Explaining, FindingTarget, Inputs, Method, column,
    reason, rows,
};
use crate::config::{FindingSeverity, SimpleQuery};
use crate::elastic::{MARKS, marked};
use crate::event::{Document, FieldPath, PerOutlier, StoredKey, StoredKind, lookup};
use crate::python::repr;
use crate::table::{Element, View};

pub(super) const STORED: &[StoredKey] = &[
    StoredKey::new("matched_fields", StoredKind::Object, PerOutlier::UpToOne),
    StoredKey::new("matched_values", StoredKind::Text, PerOutlier::UpToOne),
];

impl Method for SimpleQuery {
    fn columns(&self) -> Columns<'_> {
        Columns::default()
    }

    fn evaluate<'a>(&'a self, view: &'a View, inputs: Inputs<'a>) -> Evaluating<'a> {
        Box::pin(evaluate(view, inputs))
    }

    fn evidence<'a>(&'a self, _view: &'a View, asked: &'a Asked, inputs: Inputs<'a>) -> Explaining<'a> {
        Box::pin(ready(Ok(evidence::evidence(asked, inputs))))
    }

    fn wants_highlights(&self) -> bool {
        self.highlight_match
    }

    fn reason(&self, stored: &Map<String, Value>) -> Option<String> {
        let surprise = reason::number(stored, "surprise")?;
        let severity = reason::text(stored, "severity").map(|name| name.trim().to_lowercase());
        let least = severity.as_deref().and_then(FindingSeverity::named).map_or(0.0, FindingSeverity::least_surprise);
        // more surprise than the severity gives comes from how few events match
        Some(match severity {
            Some(severity) if surprise <= least => format!("matches the query, of severity {severity}"),
            _ => format!("matches the query, as does about 1 of {} events", reason::shown(two_digits(surprise.exp2()))),
        })
    }

    fn skips_tagged(&self) -> bool {
        true
    }

    fn finding_target(&self) -> FindingTarget {
        FindingTarget::Summary
    }
}

async fn evaluate<'a>(view: &'a View, inputs: Inputs<'a>) -> Result<Evaluation<'a>, DataFusionError> {
    let mut candidates = Candidates::new(&inputs);
    let mut batches = rows(view, &inputs)?.execute_stream().await?;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let elements = column::<UInt64Array>(&batch, "element")?.values();
        elements.iter().try_for_each(|&element| {
            candidates.push(Candidate { element: Element(element), aggregator: 0, target: 0, evidence: 0 })
        })?;
    }
    Ok(Evaluation::new(candidates, |_, event| matched(event.document, event.highlights, MARKS)))
}

/// Number rounded to two digits that are not zero.
fn two_digits(number: f64) -> f64 {
    let unit = 10_f64.powf(number.max(1.0).log10().floor() - 1.0).max(1.0);
    (number / unit).round() * unit
}

/// Observations of the matched parts of the document, restricted to fields of the event: the
/// fragments of `highlights` by field, and the parts between `marks` in those fragments.
fn matched(document: &Document, highlights: &Map<String, Value>, marks: [&str; 2]) -> Map<String, Value> {
    let is_field = |name: &str| lookup(&document.source, &FieldPath::new(name)).is_some();
    let fields: Map<String, Value> = highlights
        .iter()
        .filter(|(name, _)| is_field(name))
        .map(|(name, fragments)| (name.clone(), fragments.clone()))
        .collect();
    if fields.is_empty() {
        return Map::new();
    }
    let values: Map<String, Value> = fields
        .iter()
        .map(|(name, fragments)| {
            let fragments = fragments.as_array().into_iter().flatten().filter_map(Value::as_str);
            (name.clone(), fragments.flat_map(|fragment| marked(fragment, marks)).collect())
        })
        .collect();
    let shown = repr(&Value::Object(values));
    [("matched_fields".to_owned(), json!(fields)), ("matched_values".to_owned(), json!(shown))].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn collects_all_fragments_of_event_fields() {
        let Value::Object(source) = json!({"a": "x", "b": {"c": 1}}) else { panic!("an object") };
        let document = Document { index: String::new(), id: String::new(), source, names: Arc::default() };
        let Value::Object(highlights) = json!({
            "a": ["<v>a</v> <v>b\nc</v>", "x <v>z'</v>", "none", "<v>open"],
            "b.c": ["<v>1</v>"],
            "a.keyword": ["<v>x</v>"],
            "_id": ["<v>x</v>"],
        }) else {
            panic!("an object")
        };
        let matched = matched(&document, &highlights, ["<v>", "</v>"]);
        assert_eq!(matched["matched_values"], r#"{'a': ['a', 'b\nc', "z'"], 'b.c': ['1']}"#);
        let fields: Vec<&String> = matched["matched_fields"].as_object().unwrap().keys().collect();
        assert_eq!(fields, ["a", "b.c"]);
        assert!(super::matched(&document, &Map::new(), ["<v>", "</v>"]).is_empty());
    }
}
