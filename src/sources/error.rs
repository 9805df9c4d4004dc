//! Why events could not be read.

use std::io;

use crate::elastic::{Class, ElasticError};
use crate::runtime::Interrupted;
use crate::spill::SpillError;

/// A fault of a source: names the thing, the place and the cure.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A path that is not there or cannot be opened.
    #[error("cannot open {name}: {source}; check the path and its permissions")]
    Open {
        /// path as given
        name: String,
        /// what the system said
        source: io::Error,
    },
    /// A pattern or folder without any event file.
    #[error(
        "no event file in {name}: known endings are .ndjson .jsonl .json .parquet, and .ndjson.gz .json.zst and the like"
    )]
    NothingFound {
        /// pattern or folder as given
        name: String,
    },
    /// A pattern that cannot be read.
    #[error("bad pattern {name}: {reason}; quote literal brackets as [[] and []]")]
    BadPattern {
        /// pattern as given
        name: String,
        /// what is wrong with it
        reason: String,
    },
    /// A file that is not what its name or use says.
    #[error("cannot read {name}: {reason}; {cure}")]
    Format {
        /// file as given
        name: String,
        /// what is wrong with it
        reason: String,
        /// what to do
        cure: &'static str,
    },
    /// A file that is no longer what the scan read.
    #[error("{name} changed while it was being analysed: run again when nothing writes to it")]
    Changed {
        /// file as given
        name: String,
    },
    /// A read that failed.
    #[error("cannot read {name} at {place}: {source}")]
    Read {
        /// file as given
        name: String,
        /// offset, row group or chunk
        place: String,
        /// what the system said
        source: io::Error,
    },
    /// What the source does not give twice could not be kept.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// A reference that no scan of this source gave.
    #[error("document reference {batch}:{line} is unknown to this source")]
    UnknownDocument {
        /// batch number
        batch: u32,
        /// line in the batch
        line: u32,
    },
    /// Columns that Arrow refuses, such as more than 2 GiB of text in one batch.
    #[error("cannot build columns from {name}: {source}")]
    Columns {
        /// file as given
        name: String,
        /// what Arrow said
        source: arrow::error::ArrowError,
    },
    /// The server did not give what was asked for.
    #[error(transparent)]
    Server(ElasticError),
    /// The scan was asked to end.
    #[error("reading was cancelled")]
    Cancelled,
    /// What takes the batches failed.
    #[error("{0:#}")]
    Consumer(anyhow::Error),
}

impl SourceError {
    /// True for what nothing else in the run would be spared: there is no room for temporary files, or the server does
    /// not answer or refuses the credentials.
    pub fn ends_run(&self) -> bool {
        match self {
            Self::Spill(_) | Self::Cancelled => true,
            Self::Server(error) => matches!(error.class(), Class::Retry | Class::BackPressure | Class::Refused),
            _ => false,
        }
    }
}

impl From<Interrupted> for SourceError {
    fn from(_: Interrupted) -> Self {
        Self::Cancelled
    }
}

impl From<ElasticError> for SourceError {
    fn from(error: ElasticError) -> Self {
        match error {
            ElasticError::Interrupted(_) => Self::Cancelled,
            error => Self::Server(error),
        }
    }
}
