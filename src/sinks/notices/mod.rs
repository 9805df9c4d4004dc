//! Notices of new outliers.
//!
//! 1. While outliers are delivered, [`NoticeSink`] notes the identity of those that channels want,
//!    as spilled records. Before new ones are written to documents of a cluster, it announces them
//!    in the store.
//! 2. When all of them are delivered, `compose` drops those that people were told of, sorts the
//!    rest by finding, and counts per channel (`tally`).
//! 3. A channel is told each finding, or gets a digest if there are too many. Only for the findings
//!    that are told one by one are outliers and documents read again.
//!
//! Memory does not grow with the number of outliers.

mod compose;
mod found;
mod tally;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use rayon::prelude::*;

use crate::delivery::{Delivered, DeliveryError, Sink};
use crate::elastic::DocumentVersion;
use crate::findings::StableId;
use crate::outlier::NumberedOutlier;
use crate::spill::SortedRuns;
use crate::state::StateStore;
use found::FoundOutlier;

pub use compose::Notices;

/// Upper limit on the memory of each sort; the rest is sorted on disk.
const MEMORY_BYTES: usize = 8 << 20;

/// A channel, as far as a run is concerned.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Name of the channel.
    pub channel: String,
    /// Score below which findings are not told, from 0 to 100.
    pub min_score: f64,
    /// Number of findings above which a digest is told.
    pub digest_above: u64,
    /// True, by the number of a use case of the run, if it wants that use case.
    pub use_cases: Vec<bool>,
}

/// Outliers that channels want, noted by a [`NoticeSink`].
#[derive(Debug, Clone)]
pub struct Noted(Arc<Mutex<SortedRuns<FoundOutlier>>>);

impl Noted {
    /// Nothing is noted. More than fits in memory goes to `spill_dir`.
    pub fn new(spill_dir: &Path) -> Self {
        Noted(Arc::new(Mutex::new(SortedRuns::new(spill_dir, MEMORY_BYTES))))
    }

    fn take(&self, spill_dir: &Path) -> SortedRuns<FoundOutlier> {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut noted, SortedRuns::new(spill_dir, MEMORY_BYTES))
    }
}

/// Notes the outliers that channels want.
#[derive(Debug)]
pub struct NoticeSink {
    store: StateStore,
    run: u64,
    now: DateTime<Utc>,
    /// Names of the use cases, by number.
    names: Vec<String>,
    /// True if any channel wants the use case with this number.
    is_wanted: Vec<bool>,
    /// True if an earlier run may have written outliers that it never told.
    has_announced: bool,
    n_blocks: u64,
    noted: Noted,
}

impl NoticeSink {
    /// Notes outliers of the use cases with these `names` for `routes`, during the run with the
    /// number `run`.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn new(
        store: &StateStore,
        run: u64,
        now: DateTime<Utc>,
        names: &[String],
        routes: &[Route],
        noted: &Noted,
    ) -> Result<Self, DeliveryError> {
        let is_wanted = (0..names.len()).map(|idx| routes.iter().any(|route| route.use_cases[idx])).collect();
        let has_announced = store.has_announced()?;
        let (store, names, noted) = (store.clone(), names.to_vec(), noted.clone());
        Ok(NoticeSink { store, run, now, names, is_wanted, has_announced, n_blocks: 0, noted })
    }

    fn found_in(&self, document: &Delivered) -> Vec<FoundOutlier> {
        let known: &[NumberedOutlier] = if self.has_announced { &document.known } else { &[] };
        let both = document.new.iter().map(|outlier| (outlier, false)).chain(known.iter().map(|known| (known, true)));
        let mut wanted = both.filter(|(outlier, _)| self.is_wanted[outlier.use_case_idx]).peekable();
        if wanted.peek().is_none() {
            return Vec::new();
        }
        let identity = identity_of(document).to_bytes();
        let found = wanted.map(|(outlier, is_known)| {
            let finding = StableId::of_finding(&self.names[outlier.use_case_idx], &outlier.finding);
            FoundOutlier {
                identity: StableId::of([identity, finding.to_bytes()].iter().map(|part| Some(part.as_slice()))),
                finding,
                use_case_idx: outlier.use_case_idx,
                number: outlier.number,
                surprise: outlier.surprise,
                time: outlier.time,
                is_known,
            }
        });
        found.collect()
    }
}

/// Identity of a document: its index and id in a cluster. Files are renamed, and their lines
/// counted anew, so there it is the text.
fn identity_of(document: &Delivered) -> StableId {
    let Delivered { id, version, text, .. } = document;
    if *version == DocumentVersion::NONE {
        return StableId::of([None, Some(text.as_bytes())]);
    }
    StableId::of([Some(id.index.as_bytes()), Some(id.id.as_bytes())])
}

impl Sink for NoticeSink {
    fn wants_whole_documents(&self) -> bool {
        true
    }

    fn deliver(&mut self, documents: &[Delivered]) -> Result<(), DeliveryError> {
        let found: Vec<Vec<FoundOutlier>> = documents.par_iter().map(|document| self.found_in(document)).collect();
        if self.store.remembers() {
            let in_cluster =
                documents.iter().zip(&found).filter(|(document, _)| document.version != DocumentVersion::NONE);
            let new = in_cluster.flat_map(|(_, found)| found).filter(|found| !found.is_known);
            let ids: Vec<[u8; 16]> = new.map(|found| found.identity.to_bytes()).collect();
            if !ids.is_empty() {
                self.store.announce(self.run, self.n_blocks, self.now, &ids)?;
                self.n_blocks += 1;
            }
        }
        let mut noted = self.noted.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut push = |outlier| noted.push(outlier, size_of::<FoundOutlier>());
        Ok(found.into_iter().flatten().try_for_each(&mut push)?)
    }
}

#[cfg(test)]
mod tests;
