//! Derived fields: values that GROK patterns find in the text of another field.
//!
//! 1. `library` holds the named patterns.
//! 2. `pattern` expands the references of a pattern, compiles it, and finds values.
//! 3. [`DerivedFields`] applies the patterns of a configuration to events, in the order of the
//!    configuration.

mod library;
mod pattern;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashSet;
use serde_json::{Map, Value};

use crate::event::{FieldNames, FieldPath};
use pattern::Pattern;

/// Field to be made from the text of another field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedField {
    /// The field whose text is matched.
    pub source: FieldPath,
    /// The GROK pattern that is applied to it; not yet compiled.
    pub pattern: String,
}

/// Compiled rules, in the order of the configuration.
#[derive(Debug)]
pub struct DerivedFields {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    field: DerivedField,
    pattern: Arc<Pattern>,
    /// Hashes of the texts on which the pattern exceeded the step limit. A set, because the
    /// reported number must not depend on how often a text occurs.
    given_up: Mutex<FxHashSet<u64>>,
}

/// A rule that exceeded the step limit on some texts. It derives nothing from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp<'a> {
    /// Field that holds the texts.
    pub source: &'a FieldPath,
    /// The pattern as the user wrote it.
    pub pattern: &'a str,
    /// Number of distinct texts.
    pub n_texts: usize,
}

impl DerivedFields {
    /// Compiles the rules. Of those that do not compile, returns their index and what is wrong with
    /// them.
    pub fn compile<'a>(fields: impl IntoIterator<Item = &'a DerivedField>) -> (Self, Vec<(usize, String)>) {
        let mut rules = Vec::new();
        let mut wrong = Vec::new();
        for (field_idx, field) in fields.into_iter().enumerate() {
            match Pattern::compiled(&field.pattern) {
                Ok(pattern) => rules.push(Rule { field: field.clone(), pattern, given_up: Mutex::default() }),
                Err(message) => wrong.push((field_idx, message)),
            }
        }
        (DerivedFields { rules }, wrong)
    }

    /// Fields that were compiled.
    pub fn fields(&self) -> impl Iterator<Item = &DerivedField> {
        self.rules.iter().map(|rule| &rule.field)
    }

    /// Source field and key of every value that may be derived.
    pub fn keys(&self) -> impl Iterator<Item = (&FieldPath, &str)> {
        self.rules.iter().flat_map(|rule| rule.pattern.keys().map(|key| (&rule.field.source, key)))
    }

    /// Applies the rules of `source` to its text. Of several values of a key, later ones replace
    /// earlier ones.
    pub fn apply(&self, source: &FieldPath, text: &str) -> Vec<(String, Value)> {
        let rules = self.rules.iter().filter(|rule| rule.field.source == *source);
        rules.flat_map(|rule| rule.apply(text)).collect()
    }

    /// Derives all values of an event, each key once. Only fields that hold a single string are
    /// sources.
    pub fn derive(&self, event: &Map<String, Value>, names: &FieldNames) -> Vec<(String, Value)> {
        let mut derived: Vec<(String, Value)> = Vec::new();
        for rule in &self.rules {
            let source = names.value(event, &rule.field.source);
            let Some(text) = source.as_ref().and_then(|source| source.string()) else { continue };
            for (key, value) in rule.apply(text) {
                match derived.iter_mut().find(|(known, _)| *known == key) {
                    Some(known) => known.1 = value,
                    None => derived.push((key, value)),
                }
            }
        }
        derived
    }

    /// Rules that exceeded the step limit on some texts so far, in the order of the configuration.
    pub fn given_up(&self) -> Vec<GivenUp<'_>> {
        let given_up = self.rules.iter().map(|rule| GivenUp {
            source: &rule.field.source,
            pattern: &rule.field.pattern,
            n_texts: rule.given_up.lock().unwrap_or_else(PoisonError::into_inner).len(),
        });
        given_up.filter(|rule| rule.n_texts > 0).collect()
    }
}

impl Rule {
    /// Values that were found: a key whose part of the pattern matched nothing has none.
    fn apply(&self, text: &str) -> Vec<(String, Value)> {
        match self.pattern.search(text) {
            Ok(None) => Vec::new(),
            Ok(Some(values)) => {
                let found = self.pattern.keys().zip(values);
                found.filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
            }
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
