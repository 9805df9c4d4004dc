//! Results of an evaluation.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::config::{Location, WhitelistNote};
use crate::models::{Candidate, Refinement};
use crate::whitelist::Verdict;

/// A candidate, and what the whitelist says about it.
pub(super) struct Described {
    pub(super) candidate: Candidate,
    pub(super) verdict: Verdict,
    /// Entries that accept it.
    pub(super) accepted_by: Vec<Arc<WhitelistNote>>,
}

/// Result of an evaluation.
#[derive(Default)]
pub(super) struct Round {
    /// Number of outliers by aggregator.
    pub(super) kept: FxHashMap<u32, u64>,
    /// Whitelisted rows, if others must be judged again without them.
    pub(super) whitelisted: Vec<Candidate>,
    pub(super) n_whitelisted: u64,
    /// Whitelisted rows by the place of the entry that accepts them.
    pub(super) accepted_by: BTreeMap<Location, u64>,
    /// True to keep [`Self::accepted`].
    pub(super) keeps_entries: bool,
    /// Entries that accept rows, by row, if these are kept.
    pub(super) accepted: FxHashMap<u64, Vec<Arc<WhitelistNote>>>,
    pub(super) regexps_given_up: u64,
    pub(super) formerly_whitelisted: u64,
    pub(super) gone: u64,
}

impl Round {
    /// Counts a candidate.
    pub(super) fn add(&mut self, described: Described, refinement: Refinement) {
        let Described { candidate, verdict, accepted_by } = described;
        for note in &accepted_by {
            *self.accepted_by.entry(note.location.clone()).or_default() += 1;
        }
        if self.keeps_entries && !accepted_by.is_empty() {
            self.accepted.insert(candidate.element.0, accepted_by);
        }
        self.regexps_given_up += verdict.regexps_given_up;
        self.formerly_whitelisted += u64::from(verdict.formerly_accepted);
        if !verdict.whitelisted {
            *self.kept.entry(candidate.aggregator).or_default() += 1;
            return;
        }
        self.n_whitelisted += 1;
        if refinement != Refinement::Never {
            self.whitelisted.push(candidate);
        }
    }
}
