//! Whole documents, read again from their places.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rayon::prelude::*;

use super::input::InputFile;
use crate::elastic::DocumentId;
use crate::event::decode::{line_id, split_document, with_valid_surrogates};
use crate::sources::{DocRef, DocumentKey, RawDocument, SourceError};
use crate::spill::{Copied, Spool};

/// Origin of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) file_idx: usize,
    /// Offset of its first byte in its file.
    pub(super) offset: u64,
    /// 0-based number of its first line.
    pub(super) first_line: u64,
    /// Copy of the batch, if the file does not support random access.
    pub(super) copy: Option<Copied>,
}

/// Returns the documents, in the order of the references.
pub(super) fn fetch(
    files: &[InputFile],
    spool: &Spool,
    places: &[Place],
    documents: &[DocRef],
) -> Result<Vec<Option<RawDocument>>, SourceError> {
    let mut by_batch: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (idx, document) in documents.iter().enumerate() {
        by_batch.entry(document.batch).or_default().push(idx);
    }
    let opened = open_files(files, places, by_batch.keys().copied())?;
    let fetched: Vec<Vec<(usize, RawDocument)>> = by_batch
        .into_par_iter()
        .map(|(batch, wanted)| {
            let unknown = || unknown(documents, &wanted);
            let place = places.get(batch as usize).ok_or_else(unknown)?;
            let batch = Batch { file: &files[place.file_idx], opened: opened.get(&place.file_idx), spool, place };
            batch.fetch(documents, &wanted)
        })
        .collect::<Result<_, SourceError>>()?;
    let mut all: Vec<(usize, RawDocument)> = fetched.into_iter().flatten().collect();
    all.sort_unstable_by_key(|(idx, _)| *idx);
    Ok(all.into_iter().map(|(_, document)| Some(document)).collect())
}

fn unknown(documents: &[DocRef], wanted: &[usize]) -> SourceError {
    let document = wanted.first().map(|&idx| documents[idx]);
    let (batch, line) = document.map_or((0, 0), |document| (document.batch, document.line));
    SourceError::UnknownDocument { batch, line }
}

fn open_files(
    files: &[InputFile],
    places: &[Place],
    batches: impl Iterator<Item = u32>,
) -> Result<BTreeMap<usize, File>, SourceError> {
    let mut opened = BTreeMap::new();
    for place in batches.filter_map(|batch| places.get(batch as usize)) {
        if place.copy.is_none() && !opened.contains_key(&place.file_idx) {
            opened.insert(place.file_idx, files[place.file_idx].reopen()?);
        }
    }
    Ok(opened)
}

struct Batch<'a> {
    file: &'a InputFile,
    opened: Option<&'a File>,
    spool: &'a Spool,
    place: &'a Place,
}

impl Batch<'_> {
    fn fetch(&self, documents: &[DocRef], wanted: &[usize]) -> Result<Vec<(usize, RawDocument)>, SourceError> {
        let copy = self.place.copy.as_ref().map(|copied| self.spool.read(copied)).transpose()?;
        wanted
            .iter()
            .map(|&idx| {
                let document = documents[idx];
                let line = self.line(copy.as_deref(), document).map_err(|source| self.error(document, source))?;
                let raw = self.document(document, &line).map_err(|source| self.error(document, source))?;
                Ok((idx, raw))
            })
            .collect()
    }

    fn line(&self, copy: Option<&[u8]>, document: DocRef) -> io::Result<Vec<u8>> {
        let (start, len) = (document.offset as usize, document.length as usize);
        if let Some(copy) = copy {
            return copy.get(start..start + len).map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
        }
        let file = self.opened.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let mut line = vec![0; len];
        file.read_exact_at(&mut line, self.place.offset + u64::from(document.offset))?;
        Ok(line)
    }

    fn document(&self, document: DocRef, line: &[u8]) -> io::Result<RawDocument> {
        let line = std::str::from_utf8(line).map_err(io::Error::other)?;
        let split = split_document(line).map_err(io::Error::other)?;
        let id = DocumentId {
            index: split.index.unwrap_or_else(|| self.file.name.to_string()),
            id: split.id.unwrap_or_else(|| line_id(self.place.first_line + u64::from(document.line))),
            routing: None,
        };
        let bytes = with_valid_surrogates(split.source).into_owned().into_bytes();
        Ok(RawDocument { key: DocumentKey { id, place: Some(document) }, bytes })
    }

    fn error(&self, document: DocRef, source: io::Error) -> SourceError {
        let line = self.place.first_line + u64::from(document.line) + 1;
        SourceError::Read { name: self.file.name.to_string(), place: format!("line {line}"), source }
    }
}
