//! Identities of the hits, kept compressed in the spill directory, page by page.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::elastic::{DocumentId, Hit};
use crate::sources::{DocRef, SourceError};
use crate::spill::{Compressed, Copied, SpillError, Spool};

/// Identities of the documents of a page, in the order of its hits.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct PageIds {
    /// Concrete indices, as JSON text.
    indices: Vec<String>,
    /// Per hit: position of its index, its id as JSON text, its routing.
    hits: Vec<(u32, String, Option<String>)>,
}

/// Unique identity of a document: JSON texts of its index and id.
pub(super) type Identity = (String, String);

impl PageIds {
    pub(super) fn new(hits: &[Hit<'_>]) -> Self {
        let mut ids = PageIds::default();
        for hit in hits {
            let index = hit.index.get();
            // neighbouring hits are mostly from one index
            let index_idx = ids.indices.iter().rposition(|known| known == index).unwrap_or_else(|| {
                ids.indices.push(index.to_owned());
                ids.indices.len() - 1
            });
            ids.hits.push((index_idx as u32, hit.id.get().to_owned(), hit.routing.as_deref().map(str::to_owned)));
        }
        ids
    }

    /// Returns the stored form.
    pub(super) fn pack(&self) -> Compressed {
        Compressed::new(json!(self).to_string().as_bytes())
    }

    fn identities(self) -> impl Iterator<Item = Identity> {
        let PageIds { indices, hits } = self;
        hits.into_iter().map(move |(index_idx, id, _)| (indices[index_idx as usize].clone(), id))
    }

    fn document(&self, hit_idx: usize) -> io::Result<DocumentId> {
        let (index_idx, id, routing) = self.hits.get(hit_idx).ok_or(io::ErrorKind::UnexpectedEof)?;
        let index = self.indices.get(*index_idx as usize).ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(DocumentId { index: serde_json::from_str(index)?, id: serde_json::from_str(id)?, routing: routing.clone() })
    }
}

/// Identities of the documents of a scan.
#[derive(Debug)]
pub(super) struct ScannedIds {
    spool: Spool,
    /// Places of the pages; the number of a batch is its position here.
    pages: Mutex<Vec<Copied>>,
}

impl ScannedIds {
    /// Has no pages yet; they are stored in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        ScannedIds { spool: Spool::new(folder), pages: Mutex::default() }
    }

    /// Forgets all pages.
    pub(super) fn clear(&self) {
        self.pages().clear();
    }

    /// Stores a page and returns its number.
    pub(super) fn add(&self, ids: Compressed) -> Result<u32, SpillError> {
        let place = self.spool.append(ids)?;
        let mut pages = self.pages();
        pages.push(place);
        Ok(pages.len() as u32 - 1)
    }

    /// Returns the identities of all documents.
    pub(super) fn all(&self) -> Result<HashSet<Identity>, SpillError> {
        let mut all = HashSet::new();
        for place in &*self.pages() {
            all.extend(self.read(place)?.identities());
        }
        Ok(all)
    }

    /// Resolves references to documents, in the order of `documents`.
    pub(super) fn find(&self, documents: &[DocRef]) -> Result<Vec<DocumentId>, SourceError> {
        let mut by_page: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (idx, document) in documents.iter().enumerate() {
            by_page.entry(document.batch).or_default().push(idx);
        }
        let pages = self.pages();
        let mut found = vec![None; documents.len()];
        for (page_idx, wanted) in by_page {
            let unknown = |idx: usize| SourceError::UnknownDocument { batch: page_idx, line: documents[idx].line };
            let place = pages.get(page_idx as usize).ok_or_else(|| unknown(wanted[0]))?;
            let ids = self.read(place)?;
            for idx in wanted {
                found[idx] = Some(ids.document(documents[idx].line as usize).map_err(|_| unknown(idx))?);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    fn pages(&self) -> MutexGuard<'_, Vec<Copied>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, place: &Copied) -> Result<PageIds, SpillError> {
        serde_json::from_slice(&self.spool.read(place)?).map_err(|error| self.spool.error(error.into()))
    }
}
