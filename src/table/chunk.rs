//! One batch of the event table, reduced to the columns that a reader asked for.

use arrow::array::{AsArray, BooleanArray, Float64Array, Int64Array, ListArray, UInt32Array, UInt64Array};
use arrow::datatypes::UInt32Type;

use super::dictionary::Dictionary;

/// Columns of one batch of a table that a use case reads.
#[derive(Debug)]
pub struct ChunkView<'a> {
    /// Mask of the events that match the use case.
    pub mask: BooleanArray,
    /// Sentences of the aggregator.
    pub aggregator: Option<KeyColumn<'a>>,
    /// Sentences of the target.
    pub target: Option<KeyColumn<'a>>,
    /// Values of the metric.
    pub value: Option<Float64Array>,
    /// Timestamps, in microseconds.
    pub time: Option<Int64Array>,
    /// Tie-breaks between events that do not depend on the order of the events.
    pub tie: Option<UInt64Array>,
    /// Sizes, which not every event has.
    pub size: Option<Float64Array>,
    /// Source: at most one sentence per event.
    pub source: Option<KeyColumn<'a>>,
    /// Destination: at most one sentence per event.
    pub destination: Option<KeyColumn<'a>>,
    /// Peer group: at most one sentence per event.
    pub peer: Option<KeyColumn<'a>>,
    /// Label: at most one sentence per event.
    pub label: Option<KeyColumn<'a>>,
}

/// Positions of the events of one batch in the source.
#[derive(Debug)]
pub struct Places {
    /// Number that the source gave the batch.
    pub batch: u32,
    pub(super) columns: Vec<UInt32Array>,
}

impl Places {
    /// Number of events.
    pub fn n(&self) -> usize {
        self.columns.first().map_or(0, |column| column.len())
    }

    /// Returns offset, length and line of event `row` in its batch.
    pub fn of(&self, row: usize) -> [u32; 3] {
        [0, 1, 2].map(|column_idx| self.columns[column_idx].value(row))
    }
}

/// Sentences of one key in one batch.
#[derive(Debug, Clone)]
pub struct KeyColumn<'a> {
    pub(super) list: ListArray,
    pub(super) dictionary: &'a Dictionary,
}

impl KeyColumn<'_> {
    /// Returns the ranks of all sentences of the batch, and offsets into them.
    ///
    /// The sentences of event `row` are `ranks[offsets[row]..offsets[row + 1]]`, in the order of
    /// its values.
    pub fn ranks(&self) -> (Vec<u32>, &[i32]) {
        let codes = self.list.values().as_primitive::<UInt32Type>().values();
        (codes.iter().map(|&code| self.dictionary.rank(code)).collect(), self.list.value_offsets())
    }
}
