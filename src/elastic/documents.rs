//! Whole documents by their ids, as they are now.

use elasticsearch::MgetParts;
use elasticsearch::http::Method;
use futures::{StreamExt, TryStreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::classify::Class;
use super::client::{Client, Request};
use super::error::{ElasticError, Fault};

/// Documents that are asked for at once.
const DOCUMENTS_AT_ONCE: usize = 256;

/// Requests for documents that are under way together.
const REQUESTS_AT_ONCE: usize = 4;

/// Names one document.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentId {
    /// Concrete index, never an alias or data stream.
    pub index: String,
    /// Id.
    pub id: String,
    /// Routing, where the document was stored with one.
    pub routing: Option<String>,
}

/// A state of a document: a change may ask that the document still is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentVersion {
    /// `_seq_no`.
    pub seq_no: i64,
    /// `_primary_term`.
    pub primary_term: i64,
}

/// A document with the state it is in.
#[derive(Clone, Debug)]
pub struct StoredDocument {
    /// Which one it is.
    pub id: DocumentId,
    /// Which state of it this is.
    pub version: DocumentVersion,
    /// `_source`.
    pub source: Box<RawValue>,
}

#[derive(Deserialize)]
struct Found {
    docs: Vec<FoundDocument>,
}

#[derive(Deserialize)]
struct FoundDocument {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default, rename = "_seq_no")]
    seq_no: i64,
    #[serde(default, rename = "_primary_term")]
    primary_term: i64,
    #[serde(default)]
    found: bool,
    #[serde(default, rename = "_source")]
    source: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<Box<RawValue>>,
}

impl Client {
    /// The documents in the order asked; `None` where one is gone.
    ///
    /// # Errors
    /// As [`Client::send`], and documents that cannot be read, such as those without `_source`.
    pub async fn mget(&self, ids: &[DocumentId]) -> Result<Vec<Option<StoredDocument>>, ElasticError> {
        let requests: Vec<_> = ids.chunks(DOCUMENTS_AT_ONCE).map(|some| self.mget_some(some)).collect();
        let found: Vec<_> = futures::stream::iter(requests).buffered(REQUESTS_AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn mget_some(&self, ids: &[DocumentId]) -> Result<Vec<Option<StoredDocument>>, ElasticError> {
        let docs: Vec<Value> = ids.iter().map(wanted).collect();
        let what = format!("reading {} documents", ids.len());
        let request = Request::new(Method::Post, MgetParts::None.url(), what).json(&json!({"docs": docs}));
        let found: Found = self.read(&request).await?;
        let unreadable = |reason| ElasticError::Unreadable { what: request.what.clone(), reason };
        if found.docs.len() != ids.len() {
            return Err(unreadable(format!("it has {} documents", found.docs.len())));
        }
        found.docs.into_iter().zip(ids).map(|(found, id)| document(found, id).map_err(&unreadable)).collect()
    }
}

fn wanted(id: &DocumentId) -> Value {
    let mut wanted = json!({"_index": id.index, "_id": id.id});
    if let Some(routing) = &id.routing {
        wanted["routing"] = json!(routing);
    }
    wanted
}

fn document(found: FoundDocument, id: &DocumentId) -> Result<Option<StoredDocument>, String> {
    if found.id != id.id {
        return Err(format!("document {} was asked for, {} was answered", id.id, found.id));
    }
    if let Some(error) = found.error {
        let status_of = |text: &str| if text.contains("index_not_found_exception") { 404 } else { 400 };
        let body = format!(r#"{{"error":{}}}"#, error.get());
        let fault = Fault::read(status_of(error.get()), body.as_bytes());
        return if fault.class() == Class::Gone { Ok(None) } else { Err(fault.to_string()) };
    }
    if !found.found {
        return Ok(None);
    }
    let source = found.source.ok_or_else(|| format!("document {} of {} has no _source", id.id, id.index))?;
    let version = DocumentVersion { seq_no: found.seq_no, primary_term: found.primary_term };
    Ok(Some(StoredDocument { id: id.clone(), version, source }))
}
