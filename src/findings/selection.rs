//! Which outliers are left out of the results, and why.

use serde::Serialize;

use crate::outlier::Withheld;

/// Outliers of a use case that are left out of its results, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Score below `min_score`.
    pub below_min_score: u64,
    /// Aggregator that a use case in `requires` did not flag.
    pub without_required: u64,
    /// Not among the `max_outliers` highest of the use case.
    pub beyond_max_outliers: u64,
    /// Not among the `outlier_budget` highest of the run.
    pub beyond_budget: u64,
    /// In a document that stores another one of the use case with the same summary, which stands
    /// for both.
    pub same_summary: u64,
    /// Counted in its finding, but not written to its document because of
    /// `max_documents_per_finding`.
    pub not_written: u64,
}

impl LeftOut {
    /// Number of outliers that no result counts.
    pub fn n_dropped(&self) -> u64 {
        let by_keys = self.below_min_score + self.without_required + self.beyond_max_outliers + self.beyond_budget;
        by_keys + self.same_summary
    }

    /// True if nothing is left out.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds the counts of `other`.
    pub fn add(&mut self, other: &Self) {
        self.below_min_score += other.below_min_score;
        self.without_required += other.without_required;
        self.beyond_max_outliers += other.beyond_max_outliers;
        self.beyond_budget += other.beyond_budget;
        self.same_summary += other.same_summary;
        self.not_written += other.not_written;
    }
}

/// Reason why an outlier is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    BelowMinScore,
    WithoutRequired,
    BeyondMaxOutliers,
    BeyondBudget,
    NotWritten,
}

/// Outliers that are left out, with counts by use case.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) withheld: Withheld,
    pub(super) left_out: Vec<LeftOut>,
}

impl Selection {
    pub(super) fn new(n_use_cases: usize) -> Self {
        Selection { withheld: Withheld::default(), left_out: vec![LeftOut::default(); n_use_cases] }
    }

    pub(super) fn is_left_out(&self, number: u64) -> bool {
        self.withheld.contains(number)
    }

    /// Leaves out the outlier with this number.
    pub(super) fn leave_out(&mut self, use_case_idx: usize, number: u64, reason: Reason) {
        self.withheld.insert(number);
        let left_out = &mut self.left_out[use_case_idx];
        let count = match reason {
            Reason::BelowMinScore => &mut left_out.below_min_score,
            Reason::WithoutRequired => &mut left_out.without_required,
            Reason::BeyondMaxOutliers => &mut left_out.beyond_max_outliers,
            Reason::BeyondBudget => &mut left_out.beyond_budget,
            Reason::NotWritten => &mut left_out.not_written,
        };
        *count += 1;
    }
}
