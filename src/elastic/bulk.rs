//! Bulk requests, with one result per document.

use std::collections::BTreeMap;
use std::time::Duration;

use elasticsearch::http::Method;
use elasticsearch::http::request::Body as _;
use elasticsearch::{BulkOperation, BulkOperations, BulkParts};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::classify::Class;
use super::client::Client;
use super::documents::{DocumentId, DocumentVersion};
use super::error::{ElasticError, Fault, ItemError};
use super::request::{Body, Request};

/// Parts of the answer that are requested: the outcome of each item.
const OUTCOME: &str =
    "items.*._index,items.*._id,items.*.status,items.*.result,items.*.error.type,items.*.error.reason";

/// Grace for a request in flight once the run is interrupted: only its answer says what was
/// written.
const GRACE: Duration = Duration::from_secs(30);

/// Change of one document, applied only if the document is still in the state that was read.
#[derive(Clone, Debug)]
pub struct BulkAction {
    /// The document.
    pub id: DocumentId,
    /// State of the document that the change was computed from.
    pub version: DocumentVersion,
    /// The change.
    pub change: BulkChange,
}

/// Kinds of changes.
#[derive(Clone, Debug)]
pub enum BulkChange {
    /// Merges these fields into the document: objects are merged, everything else is replaced.
    Merge(Box<RawValue>),
    /// Replaces the whole `_source`: the only way to remove a field without a script.
    Replace(Box<RawValue>),
}

impl BulkAction {
    /// Returns its approximate size in a request, in bytes.
    pub fn n_bytes(&self) -> usize {
        /// Size of the action line, without index, id and routing.
        const HEAD: usize = 100;
        let (BulkChange::Merge(json) | BulkChange::Replace(json)) = &self.change;
        let routing = self.id.routing.as_ref().map_or(0, String::len);
        HEAD + self.id.index.len() + self.id.id.len() + routing + json.get().len()
    }
}

/// Outcome of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkItem {
    /// True if the document already had these values, so that nothing was written.
    pub is_noop: bool,
    /// The error, if the change failed.
    pub fault: Option<Fault>,
}

impl BulkItem {
    /// Returns the action to take next.
    pub fn class(&self) -> Class {
        self.fault.as_ref().map_or(Class::Done, Fault::class)
    }
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
enum Item {
    #[serde(rename = "update")]
    Updated(Outcome),
    #[serde(rename = "index")]
    Indexed(Outcome),
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

impl Client {
    /// Sends changes in one request, once; the results are in the same order.
    ///
    /// A change whose answer was lost may have been applied: sent again, it conflicts, and reading
    /// the document again shows it. An index that was deleted meanwhile stays deleted.
    ///
    /// # Errors
    /// As [`Client::send_once`] for the request as a whole (status 413: send fewer at once), and
    /// answers that do not match the changes.
    pub async fn bulk(&self, actions: &[&BulkAction]) -> Result<Vec<BulkItem>, ElasticError> {
        if actions.is_empty() {
            return Ok(Vec::new());
        }
        let what = format!("writing {} documents", actions.len());
        let unreadable = |reason: String| ElasticError::Unreadable { what: what.clone(), reason };
        let mut operations = BulkOperations::new();
        for &action in actions {
            push(&mut operations, action).map_err(|error| unreadable(error.to_string()))?;
        }
        let path = format!("{}?refresh=false&filter_path={OUTCOME}", BulkParts::None.url());
        let mut lines = operations.bytes().map(Vec::from).unwrap_or_default();
        let guards = guards(actions);
        guards.iter().for_each(|guard| lines.extend(guard.as_bytes()));
        let mut request = Request::new(Method::Post, path, what.clone()).finishing_within(GRACE);
        request.body = Body::Lines(lines);
        let answer = self.send_once(&request).await?;
        let answers: Answers = serde_json::from_slice(&answer.body).map_err(|error| unreadable(error.to_string()))?;
        // Elasticsearch 7.10.2 and 7.11.1 returned more items than were sent
        if answers.items.len() != actions.len() + guards.len() {
            return Err(unreadable(format!("it has {} items", answers.items.len())));
        }
        answers
            .items
            .into_iter()
            .zip(actions)
            .map(|(item, action)| outcome(item, action).map_err(&unreadable))
            .collect()
    }
}

/// Returns one item per index that keeps the request from creating this index.
///
/// A bulk request creates the missing indices that it names, whatever its items do, unless one of
/// the items for that index requires an alias. So we add one that does: it changes nothing and
/// fails, because the name is that of an index. (Elasticsearch and OpenSearch,
/// `TransportBulkAction`.)
fn guards(actions: &[&BulkAction]) -> Vec<String> {
    let indices: BTreeMap<&str, &str> =
        actions.iter().map(|action| (action.id.index.as_str(), action.id.id.as_str())).collect();
    let guard = |(index, id): (&&str, &&str)| {
        let head = json!({"update": {"_index": index, "_id": id, "require_alias": true}});
        format!("{head}\n{{\"doc\":{{}}}}\n")
    };
    indices.iter().map(guard).collect()
}

fn push(operations: &mut BulkOperations, action: &BulkAction) -> Result<(), elasticsearch::Error> {
    let BulkAction { id: DocumentId { index, id, routing }, version, change } = action;
    match change {
        BulkChange::Merge(doc) => {
            let operation = BulkOperation::update(id, Partial { doc })
                .index(index)
                .if_seq_no(version.seq_no)
                .if_primary_term(version.primary_term);
            operations.push(match routing {
                Some(routing) => operation.routing(routing),
                None => operation,
            })
        }
        BulkChange::Replace(source) => {
            let operation = BulkOperation::index(source)
                .id(id)
                .index(index)
                // the document went through its ingest pipeline when it was first stored
                .pipeline("_none")
                .if_seq_no(version.seq_no)
                .if_primary_term(version.primary_term);
            operations.push(match routing {
                Some(routing) => operation.routing(routing),
                None => operation,
            })
        }
    }
}

fn outcome(item: Item, action: &BulkAction) -> Result<BulkItem, String> {
    let Outcome { index, id, status, result, error } = match (item, &action.change) {
        (Item::Updated(outcome), BulkChange::Merge(_)) | (Item::Indexed(outcome), BulkChange::Replace(_)) => outcome,
        _ => return Err("the answer names another kind of change than was sent".to_owned()),
    };
    if index != action.id.index || id.as_ref().is_some_and(|id| *id != action.id.id) {
        return Err(format!(
            "the answer to the change of {} in {} names another document",
            action.id.id, action.id.index
        ));
    }
    let unnamed = || (status >= 300).then(|| Fault::new(status, "", ""));
    let fault = error.map(|error| error.fault(status)).or_else(unnamed);
    Ok(BulkItem { is_noop: result == "noop", fault })
}
