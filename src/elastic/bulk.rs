//! Bulk updates, with a result for each of them.

use elasticsearch::http::Method;
use elasticsearch::http::request::Body as _;
use elasticsearch::{BulkOperation, BulkOperations, BulkParts};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::classify::{Class, classify};
use super::client::{Body, Client, Request};
use super::documents::DocumentId;
use super::error::{ElasticError, Fault};

/// A partial update that counts only while the document is as it was read.
#[derive(Clone, Debug)]
pub struct BulkUpdate {
    /// The document.
    pub id: DocumentId,
    /// Its `_seq_no` when it was read.
    pub seq_no: i64,
    /// Its `_primary_term` when it was read.
    pub primary_term: i64,
    /// The fields to merge into it: objects are merged, everything else is replaced.
    pub doc: Box<RawValue>,
}

/// What became of one update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkItem {
    /// What to do next.
    pub class: Class,
    /// Whether the document had all of it already, so that nothing was written.
    pub is_noop: bool,
    /// The error, where it failed.
    pub fault: Option<Fault>,
}

#[derive(Serialize)]
struct Partial<'a> {
    doc: &'a RawValue,
}

#[derive(Deserialize)]
struct Answers {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    update: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(rename = "_index")]
    index: String,
    #[serde(rename = "_id")]
    id: Option<String>,
    status: u16,
    #[serde(default)]
    result: String,
    #[serde(default)]
    error: Option<ItemError>,
}

#[derive(Deserialize)]
struct ItemError {
    #[serde(default, rename = "type")]
    error_type: String,
    #[serde(default)]
    reason: Option<String>,
}

impl Client {
    /// Sends updates in one request; the results are in their order. An update whose answer was lost may have been done: sent again, it
    /// is a conflict, and the document read again shows it.
    ///
    /// # Errors
    /// As [`Client::send`] for the request as a whole (status 413: send fewer at once), and answers that do not fit the updates.
    pub async fn bulk(&self, updates: &[BulkUpdate]) -> Result<Vec<BulkItem>, ElasticError> {
        if updates.is_empty() {
            return Ok(Vec::new());
        }
        let what = format!("writing {} documents", updates.len());
        let unreadable = |reason: String| ElasticError::Unreadable { what: what.clone(), reason };
        let mut operations = BulkOperations::new();
        for update in updates {
            let mut operation = BulkOperation::update(&update.id.id, Partial { doc: &update.doc })
                .index(&update.id.index)
                .if_seq_no(update.seq_no)
                .if_primary_term(update.primary_term);
            if let Some(routing) = &update.id.routing {
                operation = operation.routing(routing);
            }
            operations.push(operation).map_err(|error| unreadable(error.to_string()))?;
        }
        let path = format!("{}?refresh=false", BulkParts::None.url());
        let mut request = Request::new(Method::Post, path, what.clone());
        request.body = Body::Lines(operations.bytes().map(Vec::from).unwrap_or_default());
        let answers: Answers = self.read(&request).await?;
        // Elasticsearch 7.10.2 and 7.11.1 answered more items than they were sent
        if answers.items.len() != updates.len() {
            return Err(unreadable(format!("it has {} items", answers.items.len())));
        }
        answers
            .items
            .into_iter()
            .zip(updates)
            .map(|(item, update)| outcome(item.update, update).map_err(&unreadable))
            .collect()
    }
}

fn outcome(outcome: Outcome, update: &BulkUpdate) -> Result<BulkItem, String> {
    let Outcome { index, id, status, result, error } = outcome;
    if index != update.id.index || id.as_ref().is_some_and(|id| *id != update.id.id) {
        return Err(format!("an update of {} in {} was answered for another document", update.id.id, update.id.index));
    }
    let fault = error.map(|error| Fault::new(status, &error.error_type, error.reason.as_deref().unwrap_or_default()));
    let class = fault.as_ref().map_or_else(|| classify(status, "", ""), Fault::class);
    Ok(BulkItem { class, is_noop: result == "noop", fault })
}
