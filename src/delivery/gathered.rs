//! Outliers by document, over all scan groups of a run.

use std::io;
use std::path::Path;

use crate::sources::DocumentKey;
use crate::spill::{FieldReader, FieldWriter, MergedRuns, Record, SortedRuns, SpillError};

/// Upper limit on the memory for outliers; the rest is sorted on disk.
const MEMORY_BYTES: usize = 32 << 20;

/// Outliers on their way to their documents.
#[derive(Debug)]
pub struct Gathered(SortedRuns<GatheredOutlier>);

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
}

impl Record for GatheredOutlier {
    fn encode(&self, fields: &mut FieldWriter) {
        self.document.encode(fields);
        fields.number(self.use_case_idx as u64);
        fields.number(self.element);
        fields.text(&self.outlier);
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let document = DocumentKey::decode(fields)?;
        let (use_case_idx, element) = (fields.small()?, fields.number()?);
        Ok(GatheredOutlier { document, use_case_idx, element, outlier: fields.text()? })
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
        Gathered(SortedRuns::new(folder, memory_bytes))
    }

    /// Adds an outlier.
    ///
    /// # Errors
    /// A file that cannot be made or written.
    pub fn push(&mut self, outlier: GatheredOutlier) -> Result<(), SpillError> {
        let id = &outlier.document.id;
        let n_bytes = id.index.len() + id.id.len() + outlier.outlier.len() + size_of::<GatheredOutlier>();
        self.0.push(outlier, n_bytes)
    }

    /// Returns the documents, sorted by index and id.
    ///
    /// # Errors
    /// A file that cannot be made, written or read.
    pub fn into_documents(self) -> Result<GatheredDocuments, SpillError> {
        self.0.merge().map(GatheredDocuments)
    }
}

/// Gathered outliers, one document after the other.
#[derive(Debug)]
pub struct GatheredDocuments(MergedRuns<GatheredOutlier>);

impl GatheredDocuments {
    /// Returns the next documents, at most `n_documents`; none after the last one.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn next_block(&mut self, n_documents: usize) -> Result<Vec<DocumentOutliers>, SpillError> {
        let mut block = Vec::with_capacity(n_documents);
        while block.len() < n_documents {
            let Some(document) = self.next_document()? else { break };
            block.push(document);
        }
        Ok(block)
    }

    fn next_document(&mut self) -> Result<Option<DocumentOutliers>, SpillError> {
        let Some(first) = self.0.next_if(|_| true)? else { return Ok(None) };
        let document = first.document;
        let mut outliers = vec![(first.use_case_idx, first.outlier)];
        while let Some(next) = self.0.next_if(|next| next.document == document)? {
            outliers.push((next.use_case_idx, next.outlier));
        }
        Ok(Some(DocumentOutliers { document, outliers }))
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

    /// Two scan groups over the same 100 documents, the first of which finds something in every
    /// third only.
    fn documents(memory_bytes: usize) -> Vec<(DocumentKey, Vec<(usize, String)>)> {
        let folder = tempfile::tempdir().unwrap();
        let mut gathered = Gathered::with_memory(folder.path(), memory_bytes);
        for (use_case_idx, step) in [(0, 3), (2, 1)] {
            for n in (0..100).rev().step_by(step) {
                let index = if n < 50 { "b" } else { "a" };
                for (use_case_idx, text) in [(use_case_idx + 1, format!("[{n}]")), (use_case_idx, format!("\"{n}\""))] {
                    let (element, outlier) = (n as u64, text);
                    gathered.push(GatheredOutlier { document: key(index, n), use_case_idx, element, outlier }).unwrap();
                }
            }
        }
        let mut documents = gathered.into_documents().unwrap();
        let mut all = Vec::new();
        loop {
            let block = documents.next_block(7).unwrap();
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
    fn nothing_gives_nothing() {
        assert!(Gathered::new(Path::new(".")).into_documents().unwrap().next_block(10).unwrap().is_empty());
    }
}
