//! Whitelist: outliers that match one of its entries are not reported.
//!
//! An entry is tested against every value of the event and of the outlier. These are the event's
//! fields except its earlier `outliers`, the derived fields, and the outlier's texts, assets,
//! parameters and observations. The summary is tested both wrapped and unwrapped. `_index` and
//! `_id` are not matched.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use regex::{RegexSet, RegexSetBuilder};
use serde_json::Value;

use crate::config::WhitelistEntries;
use crate::event::Document;
use crate::outlier::Outlier;
use crate::python::{PrefixRegex, strip, to_str};

/// Entries that apply to a use case, prepared for many tests.
#[derive(Debug)]
pub struct Whitelist {
    literals: Vec<Vec<String>>,
    /// Literal entries by their first part.
    by_first_part: HashMap<String, Vec<usize>>,
    regexps: Vec<Vec<PrefixRegex>>,
    /// First parts of the regexps in the set. `in_set` holds their entries.
    first_parts: RegexSet,
    in_set: Vec<usize>,
    /// Entries outside the set: their first part needs the slower engine, or the set would be too
    /// large.
    not_in_set: Vec<usize>,
}

/// Result of a test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    /// True if the outlier is accepted.
    pub whitelisted: bool,
    /// Number of times that a regexp was stopped because a value made it too slow. It then counts
    /// as not matching that value.
    pub regexps_given_up: u64,
}

impl Whitelist {
    /// Combines the entries of the main configuration with those of the use case's file.
    pub fn new(global: Arc<WhitelistEntries>, per_file: Arc<WhitelistEntries>) -> Self {
        let literals: Vec<Vec<String>> = global.literals.iter().chain(&per_file.literals).cloned().collect();
        let mut by_first_part: HashMap<String, Vec<usize>> = HashMap::new();
        for (idx, parts) in literals.iter().enumerate() {
            if let Some(first) = parts.first() {
                by_first_part.entry(first.clone()).or_default().push(idx);
            }
        }
        let regexps: Vec<Vec<PrefixRegex>> = global.regexps.iter().chain(&per_file.regexps).cloned().collect();
        let (first_parts, in_set, not_in_set) = prepare(&regexps);
        Whitelist { literals, by_first_part, regexps, first_parts, in_set, not_in_set }
    }

    /// True if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.literals.is_empty() && self.regexps.is_empty()
    }

    /// Tests an outlier of a document. Derived fields replace the document's own.
    pub fn matches(&self, outlier: &Outlier, document: &Document) -> Verdict {
        if self.is_empty() {
            return Verdict::default();
        }
        let values = values(outlier, document);
        if self.matches_literal(&values) {
            return Verdict { whitelisted: true, ..Verdict::default() };
        }
        self.matches_regexp(&values)
    }

    fn matches_literal(&self, values: &BTreeSet<String>) -> bool {
        values
            .iter()
            .filter_map(|value| self.by_first_part.get(value))
            .flatten()
            .any(|&idx| self.literals[idx].iter().all(|part| values.contains(part)))
    }

    fn matches_regexp(&self, values: &BTreeSet<String>) -> Verdict {
        let mut verdict = Verdict::default();
        if self.regexps.is_empty() {
            return verdict;
        }
        // sorted like the values, so that the number of stopped regexps does not differ between
        // runs
        let mut possible: BTreeSet<usize> = self.not_in_set.iter().copied().collect();
        for value in values {
            possible.extend(self.first_parts.matches(value).into_iter().map(|idx| self.in_set[idx]));
        }
        let mut any_value = |part: &PrefixRegex| {
            values.iter().any(|value| {
                part.is_match(value).unwrap_or_else(|_| {
                    verdict.regexps_given_up += 1;
                    false
                })
            })
        };
        let whitelisted = possible.into_iter().any(|idx| self.regexps[idx].iter().all(&mut any_value));
        verdict.whitelisted = whitelisted;
        verdict
    }
}

/// Builds one automaton for the first parts of all entries whose patterns mean the same to both
/// engines.
fn prepare(regexps: &[Vec<PrefixRegex>]) -> (RegexSet, Vec<usize>, Vec<usize>) {
    let mut patterns = Vec::new();
    let (mut in_set, mut not_in_set) = (Vec::new(), Vec::new());
    for (idx, parts) in regexps.iter().enumerate() {
        match parts.first().and_then(PrefixRegex::plain_pattern) {
            Some(pattern) => {
                patterns.push(pattern);
                in_set.push(idx);
            }
            None => not_in_set.push(idx),
        }
    }
    match RegexSetBuilder::new(&patterns).build() {
        Ok(set) => (set, in_set, not_in_set),
        // too large together: each is tested by itself
        Err(_) => (RegexSet::empty(), Vec::new(), (0..regexps.len()).collect()),
    }
}

fn values(outlier: &Outlier, document: &Document) -> BTreeSet<String> {
    // a sample of other events must not whitelist this one
    let own = outlier.fields().iter().filter(|(key, _)| *key != "non_outlier_values_sample");
    let fields = document.source.iter().filter(|(name, _)| *name != "outliers");
    let mut values = BTreeSet::from([strip(outlier.unwrapped_summary()).to_owned()]);
    own.chain(fields).for_each(|(_, value)| add(value, &mut values));
    values
}

/// Adds the text of a value. The elements of a list are added one by one, each as one text.
fn add(value: &Value, values: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => object.values().for_each(|value| add(value, values)),
        Value::Array(elements) => values.extend(elements.iter().map(stripped_text)),
        scalar => drop(values.insert(stripped_text(scalar))),
    }
}

fn stripped_text(value: &Value) -> String {
    strip(&to_str(value)).to_owned()
}

#[cfg(test)]
mod tests;
