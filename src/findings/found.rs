//! Outliers that stand, reduced to what findings need, in the order of findings.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::io;

use outlier_kernels::surprise::score;
use serde::Deserialize;

use super::selection::{Reason, Selection};
use super::surprise::{combined, ordered};
use super::{MEMORY_BYTES, RollUp, RollUpError};
use crate::elastic::DocumentId;
use crate::event::text::{FNV1A, fnv1a};
use crate::outlier::{FindingKey, GatheredOutlier, StoredOutliers, rounded};
use crate::sources::{DocumentKey, SourceError};
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
    /// Surprise of its event, of all use cases together, [`ordered`].
    pub(super) evidence: u64,
    pub(super) summary: String,
    pub(super) assets: Vec<String>,
}

impl Found {
    fn new(number: u64, outlier: GatheredOutlier) -> Result<Self, RollUpError> {
        let Described { fields, unwrapped_summary } = serde_json::from_str(&outlier.outlier)?;
        let DocumentId { index, id, .. } = outlier.document.id;
        Ok(Found {
            use_case_idx: outlier.use_case_idx,
            finding: outlier.finding,
            time: outlier.time,
            index,
            id,
            text_hash: fnv1a(FNV1A, outlier.outlier.as_bytes()),
            number,
            surprise: ordered(outlier.surprise),
            evidence: 0,
            summary: unwrapped_summary,
            assets: fields.assets,
        })
    }

    /// True if both are of the same finding.
    pub(super) fn is_of_finding(&self, use_case_idx: usize, finding: &FindingKey) -> bool {
        (self.use_case_idx, &self.finding) == (use_case_idx, finding)
    }

    fn order(&self) -> impl Ord {
        let time = (self.time.is_none(), self.time);
        (self.use_case_idx, &self.finding, time, &self.index, &self.id, self.text_hash, Reverse(self.surprise))
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
        [self.text_hash, self.number, self.surprise, self.evidence].into_iter().for_each(|n| fields.number(n));
        fields.texts(&self.assets);
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let (use_case_idx, finding) = (fields.small()?, FindingKey::decode(fields)?);
        let time = fields.optional_number()?.map(u64::cast_signed);
        let (index, id, summary) = (fields.text()?, fields.text()?, fields.text()?);
        let (text_hash, number) = (fields.number()?, fields.number()?);
        let (surprise, evidence, assets) = (fields.number()?, fields.number()?, fields.texts()?);
        Ok(Found { use_case_idx, finding, time, index, id, text_hash, number, surprise, evidence, summary, assets })
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

/// Leaves out the outliers whose scores are below the `min_score` of their use case.
pub(super) fn leave_out_low_scores(
    roll_up: &RollUp<'_>,
    outliers: &StoredOutliers,
    selection: &mut Selection,
) -> Result<(), RollUpError> {
    if roll_up.use_cases.iter().all(|use_case| use_case.min_score.is_none()) {
        return Ok(());
    }
    let mut reader = outliers.read()?;
    while let Some((number, outlier)) = reader.next_outlier()? {
        roll_up.interrupt.check().map_err(SourceError::from)?;
        let min_score = roll_up.use_cases[outlier.use_case_idx].min_score;
        if min_score.is_some_and(|min_score| score(outlier.surprise) < min_score) {
            selection.leave_out(outlier.use_case_idx, number, Reason::BelowMinScore);
        }
    }
    Ok(())
}

/// Sorts the outliers that are kept by finding.
pub(super) fn sort_by_finding(
    roll_up: &RollUp<'_>,
    outliers: &StoredOutliers,
    selection: &Selection,
) -> Result<StoredRuns<Found>, RollUpError> {
    let mut sorted = SortedRuns::new(roll_up.spill_dir, MEMORY_BYTES);
    let mut reader = outliers.read()?;
    let mut last: Option<DocumentKey> = None;
    let mut of_event: Vec<Found> = Vec::new();
    while let Some((number, outlier)) = reader.next_outlier()? {
        roll_up.interrupt.check().map_err(SourceError::from)?;
        if selection.is_left_out(number) {
            continue;
        }
        if last.as_ref() != Some(&outlier.document) {
            push_event(&mut of_event, &mut sorted)?;
            last = Some(outlier.document.clone());
        }
        of_event.push(Found::new(number, outlier)?);
    }
    push_event(&mut of_event, &mut sorted)?;
    Ok(sorted.store()?)
}

/// Adds the outliers of one event, which share its evidence.
fn push_event(of_event: &mut Vec<Found>, sorted: &mut SortedRuns<Found>) -> Result<(), RollUpError> {
    let mut highest: BTreeMap<usize, u64> = BTreeMap::new();
    for found in &*of_event {
        let known = highest.entry(found.use_case_idx).or_default();
        *known = found.surprise.max(*known);
    }
    let evidence = ordered(rounded(combined(highest.into_values().map(f64::from_bits).collect())));
    for found in of_event.drain(..) {
        let found = Found { evidence, ..found };
        let n_bytes = found.n_bytes();
        sorted.push(found, n_bytes)?;
    }
    Ok(())
}
