//! Files of events.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::sources::SourceError;

/// File, or standard input.
#[derive(Debug)]
pub(super) struct InputFile {
    /// `None` for standard input.
    pub(super) path: Option<PathBuf>,
    /// Name that its events have as their index.
    pub(super) name: Arc<str>,
    /// `None` if it can be read only once, like pipes and devices.
    stamp: Option<Stamp>,
}

/// Size and time by which a changed file is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Stamp { len: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl InputFile {
    /// Looks up a file; without a path, it is standard input.
    ///
    /// # Errors
    /// A file that does not exist or may not be looked at.
    pub(super) fn new(path: Option<PathBuf>) -> Result<Self, SourceError> {
        let Some(path) = path else {
            return Ok(InputFile { path: None, name: "stdin".into(), stamp: None });
        };
        let name: Arc<str> = path.display().to_string().into();
        let metadata = fs::metadata(&path);
        let metadata = metadata.map_err(|source| SourceError::Open { name: name.to_string(), source })?;
        let stamp = metadata.is_file().then(|| Stamp::of(&metadata));
        Ok(InputFile { name, path: Some(path), stamp })
    }

    /// Returns the stored size in bytes; `None` if it is not a regular file.
    pub(super) fn size(&self) -> Option<u64> {
        self.stamp.map(|stamp| stamp.len)
    }

    /// Opens a plain file for random access.
    pub(super) fn reopen(&self) -> Result<File, SourceError> {
        let path = self.path.as_deref().unwrap_or(Path::new("-"));
        let error = |source| SourceError::Open { name: self.name.to_string(), source };
        let file = File::open(path).map_err(error)?;
        let stamp = Stamp::of(&file.metadata().map_err(error)?);
        if self.stamp == Some(stamp) { Ok(file) } else { Err(SourceError::Changed { name: self.name.to_string() }) }
    }
}

/// Names each file by its file name, or by its path if two files share a name.
pub(super) fn named(mut files: Vec<InputFile>) -> Vec<InputFile> {
    let file_name = |file: &InputFile| {
        let name = file.path.as_deref().and_then(Path::file_name);
        name.map(|name| name.to_string_lossy().into_owned())
    };
    let mut uses: HashMap<String, usize> = HashMap::new();
    files.iter().filter_map(file_name).for_each(|name| *uses.entry(name).or_default() += 1);
    for file in &mut files {
        if let Some(name) = file_name(file).filter(|name| uses[name] == 1) {
            file.name = name.into();
        }
    }
    files
}
