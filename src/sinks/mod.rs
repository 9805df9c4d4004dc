//! Sinks of outliers.

pub mod console;
pub mod elasticsearch;
pub mod files;

use std::path::{Path, PathBuf};

use crate::event::Document;
use crate::outlier::Outlier;

/// Document with the outliers that a run found in it.
#[derive(Debug)]
pub struct EnrichedDocument {
    /// The document, with the new outliers already merged into `outliers` and `tags`. For a
    /// cluster, fields are already dropped: the output line and the update were built from them.
    pub document: Document,
    /// Use case number and outlier, in the order of the use cases.
    pub outliers: Vec<(usize, Outlier)>,
}

/// Error of writing outliers.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}: check the folder, its permissions and free space", path.display())]
pub struct SinkError {
    /// Path of the output.
    pub path: PathBuf,
    /// Error from the system.
    pub source: std::io::Error,
}

impl SinkError {
    fn new(path: &Path) -> impl Fn(std::io::Error) -> SinkError + use<> {
        let path = path.to_owned();
        move |source| SinkError { path: path.clone(), source }
    }
}
