//! Values that whitelist entries are tested against.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::event::{Document, FieldPath, FieldValue, lookup};
use crate::outlier::Outlier;
use crate::python::{strip, to_str};

/// Field of a document that holds outliers: in names of fields, it stands for the one being tested.
const OWN: &str = "outliers";

/// A sample of other events must not whitelist this one.
const OF_OTHERS: &str = "non_outlier_values_sample";

/// Values of an outlier and of its event.
#[derive(Debug)]
pub(super) struct Values<'a> {
    outlier: &'a Outlier,
    document: &'a Document,
    all: BTreeSet<String>,
}

impl<'a> Values<'a> {
    pub(super) fn new(outlier: &'a Outlier, document: &'a Document) -> Self {
        let own = outlier.fields().iter().filter(|(key, _)| *key != OF_OTHERS);
        let fields = document.source.iter().filter(|(name, _)| *name != OWN);
        let mut all = BTreeSet::from([strip(outlier.unwrapped_summary()).to_owned()]);
        own.chain(fields).for_each(|(_, value)| add(value, &mut all));
        Values { outlier, document, all }
    }

    /// Values of a field, or of all fields. A field with a list has several values; an object is
    /// not a value.
    pub(super) fn of(&self, field: Option<&FieldPath>) -> Cow<'_, BTreeSet<String>> {
        let Some(field) = field else { return Cow::Borrowed(&self.all) };
        let mut values = BTreeSet::new();
        let mut add_value = |found: Option<FieldValue<'_>>| match found {
            None => {}
            Some(FieldValue::Several(texts)) => values.extend(texts.iter().map(|text| strip(text).to_owned())),
            Some(FieldValue::One(value)) if value.is_object() => {}
            Some(FieldValue::One(value)) => add(&value, &mut values),
        };
        match field.as_str().split_once('.').filter(|(first, _)| first.eq_ignore_ascii_case(OWN)) {
            None => add_value(self.document.value(field).filter(|_| field.as_str() != OWN)),
            Some((_, OF_OTHERS)) => {}
            Some((_, name)) => add_value(lookup(self.outlier.fields(), &FieldPath::new(name))),
        }
        if field.as_str().eq_ignore_ascii_case("outliers.summary") {
            values.insert(strip(self.outlier.unwrapped_summary()).to_owned());
        }
        Cow::Owned(values)
    }
}

/// Adds the text of a value. The elements of a list are added one by one, each as one text.
fn add(value: &Value, values: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => object.values().for_each(|value| add(value, values)),
        Value::Array(elements) => values.extend(elements.iter().map(stripped_text)),
        scalar => drop(values.insert(stripped_text(scalar))),
    }
}

fn stripped_text(value: &Value) -> String {
    strip(&to_str(value)).to_owned()
}
