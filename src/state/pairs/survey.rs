//! All memories in a folder, whatever use cases there are.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::error::StateError;
use super::super::folder::entries;
use super::manifest::{Manifest, MemorySize};

/// The memory of a use case in the folder.
#[derive(Debug, Clone, Serialize)]
pub struct MemorySummary {
    /// Name of the use case.
    pub use_case: String,
    /// Folder of the memory.
    pub folder: PathBuf,
    /// Size of the memory.
    #[serde(flatten)]
    pub size: MemorySize,
    /// Bytes of its files.
    pub bytes: u64,
}

/// Returns the memories in `folder`, sorted by the names of their folders, and what is wrong with
/// each that cannot be used.
///
/// # Errors
/// A folder that cannot be read.
pub fn survey_memories(folder: &Path) -> Result<Vec<Result<MemorySummary, StateError>>, StateError> {
    let paths = entries(folder)?;
    Ok(paths.iter().filter(|path| path.is_dir()).filter_map(|folder| summary(folder).transpose()).collect())
}

fn summary(folder: &Path) -> Result<Option<MemorySummary>, StateError> {
    let Some(manifest) = Manifest::read(folder)? else { return Ok(None) };
    Ok(Some(MemorySummary {
        use_case: manifest.use_case().to_owned(),
        folder: folder.to_owned(),
        size: manifest.size(),
        bytes: manifest.files().map(|file| file.bytes).sum(),
    }))
}
