//! Count-based form: the probability of a context, from how often it occurs.

use rustc_hash::FxHashMap;

use super::pairs::PairTable;
use crate::config::Word2vec;

/// Probability of the context of each pair in `table`, given its centre; its natural logarithm if
/// `output_prob` is off.
///
/// A pair that occurs `n` times, out of `N` pairs with its centre, has `(n + 1) / (N + 1)`.
/// Adding one to both accounts for pairs that were never seen. Over the contexts of a centre, these
/// values sum to 1 or more.
pub(super) fn outputs(word2vec: &Word2vec, table: &PairTable) -> Vec<f64> {
    let mut n_by_centre: FxHashMap<u32, u64> = FxHashMap::default();
    for (pair, n) in table.pairs().iter().zip(table.counts()) {
        *n_by_centre.entry(pair.centre).or_default() += n;
    }
    let probability = |centre: u32, n: u64| (n + 1) as f64 / (n_by_centre[&centre] + 1) as f64;
    let shown = |probability: f64| if word2vec.output_prob { probability } else { probability.ln() };
    table.pairs().iter().zip(table.counts()).map(|(pair, &n)| shown(probability(pair.centre, n))).collect()
}
