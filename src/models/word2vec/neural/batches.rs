//! Number of pairs per training step, and the learning rate that goes with it.
//!
//! The learning rate of a use case applies to steps of [`FEW_PAIRS`] pairs. A step moves every
//! parameter and computes each of its distinct centres once, so larger steps are many times faster
//! per pair. They learn the same if the rate grows with the square root of the number of pairs,
//! because the noise of a gradient falls by that root (S. Malladi, K. Lyu, A. Panigrahi, S. Arora,
//! "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms", 2022; the constants of the
//! moments are unchanged here). This holds for small steps only, so the rate does not grow beyond
//! [`LARGEST_RATE`]: in measurements on words of command lines, higher rates learned less about
//! unseen pairs.
//!
//! The price is distance. A step moves a parameter by about the rate, and the steps of an epoch
//! together must lead far enough away from the random initial parameters. A step has `16 k` pairs
//! with the largest `k` for which an epoch of `n` pairs covers [`DISTANCE`], where rates count only
//! up to the largest one:
//!
//! ```text
//! n / (16 k) * min(learning_rate * root(k), 0.01) >= DISTANCE
//!
//! so   k <= (n * learning_rate / (16 * DISTANCE))^2
//! and  k <=  n * 0.01          / (16 * DISTANCE)
//! ```
//!
//! Few pairs are therefore learned 16 at a time. With many, the loss on unseen pairs is not higher
//! than after the same number of epochs in steps of 16.

use outlier_kernels::skipgram::Adam;

use crate::config::Word2vec;

/// Size of the smallest steps, used when there are few pairs. The configured learning rate applies
/// to this size.
pub const FEW_PAIRS: usize = 16;

/// Size of the largest steps, used when there are many pairs.
pub const MANY_PAIRS: usize = 8192;

/// Upper limit on the growth of the rate with the size of steps.
pub const LARGEST_RATE: f64 = 0.01;

/// Minimum sum of the rates over the steps of an epoch.
pub const DISTANCE: f64 = 4.0;

/// Size and constants of the training steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Batches {
    /// Number of pairs per step; the last one of an epoch may have fewer.
    pub size: usize,
    /// Constants of Adam, including the scaled learning rate.
    pub adam: Adam,
}

impl Batches {
    /// Batches for epochs of `n_pairs` pairs. They depend only on this number and the settings.
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
    fn more_pairs_give_larger_steps() {
        let expected = [(0, 16), (16, 16), (90_000, 16), (91_000, 32), (144_170, 80), (300_000, 336), (512_000, 1024)];
        for (n_pairs, size) in expected {
            assert_eq!(of(0.001, n_pairs), (size, 0.001 * (size as f64 / 16.0).sqrt()), "{n_pairs} pairs");
        }
        for (n_pairs, size) in [(800_000, 2000), (1_638_399, 4080), (1_638_400, 4096), (u64::MAX, 8192)] {
            assert_eq!(of(0.001, n_pairs), (size, LARGEST_RATE), "{n_pairs} pairs");
        }
    }

    #[test]
    fn high_rates_are_kept_and_allow_larger_steps_and_low_ones_do_not() {
        for (rate, n_pairs, size) in [(0.01, 12_799, 16), (0.01, 12_800, 32), (0.01, 800_000, 2000), (0.2, 12_800, 32)]
        {
            assert_eq!(of(rate, n_pairs), (size, rate), "{n_pairs} pairs, {rate}");
        }
        assert_eq!(of(1e-5, 1_000_000), (16, 1e-5));
        assert_eq!(of(1e-300, u64::MAX), (16, 1e-300));
    }

    #[test]
    fn steps_cover_the_minimum_distance() {
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
    fn a_configured_size_is_kept() {
        for (size, rate) in [(1, 0.000_25), (16, 0.001), (64, 0.002), (10_000, 0.01)] {
            let word2vec = settings(|word2vec| word2vec.batch_size = Some(size));
            for n_pairs in [1, 10_000_000] {
                let batches = Batches::new(&word2vec, n_pairs);
                assert_eq!((batches.size, batches.adam.learning_rate), (size, rate), "{n_pairs} pairs");
            }
        }
    }
}
