//! Changes of documents in Elasticsearch and OpenSearch: each is made from what the document is now, and counts only if it still is that.
//!
//! A document that somebody else changed meanwhile is read again and changed again. Blocks of documents are written one after the other,
//! while the next one is prepared; see `block.rs` for one block.

mod block;
mod pace;
mod template;
#[cfg(test)]
mod tests;
mod written;

use tokio::task::JoinHandle;

use crate::elastic::{BulkChange, Client, DocumentId, DocumentVersion, ElasticError};
use block::State;

pub use template::{TEMPLATE_NAME, TemplateDialect, component_template};
pub use written::Written;

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

/// Writes changes of documents.
#[derive(Debug)]
pub struct DocumentWriter {
    client: Client,
    state: State,
    under_way: Option<JoinHandle<State>>,
    n_gone: u64,
    n_not_written: u64,
}

/// Why writing ended before all was written.
#[derive(Debug)]
pub enum Ended {
    /// The run was interrupted.
    Interrupted,
    /// The server refuses the credentials, does not answer, or gives answers that cannot be read.
    Server(ElasticError),
}

impl DocumentWriter {
    /// Nothing is written yet.
    pub fn new(client: &Client) -> Self {
        DocumentWriter { client: client.clone(), state: State::default(), under_way: None, n_gone: 0, n_not_written: 0 }
    }

    /// Counts documents that were deleted before they could be read.
    pub fn count_gone(&mut self, n_documents: usize) {
        self.n_gone += n_documents as u64;
    }

    /// Counts documents that are given up before they come here.
    pub fn count_not_written(&mut self, n_documents: usize) {
        self.n_not_written += n_documents as u64;
    }

    /// Starts to write a block of documents, each of which is in it once; waits for the block before. False when writing has ended early:
    /// then nothing of this block is written or counted.
    pub async fn write<E: Edit>(&mut self, documents: Vec<Edited<E>>) -> bool {
        self.join().await;
        if self.state.ended.is_some() {
            return false;
        }
        let state = std::mem::take(&mut self.state);
        self.under_way = Some(tokio::spawn(block::write(self.client.clone(), state, documents)));
        true
    }

    /// Waits until all is written; what became of it, and why it ended early if it did.
    pub async fn finish(mut self) -> (Written, Option<Ended>) {
        self.join().await;
        let State { mut written, ended, .. } = self.state;
        written.gone += self.n_gone;
        written.not_written += self.n_not_written;
        (written, ended)
    }

    async fn join(&mut self) {
        let Some(task) = self.under_way.take() else { return };
        match task.await {
            Ok(state) => self.state = state,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // only a runtime that shuts down cancels it
            Err(_) => self.state.ended = Some(Ended::Interrupted),
        }
    }
}
