//! Changes of documents in Elasticsearch and OpenSearch: each is computed from the current state of
//! its document and applied only if that state is still current.
//!
//! If someone else has changed a document meanwhile, it is read again and its change is recomputed.
//! Several requests are in flight at once, while more documents are prepared; see `changes`.

mod changes;
mod enrich;
mod pace;
mod saved_objects;
mod template;
#[cfg(test)]
mod tests;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::delivery::Written;
use crate::elastic::{BulkChange, Client, DocumentId, DocumentVersion, ElasticError};
use crate::runtime::Interrupted;

pub use enrich::ClusterSink;
pub use saved_objects::{Dashboards, saved_objects};
pub use template::{TEMPLATE_NAME, TemplateDialect, component_template};

/// Intended change of a document.
pub trait Edit: Send + 'static {
    /// Computes the change from the current state of the document, the JSON text `source`; `None`
    /// if nothing has to change.
    ///
    /// # Errors
    /// The reason why the document cannot be changed.
    fn change(&self, source: &str) -> Result<Option<Change>, String>;

    /// Computes a part of the change that makes sense by itself, for a server that must learn new
    /// fields one by one; the rest follows.
    ///
    /// # Errors
    /// As [`Self::change`].
    fn step(&self, source: &str) -> Result<Option<Change>, String> {
        self.change(source)
    }
}

/// Change of a document.
#[derive(Clone, Debug)]
pub struct Change {
    /// The data to write.
    pub bulk: BulkChange,
    /// Number of outliers that it adds or removes.
    pub n_outliers: u64,
}

/// Document with its change.
#[derive(Debug)]
pub struct Edited<E> {
    /// The document.
    pub id: DocumentId,
    /// State from which [`Self::change`] was computed.
    pub version: DocumentVersion,
    /// The change; `None` if there is nothing to do.
    pub change: Option<Change>,
    /// Recomputes the change from another state.
    pub edit: E,
}

/// Writer of changes, which works while more of them are prepared.
#[derive(Debug)]
pub struct DocumentWriter<E> {
    blocks: mpsc::Sender<Vec<Edited<E>>>,
    task: JoinHandle<(Written, Option<ElasticError>)>,
}

impl<E: Edit> DocumentWriter<E> {
    /// Starts a writer. Must be called inside a tokio runtime.
    pub fn new(client: &Client) -> Self {
        let (blocks, waiting) = mpsc::channel(1);
        let task = tokio::spawn(changes::write(client.clone(), waiting));
        DocumentWriter { blocks, task }
    }

    /// Hands over documents, each at most once per writer; waits while enough others are in
    /// progress. Returns false if writing has ended early: then none of these documents is written
    /// or counted.
    pub async fn write(&mut self, documents: Vec<Edited<E>>) -> bool {
        self.blocks.send(documents).await.is_ok()
    }

    /// Waits until everything is written; returns the counts, and the reason if writing ended
    /// early.
    pub async fn finish(self) -> (Written, Option<ElasticError>) {
        drop(self.blocks);
        match self.task.await {
            Ok(outcome) => outcome,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // only a runtime that is shutting down cancels it
            Err(_) => (Written::default(), Some(Interrupted.into())),
        }
    }
}
