//! Sums over all use cases of a run.

use serde::Serialize;

use super::Status;
use super::use_case::UseCaseReport;
use crate::findings::LeftOut;

/// Sums over use cases.
#[derive(Debug, Default, Serialize)]
pub struct Totals {
    /// Use cases selected to run.
    pub use_cases: usize,
    /// Use cases that completed, with those that no event matches.
    pub completed: usize,
    /// Use cases that no event matches.
    pub no_events: usize,
    /// Use cases that look at events of another kind.
    pub not_applicable: usize,
    /// Outliers without whitelisted ones.
    pub outliers: u64,
    /// Findings: outliers of the same use case, aggregator and target are one.
    pub findings: u64,
    /// Assets of these findings.
    pub assets: u64,
    /// Whitelisted outliers.
    pub whitelisted: u64,
    /// Outliers that are left out of the results, by reason.
    #[serde(skip_serializing_if = "LeftOut::is_empty")]
    pub left_out: LeftOut,
}

impl Totals {
    pub(super) fn of(use_cases: &[UseCaseReport]) -> Self {
        let with_status = |status: Status| use_cases.iter().filter(|use_case| use_case.status == status).count();
        let sum = |count: fn(&UseCaseReport) -> u64| use_cases.iter().map(count).sum();
        let mut left_out = LeftOut::default();
        use_cases.iter().for_each(|use_case| left_out.add(&use_case.left_out));
        let no_events = with_status(Status::NoEvents);
        Totals {
            use_cases: use_cases.len() - with_status(Status::Inactive),
            completed: with_status(Status::Complete) + no_events,
            no_events,
            not_applicable: with_status(Status::NotApplicable),
            outliers: sum(|use_case| use_case.outliers),
            findings: sum(|use_case| use_case.findings),
            assets: 0,
            whitelisted: sum(|use_case| use_case.whitelisted),
            left_out,
        }
    }
}
