//! Notices: what people are told of the new outliers of a run, whatever the channel.
//!
//! A notice is about a finding that has new outliers, or about a run that has too many of them to
//! tell each. Notices wait in the state store, as JSON, until a channel has told them, so a field
//! that is added needs a default.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::FindingSeverity;

/// Upper limit on the bytes of the document of a notice.
pub const DOCUMENT_BYTES: usize = 64 << 10;

/// Upper limit on the findings and on the use cases that a digest names.
pub const DIGEST_NAMES: usize = 20;

/// Message that a channel tells people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// A finding with new outliers.
    Finding(Box<FindingNotice>),
    /// A run with more findings than a channel tells one by one.
    Digest(Digest),
    /// A finding that does not exist, for trying a channel.
    Sample(Box<FindingNotice>),
}

impl Notice {
    /// Identity of the notice, in hexadecimal digits: the same if it is sent again, so that
    /// receivers can recognise a repeat.
    pub fn key(&self) -> &str {
        match self {
            Notice::Finding(notice) | Notice::Sample(notice) => &notice.key,
            Notice::Digest(digest) => &digest.key,
        }
    }
}

/// A finding that has outliers which nobody was told of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingNotice {
    /// Hash of the finding and of the ids of its new outliers, in hexadecimal digits.
    pub key: String,
    /// Id of the finding, in hexadecimal digits: the same in every run.
    pub finding_id: String,
    /// Run that found the new outliers.
    pub run_id: String,
    /// Time when it had found them.
    pub found_at: DateTime<Utc>,
    /// Name of the use case: its model type and model name.
    pub use_case: String,
    /// Types of the example.
    pub outlier_type: Vec<String>,
    /// Reasons of the example.
    pub reason: Vec<String>,
    /// Summary of the example, on one line.
    pub summary: String,
    /// Description of the use case, if it has one.
    #[serde(default)]
    pub description: Option<String>,
    /// Score of the finding, from 0 to 100.
    pub score: f64,
    /// Severity that the use case names.
    #[serde(default)]
    pub severity: Option<FindingSeverity>,
    /// ATT&CK techniques that the use case names, such as `T1059.001`.
    #[serde(default)]
    pub techniques: Vec<String>,
    /// Names of other use cases that flagged its strongest event.
    #[serde(default)]
    pub supported_by: Vec<String>,
    /// Text of the aggregator, if the model has one.
    #[serde(default)]
    pub aggregator: Option<String>,
    /// Text that was judged, if it was not the aggregator as a whole.
    #[serde(default)]
    pub target: Option<String>,
    /// Number of documents with new outliers.
    pub n_documents: u64,
    /// Time of the first event with a new outlier.
    #[serde(default)]
    pub first: Option<DateTime<Utc>>,
    /// Time of the last event with a new outlier.
    #[serde(default)]
    pub last: Option<DateTime<Utc>>,
    /// Assets of the finding, as `TYPE: VALUE`; of many, some.
    pub assets: Vec<String>,
    /// Document of the strongest new outlier; `None` if it could not be read.
    #[serde(default)]
    pub example: Option<NoticeDocument>,
    /// Fields that this document stores for the outlier, under `outliers`; those that exceed
    /// [`DOCUMENT_BYTES`] together are left out.
    pub observations: Map<String, Value>,
}

/// A document as an example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeDocument {
    /// Index of the document.
    pub index: String,
    /// Id of the document.
    pub id: String,
    /// The document as JSON; `None` if it is longer than [`DOCUMENT_BYTES`].
    pub source: Option<String>,
}

/// Sums over the findings of a run that a channel does not tell one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// Hash of the run and of its findings, in hexadecimal digits.
    pub key: String,
    /// Run that found them.
    pub run_id: String,
    /// Time when it had found them.
    pub found_at: DateTime<Utc>,
    /// Number of findings with new outliers.
    pub n_findings: u64,
    /// Number of new outliers.
    pub n_outliers: u64,
    /// Number of use cases of these findings.
    pub n_use_cases: u64,
    /// Use cases with the most findings, at most [`DIGEST_NAMES`].
    pub use_cases: Vec<DigestUseCase>,
    /// Findings with the highest scores, at most [`DIGEST_NAMES`], without examples.
    pub best: Vec<DigestFinding>,
}

/// Sums over the findings of a use case in a digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DigestUseCase {
    /// Name of the use case.
    pub use_case: String,
    /// Number of its findings with new outliers.
    pub n_findings: u64,
    /// Number of its new outliers.
    pub n_outliers: u64,
    /// Highest score of these findings.
    pub highest_score: f64,
}

/// A finding in a digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DigestFinding {
    /// Id of the finding, in hexadecimal digits.
    pub finding_id: String,
    /// Name of the use case.
    pub use_case: String,
    /// Summary of the finding, on one line.
    pub summary: String,
    /// Score of the finding, from 0 to 100.
    pub score: f64,
    /// Number of new outliers.
    pub n_outliers: u64,
    /// Assets of the finding, as `TYPE: VALUE`; of many, some.
    pub assets: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_the_same_after_they_were_stored() {
        let time = DateTime::from_timestamp(1_700_000_000, 0);
        let finding = FindingNotice {
            key: "0a".to_owned(),
            finding_id: "0b".to_owned(),
            run_id: "1".to_owned(),
            found_at: time.unwrap(),
            use_case: "terms_rare".to_owned(),
            outlier_type: vec!["a".to_owned()],
            reason: vec!["b".to_owned()],
            summary: "rare".to_owned(),
            description: None,
            score: 61.25,
            severity: Some(FindingSeverity::High),
            techniques: vec!["T1059.001".to_owned()],
            supported_by: Vec::new(),
            aggregator: Some("web".to_owned()),
            target: None,
            n_documents: 2,
            first: time,
            last: None,
            assets: vec!["host: web".to_owned()],
            example: Some(NoticeDocument { index: "i".to_owned(), id: "1".to_owned(), source: Some("{}".to_owned()) }),
            observations: serde_json::from_str(r#"{"term_count":1,"confidence":0.10}"#).unwrap(),
        };
        for notice in [Notice::Finding(Box::new(finding.clone())), Notice::Sample(Box::new(finding))] {
            let text = serde_json::to_string(&notice).unwrap();
            assert_eq!(serde_json::from_str::<Notice>(&text).unwrap(), notice, "{text}");
            assert!(text.contains(r#""severity":"high""#) && text.contains("0.10"), "{text}");
        }
    }
}
