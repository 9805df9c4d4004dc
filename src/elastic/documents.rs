//! Whole documents, looked up by id in their current state.

use elasticsearch::MgetParts;
use futures::{StreamExt, TryStreamExt};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::classify::{Class, status_of};
use super::client::Client;
use super::error::{ElasticError, Fault, ItemError};
use super::request::Request;
use super::retry::Attempts;

/// Documents per request.
const DOCUMENTS_AT_ONCE: usize = 256;

/// Requests in flight at the same time.
const REQUESTS_AT_ONCE: usize = 4;

/// Identity of a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DocumentId {
    /// Concrete index, never an alias or data stream.
    pub index: String,
    /// `_id`.
    pub id: String,
    /// Routing, if the document was stored with one.
    pub routing: Option<String>,
}

/// State of a document; a change can require that the document is still in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentVersion {
    /// `_seq_no`.
    pub seq_no: i64,
    /// `_primary_term`.
    pub primary_term: i64,
}

impl DocumentVersion {
    /// Version of a document that is not in a cluster.
    pub const NONE: DocumentVersion = DocumentVersion { seq_no: -2, primary_term: 0 };
}

/// Document and its state.
#[derive(Clone, Debug)]
pub struct StoredDocument {
    /// Its identity.
    pub id: DocumentId,
    /// Its state.
    pub version: DocumentVersion,
    /// JSON text of its `_source`.
    pub source: String,
}

/// Outcome of looking up a document.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// The document.
    Found(StoredDocument),
    /// The document or its index was deleted.
    Gone,
    /// The document cannot be read, now or later; others may be readable.
    Failed(Fault),
}

impl Lookup {
    /// Returns the document, or `None` if it is gone.
    ///
    /// # Errors
    /// The reason why `id` cannot be read.
    pub fn into_found(self, id: &DocumentId) -> Result<Option<StoredDocument>, ElasticError> {
        match self {
            Self::Found(document) => Ok(Some(document)),
            Self::Gone => Ok(None),
            Self::Failed(fault) => Err(ElasticError::of(format!("reading document {} of {}", id.id, id.index), fault)),
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    docs: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default, rename = "_seq_no")]
    seq_no: i64,
    #[serde(default, rename = "_primary_term")]
    primary_term: i64,
    #[serde(default)]
    found: bool,
    #[serde(rename = "_source")]
    source: Option<Box<RawValue>>,
    error: Option<ItemError>,
}

impl Client {
    /// Returns the documents in the order of `ids`. Those that the server cannot read now, because
    /// a shard is starting or a node is busy, are requested again until the retry deadline.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn mget(&self, ids: &[DocumentId]) -> Result<Vec<Lookup>, ElasticError> {
        let requests: Vec<_> = ids.chunks(DOCUMENTS_AT_ONCE).map(|some| self.mget_some(some)).collect();
        let found: Vec<_> = futures::stream::iter(requests).buffered(REQUESTS_AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn mget_some(&self, ids: &[DocumentId]) -> Result<Vec<Lookup>, ElasticError> {
        let mut attempts = Attempts::new(self.deadline());
        let mut documents = self.mget_once(&ids.iter().collect::<Vec<_>>()).await?;
        loop {
            let open: Vec<usize> = (0..ids.len()).filter(|&idx| documents[idx].is_transient()).collect();
            let Some(Lookup::Failed(fault)) = open.first().map(|&idx| &documents[idx]) else { return Ok(documents) };
            let error = ElasticError::of(format!("reading {} documents", open.len()), fault.clone());
            attempts.wait_after(error, self.interrupt()).await?;
            let again = self.mget_once(&open.iter().map(|&idx| &ids[idx]).collect::<Vec<_>>()).await?;
            for (idx, document) in open.into_iter().zip(again) {
                documents[idx] = document;
            }
        }
    }

    async fn mget_once(&self, ids: &[&DocumentId]) -> Result<Vec<Lookup>, ElasticError> {
        let docs: Vec<Value> = ids.iter().map(|id| wanted(id)).collect();
        let what = format!("reading {} documents", ids.len());
        let request = Request::new(Method::POST, MgetParts::None.url(), what).json(&json!({"docs": docs}));
        let read = |body: &[u8]| {
            let answer: Answer = serde_json::from_slice(body).map_err(|error| request.unreadable(error))?;
            if answer.docs.len() != ids.len() {
                return Err(request.unreadable(format!("it has {} documents", answer.docs.len())));
            }
            let found = answer.docs.into_iter().zip(ids);
            found.map(|(item, id)| lookup(item, id).map_err(|error| request.unreadable(error))).collect()
        };
        self.read_with(&request, read).await
    }
}

impl Lookup {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Failed(fault) if matches!(fault.class(), Class::Retry | Class::BackPressure))
    }
}

fn wanted(id: &DocumentId) -> Value {
    let mut wanted = json!({"_index": id.index, "_id": id.id});
    if let Some(routing) = &id.routing {
        wanted["routing"] = json!(routing);
    }
    wanted
}

fn lookup(item: Item, id: &DocumentId) -> Result<Lookup, String> {
    if item.id != id.id {
        return Err(format!("document {} was requested, but {} came back", id.id, item.id));
    }
    if let Some(error) = item.error {
        let fault = error.fault(status_of(&error.error_type));
        return Ok(if fault.class() == Class::Gone { Lookup::Gone } else { Lookup::Failed(fault) });
    }
    if !item.found {
        return Ok(Lookup::Gone);
    }
    let version = DocumentVersion { seq_no: item.seq_no, primary_term: item.primary_term };
    Ok(match item.source {
        Some(source) => {
            let source = Box::<str>::from(source).into_string();
            Lookup::Found(StoredDocument { id: id.clone(), version, source })
        }
        None => Lookup::Failed(Fault::new(400, "", "it has no _source")),
    })
}
