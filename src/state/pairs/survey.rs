//! All memories in a folder, whatever use cases there are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::error::StateError;
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
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StateError::reading(folder))?,
    };
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    Ok(folders.iter().filter_map(|folder| summary(folder).transpose()).collect())
}

fn summary(folder: &Path) -> Result<Option<MemorySummary>, StateError> {
    let Some(manifest) = Manifest::read(folder)? else { return Ok(None) };
    Ok(Some(MemorySummary {
        use_case: manifest.use_case().to_owned(),
        folder: folder.to_owned(),
        size: manifest.size(),
        bytes: manifest.parts.iter().map(|part| part.bytes).sum(),
    }))
}
