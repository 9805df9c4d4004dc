//! What a run may use.

use std::num::NonZeroUsize;
use std::path::PathBuf;

/// What a run may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes for the event table, dictionaries and DataFusion's operators.
    pub memory: usize,
    /// Threads that compute.
    pub threads: NonZeroUsize,
    /// Folder of temporary files.
    pub spill_dir: PathBuf,
}
