//! Evidence: the numbers that explain the verdict about a row, whether it is an outlier or not.
//!
//! It is plain data, for terminals and reports. Each model makes it for any number of rows in a
//! fixed number of passes over its view (`evidence.rs` in the model's folder): one for the rows,
//! and one for their groups, of which one is in memory at a time.

mod bars;
mod change;
mod distribution;
mod plot;
mod rows;
mod search;

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

pub(super) use bars::Counts;
pub(super) use distribution::{Distribution, Group, for_each_group};
pub(super) use plot::{ArrivalBins, histogram};
pub(super) use rows::asked_rows;
pub(super) use search::{Settings, flipping_number, flipping_setting};

pub use change::{Counterfactual, VerdictChange};
pub use plot::{Bar, Plot, PlotBin};

/// Rows to explain.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Elements of the rows.
    pub elements: FxHashSet<u64>,
    /// Those that an evaluation flags.
    pub flagged: FxHashSet<u64>,
    /// Depth of the explanation.
    pub depth: Depth,
}

impl Evidence {
    /// True if the value is beyond the frontier.
    pub fn is_beyond(&self) -> bool {
        match (self.value, self.frontier, self.side) {
            (Some(value), Some(frontier), Some(OutlierSide::Above)) => value > frontier,
            (Some(value), Some(frontier), Some(OutlierSide::Below)) => value < frontier,
            _ => false,
        }
    }

    /// The same as what became of it: what is beyond the frontier is not always flagged.
    pub(super) fn settled(mut self) -> Self {
        if self.is_beyond() && !self.flagged {
            let why = "beyond the frontier, but its peers are as extreme, or an equal text of the group stands for it";
            self.notes.push(why.to_owned());
        }
        self.changes.retain(|change| change.flagged != self.flagged);
        self
    }
}

impl Asked {
    /// Without numbers, for a row.
    pub(super) fn about(&self, element: u64) -> Evidence {
        Evidence { element, flagged: self.flagged.contains(&element), ..Evidence::default() }
    }
}

/// Depth of explanations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// As much as plots show: value, group, frontier.
    Plots,
    /// Changes that turn the verdict as well. Each is found by judging the group many times.
    Changes,
}

/// Numbers that explain the verdict about a row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The row.
    #[serde(skip)]
    pub element: u64,
    /// True if the model flags the row. The whitelist and limits of the run decide what becomes of
    /// it.
    pub flagged: bool,
    /// Text of the group; `None` if the model has no groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Text that is judged in the group; `None` if the model judges numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Meaning of the value, such as `occurrences in the group`.
    pub measure: String,
    /// The value that is compared with the frontier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The value before it was adjusted for its hour, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unadjusted: Option<f64>,
    /// The decision frontier; `None` if the group has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontier: Option<f64>,
    /// Side of the frontier on which outliers lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<OutlierSide>,
    /// Meaning of the values with which it is compared, such as `terms of the group`.
    pub population: String,
    /// Number of these values, itself included.
    pub n_values: u64,
    /// Number of values that are more extreme, plus 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<u64>,
    /// The next smaller value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<Neighbour>,
    /// The next greater value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<Neighbour>,
    /// Facts besides, each a sentence without a full stop. Texts of events in them are quoted.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
    /// Numbers of a plot.
    pub plot: Plot,
    /// Words of the text, those that fit worst first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub words: Vec<WordFit>,
    /// Changes that turn the verdict, all else being equal.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub changes: Vec<Counterfactual>,
}

/// Side of a frontier on which outliers lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutlierSide {
    /// Strictly above.
    Above,
    /// Strictly below.
    Below,
}

impl From<crate::config::TriggerOn> for OutlierSide {
    fn from(on: crate::config::TriggerOn) -> Self {
        match on {
            crate::config::TriggerOn::High => OutlierSide::Above,
            crate::config::TriggerOn::Low => OutlierSide::Below,
        }
    }
}

/// Value next to that of the row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbour {
    /// The value.
    pub value: f64,
    /// Number of times that it occurs.
    pub n: u64,
    /// One of the texts that have it, if texts are judged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
}

/// Fit of a word among its neighbours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordFit {
    /// The word.
    pub word: String,
    /// Its score: small if it does not fit.
    pub score: f64,
    /// Frontier of this word's scores, if words are judged and it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub frontier: Option<f64>,
    /// True if the word is an outlier by itself.
    pub flagged: bool,
    /// Word that fits best between the same neighbours, if it is a different one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expected: Option<String>,
}
