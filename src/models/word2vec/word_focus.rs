//! Flags words that are outliers in their context.
//!
//! The score of a word depends on the word and on its *composition*: the words around it, in order.
//! Words are therefore judged once per composition. A better fit is looked up among the
//! compositions of the word, or among the words of the composition.

use std::cmp::Ordering;
use std::sync::Arc;

use hashbrown::HashTable;
use outlier_kernels::beyond;
use rustc_hash::FxHashMap;

use super::corpus::{Corpus, Vocabulary};
use super::judge::{Flagged, ScoredTexts, Seen, SeenWord, TextVerdict, multiset, texts_with_pairs};
use super::means::Mean;
use super::pairs::for_each_pair;
use super::scores::{Outputs, Scores};
use crate::config::{Trigger, Word2vec};
use crate::engine::functions::{frontier_of, kernel_side};

pub(super) fn judge<M: Mean>(word2vec: &Word2vec, corpus: &Corpus<'_>, outputs: &Outputs) -> Vec<Flagged> {
    let uses = Uses::new::<M>(word2vec, corpus, outputs);
    let frontiers = uses.frontiers(word2vec, corpus.vocabulary());
    let side = kernel_side(word2vec.trigger.on);
    let is_outlier: Vec<bool> = uses
        .uses
        .iter()
        .map(|word_use| {
            frontiers[word_use.word as usize].is_some_and(|frontier| beyond(word_use.score, frontier, side))
        })
        .collect();
    if !is_outlier.contains(&true) {
        return Vec::new();
    }
    let spelled: Vec<Arc<str>> =
        (0..corpus.vocabulary().len() as u32).map(|word| Arc::from(corpus.vocabulary().text(word))).collect();
    let spell = |word: u32| Arc::clone(&spelled[word as usize]);
    let (best_window, best_word) = (uses.best_compositions(corpus.vocabulary()), uses.best_words());
    let mut windows: FxHashMap<u32, Arc<[Arc<str>]>> = FxHashMap::default();
    let mut flagged = Vec::new();
    for text_idx in texts_with_pairs(corpus) {
        let mut seen: Vec<SeenWord> = Vec::new();
        for use_idx in
            corpus.places(text_idx).map(|place| uses.of_places[place]).filter(|&idx| is_outlier[idx as usize])
        {
            let Use { word, composition, score, .. } = uses.uses[use_idx as usize];
            let Some(frontier) = frontiers[word as usize] else { continue };
            let window = windows.entry(word).or_insert_with(|| {
                let best = uses.uses[best_window[word as usize] as usize].composition;
                uses.compositions.words(best).iter().map(|&word| spell(word)).collect()
            });
            let expected = uses.uses[best_word[composition as usize] as usize].word;
            let seen_word = SeenWord {
                word: spell(word),
                verdict: TextVerdict { score, frontier },
                expected: (expected != word).then(|| spell(expected)),
                expected_window: Arc::clone(window),
            };
            // a word that occurs several times is shown once, as it last occurs
            match seen.iter_mut().find(|earlier| earlier.word == seen_word.word) {
                Some(earlier) => *earlier = seen_word,
                None => seen.push(seen_word),
            }
        }
        if !seen.is_empty() {
            flagged.push((text_idx, seen));
        }
    }
    if flagged.is_empty() {
        return Vec::new();
    }
    let surprises = ScoredTexts::new::<M>(word2vec, corpus, outputs).surprises(word2vec);
    let surprise = |text_idx: &usize| surprises.get(text_idx).copied().unwrap_or_default();
    let with_surprise = |(text_idx, seen)| Flagged { surprise: surprise(&text_idx), text_idx, seen: Seen::Words(seen) };
    flagged.into_iter().map(with_surprise).collect()
}

/// Words of some texts, and what would fit in their places.
pub(super) struct WordFits {
    uses: Uses,
    /// Use with the highest score, by composition.
    best_word: Vec<u32>,
    /// Scores of each word, with the number of rows that have each.
    scores: Vec<Vec<(f64, u64)>>,
}

/// A word at its place in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlacedWord {
    pub(super) word: u32,
    pub(super) score: f64,
    /// Word that fits best between the same neighbours.
    pub(super) expected: u32,
}

impl WordFits {
    pub(super) fn new<M: Mean>(word2vec: &Word2vec, corpus: &Corpus<'_>, outputs: &Outputs) -> Self {
        let uses = Uses::new::<M>(word2vec, corpus, outputs);
        let (best_word, scores) = (uses.best_words(), uses.scores(corpus.vocabulary()));
        WordFits { uses, best_word, scores }
    }

    /// Words of a text with at least two words, in order.
    pub(super) fn of_text(&self, corpus: &Corpus<'_>, text_idx: usize) -> impl Iterator<Item = PlacedWord> {
        corpus.places(text_idx).map(|place| {
            let Use { word, composition, score, .. } = self.uses.uses[self.uses.of_places[place] as usize];
            let expected = self.uses.uses[self.best_word[composition as usize] as usize].word;
            PlacedWord { word, score, expected }
        })
    }

    /// Frontier of a word over its scores; `None` if the word occurs in one composition only.
    pub(super) fn frontier(&self, word: u32, trigger: &Trigger) -> Option<f64> {
        word_frontier(self.scores[word as usize].clone(), trigger)
    }
}

fn word_frontier(scores: Vec<(f64, u64)>, trigger: &Trigger) -> Option<f64> {
    if scores.len() < 2 { None } else { frontier_of(trigger, multiset(scores).finish()) }
}

/// Use of a word: the word in a composition.
#[derive(Debug, Clone, Copy)]
struct Use {
    word: u32,
    composition: u32,
    score: f64,
    /// Number of occurrences in all rows.
    n: u64,
}

struct Uses {
    uses: Vec<Use>,
    compositions: Compositions,
    /// Index of the use at each place in the corpus; meaningless for texts of one word.
    of_places: Vec<u32>,
}

impl Uses {
    fn new<M: Mean>(word2vec: &Word2vec, corpus: &Corpus<'_>, outputs: &Outputs) -> Self {
        let mut known: FxHashMap<(u32, u32), u32> = FxHashMap::default();
        let mut uses: Vec<Use> = Vec::new();
        let mut compositions = Compositions::default();
        let mut of_places = vec![0; corpus.n_places()];
        let mut scores = Scores::<M>::new();
        let mut around: Vec<Vec<u32>> = Vec::new();
        for text_idx in texts_with_pairs(corpus) {
            let words = corpus.text(text_idx);
            scores.fill(outputs, words, word2vec.size_window);
            around.iter_mut().for_each(Vec::clear);
            around.resize_with(words.len().max(around.len()), Vec::new);
            for_each_pair(words.len(), word2vec.size_window, |centre, context| around[centre].push(words[context]));
            for (position, place) in corpus.places(text_idx).enumerate() {
                let (word, composition) = (words[position], compositions.intern(&around[position]));
                let use_idx = *known.entry((word, composition)).or_insert_with(|| {
                    let score = scores.word(position, word2vec.trigger_score);
                    uses.push(Use { word, composition, score, n: 0 });
                    (uses.len() - 1) as u32
                });
                uses[use_idx as usize].n += corpus.count(text_idx);
                of_places[place] = use_idx;
            }
        }
        Uses { uses, compositions, of_places }
    }

    /// Frontier of each word over its scores; `None` if the word occurs in one composition only.
    fn frontiers(&self, word2vec: &Word2vec, vocabulary: &Vocabulary<'_>) -> Vec<Option<f64>> {
        self.scores(vocabulary).into_iter().map(|scores| word_frontier(scores, &word2vec.trigger)).collect()
    }

    /// Scores of each word, with the number of rows that have each.
    fn scores(&self, vocabulary: &Vocabulary<'_>) -> Vec<Vec<(f64, u64)>> {
        let mut scores: Vec<Vec<(f64, u64)>> = vec![Vec::new(); vocabulary.len()];
        self.uses.iter().for_each(|word_use| scores[word_use.word as usize].push((word_use.score, word_use.n)));
        scores
    }

    /// Use with the highest score, by word: its composition is where the word fits best.
    fn best_compositions(&self, vocabulary: &Vocabulary<'_>) -> Vec<u32> {
        let order = |a: &Use, b: &Use| {
            let words = |word_use: &Use| self.compositions.words(word_use.composition);
            better(a, b).then_with(|| words(a).cmp(words(b)))
        };
        self.best(vocabulary.len(), |word_use| word_use.word, order)
    }

    /// Use with the highest score, by composition: its word fits there best.
    fn best_words(&self) -> Vec<u32> {
        self.best(
            self.compositions.len(),
            |word_use| word_use.composition,
            |a, b| better(a, b).then_with(|| a.word.cmp(&b.word)),
        )
    }

    fn best(&self, n: usize, key: impl Fn(&Use) -> u32, order: impl Fn(&Use, &Use) -> Ordering) -> Vec<u32> {
        const NONE: u32 = u32::MAX;
        let mut best = vec![NONE; n];
        for (idx, word_use) in self.uses.iter().enumerate() {
            let best = &mut best[key(word_use) as usize];
            if *best == NONE || order(word_use, &self.uses[*best as usize]) == Ordering::Less {
                *best = idx as u32;
            }
        }
        best
    }
}

/// Orders uses by score, highest first, then by frequency.
fn better(a: &Use, b: &Use) -> Ordering {
    b.score.total_cmp(&a.score).then(b.n.cmp(&a.n))
}

/// Distinct lists of words, stored back to back.
#[derive(Default)]
struct Compositions {
    words: Vec<u32>,
    ends: Vec<usize>,
    table: HashTable<u32>,
}

impl Compositions {
    fn intern(&mut self, composition: &[u32]) -> u32 {
        let hash = list_hash(composition);
        let known = self.table.find(hash, |&idx| self.words(idx) == composition);
        if let Some(&idx) = known {
            return idx;
        }
        let idx = self.ends.len() as u32;
        self.words.extend_from_slice(composition);
        self.ends.push(self.words.len());
        let (words, ends) = (&self.words, &self.ends);
        self.table.insert_unique(hash, idx, |&idx| list_hash(list(words, ends, idx)));
        idx
    }

    fn words(&self, idx: u32) -> &[u32] {
        list(&self.words, &self.ends, idx)
    }

    fn len(&self) -> usize {
        self.ends.len()
    }
}

fn list<'w>(words: &'w [u32], ends: &[usize], idx: u32) -> &'w [u32] {
    let start = if idx == 0 { 0 } else { ends[idx as usize - 1] };
    &words[start..ends[idx as usize]]
}

fn list_hash(words: &[u32]) -> u64 {
    use std::hash::Hasher;
    let mut hasher = rustc_hash::FxHasher::default();
    words.iter().for_each(|&word| hasher.write_u32(word));
    hasher.finish()
}
