//! Outliers into their documents in the cluster.

use rayon::prelude::*;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use super::{Change, DocumentWriter, Edit, Edited};
use crate::delivery::{Closed, Delivered, DeliveryError, Sink, changed_fields};
use crate::elastic::{BulkChange, Client};
use crate::outlier::{Additions, Outlier, merge_all};

/// Writes outliers into the documents of a cluster.
#[derive(Debug)]
pub struct ClusterSink {
    runtime: Handle,
    /// `None` once it is closed.
    writer: Option<DocumentWriter<Enrichment>>,
}

impl ClusterSink {
    /// Nothing is written yet. Must be called inside a tokio runtime.
    pub fn new(client: &Client) -> Self {
        ClusterSink { runtime: Handle::current(), writer: Some(DocumentWriter::new(client)) }
    }
}

impl Sink for ClusterSink {
    fn deliver(&mut self, documents: &[Delivered]) -> Result<(), DeliveryError> {
        let Some(writer) = &mut self.writer else { return Err(DeliveryError::Stopped) };
        let edited = documents.par_iter().map(edited).collect::<serde_json::Result<Vec<_>>>()?;
        if self.runtime.block_on(writer.write(edited)) { Ok(()) } else { Err(DeliveryError::Stopped) }
    }

    fn close(&mut self) -> Closed {
        let Some(writer) = self.writer.take() else { return Closed::default() };
        let (written, ended) = self.runtime.block_on(writer.finish());
        Closed { written: Some(written), ended }
    }
}

fn edited(document: &Delivered) -> serde_json::Result<Edited<Enrichment>> {
    let outliers = document.outliers().map(|found| found.json.clone()).collect();
    Ok(Edited {
        id: document.id.clone(),
        version: document.version,
        change: whole_change(document)?,
        edit: Enrichment { outliers },
    })
}

/// A partial update gives exactly what merging gives: fields of `outliers` are added or replaced as
/// a whole, never removed, and what is an object stays one or becomes a list.
fn whole_change(document: &Delivered) -> serde_json::Result<Option<Change>> {
    if document.changed.is_empty() {
        return Ok(None);
    }
    let members: Vec<String> = document.changed.iter().map(|(name, json)| format!("\"{name}\":{json}")).collect();
    let bulk = BulkChange::Merge(RawValue::from_string(format!("{{{}}}", members.join(",")))?);
    Ok(Some(Change { bulk, n_outliers: document.new.len() as u64 }))
}

fn change(additions: &Additions, source: &Map<String, Value>) -> serde_json::Result<Change> {
    let bulk = BulkChange::Merge(to_raw_value(&additions.changed(source))?);
    Ok(Change { bulk, n_outliers: additions.n_added() })
}

/// Adds outliers to a document; as text they take less memory, and they are rarely needed again.
#[derive(Debug)]
struct Enrichment {
    outliers: Vec<String>,
}

impl Edit for Enrichment {
    fn change(&self, source: &str) -> Result<Option<Change>, String> {
        self.add(source, usize::MAX)
    }

    /// One outlier: its lists have one value, or values of one kind.
    fn step(&self, source: &str) -> Result<Option<Change>, String> {
        self.add(source, 1)
    }
}

impl Enrichment {
    /// The change that adds at most `n_outliers` of those that the document does not have.
    fn add(&self, source: &str, n_outliers: usize) -> Result<Option<Change>, String> {
        let mut source = changed_fields(source)?;
        let outliers = self.outliers.iter().map(|json| serde_json::from_str(json).map_err(|error| error.to_string()));
        let outliers = outliers.collect::<Result<Vec<Outlier>, String>>()?;
        let additions = merge_all(&mut source, &outliers, n_outliers);
        if additions.fields.is_empty() {
            return Ok(None);
        }
        change(&additions, &source).map(Some).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn outlier(summary: &str, metric: Value) -> Value {
        json!({"fields": {"summary": summary, "metric": metric}, "unwrapped_summary": summary})
    }

    fn enrichment(outliers: &[Value]) -> Enrichment {
        Enrichment { outliers: outliers.iter().map(Value::to_string).collect() }
    }

    fn text(change: Result<Option<Change>, String>) -> Option<(String, u64)> {
        change.unwrap().map(|change| match change.bulk {
            BulkChange::Merge(json) => (json.get().to_owned(), change.n_outliers),
            BulkChange::Replace(json) => panic!("{json}"),
        })
    }

    #[test]
    fn changes_are_made_from_what_the_document_is_now() {
        let edit = enrichment(&[outlier("s", json!(5.5)), outlier("t", json!(5))]);
        let whole = r#"{"outliers":{"summary":["s","t"],"metric":[5.5,5],"total_outliers":2},"tags":["outlier"]}"#;
        assert_eq!(text(edit.change(r#"{"a":1}"#)), Some((whole.to_owned(), 2)));
        let step = r#"{"outliers":{"summary":["s"],"metric":[5.5],"total_outliers":1},"tags":["outlier"]}"#;
        assert_eq!(text(edit.step(r#"{"a":1}"#)), Some((step.to_owned(), 1)));
        let rest = r#"{"outliers":{"summary":["s","t"],"metric":[5.5,5],"total_outliers":2}}"#;
        assert_eq!(text(edit.change(step)), Some((rest.to_owned(), 1)));
        assert_eq!(text(edit.step(step)), Some((rest.to_owned(), 1)));
        assert_eq!(text(edit.change(whole)), None);
        let untagged = r#"{"outliers":{"summary":["s","t"],"total_outliers":2},"tags":["x"],"b":"\ud800"}"#;
        assert_eq!(text(edit.change(untagged)), Some((r#"{"tags":["x","outlier"]}"#.to_owned(), 0)));
        assert!(edit.change("7").is_err());
    }
}
