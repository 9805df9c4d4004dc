//! Onlookers: they see a run from inside, before events and findings are dropped.

use std::fmt;

use super::super::error::RunError;
use crate::findings::Findings;
use crate::outlier::StoredOutliers;
use crate::scan_group::{GroupResult, ReadGroup, ScanGroup};

/// Sees what a run read and found. It changes nothing.
pub(in crate::commands) trait Onlooker: fmt::Debug + Sync {
    /// Sees a scan group after it was judged. Runs where blocking is allowed.
    fn judged(&self, group: &ScanGroup<'_>, read: &ReadGroup, result: &GroupResult) -> Result<(), RunError>;

    /// Sees the findings of the run, and its outliers.
    fn found(&self, findings: &Findings, outliers: &StoredOutliers) -> Result<(), RunError>;
}
