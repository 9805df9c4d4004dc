//! Selects one of many equal rows, whatever their order.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use crate::table::Element;

/// Row with the smallest tie-break for each key. The tie-break is a hash of the document's
/// identity. Rows of one document, and documents whose hashes happen to be equal, are ordered by
/// their element.
pub(super) struct OneOfEach<K, V> {
    rows: FxHashMap<K, ((u64, Element), V)>,
}

impl<K, V> Default for OneOfEach<K, V> {
    fn default() -> Self {
        OneOfEach { rows: FxHashMap::default() }
    }
}

impl<K: std::hash::Hash + Eq, V> OneOfEach<K, V> {
    pub(super) fn offer(&mut self, key: K, row: (u64, Element), value: V) {
        match self.rows.entry(key) {
            Entry::Vacant(entry) => drop(entry.insert((row, value))),
            Entry::Occupied(mut entry) => {
                if row < entry.get().0 {
                    entry.insert((row, value));
                }
            }
        }
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = (K, V)> {
        self.rows.into_iter().map(|(key, (_, value))| (key, value))
    }
}
