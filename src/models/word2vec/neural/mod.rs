//! Neural form: the skip-gram model learns the probability of a context.
//!
//! [`SkipGram`] is the model; candle holds its parameters and runs it on a device. On a processor
//! the steps are a single operation in `kernel`, elsewhere they are those in `tensors`; both
//! compute the same. Pairs come in a random `order` that depends only on the seed, and in
//! [`batches`] whose size depends on the number of pairs. Models may be `saved` from one run to the
//! next.

pub mod batches;
mod device;
mod kernel;
mod model;
mod order;
mod random;
mod saved;
mod tensors;
#[cfg(test)]
mod tests;
pub mod training;

use outlier_kernels::skipgram::{Shape, workspace_bytes};
use tracing::{debug, warn};

use super::ModelError;
use super::corpus::Vocabulary;
use super::pairs::PairTable;
use crate::config::Word2vec;
use batches::Batches;
use order::Occurrences;
use training::{Effort, Training};

pub use device::TrainingDevice;
pub use model::{Engine, SkipGram, initial_parameters};
pub use saved::MAX_NEW_WORDS;

/// Number of pairs per call of the model, rounded down to whole steps; at least one step.
const PAIRS_AT_ONCE: usize = 1 << 18;

/// Training that starts from a saved model sees one of this many pairs in each epoch.
pub const REUSED_SHARE: u64 = 4;

/// Number of copies of the parameters' size that candle holds: parameters and two moments, and all
/// three again while they are concatenated.
const N_COPIES: usize = 6;

/// Trains a model. Returns its output for each pair in `table`, the probability of the context or,
/// if `output_prob` is off, the raw value; and the effort of training.
pub(super) fn outputs(
    word2vec: &Word2vec,
    vocabulary: &Vocabulary<'_>,
    table: &PairTable,
    training: &Training<'_>,
) -> Result<(Vec<f64>, Effort), ModelError> {
    let shape = Shape { n_words: vocabulary.len(), n_dimensions: word2vec.embedding_size };
    let n_occurrences = table.n_occurrences();
    let largest_batch =
        Batches::new(word2vec, n_occurrences).size.min(usize::try_from(n_occurrences).unwrap_or(usize::MAX));
    check_memory(shape, largest_batch, training)?;
    let mut effort = Effort::default();
    let mut parameters = initial_parameters(shape, word2vec.seed);
    let is_reused = reuse(vocabulary, shape, training, &mut parameters, &mut effort);
    let engine = Engine::of(training.device);
    let mut model = SkipGram::with_parameters(shape, parameters, engine, training.device)?;
    let n_pairs = if is_reused { n_occurrences.div_ceil(REUSED_SHARE) } else { n_occurrences };
    train(word2vec, &mut model, table, n_pairs)?;
    effort.pairs_learned = word2vec.num_epochs * n_pairs;
    effort.pairs_saved = word2vec.num_epochs * (n_occurrences - n_pairs);
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

fn check_memory(shape: Shape, largest_batch: usize, training: &Training<'_>) -> Result<(), ModelError> {
    let n_parameters = shape.n_dimensions.saturating_mul(2).saturating_add(1).saturating_mul(shape.n_words);
    let bytes = n_parameters.saturating_mul(N_COPIES * size_of::<f32>());
    let bytes = bytes.saturating_add(workspace_bytes(shape, largest_batch));
    if bytes > training.memory_limit { Err(ModelError::TooLarge { bytes }) } else { Ok(()) }
}

/// Starts from the saved model if there is a usable one. Returns true if it does.
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

/// Trains `model` on `n_pairs` of all occurrences of the pairs in `table`. Each epoch takes a
/// different sample in a different order.
///
/// # Errors
/// If training does not converge, or the device fails.
pub fn train(word2vec: &Word2vec, model: &mut SkipGram, table: &PairTable, n_pairs: u64) -> Result<(), ModelError> {
    let Batches { size, adam } = Batches::new(word2vec, n_pairs);
    let n_at_once = (PAIRS_AT_ONCE / size).max(1) * size;
    let occurrences = Occurrences::new(table);
    let mut pairs = Vec::new();
    for epoch in 0..word2vec.num_epochs {
        let mut shuffled = occurrences.shuffled(word2vec.seed, epoch);
        let (mut loss, mut n_left) = (0.0, n_pairs);
        while n_left > 0 {
            let n = n_left.min(n_at_once as u64);
            pairs.clear();
            pairs.extend(shuffled.by_ref().take(n as usize));
            n_left -= n;
            loss += model.train(&pairs, size, &adam)? * pairs.len() as f64;
        }
        debug!(epoch, batch_size = size, loss = loss / n_pairs as f64, "word2vec trained");
        if !loss.is_finite() {
            return Err(ModelError::Diverged { learning_rate: word2vec.learning_rate });
        }
    }
    Ok(())
}
