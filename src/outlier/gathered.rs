//! Outliers by document, over all scan groups of a run.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};

use super::Outlier;
use super::first::summary_of;
use super::shortened::Shortened;
use crate::event::decode::members;
use crate::sources::DocumentKey;
use crate::spill::{FieldReader, FieldWriter, MergedRuns, Record, SortedRuns, SpillError, StoredRuns};

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

/// Texts that the outliers of one finding of a use case have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingKey {
    /// Text of the aggregator; `None` if the model has none.
    pub aggregator: Option<String>,
    /// Text that was judged in it; `None` if the aggregator is judged as a whole.
    pub target: Option<String>,
}

impl FindingKey {
    /// Names a finding by its texts, which are shortened if they are very long.
    pub fn new(aggregator: Option<&str>, target: Option<&str>) -> Self {
        let [aggregator, target] = [aggregator, target].map(|text| {
            let mut shortened = Shortened::new();
            shortened.push(text?);
            Some(shortened.finish())
        });
        FindingKey { aggregator, target }
    }

    /// Bytes of its texts.
    pub fn n_bytes(&self) -> usize {
        [&self.aggregator, &self.target].into_iter().flatten().map(String::len).sum()
    }
}

impl Record for FindingKey {
    fn encode(&self, fields: &mut FieldWriter) {
        fields.optional_text(self.aggregator.as_deref());
        fields.optional_text(self.target.as_deref());
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        Ok(FindingKey { aggregator: fields.optional_text()?, target: fields.optional_text()? })
    }
}

/// One outlier, encoded, and where it belongs.
#[derive(Debug, Clone)]
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
    /// Finding that it belongs to.
    pub finding: FindingKey,
    /// Surprise in bits; not negative and finite.
    pub surprise: f64,
    /// Time of its event in microseconds since 1970, if it is known.
    pub time: Option<i64>,
}

impl Record for GatheredOutlier {
    fn encode(&self, fields: &mut FieldWriter) {
        self.document.encode(fields);
        fields.number(self.use_case_idx as u64);
        fields.number(self.element);
        fields.text(&self.outlier);
        fields.number(u64::from(self.aggregator));
        fields.number(u64::from(self.round));
        self.finding.encode(fields);
        fields.number(self.surprise.to_bits());
        fields.optional_number(self.time.map(i64::cast_unsigned));
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let document = DocumentKey::decode(fields)?;
        let (use_case_idx, element, outlier) = (fields.small()?, fields.number()?, fields.text()?);
        let (aggregator, round) = (fields.small()?, fields.small()?);
        let (finding, surprise) = (FindingKey::decode(fields)?, f64::from_bits(fields.number()?));
        let time = fields.optional_number()?.map(u64::cast_signed);
        Ok(GatheredOutlier { document, use_case_idx, element, outlier, aggregator, round, finding, surprise, time })
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
    /// Its outliers.
    pub outliers: Vec<NumberedOutlier>,
}

/// An outlier of a document.
#[derive(Debug)]
pub struct NumberedOutlier {
    /// Its number among the outliers that stand, in the order of documents.
    pub number: u64,
    /// Number of the use case in the run.
    pub use_case_idx: usize,
    /// The outlier as JSON.
    pub json: String,
    /// Finding that it belongs to.
    pub finding: FindingKey,
    /// Surprise in bits; not negative and finite.
    pub surprise: f64,
    /// Time of its event in microseconds since 1970, if it is known.
    pub time: Option<i64>,
}

impl NumberedOutlier {
    /// Decodes the outlier, which not every sink needs.
    ///
    /// # Errors
    /// Text that is not an outlier: a bug in this program.
    pub fn outlier(&self) -> serde_json::Result<Outlier> {
        serde_json::from_str(&self.json)
    }

    /// JSON text of its summary as documents store it.
    pub fn summary(&self) -> Option<&str> {
        summary_of(members(&self.json, ["fields"])?[0]?)
    }

    fn of(number: u64, outlier: GatheredOutlier) -> (DocumentKey, Self) {
        let GatheredOutlier { document, use_case_idx, outlier: json, finding, surprise, time, .. } = outlier;
        (document, NumberedOutlier { number, use_case_idx, json, finding, surprise, time })
    }
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
            let n_text_bytes = id.index.len() + id.id.len() + outlier.outlier.len() + outlier.finding.n_bytes();
            let n_bytes = n_text_bytes + size_of::<GatheredOutlier>();
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

    /// Keeps the outliers that stand, to be read any number of times.
    ///
    /// # Errors
    /// A file that cannot be made or written.
    pub fn store(self) -> Result<StoredOutliers, SpillError> {
        let outliers = self.outliers.into_inner().unwrap_or_else(PoisonError::into_inner).store()?;
        let withdrawn = Arc::new(self.withdrawn.into_inner().unwrap_or_else(PoisonError::into_inner));
        Ok(StoredOutliers { outliers, withdrawn })
    }
}

/// Outliers of a run that stand, sorted by document. In this order, they are numbered from 0.
#[derive(Debug)]
pub struct StoredOutliers {
    outliers: StoredRuns<GatheredOutlier>,
    withdrawn: Arc<Withdrawn>,
}

impl StoredOutliers {
    /// Returns the outliers one by one.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(&self) -> Result<OutliersInOrder, SpillError> {
        Ok(OutliersInOrder { outliers: self.outliers.read()?, withdrawn: Arc::clone(&self.withdrawn), next_number: 0 })
    }

    /// Returns the documents, sorted by index and id, with all outliers that are not `withheld`.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn documents(&self, withheld: Withheld) -> Result<GatheredDocuments, SpillError> {
        Ok(GatheredDocuments { outliers: self.read()?, withheld })
    }
}

/// Set of outliers, by their numbers, that are not written to documents: a bit for each.
#[derive(Debug, Default)]
pub struct Withheld(Vec<u64>);

impl Withheld {
    /// Adds the outlier with this number.
    pub fn insert(&mut self, number: u64) {
        let word = (number / 64) as usize;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (number % 64);
    }

    /// True if the outlier with this number is withheld.
    pub fn contains(&self, number: u64) -> bool {
        self.0.get((number / 64) as usize).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

/// Reader of the outliers that stand.
#[derive(Debug)]
pub struct OutliersInOrder {
    outliers: MergedRuns<GatheredOutlier>,
    withdrawn: Arc<Withdrawn>,
    next_number: u64,
}

impl OutliersInOrder {
    /// Returns the next outlier and its number; `None` after the last one.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn next_outlier(&mut self) -> Result<Option<(u64, GatheredOutlier)>, SpillError> {
        self.next_if(|_, _| true)
    }

    /// Returns the next outlier that stands and its number, if it is wanted.
    fn next_if(
        &mut self,
        is_wanted: impl Fn(u64, &GatheredOutlier) -> bool,
    ) -> Result<Option<(u64, GatheredOutlier)>, SpillError> {
        let withdrawn = &self.withdrawn;
        while self.outliers.next_if(|next| withdrawn.contains(next))?.is_some() {}
        let number = self.next_number;
        let next = self.outliers.next_if(|next| is_wanted(number, next))?;
        self.next_number += u64::from(next.is_some());
        Ok(next.map(|next| (number, next)))
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
    outliers: OutliersInOrder,
    withheld: Withheld,
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
        let Some((number, first)) = self.next_if(|_| true)? else { return Ok(None) };
        let (document, first) = NumberedOutlier::of(number, first);
        let mut outliers = vec![first];
        while let Some((number, next)) = self.next_if(|next| next.document == document)? {
            outliers.push(NumberedOutlier::of(number, next).1);
        }
        Ok(Some(DocumentOutliers { document, outliers }))
    }

    /// Returns the next outlier that is written, if it is wanted.
    fn next_if(
        &mut self,
        is_wanted: impl Fn(&GatheredOutlier) -> bool,
    ) -> Result<Option<(u64, GatheredOutlier)>, SpillError> {
        let withheld = &self.withheld;
        while self.outliers.next_if(|number, _| withheld.contains(number))?.is_some() {}
        self.outliers.next_if(|_, next| is_wanted(next))
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
        let (finding, surprise, time) = (FindingKey::default(), n as f64, (n > 50).then_some(n as i64));
        GatheredOutlier {
            document,
            use_case_idx,
            element: n as u64,
            outlier,
            aggregator: 0,
            round: 0,
            finding,
            surprise,
            time,
        }
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
        let mut documents = gathered.store().unwrap().documents(Withheld::default()).unwrap();
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
            let pair = |outlier: NumberedOutlier| (outlier.use_case_idx, outlier.json);
            all.extend(
                block.into_iter().map(|DocumentOutliers { document, outliers }| {
                    (document, outliers.into_iter().map(pair).collect())
                }),
            );
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
        let documents = gathered.store().unwrap().documents(Withheld::default()).unwrap().next_block(|_| true).unwrap();
        let outliers: Vec<&str> = documents[0].outliers.iter().map(|outlier| outlier.json.as_str()).collect();
        assert_eq!((documents.len(), outliers), (1, vec!["5 2", "6 0", "6 1", "6 2"]));
    }

    #[test]
    fn withheld_outliers_are_left_out_of_their_documents() {
        let gathered = Gathered::new(Path::new("."));
        gathered.withdraw_use_case(7);
        // numbers count what stands, in the order of documents
        for (n, use_case_idx) in [(1, 0), (1, 7), (1, 1), (2, 1), (3, 7), (70, 1), (70, 0)] {
            gathered.extend([found("a", n, use_case_idx, use_case_idx.to_string())]).unwrap();
        }
        let stored = gathered.store().unwrap();
        let mut reader = stored.read().unwrap();
        let mut numbered = Vec::new();
        while let Some((number, outlier)) = reader.next_outlier().unwrap() {
            numbered.push((number, outlier.element, outlier.use_case_idx, outlier.surprise, outlier.time));
        }
        let expected = [(0, 1, 0), (1, 1, 1), (2, 2, 1), (3, 70, 0), (4, 70, 1)];
        let time = |n: u64| (n > 50).then_some(n as i64);
        assert_eq!(numbered, expected.map(|(number, n, idx)| (number, n, idx, n as f64, time(n))));
        let mut withheld = Withheld::default();
        [0, 2, 70].into_iter().for_each(|number| withheld.insert(number));
        assert!(withheld.contains(70) && !withheld.contains(71) && !withheld.contains(700));
        let documents = stored.documents(withheld).unwrap().next_block(|_| true).unwrap();
        let left: Vec<(&str, Vec<u64>)> = documents
            .iter()
            .map(|found| (found.document.id.id.as_str(), found.outliers.iter().map(|outlier| outlier.number).collect()))
            .collect();
        assert_eq!(left, [("001", vec![1]), ("070", vec![3, 4])]);
    }

    #[test]
    fn nothing_gives_nothing() {
        assert!(
            Gathered::new(Path::new("."))
                .store()
                .unwrap()
                .documents(Withheld::default())
                .unwrap()
                .next_block(|_| true)
                .unwrap()
                .is_empty()
        );
    }
}
