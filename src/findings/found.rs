//! Outliers that stand, reduced to what findings need, in the order of findings.

use std::cmp::Ordering;
use std::io;

use serde::Deserialize;

use super::score::ordered;
use super::selection::{Reason, Selection};
use super::{MEMORY_BYTES, RollUp, RollUpError, score};
use crate::event::text::{FNV1A, fnv1a};
use crate::outlier::{FindingKey, StoredOutliers};
use crate::sources::SourceError;
use crate::spill::{FieldReader, FieldWriter, Record, SortedRuns, StoredRuns};

/// An outlier, sorted by finding and then by time; without a time, it comes last.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) use_case_idx: usize,
    pub(super) finding: FindingKey,
    /// Time of its event in microseconds since 1970.
    pub(super) time: Option<i64>,
    pub(super) index: String,
    pub(super) id: String,
    /// Hash of the outlier's JSON: orders the outliers that a document has of one finding.
    pub(super) text_hash: u64,
    /// Number among the outliers that stand.
    pub(super) number: u64,
    /// Surprise, [`ordered`].
    pub(super) surprise: u64,
    pub(super) summary: String,
    pub(super) assets: Vec<String>,
}

impl Found {
    /// True if both are of the same finding.
    pub(super) fn is_of_finding(&self, use_case_idx: usize, finding: &FindingKey) -> bool {
        (self.use_case_idx, &self.finding) == (use_case_idx, finding)
    }

    fn order(&self) -> impl Ord {
        (self.use_case_idx, &self.finding, self.time.is_none(), self.time, &self.index, &self.id, self.text_hash)
    }

    fn n_bytes(&self) -> usize {
        let texts = [&self.index, &self.id, &self.summary].into_iter().chain(&self.assets).map(String::len);
        texts.sum::<usize>() + self.finding.len() + self.assets.len() * size_of::<String>() + size_of::<Self>()
    }
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Found {}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Found {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order()).then(self.number.cmp(&other.number))
    }
}

impl Record for Found {
    fn encode(&self, fields: &mut FieldWriter) {
        fields.number(self.use_case_idx as u64);
        self.finding.encode(fields);
        fields.optional_number(self.time.map(i64::cast_unsigned));
        [&self.index, &self.id, &self.summary].into_iter().for_each(|text| fields.text(text));
        [self.text_hash, self.number, self.surprise].into_iter().for_each(|number| fields.number(number));
        fields.texts(&self.assets);
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let (use_case_idx, finding) = (fields.small()?, FindingKey::decode(fields)?);
        let time = fields.optional_number()?.map(u64::cast_signed);
        let (index, id, summary) = (fields.text()?, fields.text()?, fields.text()?);
        let (text_hash, number, surprise) = (fields.number()?, fields.number()?, fields.number()?);
        let assets = fields.texts()?;
        Ok(Found { use_case_idx, finding, time, index, id, text_hash, number, surprise, summary, assets })
    }
}

/// Parts of an outlier's JSON.
#[derive(Deserialize)]
struct Described {
    fields: DescribedFields,
    unwrapped_summary: String,
}

#[derive(Deserialize)]
struct DescribedFields {
    #[serde(default)]
    assets: Vec<String>,
}

/// Sorts the outliers by finding, without those whose scores are too low.
pub(super) fn sort_by_finding(
    roll_up: &RollUp<'_>,
    outliers: &StoredOutliers,
    selection: &mut Selection,
) -> Result<StoredRuns<Found>, RollUpError> {
    let mut sorted = SortedRuns::new(roll_up.spill_dir, MEMORY_BYTES);
    let mut reader = outliers.read()?;
    while let Some((number, outlier)) = reader.next_outlier()? {
        roll_up.interrupt.check().map_err(SourceError::from)?;
        let use_case_idx = outlier.use_case_idx;
        let min_score = roll_up.use_cases[use_case_idx].min_score;
        if min_score.is_some_and(|min_score| score(outlier.surprise) < min_score) {
            selection.leave_out(use_case_idx, number, Reason::BelowMinScore);
            continue;
        }
        let Described { fields, unwrapped_summary } = serde_json::from_str(&outlier.outlier)?;
        let id = outlier.document.id;
        let found = Found {
            use_case_idx,
            finding: outlier.finding,
            time: outlier.time,
            index: id.index,
            id: id.id,
            text_hash: fnv1a(FNV1A, outlier.outlier.as_bytes()),
            number,
            surprise: ordered(outlier.surprise),
            summary: unwrapped_summary,
            assets: fields.assets,
        };
        let n_bytes = found.n_bytes();
        sorted.push(found, n_bytes)?;
    }
    Ok(sorted.store()?)
}
