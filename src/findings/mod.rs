//! Findings and assets: the outliers of a run, rolled up to what a person looks at.
//!
//! All outliers of a run with the same use case, aggregator and target are one [`Finding`]. Every
//! stage is a pass over sorted records, of which any number may wait on disk:
//!
//! 1. `found` reduces the outliers that stand to what findings need, without those below the
//!    `min_score` of their use case, and sorts them by finding.
//! 2. `requirements` drops those whose aggregator was not flagged by the use cases in `requires`.
//! 3. `limits` keeps the highest scores: `max_outliers` of each use case, and `outlier_budget` of
//!    all of them.
//! 4. `groups` makes findings of the rest and withholds from documents what exceeds
//!    `max_documents_per_finding`; `assets` adds the evidence up per asset.
//!
//! Nothing depends on the order of events: ties are broken by names and the identity of documents.

mod assets;
mod found;
mod groups;
mod identity;
mod limits;
mod requirements;
mod selection;
mod shown;
mod surprise;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::{FindingSeverity, General, ModelType, UseCase};
use crate::outlier::{StoredOutliers, Withheld};
use crate::runtime::Interrupt;
use crate::sources::SourceError;
use crate::spill::{MergedRuns, SpillError, StoredRuns};
use crate::state::KeptFinding;
use selection::Selection;

pub use assets::{AssetEvidence, RankedAsset};
pub use identity::{FindingRank, FindingScore, ListIdentity, StableId};
pub use selection::LeftOut;
pub use shown::{FindingGroup, FirstFindings};

/// Upper limit on the memory of each sort; the rest is sorted on disk.
const MEMORY_BYTES: usize = 8 << 20;

/// Upper limit on the findings and the assets of a report.
pub const MAX_RANKED: usize = 100;

/// Upper limit on the characters of texts in the report and on the terminal.
const SHOWN_CHARS: usize = 1000;

/// Cuts a text that is too long to be shown.
fn cut(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(SHOWN_CHARS) {
        text.truncate(end);
        text.push_str(" …");
    }
}

/// All outliers of a run with the same use case, aggregator and target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Its identity: the same in every run that finds it.
    pub finding_id: StableId,
    /// Score of its surprise, from 0 to 100.
    pub score: f64,
    /// Surprise of its strongest event in bits: that of all use cases which flagged the event, the
    /// highest in full, the next one half, and so on.
    pub surprise: f64,
    /// Score of its highest outlier alone.
    pub own_score: f64,
    /// Surprise of its highest outlier alone, in bits.
    pub own_surprise: f64,
    /// Name of the use case: its model type and model name.
    pub use_case: String,
    /// Type of its model.
    pub model: ModelType,
    /// Severity that the use case names.
    pub severity: Option<FindingSeverity>,
    /// Techniques of ATT&CK that the use case names.
    pub techniques: Vec<String>,
    /// Names of other use cases that flagged its strongest event, in the order of their names.
    pub supported_by: Vec<String>,
    /// Text of the aggregator; `None` if the model has none.
    pub aggregator: Option<String>,
    /// Text that was judged; `None` if the aggregator was judged as a whole.
    pub target: Option<String>,
    /// Number of documents with its outliers.
    pub documents: u64,
    /// Number of its outliers.
    pub outliers: u64,
    /// Time of its first event in microseconds since 1970, if it is known.
    #[serde(serialize_with = "time_text", deserialize_with = "time_of_text")]
    pub first: Option<i64>,
    /// Time of its last event, likewise.
    #[serde(serialize_with = "time_text", deserialize_with = "time_of_text")]
    pub last: Option<i64>,
    /// Summary of the outlier of its strongest event, on one line.
    pub summary: String,
    /// Clause that says why that event is an outlier, from what the outlier stores; `None` if that
    /// does not tell.
    pub reason: Option<String>,
    /// Assets of its events; of many, the first ones in the order of their texts.
    pub assets: Vec<String>,
    /// Index of the document of its strongest event.
    pub index: String,
    /// Id of that document.
    pub id: String,
}

/// Text of a time for tables and reports.
pub fn shown_time(micros: i64) -> Option<String> {
    DateTime::from_timestamp_micros(micros).map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

fn time_text<S: Serializer>(time: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    time.and_then(shown_time).serialize(serializer)
}

fn time_of_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(Option::<DateTime<Utc>>::deserialize(deserializer)?.map(|time| time.timestamp_micros()))
}

impl From<Finding> for KeptFinding {
    /// Without what the model saw.
    fn from(finding: Finding) -> Self {
        let time = |micros: Option<i64>| micros.and_then(DateTime::from_timestamp_micros);
        KeptFinding {
            id: finding.finding_id.to_string(),
            use_case: finding.use_case,
            model: Some(finding.model),
            severity: finding.severity,
            techniques: finding.techniques,
            score: finding.score,
            own_score: finding.own_score,
            surprise: finding.surprise,
            supported_by: finding.supported_by,
            aggregator: finding.aggregator,
            target: finding.target,
            documents: finding.documents,
            outliers: finding.outliers,
            first: time(finding.first),
            last: time(finding.last),
            summary: finding.summary,
            reason: finding.reason,
            assets: finding.assets,
            index: finding.index,
            document: finding.id,
            outlier: None,
        }
    }
}

/// Findings of a run, and the assets that they touch.
#[derive(Debug)]
pub struct Findings {
    /// Number of findings.
    pub n_findings: u64,
    /// Number of assets.
    pub n_assets: u64,
    /// Assets with the highest scores, at most [`MAX_RANKED`].
    pub assets: Vec<RankedAsset>,
    findings: StoredRuns<Finding>,
    scores: StoredRuns<FindingScore>,
}

impl Findings {
    /// Returns all findings, the highest scores first.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn read(&self) -> Result<MergedRuns<Finding>, SpillError> {
        self.findings.read()
    }

    /// Returns the scores of all findings by identity, if the roll-up kept them.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn scores(&self) -> Result<MergedRuns<FindingScore>, SpillError> {
        self.scores.read()
    }

    /// Returns the findings with the highest scores. Their texts are cut at `SHOWN_CHARS`.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn top(&self, most: usize) -> Result<Vec<Finding>, SpillError> {
        let mut findings = self.read()?;
        let mut top = Vec::new();
        while top.len() < most
            && let Some(mut finding) = findings.next_if(|_| true)?
        {
            finding.cut();
            top.push(finding);
        }
        Ok(top)
    }
}

/// Outliers of a run after the roll-up.
#[derive(Debug)]
pub struct RolledUp {
    /// Findings and assets.
    pub findings: Findings,
    /// Outliers that are not written to documents.
    pub withheld: Withheld,
    /// Counts by the number of the use case.
    pub use_cases: Vec<UseCaseCounts>,
}

/// Counts of a use case after the roll-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UseCaseCounts {
    /// Findings.
    pub findings: u64,
    /// Outliers that were left out.
    pub left_out: LeftOut,
}

/// Reasons why outliers could not be rolled up.
#[derive(Debug, thiserror::Error)]
pub enum RollUpError {
    /// The run was interrupted.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Outliers could not be spilled to disk, or read back.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// An outlier cannot be decoded: a bug in this program.
    #[error("outlier: {0}")]
    Outlier(#[from] serde_json::Error),
}

/// Inputs of the roll-up besides the outliers.
#[derive(Debug, Clone, Copy)]
pub struct RollUp<'a> {
    /// Use cases by their number in the run.
    pub use_cases: &'a [Arc<UseCase>],
    /// Limits of the run.
    pub general: &'a General,
    /// Directory for temporary files.
    pub spill_dir: &'a Path,
    /// Ends it early.
    pub interrupt: &'a Interrupt,
    /// True to keep the scores of findings by identity.
    pub keeps_scores: bool,
}

impl RollUp<'_> {
    /// Rolls up the outliers of a run. Blocks: not for tokio's own threads.
    ///
    /// # Errors
    /// The reason why it ended early.
    pub fn run(&self, outliers: &StoredOutliers) -> Result<RolledUp, RollUpError> {
        let mut selection = Selection::new(self.use_cases.len());
        found::leave_out_low_scores(self, outliers, &mut selection)?;
        let mut found = found::sort_by_finding(self, outliers, &selection)?;
        let left_out = selection.left_out.clone();
        requirements::apply(self, &found, &mut selection)?;
        limits::apply(self, &found, &mut selection)?;
        if selection.left_out != left_out {
            // what was left out says nothing about events
            found = found::sort_by_finding(self, outliers, &selection)?;
        }
        groups::group(self, &found, selection)
    }

    /// Calls `each` with every outlier that is still kept, in the order of `found`.
    fn for_each_kept(
        &self,
        found: &StoredRuns<found::Found>,
        selection: &mut Selection,
        mut each: impl FnMut(found::Found, &mut Selection) -> Result<(), RollUpError>,
    ) -> Result<(), RollUpError> {
        let mut reader = found.read()?;
        while let Some(next) = reader.next_if(|_| true)? {
            self.interrupt.check().map_err(SourceError::from)?;
            if !selection.is_left_out(next.number) {
                each(next, selection)?;
            }
        }
        Ok(())
    }
}
