//! Result of decoding: the wanted columns of some lines, and the position of each row.

use arrow::array::{BooleanArray, RecordBatch};

use super::skipped::SkippedLines;

/// Wanted columns of consecutive lines of one file.
#[derive(Debug)]
pub struct EventBatch {
    /// number of the batch in its source, which document references carry; a decoder leaves it 0
    pub number: u32,
    /// column `i` is the `i`-th column specification of the projection
    pub columns: RecordBatch,
    /// position of each row, in row order
    pub rows: Vec<RowRef>,
    /// fixed 64-bit hash of each row's `(_index, _id)`, a tie-break that does not depend on the
    /// order of events; only if asked for
    pub id_hash: Option<Vec<u64>>,
    /// hash of each row's `_index` and `_id`, if the document itself has both; empty if none has.
    /// Equal hashes mean equal texts: they have 128 bits and a key of this process
    pub stored_ids: Vec<Option<u128>>,
    /// per use case, the rows that match its query and history window; only if the source evaluated
    /// the queries
    pub matched: Option<Vec<BooleanArray>>,
    /// lines that gave no row
    pub skipped: SkippedLines,
    /// reason why the rows that follow could not be read
    pub fault: Option<String>,
    /// columns that have values in rows of which they were not read
    pub filled: Vec<usize>,
}

impl EventBatch {
    /// Drops the rows behind the first `n_rows`.
    pub fn truncate(&mut self, n_rows: usize) {
        if n_rows >= self.rows.len() {
            return;
        }
        self.columns = self.columns.slice(0, n_rows);
        self.rows.truncate(n_rows);
        self.id_hash.iter_mut().for_each(|hashes| hashes.truncate(n_rows));
        self.stored_ids.truncate(n_rows);
        let matched = self.matched.iter_mut().flatten();
        matched.for_each(|matched| *matched = matched.slice(0, n_rows));
    }
}

/// Position of a row in its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowRef {
    /// 0-based line (or array element, or table row) counted from the start of the batch
    pub line_in_batch: u32,
    /// bytes from the start of the batch to the start of the line; 0 in sources without lines
    pub offset_in_batch: u32,
    /// bytes of the line without its line end, or of the text that a search returned
    pub length: u32,
}
