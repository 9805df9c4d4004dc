//! Training and scoring as operations of candle's own backends, for GPUs.
//!
//! The formulas are those of [`outlier_kernels::skipgram`]. The distinct centres of a batch are
//! found here; everything as large as the vocabulary is computed on the device.

use std::collections::BTreeMap;

use candle_core::{D, Result, Tensor};
use candle_nn::ops::log_softmax;
use outlier_kernels::skipgram::{Adam, Pair, Shape};

use super::kernel::Score;

/// Upper limit on the size of the table of logits held at once when pairs are scored.
const TABLE_NUMBERS: usize = 1 << 24;

/// Parameters of a model, as views of one row of its state.
pub(super) struct View {
    embeddings: Tensor,
    weights: Tensor,
    biases: Tensor,
}

impl View {
    pub(super) fn new(shape: Shape, numbers: &Tensor) -> Result<Self> {
        let Shape { n_words, n_dimensions } = shape;
        let n = n_words * n_dimensions;
        Ok(View {
            embeddings: numbers.narrow(0, 0, n)?.reshape((n_words, n_dimensions))?,
            weights: numbers.narrow(0, n, n)?.reshape((n_words, n_dimensions))?,
            biases: numbers.narrow(0, 2 * n, n_words)?,
        })
    }

    /// Logits of the centres with `embeddings`, one row each.
    fn logits(&self, embeddings: &Tensor) -> Result<Tensor> {
        embeddings.matmul(&self.weights.t()?)?.broadcast_add(&self.biases)
    }
}

/// Batch, reduced to its distinct centres.
pub(super) struct Batch {
    n_pairs: usize,
    centres: Vec<u32>,
    /// Number of pairs of each centre.
    n_by_centre: Vec<f32>,
    /// Distinct contexts of each centre and their counts, in rows of equal length: padded with word
    /// 0 and count 0.
    contexts: Vec<u32>,
    counts: Vec<f32>,
    /// Row of each word among the centres, or the row after them for other words.
    row_of_word: Vec<u32>,
}

impl Batch {
    pub(super) fn new(shape: Shape, pairs: &[Pair]) -> Self {
        let mut by_centre: BTreeMap<u32, BTreeMap<u32, u32>> = BTreeMap::new();
        for pair in pairs {
            *by_centre.entry(pair.centre).or_default().entry(pair.context).or_default() += 1;
        }
        let width = by_centre.values().map(BTreeMap::len).max().unwrap_or(0);
        let n = by_centre.len();
        let mut batch = Batch {
            n_pairs: pairs.len(),
            centres: by_centre.keys().copied().collect(),
            n_by_centre: by_centre.values().map(|contexts| contexts.values().sum::<u32>() as f32).collect(),
            contexts: Vec::with_capacity(n * width),
            counts: Vec::with_capacity(n * width),
            row_of_word: vec![n as u32; shape.n_words],
        };
        for (row, (centre, contexts)) in by_centre.into_iter().enumerate() {
            batch.row_of_word[centre as usize] = row as u32;
            batch.contexts.extend(contexts.keys());
            batch.counts.extend(contexts.values().map(|&count| count as f32));
            batch.contexts.resize((row + 1) * width, 0);
            batch.counts.resize((row + 1) * width, 0.0);
        }
        batch
    }

    /// Loss summed over the pairs of the batch, and the gradient of its mean with respect to all
    /// parameters, in their order.
    pub(super) fn loss_and_gradient(&self, shape: Shape, view: &View) -> Result<(Tensor, Tensor)> {
        let device = view.embeddings.device();
        let (n, width) = (self.centres.len(), self.contexts.len() / self.centres.len().max(1));
        let centres = Tensor::from_slice(&self.centres, n, device)?;
        let contexts = Tensor::from_slice(&self.contexts, (n, width), device)?;
        let counts = Tensor::from_slice(&self.counts, (n, width), device)?;
        let embeddings = view.embeddings.index_select(&centres, 0)?;
        let log_probabilities = log_softmax(&view.logits(&embeddings)?, D::Minus1)?;
        let loss = (log_probabilities.gather(&contexts, 1)? * &counts)?.sum_all()?.neg()?;

        let share = 1.0 / self.n_pairs as f64;
        let weight = (Tensor::from_slice(&self.n_by_centre, (n, 1), device)? * share)?;
        let by_logits = log_probabilities.exp()?.broadcast_mul(&weight)?;
        let by_logits = by_logits.scatter_add(&contexts, &(counts * -share)?, 1)?;
        let by_weights = by_logits.t()?.matmul(&embeddings)?;
        let by_biases = by_logits.sum(0)?;
        // words that are not centres of this batch take the row of zeros after its centres
        let nothing = Tensor::zeros((1, shape.n_dimensions), view.embeddings.dtype(), device)?;
        let by_centres = Tensor::cat(&[by_logits.matmul(&view.weights)?, nothing], 0)?;
        let rows = Tensor::from_slice(&self.row_of_word, shape.n_words, device)?;
        let by_embeddings = by_centres.index_select(&rows, 0)?;
        let gradient = Tensor::cat(&[by_embeddings.flatten_all()?, by_weights.flatten_all()?, by_biases], 0)?;
        Ok((loss, gradient))
    }
}

/// Applies step `n_steps` of Adam, counted from 1. Returns the new state: parameters, first and
/// second moments, one row each.
pub(super) fn adam_step(state: &Tensor, gradient: &Tensor, adam: &Adam, n_steps: u64) -> Result<Tensor> {
    let (parameters, first, second) = (state.get(0)?, state.get(1)?, state.get(2)?);
    let correction = |beta: f64| 1.0 - beta.powf(n_steps as f64);
    let first = ((first * adam.beta1)? + (gradient * (1.0 - adam.beta1))?)?;
    let second = ((second * adam.beta2)? + (gradient.sqr()? * (1.0 - adam.beta2))?)?;
    let spread = ((second.sqrt()? / correction(adam.beta2).sqrt())? + adam.epsilon)?;
    let step = ((&first * (adam.learning_rate / correction(adam.beta1)))? / spread)?;
    Tensor::stack(&[(parameters - step)?, first, second], 0)
}

/// Scores of `pairs`, in the same order.
pub(super) fn scores(shape: Shape, view: &View, pairs: &[Pair], score: Score) -> Result<Vec<f32>> {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_unstable_by_key(|&place| pairs[place]);
    let mut scores = vec![0.0; pairs.len()];
    let mut centres: Vec<&[usize]> = order.chunk_by(|&a, &b| pairs[a].centre == pairs[b].centre).collect();
    let n_at_once = (TABLE_NUMBERS / shape.n_words).max(1);
    for block in centres.chunks_mut(n_at_once) {
        let device = view.embeddings.device();
        let words: Vec<u32> = block.iter().map(|places| pairs[places[0]].centre).collect();
        let rows = Tensor::from_vec(words, block.len(), device)?;
        let logits = view.logits(&view.embeddings.index_select(&rows, 0)?)?;
        let table = match score {
            Score::LogProbability => log_softmax(&logits, D::Minus1)?,
            Score::Logit => logits,
        };
        let place_in_table = |(row, places): (usize, &&[usize])| {
            places.iter().map(move |&place| (row * shape.n_words) as u32 + pairs[place].context).collect::<Vec<u32>>()
        };
        let wanted: Vec<u32> = block.iter().enumerate().flat_map(place_in_table).collect();
        let n_wanted = wanted.len();
        let found = table.flatten_all()?.index_select(&Tensor::from_vec(wanted, n_wanted, device)?, 0)?;
        for (&place, score) in block.iter().copied().flatten().zip(found.to_vec1::<f32>()?) {
            scores[place] = score;
        }
    }
    Ok(scores)
}
