//! One batch of the event table as its readers see it: only the columns that they look at.

use arrow::array::{AsArray, BooleanArray, Float64Array, Int64Array, ListArray, UInt32Array, UInt64Array};
use arrow::datatypes::UInt32Type;

use super::dictionary::Dictionary;

/// What a use case looks at in one batch of a table.
#[derive(Debug)]
pub struct ChunkView<'a> {
    /// Which events match the use case.
    pub mask: BooleanArray,
    /// Sentences of its aggregator.
    pub aggregator: Option<KeyColumn<'a>>,
    /// Sentences of its target.
    pub target: Option<KeyColumn<'a>>,
    /// Its metric.
    pub value: Option<Float64Array>,
    /// Its times, in microseconds.
    pub time: Option<Int64Array>,
    /// Order-free tie-breaks between events.
    pub tie: Option<UInt64Array>,
    /// Its label: one sentence at most per event.
    pub label: Option<KeyColumn<'a>>,
}

/// Where the events of one batch are in the source.
#[derive(Debug)]
pub struct Places {
    /// The source's number of the batch.
    pub batch: u32,
    pub(super) columns: Vec<UInt32Array>,
}

impl Places {
    /// Offset, length and line of event `row` in its batch.
    pub fn of(&self, row: usize) -> [u32; 3] {
        [0, 1, 2].map(|column_idx| self.columns[column_idx].value(row))
    }
}

/// The sentences of one key in one batch.
#[derive(Debug, Clone)]
pub struct KeyColumn<'a> {
    pub(super) list: ListArray,
    pub(super) dictionary: &'a Dictionary,
}

impl KeyColumn<'_> {
    /// Ranks of all sentences of the batch: those of event `row` are `ranks[offsets[row]..offsets[row + 1]]`, in the order of its
    /// values.
    pub fn ranks(&self) -> (Vec<u32>, &[i32]) {
        let codes = self.list.values().as_primitive::<UInt32Type>().values();
        (codes.iter().map(|&code| self.dictionary.rank(code)).collect(), self.list.value_offsets())
    }
}
