//! Report of one use case.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Status;
use crate::config::UseCase;
use crate::event::derived::{DerivedFields, GivenUp};
use crate::findings::LeftOut;
use crate::ingest::Usage;
use crate::models::Statistics;
use crate::usability::IN_FUTURE;

/// Reason for skipping an event whose lists multiply beyond the limit on rows: it could exhaust
/// memory, so it is skipped and reported.
pub(super) const TOO_MANY_COMBINATIONS: &str = "too many combinations of values";

/// Report of one use case.
#[derive(Debug, Serialize)]
pub struct UseCaseReport {
    /// Model type and name: `terms_rare_parent`.
    pub name: String,
    /// Model type.
    pub model: String,
    /// File and line of its section.
    pub defined: String,
    /// Techniques of ATT&CK that it shows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<String>,
    /// Outcome of the use case.
    pub status: Status,
    /// Reason why it did not complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Reasons why it cannot use the events, and doubts about the fields that it names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Events that match its query and window.
    pub events: u64,
    /// Rows: one event x one target sentence x one aggregator sentence.
    pub rows: u64,
    /// Rows that the model flagged, including whitelisted ones.
    pub candidates: u64,
    /// Outliers without whitelisted ones.
    pub outliers: u64,
    /// Documents with outliers.
    pub documents: u64,
    /// Findings: outliers of the same aggregator and target are one.
    pub findings: u64,
    /// Whitelisted outliers.
    pub whitelisted: u64,
    /// Outliers that are left out of the results, by reason.
    #[serde(skip_serializing_if = "LeftOut::is_empty")]
    pub left_out: LeftOut,
    /// Matching events that were skipped, by reason.
    pub skipped_events: BTreeMap<&'static str, u64>,
    /// Evaluations until no candidate was whitelisted.
    pub rounds: u32,
    /// Regexps of whitelists and separators that were stopped because they were too slow; each
    /// counts as not matching.
    pub regexps_given_up: u64,
    /// Patterns of derived fields that were stopped on some texts because they took too many steps;
    /// they derive nothing from them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grok_given_up: Vec<GrokGivenUp>,
    /// Numbers of its model.
    #[serde(flatten)]
    pub statistics: Statistics,
    /// Seconds spent in the model.
    pub seconds_evaluate: f64,
    /// Seconds spent on descriptions and whitelist.
    pub seconds_describe: f64,
}

/// A pattern of a derived field that took too many steps.
#[derive(Debug, Serialize)]
pub struct GrokGivenUp {
    /// Field that holds the texts.
    pub field: String,
    /// The pattern as the user wrote it.
    pub pattern: String,
    /// Number of distinct texts.
    pub texts: usize,
}

impl GrokGivenUp {
    pub(super) fn of(rules: &DerivedFields) -> Vec<Self> {
        let given_up = |GivenUp { source, pattern, n_texts }: GivenUp<'_>| GrokGivenUp {
            field: source.as_str().to_owned(),
            pattern: pattern.to_owned(),
            texts: n_texts,
        };
        rules.given_up().into_iter().map(given_up).collect()
    }
}

impl UseCaseReport {
    pub(super) fn new(name: String, model: &str, defined: String) -> Self {
        UseCaseReport {
            name,
            model: model.to_owned(),
            defined,
            techniques: Vec::new(),
            status: Status::Complete,
            error: None,
            notes: Vec::new(),
            events: 0,
            rows: 0,
            candidates: 0,
            outliers: 0,
            documents: 0,
            findings: 0,
            whitelisted: 0,
            left_out: LeftOut::default(),
            skipped_events: BTreeMap::new(),
            rounds: 0,
            regexps_given_up: 0,
            grok_given_up: Vec::new(),
            statistics: Statistics::default(),
            seconds_evaluate: 0.0,
            seconds_describe: 0.0,
        }
    }

    pub(super) fn of(use_case: &UseCase) -> Self {
        UseCaseReport {
            techniques: use_case.techniques.clone(),
            ..Self::new(use_case.id(), use_case.model.model_type().as_str(), use_case.location.to_string())
        }
    }

    pub(super) fn usage(&mut self, usage: &Usage) {
        self.events = usage.events;
        self.rows = usage.rows;
        let skipped = [
            ("without a usable target", usage.without_target),
            ("without a usable aggregator", usage.without_aggregator),
            ("without a readable timestamp", usage.without_time),
            (IN_FUTURE, usage.in_future),
            (TOO_MANY_COMBINATIONS, usage.too_many_rows),
        ];
        self.skipped_events.extend(skipped.into_iter().filter(|&(_, n)| n > 0));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::to_value;

    use super::*;
    use crate::models::word2vec::neural::training::Effort;

    #[test]
    fn numbers_of_the_model_stand_beside_the_others() {
        let mut report = UseCaseReport::new("word2vec_a".to_owned(), "word2vec", "a.conf:1".to_owned());
        let without = to_value(&report).unwrap();
        let training = to_value(Effort { pairs_learned: 7, ..Effort::default() }).unwrap();
        report.statistics.members.insert("training".to_owned(), training);
        let with = to_value(&report).unwrap();
        assert_eq!((&with["training"]["pairs_learned"], with.get("confusion_matrix")), (&7.into(), None));
        let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let others: Vec<String> = keys(&with).into_iter().filter(|key| key != "training").collect();
        assert_eq!(keys(&without), others);
        assert_eq!(keys(&with)[12..15], ["rounds", "regexps_given_up", "training"].map(str::to_owned)[..]);
    }
}
