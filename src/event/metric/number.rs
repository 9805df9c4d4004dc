//! Numbers in texts.

use crate::config::values::parse_float;

/// The number that `text` is, in Python's spelling of floats.
pub(super) fn parse(text: &str) -> Option<f64> {
    parse_float(text)
}
