//! Output files whose parts come in one order, whatever the order of reading was.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use tempfile::NamedTempFile;

use super::place::persist;
use crate::delivery::{Delivered, DeliveryError, Sink, SinkError};
use crate::elastic::DocumentId;
use crate::spill::{FieldReader, FieldWriter, Record, SortedRuns};

/// Upper limit on the memory for the parts of one index and id, of which a file may have any
/// number; the rest is sorted on disk.
const MEMORY_BYTES: usize = 32 << 20;

/// A way of writing documents with outliers.
pub(super) trait Form: fmt::Debug {
    /// Returns the function that turns a document into the parts that it contributes, on any
    /// thread.
    fn encoder(&self) -> impl Fn(&Delivered) -> serde_json::Result<Vec<FilePart>> + Sync;

    /// Writes the next part.
    fn write(&mut self, part: FilePart) -> io::Result<()>;

    /// Ends the file.
    fn finish(self) -> io::Result<NamedTempFile>;
}

/// Share of a document in a file: a line, or the cells of a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FilePart(pub(super) Vec<String>);

impl FilePart {
    pub(super) fn line(text: String) -> Self {
        FilePart(vec![text])
    }

    /// Length of its texts.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(String::len).sum()
    }
}

impl Record for FilePart {
    fn encode(&self, fields: &mut FieldWriter) {
        fields.texts(&self.0);
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        fields.texts().map(FilePart)
    }
}

/// Sink of parts. Documents come sorted by index and id; the parts of one index and id are sorted
/// here.
#[derive(Debug)]
pub(super) struct SortedFile<F: Form> {
    path: PathBuf,
    form: F,
    spill_dir: PathBuf,
    last: Option<(DocumentId, SortedRuns<FilePart>)>,
}

impl<F: Form> SortedFile<F> {
    pub(super) fn new(path: &Path, form: F, spill_dir: &Path) -> Self {
        SortedFile { path: path.to_owned(), form, spill_dir: spill_dir.to_owned(), last: None }
    }

    fn add(&mut self, id: &DocumentId, parts: Vec<FilePart>) -> Result<(), DeliveryError> {
        let is_same = |(last, _): &(DocumentId, _)| (&last.index, &last.id) == (&id.index, &id.id);
        if !self.last.as_ref().is_some_and(is_same) {
            self.write_last()?;
        }
        let none_yet = || (id.clone(), SortedRuns::new(&self.spill_dir, MEMORY_BYTES));
        let (_, gathered) = self.last.get_or_insert_with(none_yet);
        for part in parts {
            let n_bytes = part.len() + size_of::<FilePart>() + part.0.len() * size_of::<String>();
            gathered.push(part, n_bytes)?;
        }
        Ok(())
    }

    fn write_last(&mut self) -> Result<(), DeliveryError> {
        let Some((_, gathered)) = self.last.take() else { return Ok(()) };
        let mut sorted = gathered.merge()?;
        while let Some(part) = sorted.next_if(|_| true)? {
            self.form.write(part).map_err(SinkError::new(&self.path))?;
        }
        Ok(())
    }
}

impl<F: Form> Sink for SortedFile<F> {
    fn wants_whole_documents(&self) -> bool {
        true
    }

    fn deliver(&mut self, documents: &[Delivered]) -> Result<(), DeliveryError> {
        let encode = self.form.encoder();
        let parts = documents.par_iter().map(&encode).collect::<serde_json::Result<Vec<_>>>()?;
        drop(encode);
        for (document, parts) in documents.iter().zip(parts) {
            self.add(&document.id, parts)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), DeliveryError> {
        self.write_last()?;
        let SortedFile { path, form, .. } = *self;
        Ok(persist(form.finish().map_err(SinkError::new(&path))?, &path)?)
    }
}
