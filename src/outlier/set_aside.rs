//! Events of files that bring along what looks like outliers of ours.

use outlier_kernels::ByteSet;
use serde_json::{Map, Value};

use super::stored::{FIELD, TAGS};
use crate::event::decode::{each_member, with_valid_surrogates};

/// Field in which the output keeps `outliers` that an event of a file brought along.
const OF_EVENT: &str = "original_outliers";

/// Document of a file, to which outliers can be added.
#[derive(Debug)]
pub struct FileDocument {
    /// Its text.
    pub text: String,
    /// Fields in it that outliers change: at most its tags.
    pub fields: Map<String, Value>,
}

impl FileDocument {
    /// Returns the document `text` without outliers of its own. Nearly all documents stay as they
    /// are.
    ///
    /// # Errors
    /// A text that is not a JSON object.
    pub fn new(text: String) -> serde_json::Result<Self> {
        let (mut is_fine, mut tags) = (true, None);
        let found = each_member(&text, &ByteSet::of(b"ot"), |name, value| {
            is_fine &= !(below_own(name).is_some() || name == TAGS && value.starts_with('"'));
            tags = if name == TAGS { Some(value) } else { tags };
        });
        let mut fields = Map::new();
        if found.is_some() && is_fine {
            if let Some(tags) = tags {
                fields.insert(TAGS.to_owned(), serde_json::from_str(&with_valid_surrogates(tags))?);
            }
            return Ok(FileDocument { text, fields });
        }
        let mut source: Map<String, Value> = serde_json::from_str(&with_valid_surrogates(&text))?;
        set_own_aside(&mut source);
        let text = serde_json::to_string(&source)?;
        fields.extend(source.remove(TAGS).map(|tags| (TAGS.to_owned(), tags)));
        Ok(FileDocument { text, fields })
    }
}

/// Rest of the name of a member that outliers would be stored under: empty, or with a dot.
fn below_own(name: &str) -> Option<&str> {
    name.strip_prefix(FIELD).filter(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Moves what an event of a file brought along under `outliers`, as an object or under dotted
/// names, to a field that is free: it is the event's own data, whatever it looks like, and must not
/// pass for outliers of ours. A single tag becomes a list.
fn set_own_aside(source: &mut Map<String, Value>) {
    let rest = |name: &String| Some((name.clone(), below_own(name)?.to_owned()));
    let own: Vec<(String, String)> = source.keys().filter_map(rest).collect();
    if !own.is_empty() {
        let numbered = (2_u64..).map(|n| format!("{OF_EVENT}_{n}"));
        let is_free = |free: &String| !own.iter().any(|(_, rest)| source.contains_key(&format!("{free}{rest}")));
        let free = std::iter::once(OF_EVENT.to_owned()).chain(numbered).find(is_free).unwrap_or_default();
        for (name, rest) in own {
            let value = source.shift_remove(&name);
            source.extend(value.map(|value| (format!("{free}{rest}"), value)));
        }
    }
    if let Some(tag @ Value::String(_)) = source.get_mut(TAGS) {
        *tag = Value::Array(vec![tag.take()]);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn outliers_of_an_event_are_set_aside() {
        let check = |source: Value, expected: Value| {
            let Value::Object(mut source) = source else { unreachable!() };
            set_own_aside(&mut source);
            assert_eq!(Value::Object(source).to_string(), expected.to_string());
        };
        check(json!({"a": 1, "tags": ["x"]}), json!({"a": 1, "tags": ["x"]}));
        check(json!({"outliers": {"summary": "s"}, "b": 2}), json!({"b": 2, "original_outliers": {"summary": "s"}}));
        check(
            json!({"outliers.summary": "s", "b": 2, "outliers": {"x": 1}, "outliers_2": 3, "original_outliers.summary": 4}),
            json!({"b": 2, "outliers_2": 3, "original_outliers.summary": 4, "original_outliers_2.summary": "s",
                "original_outliers_2": {"x": 1}}),
        );
        check(
            json!({"outliers": null, "original_outliers": 1, "original_outliers_2": 2, "tags": "outlier"}),
            json!({"original_outliers": 1, "original_outliers_2": 2, "tags": ["outlier"], "original_outliers_3": null}),
        );
    }

    #[test]
    fn other_documents_stay_as_they_are() {
        let document = |text: &str| FileDocument::new(text.to_owned()).map(|found| (found.text, json!(found.fields)));
        for (text, tags) in [
            (r#"{ "a":1.50, "outlier":{}, "b":"\/" }"#, json!({})),
            (r#"{"tags" : [ "x" ],"outliers_2":3}"#, json!({"tags": ["x"]})),
            (r#"{"tags":null}"#, json!({"tags": null})),
        ] {
            assert_eq!(document(text).unwrap(), (text.to_owned(), tags), "{text}");
        }
        let set_aside = (r#"{"tags":["x"],"original_outliers":1}"#.to_owned(), json!({"tags": ["x"]}));
        assert_eq!(document(r#"{"\u006futliers":1, "tags":"x"}"#).unwrap(), set_aside);
        assert!(document("[]").is_err() && document(r#"{"a":01}"#).is_err());
    }
}
