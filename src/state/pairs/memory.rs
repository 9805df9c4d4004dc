//! Memory of one use case: what earlier runs saw, and what a run adds.

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::super::error::StateError;
use super::super::folder::sync;
use super::keys::{PairKeys, folder_name, folder_start, pair_keys};
use super::layout::{Layout, Looked, PlannedPart};
use super::manifest::{Manifest, MemorySize};
use super::merged::Merged;
use super::part::{Part, PartKind, PartWriter, Tallies, TallyColumns};
use super::stretch::{Counted, Stretch};
use super::tally::{Combined, Sorted, Tally};
use crate::config::UseCase;
use crate::event::time::MICROS_PER_DAY;
use crate::spill::{MergedRuns, SortedRuns};

/// Memory of what earlier runs of a use case saw.
#[derive(Debug)]
pub struct Memory {
    folder: PathBuf,
    manifest: Manifest,
    days: NonZeroU32,
    /// Folders of use cases with the same name and other keys.
    others: Vec<PathBuf>,
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
        Ok(Memory { folder, manifest: manifest.unwrap_or_else(|| Manifest::new(&id, keys)), days, others })
    }

    /// The memory in `folder`.
    #[cfg(test)]
    pub(super) fn for_test(folder: &Path, days: u32) -> Self {
        let manifest = Manifest::read(folder).unwrap();
        let manifest = manifest.unwrap_or_else(|| Manifest::new("test", PairKeys::default()));
        Memory { folder: folder.to_owned(), manifest, days: NonZeroU32::new(days).unwrap(), others: Vec::new() }
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

    fn layout(&self, looked: Looked) -> Layout {
        Layout::new(&self.manifest.parts, looked, self.days.get())
    }

    /// Calls `visit` with all tallies of the parts that have an instant in common with `time`.
    pub fn read<E: From<StateError>>(
        &self,
        time: Stretch,
        wanted: TallyColumns,
        mut visit: impl FnMut(&Tallies) -> Result<(), E>,
    ) -> Result<(), E> {
        let is_within = |part: &&Part| part.extent().is_some_and(|extent| extent.overlaps(time));
        self.manifest.parts.iter().filter(is_within).try_for_each(|part| part.read(&self.folder, wanted, &mut visit))
    }

    /// Starts to add what a run saw. More than `memory_bytes` of it wait in `spill_dir`.
    pub fn adding(&self, looked: Looked, spill_dir: &Path, memory_bytes: usize) -> Adding<'_> {
        Adding { memory: self, layout: self.layout(looked), sorted: SortedRuns::new(spill_dir, memory_bytes) }
    }
}

/// A memory to which a run adds what it saw.
#[derive(Debug)]
pub struct Adding<'m> {
    memory: &'m Memory,
    layout: Layout,
    sorted: SortedRuns<Sorted>,
}

impl Adding<'_> {
    /// Adds a tally of the run; one of a time that is too old is dropped.
    ///
    /// # Errors
    /// A temporary file that cannot be written.
    pub fn push(&mut self, tally: Tally) -> Result<(), StateError> {
        let Some(part_idx) = self.layout.part_of(tally.place) else { return Ok(()) };
        let sorted = Sorted { part_idx, tally };
        let n_bytes = sorted.size_bytes();
        Ok(self.sorted.push(sorted, n_bytes)?)
    }

    /// Writes the memory as it is after the run. It counts once it is kept.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn finish(self) -> Result<Pending, StateError> {
        let Memory { folder, manifest, .. } = self.memory;
        let known = &manifest.parts;
        let kept: Vec<Option<Part>> = self.layout.parts.iter().map(|part| unchanged(part, known).cloned()).collect();
        if kept.iter().map(Option::as_ref).eq(known.iter().map(Some)) {
            return Ok(Pending { folder: folder.clone(), manifest: manifest.clone(), new: Vec::new() });
        }
        fs::create_dir_all(folder).map_err(StateError::writing(folder))?;
        let mut new = Vec::new();
        let mut sorted = self.sorted.merge()?;
        let mut parts = Vec::new();
        for (part_idx, (planned, kept)) in self.layout.parts.iter().zip(kept).enumerate() {
            if let Some(kept) = kept {
                parts.push(kept);
                continue;
            }
            let mut remembered = Merged::new(planned.sources.iter().map(|&source| known[source].tallies(folder)))?;
            let mut writer = None;
            let mut combined = Combined::new(planned.joined());
            while let Some(tally) = next_of(part_idx, &mut sorted, &mut remembered)? {
                write_all(combined.push(tally), &mut writer, folder)?;
            }
            write_all(combined.finish(), &mut writer, folder)?;
            let Some(writer) = writer else { continue };
            let kind = planned.joined().map_or(PartKind::Day, |_| PartKind::Closed);
            let writing = StateError::writing(folder);
            let (part, file) = writer.finish(planned.stretches.clone(), kind).map_err(&writing)?;
            // most days are as they were: a file of the same name has the same bytes
            if !known.iter().any(|known| known.file == part.file) {
                file.as_file().sync_all().map_err(&writing)?;
                new.push((part.file.clone(), file));
            }
            parts.push(part);
        }
        Ok(Pending { folder: folder.clone(), manifest: manifest.with_parts(parts), new })
    }
}

/// Returns the next tally of a part: of what the run saw, or of what is remembered.
fn next_of(
    part_idx: usize,
    seen: &mut MergedRuns<Sorted>,
    remembered: &mut Merged,
) -> Result<Option<Tally>, StateError> {
    let known = remembered.peek();
    let is_next = |seen: &Sorted| seen.part_idx == part_idx && known.is_none_or(|known| seen.tally <= *known);
    match seen.next_if(is_next)? {
        Some(Sorted { tally, .. }) => Ok(Some(tally)),
        None => remembered.next(),
    }
}

/// Writes a tally to a part, which begins with the first one.
fn write_all(tally: Option<Tally>, writer: &mut Option<PartWriter>, folder: &Path) -> Result<(), StateError> {
    let Some(tally) = tally else { return Ok(()) };
    let writing = StateError::writing(folder);
    let started = match writer {
        Some(started) => started,
        none => none.insert(PartWriter::start(folder).map_err(&writing)?),
    };
    started.push(tally).map_err(&writing)
}

/// Returns the known part that stays as it is.
fn unchanged<'p>(planned: &PlannedPart, known: &'p [Part]) -> Option<&'p Part> {
    let [source] = planned.sources[..] else { return None };
    let part = &known[source];
    let is_same = part.stretches == planned.stretches && part.closed == planned.joined().is_some();
    (is_same && !planned.is_touched).then_some(part)
}

/// A memory as it is after a run, on disk under temporary names.
#[derive(Debug)]
pub struct Pending {
    folder: PathBuf,
    manifest: Manifest,
    /// New parts by name.
    new: Vec<(String, NamedTempFile)>,
}

impl Pending {
    /// Folder of the memory.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the new parts count, and removes those that they replace. Until the manifest is
    /// written, the old ones count.
    pub(super) fn commit(self) -> Result<(), StateError> {
        let Pending { folder, manifest, new } = self;
        if new.is_empty() && Manifest::read(&folder)?.is_none_or(|known| known == manifest) {
            return Ok(());
        }
        for (name, file) in new {
            let path = folder.join(&name);
            file.persist(&path).map_err(|error| StateError::writing(&path)(error.error))?;
        }
        sync(&folder)?;
        manifest.write(&folder)?;
        manifest.remove_others(&folder);
        Ok(())
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
