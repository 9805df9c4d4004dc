//! Values that whitelist entries are tested against.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use crate::event::{Document, FieldPath, FieldValue, lookup};
use crate::outlier::Outlier;
use crate::python::{strip, to_str};

/// Field of a document that holds outliers: in names of fields, it stands for the one being tested.
const OWN: &str = "outliers";

/// A sample of other events must not whitelist this one.
const OF_OTHERS: &str = "non_outlier_values_sample";

/// Values of an event or of an outlier. Each field is looked up once.
#[derive(Debug)]
pub(super) struct Values<'a> {
    holder: Holder<'a>,
    /// By field; those of all fields by `None`.
    by_field: HashMap<Option<FieldPath>, BTreeSet<String>>,
}

#[derive(Debug, Clone, Copy)]
enum Holder<'a> {
    Event(&'a Document),
    Outlier(&'a Outlier),
}

impl<'a> Values<'a> {
    pub(super) fn of_event(document: &'a Document) -> Self {
        Values { holder: Holder::Event(document), by_field: HashMap::new() }
    }

    pub(super) fn of_outlier(outlier: &'a Outlier) -> Self {
        Values { holder: Holder::Outlier(outlier), by_field: HashMap::new() }
    }

    /// Values of a field, or of all fields. A field with a list has several values; an object is
    /// not a value.
    pub(super) fn of(&mut self, field: Option<&FieldPath>) -> &BTreeSet<String> {
        let holder = self.holder;
        self.by_field.entry(field.cloned()).or_insert_with(|| match field {
            None => holder.all(),
            Some(field) => holder.of_field(field),
        })
    }
}

impl Holder<'_> {
    fn all(self) -> BTreeSet<String> {
        let mut values = BTreeSet::new();
        let mut add_all = |fields: &Map<String, Value>, without: &str| {
            fields.iter().filter(|(name, _)| *name != without).for_each(|(_, value)| add(value, &mut values));
        };
        match self {
            Holder::Event(document) => add_all(&document.source, OWN),
            Holder::Outlier(outlier) => {
                add_all(outlier.fields(), OF_OTHERS);
                values.insert(strip(outlier.unwrapped_summary()).to_owned());
            }
        }
        values
    }

    /// A field belongs either to the outlier or to its event.
    fn of_field(self, field: &FieldPath) -> BTreeSet<String> {
        let own = field.as_str().split_once('.').filter(|(first, _)| first.eq_ignore_ascii_case(OWN));
        match (self, own) {
            (Holder::Event(document), None) => in_one_field(document.value(field).filter(|_| field.as_str() != OWN)),
            (Holder::Outlier(outlier), Some((_, name))) if name != OF_OTHERS => {
                let mut values = in_one_field(lookup(outlier.fields(), &FieldPath::new(name)));
                if name.eq_ignore_ascii_case("summary") {
                    values.insert(strip(outlier.unwrapped_summary()).to_owned());
                }
                values
            }
            (Holder::Event(_), Some(_)) | (Holder::Outlier(_), _) => BTreeSet::new(),
        }
    }
}

fn in_one_field(found: Option<FieldValue<'_>>) -> BTreeSet<String> {
    let mut values = BTreeSet::new();
    match found {
        None => {}
        Some(FieldValue::Several(texts)) => values.extend(texts.iter().map(|text| strip(text).to_owned())),
        Some(FieldValue::One(value)) if value.is_object() => {}
        Some(FieldValue::One(value)) => add(&value, &mut values),
    }
    values
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
