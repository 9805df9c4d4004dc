//! Outliers by document, over all scan groups of a run.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::sources::DocumentKey;
use crate::spill::{FieldReader, FieldWriter, MergedRuns, Record, SortedRuns, SpillError};

/// Upper limit on the memory for outliers; the rest is sorted on disk.
const MEMORY_BYTES: usize = 8 << 20;

/// Outliers on their way to their documents. Use cases add to it at the same time, and withdraw
/// what they judge again.
#[derive(Debug)]
pub struct Gathered {
    outliers: Mutex<SortedRuns<GatheredOutlier>>,
    withdrawn: Mutex<Withdrawn>,
}

/// Outliers that do not stand.
#[derive(Debug, Default)]
struct Withdrawn {
    use_cases: FxHashSet<usize>,
    /// By use case and aggregator, the first round whose outliers stand.
    rounds: FxHashMap<(usize, u32), u32>,
}

/// One outlier, encoded, and where it belongs.
#[derive(Debug)]
pub struct GatheredOutlier {
    /// The document.
    pub document: DocumentKey,
    /// Number of the use case in the run.
    pub use_case_idx: usize,
    /// Row of the event table: orders the outliers that a use case has in a document.
    pub element: u64,
    /// The outlier as JSON.
    pub outlier: String,
    /// Rank of the aggregator's text.
    pub aggregator: u32,
    /// Number of the evaluation that found it.
    pub round: u32,
}

impl Record for GatheredOutlier {
    fn encode(&self, fields: &mut FieldWriter) {
        self.document.encode(fields);
        fields.number(self.use_case_idx as u64);
        fields.number(self.element);
        fields.text(&self.outlier);
        fields.number(u64::from(self.aggregator));
        fields.number(u64::from(self.round));
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let document = DocumentKey::decode(fields)?;
        let (use_case_idx, element, outlier) = (fields.small()?, fields.number()?, fields.text()?);
        let (aggregator, round) = (fields.small()?, fields.small()?);
        Ok(GatheredOutlier { document, use_case_idx, element, outlier, aggregator, round })
    }
}

impl GatheredOutlier {
    fn order(&self) -> (&DocumentKey, usize, u64, &str) {
        (&self.document, self.use_case_idx, self.element, &self.outlier)
    }
}

impl PartialEq for GatheredOutlier {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for GatheredOutlier {}

impl PartialOrd for GatheredOutlier {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for GatheredOutlier {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

/// All outliers of one document, in the order of the use cases and then of the event's sentences.
#[derive(Debug)]
pub struct DocumentOutliers {
    /// The document.
    pub document: DocumentKey,
    /// Use case, and outlier as JSON.
    pub outliers: Vec<(usize, String)>,
}

impl Gathered {
    /// Without outliers. What does not fit in memory goes to `folder`.
    pub fn new(folder: &Path) -> Self {
        Self::with_memory(folder, MEMORY_BYTES)
    }

    fn with_memory(folder: &Path, memory_bytes: usize) -> Self {
        Gathered { outliers: Mutex::new(SortedRuns::new(folder, memory_bytes)), withdrawn: Mutex::default() }
    }

    /// Adds outliers.
    ///
    /// # Errors
    /// A file that cannot be made or written.
    pub fn extend(&self, outliers: impl IntoIterator<Item = GatheredOutlier>) -> Result<(), SpillError> {
        let mut gathered = self.outliers.lock().unwrap_or_else(PoisonError::into_inner);
        outliers.into_iter().try_for_each(|outlier| {
            let id = &outlier.document.id;
            let n_bytes = id.index.len() + id.id.len() + outlier.outlier.len() + size_of::<GatheredOutlier>();
            gathered.push(outlier, n_bytes)
        })
    }

    /// Drops the outliers of `aggregators` that a use case found before `round`.
    pub fn withdraw(&self, use_case_idx: usize, aggregators: &FxHashSet<u32>, round: u32) {
        let mut withdrawn = self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner);
        withdrawn.rounds.extend(aggregators.iter().map(|&aggregator| ((use_case_idx, aggregator), round)));
    }

    /// Drops all outliers of a use case.
    pub fn withdraw_use_case(&self, use_case_idx: usize) {
        self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner).use_cases.insert(use_case_idx);
    }

    /// Returns the documents, sorted by index and id.
    ///
    /// # Errors
    /// A file that cannot be made, written or read.
    pub fn into_documents(self) -> Result<GatheredDocuments, SpillError> {
        let outliers = self.outliers.into_inner().unwrap_or_else(PoisonError::into_inner).merge()?;
        Ok(GatheredDocuments {
            outliers,
            withdrawn: self.withdrawn.into_inner().unwrap_or_else(PoisonError::into_inner),
        })
    }
}

impl Withdrawn {
    fn contains(&self, found: &GatheredOutlier) -> bool {
        let stands_from = || self.rounds.get(&(found.use_case_idx, found.aggregator));
        self.use_cases.contains(&found.use_case_idx) || stands_from().is_some_and(|&round| found.round < round)
    }
}

/// Gathered outliers, one document after the other.
#[derive(Debug)]
pub struct GatheredDocuments {
    outliers: MergedRuns<GatheredOutlier>,
    withdrawn: Withdrawn,
}

impl GatheredDocuments {
    /// Returns the next documents, as long as `goes_on` after each; none after the last one.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn next_block(
        &mut self,
        mut goes_on: impl FnMut(&DocumentOutliers) -> bool,
    ) -> Result<Vec<DocumentOutliers>, SpillError> {
        let mut block = Vec::new();
        while let Some(document) = self.next_document()? {
            let is_last = !goes_on(&document);
            block.push(document);
            if is_last {
                break;
            }
        }
        Ok(block)
    }

    fn next_document(&mut self) -> Result<Option<DocumentOutliers>, SpillError> {
        let Some(first) = self.next_if(|_| true)? else { return Ok(None) };
        let document = first.document;
        let mut outliers = vec![(first.use_case_idx, first.outlier)];
        while let Some(next) = self.next_if(|next| next.document == document)? {
            outliers.push((next.use_case_idx, next.outlier));
        }
        Ok(Some(DocumentOutliers { document, outliers }))
    }

    /// Returns the next outlier that stands, if it is wanted.
    fn next_if(&mut self, is_wanted: impl Fn(&GatheredOutlier) -> bool) -> Result<Option<GatheredOutlier>, SpillError> {
        let withdrawn = &self.withdrawn;
        while self.outliers.next_if(|next| withdrawn.contains(next))?.is_some() {}
        self.outliers.next_if(is_wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elastic::DocumentId;

    fn key(index: &str, n: usize) -> DocumentKey {
        let routing = n.is_multiple_of(2).then(|| "r".to_owned());
        let id = DocumentId { index: index.to_owned(), id: format!("{n:03}"), routing };
        DocumentKey { id, place: None }
    }

    fn found(index: &str, n: usize, use_case_idx: usize, outlier: String) -> GatheredOutlier {
        let document = key(index, n);
        GatheredOutlier { document, use_case_idx, element: n as u64, outlier, aggregator: 0, round: 0 }
    }

    /// Two scan groups over the same 100 documents, the first of which finds something in every
    /// third only.
    fn documents(memory_bytes: usize) -> Vec<(DocumentKey, Vec<(usize, String)>)> {
        let folder = tempfile::tempdir().unwrap();
        let gathered = Gathered::with_memory(folder.path(), memory_bytes);
        for (use_case_idx, step) in [(0, 3), (2, 1)] {
            for n in (0..100).rev().step_by(step) {
                let index = if n < 50 { "b" } else { "a" };
                let texts = [(use_case_idx + 1, format!("[{n}]")), (use_case_idx, format!("\"{n}\""))];
                gathered.extend(texts.map(|(use_case_idx, outlier)| found(index, n, use_case_idx, outlier))).unwrap();
            }
        }
        // an aggregator that is judged again, and a use case that fails
        let again = |round| GatheredOutlier { aggregator: 7, round, ..found("a", 60, 2, format!("\"again {round}\"")) };
        gathered.extend([again(0), again(1), found("c", 1, 4, "1".to_owned())]).unwrap();
        gathered.withdraw(2, &FxHashSet::from_iter([7]), 2);
        gathered.withdraw_use_case(4);
        let mut documents = gathered.into_documents().unwrap();
        let mut all = Vec::new();
        loop {
            let mut n_documents = 0;
            let goes_on = |_: &DocumentOutliers| {
                n_documents += 1;
                n_documents < 7
            };
            let block = documents.next_block(goes_on).unwrap();
            assert!(block.len() <= 7);
            if block.is_empty() {
                return all;
            }
            all.extend(block.into_iter().map(|DocumentOutliers { document, outliers }| (document, outliers)));
        }
    }

    #[test]
    fn each_document_comes_once_in_order_with_all_its_outliers() {
        let expected: Vec<(DocumentKey, Vec<(usize, String)>)> = (50..100)
            .chain(0..50)
            .map(|n| {
                let use_cases: &[usize] = if (99 - n) % 3 == 0 { &[0, 1, 2, 3] } else { &[2, 3] };
                let text = |idx: &usize| if idx.is_multiple_of(2) { format!("\"{n}\"") } else { format!("[{n}]") };
                let outliers = use_cases.iter().map(|idx| (*idx, text(idx))).collect();
                (key(if n < 50 { "b" } else { "a" }, n), outliers)
            })
            .collect();
        for memory_bytes in [usize::MAX, 2000, 0] {
            assert_eq!(documents(memory_bytes), expected, "{memory_bytes}");
        }
    }

    #[test]
    fn outliers_of_the_last_round_stand() {
        let gathered = Gathered::new(Path::new("."));
        for round in 0..3 {
            gathered.withdraw(0, &FxHashSet::from_iter([5]), round);
            let judged = [5, 6].map(|aggregator| GatheredOutlier {
                aggregator,
                round,
                ..found("a", 1, 0, format!("{aggregator} {round}"))
            });
            gathered.extend(judged).unwrap();
        }
        let documents = gathered.into_documents().unwrap().next_block(|_| true).unwrap();
        let outliers: Vec<&str> = documents[0].outliers.iter().map(|(_, outlier)| outlier.as_str()).collect();
        assert_eq!((documents.len(), outliers), (1, vec!["5 2", "6 0", "6 1", "6 2"]));
    }

    #[test]
    fn nothing_gives_nothing() {
        assert!(Gathered::new(Path::new(".")).into_documents().unwrap().next_block(|_| true).unwrap().is_empty());
    }
}
