//! A notice as JSON, for programs and templates: the same members whatever it is about.

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::view;
use crate::delivery::Notice;

/// Number of the form: it grows when a member changes its meaning or is removed.
const SCHEMA: u64 = 1;

/// Upper limit on the steps of a template: a template that loops forever must not stop the others.
const TEMPLATE_STEPS: u64 = 1_000_000;

/// The notice as an object. The document of an example is an object, too.
pub(super) fn object(notice: &Notice) -> Value {
    let (kind, fields) = match notice {
        Notice::Finding(finding) => ("finding", serde_json::to_value(finding)),
        Notice::Sample(finding) => ("test", serde_json::to_value(finding)),
        Notice::Digest(digest) => ("digest", serde_json::to_value(digest)),
    };
    let mut object = Map::new();
    object.insert("schema".to_owned(), json!(SCHEMA));
    object.insert("kind".to_owned(), json!(kind));
    object.insert("title".to_owned(), json!(view::title(notice)));
    object.insert("severity".to_owned(), json!(view::severity(notice).as_str()));
    if let Ok(Value::Object(fields)) = fields {
        // the severity of the use case may be missing
        object.extend(fields.into_iter().filter(|(name, _)| name != "severity"));
    }
    if let Some(source) = object.get_mut("example").and_then(|example| example.get_mut("source"))
        && let Some(parsed) = source.as_str().and_then(|text| serde_json::from_str(text).ok())
    {
        *source = parsed;
    }
    Value::Object(object)
}

/// The notice for a template.
pub(super) fn of_template(notice: &Notice) -> minijinja::Value {
    minijinja::Value::from(Serde(Plain(&object(notice))))
}

/// Returns an environment in which a template takes a limited time. Members that a notice does not
/// have are empty, and so are theirs.
pub(super) fn environment<'a>() -> Environment<'a> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(TEMPLATE_STEPS));
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment
}

/// JSON whose numbers are numbers for every serializer: ours keep their text.
struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::String(text) => serializer.serialize_str(text),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(number), _, _) => serializer.serialize_i64(number),
                (_, Some(number), _) => serializer.serialize_u64(number),
                (_, _, Some(number)) => serializer.serialize_f64(number),
                _ => serializer.serialize_str(&number.to_string()),
            },
            Value::Array(values) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|value| list.serialize_element(&Plain(value)))?;
                list.end()
            }
            Value::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                members.iter().try_for_each(|(name, value)| map.serialize_entry(name, &Plain(value)))?;
                map.end()
            }
        }
    }
}
