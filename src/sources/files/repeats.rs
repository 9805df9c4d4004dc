//! Documents that several files hold, because dumps overlap: the first one counts.

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::error::ArrowError;
use hashbrown::HashTable;

use crate::event::decode::EventBatch;

/// Bytes that a remembered document takes at most, while the table has room and while it grows.
const BYTES_PER_DOCUMENT: usize = 60;

/// Documents seen so far.
#[derive(Debug)]
pub(super) struct Repeats {
    seen: HashTable<u128>,
    most: usize,
    /// Documents that were dropped because they were seen before.
    pub(super) n_dropped: u64,
    /// Documents that were not remembered.
    pub(super) n_forgotten: u64,
}

impl Repeats {
    /// Remembers as many documents as fit into `memory` bytes.
    pub(super) fn new(memory: usize) -> Self {
        Repeats { seen: HashTable::new(), most: memory / BYTES_PER_DOCUMENT, n_dropped: 0, n_forgotten: 0 }
    }

    /// Drops the rows of documents that were seen before. Batches come in the order of the files.
    pub(super) fn drop_from(&mut self, batch: &mut EventBatch) -> Result<(), ArrowError> {
        if batch.stored_ids.is_empty() {
            return Ok(());
        }
        let ids = std::mem::take(&mut batch.stored_ids);
        let is_new: Vec<bool> = ids.iter().map(|id| id.is_none_or(|id| self.is_new(id))).collect();
        let n_repeats = is_new.iter().filter(|is_new| !**is_new).count();
        if n_repeats == 0 {
            return Ok(());
        }
        self.n_dropped += n_repeats as u64;
        let mut flags = is_new.iter();
        batch.rows.retain(|_| flags.next().copied().unwrap_or(true));
        if let Some(hashes) = &mut batch.id_hash {
            let mut flags = is_new.iter();
            hashes.retain(|_| flags.next().copied().unwrap_or(true));
        }
        batch.columns = filter_record_batch(&batch.columns, &BooleanArray::from(is_new))?;
        Ok(())
    }

    fn is_new(&mut self, id: u128) -> bool {
        // the ids are hashes themselves
        let hash = |id: &u128| *id as u64;
        if self.seen.find(hash(&id), |known| *known == id).is_some() {
            return false;
        }
        if self.seen.len() < self.most {
            self.seen.insert_unique(hash(&id), id, hash);
        } else {
            self.n_forgotten += 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_bounds_what_is_remembered() {
        let mut repeats = Repeats::new(2 * BYTES_PER_DOCUMENT);
        let is_new: Vec<bool> = [1, 2, 1, 3, 3, 2].into_iter().map(|id| repeats.is_new(id)).collect();
        assert_eq!(is_new, [true, true, false, true, true, false]);
        assert_eq!(repeats.n_forgotten, 2);
    }
}
