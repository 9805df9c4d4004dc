//! Keys that limit the outliers of use cases and runs.

use std::num::NonZeroU64;

use super::keys::Keys;
use crate::python::parse_float;

/// Reads a limit that is absent unless it is written.
pub(super) fn limit(keys: &mut Keys<'_>, key: &'static str) -> Option<NonZeroU64> {
    let help = "write a number, or remove the key for no limit";
    keys.parsed(key, "not a whole number from 1 on", help, |text| text.parse().ok())
}

/// Reads the lowest score of outliers.
pub(super) fn min_score(keys: &mut Keys<'_>) -> Option<f64> {
    let of_scores = |score: &f64| (0.0..=100.0).contains(score);
    let help = "write a score, such as 50";
    keys.parsed("min_score", "not a number from 0 to 100", help, |text| parse_float(text).filter(of_scores))
}
