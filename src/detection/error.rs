//! Reasons why a detection failed.

use crate::models::EvaluationError;
use crate::sources::SourceError;
use crate::spill::SpillError;
use crate::table::TableError;

/// Reasons why a detection failed.
#[derive(Debug, thiserror::Error)]
pub enum DetectionError {
    /// The model could not judge the events.
    #[error(transparent)]
    Model(#[from] EvaluationError),
    /// Whole documents could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The event table could not be read back.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A document is no longer a JSON object.
    #[error("document {id} of {index}: {reason}")]
    Document {
        /// Its index or file.
        index: String,
        /// Its id.
        id: String,
        /// Error from the parser.
        reason: String,
    },
    /// Outliers could not be spooled to disk, or read back.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// An outlier is not JSON: a bug in this program.
    #[error("outlier: {0}")]
    Outlier(#[from] serde_json::Error),
}

impl DetectionError {
    /// True for failures that would hit every other use case too: they end the run.
    pub fn ends_run(&self) -> bool {
        match self {
            Self::Spill(_) | Self::Table(TableError::Spill(_)) | Self::Model(EvaluationError::Spill(_)) => true,
            Self::Source(error) => error.ends_run(),
            Self::Model(_) | Self::Table(_) | Self::Document { .. } | Self::Outlier(_) => false,
        }
    }
}
