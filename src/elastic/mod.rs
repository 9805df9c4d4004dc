//! The only client of Elasticsearch and OpenSearch.
//!
//! Paths and errors are those of the official crate. Its transport is not used: it follows
//! redirects, cannot limit the time to connect, trusts the built-in CAs in addition to the
//! configured one, and takes a client certificate only instead of other credentials. So requests go
//! through the HTTP library below it (`client.rs`). What to do after an answer is decided in one
//! place (`classify.rs`).

mod bulk;
mod classify;
mod client;
mod credentials;
mod documents;
mod error;
mod fields;
mod flavour;
mod highlight;
mod hosts;
mod indices;
mod page;
mod request;
mod retry;
mod search;
mod tls;

#[cfg(test)]
mod handshake_tests;
#[cfg(test)]
pub(crate) mod script;
#[cfg(test)]
mod tests;

pub use bulk::{BulkAction, BulkChange, BulkItem};
pub use classify::{Block, Class, classify};
pub use client::Client;
pub(crate) use credentials::{hide, secrets};
pub use documents::{DocumentId, DocumentVersion, Lookup, StoredDocument};
pub use error::{ElasticError, Fault};
pub use fields::MappedFields;
pub use flavour::{Flavour, PitDialect, Server};
pub use highlight::{MARKS, marked};
pub use page::{Hit, Page};
pub use request::{Body, Repeat, Request};
pub use reqwest::Method;
pub use retry::Attempts;
pub use search::{Cursor, PointInTime, SearchTarget, Survey};
pub(crate) use tls::{innermost, tls_error};
