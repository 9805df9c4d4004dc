//! Output files whose parts come in one order, whatever the order of reading was.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use tempfile::NamedTempFile;

use super::place::persist;
use crate::delivery::{Delivered, DeliveryError, Sink, SinkError};
use crate::elastic::DocumentId;

/// A way of writing documents with outliers.
pub(super) trait Form: fmt::Debug {
    /// Share of a document in the file.
    type Part: Ord + Send + fmt::Debug;

    /// Returns the function that turns a document into the parts that it contributes, on any
    /// thread.
    fn encoder(&self) -> impl Fn(&Delivered) -> serde_json::Result<Vec<Self::Part>> + Sync;

    /// Writes parts, in order.
    fn write(&mut self, parts: Vec<Self::Part>) -> io::Result<()>;

    /// Ends the file.
    fn finish(self) -> io::Result<NamedTempFile>;
}

/// Sink of parts. Documents come sorted by index and id; the parts of one index and id are sorted
/// here.
#[derive(Debug)]
pub(super) struct SortedFile<F: Form> {
    path: PathBuf,
    form: F,
    last: Option<(DocumentId, Vec<F::Part>)>,
}

impl<F: Form> SortedFile<F> {
    pub(super) fn new(path: &Path, form: F) -> Self {
        SortedFile { path: path.to_owned(), form, last: None }
    }

    fn add(&mut self, id: &DocumentId, parts: Vec<F::Part>) -> Result<(), SinkError> {
        match &mut self.last {
            Some((last, gathered)) if (&last.index, &last.id) == (&id.index, &id.id) => gathered.extend(parts),
            _ => {
                self.write_last()?;
                self.last = Some((id.clone(), parts));
            }
        }
        Ok(())
    }

    fn write_last(&mut self) -> Result<(), SinkError> {
        let Some((_, mut parts)) = self.last.take() else { return Ok(()) };
        parts.sort_unstable();
        self.form.write(parts).map_err(SinkError::new(&self.path))
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

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        self.write_last()?;
        let SortedFile { path, form, .. } = *self;
        persist(form.finish().map_err(SinkError::new(&path))?, &path)
    }
}
