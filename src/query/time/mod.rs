//! Times of events, times in queries (`now-1d/d`), and the time window of a use case.

mod date_math;
mod parse;

use chrono::{DateTime, TimeDelta, Utc};

pub use date_math::{ParseTime, Rounding, evaluate, is_expression, parse_zone};
pub use parse::{parse_timestamp, parse_with_offset};

/// Times of the events that a use case looks at, in microseconds since 1970-01-01 UTC; both ends
/// are inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeWindow {
    /// First instant.
    pub from: i64,
    /// Last instant.
    pub to: i64,
}

impl TimeWindow {
    /// Returns the window of this length that ends at `end`.
    pub fn until(end: DateTime<Utc>, length: TimeDelta) -> Self {
        let to = end.timestamp_micros();
        TimeWindow { from: to.saturating_sub(length.num_microseconds().unwrap_or(i64::MAX)), to }
    }
}
