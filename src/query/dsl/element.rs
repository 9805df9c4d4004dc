//! JSON values of the DSL with their places.

use serde_json::{Map, Value};

use super::{DslError, Parsed};

/// A value, and its path.
pub(super) struct Element<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Element<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Element { value, path: String::new() }
    }

    fn entry(&self, key: &str, value: &'a Value) -> Self {
        Element { value, path: format!("{}.{key}", self.path) }
    }

    pub(super) fn error(&self, message: impl Into<String>, help: impl Into<String>) -> DslError {
        DslError { path: self.path.clone(), message: message.into(), help: help.into() }
    }

    /// Returns the entries of an object, or an error with this message.
    pub(super) fn entries(&self, message: &str, help: &str) -> Parsed<&'a Map<String, Value>> {
        self.value.as_object().ok_or_else(|| self.error(message, help))
    }

    /// Returns the only one of `entries`, with its key.
    pub(super) fn only(
        &self,
        mut entries: impl Iterator<Item = (&'a String, &'a Value)>,
    ) -> Option<(&'a str, Element<'a>)> {
        match (entries.next(), entries.next()) {
            (Some((key, value)), None) => Some((key, self.entry(key, value))),
            _ => None,
        }
    }

    /// Returns the only entry besides `boost` and `_name`: a field and the query on it.
    pub(super) fn single_field(&self) -> Parsed<(&'a str, Element<'a>)> {
        let entries = self.entries("not an object", "expected {\"field\": ..}")?;
        self.only(entries.iter().filter(|(key, _)| !is_about_results(key)))
            .ok_or_else(|| self.error("not exactly one field", "write one query per field"))
    }

    /// Rejects keys other than `known`. `boost` and `_name` are accepted everywhere, because they
    /// do not change the matches.
    pub(super) fn check_keys(&self, known: &[&str]) -> Parsed<()> {
        let entries = self.entries("not an object", "expected {..}")?;
        match entries.iter().find(|(key, _)| !known.contains(&key.as_str()) && !is_about_results(key)) {
            None => Ok(()),
            Some((key, value)) => {
                let help = match known {
                    [] => "it has no options".to_owned(),
                    known => format!("supported are {}", known.join(", ")),
                };
                Err(self.entry(key, value).error(format!("unknown option `{}`", key.escape_debug()), help))
            }
        }
    }

    /// Reads the value of a query on a field: the element itself, or the entry `key` of an object
    /// that may also have `options`.
    pub(super) fn value(&self, key: &str, options: &[&str]) -> Parsed<String> {
        if !self.value.is_object() {
            return self.scalar();
        }
        self.check_keys(&[&[key], options].concat())?;
        self.required(key)?.scalar()
    }

    /// Returns the entry `key` unless it is null.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        self.value.get(key).filter(|value| !value.is_null()).map(|value| self.entry(key, value))
    }

    pub(super) fn required(&self, key: &str) -> Parsed<Self> {
        self.get(key).ok_or_else(|| self.error(format!("`{key}` is missing"), "add it"))
    }

    /// Reads the text of the entry `key`, which may be missing.
    pub(super) fn choice<T>(
        &self,
        key: &str,
        default: T,
        read: impl FnOnce(&str) -> Option<T>,
        (message, help): (&str, &str),
    ) -> Parsed<T> {
        let Some(entry) = self.get(key) else { return Ok(default) };
        read(entry.text()?).ok_or_else(|| entry.error(message, help))
    }

    pub(super) fn flag(&self, key: &str, default: bool) -> Parsed<bool> {
        let Some(entry) = self.get(key) else { return Ok(default) };
        match entry.value {
            Value::Bool(flag) => Ok(*flag),
            Value::String(flag) if flag == "true" || flag == "false" => Ok(flag == "true"),
            _ => Err(entry.error("not a boolean", "expected true or false")),
        }
    }

    pub(super) fn count(&self, key: &str) -> Parsed<usize> {
        let Some(entry) = self.get(key) else { return Ok(0) };
        entry.scalar()?.parse().map_err(|_| entry.error("not a count", "expected a whole number from 0 on"))
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    /// Returns the elements of a list; any other value is its own only element.
    pub(super) fn list(&self) -> Vec<Self> {
        let element = |path, value| Element { value, path };
        match self.value {
            Value::Array(values) => {
                values.iter().enumerate().map(|(idx, value)| element(format!("{}[{idx}]", self.path), value)).collect()
            }
            value => vec![element(self.path.clone(), value)],
        }
    }

    /// Reads a string, number or boolean as text.
    pub(super) fn scalar(&self) -> Parsed<String> {
        match self.value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(flag) => Ok(flag.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                Err(self.error("not a single value", "expected a text, a number, true or false"))
            }
        }
    }

    /// Reads a list of values, or a single value.
    pub(super) fn scalars(&self) -> Parsed<Vec<String>> {
        self.list().iter().map(Element::scalar).collect()
    }

    pub(super) fn text(&self) -> Parsed<&'a str> {
        self.value.as_str().ok_or_else(|| self.error("not a text", "expected \"..\""))
    }
}

/// True for keys that order or name results.
fn is_about_results(key: &str) -> bool {
    matches!(key, "boost" | "_name")
}
