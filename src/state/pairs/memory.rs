//! Memory of one use case: what earlier runs saw.

use std::fs;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::error::StateError;
use super::keys::{PairKeys, folder_name, folder_start, pair_keys};
use super::layout::{Layout, Looked};
use super::manifest::{Manifest, MemorySize};
use super::pair_list::Pairs;
use super::part::{Part, Tallies, TallyColumns};
use super::stretch::{Counted, Stretch};
use crate::config::UseCase;
use crate::event::time::MICROS_PER_DAY;

/// Memory of what earlier runs of a use case saw.
#[derive(Debug)]
pub struct Memory {
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
    days: NonZeroU32,
    /// Folders of use cases with the same name and other keys.
    others: Vec<PathBuf>,
    /// Folder of the folder, if it is for this run only.
    pub(super) converted: Option<TempDir>,
}

impl Memory {
    /// Reads the memory of `use_case` in the folder of a store.
    pub(super) fn open(store: &Path, use_case: &UseCase, days: NonZeroU32) -> Result<Self, StateError> {
        let (id, keys) = (use_case.id(), pair_keys(use_case));
        let name = folder_name(&id, &keys);
        let folder = store.join(&name);
        let manifest = Manifest::read(&folder)?;
        let others = if manifest.is_some() { Vec::new() } else { same_start(store, &folder_start(&id)) };
        if let Some(found) = manifest.as_ref().filter(|found| found.keys != keys) {
            return Err(StateError::damaged(&folder.join("manifest.json"), differs(&found.keys, &keys)));
        }
        Ok(Memory {
            folder,
            manifest: manifest.unwrap_or_else(|| Manifest::new(&id, keys)),
            days,
            others,
            converted: None,
        })
    }

    /// Opens the memory in `folder`, of whatever use case, to read it; `None` without one.
    pub(super) fn to_read(folder: &Path) -> Result<Option<Self>, StateError> {
        let Some(manifest) = Manifest::read(folder)? else { return Ok(None) };
        let (folder, days, others) = (folder.to_owned(), NonZeroU32::MIN, Vec::new());
        Ok(Some(Memory { folder, manifest, days, others, converted: None }))
    }

    /// The memory in `folder`.
    #[cfg(test)]
    pub(super) fn for_test(folder: &Path, days: u32) -> Self {
        let manifest = Manifest::read(folder).unwrap();
        let manifest = manifest.unwrap_or_else(|| Manifest::new("test", PairKeys::default()));
        let days = NonZeroU32::new(days).unwrap();
        Memory { folder: folder.to_owned(), manifest, days, others: Vec::new(), converted: None }
    }

    /// True if its files are those of an older version.
    pub(super) fn is_older(&self) -> bool {
        self.manifest.is_older()
    }

    /// Folder of the memory.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Explains that a use case of this name has a memory that does not count, because its keys are
    /// others.
    pub(super) fn new_beginning(&self) -> Option<String> {
        let newest = self.others.iter().find_map(|folder| Some((folder, Manifest::read(folder).ok()??)))?;
        let (folder, manifest) = newest;
        let why = differs(&manifest.keys, &self.manifest.keys);
        Some(format!("a new memory begins: {why}; remove {} if the old one is not needed", folder.display()))
    }

    /// Size of the memory before the run.
    pub fn size(&self) -> MemorySize {
        self.manifest.size()
    }

    /// Length of the memory in microseconds.
    pub fn length(&self) -> i64 {
        i64::from(self.days.get()) * MICROS_PER_DAY
    }

    /// Stretches whose events are counted together in a run: those that are remembered, and those
    /// that it adds. They are in order, and do not overlap.
    pub fn stretches(&self, looked: Looked) -> Vec<Counted> {
        self.layout(looked).stretches
    }

    pub(super) fn layout(&self, looked: Looked) -> Layout {
        Layout::new(&self.manifest.parts, looked, self.days.get())
    }

    /// Divides the remembered pairs into windows of at most `most_pairs`, by their numbers.
    pub fn windows(&self, most_pairs: usize) -> impl Iterator<Item = Window<'_>> {
        let (end, step) = (self.manifest.n_pairs(), u32::try_from(most_pairs.max(1)).unwrap_or(u32::MAX));
        let starts = (0..end).step_by(step as usize);
        starts.map(move |start| Window { memory: self, numbers: start..end.min(start.saturating_add(step)) })
    }
}

/// Pairs with numbers that follow each other, and their tallies. As many as there is room for are
/// read at a time: mostly, all of them.
#[derive(Debug)]
pub struct Window<'m> {
    memory: &'m Memory,
    numbers: Range<u32>,
}

impl Window<'_> {
    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Returns what `values` notes of each pair, `none` until then, by the number of the pair in
    /// the window.
    pub fn by_pair<T: Clone, E: From<StateError>>(
        &self,
        none: T,
        mut values: impl FnMut(&Pairs, &mut [T]) -> Result<(), E>,
    ) -> Result<Vec<T>, E> {
        let mut by_pair = vec![none; self.numbers.len()];
        let Memory { folder, manifest, .. } = self.memory;
        manifest
            .lists
            .iter()
            .try_for_each(|list| list.read(folder, &self.numbers, |pairs| values(pairs, &mut by_pair)))?;
        Ok(by_pair)
    }

    /// Calls `visit` with all tallies of the parts that have an instant in common with `time`.
    pub fn tallies<E: From<StateError>>(
        &self,
        time: Stretch,
        wanted: TallyColumns,
        mut visit: impl FnMut(&Tallies) -> Result<(), E>,
    ) -> Result<(), E> {
        let Memory { folder, manifest, .. } = self.memory;
        let is_within = |part: &&Part| part.extent().is_some_and(|extent| extent.overlaps(time));
        let mut parts = manifest.parts.iter().filter(is_within);
        parts.try_for_each(|part| part.read(folder, wanted, &self.numbers, &mut visit))
    }
}

/// Folders in `store` whose names begin with `start`.
fn same_start(store: &Path, start: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(store) else { return Vec::new() };
    let names = entries.filter_map(Result::ok).map(|entry| entry.file_name());
    let mut found: Vec<PathBuf> =
        names.filter(|name| name.to_string_lossy().starts_with(start)).map(|name| store.join(name)).collect();
    found.sort_unstable();
    found
}

/// Names what differs between keys.
fn differs(old: &PairKeys, new: &PairKeys) -> String {
    let names = new.iter().filter(|(name, text)| old.get(*name) != Some(text)).map(|(name, _)| name.as_str());
    format!("another {} than before", names.collect::<Vec<_>>().join(", "))
}
