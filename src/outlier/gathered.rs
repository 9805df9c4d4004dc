//! Outliers of all scan groups of a run, grouped by document and sorted by index and id. Few are
//! kept in memory; more are spilled to disk.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::elastic::DocumentId;
use crate::spill::SpillError;

/// Upper limit on memory; beyond it the outliers are sorted and spilled to disk.
const MEMORY_BYTES: usize = 32 << 20;

/// Size of the read buffer of each sorted part.
const READ_AHEAD: usize = 64 << 10;

/// All outliers of one document, in the order of the use cases and then of the event's sentences.
#[derive(Debug, Clone)]
pub struct DocumentOutliers {
    /// Identity of the document.
    pub id: DocumentId,
    /// Index of the use case, and encoded outlier.
    pub outliers: Vec<(usize, Box<RawValue>)>,
}

/// Outliers on their way to their documents.
#[derive(Debug)]
pub struct Gathered {
    folder: PathBuf,
    memory_bytes: usize,
    parts: Vec<Part>,
    n_bytes: usize,
    file: Option<BufWriter<File>>,
    /// Position of the end of each sorted part in the file.
    ends: Vec<u64>,
}

/// Outliers that one scan group found in one document; ordered by document, then by use case.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Part {
    index: String,
    id: String,
    routing: Option<String>,
    outliers: Vec<(usize, String)>,
}

impl Gathered {
    /// Returns an empty collection that spills to `folder`.
    pub fn new(folder: &Path) -> Self {
        Self::with_memory(folder, MEMORY_BYTES)
    }

    fn with_memory(folder: &Path, memory_bytes: usize) -> Self {
        let folder = folder.to_owned();
        Gathered { folder, memory_bytes, parts: Vec::new(), n_bytes: 0, file: None, ends: Vec::new() }
    }

    /// Adds the encoded outliers that a scan group found in a document, each with the index of its
    /// use case.
    ///
    /// # Errors
    /// A file that cannot be made or written.
    pub fn push(&mut self, id: DocumentId, outliers: Vec<(usize, String)>) -> Result<(), SpillError> {
        let DocumentId { index, id, routing } = id;
        let n_bytes: usize = outliers.iter().map(|(_, outlier)| outlier.len() + 32).sum();
        self.n_bytes += n_bytes + index.len() + id.len() + size_of::<Part>();
        self.parts.push(Part { index, id, routing, outliers });
        if self.n_bytes <= self.memory_bytes {
            return Ok(());
        }
        self.put_on_disk().map_err(SpillError::in_folder(&self.folder))
    }

    fn put_on_disk(&mut self) -> io::Result<()> {
        self.parts.sort_unstable();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufWriter::new(tempfile::tempfile_in(&self.folder)?)),
        };
        let mut end = self.ends.last().copied().unwrap_or_default();
        for part in self.parts.drain(..) {
            let line = serde_json::to_vec(&part)?;
            file.write_all(&(line.len() as u32).to_le_bytes())?;
            file.write_all(&line)?;
            end += 4 + line.len() as u64;
        }
        self.ends.push(end);
        self.n_bytes = 0;
        Ok(())
    }

    /// Returns the documents, sorted by index and id.
    ///
    /// # Errors
    /// A file that cannot be made, written or read.
    pub fn into_documents(self) -> Result<Documents, SpillError> {
        let in_folder = SpillError::in_folder(&self.folder);
        self.documents().map_err(in_folder)
    }

    fn documents(mut self) -> io::Result<Documents> {
        let mut readers = Vec::new();
        if self.file.is_some() {
            self.put_on_disk()?;
        }
        if let Some(file) = self.file.take() {
            let file = Arc::new(file.into_inner().map_err(io::IntoInnerError::into_error)?);
            let starts = [0].into_iter().chain(self.ends.iter().copied());
            for (at, &end) in starts.zip(&self.ends) {
                let section = Section { file: Arc::clone(&file), at, end };
                readers.push(Parts::OnDisk(BufReader::with_capacity(READ_AHEAD, section)));
            }
        } else {
            self.parts.sort_unstable();
            readers.push(Parts::InMemory(std::mem::take(&mut self.parts).into_iter()));
        }
        let mut documents = Documents { folder: self.folder, readers, heads: BinaryHeap::new() };
        for reader_idx in 0..documents.readers.len() {
            documents.advance(reader_idx)?;
        }
        Ok(documents)
    }
}

/// Gathered outliers, one document after the other.
#[derive(Debug)]
pub struct Documents {
    folder: PathBuf,
    readers: Vec<Parts>,
    heads: BinaryHeap<Reverse<(Part, usize)>>,
}

impl Documents {
    /// Returns the next document, or `None` after the last one.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn next_document(&mut self) -> Result<Option<DocumentOutliers>, SpillError> {
        self.read().map_err(SpillError::in_folder(&self.folder))
    }

    fn read(&mut self) -> io::Result<Option<DocumentOutliers>> {
        let Some(Reverse((Part { index, id, routing, outliers }, reader_idx))) = self.heads.pop() else {
            return Ok(None);
        };
        self.advance(reader_idx)?;
        let mut all = outliers;
        while let Some(Reverse((next, _))) = self.heads.peek() {
            if (&next.index, &next.id, &next.routing) != (&index, &id, &routing) {
                break;
            }
            if let Some(Reverse((next, reader_idx))) = self.heads.pop() {
                all.extend(next.outliers);
                self.advance(reader_idx)?;
            }
        }
        let raw = |(use_case_idx, outlier)| Ok((use_case_idx, RawValue::from_string(outlier)?));
        let outliers = all.into_iter().map(raw).collect::<io::Result<Vec<_>>>()?;
        Ok(Some(DocumentOutliers { id: DocumentId { index, id, routing }, outliers }))
    }

    fn advance(&mut self, reader_idx: usize) -> io::Result<()> {
        if let Some(part) = self.readers[reader_idx].next_part()? {
            self.heads.push(Reverse((part, reader_idx)));
        }
        Ok(())
    }
}

#[derive(Debug)]
enum Parts {
    InMemory(std::vec::IntoIter<Part>),
    OnDisk(BufReader<Section>),
}

impl Parts {
    fn next_part(&mut self) -> io::Result<Option<Part>> {
        let reader = match self {
            Parts::InMemory(parts) => return Ok(parts.next()),
            Parts::OnDisk(reader) => reader,
        };
        let mut head = [0; 4];
        if reader.read(&mut head[..1])? == 0 {
            return Ok(None);
        }
        reader.read_exact(&mut head[1..])?;
        let mut line = vec![0; u32::from_le_bytes(head) as usize];
        reader.read_exact(&mut line)?;
        Ok(Some(serde_json::from_slice(&line)?))
    }
}

/// A section of a file that several readers share.
#[derive(Debug)]
struct Section {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let n_read = self.file.read_at(&mut buffer[..left], self.at)?;
        self.at += n_read as u64;
        Ok(n_read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(index: &str, id: usize) -> DocumentId {
        DocumentId {
            index: index.to_owned(),
            id: format!("{id:03}"),
            routing: id.is_multiple_of(2).then(|| "r".to_owned()),
        }
    }

    /// Returns the documents of two scan groups over the same 100 documents; the first finds
    /// something in every third one only.
    fn documents(memory_bytes: usize) -> Vec<(DocumentId, Vec<(usize, String)>)> {
        let folder = tempfile::tempdir().unwrap();
        let mut gathered = Gathered::with_memory(folder.path(), memory_bytes);
        for (use_case_idx, step) in [(0, 3), (2, 1)] {
            for n in (0..100).rev().step_by(step) {
                let index = if n < 50 { "b" } else { "a" };
                let outliers = vec![(use_case_idx, format!("\"{n}\"")), (use_case_idx + 1, format!("[{n}]"))];
                gathered.push(id(index, n), outliers).unwrap();
            }
        }
        let mut documents = gathered.into_documents().unwrap();
        let mut all = Vec::new();
        while let Some(DocumentOutliers { id, outliers }) = documents.next_document().unwrap() {
            all.push((id, outliers.into_iter().map(|(idx, raw)| (idx, raw.get().to_owned())).collect()));
        }
        all
    }

    #[test]
    fn documents_come_once_in_order_with_all_their_outliers() {
        let expected: Vec<(DocumentId, Vec<(usize, String)>)> = (50..100)
            .chain(0..50)
            .map(|n| {
                let use_cases: &[usize] = if (99 - n) % 3 == 0 { &[0, 1, 2, 3] } else { &[2, 3] };
                let text = |idx: &usize| if idx.is_multiple_of(2) { format!("\"{n}\"") } else { format!("[{n}]") };
                let outliers = use_cases.iter().map(|idx| (*idx, text(idx))).collect();
                (id(if n < 50 { "b" } else { "a" }, n), outliers)
            })
            .collect();
        for memory_bytes in [usize::MAX, 2000, 0] {
            assert_eq!(documents(memory_bytes), expected, "{memory_bytes}");
        }
    }

    #[test]
    fn an_empty_collection_has_no_documents() {
        assert!(Gathered::new(Path::new(".")).into_documents().unwrap().next_document().unwrap().is_none());
    }
}
