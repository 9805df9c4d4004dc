//! Entries of one origin, and what the values of one event say about them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::values::Values;
use crate::config::{WhitelistEntries, WhitelistNote, WhitelistPart};
use crate::python::PrefixRegex;

/// Entries that outliers of one event are tested against.
#[derive(Debug)]
pub(super) struct TestedEntries<'a> {
    entries: &'a WhitelistEntries,
    /// Time at which entries may have expired.
    now: Option<DateTime<Utc>>,
    /// Literal entries that the event's values make possible.
    literals: Option<BTreeSet<usize>>,
    /// Regexp entries that the event's values make possible.
    regexps: Option<BTreeSet<usize>>,
    /// Tests of the event's values so far, by entry and part.
    by_part: HashMap<(usize, usize), Test>,
}

/// Result of a regexp and some values.
#[derive(Debug, Clone, Copy, Default)]
struct Test {
    is_held: bool,
    n_given_up: u64,
}

impl<'a> TestedEntries<'a> {
    pub(super) fn new(entries: &'a WhitelistEntries, now: Option<DateTime<Utc>>) -> Self {
        TestedEntries { entries, now, literals: None, regexps: None, by_part: HashMap::new() }
    }

    pub(super) fn match_literal(&mut self, event: &mut Values<'_>, outlier: &mut Values<'_>) -> bool {
        !self.literals(event, outlier, 1).is_empty()
    }

    pub(super) fn match_regexp(
        &mut self,
        event: &mut Values<'_>,
        outlier: &mut Values<'_>,
        n_given_up: &mut u64,
    ) -> bool {
        !self.regexps(event, outlier, 1, n_given_up).is_empty()
    }

    /// Notes of all entries that match.
    pub(super) fn accepting(&mut self, event: &mut Values<'_>, outlier: &mut Values<'_>) -> Vec<Arc<WhitelistNote>> {
        let entries = self.entries;
        let literals = self.literals(event, outlier, usize::MAX);
        // what is given up is counted when an outlier is tested
        let regexps = self.regexps(event, outlier, usize::MAX, &mut 0);
        let literals = literals.into_iter().map(|idx| entries.literal_note(idx));
        literals.chain(regexps.into_iter().map(|idx| entries.regexp_note(idx))).cloned().collect()
    }

    /// Numbers of the literal entries that match, at most `most`.
    fn literals(&mut self, event: &mut Values<'_>, outlier: &mut Values<'_>, most: usize) -> Vec<usize> {
        let TestedEntries { entries, literals, now, .. } = self;
        let of_event = literals.get_or_insert_with(|| possible_literals(entries, event));
        let of_outlier = possible_literals(entries, outlier);
        let mut is_held = |part: &WhitelistPart<String>| {
            let field = part.field.as_ref();
            event.of(field).contains(&part.value) || outlier.of(field).contains(&part.value)
        };
        let possible = of_event.union(&of_outlier).copied();
        let current = possible.filter(|&idx| now.is_none_or(|now| !entries.literal_note(idx).is_expired(now)));
        current.filter(|&idx| entries.literals[idx].iter().all(&mut is_held)).take(most).collect()
    }

    /// Numbers of the regexp entries that match, at most `most`.
    fn regexps(
        &mut self,
        event: &mut Values<'_>,
        outlier: &mut Values<'_>,
        most: usize,
        n_given_up: &mut u64,
    ) -> Vec<usize> {
        let TestedEntries { entries, regexps, by_part, now, .. } = self;
        let of_event = regexps.get_or_insert_with(|| possible_regexps(entries, event));
        let of_outlier = possible_regexps(entries, outlier);
        let mut is_held = |idx: usize, part_idx: usize, part: &WhitelistPart<PrefixRegex>| {
            let field = part.field.as_ref();
            let event = event.of(field);
            let of_event = by_part.entry((idx, part_idx)).or_insert_with(|| test(part, event));
            *n_given_up += of_event.n_given_up;
            of_event.is_held || {
                let of_outlier = test(part, outlier.of(field).difference(event));
                *n_given_up += of_outlier.n_given_up;
                of_outlier.is_held
            }
        };
        let possible = of_event.union(&of_outlier).copied();
        let current = possible.filter(|&idx| now.is_none_or(|now| !entries.regexp_note(idx).is_expired(now)));
        let matching = current.filter(|&idx| {
            let mut parts = entries.regexps[idx].iter().enumerate();
            parts.all(|(part_idx, part)| is_held(idx, part_idx, part))
        });
        matching.take(most).collect()
    }
}

fn possible_literals(entries: &WhitelistEntries, values: &mut Values<'_>) -> BTreeSet<usize> {
    let mut possible = BTreeSet::new();
    for indexed in entries.index().fields().iter().filter(|indexed| indexed.has_literals()) {
        let values = values.of(indexed.field.as_ref());
        possible.extend(values.iter().flat_map(|value| indexed.literals(value)));
    }
    possible
}

fn possible_regexps(entries: &WhitelistEntries, values: &mut Values<'_>) -> BTreeSet<usize> {
    let mut possible = BTreeSet::new();
    for indexed in entries.index().fields().iter().filter(|indexed| indexed.has_regexps()) {
        let values = values.of(indexed.field.as_ref());
        possible.extend(values.iter().flat_map(|value| indexed.regexps(value)));
    }
    possible
}

/// Tests values up to the first one that the part matches.
fn test<'v>(part: &WhitelistPart<PrefixRegex>, values: impl IntoIterator<Item = &'v String>) -> Test {
    let mut n_given_up = 0;
    let is_held = values.into_iter().any(|value| {
        part.value.is_match(value).unwrap_or_else(|_| {
            n_given_up += 1;
            false
        })
    });
    Test { is_held, n_given_up }
}
