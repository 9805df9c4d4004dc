//! Memory of what earlier runs saw: for each use case and each pair of aggregator and target, how
//! often, and when first and last.
//!
//! A memory consists of *stretches* of time, which do not overlap, and of a *tally* of each pair in
//! each stretch. A run sees some of the events of the stretches. What it adds follows one rule:
//!
//! * in a stretch that is known, a tally keeps the larger count, the earlier first and the later
//!   last time;
//! * between the first and the last event of the run, time that no stretch covers becomes new
//!   stretches, one per day.
//!
//! The rule is idempotent, and does not depend on the order of runs: a run that is repeated changes
//! nothing. Late events are added as soon as one run sees all events of their stretch. Days that
//! are older than what runs look back at are joined; counts add up then, and nothing else changes.
//!
//! Values of metrics are remembered by their bins in a [`Sketch`], which are their targets.
//!
//! Files are Parquet, written under temporary names; the *manifest* of a use case says which of
//! them count, and is replaced in one step. Texts are in lists of pairs, once for each pair; parts
//! hold tallies, and know pairs by their numbers. So many nights cost little more than one.

mod adding;
mod export;
mod file;
mod keys;
mod layout;
mod manifest;
mod memory;
mod merged;
mod numbering;
mod older;
mod pair_list;
mod part;
mod renumbered;
mod sketch;
mod stretch;
mod survey;
mod tally;

use std::path::Path;
use std::sync::Mutex;

use super::error::StateError;
use super::folder::{MemoryUse, StateFolder};
use crate::config::UseCase;

pub use adding::{Adding, Pending};
pub use export::export_memories;
pub use layout::Looked;
pub use manifest::MemorySize;
pub use memory::{Memory, Window};
pub use pair_list::Pairs;
pub use part::{Tallies, TallyColumns};
pub use sketch::{Bin, Sketch};
pub use stretch::{Counted, Stretch};
pub use survey::{MemorySummary, survey_memories};
pub use tally::Tally;

/// The memories of the use cases of a run, locked against other runs.
#[derive(Debug)]
pub struct Memories {
    folder: StateFolder,
    memories: Vec<Memory>,
    pending: Mutex<Vec<Pending>>,
}

impl Memories {
    /// Opens the memories of `use_cases` in `folder`, and checks all their files. Those of an older
    /// version are converted, with temporary files in `spill_dir`.
    ///
    /// # Errors
    /// Files that cannot be read or trusted.
    pub fn open<'u>(
        folder: &StateFolder,
        use_cases: impl Iterator<Item = &'u UseCase>,
        spill_dir: &Path,
    ) -> Result<Self, StateError> {
        let with_days = use_cases.filter_map(|use_case| Some((use_case, use_case.memory_days?)));
        let open = |(use_case, days)| {
            let memory = Memory::open(folder.path(), use_case, days)?;
            if memory.is_older() { older::converted(memory, folder.usage(), spill_dir) } else { Ok(memory) }
        };
        let memories: Vec<Memory> = with_days.map(open).collect::<Result<_, _>>()?;
        Ok(Memories { folder: folder.clone(), memories, pending: Mutex::default() })
    }

    /// Memory of a use case, with its number among those that remember something.
    pub fn memory(&self, use_case: &UseCase) -> Option<&Memory> {
        use_case.memory_days?;
        let name = keys::folder_name(&use_case.id(), &keys::pair_keys(use_case));
        self.memories.iter().find(|memory| memory.folder().file_name().is_some_and(|folder| *folder == *name))
    }

    /// Use of the memory by this run.
    pub fn usage(&self) -> MemoryUse {
        self.folder.usage()
    }

    /// Size of all memories before the run.
    pub fn size(&self) -> MemorySize {
        self.memories.iter().map(Memory::size).fold(MemorySize::default(), MemorySize::with)
    }

    /// Messages about use cases whose memory begins anew because they were changed.
    pub fn new_beginnings(&self) -> Vec<String> {
        self.memories.iter().filter_map(Memory::new_beginning).collect()
    }

    /// Keeps what a use case adds until the end of the run.
    pub fn keep(&self, added: Pending) {
        let mut pending = self.pending.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // use cases of the same name, fields and query see the same
        if !pending.iter().any(|known| known.folder() == added.folder()) {
            pending.push(added);
        }
    }

    /// Makes what was kept the memory of later runs.
    ///
    /// # Errors
    /// Files that cannot be written. The memories of other use cases may be written already; the
    /// next run adds what is missing.
    pub fn commit(&self) -> Result<(), StateError> {
        let mut pending = self.pending.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        pending.drain(..).try_for_each(|pending| pending.commit().map(drop))
    }
}

#[cfg(test)]
mod tests;
