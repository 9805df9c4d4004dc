//! Whole documents, read again from their places.

use std::collections::BTreeMap;
use std::io;

use rayon::prelude::*;

use super::file::InputFile;
use super::formats::Kept;
use crate::elastic::DocumentId;
use crate::event::decode::{line_id, split_document, with_valid_surrogates};
use crate::sources::{DocRef, DocumentKey, RawDocument, SourceError};
use crate::spill::Spool;

/// Origin of a batch.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) file_idx: usize,
    /// 0-based number of its first line in its file.
    pub(super) first_line: u64,
    /// Its documents.
    pub(super) kept: Box<dyn Kept>,
}

/// Returns the documents, in the order of the references; `None` for those that are damaged.
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
    let fetched: Vec<Vec<(usize, Option<RawDocument>)>> = by_batch
        .into_par_iter()
        .map(|(batch, wanted)| {
            let place = places.get(batch as usize).ok_or_else(|| unknown(documents, &wanted))?;
            let file = &files[place.file_idx];
            let in_batch: Vec<DocRef> = wanted.iter().map(|&idx| documents[idx]).collect();
            let read = place.kept.documents(file, spool, &in_batch)?;
            let fetch = |idx: usize| {
                let document = documents[idx];
                let line = place.first_line + u64::from(document.line);
                let raw = match read(document) {
                    // the file is damaged where the scan did not look
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok((idx, None)),
                    text => text.and_then(|text| raw_document(document, &text, file, line)),
                };
                let place = || format!("line {}", line + 1);
                let error = |source| SourceError::Read { name: file.name.to_string(), place: place(), source };
                Ok((idx, Some(raw.map_err(error)?)))
            };
            wanted.into_iter().map(fetch).collect()
        })
        .collect::<Result<_, SourceError>>()?;
    let mut all: Vec<(usize, Option<RawDocument>)> = fetched.into_iter().flatten().collect();
    all.sort_unstable_by_key(|(idx, _)| *idx);
    Ok(all.into_iter().map(|(_, document)| document).collect())
}

fn unknown(documents: &[DocRef], wanted: &[usize]) -> SourceError {
    let document = wanted.first().map(|&idx| documents[idx]);
    let (batch, line) = document.map_or((0, 0), |document| (document.batch, document.line));
    SourceError::UnknownDocument { batch, line }
}

/// Makes a document of the text of line `line`.
fn raw_document(document: DocRef, text: &[u8], file: &InputFile, line: u64) -> io::Result<RawDocument> {
    let text = std::str::from_utf8(text).map_err(io::Error::other)?;
    let split = split_document(text).map_err(io::Error::other)?;
    let id = DocumentId {
        index: split.index.unwrap_or_else(|| file.name.to_string()),
        id: split.id.unwrap_or_else(|| line_id(line)),
        routing: None,
    };
    let text = with_valid_surrogates(split.source).into_owned();
    Ok(RawDocument { key: DocumentKey { id, place: Some(document) }, text })
}
