//! Errors of sources.

use std::io;

use crate::elastic::{Class, ElasticError};
use crate::runtime::Interrupted;
use crate::spill::SpillError;

/// Error of a source; its message names the thing, the place and the cure.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A path does not exist or cannot be opened.
    #[error("cannot open {name}: {source}; check the path and its permissions")]
    Open {
        /// path as given
        name: String,
        /// error from the system
        source: io::Error,
    },
    /// A pattern or folder contains no file.
    #[error("no file in {name}: check the path; hidden files and folders are not read")]
    NothingFound {
        /// pattern or folder as given
        name: String,
    },
    /// A file holds something else than events.
    #[error("no events in {name}: {reason}; {cure}")]
    NoEvents {
        /// file as given
        name: String,
        /// what it holds
        reason: &'static str,
        /// what to do
        cure: &'static str,
    },
    /// A pattern cannot be parsed.
    #[error("bad pattern {name}: {reason}; quote literal brackets as [[] and []]")]
    BadPattern {
        /// pattern as given
        name: String,
        /// what is wrong with it
        reason: String,
    },
    /// A file does not have the format that its name or use implies.
    #[error("cannot read {name}: {reason}; {cure}")]
    Format {
        /// file as given
        name: String,
        /// what is wrong with it
        reason: String,
        /// what to do
        cure: &'static str,
    },
    /// A file has changed since the scan.
    #[error("{name} changed while it was being analysed: run again when nothing writes to it")]
    Changed {
        /// file as given
        name: String,
    },
    /// A read failed.
    #[error("cannot read {name} at {place}: {source}")]
    Read {
        /// file as given
        name: String,
        /// offset, row group or chunk
        place: String,
        /// error from the system
        source: io::Error,
    },
    /// Data that the source cannot provide twice could not be spilled.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// A reference did not come from a scan of this source.
    #[error("document reference {batch}:{line} is unknown to this source")]
    UnknownDocument {
        /// batch number
        batch: u32,
        /// line in the batch
        line: u32,
    },
    /// Arrow refuses the columns, for example more than 2 GiB of text in one batch.
    #[error("cannot build columns from {name}: {source}")]
    Columns {
        /// file as given
        name: String,
        /// error from Arrow
        source: arrow::error::ArrowError,
    },
    /// The server did not return what was requested.
    #[error(transparent)]
    Server(ElasticError),
    /// The scan was interrupted.
    #[error("reading was cancelled")]
    Cancelled,
    /// The consumer of the batches failed.
    #[error("{0:#}")]
    Consumer(anyhow::Error),
}

impl SourceError {
    /// True for errors that every other part of the run would hit as well: no room for temporary
    /// files, or a server that does not answer or refuses the credentials.
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
