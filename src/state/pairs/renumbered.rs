//! Numbers of the pairs that are still remembered, without gaps and in the same order.

use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::super::error::StateError;
use super::pair_list::{PairList, merge};
use super::part::{Part, PartKind, PartWriter};

/// Pairs of a memory, and the numbers of those that are used.
pub(super) struct Renumbered {
    /// A bit for each pair: 1 if it is used.
    is_used: Vec<u64>,
    /// Number of used pairs before each word of bits, and of all.
    before: Vec<u32>,
}

impl Renumbered {
    /// Of `n_pairs` pairs, none is used.
    pub(super) fn new(n_pairs: u32) -> Self {
        Renumbered { is_used: vec![0; (n_pairs as usize).div_ceil(64)], before: Vec::new() }
    }

    /// Marks a pair as used.
    pub(super) fn use_pair(&mut self, pair: u32) {
        self.is_used[pair as usize / 64] |= 1 << (pair % 64);
    }

    /// Gives numbers to the pairs that are used.
    #[must_use]
    pub(super) fn count(mut self) -> Self {
        let mut n_used = 0;
        let words = self.is_used.iter().map(|word| word.count_ones());
        let after = words.map(|n| {
            n_used += n;
            n_used
        });
        self.before = [0].into_iter().chain(after).collect();
        self
    }

    /// Number of used pairs.
    pub(super) fn n_used(&self) -> u32 {
        self.before.last().copied().unwrap_or(0)
    }

    /// New number of a pair, if it is used.
    fn number(&self, pair: u32) -> Option<u32> {
        let (word, bit) = (pair as usize / 64, pair % 64);
        let bits = self.is_used[word];
        let before = (bits & ((1 << bit) - 1)).count_ones();
        (bits >> bit & 1 == 1).then(|| self.before[word] + before)
    }

    /// Writes one list of the pairs that are used.
    pub(super) fn list(
        &self,
        folder: &Path,
        lists: impl Iterator<Item = PathBuf>,
    ) -> Result<(PairList, NamedTempFile), StateError> {
        merge(folder, lists, |pair| self.number(pair))
    }

    /// Writes a part anew, with the new numbers.
    pub(super) fn part(&self, folder: &Path, part: &Part, path: PathBuf) -> Result<(Part, NamedTempFile), StateError> {
        let writing = StateError::writing(folder);
        let mut writer = PartWriter::start(folder).map_err(&writing)?;
        for tally in part.tallies(path)? {
            let mut tally = tally?;
            // all pairs of parts are used
            tally.pair = self.number(tally.pair).unwrap_or(tally.pair);
            writer.push(tally).map_err(&writing)?;
        }
        let kind = if part.closed { PartKind::Closed } else { PartKind::Day };
        writer.finish(part.stretches.clone(), kind).map_err(&writing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_pairs_keep_their_order() {
        let used = [0, 5, 63, 64, 199];
        let mut renumbered = Renumbered::new(200);
        used.into_iter().for_each(|pair| renumbered.use_pair(pair));
        let renumbered = renumbered.count();
        assert_eq!(renumbered.n_used(), 5);
        let numbers: Vec<(u32, u32)> = (0..200).filter_map(|pair| Some((pair, renumbered.number(pair)?))).collect();
        assert_eq!(numbers, used.into_iter().zip(0..).collect::<Vec<_>>());
    }
}
