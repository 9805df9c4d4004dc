//! How many pairs a step of training has, and how fast it learns from them.
//!
//! The learning rate of a use case is that of steps of [`FEW_PAIRS`] pairs. A step moves every parameter and computes each of its distinct
//! centres once, so steps of more pairs are many times faster per pair. They learn the same if the rate grows with the root of the
//! number of pairs: the noise of a gradient falls by that root (S. Malladi, K. Lyu, A. Panigrahi, S. Arora, "On the SDEs and Scaling Rules
//! for Adaptive Gradient Algorithms", 2022; the constants of the moments stay as they are here). That holds for small steps, so a rate
//! does not grow beyond [`LARGEST_RATE`]: measured on words of command lines, rates above it learn less of pairs that were not seen.
//!
//! What is given up is distance: a step moves a parameter by about the rate, and the steps of an epoch together must lead far enough away from
//! random parameters. Steps have as many times 16 pairs as there can be if an epoch of `n` pairs is to lead [`DISTANCE`] away, at rates
//! that count up to the largest one only:
//!
//! ```text
//! n / (16 k) * min(learning_rate * root(k), 0.01) >= DISTANCE,    so    k <= (n * learning_rate / (16 * DISTANCE))^2
//!                                                                and    k <=  n * 0.01          / (16 * DISTANCE)
//! ```
//!
//! So few pairs are learned 16 at a time, and with many the loss on pairs that were not seen is not higher than after as many epochs of steps
//! of 16.

use outlier_kernels::skipgram::Adam;

use crate::config::Word2vec;

/// Pairs of a step where there are few, and those that a learning rate is for.
pub const FEW_PAIRS: usize = 16;

/// Pairs of a step where there are many.
pub const MANY_PAIRS: usize = 8192;

/// A rate does not grow beyond this one with the pairs of a step.
pub const LARGEST_RATE: f64 = 0.01;

/// Sum of the rates of an epoch's steps, at least.
pub const DISTANCE: f64 = 4.0;

/// The steps of a training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Batches {
    /// Pairs of a step; the last one of an epoch may have fewer.
    pub size: usize,
    /// Constants of Adam.
    pub adam: Adam,
}

impl Batches {
    /// Those of epochs of `n_pairs` pairs. They depend on nothing but this number and the settings.
    pub fn new(word2vec: &Word2vec, n_pairs: u64) -> Self {
        let learning_rate = word2vec.learning_rate;
        let size = word2vec.batch_size.unwrap_or_else(|| size(learning_rate, n_pairs));
        Batches { size, adam: Adam { learning_rate: rate(learning_rate, size), ..Adam::default() } }
    }
}

fn size(learning_rate: f64, n_pairs: u64) -> usize {
    let steps_per_distance = n_pairs as f64 / (FEW_PAIRS as f64 * DISTANCE);
    let times = (steps_per_distance * learning_rate).powi(2).min(steps_per_distance * LARGEST_RATE);
    (times as usize).clamp(1, MANY_PAIRS / FEW_PAIRS) * FEW_PAIRS
}

fn rate(learning_rate: f64, size: usize) -> f64 {
    (learning_rate * (size as f64 / FEW_PAIRS as f64).sqrt()).min(learning_rate.max(LARGEST_RATE))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::settings;
    use super::*;

    fn of(learning_rate: f64, n_pairs: u64) -> (usize, f64) {
        let Batches { size, adam } =
            Batches::new(&settings(|word2vec| word2vec.learning_rate = learning_rate), n_pairs);
        assert_eq!(adam, Adam { learning_rate: adam.learning_rate, ..Adam::default() });
        (size, adam.learning_rate)
    }

    #[test]
    fn more_pairs_have_larger_steps() {
        let expected = [(0, 16), (16, 16), (90_000, 16), (91_000, 32), (144_170, 80), (300_000, 336), (512_000, 1024)];
        for (n_pairs, size) in expected {
            assert_eq!(of(0.001, n_pairs), (size, 0.001 * (size as f64 / 16.0).sqrt()), "{n_pairs} pairs");
        }
        for (n_pairs, size) in [(800_000, 2000), (1_638_399, 4080), (1_638_400, 4096), (u64::MAX, 8192)] {
            assert_eq!(of(0.001, n_pairs), (size, LARGEST_RATE), "{n_pairs} pairs");
        }
    }

    #[test]
    fn a_high_rate_stays_and_allows_larger_steps_and_a_low_one_does_not() {
        for (rate, n_pairs, size) in [(0.01, 12_799, 16), (0.01, 12_800, 32), (0.01, 800_000, 2000), (0.2, 12_800, 32)]
        {
            assert_eq!(of(rate, n_pairs), (size, rate), "{n_pairs} pairs, {rate}");
        }
        assert_eq!(of(1e-5, 1_000_000), (16, 1e-5));
        assert_eq!(of(1e-300, u64::MAX), (16, 1e-300));
    }

    #[test]
    fn steps_lead_as_far_as_they_must() {
        for learning_rate in [1e-4, 0.001, 0.003, 0.01, 0.1] {
            for n_pairs in (0..40).map(|i| 10_000 << (i / 4) << (i % 2)) {
                let distance = |size| n_pairs as f64 / size as f64 * rate(learning_rate, size).min(LARGEST_RATE);
                let (size, _) = of(learning_rate, n_pairs);
                assert!(size == FEW_PAIRS || distance(size) > DISTANCE * (1.0 - 1e-9), "{n_pairs}: {size}");
                assert!(size == MANY_PAIRS || distance(size + FEW_PAIRS) < DISTANCE, "{n_pairs}: {size}");
            }
        }
    }

    #[test]
    fn a_size_that_is_given_stays() {
        for (size, rate) in [(1, 0.000_25), (16, 0.001), (64, 0.002), (10_000, 0.01)] {
            let word2vec = settings(|word2vec| word2vec.batch_size = Some(size));
            for n_pairs in [1, 10_000_000] {
                let batches = Batches::new(&word2vec, n_pairs);
                assert_eq!((batches.size, batches.adam.learning_rate), (size, rate), "{n_pairs} pairs");
            }
        }
    }
}
