//! Candidates of an evaluation, however many there are: those beyond the memory limit wait on disk.

use std::io;
use std::path::Path;

use datafusion::error::DataFusionError;

use super::Inputs;
use crate::spill::{FieldReader, FieldWriter, MergedRuns, Record, SortedRuns, SpillError};
use crate::table::Element;

/// Share of the memory limit that candidates may take: one of this many.
const SHARE: usize = 8;

/// A row flagged by a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// Flagged row.
    pub element: Element,
    /// Rank of the aggregator's text; 0 if the model has no aggregator.
    pub aggregator: u32,
    /// Rank of the target's text; 0 if the model has no target key.
    pub target: u32,
    /// The model's reason, as a number in a form that only the model's observations know.
    pub evidence: u64,
}

impl Record for Candidate {
    fn encode(&self, fields: &mut FieldWriter) {
        let Candidate { element: Element(element), aggregator, target, evidence } = *self;
        [element, u64::from(aggregator), u64::from(target), evidence]
            .into_iter()
            .for_each(|field| fields.number(field));
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let (element, aggregator) = (Element(fields.number()?), fields.small()?);
        Ok(Candidate { element, aggregator, target: fields.small()?, evidence: fields.number()? })
    }
}

/// Candidates, which are read in the order of their elements.
#[derive(Debug)]
pub struct Candidates {
    runs: SortedRuns<Candidate>,
    n: u64,
}

impl Candidates {
    /// Without candidates.
    pub(super) fn new(inputs: &Inputs<'_>) -> Self {
        Self::with_memory(inputs.spill_dir, inputs.memory_limit / SHARE)
    }

    fn with_memory(folder: &Path, memory_bytes: usize) -> Self {
        Candidates { runs: SortedRuns::new(folder, memory_bytes), n: 0 }
    }

    /// Adds a candidate.
    pub(super) fn push(&mut self, candidate: Candidate) -> Result<(), DataFusionError> {
        self.n += 1;
        let pushed = self.runs.push(candidate, size_of::<Candidate>());
        pushed.map_err(|error| DataFusionError::External(Box::new(error)))
    }

    /// The candidates that are kept.
    pub(super) fn retain(
        self,
        inputs: &Inputs<'_>,
        is_kept: impl Fn(&Candidate) -> bool,
    ) -> Result<Self, DataFusionError> {
        let external = |error: SpillError| DataFusionError::External(Box::new(error));
        let mut kept = Candidates::new(inputs);
        let mut sorted = self.into_sorted().map_err(external)?;
        while let Some(candidate) = sorted.0.next_if(|_| true).map_err(external)? {
            if is_kept(&candidate) {
                kept.push(candidate)?;
            }
        }
        Ok(kept)
    }

    /// Number of candidates.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Starts reading.
    ///
    /// # Errors
    /// A temporary file that cannot be written or read.
    pub fn into_sorted(self) -> Result<SortedCandidates, SpillError> {
        self.runs.merge().map(SortedCandidates)
    }
}

/// Candidates in the order of their elements.
#[derive(Debug)]
pub struct SortedCandidates(MergedRuns<Candidate>);

impl SortedCandidates {
    /// Returns the next candidates, at most `most`; none after the last one.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub fn next_block(&mut self, most: usize) -> Result<Vec<Candidate>, SpillError> {
        let mut block = Vec::new();
        while block.len() < most
            && let Some(candidate) = self.0.next_if(|_| true)?
        {
            block.push(candidate);
        }
        Ok(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_come_in_the_order_of_their_elements() {
        let folder = tempfile::tempdir().unwrap();
        for memory_bytes in [0, 100, usize::MAX] {
            let mut candidates = Candidates::with_memory(folder.path(), memory_bytes);
            let candidate =
                |n: u64| Candidate { element: Element(n), aggregator: 1, target: u32::MAX, evidence: n * n };
            (0..50).for_each(|n| candidates.push(candidate(n * 37 % 50)).unwrap());
            let mut sorted = candidates.into_sorted().unwrap();
            let mut all = Vec::new();
            loop {
                let block = sorted.next_block(7).unwrap();
                assert!(block.len() <= 7);
                if block.is_empty() {
                    break;
                }
                all.extend(block);
            }
            assert_eq!(all, (0..50).map(candidate).collect::<Vec<_>>(), "{memory_bytes}");
        }
    }
}
