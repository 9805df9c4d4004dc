//! Sums of what a channel is to be told, and the findings with the highest scores.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::Route;
use crate::delivery::DIGEST_NAMES;
use crate::findings::{FindingRank, ListIdentity, StableId};

/// Upper limit on the findings of a run that a channel is told one by one, whatever its settings.
const MOST_TOLD: u64 = 1000;

/// Notices that wait for a channel, from which on it gets digests only.
const MOST_PENDING: usize = 1000;

/// A finding with new outliers.
#[derive(Debug, Clone)]
pub(super) struct NewFinding {
    pub(super) finding: StableId,
    pub(super) use_case_idx: usize,
    /// Score of the whole finding.
    pub(super) score: f64,
    /// Rank among all findings of the run.
    pub(super) rank: FindingRank,
    /// Number of its new outliers.
    pub(super) n_outliers: u64,
    pub(super) first: Option<DateTime<Utc>>,
    pub(super) last: Option<DateTime<Utc>>,
    /// Number of the strongest new outlier.
    pub(super) strongest: u64,
    /// Hash of the finding and its new outliers.
    pub(super) key: StableId,
}

/// Sums over the findings of a use case.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct UseCaseTally {
    pub(super) n_findings: u64,
    pub(super) n_outliers: u64,
    pub(super) highest_score: f64,
}

/// Sums of what a channel is to be told.
#[derive(Debug)]
pub(super) struct Tally<'r> {
    pub(super) route: &'r Route,
    /// Notices that wait for the channel.
    n_pending: usize,
    pub(super) n_findings: u64,
    pub(super) n_outliers: u64,
    /// By number of the use case.
    pub(super) use_cases: BTreeMap<usize, UseCaseTally>,
    best: Vec<NewFinding>,
    /// Rank of the last finding of a list that is full: only what comes before it stays.
    last: Option<FindingRank>,
    /// Hash of the keys of all findings.
    key: ListIdentity,
}

impl<'r> Tally<'r> {
    pub(super) fn new(route: &'r Route, n_pending: usize) -> Self {
        let (use_cases, best, key) = (BTreeMap::new(), Vec::new(), ListIdentity::default());
        Tally { route, n_pending, n_findings: 0, n_outliers: 0, use_cases, best, last: None, key }
    }

    /// Adds a finding if the channel wants it. Findings come in the order of their identities.
    pub(super) fn add(&mut self, new: &NewFinding) {
        let route = self.route;
        if !route.use_cases[new.use_case_idx] || new.score < route.min_score {
            return;
        }
        self.n_findings += 1;
        self.n_outliers += new.n_outliers;
        let use_case = self.use_cases.entry(new.use_case_idx).or_default();
        use_case.n_findings += 1;
        use_case.n_outliers += new.n_outliers;
        use_case.highest_score = use_case.highest_score.max(new.score);
        self.key.add(new.key);
        if self.last.is_none_or(|last| new.rank < last) {
            self.best.push(new.clone());
            if self.best.len() >= 2 * self.most_best() {
                self.keep_best();
                self.last = self.best.last().map(|last| last.rank);
            }
        }
    }

    /// Hash of the keys of all findings.
    pub(super) fn key(&self) -> StableId {
        self.key.clone().finish()
    }

    /// True if the channel gets a digest.
    pub(super) fn is_digest(&self) -> bool {
        self.n_findings > self.route.digest_above.min(MOST_TOLD) || self.n_pending >= MOST_PENDING
    }

    /// Findings that notices name, the highest scores first.
    pub(super) fn best(&mut self) -> &[NewFinding] {
        self.keep_best();
        let most = if self.is_digest() { DIGEST_NAMES } else { usize::MAX };
        &self.best[..self.best.len().min(most)]
    }

    fn most_best(&self) -> usize {
        // at most 1000
        DIGEST_NAMES.max(self.route.digest_above.min(MOST_TOLD) as usize)
    }

    fn keep_best(&mut self) {
        self.best.sort_by_key(|new| new.rank);
        self.best.truncate(self.most_best());
    }
}
