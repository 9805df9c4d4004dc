//! The texts of an aggregator as numbers of a vocabulary.

use rustc_hash::FxHashMap;

use super::words::split;
use crate::config::Word2vec;

/// Most words of a vocabulary, the unknown one not counted.
const MAX_WORDS: usize = 6000;

/// What words outside of the vocabulary are called.
const UNKNOWN: &str = "UNKNOWN";

/// A distinct text of an aggregator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'t> {
    /// Its values, joined.
    pub text: &'t str,
    /// How many rows have it.
    pub n: u64,
}

/// The words of an aggregator, by number: frequent ones first, equally frequent ones in the order of their texts, the unknown one last.
#[derive(Debug)]
pub struct Vocabulary<'t> {
    words: Vec<&'t str>,
    counts: Vec<u64>,
    n_rare: u64,
}

/// Distinct texts as numbers of words.
#[derive(Debug)]
pub struct Corpus<'t> {
    vocabulary: Vocabulary<'t>,
    words: Vec<u32>,
    /// Text `i` has the words `ends[i]..ends[i + 1]`.
    ends: Vec<usize>,
    counts: Vec<u64>,
    n_given_up: u64,
}

impl<'t> Vocabulary<'t> {
    /// Number of words, the unknown one included.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no word, which never happens: the unknown one is there.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The text of a word.
    pub fn text(&self, word: u32) -> &'t str {
        self.words[word as usize]
    }

    /// How often a word occurs; for the unknown one, all words outside of the vocabulary.
    pub fn count(&self, word: u32) -> u64 {
        self.counts[word as usize]
    }

    /// The number of the unknown word.
    pub fn unknown(&self) -> u32 {
        (self.words.len() - 1) as u32
    }

    /// Occurrences of words that are unknown because they are rare, and not because the vocabulary is full.
    pub fn n_rare(&self) -> u64 {
        self.n_rare
    }
}

impl<'t> Corpus<'t> {
    /// Splits distinct texts and numbers their words. The order of the texts decides nothing but the order in which they are kept.
    pub fn new(word2vec: &Word2vec, texts: &[Text<'t>]) -> Self {
        let mut spelled: Vec<&'t str> = Vec::new();
        let mut first_seen = FirstSeen::default();
        let mut words = Vec::new();
        let mut ends = vec![0];
        let mut n_given_up = 0;
        for text in texts {
            spelled.clear();
            n_given_up += u64::from(split(&word2vec.separators, text.text, &mut spelled).is_err());
            words.extend(spelled.iter().map(|word| first_seen.count(word, text.n)));
            ends.push(words.len());
        }
        let (vocabulary, number) = first_seen.number(word2vec.min_uniq_word_occurrence);
        words.iter_mut().for_each(|word| *word = number[*word as usize]);
        Corpus { vocabulary, words, ends, counts: texts.iter().map(|text| text.n).collect(), n_given_up }
    }

    /// The words.
    pub fn vocabulary(&self) -> &Vocabulary<'t> {
        &self.vocabulary
    }

    /// Number of distinct texts.
    pub fn n_texts(&self) -> usize {
        self.counts.len()
    }

    /// The words of text `text_idx`, in its order.
    pub fn text(&self, text_idx: usize) -> &[u32] {
        &self.words[self.places(text_idx)]
    }

    /// Where the words of text `text_idx` are among those of all texts.
    pub(super) fn places(&self, text_idx: usize) -> std::ops::Range<usize> {
        self.ends[text_idx]..self.ends[text_idx + 1]
    }

    /// Number of words of all distinct texts.
    pub(super) fn n_places(&self) -> usize {
        self.words.len()
    }

    /// How many rows have text `text_idx`.
    pub fn count(&self, text_idx: usize) -> u64 {
        self.counts[text_idx]
    }

    /// Texts that were not split because that took too many steps.
    pub fn n_given_up(&self) -> u64 {
        self.n_given_up
    }
}

/// Words in the order in which they are seen first.
#[derive(Default)]
struct FirstSeen<'t> {
    by_text: FxHashMap<&'t str, u32>,
    counts: Vec<(&'t str, u64)>,
}

impl<'t> FirstSeen<'t> {
    fn count(&mut self, word: &'t str, n: u64) -> u32 {
        let idx = *self.by_text.entry(word).or_insert_with(|| {
            self.counts.push((word, 0));
            (self.counts.len() - 1) as u32
        });
        self.counts[idx as usize].1 += n;
        idx
    }

    /// The vocabulary, and the number of each word in it.
    fn number(self, min_occurrence: u64) -> (Vocabulary<'t>, Vec<u32>) {
        let mut order: Vec<u32> = (0..self.counts.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| {
            let ((a_text, a_count), (b_text, b_count)) = (self.counts[a as usize], self.counts[b as usize]);
            b_count.cmp(&a_count).then(a_text.cmp(b_text))
        });
        let n_frequent = order.partition_point(|&idx| self.counts[idx as usize].1 >= min_occurrence);
        let n_kept = n_frequent.min(MAX_WORDS);
        let n_of = |order: &[u32]| order.iter().map(|&idx| self.counts[idx as usize].1).sum::<u64>();
        let mut vocabulary = Vocabulary {
            words: order[..n_kept].iter().map(|&idx| self.counts[idx as usize].0).collect(),
            counts: order[..n_kept].iter().map(|&idx| self.counts[idx as usize].1).collect(),
            n_rare: n_of(&order[n_frequent..]),
        };
        vocabulary.words.push(UNKNOWN);
        vocabulary.counts.push(n_of(&order[n_kept..]));
        let mut number = vec![vocabulary.unknown(); order.len()];
        order[..n_kept].iter().enumerate().for_each(|(word, &idx)| number[idx as usize] = word as u32);
        (vocabulary, number)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{TEXTS, settings, texts};
    use super::*;

    #[test]
    fn rare_words_are_unknown() {
        let corpus = Corpus::new(&settings(|word2vec| word2vec.min_uniq_word_occurrence = 2), &texts(TEXTS));
        let vocabulary = corpus.vocabulary();
        let words: Vec<(&str, u64)> = (0..4).map(|word| (vocabulary.text(word), vocabulary.count(word))).collect();
        assert_eq!(words, [("C:", 7), ("Win", 6), ("a.exe", 6), ("UNKNOWN", 2)]);
        assert_eq!((vocabulary.len(), vocabulary.unknown(), vocabulary.n_rare()), (4, 3, 2));
        assert_eq!((corpus.text(1), corpus.count(0)), (&[0, 1, 3][..], 5));
    }

    #[test]
    fn numbers_do_not_depend_on_the_order_of_the_texts() {
        let word2vec = settings(|_| {});
        let (forth, back) = (texts(TEXTS), texts(TEXTS).into_iter().rev().collect::<Vec<_>>());
        let (forth, back) = (Corpus::new(&word2vec, &forth), Corpus::new(&word2vec, &back));
        assert_eq!(forth.vocabulary().words, ["C:", "Win", "a.exe", "Tmp", "b.exe", "UNKNOWN"]);
        assert_eq!(forth.vocabulary().words, back.vocabulary().words);
        assert_eq!(forth.text(0), back.text(2));
    }

    #[test]
    fn a_vocabulary_is_full_at_some_point() {
        let many: String = (0..MAX_WORDS + 5).map(|word| format!("{word:05}\\")).collect();
        let text = [Text { text: &many, n: 1 }];
        let corpus = Corpus::new(&settings(|_| {}), &text);
        assert_eq!((corpus.vocabulary().len(), corpus.vocabulary().n_rare()), (MAX_WORDS + 1, 0));
        // the empty word behind the last separator is one of those that are kept
        assert_eq!(corpus.vocabulary().count(corpus.vocabulary().unknown()), 6);
        assert_eq!(corpus.text(0)[MAX_WORDS - 1], corpus.vocabulary().unknown());
    }
}
