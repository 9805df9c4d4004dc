//! Reasons why a command ended early, and their exit codes.

use std::io;
use std::path::PathBuf;

use crate::delivery::{DeliveryError, SinkError};
use crate::detection::DetectionError;
use crate::elastic::{Class, ElasticError};
use crate::findings::RollUpError;
use crate::models::EvaluationError;
use crate::notifiers::OpenError;
use crate::report::{Exit, NOTHING_WRITTEN};
use crate::scan_group::GroupError;
use crate::sources::SourceError;
use crate::spill::SpillError;
use crate::state::StateError;
use crate::table::TableError;

/// Reasons why a run ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Configuration(String),
    #[error("{0}")]
    Reading(String),
    #[error("{0}")]
    Events(String),
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    Refused(String),
    #[error("interrupted: {0}")]
    Interrupted(String),
    #[error(transparent)]
    LocalFile(#[from] SinkError),
    #[error(transparent)]
    Spill(#[from] SpillError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("internal error: {0}")]
    Internal(String),
}

/// Channels belong to the configuration.
impl From<OpenError> for RunError {
    fn from(error: OpenError) -> Self {
        RunError::Configuration(error.to_string())
    }
}

impl RunError {
    pub(super) fn exit(&self) -> Exit {
        match self {
            RunError::Usage(_) => Exit::Usage,
            RunError::Configuration(_) => Exit::Configuration,
            RunError::Reading(_) => Exit::Reading,
            RunError::Unavailable(_) => Exit::Unavailable,
            RunError::Refused(_) => Exit::Refused,
            RunError::Interrupted(_) => Exit::Interrupted,
            RunError::LocalFile(_)
            | RunError::Spill(_)
            | RunError::State(_)
            | RunError::Unreadable { .. }
            | RunError::Events(_) => Exit::LocalFile,
            RunError::Internal(_) => Exit::Internal,
        }
    }
}

impl From<GroupError> for RunError {
    fn from(group_error: GroupError) -> Self {
        match group_error {
            GroupError::Source(error) => error.into(),
            GroupError::Detection(DetectionError::Source(error)) => error.into(),
            GroupError::Detection(
                DetectionError::Spill(error)
                | DetectionError::Table(TableError::Spill(error))
                | DetectionError::Model(EvaluationError::Spill(error)),
            ) => error.into(),
            GroupError::Detection(error) => RunError::Reading(error.to_string()),
        }
    }
}

impl From<RollUpError> for RunError {
    fn from(error: RollUpError) -> Self {
        match error {
            RollUpError::Source(error) => error.into(),
            RollUpError::Spill(error) => error.into(),
            RollUpError::Outlier(_) => RunError::Internal(error.to_string()),
        }
    }
}

impl From<DeliveryError> for RunError {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::Source(error) => error.into(),
            DeliveryError::Spill(error) => error.into(),
            DeliveryError::Sink(error) => error.into(),
            DeliveryError::State(error) => error.into(),
            DeliveryError::Document { .. } => RunError::Reading(error.to_string()),
            DeliveryError::Outlier(_) | DeliveryError::Stopped => RunError::Internal(error.to_string()),
        }
    }
}

impl From<SourceError> for RunError {
    fn from(source_error: SourceError) -> Self {
        match source_error {
            SourceError::Cancelled => RunError::Interrupted(NOTHING_WRITTEN.to_owned()),
            SourceError::Server(error) => error.into(),
            SourceError::Spill(error) => error.into(),
            SourceError::Consumer(error) => match error.downcast() {
                Ok(TableError::Spill(error)) => error.into(),
                Ok(error) => RunError::Reading(error.to_string()),
                Err(error) => RunError::Reading(format!("{error:#}")),
            },
            other => RunError::Reading(other.to_string()),
        }
    }
}

impl From<ElasticError> for RunError {
    fn from(error: ElasticError) -> Self {
        let message = error.to_string();
        match error {
            ElasticError::Unreachable { .. } => RunError::Unavailable(message),
            ElasticError::Refused { .. } => RunError::Refused(message),
            ElasticError::Setting { .. } => RunError::Configuration(message),
            ElasticError::Interrupted(_) => RunError::Interrupted(NOTHING_WRITTEN.to_owned()),
            _ if matches!(error.class(), Class::Retry | Class::BackPressure) && error.fault().is_some() => {
                RunError::Unavailable(message)
            }
            _ => RunError::Reading(message),
        }
    }
}
