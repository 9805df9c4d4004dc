//! Placeholders in outlier texts: `{field}` stands for the observation of that name, or else for
//! the field of the event.

use serde_json::{Map, Value};

use super::shortened::Shortened;
use crate::event::{Document, FieldPath, FieldValue, lookup};
use crate::python::to_str;

/// Values for placeholders; observations hide fields of the event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) observations: &'a Map<String, Value>,
    pub(super) event: &'a Document,
}

/// A text with placeholders, taken apart.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// Text before each placeholder, and its field.
    parts: Vec<(String, FieldPath)>,
    rest: String,
}

impl Template {
    pub(super) fn new(text: &str) -> Self {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once('{')
            && let Some((name, after)) = behind.split_once('}')
        {
            parts.push((before.to_owned(), FieldPath::new(name)));
            rest = after;
        }
        Template { parts, rest: rest.to_owned() }
    }

    /// Fields of its placeholders.
    pub(super) fn fields(&self) -> impl Iterator<Item = &FieldPath> {
        self.parts.iter().map(|(_, field)| field)
    }

    /// Fills the placeholders in one pass: braces inside values stay as they are. A text that is
    /// too long is shortened.
    pub(super) fn fill(&self, scope: &Scope<'_>) -> String {
        let mut text = Shortened::new();
        for (before, field) in &self.parts {
            text.push(before);
            push_value(field, scope, &mut text);
        }
        text.push(&self.rest);
        text.finish()
    }
}

fn push_value(field: &FieldPath, scope: &Scope<'_>, text: &mut Shortened) {
    let name = field.as_str();
    match lookup(scope.observations, field).or_else(|| scope.event.value(field)) {
        None => text.push(&format!("{{field {name} not found in event}}")),
        Some(FieldValue::Several(texts)) => text.push(&texts.join(", ")),
        Some(FieldValue::One(value)) => match &*value {
            Value::String(value) => text.push(value),
            Value::Array(elements) => {
                let texts: Option<Vec<&str>> = elements.iter().map(Value::as_str).collect();
                text.push(&texts.map_or_else(|| format!("complex field {name}"), |texts| texts.join(", ")));
            }
            value => text.push(&to_str(value)),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn check(template: &str, expected: &str) {
        let Value::Object(source) = json!({
            "a": "{b}", "b": "B", "n": null, "t": true, "f": 1.0, "l": ["x", "y"], "e": [], "m": ["x", 1],
            "o": {"k": "v"}, "h": {"name": "H"}, "term": "of the event", "d": [{"n": 1, "s": "X"}, {"n": 2, "s": "X"}]
        }) else {
            unreachable!()
        };
        let event = Document { index: String::new(), id: String::new(), source, names: Arc::default() };
        let Value::Object(observations) = json!({"term": "T", "metric": 5}) else { unreachable!() };
        let filled = Template::new(template).fill(&Scope { observations: &observations, event: &event });
        assert_eq!(filled, expected, "{template}");
    }

    #[test]
    fn placeholders_are_filled() {
        check("{b} and {h.name}", "B and H");
        check("{B}", "B");
        check("{term} {metric}", "T 5");
        check("{n} {t} {f}", "None True 1.0");
        check("{l}|{e}|{m}", "x, y||complex field m");
        check("{o}", "{'k': 'v'}");
        check("{d.n} {d.s}", "1, 2 X");
        check("{h.name.keyword} {h.name.caseless} {b.other}", "H h {field b.other not found in event}");
    }

    #[test]
    fn values_are_not_expanded_again() {
        check("{a} {b}", "{b} B");
    }

    #[test]
    fn missing_fields_are_named_in_the_text() {
        check("{x}", "{field x not found in event}");
        check("{}", "{field  not found in event}");
        check("{{b}}", "{field {b not found in event}}");
        check("open { brace", "open { brace");
        check("} {b", "} {b");
        check("{ b}", "{field  b not found in event}");
    }
}
