//! Texts of an aggregator, as numbers of words in a vocabulary.

use rustc_hash::FxHashMap;

use super::words::split;
use crate::config::Word2vec;

/// Upper limit on the words in a vocabulary, not counting the unknown word.
const MAX_WORDS: usize = 6000;

/// Text of the unknown word, which stands for all words outside the vocabulary.
const UNKNOWN: &str = "UNKNOWN";

/// Distinct text of an aggregator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'t> {
    /// Its values, joined.
    pub text: &'t str,
    /// Number of rows with this text.
    pub n: u64,
}

/// Numbered words of an aggregator: the most frequent first, equally frequent ones sorted by text,
/// the unknown word last.
#[derive(Debug)]
pub struct Vocabulary<'t> {
    words: Vec<&'t str>,
    counts: Vec<u64>,
    n_rare: u64,
}

/// Distinct texts, as numbers of words.
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
    /// Number of words, including the unknown word.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// True if there are no words, which never happens: the unknown word is always present.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Text of a word.
    pub fn text(&self, word: u32) -> &'t str {
        self.words[word as usize]
    }

    /// Number of occurrences of a word; for the unknown word, of all words outside the vocabulary.
    pub fn count(&self, word: u32) -> u64 {
        self.counts[word as usize]
    }

    /// Number of the unknown word.
    pub fn unknown(&self) -> u32 {
        (self.words.len() - 1) as u32
    }

    /// Number of occurrences of words that are unknown because they are rare, not because the
    /// vocabulary is full.
    pub fn n_rare(&self) -> u64 {
        self.n_rare
    }
}

impl<'t> Corpus<'t> {
    /// Splits distinct texts and numbers their words. The order of `texts` affects only the order
    /// in which they are kept.
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

    /// Vocabulary of the texts.
    pub fn vocabulary(&self) -> &Vocabulary<'t> {
        &self.vocabulary
    }

    /// Number of distinct texts.
    pub fn n_texts(&self) -> usize {
        self.counts.len()
    }

    /// Words of text `text_idx`, in order.
    pub fn text(&self, text_idx: usize) -> &[u32] {
        &self.words[self.places(text_idx)]
    }

    /// Range of the words of text `text_idx` among the words of all texts.
    pub(super) fn places(&self, text_idx: usize) -> std::ops::Range<usize> {
        self.ends[text_idx]..self.ends[text_idx + 1]
    }

    /// Number of words in all distinct texts.
    pub(super) fn n_places(&self) -> usize {
        self.words.len()
    }

    /// Number of rows with text `text_idx`.
    pub fn count(&self, text_idx: usize) -> u64 {
        self.counts[text_idx]
    }

    /// Number of texts that were not split because matching took too many steps.
    pub fn n_given_up(&self) -> u64 {
        self.n_given_up
    }
}

/// Words in order of first occurrence.
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

    /// Builds the vocabulary; also returns the number of each word in it.
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
    fn a_vocabulary_has_an_upper_limit() {
        let many: String = (0..MAX_WORDS + 5).map(|word| format!("{word:05}\\")).collect();
        let text = [Text { text: &many, n: 1 }];
        let corpus = Corpus::new(&settings(|_| {}), &text);
        assert_eq!((corpus.vocabulary().len(), corpus.vocabulary().n_rare()), (MAX_WORDS + 1, 0));
        // the empty word after the last separator is one of the words that are kept
        assert_eq!(corpus.vocabulary().count(corpus.vocabulary().unknown()), 6);
        assert_eq!(corpus.text(0)[MAX_WORDS - 1], corpus.vocabulary().unknown());
    }
}
