//! Ranges: numbers in the form that fields store, and values of unknown type.

use std::ops::{Bound, RangeBounds};

use super::{ValueRef, time_in};
use crate::event::time::TimeFormats;
use crate::query::mapping::{DateResolution, NumberKind};
use crate::query::number::Number;
use crate::query::time::parse_timestamp;

/// Lower and upper bound.
pub(crate) type Bounds<T> = (Bound<T>, Bound<T>);

/// Reads the text of a bound, unless it is open.
pub(super) fn read_bound<T, E>(bound: &Bound<String>, read: impl FnOnce(&str) -> Result<T, E>) -> Result<Bound<T>, E> {
    Ok(match bound {
        Bound::Unbounded => Bound::Unbounded,
        Bound::Included(text) => Bound::Included(read(text)?),
        Bound::Excluded(text) => Bound::Excluded(read(text)?),
    })
}

/// Reads the texts of two bounds.
pub(super) fn read_bounds<T, E>(
    lower: &Bound<String>,
    upper: &Bound<String>,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Bounds<T>, E> {
    Ok((read_bound(lower, &read)?, read_bound(upper, &read)?))
}

pub(super) fn is_text_inside(text: &str, (lower, upper): &Bounds<String>) -> bool {
    let bounds = (lower.as_ref().map(String::as_str), upper.as_ref().map(String::as_str));
    RangeBounds::<str>::contains(&bounds, text)
}

/// Converts a number to the form in which a field of this kind stores it.
pub(super) fn stored(number: Number, kind: NumberKind) -> Number {
    match kind {
        NumberKind::Whole => number.truncated(),
        NumberKind::Double => Number::Float(number.as_f64()),
        NumberKind::Single => Number::Float(f64::from(number.as_f64() as f32)),
        NumberKind::Scaled(factor) => Number::Float((number.as_f64() * factor).round()),
    }
}

/// A range over values of unknown type, in every possible reading; `None` if a bound cannot be read
/// so. Dates are compared if both sides are dates, numbers if both are numbers, otherwise texts in
/// Unicode order.
#[derive(Clone, Debug)]
pub(crate) struct UntypedRange {
    pub(super) booleans: Option<Bounds<bool>>,
    pub(super) numbers: Option<Bounds<Number>>,
    /// Microseconds, in whole milliseconds.
    pub(super) times: Option<Bounds<i64>>,
    /// Absent with date math such as `now-1d`, which can only be a time.
    pub(super) texts: Option<Bounds<String>>,
    /// Formats of the values, if they are known to be times: then those that can be read are.
    pub(super) formats: Option<TimeFormats>,
}

impl UntypedRange {
    pub(super) fn matches(&self, value: ValueRef<'_>) -> bool {
        if let (Some(times), Some(formats)) = (self.times, &self.formats)
            && let Some(micros) = time_in(formats, value)
        {
            return times.contains(&DateResolution::Millis.truncate(micros));
        }
        match value {
            ValueRef::Bool(flag) => self.booleans.is_some_and(|booleans| booleans.contains(&flag)),
            ValueRef::Number(text) => match self.numbers {
                Some(numbers) => Number::parse(text).is_some_and(|number| numbers.contains(&number)),
                None => self.has_time(time_in(&TimeFormats::default(), value)),
            },
            ValueRef::Text(text) if self.times.is_some() && is_full_date(text) => self.has_time(parse_timestamp(text)),
            ValueRef::Text(text) => self.texts.as_ref().is_some_and(|texts| is_text_inside(text, texts)),
        }
    }

    fn has_time(&self, time: Option<i64>) -> bool {
        self.times.zip(time).is_some_and(|(times, micros)| times.contains(&DateResolution::Millis.truncate(micros)))
    }
}

/// Returns true for a date down to the day; Elasticsearch would have mapped such a string as a
/// date.
pub(super) fn is_full_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-' && parse_timestamp(text).is_some()
}
