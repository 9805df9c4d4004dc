//! Order in which pairs are learned: different in each epoch, the same in each run.

use outlier_kernels::skipgram::Pair;

use super::super::pairs::PairTable;
use super::random::{Random, mix};

/// All occurrences of all pairs, in a random order that is computed rather than stored.
#[derive(Debug)]
pub(super) struct Occurrences<'p> {
    pairs: &'p [Pair],
    /// End of the occurrences of each pair.
    ends: Vec<u64>,
}

impl<'p> Occurrences<'p> {
    pub(super) fn new(table: &'p PairTable) -> Self {
        let mut end = 0;
        let ends = table.counts().iter().map(|n| {
            end += n;
            end
        });
        Occurrences { pairs: table.pairs(), ends: ends.collect() }
    }

    pub(super) fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// All occurrences, shuffled for `epoch`.
    pub(super) fn shuffled(&self, seed: i64, epoch: u64) -> impl Iterator<Item = Pair> + '_ {
        let shuffle = Shuffle::new(self.len(), seed, epoch);
        (0..self.len()).map(move |place| {
            let occurrence = shuffle.of(place);
            self.pairs[self.ends.partition_point(|&end| end <= occurrence)]
        })
    }
}

/// Permutation of the numbers below `n`: a Feistel network (H. Feistel, 1973) over the next power
/// of four, applied again while the result is out of range.
#[derive(Debug)]
struct Shuffle {
    n: u64,
    half_bits: u32,
    keys: [u64; Self::N_ROUNDS],
}

impl Shuffle {
    const N_ROUNDS: usize = 6;

    /// Purposes of random numbers from here up are epochs.
    const FIRST_PURPOSE: u64 = 1 << 32;

    fn new(n: u64, seed: i64, epoch: u64) -> Self {
        let mut random = Random::new(seed, Self::FIRST_PURPOSE + epoch);
        let bits = u64::BITS - n.saturating_sub(1).leading_zeros();
        Shuffle { n, half_bits: bits.div_ceil(2), keys: std::array::from_fn(|_| random.next()) }
    }

    fn of(&self, place: u64) -> u64 {
        let mut at = self.step(place);
        while at >= self.n {
            at = self.step(at);
        }
        at
    }

    fn step(&self, at: u64) -> u64 {
        let mask = (1_u64 << self.half_bits) - 1;
        let (mut left, mut right) = (at >> self.half_bits, at & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half_bits | right
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::corpus::Corpus;
    use super::super::super::tests::{TEXTS, settings, texts};
    use super::*;

    #[test]
    fn a_shuffle_has_every_number_once() {
        for n in [0, 1, 2, 3, 4, 5, 16, 17, 1000, 4096] {
            let shuffle = Shuffle::new(n, 0, 0);
            let mut numbers: Vec<u64> = (0..n).map(|place| shuffle.of(place)).collect();
            if n == 1000 {
                let n_fixed = numbers.iter().enumerate().filter(|&(place, &number)| place as u64 == number).count();
                let n_ascents = numbers.windows(2).filter(|pair| pair[0] < pair[1]).count();
                assert!(n_fixed < 10 && (400..600).contains(&n_ascents), "{n_fixed} {n_ascents}");
            }
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..n), "{n}");
        }
    }

    #[test]
    fn every_pair_comes_as_often_as_it_occurs() {
        let corpus = Corpus::new(&settings(|_| {}), &texts(TEXTS));
        let table = PairTable::new(&corpus, 2);
        let occurrences = Occurrences::new(&table);
        let epochs: Vec<Vec<Pair>> = (0..2).map(|epoch| occurrences.shuffled(7, epoch).collect()).collect();
        assert_ne!(epochs[0], epochs[1]);
        for mut pairs in epochs {
            assert_eq!(pairs.len() as u64, table.n_occurrences());
            pairs.sort_unstable();
            let counted: Vec<(Pair, u64)> =
                pairs.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64)).collect();
            assert!(counted.into_iter().eq(table.pairs().iter().copied().zip(table.counts().iter().copied())));
        }
    }
}
