//! Outliers as rows of a table, which has the same columns in every format.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::delivery::Delivered;
use crate::event::text::flatten;
use crate::event::{FieldNames, FieldPath, FieldValue};
use crate::outlier::Outlier;

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// Text, which may come from an event.
    Text,
    /// A number.
    Number,
}

/// Name and type of a column.
pub type Column = (&'static str, CellKind);

/// Columns of outliers.
pub(super) const COLUMNS: [Column; 16] = [
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
    ("surprise", CellKind::Number),
    ("decision_frontier", CellKind::Number),
    ("confidence", CellKind::Number),
    ("observations", CellKind::Text),
];

/// Fields of the times of events, with the meaning of their names.
#[derive(Debug, Default)]
pub struct Timestamps {
    by_use_case: HashMap<String, (FieldPath, Arc<FieldNames>)>,
}

impl Timestamps {
    /// Gathers the time fields of use cases, by the names of these.
    pub fn new(fields: impl IntoIterator<Item = (String, FieldPath, Arc<FieldNames>)>) -> Self {
        let by_use_case = |(use_case, field, names)| (use_case, (field, names));
        Timestamps { by_use_case: fields.into_iter().map(by_use_case).collect() }
    }

    fn text(&self, use_case: &str, source: &Map<String, Value>) -> String {
        let found = self.by_use_case.get(use_case).and_then(|(field, names)| names.value(source, field));
        let text = match found {
            Some(FieldValue::One(value)) => time_text(&value),
            several => several.and_then(|several| several.text()),
        };
        text.unwrap_or_default()
    }
}

/// Text of a time, or of what is in `{"$date": ...}`. A list of these stands for its first element.
fn time_text(value: &Value) -> Option<String> {
    match value {
        Value::Object(wrapped) => {
            let date = wrapped.get("$date")?;
            flatten(date.get("$numberLong").unwrap_or(date))
        }
        Value::Array(list) => flatten(value).or_else(|| time_text(list.first().filter(|first| first.is_object())?)),
        value => flatten(value),
    }
}

/// Returns a row per outlier of a document: the cells of [`COLUMNS`], empty if there is no value.
pub(super) fn rows(document: &Delivered, timestamps: &Timestamps) -> serde_json::Result<Vec<Vec<String>>> {
    let event = serde_json::from_str(&document.text)?;
    document.outliers().map(|found| row(document, &found.outlier()?, timestamps, &event)).collect()
}

fn row(
    document: &Delivered,
    outlier: &Outlier,
    timestamps: &Timestamps,
    event: &Map<String, Value>,
) -> serde_json::Result<Vec<String>> {
    let fields = outlier.fields();
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let use_case = format!("{}_{}", text("model_type"), text("model_name"));
    let cell = |(name, kind): (&str, CellKind)| {
        let value = fields.get(name);
        Ok(match (name, kind) {
            ("_index", _) => document.id.index.clone(),
            ("_id", _) => document.id.id.clone(),
            ("timestamp", _) => timestamps.text(&use_case, event),
            ("use_case", _) => use_case.clone(),
            // stored in lines of limited length
            ("summary", _) => outlier.unwrapped_summary().to_owned(),
            ("type" | "reason", _) => parts(value),
            ("assets", _) => value.map_or(Ok(String::new()), serde_json::to_string)?,
            // some models store a score of their own
            ("score", _) => outlier.score().to_string(),
            ("observations", _) => observations(outlier)?,
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
fn observations(outlier: &Outlier) -> serde_json::Result<String> {
    let has_column = |(name, value): (&String, &Value)| match &**name {
        "score" => value.as_f64() == Some(outlier.score()),
        _ => COLUMNS.iter().any(|(column, kind)| column == name && (*kind == CellKind::Text || value.is_number())),
    };
    let others = outlier.fields().iter().filter(|field| !has_column(*field));
    serde_json::to_string(&others.collect::<std::collections::BTreeMap<_, _>>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::Form;

    #[test]
    fn times_are_found_by_every_name_that_use_cases_may_give_them() {
        let entry = Form::of_named_entry("bag[Name=created].Value").unwrap();
        let names = Arc::new(FieldNames::new([("made".to_owned(), entry)]));
        let check = |field: &str, source: Value, expected: &str| {
            let Value::Object(source) = source else { panic!("an object") };
            let timestamps = Timestamps::new([("u".to_owned(), FieldPath::new(field), Arc::clone(&names))]);
            assert_eq!(timestamps.text("u", &source), expected, "{field} {source:?}");
            assert_eq!(timestamps.text("other", &source), "");
        };
        check(
            "made",
            json!({"bag": [{"Name": "x", "Value": 1}, {"Name": "created", "Value": "2024-05-01"}]}),
            "2024-05-01",
        );
        check("Made", json!({"made": 5}), "5");
        check("when.keyword", json!({"when": "2024-05-01"}), "2024-05-01");
        check("when", json!({"when": {"$date": "2024-05-01T00:00:00Z"}}), "2024-05-01T00:00:00Z");
        check("when", json!({"when": {"$date": 1714521600000_u64}}), "1714521600000");
        check("when", json!({"when": {"$date": {"$numberLong": "1714521600000"}}}), "1714521600000");
        check("when", json!({"when": [{"$date": "2024-05-01"}, {"$date": "2024-05-02"}]}), "2024-05-01");
        check("when", json!({"when": ["2024-05-01", "2024-05-02"]}), "2024-05-01 - 2024-05-02");
        check("when", json!({"when": {"date": "2024-05-01"}}), "");
        check("when", json!({"when": [["x"]]}), "");
    }
}
