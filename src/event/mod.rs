//! Events, and the parts of them that are kept while use cases are evaluated.
//!
//! 1. [`decode`] turns JSON or Arrow arrays into Arrow columns; it reads only the wanted ones.
//! 2. [`sentences`] combines a use case's fields into keys; [`metric`] computes numbers from texts;
//!    [`derived`] derives fields by GROK.
//! 3. [`geo`] knows points on earth, and where addresses are.
//! 4. [`Document`] is a whole event, read again for candidates only; [`text`] renders values as
//!    text; [`StoredKey`] declares what is stored in it; [`time`] reads times.
//!
//! [`FieldNames`] says what a name means, and both ways of reading follow it.

pub mod decode;
pub mod derived;
mod document;
mod field;
pub mod geo;
mod lookup;
pub mod metric;
mod names;
pub mod sentences;
mod stored_key;
pub mod text;
pub mod time;

pub use document::Document;
pub use field::{FieldPath, equal_ignoring_case, has_shape};
pub use lookup::{FieldValue, lookup};
pub use names::{Case, FieldNames, Form, FormPart, MappedName, MappedNames, NamedEntry, split_form};
pub use stored_key::{PerOutlier, StoredKey, StoredKind};
