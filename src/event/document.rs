//! Whole events, as stored.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::lookup::{FieldValue, Found, find, texts_of};
use super::names::{Case, FieldNames, Form, FormPart};
use crate::event::FieldPath;
use crate::event::decode::timestamp;
use crate::event::text::lower_case;
use crate::event::time::{TimeFormats, yearless};

/// A document: index, id and fields.
#[derive(Debug, Clone)]
pub struct Document {
    /// Index, or the name of the file it was read from.
    pub index: String,
    /// Id, or the number of its line.
    pub id: String,
    /// `_source`, keys in their original order.
    pub source: Map<String, Value>,
    /// Meaning of the names of its fields.
    pub names: Arc<FieldNames>,
}

impl Document {
    /// Returns the value of `field`, or that of the form for which the name stands; `None` if it is
    /// missing.
    pub fn value(&self, field: &FieldPath) -> Option<FieldValue<'_>> {
        self.names.value(&self.source, field)
    }

    /// Returns the time in `field`, in microseconds since 1970; `None` if there is none that can be
    /// read. One without a year lies before `newest`.
    pub fn time(&self, field: &FieldPath, formats: &TimeFormats, newest: Option<i64>) -> Option<i64> {
        let json = match self.value(field)? {
            FieldValue::One(value) => value.to_string(),
            several => Value::from(several.text()?).to_string(),
        };
        let time = timestamp(&json, formats, &mut String::new())?;
        if yearless::is(time) { newest.map(|newest| yearless::resolve(time, newest)) } else { Some(time) }
    }
}

impl FieldNames {
    /// Returns the value of a field of an event, see [`Document::value`].
    pub fn value<'a>(&self, source: &'a Map<String, Value>, field: &FieldPath) -> Option<FieldValue<'a>> {
        match find(source, field.as_str()) {
            Some(found) => Some(found.into_value()),
            None => self.forms(field).iter().find_map(|form| value_of_form(source, form)),
        }
    }
}

fn value_of_form<'a>(source: &'a Map<String, Value>, form: &Form) -> Option<FieldValue<'a>> {
    let found = find(source, form.of.as_str())?;
    let value = match &form.part {
        None => found.into_value(),
        Some(FormPart::Fact(fact)) => {
            let addresses = found.into_value().elements();
            let mut facts = Vec::new();
            super::lookup::extend_distinct(&mut facts, addresses.iter().filter_map(|address| fact.of(address)));
            (!facts.is_empty()).then_some(FieldValue::Several(facts))?
        }
        Some(FormPart::Entry(entry)) => {
            let mut picked = Vec::new();
            match found {
                Found::One(value) => entry.values(value, &mut picked),
                Found::InArrays(values) => values.iter().for_each(|value| entry.values(value, &mut picked)),
            }
            (!picked.is_empty()).then(|| FieldValue::Several(texts_of(&picked)))?
        }
    };
    Some(match form.case {
        Case::Kept => value,
        Case::Lower => in_lower_case(value),
    })
}

fn in_lower_case(value: FieldValue<'_>) -> FieldValue<'_> {
    fn folded(value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(lower_case(text)),
            Value::Array(list) => list.iter().map(folded).collect(),
            other => other.clone(),
        }
    }
    match value {
        FieldValue::One(value) => FieldValue::One(Cow::Owned(folded(&value))),
        FieldValue::Several(texts) => {
            let mut folded: Vec<String> = Vec::with_capacity(texts.len());
            super::lookup::extend_distinct(&mut folded, texts.iter().map(|text| lower_case(text)));
            FieldValue::Several(folded)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(source: Value, field: &str, expected: Option<&[&str]>) {
        let entry = Form::of_named_entry("bag[Name = n x ].Value").unwrap();
        let names = FieldNames::new([("mine".to_owned(), entry)]);
        let Value::Object(source) = source else { panic!("an object") };
        let found = names.value(&source, &FieldPath::new(field)).map(|value| value.elements());
        let expected = expected.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(found, expected, "{field}");
    }

    #[test]
    fn customary_forms_mean_the_field_itself() {
        check(json!({"x": {"y": "A b"}}), "x.y.keyword", Some(&["A b"]));
        check(json!({"x": ["A", "B"]}), "x.raw", Some(&["A", "B"]));
        check(json!({"X": "A"}), "x.TEXT", Some(&["A"]));
        check(json!({"x": ["A", 1, "a"]}), "x.caseless", Some(&["a", "1", "a"]));
        check(json!({"x": "A"}), "x.other", None);
        check(json!({"x": "A"}), "keyword", None);
        check(json!({"x": [{"y": "A"}, {"y": "a"}, {"y": "B"}]}), "x.y.caseless", Some(&["a", "b"]));
    }

    #[test]
    fn what_an_event_really_has_wins() {
        check(json!({"x": {"keyword": "k"}}), "x.keyword", Some(&["k"]));
        check(json!({"x": {"keyword": null}}), "x.keyword", Some(&[]));
        check(json!({"x": {"caseless": "K"}}), "x.caseless", Some(&["K"]));
        check(json!({"x": "A", "x.keyword": "k"}), "x.keyword", Some(&["k"]));
        check(json!({"x": {"other": "k"}}), "x.keyword", Some(&[]));
    }

    #[test]
    fn entries_have_customary_forms() {
        let event = json!({"bag": [{"Name": "n x", "Value": "V"}], "own": "W"});
        check(event.clone(), "mine.keyword", Some(&["V"]));
        check(event.clone(), "Mine.RAW", Some(&["V"]));
        check(event.clone(), "MINE.caseless", Some(&["v"]));
        check(event.clone(), "mine.other", None);
        check(event, "own.caseless", Some(&["w"]));
        check(json!({"bag": [{"Name": "o", "Value": "V"}]}), "mine.keyword", None);
    }

    #[test]
    fn entries_are_found_by_their_name() {
        let bag = json!([{"Name": "n x", "Value": "v"}, {"Name": "o", "Value": "w"}, "text", {"name": "n x", "value": ["v", 2]}]);
        check(json!({"bag": bag}), "mine", Some(&["v", "2"]));
        check(json!({"list": [{"bag": bag}]}), "mine", None);
        check(json!({"bag": {"Name": "n x", "Value": "v"}}), "MINE", Some(&["v"]));
        check(json!({"bag": [{"Name": "o", "Value": "v"}]}), "mine", None);
        check(json!({"bag": bag, "mine": "own"}), "mine", Some(&["own"]));
        for wrong in ["a", "a[b]", "a[b=c]", "a[b=c].", "[b=c].d", "a[=c].d", "a[b=].d"] {
            assert_eq!(Form::of_named_entry(wrong), None, "{wrong}");
        }
    }
}
