//! Outliers that notices were made of, and outliers that a run is about to write.
//!
//! Ids are hashes, so their first bits spread them evenly: each value of the table holds the ids
//! that begin alike, in order. A run hands in its own ids in order, too, and a value is rewritten
//! at most once per run.

use redb::{ReadableTable, Table};

use super::super::error::StateError;
use super::StateStore;
use super::values::{Entry, pack, unpack};

/// Upper limit on the ids of a value; with all values, on about four million.
const MOST_PER_VALUE: usize = 1024;

/// Bits of an id that choose its value.
const BITS: u32 = 12;

/// Days after which an id that is seen again is stored with its new day.
const REFRESHED_AFTER: u32 = 7;

/// Ids of outliers that notices were made of, open for a run.
#[derive(Debug)]
pub struct ToldIds<'t> {
    store: &'t StateStore,
    table: Table<'t, u16, &'static [u8]>,
    today: u32,
    /// Ids that were seen last before this day are forgotten.
    oldest: u32,
    value: Option<OpenValue>,
}

/// A value that is being merged with ids of the run.
#[derive(Debug)]
struct OpenValue {
    key: u16,
    old: std::iter::Peekable<std::vec::IntoIter<Entry>>,
    merged: Vec<Entry>,
    is_changed: bool,
}

impl<'t> ToldIds<'t> {
    pub(super) fn new(store: &'t StateStore, table: Table<'t, u16, &'static [u8]>, today: u32, days: u32) -> Self {
        ToldIds { store, table, today, oldest: today.saturating_sub(days), value: None }
    }

    /// Adds an id; true if it is new. Ids come in ascending order.
    ///
    /// # Errors
    /// A store that cannot be read or written.
    pub fn add(&mut self, id: [u8; 16]) -> Result<bool, StateError> {
        let key = u16::from_be_bytes([id[0], id[1]]) >> (16 - BITS);
        if self.value.as_ref().is_none_or(|value| value.key != key) {
            self.close()?;
            let old = self.table.get(key).map_err(self.store.failed())?;
            let old = old.map_or(Ok(Vec::new()), |value| unpack(value.value())).map_err(self.store.bad_value())?;
            self.value =
                Some(OpenValue { key, old: old.into_iter().peekable(), merged: Vec::new(), is_changed: false });
        }
        let today = self.today;
        Ok(self.value.as_mut().is_some_and(|value| value.add(Entry { id, day: today })))
    }

    /// Writes what was added.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn close(&mut self) -> Result<(), StateError> {
        let Some(OpenValue { key, old, mut merged, is_changed }) = self.value.take() else { return Ok(()) };
        if !is_changed {
            return Ok(());
        }
        merged.extend(old);
        merged.retain(|entry| entry.day >= self.oldest);
        if merged.len() > MOST_PER_VALUE {
            merged.sort_by_key(|entry| std::cmp::Reverse(entry.day));
            merged.truncate(MOST_PER_VALUE);
            merged.sort_unstable();
        }
        self.table.insert(key, pack(&merged).as_slice()).map_err(self.store.failed())?;
        Ok(())
    }
}

impl OpenValue {
    fn add(&mut self, new: Entry) -> bool {
        while let Some(older) = self.old.next_if(|old| old.id < new.id) {
            self.merged.push(older);
        }
        if self.merged.last().is_some_and(|last| last.id == new.id) {
            return false;
        }
        match self.old.next_if(|old| old.id == new.id) {
            Some(known) => {
                let is_old = known.day.saturating_add(REFRESHED_AFTER) <= new.day;
                self.is_changed |= is_old;
                self.merged.push(if is_old { new } else { known });
                false
            }
            None => {
                self.is_changed = true;
                self.merged.push(new);
                true
            }
        }
    }
}
