//! Reasons why a model could not judge the events.

use std::path::PathBuf;

use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::engine::UseCaseMemory;
use crate::spill::SpillError;
use crate::table::TableError;

const MIB: usize = 1 << 20;

/// A plan that failed.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// It needs more memory than it may use.
    #[error(
        "it needs at least {} MiB with the events it judges, the memory limit is {} MiB: raise --memory-limit or lower \
         --threads",
        needed.div_ceil(MIB),
        limit / MIB
    )]
    Memory {
        /// Bytes that it has and asked for, those of the event table included.
        needed: usize,
        /// The memory limit, in bytes.
        limit: usize,
    },
    /// It could not spill to disk, or events could not be read back.
    #[error(transparent)]
    Spill(SpillError),
    /// Anything else.
    #[error("{0}")]
    Plan(String),
}

impl EvaluationError {
    /// The failure of a plan in the session `context`.
    pub(super) fn new(error: &DataFusionError, context: &SessionContext) -> Self {
        let runtime = context.runtime_env();
        let plan = || Self::Plan(error.to_string());
        let spill = |folder: PathBuf, source: &std::io::Error| {
            Self::Spill(SpillError { folder, source: std::io::Error::new(source.kind(), source.to_string()) })
        };
        let spill_of_plan = |source: &std::io::Error| {
            let folder = runtime.disk_manager.temp_dir_paths().into_iter().next().unwrap_or_default();
            // the session's own directory lies in the one that was configured
            spill(folder.parent().map_or(PathBuf::new(), ToOwned::to_owned), source)
        };
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => {
                let denied = runtime.memory_pool.downcast_ref::<UseCaseMemory>().and_then(UseCaseMemory::denied);
                denied.map_or_else(plan, |(needed, limit)| Self::Memory { needed, limit })
            }
            DataFusionError::IoError(source) => spill_of_plan(source),
            DataFusionError::ArrowError(error, _) => match &**error {
                arrow::error::ArrowError::IoError(_, source) => spill_of_plan(source),
                _ => plan(),
            },
            DataFusionError::External(error) => match (error.downcast_ref(), error.downcast_ref()) {
                (Some(TableError::Spill(SpillError { folder, source })), _)
                | (_, Some(SpillError { folder, source })) => spill(folder.clone(), source),
                _ => Self::Plan(error.to_string()),
            },
            _ => plan(),
        }
    }
}
