//! Whitelist entries by one part of each: most entries are ruled out without a look at them.

use std::collections::{BTreeMap, HashMap};

use super::{WhitelistEntries, WhitelistPart};
use crate::event::FieldPath;
use crate::python::{PrefixRegex, PrefixRegexSet};

/// Entries by one of their parts, which are grouped by field.
#[derive(Clone, Debug)]
pub struct WhitelistIndex {
    fields: Vec<IndexedField>,
}

/// Parts that ask for the same field.
#[derive(Clone, Debug)]
pub struct IndexedField {
    /// The field; `None` for parts that any field may satisfy.
    pub field: Option<FieldPath>,
    by_literal: HashMap<String, Vec<usize>>,
    regexps: PrefixRegexSet,
    /// Entries of these regexps.
    of_regexp: Vec<usize>,
}

/// Entries collected before the regular expressions are combined.
#[derive(Default)]
struct Collected {
    by_literal: HashMap<String, Vec<usize>>,
    regexps: Vec<PrefixRegex>,
    of_regexp: Vec<usize>,
}

impl WhitelistIndex {
    pub(super) fn new(entries: &WhitelistEntries) -> Self {
        let mut fields: BTreeMap<Option<FieldPath>, Collected> = BTreeMap::new();
        let mut n_uses: HashMap<&WhitelistPart<String>, usize> = HashMap::new();
        entries.literals.iter().flatten().for_each(|part| *n_uses.entry(part).or_default() += 1);
        for (idx, parts) in entries.literals.iter().enumerate() {
            // the rarest part rules out the most
            if let Some(part) = parts.iter().min_by_key(|part| n_uses.get(part)) {
                let of_field = fields.entry(part.field.clone()).or_default();
                of_field.by_literal.entry(part.value.clone()).or_default().push(idx);
            }
        }
        for (idx, parts) in entries.regexps.iter().enumerate() {
            if let Some(part) = most_selective(parts) {
                let of_field = fields.entry(part.field.clone()).or_default();
                of_field.regexps.push(part.value.clone());
                of_field.of_regexp.push(idx);
            }
        }
        let indexed = |(field, Collected { by_literal, regexps, of_regexp })| {
            let regexps = PrefixRegexSet::new(regexps);
            IndexedField { field, by_literal, regexps, of_regexp }
        };
        WhitelistIndex { fields: fields.into_iter().map(indexed).collect() }
    }

    /// The fields whose values decide which entries are possible.
    pub fn fields(&self) -> &[IndexedField] {
        &self.fields
    }
}

/// The part that rules out most: one for the backtracking engine is not tried to this end.
fn most_selective(parts: &[WhitelistPart<PrefixRegex>]) -> Option<&WhitelistPart<PrefixRegex>> {
    parts.iter().rev().max_by_key(|part| (part.value.plain_pattern().is_some(), part.value.longest_word()))
}

impl IndexedField {
    /// Numbers of the literal entries whose indexed part is `value`.
    pub fn literals(&self, value: &str) -> &[usize] {
        self.by_literal.get(value).map_or(&[], Vec::as_slice)
    }

    /// True if the field has literal entries.
    pub fn has_literals(&self) -> bool {
        !self.by_literal.is_empty()
    }

    /// True if the field has regular expressions.
    pub fn has_regexps(&self) -> bool {
        !self.of_regexp.is_empty()
    }

    /// Numbers of the regexp entries whose indexed part matches `value`, or may match it.
    pub fn regexps<'a>(&'a self, value: &str) -> impl Iterator<Item = usize> + 'a {
        self.regexps.possible(value).into_iter().map(|idx| self.of_regexp[idx as usize])
    }
}
