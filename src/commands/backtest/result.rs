//! Result of a backtest, as its outputs show it.

use serde::Serialize;

use super::counts::{Counts, Kind};
use super::measures::Measures;
use crate::report::Status;

/// Version of the JSON form.
pub(super) const SCHEMA: u32 = 1;

/// Result of a backtest.
#[derive(Debug, Serialize)]
pub(super) struct BacktestResult {
    pub(super) schema: u32,
    pub(super) version: &'static str,
    pub(super) body: Body,
    pub(super) in_all: Measures,
    /// In the order of their names.
    pub(super) use_cases: Vec<UseCaseResult>,
    /// In the order of their names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) recordings: Vec<RecordingResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) suggestion: Option<Suggestion>,
    /// Reasons why the result is partial.
    pub(super) missing: Vec<String>,
    /// Facts that a reader should know.
    pub(super) warnings: Vec<String>,
}

/// Events that use cases were judged on.
#[derive(Debug, Serialize)]
pub(super) struct Body {
    pub(super) events: Counts,
    /// Days, in UTC, with background events.
    pub(super) background_days: Option<u64>,
    /// Recordings with attack events, with background events only, and others.
    pub(super) recordings: Counts,
    /// Values of the label fields, the most frequent ones, and what they were taken for.
    pub(super) labels: Vec<LabelValue>,
}

/// Value of a label field.
#[derive(Debug, Serialize)]
pub(super) struct LabelValue {
    pub(super) field: String,
    pub(super) value: String,
    pub(super) events: u64,
    pub(super) kind: Kind,
}

/// Result of one use case.
#[derive(Debug, Serialize)]
pub(super) struct UseCaseResult {
    pub(super) name: String,
    pub(super) status: Status,
    /// Sensitivity in use, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sensitivity: Option<f64>,
    #[serde(flatten)]
    pub(super) measures: Measures,
    /// Results by sensitivity, in ascending order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) curve: Vec<Point>,
}

/// A use case with one sensitivity, judged without the `outlier_budget` of the run.
#[derive(Debug, Serialize)]
pub(super) struct Point {
    /// `None` if the use case has no sensitivity.
    pub(super) sensitivity: Option<f64>,
    pub(super) in_use: bool,
    #[serde(flatten)]
    pub(super) measures: Measures,
    /// Recordings, or attack events, that it finds.
    #[serde(skip)]
    pub(super) items: Vec<u64>,
}

/// Result of one recording.
#[derive(Debug, Serialize)]
pub(super) struct RecordingResult {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) events: Counts,
    /// Use cases that found it.
    pub(super) found_by: Vec<String>,
    /// Seconds from its first event to the first one that found it.
    pub(super) seconds_to_first: Option<f64>,
}

/// Sensitivities that find as much as possible within a budget.
#[derive(Debug, Serialize)]
pub(super) struct Suggestion {
    /// Background findings per day.
    pub(super) budget: f64,
    /// Background findings per day of all use cases together.
    pub(super) background_findings_per_day: f64,
    /// Things that are found: recordings, or attack events.
    pub(super) of: &'static str,
    pub(super) found: u64,
    /// The same with the configuration as it is.
    pub(super) found_in_use: u64,
    pub(super) background_findings_per_day_in_use: f64,
    pub(super) use_cases: Vec<Proposal>,
}

/// Proposal for one use case.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Proposal {
    pub(super) name: String,
    pub(super) in_use: Option<f64>,
    pub(super) sensitivity: Option<f64>,
    /// False if what it finds, others find at a lower price, or the budget does not suffice.
    pub(super) run: bool,
    pub(super) found: u64,
    pub(super) background_findings_per_day: f64,
}
