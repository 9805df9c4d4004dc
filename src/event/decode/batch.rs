//! What decoding gives: the wanted columns of some lines, and where each row came from.

use arrow::array::{BooleanArray, RecordBatch};

use super::skipped::SkippedLines;

/// Wanted columns of consecutive lines of one file.
#[derive(Debug)]
pub struct EventBatch {
    /// number of the batch in its source; a document reference carries it back. A decoder leaves it 0.
    pub number: u32,
    /// index of the file in its source
    pub file: u32,
    /// 0-based number, in the file, of the first line of the batch
    pub first_line: u64,
    /// column `i` is the `i`-th column specification of the projection
    pub columns: RecordBatch,
    /// where each row lies, in row order
    pub rows: Vec<RowRef>,
    /// fixed 64-bit hash of each row's `(_index, _id)`, the order-free tie-break; only when asked for
    pub id_hash: Option<Vec<u64>>,
    /// per use case, which rows match its query and window, where the source has judged it
    pub matched: Option<Vec<BooleanArray>>,
    /// lines that gave no row
    pub skipped: SkippedLines,
}

/// Place of a row in its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowRef {
    /// 0-based line (or array element, or table row) counted from the start of the batch
    pub line_in_batch: u32,
    /// bytes from the start of the batch to the start of the line; 0 in sources without lines
    pub offset_in_batch: u32,
    /// bytes of the line without its line end; 0 in sources without lines
    pub length: u32,
}
