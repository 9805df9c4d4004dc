//! Which texts of an aggregator are outliers, and what was seen of them.

use std::sync::Arc;

use outlier_kernels::{Multiset, beyond};

use super::corpus::Corpus;
use super::means::{Arithmetic, Geometric, Mean};
use super::scores::{Outputs, Scores};
use super::word_focus;
use crate::config::{TriggerFocus, Word2vec};
use crate::functions::{frontier_of, kernel_side};

/// A text that is an outlier.
#[derive(Debug, Clone, PartialEq)]
pub struct Flagged {
    /// The text, by its number among those of the aggregator.
    pub text_idx: usize,
    /// What was seen.
    pub seen: Seen,
}

/// What the model saw of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// The score of the text as a whole.
    Text(Verdict),
    /// Its words that are outliers, each once, in the order in which they stand.
    Words(Vec<SeenWord>),
}

/// A score beyond the decision frontier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The score.
    pub score: f64,
    /// The decision frontier.
    pub frontier: f64,
}

/// A word that is an outlier.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenWord {
    /// The word.
    pub word: Arc<str>,
    /// Its score where it stands, and the frontier of this word.
    pub verdict: Verdict,
    /// The word that fits best between the same neighbours, if it is another one.
    pub expected: Option<Arc<str>>,
    /// The neighbours that fit this word best.
    pub expected_window: Arc<[Arc<str>]>,
}

/// Judges the texts of an aggregator by the outputs of its model.
pub(super) fn judge(word2vec: &Word2vec, corpus: &Corpus<'_>, outputs: &Outputs) -> Vec<Flagged> {
    match (word2vec.trigger_focus, word2vec.output_prob) {
        (TriggerFocus::Text, true) => judge_texts::<Geometric>(word2vec, corpus, outputs),
        (TriggerFocus::Text, false) => judge_texts::<Arithmetic>(word2vec, corpus, outputs),
        (TriggerFocus::Word, true) => word_focus::judge::<Geometric>(word2vec, corpus, outputs),
        (TriggerFocus::Word, false) => word_focus::judge::<Arithmetic>(word2vec, corpus, outputs),
    }
}

/// The frontier is over the scores of all rows, equal texts counted each time.
fn judge_texts<M: Mean>(word2vec: &Word2vec, corpus: &Corpus<'_>, outputs: &Outputs) -> Vec<Flagged> {
    let mut scores = Scores::<M>::new();
    let scored: Vec<(usize, f64)> = texts_with_pairs(corpus)
        .map(|text_idx| {
            scores.fill(outputs, corpus.text(text_idx), word2vec.size_window);
            (text_idx, scores.text(word2vec.trigger_score))
        })
        .collect();
    let mut multiset = multiset(scored.iter().map(|&(text_idx, score)| (score, corpus.count(text_idx))).collect());
    let Some(frontier) = frontier_of(&word2vec.trigger, multiset.finish()) else { return Vec::new() };
    scored
        .into_iter()
        .filter(|&(_, score)| beyond(score, frontier, kernel_side(word2vec.trigger.on)))
        .map(|(text_idx, score)| Flagged { text_idx, seen: Seen::Text(Verdict { score, frontier }) })
        .collect()
}

/// Texts of one word say nothing of what stands near what.
pub(super) fn texts_with_pairs(corpus: &Corpus<'_>) -> impl Iterator<Item = usize> {
    (0..corpus.n_texts()).filter(|&text_idx| corpus.text(text_idx).len() > 1)
}

/// Scores with the number of rows that have each. What is no number takes no part.
pub(super) fn multiset(mut scores: Vec<(f64, u64)>) -> Multiset {
    scores.retain(|(score, _)| score.is_finite());
    scores.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut values, mut counts): (Vec<f64>, Vec<u64>) = (Vec::new(), Vec::new());
    for (score, n) in scores {
        match (values.last(), counts.last_mut()) {
            // both zeros are one value
            (Some(&last), Some(count)) if last == score => *count += n,
            _ => {
                values.push(score);
                counts.push(n);
            }
        }
    }
    Multiset::from_parts(values, counts).unwrap_or_default()
}
