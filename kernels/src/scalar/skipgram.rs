//! The skip-gram model pair by pair, as [`crate::skipgram`] defines it: batches are not rearranged
//! and sums are `f64`.

use crate::skipgram::{Moments, Pair, Parameters, ParametersMut, Shape};

/// Constants of the Adam optimizer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Rough upper limit on the change of a parameter in one step.
    pub learning_rate: f64,
    /// Decay rate of the first moment.
    pub beta1: f64,
    /// Decay rate of the second moment.
    pub beta2: f64,
    /// Added to the square root of the second moment to avoid division by zero.
    pub epsilon: f64,
}

impl Default for Adam {
    /// The constants of the paper.
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

/// Gradients before rounding; shapes as in [`Parameters`].
#[derive(Clone, Debug)]
pub struct ExactGradients {
    /// With respect to `E`.
    pub embeddings: Vec<f64>,
    /// With respect to `W`.
    pub weights: Vec<f64>,
    /// With respect to `b`.
    pub biases: Vec<f64>,
}

impl ExactGradients {
    /// Rounds each gradient to the nearest `f32` and writes it to `gradients`.
    pub fn round_to(&self, gradients: &mut ParametersMut<'_>) {
        for (exact, rounded) in [
            (&self.embeddings, &mut *gradients.embeddings),
            (&self.weights, &mut *gradients.weights),
            (&self.biases, &mut *gradients.biases),
        ] {
            assert_eq!(exact.len(), rounded.len(), "length of a gradient");
            exact.iter().zip(rounded).for_each(|(&exact, rounded)| *rounded = exact as f32);
        }
    }
}

/// Like [`crate::skipgram::train`].
///
/// # Panics
///
/// The same as there.
pub fn train(
    shape: Shape,
    parameters: &mut ParametersMut<'_>,
    moments: &mut Moments<'_>,
    adam: &Adam,
    pairs: &[Pair],
    batch_size: usize,
) -> f64 {
    let mut total = 0.0;
    for batch in pairs.chunks(batch_size) {
        let (loss, gradients) = loss_and_gradients(shape, parameters.as_ref(), batch);
        total += loss * batch.len() as f64;
        moments.n_steps += 1;
        let step = Step::new(adam, moments.n_steps);
        let (first, second) = (&mut moments.first, &mut moments.second);
        step.apply(&gradients.embeddings, parameters.embeddings, first.embeddings, second.embeddings);
        step.apply(&gradients.weights, parameters.weights, first.weights, second.weights);
        step.apply(&gradients.biases, parameters.biases, first.biases, second.biases);
    }
    if pairs.is_empty() { 0.0 } else { total / pairs.len() as f64 }
}

/// Like [`crate::skipgram::loss_and_gradients`].
///
/// # Panics
///
/// The same as there.
#[must_use]
pub fn loss_and_gradients(shape: Shape, parameters: Parameters<'_>, pairs: &[Pair]) -> (f64, ExactGradients) {
    parameters.check(shape);
    let n = shape.n_words * shape.n_dimensions;
    let mut gradients =
        ExactGradients { embeddings: vec![0.0; n], weights: vec![0.0; n], biases: vec![0.0; shape.n_words] };
    let mut loss = 0.0;
    for pair in pairs {
        let mut by_logit = centre_logits(shape, parameters, pair.centre);
        let total = log_sum_exp(&by_logit);
        let context = pair.context as usize;
        loss += (total - by_logit[context]) / pairs.len() as f64;
        by_logit.iter_mut().for_each(|logit| *logit = (*logit - total).exp() / pairs.len() as f64);
        by_logit[context] -= 1.0 / pairs.len() as f64;
        let centre_row = row(shape, pair.centre);
        let embedding = &parameters.embeddings[centre_row.clone()];
        let by_embedding = &mut gradients.embeddings[centre_row];
        for (word, &by_logit) in by_logit.iter().enumerate() {
            gradients.biases[word] += by_logit;
            let word_row = row(shape, word as u32);
            let (weights, by_weight) = (&parameters.weights[word_row.clone()], &mut gradients.weights[word_row]);
            for d in 0..shape.n_dimensions {
                by_weight[d] += by_logit * f64::from(embedding[d]);
                by_embedding[d] += by_logit * f64::from(weights[d]);
            }
        }
    }
    (loss, gradients)
}

/// Like [`crate::skipgram::log_probabilities`].
///
/// # Panics
///
/// The same as there.
pub fn log_probabilities(shape: Shape, parameters: Parameters<'_>, pairs: &[Pair], scores: &mut [f32]) {
    assert_eq!(pairs.len(), scores.len(), "one score per pair");
    for (pair, score) in pairs.iter().zip(scores) {
        let logits = centre_logits(shape, parameters, pair.centre);
        *score = (logits[pair.context as usize] - log_sum_exp(&logits)) as f32;
    }
}

/// Like [`crate::skipgram::logits`].
///
/// # Panics
///
/// The same as there.
pub fn logits(shape: Shape, parameters: Parameters<'_>, pairs: &[Pair], scores: &mut [f32]) {
    assert_eq!(pairs.len(), scores.len(), "one score per pair");
    for (pair, score) in pairs.iter().zip(scores) {
        *score = centre_logits(shape, parameters, pair.centre)[pair.context as usize] as f32;
    }
}

/// Logits `z_c` of one centre.
fn centre_logits(shape: Shape, parameters: Parameters<'_>, centre: u32) -> Vec<f64> {
    parameters.check(shape);
    let embedding = &parameters.embeddings[row(shape, centre)];
    let of_word = |word: usize| {
        let weights = &parameters.weights[row(shape, word as u32)];
        let products = weights.iter().zip(embedding).map(|(&w, &e)| f64::from(w) * f64::from(e));
        products.sum::<f64>() + f64::from(parameters.biases[word])
    };
    (0..shape.n_words).map(of_word).collect()
}

fn log_sum_exp(logits: &[f64]) -> f64 {
    let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    max + logits.iter().map(|logit| (logit - max).exp()).sum::<f64>().ln()
}

fn row(shape: Shape, word: u32) -> std::ops::Range<usize> {
    let start = word as usize * shape.n_dimensions;
    start..start + shape.n_dimensions
}

/// Adam in one step: the factors shared by all parameters.
struct Step {
    beta1: f32,
    beta2: f32,
    /// Learning rate / bias correction of the first moment.
    rate: f32,
    /// Square root of the bias correction of the second moment.
    correction: f32,
    epsilon: f32,
}

impl Step {
    /// Factors of step `n`, counted from 1.
    fn new(adam: &Adam, n: u64) -> Self {
        let correction = |beta: f64| 1.0 - beta.powf(n as f64);
        Self {
            beta1: adam.beta1 as f32,
            beta2: adam.beta2 as f32,
            rate: (adam.learning_rate / correction(adam.beta1)) as f32,
            correction: correction(adam.beta2).sqrt() as f32,
            epsilon: adam.epsilon as f32,
        }
    }

    fn apply(&self, gradients: &[f64], parameters: &mut [f32], first: &mut [f32], second: &mut [f32]) {
        assert_eq!((first.len(), second.len()), (parameters.len(), parameters.len()), "lengths of the moments");
        for (i, &gradient) in gradients.iter().enumerate() {
            let gradient = gradient as f32;
            first[i] += (gradient - first[i]) * (1.0 - self.beta1);
            second[i] = second[i] * self.beta2 + gradient * gradient * (1.0 - self.beta2);
            parameters[i] -= self.rate * first[i] / (second[i].sqrt() / self.correction + self.epsilon);
        }
    }
}
