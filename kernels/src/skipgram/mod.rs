//! The skip-gram model with a full softmax: training and scoring.
//!
//! # The model
//!
//! Of `V` words ([`Shape::n_words`]) and `D` dimensions ([`Shape::n_dimensions`]): embeddings `E` (V x D), weights `W` (V x D)
//! and biases `b` (V), all `f32`, row after row. The logits of a centre `c` are `z_c = W e_c + b`, and `softmax(z_c)` says how
//! probable each word is as its context. The loss of a batch is the mean over its pairs of `logsumexp(z_c) - z_ct`, in nats;
//! training is Adam (D. P. Kingma and J. Ba, 2015) over all parameters, bias-corrected, so that rows without a gradient move too.
//!
//! # What is here
//!
//! * [`train`] takes pairs batch by batch: gradients and Adam in one.
//! * [`loss_and_gradients`] takes one batch and leaves the parameters alone.
//! * [`log_probabilities`] and [`logits`] are the scores of pairs.
//!
//! A [`Workspace`] holds what they need in between; with the same one from call to call and step to step, nothing large is
//! allocated anew.
//!
//! # Same gradient, less work
//!
//! The logits of a batch depend on the centre only. With `n_c` pairs of centre `c`, and `k_ct` pairs of `c` and context `t`, the loss
//! of `B` pairs is `(sum n_c logsumexp(z_c) - sum k_ct z_ct) / B` and its gradient by `z_c` is `(n_c softmax(z_c) - k_c) / B`: the
//! matrix products are over the distinct centres instead of over the pairs.
//!
//! # Invariants
//!
//! * Results are the same bytes on any number of threads (those of the rayon pool of the caller), and for any order of the pairs
//!   within a batch. Gradients are computed on several threads from 256 distinct centres on, and scores from 33 on, on 8 at most.
//! * AVX2 and AVX-512 give the same bytes, because they do the same operations in the same order; so should NEON, which
//!   fuses multiplication and addition too. Other machines differ by rounding.
//! * Logits that are finite give finite scores and gradients, however large they are.
//! * A parameter whose gradients are 0 for hundreds of steps is moved by one sum instead of step by step; the difference is below the
//!   rounding of the steps.

pub use crate::scalar::skipgram::Adam;
pub use crate::simd::skipgram::lanes::InstructionSet;
use crate::simd::skipgram::{self as simd, Memory, scoring, training};

/// Size of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Words of the vocabulary, `V`. Words are numbers below it.
    pub n_words: usize,
    /// Numbers per word, `D`.
    pub n_dimensions: usize,
}

/// A word and one that stands near it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// The word that is given, below `V`.
    pub centre: u32,
    /// The word that is predicted, below `V`.
    pub context: u32,
}

/// Parameters of a model, or as many numbers of another meaning: a gradient, a moment.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    /// `E`, V x D: row `c` is the embedding of word `c` as a centre.
    pub embeddings: &'a [f32],
    /// `W`, V x D: row `t` is word `t` as a context.
    pub weights: &'a [f32],
    /// `b`, V.
    pub biases: &'a [f32],
}

/// [`Parameters`] to write to.
#[derive(Debug)]
pub struct ParametersMut<'a> {
    /// `E`, V x D.
    pub embeddings: &'a mut [f32],
    /// `W`, V x D.
    pub weights: &'a mut [f32],
    /// `b`, V.
    pub biases: &'a mut [f32],
}

/// What Adam remembers of the steps so far. Before the first step all of it is 0.
#[derive(Debug)]
pub struct Moments<'a> {
    /// Decaying mean of the gradients.
    pub first: ParametersMut<'a>,
    /// Decaying mean of their squares.
    pub second: ParametersMut<'a>,
    /// Steps so far.
    pub n_steps: u64,
}

/// Memory that the functions of this module use in between. Any workspace fits any call; it grows as needed and never shrinks.
#[derive(Debug, Default)]
pub struct Workspace {
    memory: Memory,
}

impl Workspace {
    /// A workspace for the fastest instructions of this machine.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A workspace for other instructions, to compare them.
    #[must_use]
    pub fn with_instructions(set: InstructionSet) -> Self {
        let mut workspace = Self::default();
        workspace.memory.set = set;
        workspace
    }
}

/// Bytes of a workspace that trains in batches of up to `batch_size` pairs and scores at most as many at once, rounded up; `usize::MAX` if
/// they are not that few. Scores of more pairs take 12 bytes for each of them.
#[must_use]
pub fn workspace_bytes(shape: Shape, batch_size: usize) -> usize {
    usize::try_from(simd::workspace_bytes(shape, batch_size)).unwrap_or(usize::MAX)
}

/// Trains on `pairs`, `batch_size` of them per step (fewer in the last one), and returns the mean loss per pair in nats, each batch
/// judged before its step; 0 without pairs.
///
/// Parameters and moments are brought into another layout at the beginning of a call and back at its end, which takes as long as
/// some steps of 16 pairs: give it thousands of pairs per call, not one batch.
///
/// # Panics
///
/// If a slice does not have the length that `shape` says, a word is not below `V`, or `batch_size` is 0.
pub fn train(
    shape: Shape,
    parameters: &mut ParametersMut<'_>,
    moments: &mut Moments<'_>,
    adam: &Adam,
    pairs: &[Pair],
    batch_size: usize,
    workspace: &mut Workspace,
) -> f64 {
    parameters.as_ref().check(shape);
    moments.first.as_ref().check(shape);
    moments.second.as_ref().check(shape);
    check_pairs(shape, pairs);
    mean(training::train(shape, parameters, moments, adam, pairs, batch_size, &mut workspace.memory), pairs)
}

/// Writes the gradient of the mean loss of `pairs` as one batch to `gradients`, and returns that loss in nats; all are 0 without
/// pairs.
///
/// # Panics
///
/// If a slice does not have the length that `shape` says, or a word is not below `V`.
pub fn loss_and_gradients(
    shape: Shape,
    parameters: Parameters<'_>,
    pairs: &[Pair],
    gradients: &mut ParametersMut<'_>,
    workspace: &mut Workspace,
) -> f64 {
    parameters.check(shape);
    gradients.as_ref().check(shape);
    check_pairs(shape, pairs);
    mean(training::loss_and_gradients(shape, parameters, pairs, gradients, &mut workspace.memory), pairs)
}

/// Writes the natural logarithm of the probability of each pair's context, given its centre, to `scores` at the pair's place.
///
/// The softmax is computed once per distinct centre. The order of `pairs` is free.
///
/// # Panics
///
/// If a slice does not have the length that `shape` says, `scores` is not as long as `pairs`, or a word is not below `V`.
pub fn log_probabilities(
    shape: Shape,
    parameters: Parameters<'_>,
    pairs: &[Pair],
    scores: &mut [f32],
    workspace: &mut Workspace,
) {
    parameters.check(shape);
    check_pairs(shape, pairs);
    assert_eq!(pairs.len(), scores.len(), "one score per pair");
    // Places of pairs are kept as 32-bit numbers.
    for (pairs, scores) in pairs.chunks(1 << 31).zip(scores.chunks_mut(1 << 31)) {
        scoring::log_probabilities(shape, parameters, pairs, scores, &mut workspace.memory);
    }
}

/// Writes the logit `z_ct` of each pair to `scores` at the pair's place.
///
/// # Panics
///
/// If a slice does not have the length that `shape` says, `scores` is not as long as `pairs`, or a word is not below `V`.
pub fn logits(shape: Shape, parameters: Parameters<'_>, pairs: &[Pair], scores: &mut [f32]) {
    parameters.check(shape);
    check_pairs(shape, pairs);
    assert_eq!(pairs.len(), scores.len(), "one score per pair");
    scoring::logits(shape, parameters, pairs, scores);
}

impl ParametersMut<'_> {
    /// The same, to read.
    #[must_use]
    pub fn as_ref(&self) -> Parameters<'_> {
        Parameters { embeddings: self.embeddings, weights: self.weights, biases: self.biases }
    }
}

impl Parameters<'_> {
    /// Stops if a length is not what `shape` says.
    pub(crate) fn check(&self, shape: Shape) {
        let n = shape.n_words * shape.n_dimensions;
        let found = (self.embeddings.len(), self.weights.len(), self.biases.len());
        assert_eq!(found, (n, n, shape.n_words), "lengths of embeddings, weights and biases for {shape:?}");
    }
}

/// Stops if a word is not of the vocabulary.
fn check_pairs(shape: Shape, pairs: &[Pair]) {
    if let Some(pair) = pairs.iter().find(|pair| pair.centre.max(pair.context) as usize >= shape.n_words) {
        panic!("{pair:?} with a vocabulary of {} words", shape.n_words);
    }
}

/// A sum over pairs as a mean.
fn mean(sum: f64, pairs: &[Pair]) -> f64 {
    if pairs.is_empty() { 0.0 } else { sum / pairs.len() as f64 }
}

#[cfg(test)]
mod tests;
