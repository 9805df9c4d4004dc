//! JSON lines -> Arrow: only the wanted columns, without a tree of values per event.
//!
//! A [`Projection`] names the columns; its plan is a trie of field names that `serde_json` is led through by seeds, so that
//! whatever no column wants is skipped as text. A [`Decoder`] turns chunks of lines into [`EventBatch`]es and is reused
//! from chunk to chunk. Bad lines are counted, never silent ([`SkippedLines`]), and which lines are bad does not depend on
//! the wanted columns.

mod batch;
mod columns;
mod cursor;
mod decoder;
mod document_line;
mod leaves;
mod members;
mod projection;
mod row;
mod skipped;
mod trie;
mod values;
mod walk;

#[cfg(test)]
mod tests;

pub use batch::{EventBatch, RowRef};
pub use decoder::{Chunk, Decoder, HitText, Identity};
pub use document_line::{DocumentLine, line_id, split_document, with_valid_surrogates};
pub use members::{members, with_members};
pub use projection::{ColumnKind, ColumnSpec, Projection, TimeParser};
pub use skipped::{SkipReason, SkippedLines, SkippedSample};

/// Longest line that is read; longer ones are skipped and counted.
pub const MAX_LINE_BYTES: usize = 64 << 20;

/// Deepest nesting of a line, as deep as the JSON parser of whole documents goes.
pub const MAX_DEPTH: usize = 127;
