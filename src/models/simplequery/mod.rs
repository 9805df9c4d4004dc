//! Flags every event that matches the query.

mod evidence;

use std::future::ready;

use arrow::array::UInt64Array;
use datafusion::error::DataFusionError;
use futures::StreamExt;

use serde_json::{Map, Value, json};

use super::{
    Asked, Candidate, Candidates, Columns, Evaluating, Evaluation, Explaining, FindingTarget, Inputs, Method, column,
    rows,
};
use crate::config::SimpleQuery;
use crate::elastic::MARKS;
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

    fn reason(&self, _: &Map<String, Value>) -> Option<String> {
        Some("matches the query, whatever is usual here".to_owned())
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

fn marked<'a>(fragment: &'a str, [start, end]: [&'a str; 2]) -> impl Iterator<Item = &'a str> {
    fragment.split(start).skip(1).filter_map(move |behind| Some(behind.split_once(end)?.0))
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
