//! Identity of findings: what outliers of one use case must have in common to be one finding. And
//! their reason.

use serde_json::{Map, Value};

use super::{Candidate, method, text};
use crate::config::Model;
use crate::table::View;

/// Text that identifies a finding together with its aggregator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingTarget {
    /// The text of the target.
    Target,
    /// The observation of this name.
    Observation(&'static str),
    /// The summary, on one line: it says what the author of the use case finds worth telling.
    Summary,
    /// None: the aggregator is judged as a whole.
    Whole,
}

/// Texts that identify the finding of a candidate.
#[derive(Debug, Clone, Copy)]
pub struct FindingTexts<'v> {
    /// Text of the aggregator; `None` if the model has none.
    pub aggregator: Option<&'v str>,
    target: Option<&'v str>,
    kind: FindingTarget,
}

impl<'v> FindingTexts<'v> {
    /// Text that was judged, of an outlier with these `fields` and `summary`; `None` if the
    /// aggregator was judged as a whole.
    pub fn target_of<'o>(&self, fields: &'o Map<String, Value>, summary: &'o str) -> Option<&'o str>
    where
        'v: 'o,
    {
        match self.kind {
            FindingTarget::Target => self.target,
            FindingTarget::Observation(name) => fields.get(name).and_then(Value::as_str),
            FindingTarget::Summary => Some(summary),
            FindingTarget::Whole => None,
        }
    }
}

/// Returns the texts that identify the finding of `candidate`, a row of `view`.
pub fn finding_texts<'v>(model: &Model, view: &'v View, candidate: &Candidate) -> FindingTexts<'v> {
    let columns = view.columns();
    FindingTexts {
        aggregator: text(view, columns.aggregator, candidate.aggregator),
        target: text(view, columns.target, candidate.target),
        kind: method(model).finding_target(),
    }
}

/// Clause that says why an outlier of `model` is one, from the fields that it stores; `None` if
/// they do not tell.
pub fn reason(model: &Model, stored: &Map<String, Value>) -> Option<String> {
    method(model).reason(stored)
}
