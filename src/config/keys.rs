//! Typed reading of the keys of one section: what is wrong becomes a problem at the key's place.

use std::collections::BTreeMap;

use super::field::FieldPath;
use super::ini::Entry;
use super::problem::{Location, Problem, quoted};
use super::values::{comma_list, parse_bool};
use crate::python::{parse_float, parse_int};
use crate::spelling::nearest;

/// The pairs of a section and the problems found in them.
pub(super) struct Keys<'a> {
    pub(super) section: &'a str,
    location: Location,
    entries: Vec<&'a Entry>,
    /// Entries that stand in for keys the section does not have.
    fallback: Vec<&'a Entry>,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(section: &'a str, location: Location, entries: Vec<&'a Entry>) -> Self {
        Keys { section, location, entries, fallback: Vec::new(), problems: Vec::new() }
    }

    /// The same keys, with others to look into for those that are missing.
    pub(super) fn with_fallback(mut self, fallback: Vec<&'a Entry>) -> Self {
        self.fallback = fallback;
        self
    }

    /// The section's own pairs.
    pub(super) fn entries(&self) -> impl Iterator<Item = &'a Entry> + use<'a, '_> {
        self.entries.iter().copied()
    }

    pub(super) fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().chain(&self.fallback).copied().find(|entry| entry.key == key)
    }

    /// The value of `key`.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.entry(key).map(|entry| entry.value.text())
    }

    /// The value of `key`, unless it is empty.
    pub(super) fn filled(&self, key: &str) -> Option<&'a str> {
        self.text(key).filter(|text| !text.is_empty())
    }

    pub(super) fn required(&mut self, key: &str, help: &str) -> Option<&'a str> {
        let found = self.filled(key);
        if found.is_none() {
            self.missing(key, help);
        }
        found
    }

    /// The value of `key`, which may be empty though that is worth a warning.
    pub(super) fn required_text(&mut self, key: &str, help: &str) -> Option<&'a str> {
        let found = self.text(key);
        match found {
            None => self.missing(key, help),
            Some("") => self.warn(key, "empty", help),
            Some(_) => {}
        }
        found
    }

    pub(super) fn int(&mut self, key: &str) -> Option<i64> {
        self.parsed(key, "not a whole number", "write digits, such as 10", parse_int)
    }

    pub(super) fn count(&mut self, key: &str) -> Option<u64> {
        let is_count = |text: &str| parse_int(text).and_then(|number| u64::try_from(number).ok());
        self.parsed(key, "not a whole number from 0 on", "write digits, such as 10", is_count)
    }

    pub(super) fn float(&mut self, key: &str) -> Option<f64> {
        let finite = |text: &str| parse_float(text).filter(|number| !number.is_nan());
        self.parsed(key, "not a number", "write a number, such as 2.5", finite)
    }

    pub(super) fn bool(&mut self, key: &str) -> Option<bool> {
        self.parsed(key, "not a switch", "write 1 or 0", parse_bool)
    }

    /// One of some names.
    pub(super) fn named<T: Copy>(&mut self, key: &str, names: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = names.iter().find(|(name, _)| *name == text).map(|&(_, value)| value);
        if found.is_none() {
            let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            let help = match nearest(text, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`? known: {}", known.join(", ")),
                None => format!("known: {}", known.join(", ")),
            };
            self.error(key, format!("unknown value {}", quoted(text)), help);
        }
        found
    }

    pub(super) fn required_named<T: Copy>(&mut self, key: &str, names: &[(&str, T)]) -> Option<T> {
        if self.entry(key).is_none() {
            let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            self.missing(key, &format!("write one of {}", known.join(", ")));
        }
        self.named(key, names)
    }

    /// A list of fields: separated by commas, blanks do not count.
    pub(super) fn required_fields(&mut self, key: &str) -> Option<Vec<FieldPath>> {
        let text = self.required(key, "name one or several fields, separated by commas")?;
        let fields: Vec<FieldPath> = comma_list(text).iter().map(|name| FieldPath::new(name)).collect();
        if fields.iter().any(|field| field.as_str().is_empty()) {
            self.error(key, format!("an empty field name in {}", quoted(text)), "remove the comma too many");
            return None;
        }
        Some(fields)
    }

    pub(super) fn parsed<T>(
        &mut self,
        key: &str,
        wrong: &str,
        help: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(key)?;
        let parsed = parse(text);
        if parsed.is_none() {
            self.error(key, format!("{wrong}: {}", quoted(text)), help);
        }
        parsed
    }

    pub(super) fn missing(&mut self, key: &str, help: &str) {
        let problem = match self.entry(key) {
            Some(entry) => Problem::error("empty").at(entry.location.clone()),
            None => Problem::error("missing").at(self.location.clone()),
        };
        self.problems.push(problem.in_section(self.section).of_key(key).help(help));
    }

    pub(super) fn error(&mut self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        self.push(Problem::error(message), key, help);
    }

    pub(super) fn warn(&mut self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        self.push(Problem::warning(message), key, help);
    }

    pub(super) fn locations(&self) -> BTreeMap<String, Location> {
        self.entries.iter().map(|entry| (entry.key.clone(), entry.value.location())).collect()
    }

    fn push(&mut self, problem: Problem, key: &str, help: impl Into<String>) {
        let location = self.entry(key).map_or_else(|| self.location.clone(), |entry| entry.value.location());
        self.problems.push(problem.at(location).in_section(self.section).of_key(key).help(help));
    }
}
