//! Outliers as rows of a table, which has the same columns in every format.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::delivery::{Delivered, DeliveredOutlier};
use crate::event::{FieldNames, FieldPath};

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CellKind {
    /// Text, which may come from an event.
    Text,
    /// A number.
    Number,
}

/// Names and types of the columns.
pub(super) const COLUMNS: [(&str, CellKind); 15] = [
    ("_index", CellKind::Text),
    ("_id", CellKind::Text),
    ("timestamp", CellKind::Text),
    ("use_case", CellKind::Text),
    ("model_type", CellKind::Text),
    ("model_name", CellKind::Text),
    ("type", CellKind::Text),
    ("reason", CellKind::Text),
    ("summary", CellKind::Text),
    ("assets", CellKind::Text),
    ("metric", CellKind::Number),
    ("score", CellKind::Number),
    ("decision_frontier", CellKind::Number),
    ("confidence", CellKind::Number),
    ("observations", CellKind::Text),
];

/// Fields of the times of events.
#[derive(Debug, Default)]
pub struct Timestamps {
    by_use_case: HashMap<String, FieldPath>,
}

impl Timestamps {
    /// Gathers the time fields of use cases, by their names.
    pub fn new(fields: impl IntoIterator<Item = (String, FieldPath)>) -> Self {
        Timestamps { by_use_case: fields.into_iter().collect() }
    }

    fn text(&self, use_case: &str, source: &Map<String, Value>) -> String {
        let value = self.by_use_case.get(use_case).and_then(|field| FieldNames::default().value(source, field));
        value.and_then(|value| value.text()).unwrap_or_default()
    }
}

/// Returns a row per outlier of a document: the cells of [`COLUMNS`], empty if there is no value.
pub(super) fn rows(document: &Delivered, timestamps: &Timestamps) -> serde_json::Result<Vec<Vec<String>>> {
    document.outliers().map(|outlier| row(document, outlier, timestamps)).collect()
}

fn row(document: &Delivered, found: &DeliveredOutlier, timestamps: &Timestamps) -> serde_json::Result<Vec<String>> {
    let fields = found.outlier.fields();
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let use_case = format!("{}_{}", text("model_type"), text("model_name"));
    let cell = |(name, kind): (&str, CellKind)| {
        let value = fields.get(name);
        Ok(match (name, kind) {
            ("_index", _) => document.id.index.clone(),
            ("_id", _) => document.id.id.clone(),
            ("timestamp", _) => timestamps.text(&use_case, &document.source),
            ("use_case", _) => use_case.clone(),
            // stored in lines of limited length
            ("summary", _) => found.outlier.unwrapped_summary().to_owned(),
            ("type" | "reason", _) => parts(value),
            ("assets", _) => value.map_or(Ok(String::new()), serde_json::to_string)?,
            ("observations", _) => observations(fields)?,
            (_, CellKind::Number) => value.filter(|value| value.is_number()).map(Value::to_string).unwrap_or_default(),
            (name, CellKind::Text) => text(name).to_owned(),
        })
    };
    COLUMNS.into_iter().map(cell).collect()
}

/// Joins a text that was split at commas.
fn parts(value: Option<&Value>) -> String {
    let texts = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    texts.collect::<Vec<_>>().join(", ")
}

/// Returns what has no column of its own.
fn observations(fields: &Map<String, Value>) -> serde_json::Result<String> {
    let has_column = |(name, value): (&String, &Value)| {
        COLUMNS.iter().any(|(column, kind)| column == name && (*kind == CellKind::Text || value.is_number()))
    };
    let others = fields.iter().filter(|field| !has_column(*field));
    serde_json::to_string(&others.collect::<std::collections::BTreeMap<_, _>>())
}
