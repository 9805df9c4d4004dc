//! Limits of a run.

use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Limits of a run.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes for the event table, dictionaries and DataFusion's operators.
    pub memory: usize,
    /// Number of computing threads.
    pub threads: NonZeroUsize,
    /// Directory for temporary files.
    pub spill_dir: PathBuf,
}
