//! Identities of the hits, kept compressed in the spill directory, page by page.

use std::collections::{BTreeMap, HashSet};
use std::io;

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

    fn unpack(spool: &Spool, place: &Copied) -> Result<Self, SpillError> {
        let stored = spool.read(place)?;
        serde_json::from_slice(&stored).map_err(|error| spool.error(error.into()))
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

/// Returns the identities of all documents of some pages.
pub(super) fn identities(spool: &Spool, pages: &[Copied]) -> Result<HashSet<Identity>, SpillError> {
    let mut all = HashSet::new();
    for place in pages {
        all.extend(PageIds::unpack(spool, place)?.identities());
    }
    Ok(all)
}

/// Resolves references to documents, in the order of `documents`.
pub(super) fn find(spool: &Spool, pages: &[Copied], documents: &[DocRef]) -> Result<Vec<DocumentId>, SourceError> {
    let mut by_page: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (idx, document) in documents.iter().enumerate() {
        by_page.entry(document.batch).or_default().push(idx);
    }
    let mut found = vec![None; documents.len()];
    for (page_idx, wanted) in by_page {
        let unknown = |idx: usize| SourceError::UnknownDocument { batch: page_idx, line: documents[idx].line };
        let place = pages.get(page_idx as usize).ok_or_else(|| unknown(wanted[0]))?;
        let ids = PageIds::unpack(spool, place)?;
        for idx in wanted {
            found[idx] = Some(ids.document(documents[idx].line as usize).map_err(|_| unknown(idx))?);
        }
    }
    Ok(found.into_iter().flatten().collect())
}
