//! Flags texts whose score as a whole is beyond the frontier, and declares the observations.

use std::sync::Arc;

use outlier_kernels::surprise::Distances;
use outlier_kernels::{Multiset, beyond};
use rustc_hash::FxHashMap;

use super::corpus::Corpus;
use super::means::Mean;
use super::scores::{Outputs, Scores};
use crate::config::Word2vec;
use crate::engine::functions::{frontier_of, kernel_side};

/// Text that is an outlier.
#[derive(Debug, Clone, PartialEq)]
pub struct Flagged {
    /// Index of the text among those of the aggregator.
    pub text_idx: usize,
    /// Observations of the text.
    pub seen: Seen,
    /// Surprise of the text's score among those of all texts, in bits.
    pub surprise: f64,
}

/// Observations of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// Score of the text as a whole.
    Text(TextVerdict),
    /// Words that are outliers, each once, in order of occurrence.
    Words(Vec<SeenWord>),
}

/// Score beyond the decision frontier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextVerdict {
    /// Score of the text or word.
    pub score: f64,
    /// Decision frontier that the score is beyond.
    pub frontier: f64,
}

/// Word that is an outlier.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenWord {
    /// Text of the word.
    pub word: Arc<str>,
    /// Score of the word at this place, and the frontier of this word.
    pub verdict: TextVerdict,
    /// Word that fits best between the same neighbours, if it is a different one.
    pub expected: Option<Arc<str>>,
    /// Neighbours that fit this word best.
    pub expected_window: Arc<[Arc<str>]>,
}

/// Flags texts by a frontier over the scores of all rows; equal texts count once per row.
pub(super) fn judge<M: Mean>(word2vec: &Word2vec, corpus: &Corpus<'_>, outputs: &Outputs) -> Vec<Flagged> {
    let mut scored = ScoredTexts::new::<M>(word2vec, corpus, outputs);
    let Some(frontier) = frontier_of(&word2vec.trigger, scored.multiset.finish()) else { return Vec::new() };
    let Some(distances) = scored.distances(word2vec) else { return Vec::new() };
    let is_outlier = |&&(_, score): &&(usize, f64)| beyond(score, frontier, kernel_side(word2vec.trigger.on));
    let flagged = scored.scores.iter().filter(is_outlier).map(|&(text_idx, score)| {
        let seen = Seen::Text(TextVerdict { score, frontier });
        Flagged { text_idx, seen, surprise: distances.surprise(score) }
    });
    flagged.collect()
}

/// Scores of texts as a whole.
pub(super) struct ScoredTexts {
    /// By the index of the text, in ascending order.
    pub(super) scores: Vec<(usize, f64)>,
    /// Scores of all rows.
    pub(super) multiset: Multiset,
}

impl ScoredTexts {
    pub(super) fn new<M: Mean>(word2vec: &Word2vec, corpus: &Corpus<'_>, outputs: &Outputs) -> Self {
        let mut text_scores = Scores::<M>::new();
        let scores: Vec<(usize, f64)> = texts_with_pairs(corpus)
            .map(|text_idx| {
                text_scores.fill(outputs, corpus.text(text_idx), word2vec.size_window);
                (text_idx, text_scores.text(word2vec.trigger_score))
            })
            .collect();
        let multiset = multiset(scores.iter().map(|&(text_idx, score)| (score, corpus.count(text_idx))).collect());
        ScoredTexts { scores, multiset }
    }

    /// Distances of the scores of all rows; `None` without finite scores.
    fn distances(&mut self, word2vec: &Word2vec) -> Option<Distances> {
        Distances::of(self.multiset.finish(), kernel_side(word2vec.trigger.on))
    }

    /// Returns the surprise of the score of each text among those of all rows, in bits.
    pub(super) fn surprises(mut self, word2vec: &Word2vec) -> FxHashMap<usize, f64> {
        let Some(distances) = self.distances(word2vec) else { return FxHashMap::default() };
        self.scores.iter().map(|&(text_idx, score)| (text_idx, distances.surprise(score))).collect()
    }
}

/// Indices of texts with at least two words: a single word has no neighbours.
pub(super) fn texts_with_pairs(corpus: &Corpus<'_>) -> impl Iterator<Item = usize> {
    (0..corpus.n_texts()).filter(|&text_idx| corpus.text(text_idx).len() > 1)
}

/// Scores with the number of rows that have each. Non-finite scores are dropped.
pub(super) fn multiset(mut scores: Vec<(f64, u64)>) -> Multiset {
    scores.retain(|(score, _)| score.is_finite());
    scores.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    scores.dedup_by(|later, earlier| {
        // positive and negative zero are the same value
        let is_same = later.0 == earlier.0;
        if is_same {
            earlier.1 += later.1;
        }
        is_same
    });
    let (values, counts) = scores.into_iter().unzip();
    Multiset::from_parts(values, counts).unwrap_or_default()
}
