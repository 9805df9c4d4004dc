//! Whitelist: outliers that match one of its entries are not reported.
//!
//! A part of an entry is tested against every value of the event and of the outlier, or against the
//! values of the field that it names. These values are the event's fields except its earlier
//! `outliers`, the derived fields, and the outlier's texts, assets, parameters and observations.
//! The summary is tested both wrapped and unwrapped. `_index` and `_id` are not matched.

mod values;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::{WhitelistEntries, WhitelistPart};
use crate::event::Document;
use crate::outlier::Outlier;
use crate::python::PrefixRegex;
use values::Values;

/// Entries that apply to a use case.
#[derive(Debug)]
pub struct Whitelist {
    /// Those of the main configuration and those of the use case's file.
    origins: [Arc<WhitelistEntries>; 2],
}

/// Result of a test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    /// True if the outlier is accepted.
    pub whitelisted: bool,
    /// Number of times that a regexp was stopped because a value made it too slow. It then counts
    /// as not matching that value.
    pub regexps_given_up: u64,
    /// True if the outlier is not accepted, but was by versions in which `field:value` was a value
    /// as a whole.
    pub formerly_accepted: bool,
}

impl Whitelist {
    /// Combines the entries of the main configuration with those of the use case's file.
    pub fn new(global: Arc<WhitelistEntries>, per_file: Arc<WhitelistEntries>) -> Self {
        Whitelist { origins: [global, per_file] }
    }

    /// True if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.origins.iter().all(|entries| entries.is_empty())
    }

    /// Tests an outlier of a document. Derived fields replace the document's own.
    pub fn matches(&self, outlier: &Outlier, document: &Document) -> Verdict {
        if self.is_empty() {
            return Verdict::default();
        }
        let values = Values::new(outlier, document);
        let mut verdict = Verdict::default();
        verdict.whitelisted = self.origins.iter().any(|entries| matches_literal(entries, &values))
            || self.origins.iter().any(|entries| matches_regexp(entries, &values, &mut verdict.regexps_given_up));
        verdict.formerly_accepted = !verdict.whitelisted
            && self.origins.iter().filter_map(|entries| entries.former()).any(|former| {
                matches_literal(former, &values) || matches_regexp(former, &values, &mut verdict.regexps_given_up)
            });
        verdict
    }
}

fn matches_literal(entries: &WhitelistEntries, values: &Values<'_>) -> bool {
    let is_held = |part: &WhitelistPart<String>| values.of(part.field.as_ref()).contains(&part.value);
    entries.index().fields().iter().filter(|indexed| indexed.has_literals()).any(|indexed| {
        let values = values.of(indexed.field.as_ref());
        let mut possible = values.iter().flat_map(|value| indexed.literals(value));
        possible.any(|&idx| entries.literals[idx].iter().all(is_held))
    })
}

fn matches_regexp(entries: &WhitelistEntries, values: &Values<'_>, n_given_up: &mut u64) -> bool {
    // sorted like the values, so that the number of stopped regexps does not differ between runs
    let mut possible = BTreeSet::new();
    for indexed in entries.index().fields().iter().filter(|indexed| indexed.has_regexps()) {
        let values = values.of(indexed.field.as_ref());
        possible.extend(values.iter().flat_map(|value| indexed.regexps(value)));
    }
    let mut is_held = |part: &WhitelistPart<PrefixRegex>| {
        values.of(part.field.as_ref()).iter().any(|value| {
            part.value.is_match(value).unwrap_or_else(|_| {
                *n_given_up += 1;
                false
            })
        })
    };
    possible.into_iter().any(|idx| entries.regexps[idx].iter().all(&mut is_held))
}

#[cfg(test)]
mod tests;
