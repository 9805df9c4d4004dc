//! Decodes events into Arrow: only the wanted columns, without a tree of values per event.
//!
//! A [`Projection`] names the columns. Its plan is a trie of field names. A [`Decoder`] turns
//! events into [`EventBatch`]es and is reused from batch to batch. Events come in three forms:
//!
//! * lines of JSON ([`Chunk`]) and hits of a search ([`HitText`]): a reader is led through the
//!   trie, so everything that no column wants is checked and skipped as text, by a kernel;
//! * rows of tables ([`TableRows`]): their columns are looked up in the trie once per table, and
//!   only the wanted cells become JSON text;
//! * rows of Arrow arrays ([`ArrayRows`]): their fields are looked up in the trie once per schema,
//!   and their values become cells without text, dictionary by dictionary.
//!
//! Bad lines are always counted ([`SkippedLines`]). The wanted columns do not affect which lines
//! are bad.

mod arrays;
mod batch;
mod cells;
mod columns;
mod cursor;
mod decoder;
mod document_line;
mod found;
mod kind;
mod leaves;
mod members;
mod points;
mod projection;
mod reader;
mod row;
mod size;
mod skipped;
mod stored_id;
mod table;
mod trie;
mod values;
mod walk;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use arrays::{ArrayColumns, ArrayRows, Leaf, Unread, json_lines};
pub use batch::{EventBatch, RowRef};
pub use cursor::string_end;
pub use decoder::{Chunk, Decoder, HitText, Identity};
pub use document_line::{DocumentLine, line_id, split_document, with_valid_surrogates};
pub use kind::ColumnKind;
pub use leaves::LeafNames;
pub use members::{each_member, members, raw_members, with_members, with_values};
pub use projection::{ColumnSpec, Projection};
pub use skipped::{SkipReason, SkippedLines, SkippedSample};
pub use table::{ColumnRole, TableColumns, TableRows};
pub use values::timestamp;

/// Upper limit on the length of a line; longer lines are skipped and counted.
pub const MAX_LINE_BYTES: usize = 64 << 20;

/// Upper limit on the length of a text or number, as written; events with longer ones are skipped
/// and counted.
pub const MAX_VALUE_BYTES: usize = 16 << 20;

/// Upper limit on the values of an event, arrays and objects included. A whole document takes up to
/// about a hundred bytes of memory per value.
pub const MAX_VALUES: usize = 1 << 20;

/// Upper limit on the nesting of a line: the recursion limit of the parser that reads whole
/// documents.
pub const MAX_DEPTH: usize = 127;
