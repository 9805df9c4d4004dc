//! Whole documents of a run: each is read from the server once and kept for later use.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use tokio::runtime::Handle;

use crate::elastic::{Client, DocumentId, DocumentVersion, Lookup, StoredDocument};
use crate::sources::{DocumentKey, Documents, SourceError};
use crate::spill::{SpillError, Spool};

/// Upper limit on the bytes kept; documents beyond it are read from the server each time.
const KEPT_BYTES: u64 = 1 << 30;

/// Whole documents in the state in which they were first read, kept in the spill directory.
///
/// Use cases that look at a document one after the other see the same state. Concurrent readers may
/// each read it; then the state read last is kept. Changes are computed from this state and guarded
/// by its version, so changes that others make are never lost.
#[derive(Debug)]
pub struct DocumentCache {
    client: Client,
    runtime: Handle,
    spool: Spool,
    kept_bytes: u64,
    hasher: RandomState,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Start and length of each record, by the hash of its id.
    places: HashMap<u64, (u64, usize)>,
    n_bytes: u64,
}

impl DocumentCache {
    /// Nothing is read yet; what is kept goes to `folder`. Must be called inside a tokio runtime.
    pub fn new(client: &Client, folder: &Path) -> Self {
        Self::keeping(client, folder, KEPT_BYTES)
    }

    fn keeping(client: &Client, folder: &Path, kept_bytes: u64) -> Self {
        let (client, spool) = (client.clone(), Spool::new(folder));
        let runtime = Handle::current();
        DocumentCache { client, runtime, spool, kept_bytes, hasher: RandomState::new(), kept: Mutex::default() }
    }

    /// Returns the documents in the order of `ids`.
    ///
    /// # Errors
    /// A server that does not answer, and a spill folder that cannot be written.
    pub async fn read_by_id(&self, ids: &[DocumentId]) -> Result<Vec<Lookup>, SourceError> {
        let known = self.known(ids)?;
        let unknown = ids.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(id, _)| id.clone());
        let unknown: Vec<DocumentId> = unknown.collect();
        let read = if unknown.is_empty() { Vec::new() } else { self.client.mget(&unknown).await? };
        let found = read.iter().filter_map(|lookup| match lookup {
            Lookup::Found(document) => Some(document),
            Lookup::Gone | Lookup::Failed(_) => None,
        });
        self.keep(found)?;
        let mut read = read.into_iter();
        Ok(known.into_iter().filter_map(|known| known.map(Lookup::Found).or_else(|| read.next())).collect())
    }

    fn known(&self, ids: &[DocumentId]) -> Result<Vec<Option<StoredDocument>>, SpillError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let places: Vec<Option<(u64, usize)>> =
            ids.iter().map(|id| kept.places.get(&self.hasher.hash_one(id)).copied()).collect();
        drop(kept);
        let read = |(id, place): (&DocumentId, Option<(u64, usize)>)| match place {
            None => Ok(None),
            Some((start, len)) => {
                let record = self.spool.read_plain(start, len)?;
                decode(&record, id).map_err(|error| self.spool.error(error))
            }
        };
        ids.par_iter().zip(places).map(read).collect()
    }

    fn keep<'d>(&self, documents: impl Iterator<Item = &'d StoredDocument>) -> Result<(), SpillError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut records = Vec::new();
        let mut ends = Vec::new();
        for document in documents {
            let start = records.len();
            encode(document, &mut records).map_err(|error| self.spool.error(error))?;
            if kept.n_bytes + records.len() as u64 > self.kept_bytes {
                records.truncate(start);
                break;
            }
            ends.push((self.hasher.hash_one(&document.id), start, records.len()));
        }
        let offset = self.spool.append_plain(&records)?;
        kept.n_bytes += records.len() as u64;
        for (hash, start, end) in ends {
            kept.places.insert(hash, (offset + start as u64, end - start));
        }
        Ok(())
    }
}

impl Documents for DocumentCache {
    fn read(&self, documents: &[DocumentKey]) -> Result<Vec<Lookup>, SourceError> {
        let ids: Vec<DocumentId> = documents.iter().map(|key| key.id.clone()).collect();
        self.runtime.block_on(self.read_by_id(&ids))
    }
}

/// A record is a line of JSON, then the source.
fn encode(document: &StoredDocument, record: &mut Vec<u8>) -> io::Result<()> {
    let StoredDocument { id, version, source } = document;
    serde_json::to_writer(&mut *record, &(id, version, source.len()))?;
    record.push(b'\n');
    record.extend(source.as_bytes());
    Ok(())
}

/// Parses a record; `None` if it belongs to another document with the same hash.
fn decode(record: &[u8], id: &DocumentId) -> io::Result<Option<StoredDocument>> {
    let (head, source) =
        std::str::from_utf8(record).map_err(io::Error::other)?.split_once('\n').ok_or(io::ErrorKind::UnexpectedEof)?;
    let (of, version, len): (DocumentId, DocumentVersion, usize) = serde_json::from_str(head)?;
    if len != source.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((of == *id).then(|| StoredDocument { id: of, version, source: source.to_owned() }))
}

#[cfg(test)]
mod tests;
