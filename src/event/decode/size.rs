//! Limits on the size of lines.

use super::cursor::{depth, extent};
use super::skipped::SkipReason;
use super::{MAX_DEPTH, MAX_LINE_BYTES, MAX_VALUE_BYTES, MAX_VALUES};

/// Lines up to this length have no room for too many values, or too long ones: each value takes a
/// byte at least, and another one that separates it from the next.
pub(super) const MOST_UNCHECKED_BYTES: usize = 2 * MAX_VALUES;

/// Refuses lines that are too long or too deep, or have too many values.
pub(super) fn check_size(line: &str) -> Result<(), SkipReason> {
    if line.len() > MAX_LINE_BYTES {
        return Err(SkipReason::TooLong);
    }
    // `[` and `{` differ in one bit; few lines have enough of them to be too deep
    let n_open = line.bytes().filter(|byte| byte | 0x20 == b'{').count();
    if n_open > MAX_DEPTH && depth(line) > MAX_DEPTH {
        return Err(SkipReason::TooDeep);
    }
    if line.len() > MOST_UNCHECKED_BYTES { check_values(line) } else { Ok(()) }
}

fn check_values(line: &str) -> Result<(), SkipReason> {
    let extent = extent(line);
    if extent.n_values > MAX_VALUES {
        return Err(SkipReason::TooManyValues);
    }
    if extent.longest > MAX_VALUE_BYTES { Err(SkipReason::ValueTooLong) } else { Ok(()) }
}
