//! Bulk requests, with one result per document.

use std::borrow::Cow;

use std::collections::BTreeMap;
use std::time::Duration;

use elasticsearch::BulkParts;
use reqwest::Method;
use serde::Deserialize;
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
        let guards = guards(actions);
        let n_items = actions.len() + guards.len();
        let items: String = actions.iter().map(|action| item(action)).chain(guards).collect();
        let path = format!("{}?refresh=false&filter_path={OUTCOME}", BulkParts::None.url());
        let what = format!("writing {} documents", actions.len());
        let mut request = Request::new(Method::POST, path, what).finishing_within(GRACE);
        request.body = Body::Lines(items.into_bytes());
        let answer = self.send_once(&request).await?;
        let answers: Answers = serde_json::from_slice(&answer).map_err(|error| request.unreadable(error))?;
        // Elasticsearch 7.10.2 and 7.11.1 returned more items than were sent
        if answers.items.len() != n_items {
            return Err(request.unreadable(format!("it has {} items", answers.items.len())));
        }
        let outcomes = answers.items.into_iter().zip(actions);
        outcomes.map(|(item, action)| outcome(item, action).map_err(|error| request.unreadable(error))).collect()
    }
}

/// Returns the item for a change: a line that names the kind and the document, and a line with the
/// data.
fn item(action: &BulkAction) -> String {
    let BulkAction { id: DocumentId { index, id, routing }, version, change } = action;
    let mut head = json!({"_index": index, "_id": id});
    if matches!(change, BulkChange::Replace(_)) {
        // the document went through its ingest pipeline when it was first stored
        head["pipeline"] = json!("_none");
    }
    head["if_seq_no"] = json!(version.seq_no);
    head["if_primary_term"] = json!(version.primary_term);
    if let Some(routing) = routing {
        head["routing"] = json!(routing);
    }
    match change {
        BulkChange::Merge(doc) => format!("{}\n{{\"doc\":{}}}\n", json!({"update": head}), one_line(doc)),
        BulkChange::Replace(source) => format!("{}\n{}\n", json!({"index": head}), one_line(source)),
    }
}

/// Returns JSON without line ends: a document may have been stored on several lines. Inside of
/// texts they are escaped.
fn one_line(json: &RawValue) -> Cow<'_, str> {
    let text = json.get();
    if text.contains(['\n', '\r']) { text.replace(['\n', '\r'], " ").into() } else { text.into() }
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
