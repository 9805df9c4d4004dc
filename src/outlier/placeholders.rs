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

/// Fills the placeholders of `template` in one pass: braces inside values stay as they are. A text
/// that is too long is shortened.
pub(super) fn expand(template: &str, scope: &Scope<'_>) -> String {
    let mut text = Shortened::new();
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let Some(length) = rest[start..].find('}') else { break };
        text.push(&rest[..start]);
        push_value(&rest[start + 1..start + length], scope, &mut text);
        rest = &rest[start + length + 1..];
    }
    text.push(rest);
    text.finish()
}

fn push_value(name: &str, scope: &Scope<'_>, text: &mut Shortened) {
    let field = FieldPath::new(name);
    match lookup(scope.observations, &field).or_else(|| scope.event.value(&field)) {
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
        assert_eq!(expand(template, &Scope { observations: &observations, event: &event }), expected, "{template}");
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
