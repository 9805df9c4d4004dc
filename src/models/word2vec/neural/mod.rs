//! The neural form: how probable a context is, learned by the skip-gram model.
//!
//! [`SkipGram`] is the model; candle holds its parameters and runs it on a device. On processors the steps are one operation of `kernel`,
//! elsewhere those of `tensors`; both do the same. Pairs come in a random `order` that depends on the seed only.

mod device;
mod kernel;
mod model;
mod order;
mod random;
mod tensors;
#[cfg(test)]
mod tests;

use outlier_kernels::skipgram::{Adam, Shape};

use super::ModelError;
use super::pairs::PairTable;
use crate::config::Word2vec;
use order::Occurrences;

pub use device::TrainingDevice;
pub use model::{Engine, SkipGram};

/// Pairs of one step of training.
pub const BATCH_SIZE: usize = 16;

/// Steps between two looks at the device.
const STEPS_AT_ONCE: usize = 4096;

/// What the trained model says of each pair of `table`: the probability of its context, or with `output_prob` off, the raw value.
pub(super) fn outputs(
    word2vec: &Word2vec,
    n_words: usize,
    table: &PairTable,
    device: &TrainingDevice,
) -> Result<Vec<f64>, ModelError> {
    let shape = Shape { n_words, n_dimensions: word2vec.embedding_size };
    let device = device.candle();
    let mut model = SkipGram::new(shape, word2vec.seed, Engine::of(device), device)?;
    train(word2vec, &mut model, table)?;
    let scores = if word2vec.output_prob {
        let mut scores = model.log_probabilities(table.pairs())?;
        scores.iter_mut().for_each(|score| *score = score.exp());
        scores
    } else {
        model.logits(table.pairs())?
    };
    Ok(scores.into_iter().map(f64::from).collect())
}

/// Trains on every occurrence of every pair, once per epoch.
fn train(word2vec: &Word2vec, model: &mut SkipGram, table: &PairTable) -> Result<(), ModelError> {
    let adam = Adam { learning_rate: word2vec.learning_rate, ..Adam::default() };
    let occurrences = Occurrences::new(table);
    let mut pairs = Vec::with_capacity(STEPS_AT_ONCE * BATCH_SIZE);
    for epoch in 0..word2vec.num_epochs {
        let mut shuffled = occurrences.shuffled(word2vec.seed, epoch);
        let mut loss = 0.0;
        loop {
            pairs.clear();
            pairs.extend(shuffled.by_ref().take(STEPS_AT_ONCE * BATCH_SIZE));
            if pairs.is_empty() {
                break;
            }
            loss += model.train(&pairs, BATCH_SIZE, &adam)? * pairs.len() as f64;
        }
        tracing::debug!(epoch, loss = loss / occurrences.len() as f64, "word2vec trained");
        if !loss.is_finite() {
            return Err(ModelError::Diverged { learning_rate: word2vec.learning_rate });
        }
    }
    Ok(())
}
