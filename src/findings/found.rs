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
use crate::outlier::{FindingKey, GatheredOutlier, OutliersInOrder, StoredOutliers, rounded};
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
    /// Hash of the outlier's JSON: orders the outliers that a document has of one finding with one
    /// summary.
    pub(super) text_hash: u64,
    /// Number among the outliers that stand.
    pub(super) number: u64,
    /// Surprise, [`ordered`].
    pub(super) surprise: u64,
    /// Surprise of its event, of all use cases together, [`ordered`].
    pub(super) evidence: u64,
    /// Use cases that flagged its event.
    pub(super) use_cases: Vec<usize>,
    pub(super) summary: String,
    pub(super) reason: Option<String>,
    pub(super) assets: Vec<String>,
}

impl Found {
    fn new(number: u64, outlier: GatheredOutlier, event: &Event) -> Result<Self, RollUpError> {
        let Described { fields, unwrapped_summary, why, touched } = serde_json::from_str(&outlier.outlier)?;
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
            evidence: event.evidence,
            use_cases: event.use_cases.clone(),
            summary: unwrapped_summary,
            reason: why,
            assets: if touched.is_empty() { fields.assets } else { touched },
        })
    }

    /// True if both are of the same finding.
    pub(super) fn is_of_finding(&self, use_case_idx: usize, finding: &FindingKey) -> bool {
        (self.use_case_idx, &self.finding) == (use_case_idx, finding)
    }

    fn order(&self) -> impl Ord {
        let time = (self.time.is_none(), self.time);
        let document = (&self.index, &self.id);
        (self.use_case_idx, &self.finding, time, document, &self.summary, self.text_hash, Reverse(self.surprise))
    }

    fn n_bytes(&self) -> usize {
        let texts =
            [&self.index, &self.id, &self.summary].into_iter().chain(&self.reason).chain(&self.assets).map(String::len);
        let n_list_bytes = self.assets.len() * size_of::<String>() + self.use_cases.len() * size_of::<usize>();
        texts.sum::<usize>() + self.finding.n_bytes() + n_list_bytes + size_of::<Self>()
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
        fields.optional_text(self.reason.as_deref());
        [self.text_hash, self.number, self.surprise, self.evidence].into_iter().for_each(|n| fields.number(n));
        fields.texts(&self.assets);
        fields.number(self.use_cases.len() as u64);
        self.use_cases.iter().for_each(|use_case_idx| fields.number(*use_case_idx as u64));
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let (use_case_idx, finding) = (fields.small()?, FindingKey::decode(fields)?);
        let time = fields.optional_number()?.map(u64::cast_signed);
        let (index, id, summary) = (fields.text()?, fields.text()?, fields.text()?);
        let reason = fields.optional_text()?;
        let (text_hash, number) = (fields.number()?, fields.number()?);
        let (surprise, evidence, assets) = (fields.number()?, fields.number()?, fields.texts()?);
        let n_use_cases = fields.number()?;
        let use_cases = (0..n_use_cases).map(|_| fields.small()).collect::<io::Result<_>>()?;
        Ok(Found {
            use_case_idx,
            finding,
            time,
            index,
            id,
            text_hash,
            number,
            surprise,
            evidence,
            use_cases,
            summary,
            reason,
            assets,
        })
    }
}

/// Parts of an outlier's JSON.
#[derive(Deserialize)]
struct Described {
    fields: DescribedFields,
    unwrapped_summary: String,
    #[serde(default)]
    why: Option<String>,
    #[serde(default)]
    touched: Vec<String>,
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
    // an event may have any number of outliers, so one reader looks ahead instead of holding them
    let [mut ahead, mut behind] = [Kept::read(outliers, selection)?, Kept::read(outliers, selection)?];
    while let Some(event) = ahead.next_event()? {
        for _ in 0..event.n_outliers {
            roll_up.interrupt.check().map_err(SourceError::from)?;
            let Some((number, outlier)) = behind.next_outlier()? else { break };
            let found = Found::new(number, outlier, &event)?;
            let n_bytes = found.n_bytes();
            sorted.push(found, n_bytes)?;
        }
    }
    Ok(sorted.store()?)
}

/// Outliers that are kept, in the order of their documents.
struct Kept<'a> {
    reader: OutliersInOrder,
    selection: &'a Selection,
    /// The first outlier of the next event, if it was read.
    first: Option<GatheredOutlier>,
}

/// The outliers of one event together.
struct Event {
    n_outliers: u64,
    /// Use cases that flagged it.
    use_cases: Vec<usize>,
    /// Surprise of all use cases together, [`ordered`].
    evidence: u64,
}

impl<'a> Kept<'a> {
    fn read(outliers: &StoredOutliers, selection: &'a Selection) -> Result<Self, RollUpError> {
        Ok(Kept { reader: outliers.read()?, selection, first: None })
    }

    fn next_outlier(&mut self) -> Result<Option<(u64, GatheredOutlier)>, RollUpError> {
        while let Some((number, outlier)) = self.reader.next_outlier()? {
            if !self.selection.is_left_out(number) {
                return Ok(Some((number, outlier)));
            }
        }
        Ok(None)
    }

    /// Reads the outliers of the next event.
    fn next_event(&mut self) -> Result<Option<Event>, RollUpError> {
        let first = match self.first.take() {
            Some(first) => Some(first),
            None => self.next_outlier()?.map(|(_, outlier)| outlier),
        };
        let Some(GatheredOutlier { document, use_case_idx, surprise, .. }) = first else { return Ok(None) };
        let mut highest = BTreeMap::from([(use_case_idx, surprise)]);
        let mut n_outliers = 1;
        while let Some((_, next)) = self.next_outlier()? {
            if next.document != document {
                self.first = Some(next);
                break;
            }
            n_outliers += 1;
            let known = highest.entry(next.use_case_idx).or_default();
            *known = next.surprise.max(*known);
        }
        let use_cases = highest.keys().copied().collect();
        let evidence = ordered(rounded(combined(highest.into_values().collect())));
        Ok(Some(Event { n_outliers, use_cases, evidence }))
    }
}
