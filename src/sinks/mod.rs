//! Where outliers go.

pub mod console;
pub mod elasticsearch;
pub mod files;

use std::path::{Path, PathBuf};

use crate::event::Document;
use crate::outlier::Outlier;

/// A document with the outliers that a run found in it.
#[derive(Debug)]
pub struct EnrichedDocument {
    /// The document; its `outliers` and `tags` are already merged. Of a cluster, it has no fields any more: its line is made, and its change.
    pub document: Document,
    /// What was found, as use case number and outlier, in the order of the use cases.
    pub outliers: Vec<(usize, Outlier)>,
}

/// Why outliers could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}: check the folder, its permissions and free space", path.display())]
pub struct SinkError {
    /// What was written.
    pub path: PathBuf,
    /// What the system said.
    pub source: std::io::Error,
}

impl SinkError {
    fn new(path: &Path) -> impl Fn(std::io::Error) -> SinkError + use<> {
        let path = path.to_owned();
        move |source| SinkError { path: path.clone(), source }
    }
}
