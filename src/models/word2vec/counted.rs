//! The count-based form: how probable a context is, from how often it occurs.

use rustc_hash::FxHashMap;

use super::pairs::PairTable;

/// How probable the context of each pair is, given its centre.
///
/// A pair that occurs `n` times, of `N` pairs with its centre, has `(n + 1) / (N + 1)`: one is added to both for what was never seen.
/// Over the contexts of a centre these sum up to 1 or more.
pub(super) fn probabilities(table: &PairTable) -> Vec<f64> {
    let mut n_by_centre: FxHashMap<u32, u64> = FxHashMap::default();
    for (pair, n) in table.pairs().iter().zip(table.counts()) {
        *n_by_centre.entry(pair.centre).or_default() += n;
    }
    let probability = |centre: u32, n: u64| (n + 1) as f64 / (n_by_centre[&centre] + 1) as f64;
    table.pairs().iter().zip(table.counts()).map(|(pair, &n)| probability(pair.centre, n)).collect()
}
