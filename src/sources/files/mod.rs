//! Events from files: JSON in many forms, CSV, Zeek, event logs and Parquet, plain or compressed;
//! folders, patterns and standard input. A file's contents decide what it is.
//!
//! A scan cuts each file into blocks and decodes them on rayon's threads. Whole documents are read
//! again from the file if it is plain, else from a compressed copy of the block in the spill
//! directory.

mod contents;
mod documents;
mod file;
mod formats;
mod paths;
mod repeats;
mod stream;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::error::ArrowError;

use super::{
    DocRef, DocumentKey, Documents, EventSource, Ignored, Incomplete, OnBatch, RawDocument, ScanOptions, ScanSummary,
    SourceError,
};
use crate::elastic::{DocumentVersion, Lookup, StoredDocument};
use crate::event::decode::{Decoder, EventBatch, Identity, Projection};
use crate::runtime::InOrder;
use crate::spill::{SpillError, Spool};
use documents::Place;
use file::{InputFile, named};
use formats::{Block, Kept};
use paths::{Asked, Found};
use repeats::Repeats;

/// Bytes in flight per batch that is decoded at the same time: more than ordinary batches have.
const BATCH_BYTES: usize = 4 << 20;

/// Options for reading files.
#[derive(Debug, Clone)]
pub struct FileOptions {
    /// Directory for copies of compressed or piped events.
    pub spill_dir: PathBuf,
}

/// Event files, ordered by name.
#[derive(Debug)]
pub struct EventFiles {
    files: Vec<InputFile>,
    unreadable: Vec<Incomplete>,
    ignored: Vec<Ignored>,
    spool: Arc<Spool>,
    places: Mutex<Vec<Place>>,
    is_read: AtomicBool,
    /// Upper limit on the events of a scan.
    most_events: u64,
}

impl EventFiles {
    /// Finds the files of `paths`: files, folders, patterns, and `-` for standard input. Files of
    /// folders and patterns that hold no events are ignored. Files that cannot be read from their
    /// start are left out. Both are listed in the summary of each scan, unless all are such.
    ///
    /// # Errors
    /// One error for every path without events, or for every file that cannot be read.
    pub fn open(paths: &[String], options: FileOptions) -> Result<Self, Vec<SourceError>> {
        let mut errors = Vec::new();
        let (mut readable, mut unreadable, mut ignored) = (Vec::new(), Vec::new(), Vec::new());
        for Found { path, asked } in paths::find(paths, &mut errors) {
            let file = match InputFile::new(path) {
                Ok(file) => file,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            // streams are checked when they are read
            match file.size().map_or(Ok(()), |_| formats::check(&file)) {
                Ok(()) => readable.push(file),
                Err(error @ SourceError::NoEvents { .. }) if asked == Asked::AmongOthers => ignored.push((file, error)),
                Err(error) => unreadable.push((file, error)),
            }
        }
        if !errors.is_empty() || readable.is_empty() {
            errors.extend(unreadable.into_iter().chain(ignored).map(|(_, error)| error));
            return Err(errors);
        }
        Ok(EventFiles {
            files: named(readable),
            unreadable: unreadable.iter().map(|(file, error)| left_out(file, error)).collect(),
            ignored: ignored.iter().filter_map(|(file, error)| without_events(file, error)).collect(),
            spool: Arc::new(Spool::new(&options.spill_dir)),
            places: Mutex::default(),
            is_read: AtomicBool::new(false),
            most_events: u64::MAX,
        })
    }

    /// Ends scans after `most_events`: the first ones in the order of files and lines.
    pub fn with_limit(self, most_events: u64) -> Self {
        EventFiles { most_events, ..self }
    }

    /// Returns the number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// True if there are no files.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Returns the stored size of all files in bytes; `None` with standard input.
    pub fn total_bytes(&self) -> Option<u64> {
        self.files.iter().map(InputFile::size).sum()
    }
}

/// Returns the files that `paths` (files, folders, patterns) stand for, without standard input;
/// errors are ignored.
pub fn event_files(paths: &[String]) -> Vec<PathBuf> {
    // errors are reported when the files are opened
    paths::find(paths, &mut Vec::new()).into_iter().filter_map(|found| found.path).collect()
}

/// A file that is left out. Its name is not repeated in the reason.
fn left_out(file: &InputFile, error: &SourceError) -> Incomplete {
    let reason = match error {
        SourceError::Format { reason, cure, .. } => format!("{reason}; {cure}"),
        SourceError::NoEvents { reason, cure, .. } => format!("{reason}; {cure}"),
        SourceError::Open { source, .. } => format!("{source}; check its permissions"),
        other => other.to_string(),
    };
    Incomplete { name: file.name.to_string(), reason }
}

fn without_events(file: &InputFile, error: &SourceError) -> Option<Ignored> {
    let SourceError::NoEvents { reason, .. } = error else { return None };
    Some(Ignored { name: file.name.to_string(), reason })
}

impl EventSource for EventFiles {
    fn scan(
        &self,
        projection: &Projection,
        options: &ScanOptions,
        on_batch: &mut OnBatch<'_>,
    ) -> Result<ScanSummary, SourceError> {
        self.check_rereading()?;
        self.lock_places().clear();
        let mut scan = Scan {
            files: self,
            decoders: Arc::new(Decoders {
                projection: projection.clone(),
                options: options.clone(),
                idle: Mutex::default(),
            }),
            decoding: InOrder::new(2 * options.threads.max(1) + 1),
            most_bytes: (2 * options.threads.max(1) + 1) * BATCH_BYTES,
            n_bytes: 0,
            summary: ScanSummary {
                incomplete: self.unreadable.clone(),
                ignored: self.ignored.clone(),
                ..ScanSummary::default()
            },
            repeats: Repeats::new(options.memory_for_ids),
            broken: None,
            on_batch,
        };
        for file_idx in 0..self.files.len() {
            scan.file(file_idx, options)?;
            if scan.is_full() {
                break;
            }
        }
        scan.finish()
    }

    fn fetch(&self, documents: &[DocRef]) -> Result<Vec<Option<RawDocument>>, SourceError> {
        documents::fetch(&self.files, &self.spool, &self.lock_places(), documents)
    }
}

impl Documents for EventFiles {
    fn read(&self, documents: &[DocumentKey]) -> Result<Vec<Lookup>, SourceError> {
        let places: Vec<DocRef> = documents.iter().filter_map(|key| key.place).collect();
        debug_assert_eq!(places.len(), documents.len(), "documents of files have a place");
        let stored = |document: Option<RawDocument>| match document {
            Some(RawDocument { key, text: source }) => {
                Lookup::Found(StoredDocument { id: key.id, version: DocumentVersion::NONE, source })
            }
            None => Lookup::Gone,
        };
        Ok(self.fetch(&places)?.into_iter().map(stored).collect())
    }
}

impl EventFiles {
    /// Refuses to read a stream twice: the second time it would look as if it had no events.
    fn check_rereading(&self) -> Result<(), SourceError> {
        let is_again = self.is_read.swap(true, Ordering::Relaxed);
        match self.files.iter().find(|file| is_again && file.size().is_none()) {
            None => Ok(()),
            Some(stream) => Err(SourceError::Format {
                name: stream.name.to_string(),
                reason: "it can be read only once".to_owned(),
                cure: "write its events to a file first",
            }),
        }
    }

    fn lock_places(&self) -> std::sync::MutexGuard<'_, Vec<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Scan in progress.
struct Scan<'a, 'b> {
    files: &'a EventFiles,
    decoders: Arc<Decoders>,
    decoding: InOrder<Decoded>,
    /// Upper limit on the bytes in flight, unless one block alone is larger.
    most_bytes: usize,
    n_bytes: usize,
    summary: ScanSummary,
    repeats: Repeats,
    /// The last file that has a fault in one of its blocks: nothing after the fault is read.
    broken: Option<usize>,
    on_batch: &'a mut OnBatch<'b>,
}

struct Decoded {
    file_idx: usize,
    n_bytes: usize,
    first_line: u64,
    batch: Result<EventBatch, ArrowError>,
    kept: Result<Box<dyn Kept>, SpillError>,
}

impl Scan<'_, '_> {
    fn file(&mut self, file_idx: usize, options: &ScanOptions) -> Result<(), SourceError> {
        let file = &self.files.files[file_idx];
        let is_cancelled = || options.interrupt.is_raised();
        let (mut blocks, doubt) = match formats::open(file, &options.progress, &options.interrupt) {
            Ok(opened) => opened,
            Err(_) if is_cancelled() => return Err(SourceError::Cancelled),
            Err(error) => {
                self.incomplete(file, error.to_string());
                return Ok(());
            }
        };
        blocks.want(&self.decoders.projection, options.outside.as_deref());
        self.summary.doubts.extend(doubt.map(|doubt| format!("{}: {doubt}", file.name)));
        loop {
            let next = blocks.next();
            if is_cancelled() {
                return Err(SourceError::Cancelled);
            }
            match next {
                Ok(None) => return Ok(()),
                Ok(Some(_)) if self.broken == Some(file_idx) || self.is_full() => return Ok(()),
                Ok(Some(block)) => self.start(file_idx, block)?,
                Err(error) => {
                    self.incomplete(file, error.to_string());
                    return Ok(());
                }
            }
        }
    }

    fn start(&mut self, file_idx: usize, block: Box<dyn Block>) -> Result<(), SourceError> {
        let (decoders, spool) = (Arc::clone(&self.decoders), Arc::clone(&self.files.spool));
        let name = Arc::clone(&self.files.files[file_idx].name);
        let n_bytes = block.n_bytes();
        while self.n_bytes + n_bytes > self.most_bytes
            && let Some(decoded) = self.decoding.finish_one()
        {
            self.deliver(decoded)?;
        }
        self.n_bytes += n_bytes;
        let decoded = self.decoding.start(move || Decoded {
            file_idx,
            n_bytes,
            first_line: block.first_line(),
            batch: decoders.decode(&*block, &name),
            kept: block.keep(&spool),
        });
        decoded.map_or(Ok(()), |decoded| self.deliver(decoded))
    }

    fn deliver(&mut self, decoded: Decoded) -> Result<(), SourceError> {
        let Decoded { file_idx, n_bytes, first_line, batch, kept } = decoded;
        self.n_bytes -= n_bytes;
        let name = || self.files.files[file_idx].name.to_string();
        let refused = |source| SourceError::Columns { name: name(), source };
        if self.broken == Some(file_idx) || self.is_full() {
            return Ok(());
        }
        let mut batch = batch.map_err(refused)?;
        if let Some(fault) = batch.fault.take() {
            self.broken = Some(file_idx);
            self.incomplete(&self.files.files[file_idx], fault);
        }
        self.repeats.drop_from(&mut batch).map_err(refused)?;
        batch.truncate(usize::try_from(self.files.most_events - self.summary.events).unwrap_or(usize::MAX));
        {
            let mut places = self.files.lock_places();
            batch.number = places.len() as u32;
            places.push(Place { file_idx, first_line, kept: kept? });
        }
        let n_events = batch.rows.len() as u64;
        self.summary.events += n_events;
        self.decoders.options.progress.add_events(n_events);
        self.summary.skipped.merge(std::mem::take(&mut batch.skipped));
        (self.on_batch)(batch).map_err(SourceError::Consumer)
    }

    fn is_full(&self) -> bool {
        self.summary.events >= self.files.most_events
    }

    fn incomplete(&mut self, file: &InputFile, reason: String) {
        self.summary.incomplete.push(Incomplete { name: file.name.to_string(), reason });
    }

    fn finish(mut self) -> Result<ScanSummary, SourceError> {
        while let Some(decoded) = self.decoding.finish_one() {
            self.deliver(decoded)?;
        }
        self.summary.bytes = self.decoders.options.progress.bytes();
        self.summary.repeats = self.repeats.n_dropped;
        self.summary.forgotten = self.repeats.n_forgotten;
        Ok(self.summary)
    }
}

/// Idle decoders, kept to reuse their memory.
struct Decoders {
    projection: Projection,
    options: ScanOptions,
    idle: Mutex<Vec<Decoder>>,
}

impl Decoders {
    fn decode(&self, block: &dyn Block, name: &Arc<str>) -> Result<EventBatch, ArrowError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let identity = if self.options.id_hash { Identity::Hashed } else { Identity::NotWanted };
        let mut decoder = idle.unwrap_or_else(|| Decoder::new(&self.projection, identity));
        let batch = block.decode(&mut decoder, name);
        if batch.is_ok() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(decoder);
        }
        batch
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod table_tests;
