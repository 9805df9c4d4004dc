//! Derived fields: values that grok patterns find in the text of another field.
//!
//! 1. `library` has the patterns that there are by name.
//! 2. `pattern` writes out what a pattern refers to, compiles it, and finds values.
//! 3. [`DerivedFields`] applies the patterns of a configuration, in its order, to events.

mod library;
mod pattern;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashSet;
use serde_json::{Map, Value};

use super::document::lookup;
use crate::config::{DerivedField, FieldPath, Problem};
use pattern::Pattern;

/// Compiled rules, in the order of the configuration.
#[derive(Debug)]
pub struct DerivedFields {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    source: FieldPath,
    written: String,
    pattern: Arc<Pattern>,
    /// Hashes of the texts for which the pattern needed too many steps: a number that does not depend on how often a text comes up.
    given_up: Mutex<FxHashSet<u64>>,
}

/// A rule that could not be applied to some texts within the limit of steps. It derives nothing from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp<'a> {
    /// The field whose texts they are.
    pub source: &'a FieldPath,
    /// The pattern as the user wrote it.
    pub pattern: &'a str,
    /// How many different texts.
    pub n_texts: usize,
}

impl DerivedFields {
    /// Compiles rules; those that cannot be compiled are problems.
    pub fn compile(fields: &[DerivedField]) -> (Self, Vec<Problem>) {
        let mut rules = Vec::new();
        let mut problems = Vec::new();
        for field in fields {
            match Pattern::compiled(&field.pattern) {
                Ok(pattern) => rules.push(Rule {
                    source: field.source.clone(),
                    written: field.pattern.clone(),
                    pattern,
                    given_up: Mutex::default(),
                }),
                Err(message) => problems.push(
                    Problem::error(message)
                        .at(field.location.clone())
                        .in_section("derivedfields")
                        .of_key(field.source.as_str())
                        .help("a pattern is a regular expression with %{NAME}, %{NAME:key}, %{NAME:key:int} or %{NAME:key:float} in it"),
                ),
            }
        }
        (DerivedFields { rules }, problems)
    }

    /// Source field and key of everything that may be derived.
    pub fn keys(&self) -> impl Iterator<Item = (&FieldPath, &str)> {
        self.rules.iter().flat_map(|rule| rule.pattern.keys().map(|key| (&rule.source, key)))
    }

    /// What the rules of `source` find in its text; later values of a key replace earlier ones.
    pub fn apply(&self, source: &FieldPath, text: &str) -> Vec<(String, Option<Value>)> {
        let rules = self.rules.iter().filter(|rule| rule.source == *source);
        rules.flat_map(|rule| rule.apply(text)).collect()
    }

    /// Everything that is derived of an event, each key once; only texts are sources.
    pub fn derive(&self, event: &Map<String, Value>) -> Vec<(String, Value)> {
        let mut derived: Vec<(String, Value)> = Vec::new();
        for rule in &self.rules {
            let Some(Value::String(text)) = lookup(event, &rule.source) else { continue };
            for (key, value) in rule.apply(text) {
                let value = value.unwrap_or(Value::Null);
                match derived.iter_mut().find(|(known, _)| *known == key) {
                    Some(known) => known.1 = value,
                    None => derived.push((key, value)),
                }
            }
        }
        derived
    }

    /// The rules that were given up for some texts so far, in the order of the configuration.
    pub fn given_up(&self) -> Vec<GivenUp<'_>> {
        let given_up = self.rules.iter().map(|rule| GivenUp {
            source: &rule.source,
            pattern: &rule.written,
            n_texts: rule.given_up.lock().unwrap_or_else(PoisonError::into_inner).len(),
        });
        given_up.filter(|rule| rule.n_texts > 0).collect()
    }
}

impl Rule {
    fn apply(&self, text: &str) -> Vec<(String, Option<Value>)> {
        match self.pattern.search(text) {
            Ok(None) => Vec::new(),
            Ok(Some(values)) => self.pattern.keys().map(str::to_owned).zip(values).collect(),
            Err(_) => {
                let mut hasher = DefaultHasher::new();
                text.hash(&mut hasher);
                self.given_up.lock().unwrap_or_else(PoisonError::into_inner).insert(hasher.finish());
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests;
