//! Inventory of the fields of events: what a person needs to know before writing a use case.
//!
//! 1. [`ObservedSource`] passes a scan on and gives each document to a [`FieldCollector`].
//! 2. `walk` finds the values of a document, and `statistics` counts them field by field, in parts
//!    of which each thread has its own.
//! 3. Parts that take too much memory are spilled in the order of names. In the end all parts are
//!    merged, and the fields that the most events have are the [`FieldInventory`].
//!
//! Nothing depends on the order of events or on the number of threads. Memory is bounded whatever
//! the events hold: any number of names, any depth, any size of values.

mod distinct;
mod lengths;
mod observed;
mod sampled;
mod statistics;
mod times;
mod walk;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::event::time::TimeFormats;
use crate::spill::{MergedRuns, SortedRuns, SpillError};
use statistics::{Leaf, NamedStatistics, Statistics};
use walk::Leaves;

pub use distinct::MOST_EXACT;
pub use observed::ObservedSource;
pub use sampled::SampledNames;
pub use statistics::ValueKind;
pub use times::FieldTimes;

/// Upper limit on the fields of an inventory.
pub const MOST_FIELDS: usize = 2_000;

/// Names of fields that are left out, as examples.
const NAMED_LEFT_OUT: usize = 3;

/// Most frequent values of a field.
const EXAMPLES: usize = 5;

/// Memory of all parts together, in bytes; the rest is spilled.
const MEMORY_BYTES: usize = 128 << 20;

/// Memory of what is about to be spilled, in bytes.
const SPILL_BYTES: usize = 16 << 20;

/// Documents that a thread counts at a time.
const DOCUMENTS_AT_ONCE: usize = 64;

/// Fields of some events.
#[derive(Debug, Default)]
pub struct FieldInventory {
    /// Number of events.
    pub events: u64,
    /// Fields, those that the most events have first.
    pub fields: Vec<InventoryField>,
    /// Number of names, whether they are among the fields or not.
    pub names: u64,
    /// Some of the names that are not, if there are too many.
    pub left_out: Vec<String>,
    /// Values whose names are too long.
    pub too_long: u64,
    /// Names of the fields of some events.
    pub sample: SampledNames,
}

/// A field of some events.
#[derive(Debug, Clone)]
pub struct InventoryField {
    /// Its path.
    pub name: String,
    /// Events that have a value.
    pub events: u64,
    /// Events that have several values.
    pub lists: u64,
    /// Number of values.
    pub values: u64,
    /// Number of values of each kind, the most frequent kind first.
    pub kinds: Vec<(ValueKind, u64)>,
    /// Number of distinct values.
    pub distinct: u64,
    /// True if that is an estimate.
    pub is_estimate: bool,
    /// Length in characters that half of the values do not exceed.
    pub median_length: u64,
    /// Length of the longest value.
    pub longest: u64,
    /// Smallest and largest number.
    pub numbers: Option<(f64, f64)>,
    /// Times among the values.
    pub times: FieldTimes,
    /// The most frequent values; of many, the most frequent ones of a sample.
    pub examples: Vec<FieldExample>,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldExample {
    /// Start of the value.
    pub text: String,
    /// True if the value goes on.
    pub is_cut: bool,
    /// Number of times that it occurs.
    pub count: u64,
}

impl FieldInventory {
    /// The field with this name.
    pub fn field(&self, name: &str) -> Option<&InventoryField> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl InventoryField {
    fn new(name: String, statistics: Statistics) -> Self {
        let mut kinds: Vec<(ValueKind, u64)> = ValueKind::ALL.into_iter().zip(statistics.kinds).collect();
        kinds.retain(|(_, n)| *n > 0);
        kinds.sort_by_key(|(_, n)| Reverse(*n));
        let examples = statistics.distinct.most_frequent(EXAMPLES).into_iter();
        let example = |(text, count): (String, u64)| {
            let shown: String = text.chars().take(distinct::KEPT_CHARS).collect();
            FieldExample { is_cut: shown.len() < text.len(), text: shown, count }
        };
        InventoryField {
            name,
            events: statistics.events,
            lists: statistics.lists,
            values: statistics.n_values(),
            kinds,
            distinct: statistics.distinct.count().min(statistics.n_values()),
            is_estimate: statistics.distinct.is_estimate(),
            median_length: statistics.lengths.median(),
            longest: statistics.lengths.longest(),
            numbers: statistics.numbers,
            times: statistics.times,
            examples: examples.map(example).collect(),
        }
    }

    /// The kind of most of its values.
    pub fn main_kind(&self) -> ValueKind {
        self.kinds.first().map_or(ValueKind::Text, |(kind, _)| *kind)
    }
}

/// Counts the fields of documents.
#[derive(Debug)]
pub struct FieldCollector {
    /// Fields whose numbers are times, with their formats.
    times: HashMap<String, TimeFormats>,
    /// Parts that no thread uses at the moment.
    idle: Mutex<Vec<Part>>,
    /// Memory of a part, in bytes.
    part_bytes: usize,
    spilled: Mutex<SortedRuns<NamedStatistics>>,
}

impl FieldCollector {
    /// Without events. Numbers in the fields of `times` are times; what does not fit into memory
    /// goes to `spill_dir`.
    pub fn new(times: HashMap<String, TimeFormats>, spill_dir: &Path) -> Self {
        Self::with_memory(times, spill_dir, MEMORY_BYTES)
    }

    fn with_memory(times: HashMap<String, TimeFormats>, spill_dir: &Path, n_bytes: usize) -> Self {
        FieldCollector {
            times,
            idle: Mutex::default(),
            part_bytes: n_bytes / (rayon::current_num_threads() + 1),
            spilled: Mutex::new(SortedRuns::new(spill_dir, SPILL_BYTES.min(n_bytes))),
        }
    }

    /// Counts the fields of some documents, whose `texts` are JSON.
    ///
    /// # Errors
    /// A spill directory that cannot be used.
    pub fn add<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Result<(), SpillError> {
        texts.par_chunks(DOCUMENTS_AT_ONCE).try_for_each(|texts| {
            let mut part = lock(&self.idle).pop().unwrap_or_default();
            for text in texts {
                part.count(text.as_ref(), &self.times);
                if part.n_bytes > self.part_bytes {
                    self.spill(&mut part)?;
                }
            }
            lock(&self.idle).push(part);
            Ok(())
        })
    }

    /// Merges what was counted.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn finish(self) -> Result<FieldInventory, SpillError> {
        let mut inventory = FieldInventory::default();
        for mut part in std::mem::take(&mut *lock(&self.idle)) {
            self.spill(&mut part)?;
            inventory.events += part.n_events;
            inventory.too_long += part.n_too_long;
            inventory.sample.merge(part.sample);
        }
        let mut parts = self.spilled.into_inner().unwrap_or_else(PoisonError::into_inner).merge()?;
        let mut kept: BTreeMap<(Reverse<u64>, String), InventoryField> = BTreeMap::new();
        let mut left_out: BTreeMap<(Reverse<u64>, String), ()> = BTreeMap::new();
        while let Some(NamedStatistics { name, statistics }) = next_field(&mut parts)? {
            inventory.names += 1;
            kept.insert((Reverse(statistics.events), name.clone()), InventoryField::new(name, statistics));
            if kept.len() > MOST_FIELDS
                && let Some((rank, _)) = kept.pop_last()
            {
                left_out.insert(rank, ());
                if left_out.len() > NAMED_LEFT_OUT {
                    left_out.pop_last();
                }
            }
        }
        inventory.fields = kept.into_values().collect();
        inventory.left_out = left_out.into_keys().map(|(_, name)| name).collect();
        Ok(inventory)
    }

    fn spill(&self, part: &mut Part) -> Result<(), SpillError> {
        let mut spilled = lock(&self.spilled);
        part.n_bytes = 0;
        for (name, Counted { statistics, n_bytes, .. }) in part.fields.drain() {
            spilled.push(NamedStatistics { name, statistics }, n_bytes)?;
        }
        Ok(())
    }
}

/// Returns the next field, merged from all parts.
fn next_field(parts: &mut MergedRuns<NamedStatistics>) -> Result<Option<NamedStatistics>, SpillError> {
    let Some(mut field) = parts.next_if(|_| true)? else { return Ok(None) };
    while let Some(part) = parts.next_if(|part| part.name == field.name)? {
        field.statistics.merge(part.statistics);
    }
    Ok(Some(field))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts of a part of the events.
#[derive(Debug, Default)]
struct Part {
    // names are from outside: a hash that nobody can foresee keeps the table fast
    fields: HashMap<String, Counted>,
    n_events: u64,
    n_too_long: u64,
    sample: SampledNames,
    n_bytes: usize,
}

#[derive(Debug, Default)]
struct Counted {
    statistics: Statistics,
    /// Number of the last event that has a value, and how many it has.
    last: (u64, u64),
    n_bytes: usize,
}

impl Part {
    fn count(&mut self, text: &str, times: &HashMap<String, TimeFormats>) {
        self.n_events += 1;
        // the source accepted the text; of one that ends early, its start counts
        drop(walk::walk(text, &mut PartOfEvent { part: self, times }));
        self.sample.add(text);
    }
}

/// Receiver of the values of an event.
struct PartOfEvent<'a> {
    part: &'a mut Part,
    times: &'a HashMap<String, TimeFormats>,
}

impl Leaves for PartOfEvent<'_> {
    fn leaf(&mut self, name: &str, leaf: Leaf<'_>) {
        let Part { fields, n_events, n_bytes, .. } = &mut *self.part;
        if !fields.contains_key(name) {
            let base = NamedStatistics::base_bytes(name);
            fields.insert(name.to_owned(), Counted { n_bytes: base, ..Counted::default() });
            *n_bytes += base;
        }
        let Some(Counted { statistics, last, n_bytes: of_field }) = fields.get_mut(name) else { return };
        match last {
            (event, n_values) if *event == *n_events => {
                *n_values += 1;
                statistics.lists += u64::from(*n_values == 2);
            }
            _ => {
                *last = (*n_events, 1);
                statistics.events += 1;
            }
        }
        let more = statistics.add(leaf, self.times.get(name));
        *of_field += more;
        *n_bytes += more;
    }

    fn too_long(&mut self) {
        self.part.n_too_long += 1;
    }
}

#[cfg(test)]
mod tests;
