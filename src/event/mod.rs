//! Events, and the parts of them that are kept while use cases are evaluated.
//!
//! 1. [`decode`] turns lines of JSON into Arrow columns; it reads only the wanted ones.
//! 2. [`sentences`] combines a use case's fields into keys; [`metric`] computes numbers from texts;
//!    [`derived`] derives fields by GROK.
//! 3. [`document`] is a whole event, read again for candidates only; [`text`] renders values as
//!    text; [`StoredKey`] declares what is stored in it; [`time`] reads times.

pub mod decode;
pub mod derived;
pub mod document;
mod field;
pub mod metric;
pub mod sentences;
mod stored_key;
pub mod text;
pub mod time;

pub use document::{Document, lookup};
pub use field::FieldPath;
pub use stored_key::{PerOutlier, StoredKey, StoredKind};
