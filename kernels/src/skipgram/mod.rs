//! Skip-gram model with a full softmax: training and scoring.
//!
//! # Model
//!
//! With `V` words ([`Shape::n_words`]) and `D` dimensions ([`Shape::n_dimensions`]), the parameters
//! are embeddings `E` (V x D), weights `W` (V x D) and biases `b` (V), all `f32` in row-major
//! order.
//!
//! The logits of a centre `c` are `z_c = W e_c + b`, and `softmax(z_c)` is the probability of each
//! word as its context. The loss of a batch is the mean over its pairs of `logsumexp(z_c) - z_ct`,
//! in nats. Training is Adam (D. P. Kingma and J. Ba, 2015) over all parameters with bias
//! correction, so rows without a gradient move too.
//!
//! # Contents
//!
//! * [`train`] takes pairs batch by batch; it computes gradients and applies Adam in one go.
//! * [`loss_and_gradients`] takes one batch and leaves the parameters unchanged.
//! * [`log_probabilities`] and [`logits`] score pairs.
//!
//! A [`Workspace`] holds their scratch memory. Reuse one across calls and steps to avoid large
//! allocations.
//!
//! # Same gradient, less work
//!
//! The logits of a batch depend only on the centre. With `n_c` pairs of centre `c` and `k_ct` pairs
//! of centre `c` and context `t`, the loss of `B` pairs is
//! `(sum n_c logsumexp(z_c) - sum k_ct z_ct) / B`. Its gradient with respect to `z_c` is
//! `(n_c softmax(z_c) - k_c) / B`. The matrix products therefore run over the distinct centres
//! instead of over the pairs.
//!
//! # Invariants
//!
//! * Results are identical to the byte for any number of threads (those of the caller's rayon pool)
//!   and for any order of the pairs within a batch. Gradients use several threads from 225 distinct
//!   centres up and scores from 33 up, both at most 8.
//! * AVX2 and AVX-512 give identical bytes because they do the same operations in the same order.
//!   NEON should too, since it also fuses multiplication and addition. Other machines differ by
//!   rounding.
//! * Finite logits give finite scores and gradients, however large they are.
//! * A parameter whose gradients are 0 for hundreds of steps is moved by one sum instead of step by
//!   step. The difference is below the rounding error of the steps.

pub use crate::scalar::skipgram::Adam;
pub use crate::simd::skipgram::lanes::InstructionSet;
use crate::simd::skipgram::{self as simd, Memory, scoring, training};

/// Size of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Number of words in the vocabulary, `V`. Words are numbers below it.
    pub n_words: usize,
    /// Numbers per word, `D`.
    pub n_dimensions: usize,
}

/// A word and another word near it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// The given word, below `V`.
    pub centre: u32,
    /// The predicted word, below `V`.
    pub context: u32,
}

/// Parameters of a model, or values of the same shape: a gradient or a moment.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    /// `E`, V x D: row `c` is the embedding of word `c` as a centre.
    pub embeddings: &'a [f32],
    /// `W`, V x D: row `t` is word `t` as a context.
    pub weights: &'a [f32],
    /// `b`, V.
    pub biases: &'a [f32],
}

/// Mutable [`Parameters`].
#[derive(Debug)]
pub struct ParametersMut<'a> {
    /// `E`, V x D.
    pub embeddings: &'a mut [f32],
    /// `W`, V x D.
    pub weights: &'a mut [f32],
    /// `b`, V.
    pub biases: &'a mut [f32],
}

/// State of the Adam optimizer. All zero before the first step.
#[derive(Debug)]
pub struct Moments<'a> {
    /// Exponential moving average of the gradients.
    pub first: ParametersMut<'a>,
    /// Exponential moving average of the squared gradients.
    pub second: ParametersMut<'a>,
    /// Number of steps so far.
    pub n_steps: u64,
}

/// Scratch memory for the functions of this module. Any workspace works for any call; it grows as
/// needed and never shrinks.
#[derive(Debug, Default)]
pub struct Workspace {
    memory: Memory,
}

impl Workspace {
    /// Creates a workspace for the fastest instruction set of this machine.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a workspace for a given instruction set, for comparisons.
    #[must_use]
    pub fn with_instructions(set: InstructionSet) -> Self {
        let mut workspace = Self::default();
        workspace.memory.set = set;
        workspace
    }
}

/// Upper limit in bytes on a workspace that trains in batches of up to `batch_size` pairs and
/// scores at most that many at once; `usize::MAX` on overflow. Scoring more pairs takes 12 bytes
/// for each.
#[must_use]
pub fn workspace_bytes(shape: Shape, batch_size: usize) -> usize {
    usize::try_from(simd::workspace_bytes(shape, batch_size)).unwrap_or(usize::MAX)
}

/// Trains on `pairs`, `batch_size` per step (fewer in the last one), and returns the mean loss per
/// pair in nats; 0 if there are no pairs. The loss of each batch is taken before its step.
///
/// Each call converts parameters and moments to the internal layout and back, which takes as long
/// as several steps of 16 pairs. Pass thousands of pairs per call, not one batch.
///
/// # Panics
///
/// If the length of a slice does not match `shape`, a word is not below `V`, or `batch_size` is 0.
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

/// Writes the gradient of the mean loss of `pairs`, taken as one batch, to `gradients` and returns
/// that loss in nats. All are 0 if there are no pairs.
///
/// # Panics
///
/// If the length of a slice does not match `shape`, or a word is not below `V`.
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

/// Writes the natural logarithm of the probability of each pair's context, given its centre, to
/// `scores` at the same index.
///
/// The softmax is computed once per distinct centre. `pairs` may be in any order.
///
/// # Panics
///
/// If the length of a slice does not match `shape`, `scores` is not as long as `pairs`, or a word
/// is not below `V`.
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
    // Indices of pairs are stored as 32-bit numbers.
    for (pairs, scores) in pairs.chunks(1 << 31).zip(scores.chunks_mut(1 << 31)) {
        scoring::log_probabilities(shape, parameters, pairs, scores, &mut workspace.memory);
    }
}

/// Writes the logit `z_ct` of each pair to `scores` at the same index.
///
/// # Panics
///
/// If the length of a slice does not match `shape`, `scores` is not as long as `pairs`, or a word
/// is not below `V`.
pub fn logits(shape: Shape, parameters: Parameters<'_>, pairs: &[Pair], scores: &mut [f32]) {
    parameters.check(shape);
    check_pairs(shape, pairs);
    assert_eq!(pairs.len(), scores.len(), "one score per pair");
    scoring::logits(shape, parameters, pairs, scores);
}

impl ParametersMut<'_> {
    /// Borrows the parameters for reading.
    #[must_use]
    pub fn as_ref(&self) -> Parameters<'_> {
        Parameters { embeddings: self.embeddings, weights: self.weights, biases: self.biases }
    }
}

impl Parameters<'_> {
    /// Panics if a length does not match `shape`.
    pub(crate) fn check(&self, shape: Shape) {
        let n = shape.n_words * shape.n_dimensions;
        let found = (self.embeddings.len(), self.weights.len(), self.biases.len());
        assert_eq!(found, (n, n, shape.n_words), "lengths of embeddings, weights and biases for {shape:?}");
    }
}

/// Panics if a word is not in the vocabulary.
fn check_pairs(shape: Shape, pairs: &[Pair]) {
    if let Some(pair) = pairs.iter().find(|pair| pair.centre.max(pair.context) as usize >= shape.n_words) {
        panic!("{pair:?} with a vocabulary of {} words", shape.n_words);
    }
}

/// Turns a sum over `pairs` into a mean; 0 if there are no pairs.
fn mean(sum: f64, pairs: &[Pair]) -> f64 {
    if pairs.is_empty() { 0.0 } else { sum / pairs.len() as f64 }
}

#[cfg(test)]
mod tests;
