//! The neural form: how probable a context is, learned by the skip-gram model.
//!
//! [`SkipGram`] is the model; candle holds its parameters and runs it on a device. On processors the steps are one operation of `kernel`,
//! elsewhere those of `tensors`; both do the same. Pairs come in a random `order` that depends on the seed only. Models may be `saved` from
//! one run to the next.

mod device;
mod kernel;
mod model;
mod order;
mod random;
mod saved;
mod tensors;
#[cfg(test)]
mod tests;

use outlier_kernels::skipgram::{Adam, Shape};
use tracing::{debug, warn};

use super::ModelError;
use super::corpus::Vocabulary;
use super::pairs::PairTable;
use super::training::{Effort, Training};
use crate::config::Word2vec;
use order::Occurrences;

pub use device::TrainingDevice;
pub use model::{Engine, SkipGram, initial_parameters};
pub use saved::MAX_NEW_WORDS;

/// Pairs of one step of training.
pub const BATCH_SIZE: usize = 16;

/// Steps between two looks at the device.
const STEPS_AT_ONCE: usize = 4096;

/// A model that starts from what an earlier run has learned sees one of so many pairs in each epoch.
pub const REUSED_SHARE: u64 = 4;

/// Copies of the parameters that training holds: with two moments each, as candle has them and as the kernel has them, and a gradient.
const N_COPIES: usize = 7;

/// What the trained model says of each pair of `table`, the probability of its context, or with `output_prob` off, the raw value; and what
/// training took.
pub(super) fn outputs(
    word2vec: &Word2vec,
    vocabulary: &Vocabulary<'_>,
    table: &PairTable,
    training: &Training<'_>,
) -> Result<(Vec<f64>, Effort), ModelError> {
    let shape = Shape { n_words: vocabulary.len(), n_dimensions: word2vec.embedding_size };
    check_memory(shape, training)?;
    let mut effort = Effort::default();
    let mut parameters = initial_parameters(shape, word2vec.seed);
    let is_reused = reuse(vocabulary, shape, training, &mut parameters, &mut effort);
    let engine = Engine::of(training.device);
    let mut model = SkipGram::with_parameters(shape, parameters, engine, training.device)?;
    train(word2vec, &mut model, table, is_reused, &mut effort)?;
    if let Some(saved) = &training.saved
        && let Err(reason) = saved::save(saved, vocabulary, model.parameters()?)
    {
        warn!(file = %saved.path.display(), "the model cannot be kept for the next run: {reason}");
        effort.models_not_written += 1;
    }
    let scores = if word2vec.output_prob {
        let mut scores = model.log_probabilities(table.pairs())?;
        scores.iter_mut().for_each(|score| *score = score.exp());
        scores
    } else {
        model.logits(table.pairs())?
    };
    Ok((scores.into_iter().map(f64::from).collect(), effort))
}

fn check_memory(shape: Shape, training: &Training<'_>) -> Result<(), ModelError> {
    let per_word = shape.n_dimensions.saturating_mul(2 * N_COPIES * size_of::<f32>());
    let bytes = per_word.saturating_mul(shape.n_words);
    if bytes > training.memory_limit { Err(ModelError::TooLarge { bytes }) } else { Ok(()) }
}

/// Starts from the saved model, where there is one that can be used.
fn reuse(
    vocabulary: &Vocabulary<'_>,
    shape: Shape,
    training: &Training<'_>,
    parameters: &mut [f32],
    effort: &mut Effort,
) -> bool {
    let Some(saved) = &training.saved else { return false };
    match saved::load(saved, vocabulary, shape, parameters) {
        Ok(is_reused) => {
            effort.models_reused += u64::from(is_reused);
            is_reused
        }
        Err(reason) => {
            warn!(file = %saved.path.display(), "a saved model cannot be used, training starts anew: {reason}");
            effort.models_ignored += 1;
            false
        }
    }
}

/// Trains on every occurrence of every pair, once per epoch; on a share of them where most is known.
fn train(
    word2vec: &Word2vec,
    model: &mut SkipGram,
    table: &PairTable,
    is_reused: bool,
    effort: &mut Effort,
) -> Result<(), ModelError> {
    let adam = Adam { learning_rate: word2vec.learning_rate, ..Adam::default() };
    let occurrences = Occurrences::new(table);
    let n_pairs = if is_reused { occurrences.len().div_ceil(REUSED_SHARE) } else { occurrences.len() };
    let mut pairs = Vec::with_capacity(STEPS_AT_ONCE * BATCH_SIZE);
    for epoch in 0..word2vec.num_epochs {
        let mut shuffled = occurrences.shuffled(word2vec.seed, epoch);
        let (mut loss, mut n_left) = (0.0, n_pairs);
        while n_left > 0 {
            let n = n_left.min((STEPS_AT_ONCE * BATCH_SIZE) as u64);
            pairs.clear();
            pairs.extend(shuffled.by_ref().take(n as usize));
            n_left -= n;
            loss += model.train(&pairs, BATCH_SIZE, &adam)? * pairs.len() as f64;
        }
        effort.pairs_learned += n_pairs;
        effort.pairs_saved += occurrences.len() - n_pairs;
        debug!(epoch, loss = loss / n_pairs as f64, "word2vec trained");
        if !loss.is_finite() {
            return Err(ModelError::Diverged { learning_rate: word2vec.learning_rate });
        }
    }
    Ok(())
}
