//! Events, and the parts of them that are kept while use cases are evaluated.
//!
//! 1. [`decode`] turns lines of JSON into Arrow columns; it reads only the wanted ones.
//! 2. [`sentences`] combines a use case's fields into keys; [`metric`] computes numbers from texts;
//!    [`derived`] derives fields by GROK.
//! 3. [`table`] holds keys, metrics, times and masks of all events of a scan group, in memory or
//!    spilled to disk; [`View`] is one use case's part of it.
//! 4. [`document`] is a whole event, read again for candidates only; [`text`] renders values as
//!    text.

mod chunk;
pub mod decode;
pub mod derived;
pub mod dictionary;
pub mod document;
pub mod metric;
pub mod sentences;
pub mod table;
pub mod text;
mod view;

pub use chunk::{ChunkView, KeyColumn, Places};
pub use dictionary::Dictionary;
pub use document::{Document, lookup};
pub use table::{
    EventTable, FieldSource, KeySpec, LocalKey, MetricSpec, PreparedBatch, TableBuilder, TableError, TableLayout,
    Values,
};
pub use view::{Element, MAX_ROWS_PER_EVENT, Population, View, ViewColumns};
