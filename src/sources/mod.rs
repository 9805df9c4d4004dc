//! Sources of events: one trait, so that the same events give the same event table wherever they
//! are stored.

pub mod elasticsearch;
mod error;
pub mod files;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use error::SourceError;
use serde_json::{Map, Value};

use crate::elastic::{DocumentId, Lookup, MappedFields};
use crate::event::decode::{EventBatch, Projection, RowRef, SkippedLines};
use crate::plan::ScanPlan;
use crate::query::TimeWindow;
use crate::runtime::Interrupt;
use crate::spill::{FieldReader, FieldWriter, Record};

/// A source of events.
pub trait EventSource: Send + Sync + fmt::Debug {
    /// Reads all events once and passes their columns to `on_batch`, in the order of the source, on
    /// the calling thread.
    ///
    /// # Errors
    /// Faults that make the whole scan worthless: nothing could be read, it was interrupted, or
    /// `on_batch` failed. A part that could not be read is listed in the summary instead.
    fn scan(
        &self,
        projection: &Projection,
        options: &ScanOptions,
        on_batch: &mut OnBatch<'_>,
    ) -> Result<ScanSummary, SourceError>;

    /// Reads whole documents again, in the order of `documents`; `None` for one that was deleted
    /// since the scan.
    ///
    /// # Errors
    /// A document that has changed since the scan, or cannot be read.
    fn fetch(&self, documents: &[DocRef]) -> Result<Vec<Option<RawDocument>>, SourceError>;

    /// Returns the index and id of each of `documents`; `None` for one that was deleted since the
    /// scan.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    fn document_ids(&self, documents: &[DocRef]) -> Result<Vec<Option<DocumentId>>, SourceError> {
        Ok(self.fetch(documents)?.into_iter().map(|document| document.map(|document| document.key.id)).collect())
    }

    /// Returns, per use case of `plan`, the number of events within its window, whether they match
    /// its query or not; `None` if the scan delivers all of them.
    ///
    /// # Errors
    /// As [`Self::scan`].
    fn count_in_windows(&self, plan: &ScanPlan) -> Result<Option<Vec<u64>>, SourceError> {
        let _ = plan;
        Ok(None)
    }

    /// Returns the names of all fields by which events can be found, if the source knows them
    /// without reading events.
    fn mapped_fields(&self) -> Option<&MappedFields> {
        None
    }

    /// Returns, for each document and by field, the fragments in which the query of use case
    /// `mask_idx` matches, with [`MARKS`](crate::elastic::MARKS) around the matching parts. Sources
    /// that do not evaluate queries themselves return none.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    fn highlights(&self, mask_idx: usize, documents: &[DocRef]) -> Result<Vec<Map<String, Value>>, SourceError> {
        let _ = mask_idx;
        Ok(vec![Map::new(); documents.len()])
    }
}

/// Consumer of the batches of a scan; an error ends the scan.
pub type OnBatch<'a> = dyn FnMut(EventBatch) -> anyhow::Result<()> + 'a;

/// Options of a scan.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// decoding threads (0 counts as 1); also limits the batches in flight to `2 * threads + 2`
    pub threads: usize,
    /// adds the hash of each document's identity to the batches
    pub id_hash: bool,
    /// upper limit on the memory for the `_index` and `_id` of documents in files, in bytes
    pub memory_for_ids: usize,
    /// rows that need not be read in full
    pub outside: Option<Arc<OutsideWindows>>,
    /// ends the scan early with [`SourceError::Cancelled`]
    pub interrupt: Interrupt,
    /// counts while the scan runs
    pub progress: Arc<ScanProgress>,
}

/// Rows outside the windows of all use cases. They are counted, but only some of their columns
/// matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideWindows {
    /// Column of the projection that holds the times.
    pub time: usize,
    /// The windows.
    pub windows: Vec<TimeWindow>,
    /// Columns that matter for all rows: those of queries.
    pub needed: Vec<usize>,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self {
            threads: rayon::current_num_threads(),
            id_hash: false,
            memory_for_ids: 256 << 20,
            outside: None,
            interrupt: Interrupt::default(),
            progress: Arc::default(),
        }
    }
}

/// Counters that a progress display can read during a scan.
#[derive(Debug, Default)]
pub struct ScanProgress {
    bytes: AtomicU64,
    events: AtomicU64,
}

impl ScanProgress {
    /// Returns the bytes read from the source as stored (before decompression).
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns the number of events passed to the consumer.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Adds `n` stored bytes.
    pub fn add_bytes(&self, n: u64) {
        self.bytes.fetch_add(n, Ordering::Relaxed);
    }

    /// Adds `n` events.
    pub fn add_events(&self, n: u64) {
        self.events.fetch_add(n, Ordering::Relaxed);
    }
}

/// Counts of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanSummary {
    /// events passed to the consumer
    pub events: u64,
    /// stored bytes read
    pub bytes: u64,
    /// lines that were not events, including those of the batches
    pub skipped: SkippedLines,
    /// parts of the source that could not be read to their end; the events before the fault were
    /// delivered
    pub incomplete: Vec<Incomplete>,
    /// files of folders and patterns that were not read because they hold no events
    pub ignored: Vec<Ignored>,
    /// files whose events may be others than those that were read, with the reason and the cure
    pub doubts: Vec<String>,
    /// documents that were left out because an earlier one has the same `_index` and `_id`
    pub repeats: u64,
    /// documents whose `_index` and `_id` did not fit into memory: if they occur again, they count
    /// again
    pub forgotten: u64,
}

/// File that holds no events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// name of the file
    pub name: String,
    /// what it holds instead
    pub reason: &'static str,
}

/// Part of a source that ended with a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete {
    /// name of the file or index
    pub name: String,
    /// what happened and what to do
    pub reason: String,
}

/// Place of a document: a batch of a scan and a position in it, as given by the [`EventBatch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocRef {
    /// [`EventBatch::number`]
    pub batch: u32,
    /// `offset_in_batch` of the row
    pub offset: u32,
    /// `length` of the row
    pub length: u32,
    /// `line_in_batch` of the row
    pub line: u32,
}

impl DocRef {
    /// Place of a row of the batch with this number.
    pub fn new(batch: u32, row: &RowRef) -> Self {
        DocRef { batch, offset: row.offset_in_batch, length: row.length, line: row.line_in_batch }
    }
}

/// Names a document so that it can be read again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentKey {
    /// Index and id; those of a line in a file, unless it says more, are the file's name and the
    /// line's number.
    pub id: DocumentId,
    /// Place in the files of a scan: several lines may have the same id. `None` in a cluster.
    pub place: Option<DocRef>,
}

impl Record for DocumentKey {
    fn encode(&self, fields: &mut FieldWriter) {
        let DocumentKey { id: DocumentId { index, id, routing }, place } = self;
        fields.text(index);
        fields.text(id);
        fields.optional_text(routing.as_deref());
        fields.number(u64::from(place.is_some()));
        if let Some(DocRef { batch, offset, length, line }) = *place {
            [batch, offset, length, line].into_iter().for_each(|number| fields.number(u64::from(number)));
        }
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let (index, id) = (fields.text()?, fields.text()?);
        let routing = fields.optional_text()?;
        let has_place = fields.number()? == 1;
        let mut place = || {
            let (batch, offset) = (fields.small()?, fields.small()?);
            Ok::<_, io::Error>(DocRef { batch, offset, length: fields.small()?, line: fields.small()? })
        };
        let place = if has_place { Some(place()?) } else { None };
        Ok(DocumentKey { id: DocumentId { index, id, routing }, place })
    }
}

/// A document as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawDocument {
    /// Which one it is.
    pub key: DocumentKey,
    /// JSON text of its `_source`, without lone surrogates.
    pub text: String,
}

/// Whole documents of a run, as they are now.
pub trait Documents: Sync + fmt::Debug {
    /// Reads documents, in the order asked. Blocks: not for tokio's own threads.
    ///
    /// # Errors
    /// A source that cannot be read, and a spill directory that cannot be used.
    fn read(&self, documents: &[DocumentKey]) -> Result<Vec<Lookup>, SourceError>;
}
