//! JSON objects with a fixed set of known keys.

use serde_json::{Map, Value};

use super::{DslError, Parsed};

/// An object of the DSL, and its path.
pub(super) struct Object<'a> {
    entries: &'a Map<String, Value>,
    path: String,
}

impl<'a> Object<'a> {
    /// Rejects keys other than `known`. `boost` and `_name` are accepted everywhere, because they
    /// do not change the matches.
    pub(super) fn new(value: &'a Value, path: &str, known: &[&str]) -> Parsed<Self> {
        let entries = value.as_object().ok_or_else(|| DslError::new(path, "not an object", "expected {..}"))?;
        let unknown =
            entries.keys().find(|key| !known.contains(&key.as_str()) && !matches!(key.as_str(), "boost" | "_name"));
        match unknown {
            Some(key) => {
                let help = if known.is_empty() {
                    "it has no options".to_owned()
                } else {
                    format!("supported are {}", known.join(", "))
                };
                Err(DslError::new(&format!("{path}.{key}"), format!("unknown option `{}`", key.escape_debug()), help))
            }
            None => Ok(Object { entries, path: path.to_owned() }),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.entries.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn required(&self, key: &str) -> Parsed<&'a Value> {
        self.get(key).ok_or_else(|| DslError::new(&self.path, format!("`{key}` is missing"), "add it"))
    }

    pub(super) fn flag(&self, key: &str, default: bool) -> Parsed<bool> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(flag)) if flag == "true" || flag == "false" => Ok(flag == "true"),
            Some(_) => Err(DslError::new(&self.path(key), "not a boolean", "expected true or false")),
        }
    }

    pub(super) fn count(&self, key: &str) -> Parsed<usize> {
        let Some(value) = self.get(key) else { return Ok(0) };
        let path = self.path(key);
        scalar(value, &path)?
            .parse()
            .map_err(|_| DslError::new(&path, "not a count", "expected a whole number from 0 on"))
    }

    pub(super) fn path(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }
}

/// Returns the only entry besides `boost` and `_name`: a field and the query on it.
pub(super) fn single_field<'a>(value: &'a Value, path: &str) -> Parsed<(&'a str, &'a Value)> {
    let entries = value.as_object().ok_or_else(|| DslError::new(path, "not an object", "expected {\"field\": ..}"))?;
    let mut fields = entries.iter().filter(|(key, _)| !matches!(key.as_str(), "boost" | "_name"));
    match (fields.next(), fields.next()) {
        (Some((field, body)), None) => Ok((field, body)),
        _ => Err(DslError::new(path, "not exactly one field", "write one query per field")),
    }
}

/// Reads a string, number or boolean as text.
pub(super) fn scalar(value: &Value, path: &str) -> Parsed<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(DslError::new(path, "not a single value", "expected a text, a number, true or false"))
        }
    }
}

pub(super) fn text(value: &Value, path: &str) -> Parsed<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| DslError::new(path, "not a text", "expected \"..\""))
}

/// Reads a list of values, or a single value.
pub(super) fn list_of_scalars(value: &Value, path: &str) -> Parsed<Vec<String>> {
    match value {
        Value::Array(values) => {
            values.iter().enumerate().map(|(idx, value)| scalar(value, &format!("{path}[{idx}]"))).collect()
        }
        value => scalar(value, path).map(|value| vec![value]),
    }
}
