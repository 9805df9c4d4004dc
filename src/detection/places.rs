//! Places of documents, and how many are described at once.

use crate::sources::DocRef;
use crate::table::{Element, EventTable, Places, TableError};

/// Target size of the documents that are read and described at once.
const BLOCK_BYTES: usize = 8 << 20;

/// Assumed size of a document that is not a line of a file, at least.
const DOCUMENT_BYTES: usize = 2 << 10;

/// Places of the documents of some rows.
///
/// # Errors
/// Spilled rows that cannot be read back.
pub fn document_places(table: &EventTable, rows: impl Iterator<Item = Element>) -> Result<Vec<DocRef>, TableError> {
    let mut places = Vec::new();
    let mut chunk_places: Option<(usize, Places)> = None;
    for element in rows {
        let chunk_idx = element.chunk_idx();
        if chunk_places.as_ref().is_none_or(|(idx, _)| *idx != chunk_idx) {
            chunk_places = Some((chunk_idx, table.places(chunk_idx)?));
        }
        if let Some((_, chunk)) = &chunk_places {
            let [offset, length, line] = chunk.of(element.row());
            places.push(DocRef { batch: chunk.batch, offset, length, line });
        }
    }
    Ok(places)
}

/// Number of the documents at the start of `places` that are read and described at once.
pub(super) fn n_at_once(places: &[DocRef]) -> usize {
    let mut n_bytes = 0;
    let mut fits = |place: &&DocRef| {
        n_bytes += (place.length as usize).max(DOCUMENT_BYTES);
        n_bytes <= BLOCK_BYTES
    };
    places.iter().take_while(|place| fits(place)).count().max(1)
}
