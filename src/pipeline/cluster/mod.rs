//! Scan groups of a cluster: all are read and judged, then what they found is written, each document once.
//!
//! A run that fails while it reads has written nothing, and use cases of several scan groups that find the same document change it together.

use rayon::prelude::*;
use serde::de::Error as _;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use super::{
    GroupError, GroupResult, Outputs, ScanGroup, count_documents, log_outliers, merged, next_block, read_and_judge,
};
use crate::detection::{DetectionError, document_places};
use crate::elastic::{BulkChange, Class, DocumentId, Lookup, StoredDocument};
use crate::event::Document;
use crate::event::decode::{members, with_valid_surrogates};
use crate::outlier::gathered::{DocumentOutliers, Documents, Gathered};
use crate::outlier::{Additions, CHANGED_FIELDS, Outlier, merge_all};
use crate::runtime::Interrupt;
use crate::sinks::EnrichedDocument;
use crate::sinks::elasticsearch::{Change, DocumentWriter, Edit, Edited, Written};
use crate::sinks::files::line;
use crate::sources::SourceError;
use crate::sources::elasticsearch::{DocumentCache, ElasticEvents};

/// Most documents that are read and written at once.
const MOST_DOCUMENTS: usize = 2048;

/// Fewest documents that are read and written at once.
const FEWEST_DOCUMENTS: usize = 64;

/// Bytes of documents that are aimed at.
const BLOCK_BYTES: usize = 64 << 20;

/// Reads and judges a scan group, and gathers what it found; its use cases come behind `n_before` others of the run. One use case's failure
/// leaves the others alone.
pub async fn detect(
    group: &ScanGroup<'_>,
    source: &ElasticEvents,
    n_before: usize,
    gathered: &mut Gathered,
) -> Result<GroupResult, GroupError> {
    tokio::task::block_in_place(|| {
        let mut judged = read_and_judge(group)?;
        let mut merged = merged(&mut judged.result.use_cases)?;
        loop {
            group.options.interrupt.check().map_err(SourceError::from)?;
            let block = next_block(&mut merged)?;
            if block.is_empty() {
                return Ok(judged.result);
            }
            let places = document_places(&judged.table, block.iter().map(|event| event.element));
            let ids = source.ids(&places.map_err(DetectionError::from)?)?;
            for (id, event) in ids.into_iter().zip(block) {
                let text = |(idx, bytes)| {
                    let text = String::from_utf8(bytes).map_err(serde_json::Error::custom)?;
                    Ok((n_before + idx, text))
                };
                let outliers = event.outliers.into_iter().map(text).collect::<Result<Vec<_>, DetectionError>>()?;
                gathered.push(id, outliers).map_err(DetectionError::from)?;
            }
        }
    })
}

/// Where gathered outliers go.
#[derive(Debug)]
pub struct ClusterOutputs<'a> {
    /// Where documents come from.
    pub documents: &'a DocumentCache,
    /// Ends it early with [`SourceError::Cancelled`].
    pub interrupt: &'a Interrupt,
    /// Files and tables.
    pub outputs: &'a mut Outputs,
    /// Names of the use cases, where each outlier is logged.
    pub logged: Option<&'a [String]>,
    /// The cluster itself; `None` when nothing is written to it.
    pub writer: Option<&'a mut DocumentWriter<Enrichment>>,
    /// Counts the documents that do not come as far as the outputs.
    pub lost: &'a mut Written,
}

/// Merges outliers into their documents, in the order of index and id, and hands them to the outputs; counts documents per use case in
/// `n_documents`.
///
/// # Errors
/// What could not be read, or written to a file. Early ends of the writer are its own to tell.
pub async fn write(gathered: Gathered, mut to: ClusterOutputs<'_>, n_documents: &mut [u64]) -> Result<(), GroupError> {
    tokio::task::block_in_place(|| {
        let mut documents = gathered.into_documents().map_err(DetectionError::Spill)?;
        let mut block_size = MOST_DOCUMENTS / 2;
        loop {
            let block = next_documents(&mut documents, block_size)?;
            if block.is_empty() {
                return Ok(());
            }
            let n_block = block.len();
            match to.write_block(block, n_documents) {
                Ok(next_size) => block_size = next_size,
                Err(error) => {
                    to.lost.not_written += n_block as u64 + n_left(&mut documents)?;
                    return Err(error);
                }
            }
        }
    })
}

fn n_left(documents: &mut Documents) -> Result<u64, GroupError> {
    let mut n_left = 0;
    while documents.next_document().map_err(DetectionError::Spill)?.is_some() {
        n_left += 1;
    }
    Ok(n_left)
}

fn next_documents(documents: &mut Documents, n_documents: usize) -> Result<Vec<DocumentOutliers>, GroupError> {
    let mut block = Vec::with_capacity(n_documents);
    while block.len() < n_documents {
        let Some(document) = documents.next_document().map_err(DetectionError::Spill)? else { break };
        block.push(document);
    }
    Ok(block)
}

impl ClusterOutputs<'_> {
    /// Writes a block; how many documents the next one should have.
    fn write_block(&mut self, block: Vec<DocumentOutliers>, n_documents: &mut [u64]) -> Result<usize, GroupError> {
        self.interrupt.check().map_err(SourceError::from)?;
        let runtime = Handle::current();
        let ids: Vec<DocumentId> = block.iter().map(|document| document.id.clone()).collect();
        let mut stored = Vec::with_capacity(ids.len());
        for (found, document) in runtime.block_on(self.documents.read(&ids))?.into_iter().zip(block) {
            match found {
                Lookup::Found(found) => stored.push((found, document)),
                Lookup::Gone => self.lost.gone += 1,
                Lookup::Failed(fault) if fault.class() == Class::Refused => {
                    Lookup::Failed(fault).into_found(&document.id).map_err(SourceError::from)?;
                }
                Lookup::Failed(fault) => self.lost.fail(&document.id, &fault),
            }
        }
        let n_bytes: usize = stored.iter().map(|(stored, _)| stored.source.get().len()).sum();
        let has_file = self.outputs.documents.is_some();
        let enriched = stored
            .into_par_iter()
            .map(|(stored, document)| enrich(stored, document, has_file))
            .collect::<Result<Vec<_>, DetectionError>>()?;
        let mut edited = Vec::with_capacity(enriched.len());
        for Enriched { document, line, edited: one } in enriched {
            count_documents(&document, |use_case_idx| n_documents[use_case_idx] += 1);
            if let Some(names) = self.logged {
                log_outliers(&document, |idx| names[idx].clone());
            }
            self.outputs.add(&document, &line)?;
            edited.push(one);
        }
        if let Some(writer) = &mut self.writer {
            // how it ended is told when the writer is finished
            if !runtime.block_on(writer.write(edited)) {
                return Err(SourceError::Cancelled.into());
            }
        }
        let per_document = n_bytes / ids.len().max(1) + 1;
        Ok((BLOCK_BYTES / per_document).clamp(FEWEST_DOCUMENTS, MOST_DOCUMENTS))
    }
}

/// A document without its fields, with its outliers, its line in a file if there is one, and how it changes in the cluster.
struct Enriched {
    document: EnrichedDocument,
    line: Vec<u8>,
    edited: Edited<Enrichment>,
}

/// Adds outliers to a document; as text they take less memory, and they are rarely needed again.
#[derive(Debug)]
pub struct Enrichment {
    outliers: Vec<Box<RawValue>>,
}

impl Edit for Enrichment {
    fn change(&self, source: &str) -> Result<Option<Change>, String> {
        self.add(source, usize::MAX)
    }

    /// One outlier: its lists have one value, or values of one kind.
    fn step(&self, source: &str) -> Result<Option<Change>, String> {
        self.add(source, 1)
    }
}

impl Enrichment {
    /// The change that adds at most `n_outliers` of those that the document does not have.
    fn add(&self, source: &str, n_outliers: usize) -> Result<Option<Change>, String> {
        let mut source = changed_fields(source)?;
        let outliers =
            self.outliers.iter().map(|raw| serde_json::from_str(raw.get()).map_err(|error| error.to_string()));
        let outliers = outliers.collect::<Result<Vec<Outlier>, String>>()?;
        merge_all(&mut source, &outliers, n_outliers).map(change).transpose().map_err(|error| error.to_string())
    }
}

/// What outliers change of the document `source`: the rest is not looked at.
fn changed_fields(source: &str) -> Result<Map<String, Value>, String> {
    let values = members(source, CHANGED_FIELDS).ok_or("it is no object")?;
    let parse = |(field, text): (&str, Option<&str>)| {
        let value = serde_json::from_str(&with_valid_surrogates(text?));
        Some(value.map(|value| (field.to_owned(), value)).map_err(|error| format!("{field} cannot be read: {error}")))
    };
    CHANGED_FIELDS.into_iter().zip(values).filter_map(parse).collect()
}

/// The partial update gives exactly what merging gives: fields of `outliers` are only added or replaced as a whole, never taken out, and what
/// is an object stays one or becomes a list.
fn change(additions: Additions) -> serde_json::Result<Change> {
    let bulk = BulkChange::Merge(to_raw_value(&additions.fields)?);
    Ok(Change { bulk, n_outliers: additions.n_added })
}

/// `has_line`: whether its line is wanted. The fields of the document go into nothing else.
fn enrich(stored: StoredDocument, found: DocumentOutliers, has_line: bool) -> Result<Enriched, DetectionError> {
    let StoredDocument { id, version, source } = stored;
    let spool_error = DetectionError::Outlier;
    let source = if has_line {
        serde_json::from_str(&with_valid_surrogates(source.get())).map_err(|error| error.to_string())
    } else {
        changed_fields(source.get())
    };
    let source = source.map_err(|reason| {
        let DocumentId { index, id, .. } = id.clone();
        DetectionError::Document { index, id, reason }
    })?;
    let mut document = Document { index: id.index.clone(), id: id.id.clone(), source };
    let outliers = found
        .outliers
        .iter()
        .map(|(use_case_idx, raw)| Ok((*use_case_idx, serde_json::from_str(raw.get()).map_err(spool_error)?)))
        .collect::<Result<Vec<(usize, Outlier)>, DetectionError>>()?;
    let additions = merge_all(&mut document.source, outliers.iter().map(|(_, outlier)| outlier), usize::MAX);
    let change = additions.map(change).transpose().map_err(spool_error)?;
    let mut document = EnrichedDocument { document, outliers };
    let line = if has_line { line(&document).map_err(spool_error)? } else { Vec::new() };
    document.document.source.clear();
    let edit = Enrichment { outliers: found.outliers.into_iter().map(|(_, raw)| raw).collect() };
    Ok(Enriched { document, line, edited: Edited { id, version, change, edit } })
}

#[cfg(test)]
mod tests;
