//! Pairs of a word and another word near it.

use outlier_kernels::skipgram::Pair;
use rustc_hash::FxHashMap;

use super::corpus::Corpus;

/// Vocabularies of at most this many words use a table of all pairs; larger ones use a map of those
/// that occur.
const TABLE_WORDS: usize = 1 << 10;

/// Calls `use_pair` with the positions of each pair in a text of `n_words` words: a centre and a
/// context within `window` words of it.
pub(super) fn for_each_pair(n_words: usize, window: usize, mut use_pair: impl FnMut(usize, usize)) {
    for centre in 0..n_words {
        let contexts = centre.saturating_sub(window)..n_words.min(centre.saturating_add(window).saturating_add(1));
        contexts.filter(|&context| context != centre).for_each(|context| use_pair(centre, context));
    }
}

/// Distinct pairs of an aggregator, sorted, with the number of occurrences of each.
#[derive(Debug)]
pub struct PairTable {
    pairs: Vec<Pair>,
    counts: Vec<u64>,
    index: Index,
}

impl PairTable {
    /// Counts the pairs of all texts.
    pub fn new(corpus: &Corpus<'_>, window: usize) -> Self {
        let mut index = Index::new(corpus.vocabulary().len());
        let mut counted: Vec<(Pair, u64)> = Vec::new();
        for text_idx in 0..corpus.n_texts() {
            let (words, n) = (corpus.text(text_idx), corpus.count(text_idx));
            for_each_pair(words.len(), window, |centre, context| {
                let pair = Pair { centre: words[centre], context: words[context] };
                let place = index.place_mut(pair);
                if *place == Index::NONE {
                    *place = counted.len() as u32;
                    counted.push((pair, 0));
                }
                counted[*place as usize].1 += n;
            });
        }
        counted.sort_unstable();
        counted.iter().enumerate().for_each(|(idx, (pair, _))| *index.place_mut(*pair) = idx as u32);
        let (pairs, counts) = counted.into_iter().unzip();
        PairTable { pairs, counts, index }
    }

    /// Distinct pairs, ascending.
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// Number of occurrences of each pair.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Number of occurrences of all pairs together.
    pub fn n_occurrences(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Index of `pair`, which must occur in a text.
    pub(super) fn place(&self, pair: Pair) -> usize {
        self.index.place(pair) as usize
    }
}

/// Indices of pairs, by their word numbers.
#[derive(Debug)]
enum Index {
    Table { n_words: usize, places: Vec<u32> },
    Map(FxHashMap<u64, u32>),
}

impl Index {
    const NONE: u32 = u32::MAX;

    fn new(n_words: usize) -> Self {
        if n_words <= TABLE_WORDS {
            Index::Table { n_words, places: vec![Self::NONE; n_words * n_words] }
        } else {
            Index::Map(FxHashMap::default())
        }
    }

    fn place_mut(&mut self, pair: Pair) -> &mut u32 {
        match self {
            Index::Table { n_words, places } => &mut places[pair.centre as usize * *n_words + pair.context as usize],
            Index::Map(places) => places.entry(code(pair)).or_insert(Self::NONE),
        }
    }

    fn place(&self, pair: Pair) -> u32 {
        match self {
            Index::Table { n_words, places } => places[pair.centre as usize * n_words + pair.context as usize],
            Index::Map(places) => places.get(&code(pair)).copied().unwrap_or(Self::NONE),
        }
    }
}

fn code(pair: Pair) -> u64 {
    u64::from(pair.centre) << 32 | u64::from(pair.context)
}

#[cfg(test)]
mod tests {
    use super::super::corpus::Text;
    use super::super::tests::{TEXTS, settings, texts};
    use super::*;

    #[test]
    fn a_window_reaches_to_both_sides() {
        let check = |n_words, window, expected: &[(usize, usize)]| {
            let mut pairs = Vec::new();
            for_each_pair(n_words, window, |centre, context| pairs.push((centre, context)));
            assert_eq!(pairs, expected);
        };
        check(3, 1, &[(0, 1), (1, 0), (1, 2), (2, 1)]);
        check(3, usize::MAX, &[(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]);
        check(1, 2, &[]);
        check(0, 2, &[]);
    }

    #[test]
    fn pairs_are_counted_by_row() {
        let corpus = Corpus::new(&settings(|_| {}), &texts(TEXTS));
        let table = PairTable::new(&corpus, 1);
        let spelled: Vec<(&str, &str, u64)> = table
            .pairs()
            .iter()
            .zip(table.counts())
            .map(|(pair, &n)| (corpus.vocabulary().text(pair.centre), corpus.vocabulary().text(pair.context), n))
            .filter(|(centre, ..)| ["C:", "Win"].contains(centre))
            .collect();
        let expected = [("C:", "Win", 6), ("C:", "Tmp", 1), ("Win", "C:", 6), ("Win", "a.exe", 5), ("Win", "b.exe", 1)];
        assert_eq!(spelled, expected);
        assert_eq!(table.n_occurrences(), 28);
    }

    #[test]
    fn large_vocabularies_have_the_same_pairs() {
        let word = |idx: usize| format!("{:05}", idx * 7919 % (2 * TABLE_WORDS));
        let long: String = (0..4 * TABLE_WORDS).map(|idx| word(idx) + "\\").collect();
        let texts = [Text { text: &long, n: 3 }];
        let corpus = Corpus::new(&settings(|_| {}), &texts);
        let table = PairTable::new(&corpus, 2);
        assert!(corpus.vocabulary().len() > TABLE_WORDS);
        let mut expected: std::collections::BTreeMap<Pair, u64> = std::collections::BTreeMap::new();
        let words = corpus.text(0);
        for_each_pair(words.len(), 2, |centre, context| {
            *expected.entry(Pair { centre: words[centre], context: words[context] }).or_default() += 3;
        });
        assert!(table.pairs().iter().zip(table.counts()).map(|(&pair, &n)| (pair, n)).eq(expected));
        assert!(table.pairs().iter().enumerate().all(|(place, &pair)| table.place(pair) == place));
    }
}
