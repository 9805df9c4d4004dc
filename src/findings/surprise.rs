//! Order and sum of surprises.

/// Surprise as a number that has the same order.
pub(super) fn ordered(surprise: f64) -> u64 {
    // neither NaN nor a negative zero
    (surprise.max(0.0) + 0.0).to_bits()
}

/// Surprise of several signs that may share a cause: the highest counts in full, the next one half,
/// the one after it a quarter, and so on. Any number of equal signs counts less than twice.
pub(super) fn combined(mut surprises: Vec<f64>) -> f64 {
    surprises.sort_unstable_by(f64::total_cmp);
    // from the smallest share on, as in Horner's rule
    surprises.into_iter().fold(0.0, |sum, surprise| surprise + sum / 2.0)
}
