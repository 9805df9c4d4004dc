//! Additions of a run to a memory.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::super::error::StateError;
use super::super::folder::sync;
use super::file::MemoryFile;
use super::layout::{Layout, Looked, PlannedPart};
use super::manifest::Manifest;
use super::memory::Memory;
use super::merged::Merged;
use super::numbering::Numbering;
use super::pair_list::PairList;
use super::part::{Part, PartKind, PartWriter};
use super::renumbered::Renumbered;
use super::tally::{Combined, Numbered, Sorted, SortedNumbered, Tally};
use crate::spill::{MergedRuns, SortedRuns};

impl Memory {
    /// Starts to add what a run saw. More than `memory_bytes` of it wait in `spill_dir`.
    pub fn adding(&self, looked: Looked, spill_dir: &Path, memory_bytes: usize) -> Adding<'_> {
        Adding::new(self, self.layout(looked), spill_dir, memory_bytes)
    }
}

/// A memory to which a run adds what it saw.
#[derive(Debug)]
pub struct Adding<'m> {
    memory: &'m Memory,
    layout: Layout,
    /// By pair, to give them numbers.
    sorted: SortedRuns<Sorted>,
    /// By part, once they have numbers.
    numbered: SortedRuns<SortedNumbered>,
}

impl<'m> Adding<'m> {
    pub(super) fn new(memory: &'m Memory, layout: Layout, spill_dir: &Path, memory_bytes: usize) -> Self {
        let sorted = SortedRuns::new(spill_dir, memory_bytes / 2);
        Adding { memory, layout, sorted, numbered: SortedRuns::new(spill_dir, memory_bytes / 2) }
    }

    /// Adds a tally of the run; one of a time that is too old is dropped.
    ///
    /// # Errors
    /// A temporary file that cannot be written.
    pub fn push(&mut self, tally: Tally) -> Result<(), StateError> {
        let Some(part_idx) = self.layout.part_of(tally.place) else { return Ok(()) };
        let sorted = Sorted::new(tally, part_idx);
        let n_bytes = sorted.size_bytes();
        Ok(self.sorted.push(sorted, n_bytes)?)
    }

    /// Writes the memory as it is after the run. It counts once it is kept.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn finish(self) -> Result<Pending, StateError> {
        let Adding { memory: Memory { folder, manifest, .. }, layout, sorted, numbered } = self;
        let mut pending = Pending { folder: folder.clone(), manifest: manifest.clone(), new: Vec::new() };
        let known = &manifest.parts;
        let kept: Vec<Option<Part>> = layout.parts.iter().map(|part| unchanged(part, known).cloned()).collect();
        if kept.iter().map(Option::as_ref).eq(known.iter().map(Some)) {
            return Ok(pending);
        }
        fs::create_dir_all(folder).map_err(StateError::writing(folder))?;
        let (lists, mut seen) = pending.number(sorted, numbered)?;
        let mut parts = Vec::new();
        for (part_idx, (planned, kept)) in layout.parts.iter().zip(kept).enumerate() {
            let part = match kept {
                Some(kept) => Some(kept),
                None => pending.write_part(part_idx, planned, known, &mut seen)?,
            };
            parts.extend(part);
        }
        pending.manifest = manifest.with_files(lists, parts);
        let is_kept = |idx: usize| layout.parts.iter().any(|part| part.sources.contains(&idx));
        if (0..known.len()).all(is_kept) { Ok(pending) } else { pending.without_forgotten_pairs() }
    }
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
    /// New files by name.
    new: Vec<(String, NamedTempFile)>,
}

impl Pending {
    /// Folder of the memory.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives numbers to the pairs of the run. Returns the lists of pairs, and the tallies by part.
    fn number(
        &mut self,
        sorted: SortedRuns<Sorted>,
        mut numbered: SortedRuns<SortedNumbered>,
    ) -> Result<(Vec<PairList>, MergedRuns<SortedNumbered>), StateError> {
        let mut numbering = Numbering::new(&self.folder, &self.manifest.lists)?;
        let mut sorted = sorted.merge()?;
        let mut last: Option<(Sorted, u32)> = None;
        while let Some(next) = sorted.next_if(|_| true)? {
            let Sorted { order, tally, part_idx } = &next;
            let known = last.as_ref().filter(|(last, _)| last.is_of_pair(&next));
            let pair = match known {
                Some((_, pair)) => *pair,
                None => numbering.number(*order, &tally.aggregator, &tally.target)?,
            };
            let tally = SortedNumbered { part_idx: *part_idx, tally: Numbered::of(tally, pair) };
            numbered.push(tally, size_of::<SortedNumbered>())?;
            last = Some((next, pair));
        }
        let (lists, file) = numbering.finish()?;
        if let (Some(list), Some(file)) = (lists.last(), file) {
            self.add(&list.file, file)?;
        }
        Ok((lists, numbered.merge()?))
    }

    /// Writes a part with what is remembered and what was seen; none without tallies.
    fn write_part(
        &mut self,
        part_idx: usize,
        planned: &PlannedPart,
        known: &[Part],
        seen: &mut MergedRuns<SortedNumbered>,
    ) -> Result<Option<Part>, StateError> {
        let writing = StateError::writing(&self.folder);
        let sources = planned.sources.iter().map(|&source| &known[source]);
        let mut remembered = Merged::new(sources.map(|part| part.tallies(self.path(&part.file))))?;
        let mut writer: Option<PartWriter> = None;
        let mut combined = Combined::new(planned.joined());
        let mut write = |tally: Option<Numbered>| {
            let Some(tally) = tally else { return Ok(()) };
            let writer = match &mut writer {
                Some(started) => started,
                none => none.insert(PartWriter::start(&self.folder)?),
            };
            writer.push(tally)
        };
        while let Some(tally) = next_of(part_idx, seen, &mut remembered)? {
            write(combined.push(tally)).map_err(&writing)?;
        }
        write(combined.finish()).map_err(&writing)?;
        let Some(writer) = writer else { return Ok(None) };
        let kind = planned.joined().map_or(PartKind::Day, |_| PartKind::Closed);
        let (part, file) = writer.finish(planned.stretches.clone(), kind).map_err(&writing)?;
        self.add(&part.file, file)?;
        Ok(Some(part))
    }

    /// Adds a file. Most days are as they were: a file of the same name has the same bytes.
    fn add(&mut self, file: &MemoryFile, on_disk: NamedTempFile) -> Result<(), StateError> {
        if !self.manifest.files().any(|known| known.name == file.name) {
            on_disk.as_file().sync_all().map_err(StateError::writing(&self.folder))?;
            self.new.push((file.name.clone(), on_disk));
        }
        Ok(())
    }

    /// Path of a file until the manifest is written.
    fn path(&self, file: &MemoryFile) -> PathBuf {
        let new = self.new.iter().find(|(name, _)| *name == file.name);
        new.map_or_else(|| self.folder.join(&file.name), |(_, file)| file.path().to_owned())
    }

    /// The same, after parts were forgotten. If most pairs are in no part any longer, they are
    /// dropped from the lists, and the others get new numbers.
    fn without_forgotten_pairs(self) -> Result<Self, StateError> {
        let Manifest { lists, parts, .. } = &self.manifest;
        let mut renumbered = Renumbered::new(self.manifest.n_pairs());
        for part in parts {
            for pairs in part.pairs(self.path(&part.file))? {
                pairs?.values().iter().for_each(|&pair| renumbered.use_pair(pair));
            }
        }
        let renumbered = renumbered.count();
        if renumbered.n_used() > self.manifest.n_pairs() / 2 {
            return Ok(self);
        }
        let mut pending = Pending { folder: self.folder.clone(), manifest: self.manifest.clone(), new: Vec::new() };
        let lists = lists.iter().map(|list| self.path(&list.file));
        let (list, file) = renumbered.list(&self.folder, lists)?;
        pending.add(&list.file, file)?;
        let mut anew = Vec::new();
        for part in parts {
            let (part, file) = renumbered.part(&self.folder, part, self.path(&part.file))?;
            pending.add(&part.file, file)?;
            anew.push(part);
        }
        pending.manifest = self.manifest.with_files(vec![list], anew);
        Ok(pending)
    }

    /// Makes the new files count, and removes those that they replace. Until the manifest is
    /// written, the old ones count.
    pub(super) fn commit(self) -> Result<Manifest, StateError> {
        let Pending { folder, manifest, new } = self;
        if new.is_empty() && Manifest::read(&folder)?.is_none_or(|known| known == manifest) {
            return Ok(manifest);
        }
        for (name, file) in new {
            let path = folder.join(&name);
            file.persist(&path).map_err(|error| StateError::writing(&path)(error.error))?;
        }
        sync(&folder)?;
        manifest.write(&folder)?;
        manifest.remove_others(&folder);
        Ok(manifest)
    }
}

/// Returns the next tally of a part: of what the run saw, or of what is remembered.
fn next_of(
    part_idx: usize,
    seen: &mut MergedRuns<SortedNumbered>,
    remembered: &mut Merged,
) -> Result<Option<Numbered>, StateError> {
    let known = remembered.peek();
    let is_next = |seen: &SortedNumbered| seen.part_idx == part_idx && known.is_none_or(|known| seen.tally <= *known);
    match seen.next_if(is_next)? {
        Some(SortedNumbered { tally, .. }) => Ok(Some(tally)),
        None => remembered.next(),
    }
}
