//! Manifest: the files that the memory of a use case consists of. Others do not count.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::error::StateError;
use super::file::{LANES, MemoryFile, TEMPORARY};
use super::keys::PairKeys;
use super::pair_list::PairList;
use super::part::Part;
use super::stretch::Stretch;
use crate::event::time::MICROS_PER_DAY;

const NAME: &str = "manifest.json";

/// Version of the files. It grows when older programs would misread them. Parts of version 1 hold
/// the texts of their pairs.
const VERSION: u64 = 2;

/// Lanes of the hashes of version 1.
const LANES_OF_VERSION_1: usize = 1;

/// The parts of a memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u64,
    /// Name of the use case, for people.
    use_case: String,
    /// Settings that determine its pairs.
    pub(super) keys: PairKeys,
    /// Lists of the pairs that the parts name by numbers.
    #[serde(default)]
    pub(super) lists: Vec<PairList>,
    /// The parts, in the order of time.
    pub(super) parts: Vec<Part>,
}

/// The one member that every version has.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

/// Size of a memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MemorySize {
    /// Days from the first remembered instant to the last one, begun ones included.
    pub days: u64,
    /// Number of tallies.
    pub tallies: u64,
}

impl MemorySize {
    /// Size of several memories together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        MemorySize { days: self.days.max(other.days), tallies: self.tallies + other.tallies }
    }
}

impl Manifest {
    /// Name of the use case.
    pub(super) fn use_case(&self) -> &str {
        &self.use_case
    }

    /// Size of the memory.
    pub(super) fn size(&self) -> MemorySize {
        let extents = self.parts.iter().filter_map(Part::extent);
        let extent = extents.reduce(|whole, extent| Stretch { start: whole.start, end: extent.end });
        let days = extent.map_or(0, |extent| (extent.end.saturating_sub(extent.start) / MICROS_PER_DAY + 1) as u64);
        MemorySize { days, tallies: self.parts.iter().map(|part| part.tallies).sum() }
    }

    /// True if its files are those of an older version.
    pub(super) fn is_older(&self) -> bool {
        self.version < VERSION
    }

    /// Number of the pairs in all lists: one more than the largest number of a pair.
    pub(super) fn n_pairs(&self) -> u32 {
        self.lists.iter().map(|list| list.pairs).sum()
    }

    /// All files.
    pub(super) fn files(&self) -> impl Iterator<Item = &MemoryFile> {
        self.lists.iter().map(|list| &list.file).chain(self.parts.iter().map(|part| &part.file))
    }

    /// Without parts.
    pub(super) fn new(use_case: &str, keys: PairKeys) -> Self {
        Manifest { version: VERSION, use_case: use_case.to_owned(), keys, lists: Vec::new(), parts: Vec::new() }
    }

    /// The same with other files.
    pub(super) fn with_files(&self, lists: Vec<PairList>, parts: Vec<Part>) -> Self {
        Manifest { lists, parts, ..self.clone() }
    }

    /// Reads the manifest in `folder`, and checks the files of its parts; `None` without one.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, StateError> {
        let path = folder.join(NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StateError::reading(&path)(error)),
        };
        let damaged = |error: serde_json::Error| StateError::damaged(&path, error);
        let Versioned { version } = serde_json::from_slice(&text).map_err(damaged)?;
        if version > VERSION {
            return Err(StateError::Newer { path, version, known: VERSION });
        }
        let manifest: Self = serde_json::from_slice(&text).map_err(damaged)?;
        let stretches = manifest.parts.iter().flat_map(|part| &part.stretches);
        if !stretches.is_sorted_by(|a, b| a.end < b.start) || !manifest.files().all(MemoryFile::is_inside) {
            return Err(StateError::damaged(&path, "its parts overlap, or are elsewhere"));
        }
        if !manifest.is_older() && manifest.lists.is_empty() && !manifest.parts.is_empty() {
            return Err(StateError::damaged(&path, "it has parts without lists of their pairs"));
        }
        let is_older = manifest.is_older();
        manifest.files().try_for_each(|file| match is_older {
            true => file.check::<LANES_OF_VERSION_1>(folder),
            false => file.check::<LANES>(folder),
        })?;
        Ok(Some(manifest))
    }

    /// Replaces the manifest in `folder`: afterwards, these parts count, whatever happens.
    pub(super) fn write(&self, folder: &Path) -> Result<(), StateError> {
        let path = folder.join(NAME);
        let write = || {
            let mut text = serde_json::to_vec_pretty(self)?;
            text.push(b'\n');
            let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(StateError::writing(&path))
    }

    /// Removes files of ours in `folder` that do not count. What cannot be removed stays.
    pub(super) fn remove_others(&self, folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_ours = name.starts_with(TEMPORARY) || name.ends_with(".parquet");
            if is_ours && !self.files().any(|file| file.name == name) {
                drop(fs::remove_file(entry.path()));
            }
        }
    }
}
