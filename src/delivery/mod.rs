//! From outliers to documents: merges what all use cases of a run found in a document into the
//! document as it is now, and hands the result to the sinks. Files and clusters take the
//! same path.
//!
//! Delivery starts when all scan groups are judged: a run that fails while it reads has written
//! nothing, and use cases of several scan groups that find the same document change it together.

mod notice;
mod written;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::{Map, Value};

use crate::elastic::{Class, DocumentId, DocumentVersion, ElasticError, Lookup, StoredDocument};
use crate::event::decode::{members, with_valid_surrogates, with_values};
use crate::outlier::{
    CHANGED_FIELDS, DocumentOutliers, FileDocument, FirstOutliers, GatheredDocuments, Merge, NumberedOutlier, Outlier,
    first_outliers, merge_all, tag,
};
use crate::runtime::Interrupt;
use crate::sources::{DocumentKey, Documents, SourceError};
use crate::spill::SpillError;
use crate::state::StateError;

pub use notice::{
    DIGEST_NAMES, DOCUMENT_BYTES, Digest, DigestFinding, DigestUseCase, FindingNotice, Notice, NoticeDocument,
};
pub use written::Written;

/// Upper limit on the documents that are read and written at once.
const MOST_DOCUMENTS: usize = 1024;

/// Documents that are read first from a cluster, which does not say how long they are.
const FIRST_DOCUMENTS: usize = 64;

/// Target size of the documents that are read at once.
const BLOCK_BYTES: usize = 8 << 20;

/// Target size of the documents and outliers that are merged and written at once.
const MERGED_BYTES: usize = 64 << 20;

/// Bytes that a value of a document takes in memory, besides its text.
const VALUE_BYTES: usize = 100;

/// A document with the outliers that a run found in it.
#[derive(Debug)]
pub struct Delivered {
    /// The document.
    pub id: DocumentId,
    /// State of the document that the outliers were merged into.
    pub version: DocumentVersion,
    /// New values of the fields that outliers change, as JSON; empty if the document already had
    /// all outliers.
    pub changed: Vec<(&'static str, String)>,
    /// The document without new outliers, on one line; empty if no sink wants whole documents.
    pub text: String,
    /// Outliers that the document did not have, in the order of the use cases.
    pub new: Vec<NumberedOutlier>,
    /// Outliers that the document already had, in the same order.
    pub known: Vec<NumberedOutlier>,
}

impl Delivered {
    /// The whole document with its outliers: what they do not change is as it was, byte by byte.
    ///
    /// # Errors
    /// A document that is not JSON: a bug in this program.
    pub fn whole(&self) -> serde_json::Result<String> {
        let values: Vec<(&str, &str)> = self.changed.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if values.is_empty() {
            return Ok(self.text.clone());
        }
        with_values(&self.text, &values).ok_or_else(|| serde::de::Error::custom("the document is not an object"))
    }

    /// All outliers of the run in this document.
    pub fn outliers(&self) -> impl Iterator<Item = &NumberedOutlier> {
        self.new.iter().chain(&self.known)
    }
}

/// A place where outliers go.
pub trait Sink: fmt::Debug {
    /// True if the sink needs documents as a whole, not only the fields that outliers change.
    fn wants_whole_documents(&self) -> bool {
        false
    }

    /// Takes documents. Over all calls, they come sorted by index and id.
    ///
    /// # Errors
    /// The sink cannot accept more documents; this ends the run.
    fn deliver(&mut self, documents: &[Delivered]) -> Result<(), DeliveryError>;

    /// Waits for pending work. Called at the end of every run, successful or not.
    fn close(&mut self) -> Closed {
        Closed::default()
    }

    /// Moves the result into place. Called at the end of a run that was delivered completely.
    ///
    /// # Errors
    /// The destination cannot be written.
    fn finish(self: Box<Self>) -> Result<(), DeliveryError> {
        Ok(())
    }
}

/// Result of closing a sink.
#[derive(Debug, Default)]
pub struct Closed {
    /// Counts of documents, if the sink changes them one by one.
    pub written: Option<Written>,
    /// Error that stopped the sink before it had written all documents.
    pub ended: Option<ElasticError>,
}

/// Outliers could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}: check the folder, its permissions and free space", path.display())]
pub struct SinkError {
    /// File that was being written.
    pub path: PathBuf,
    /// Error from the system.
    pub source: std::io::Error,
}

impl SinkError {
    /// Adds the file that could not be written.
    pub fn new(path: &Path) -> impl Fn(std::io::Error) -> SinkError + use<> {
        let path = path.to_owned();
        move |source| SinkError { path: path.clone(), source }
    }
}

/// Reasons why delivery ended early.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// A document could not be read, or the run was interrupted.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Gathered outliers could not be spilled to disk, or read back.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// A sink could not write.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The state store could not be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// A document is no longer a JSON object.
    #[error("document {} of {}: {reason}", id.id, id.index)]
    Document {
        /// The document.
        id: DocumentId,
        /// Description of the problem.
        reason: String,
    },
    /// An outlier cannot be encoded or decoded: a bug in this program.
    #[error("outlier: {0}")]
    Outlier(#[from] serde_json::Error),
    /// A sink stopped; [`Sink::close`] says why.
    #[error("a sink takes no more outliers")]
    Stopped,
}

/// Counts of delivered and lost documents.
#[derive(Debug, Default)]
pub struct Delivery {
    /// Documents with outliers, per use case of the run.
    pub n_documents: Vec<u64>,
    /// Outliers that are in their document already, as another one of the use case has the same
    /// summary; per use case.
    pub n_repeated: Vec<u64>,
    /// Documents that did not reach the sinks.
    pub lost: Written,
}

impl Delivery {
    /// Nothing is delivered yet of `n_use_cases` use cases.
    pub fn of(n_use_cases: usize) -> Self {
        Delivery { n_documents: vec![0; n_use_cases], n_repeated: vec![0; n_use_cases], ..Delivery::default() }
    }

    /// Counts what the use cases found in a document.
    fn count(&mut self, document: &Delivered) {
        let mut found: Vec<&NumberedOutlier> = document.outliers().collect();
        found.sort_unstable_by_key(|outlier| outlier.use_case_idx);
        for of_use_case in found.chunk_by(|one, other| one.use_case_idx == other.use_case_idx) {
            let use_case_idx = of_use_case[0].use_case_idx;
            self.n_documents[use_case_idx] += 1;
            if of_use_case.len() > 1 {
                let summaries: HashSet<Option<&str>> = of_use_case.iter().map(|outlier| outlier.summary()).collect();
                self.n_repeated[use_case_idx] += (of_use_case.len() - summaries.len()) as u64;
            }
        }
    }
}

/// Merges gathered outliers into their documents, in the order of index and id, and hands them to
/// the sinks; adds its counts to `delivery`. Blocks: not for tokio's own threads.
///
/// # Errors
/// The reason why it ended early.
pub fn deliver(
    mut gathered: GatheredDocuments,
    documents: &dyn Documents,
    sinks: &mut [Box<dyn Sink + '_>],
    interrupt: &Interrupt,
    delivery: &mut Delivery,
) -> Result<(), DeliveryError> {
    let mut most = FIRST_DOCUMENTS;
    loop {
        let block = next_block(&mut gathered, most)?;
        if block.is_empty() {
            return Ok(());
        }
        let n_block = block.len() as u64;
        let lost = delivery.lost.n_documents();
        match deliver_block(block, documents, sinks, interrupt, delivery) {
            Ok(next_most) => most = next_most,
            Err(error) => {
                let n_counted = delivery.lost.n_documents() - lost;
                delivery.lost.not_written += n_block - n_counted + n_left(&mut gathered)?;
                return Err(error);
            }
        }
    }
}

/// Returns the next documents: of files as many as their size allows, of a cluster at most `most`.
fn next_block(gathered: &mut GatheredDocuments, most: usize) -> Result<Vec<DocumentOutliers>, SpillError> {
    let (mut n_bytes, mut n_documents) = (0, 0);
    gathered.next_block(|found| {
        let length = found.document.place.map(|place| place.length as usize);
        let n_outlier_bytes: usize = found.outliers.iter().map(|outlier| outlier.json.len()).sum();
        n_bytes += length.unwrap_or_default() + n_outlier_bytes;
        n_documents += 1;
        n_bytes <= BLOCK_BYTES && n_documents < length.map_or(most, |_| MOST_DOCUMENTS)
    })
}

fn n_left(documents: &mut GatheredDocuments) -> Result<u64, SpillError> {
    let mut n_left = 0;
    loop {
        match next_block(documents, MOST_DOCUMENTS)?.len() {
            0 => return Ok(n_left),
            n => n_left += n as u64,
        }
    }
}

/// Delivers a block; returns how many documents the next one should have.
fn deliver_block(
    block: Vec<DocumentOutliers>,
    documents: &dyn Documents,
    sinks: &mut [Box<dyn Sink + '_>],
    interrupt: &Interrupt,
    delivery: &mut Delivery,
) -> Result<usize, DeliveryError> {
    interrupt.check().map_err(SourceError::from)?;
    let (keys, outliers): (Vec<DocumentKey>, Vec<_>) =
        block.into_iter().map(|found| (found.document, found.outliers)).unzip();
    let wanted = if sinks.iter().any(|sink| sink.wants_whole_documents()) { Wanted::All } else { Wanted::Changed };
    let mut stored = Vec::with_capacity(keys.len());
    for ((found, key), outliers) in documents.read(&keys)?.into_iter().zip(&keys).zip(outliers) {
        match found {
            Lookup::Failed(fault) if fault.class() != Class::Refused => delivery.lost.fail(&key.id, &fault),
            found => match found.into_found(&key.id).map_err(SourceError::from)? {
                Some(found) => stored.push((found, outliers)),
                None => delivery.lost.gone += 1,
            },
        }
    }
    let n_bytes: usize = stored.iter().map(|(stored, _)| stored.source.len()).sum();
    while !stored.is_empty() {
        interrupt.check().map_err(SourceError::from)?;
        let rest = stored.split_off(n_at_once(&stored));
        let merged = std::mem::replace(&mut stored, rest).into_par_iter();
        let merged = merged.map(|(stored, outliers)| merge(stored, outliers, wanted));
        let merged = merged.collect::<Result<Vec<Delivered>, DeliveryError>>()?;
        merged.iter().for_each(|document| delivery.count(document));
        sinks.iter_mut().try_for_each(|sink| sink.deliver(&merged))?;
    }
    let per_document = n_bytes / keys.len().max(1) + 1;
    Ok((BLOCK_BYTES / per_document).clamp(1, MOST_DOCUMENTS))
}

/// Number of the documents at the start of `stored` that are merged and written at once.
fn n_at_once(stored: &[(StoredDocument, Vec<NumberedOutlier>)]) -> usize {
    let mut n_bytes = 0;
    let mut fits = |(document, outliers): &(StoredDocument, Vec<NumberedOutlier>)| {
        let texts = outliers.iter().map(|outlier| outlier.json.as_str()).chain([document.source.as_str()]);
        // a comma stands between two values
        let n_values = |text: &str| 1 + memchr::memchr_iter(b',', text.as_bytes()).count();
        n_bytes += texts.map(|text| 2 * text.len() + VALUE_BYTES * n_values(text)).sum::<usize>();
        n_bytes <= MERGED_BYTES
    };
    stored.iter().take_while(|stored| fits(stored)).count().max(1)
}

/// Part of the documents that sinks want.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Whole documents.
    All,
    /// Fields that outliers change.
    Changed,
}

fn merge(stored: StoredDocument, outliers: Vec<NumberedOutlier>, wanted: Wanted) -> Result<Delivered, DeliveryError> {
    let StoredDocument { id, version, source } = stored;
    let parts = || {
        // only documents of a cluster can have outliers of ours
        let (text, changed) = if version == DocumentVersion::NONE {
            let FileDocument { text, fields } = FileDocument::new(source).map_err(|error| error.to_string())?;
            (text, fields)
        } else {
            let fields = changed_fields(&source)?;
            (source, fields)
        };
        Ok(if wanted == Wanted::All { (on_one_line(text)?, changed) } else { (String::new(), changed) })
    };
    let (text, fields) = match parts() {
        Ok(parts) => parts,
        Err(reason) => return Err(DeliveryError::Document { id, reason }),
    };
    let Merged { changed, merges } = merged(fields, &outliers)?;
    let mut delivered = Delivered { id, version, changed, text, new: Vec::new(), known: Vec::new() };
    for (outlier, merge) in outliers.into_iter().zip(merges) {
        match merge {
            Merge::Added => delivered.new.push(outlier),
            Merge::AlreadyPresent => delivered.known.push(outlier),
        }
    }
    Ok(delivered)
}

/// Result of merging outliers into the fields that they change.
struct Merged {
    /// See [`Delivered::changed`].
    changed: Vec<(&'static str, String)>,
    merges: Vec<Merge>,
}

fn merged(mut fields: Map<String, Value>, outliers: &[NumberedOutlier]) -> serde_json::Result<Merged> {
    let [outliers_field, tags_field] = CHANGED_FIELDS;
    let texts = || outliers.iter().map(|outlier| outlier.json.as_str());
    let mut changed = Vec::new();
    if !fields.contains_key(outliers_field)
        && let Some(FirstOutliers { json, merges }) = first_outliers(texts())
    {
        changed.push((outliers_field, json));
        if tag(&mut fields) {
            changed.push((tags_field, serde_json::to_string(&fields[tags_field])?));
        }
        return Ok(Merged { changed, merges });
    }
    let outliers = texts().map(serde_json::from_str).collect::<serde_json::Result<Vec<Outlier>>>()?;
    let additions = merge_all(&mut fields, &outliers, usize::MAX);
    for (name, value) in additions.changed(&fields) {
        changed.push((name, serde_json::to_string(value)?));
    }
    Ok(Merged { changed, merges: additions.merges })
}

/// The same JSON without line feeds and lone surrogates.
fn on_one_line(text: String) -> Result<String, String> {
    // in strings, both are escaped
    if memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_some() {
        let source: Map<String, Value> =
            serde_json::from_str(&with_valid_surrogates(&text)).map_err(|error| error.to_string())?;
        return Ok(Value::Object(source).to_string());
    }
    Ok(match with_valid_surrogates(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(valid) => valid,
    })
}

/// Parses the fields of the document `source` that outliers change; the rest is not looked at.
///
/// # Errors
/// The reason why it cannot be parsed.
pub fn changed_fields(source: &str) -> Result<Map<String, Value>, String> {
    let values = members(source, CHANGED_FIELDS).ok_or("it is not a JSON object")?;
    let parse = |(field, text): (&str, Option<&str>)| {
        let value = serde_json::from_str(&with_valid_surrogates(text?));
        Some(value.map(|value| (field.to_owned(), value)).map_err(|error| format!("{field} cannot be read: {error}")))
    };
    CHANGED_FIELDS.into_iter().zip(values).filter_map(parse).collect()
}

#[cfg(test)]
mod tests;
