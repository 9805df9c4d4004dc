//! Changes of documents in Elasticsearch and OpenSearch: each is made from what the document is now, and counts only if it still is that.
//!
//! A document that somebody else changed meanwhile is read again and changed again. Several requests are under way at once, while more
//! documents are prepared; see `changes.rs`.

mod changes;
mod enrich;
mod pace;
mod template;
#[cfg(test)]
mod tests;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::delivery::Written;
use crate::elastic::{BulkChange, Client, DocumentId, DocumentVersion, ElasticError};
use crate::runtime::Interrupted;

pub use enrich::ClusterSink;
pub use template::{TEMPLATE_NAME, TemplateDialect, component_template};

/// What is to become of a document.
pub trait Edit: Send + 'static {
    /// The change from what the document is now, the JSON text `source`; `None` when it is as it should be.
    ///
    /// # Errors
    /// Why the document cannot be changed.
    fn change(&self, source: &str) -> Result<Option<Change>, String>;

    /// A part of the change that makes sense by itself, for a server that must learn new fields one by one; after it comes the rest.
    ///
    /// # Errors
    /// As [`Self::change`].
    fn step(&self, source: &str) -> Result<Option<Change>, String> {
        self.change(source)
    }
}

/// A change of a document.
#[derive(Clone, Debug)]
pub struct Change {
    /// What is written.
    pub bulk: BulkChange,
    /// Outliers that it adds or removes.
    pub n_outliers: u64,
}

/// A document that is to change.
#[derive(Debug)]
pub struct Edited<E> {
    /// The document.
    pub id: DocumentId,
    /// What it was when [`Self::change`] was made.
    pub version: DocumentVersion,
    /// The change; `None` when there is nothing to do.
    pub change: Option<Change>,
    /// Makes it again from another state.
    pub edit: E,
}

/// Writes changes of documents, while more of them are prepared.
#[derive(Debug)]
pub struct DocumentWriter<E> {
    blocks: mpsc::Sender<Vec<Edited<E>>>,
    task: JoinHandle<(Written, Option<ElasticError>)>,
}

impl<E: Edit> DocumentWriter<E> {
    /// Nothing is written yet. Must be called inside a tokio runtime.
    pub fn new(client: &Client) -> Self {
        let (blocks, waiting) = mpsc::channel(1);
        let task = tokio::spawn(changes::write(client.clone(), waiting));
        DocumentWriter { blocks, task }
    }

    /// Hands over documents, each of which comes once in the life of this writer; waits while enough others are on their way. False when
    /// writing has ended early: then nothing of these is written or counted.
    pub async fn write(&mut self, documents: Vec<Edited<E>>) -> bool {
        self.blocks.send(documents).await.is_ok()
    }

    /// Waits until all is written; what became of it, and why it ended early if it did.
    pub async fn finish(self) -> (Written, Option<ElasticError>) {
        drop(self.blocks);
        match self.task.await {
            Ok(outcome) => outcome,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // only a runtime that shuts down cancels it
            Err(_) => (Written::default(), Some(Interrupted.into())),
        }
    }
}
