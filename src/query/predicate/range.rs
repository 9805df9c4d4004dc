//! Ranges: numbers in the form that fields store, and values of unknown type.

use std::cmp::Ordering;

use super::ValueRef;
use crate::query::mapping::NumberKind;
use crate::query::number::Number;
use crate::query::time::{MICROS_PER_MILLI, parse_timestamp};

/// Returns true if a value lies between two bounds. `compare` compares it with a bound; the flag of
/// a bound is true if the bound itself is inside.
pub(super) fn is_inside<B>(
    lower: Option<(B, bool)>,
    upper: Option<(B, bool)>,
    compare: impl Fn(B) -> Ordering,
) -> bool {
    let side = |bound: Option<(B, bool)>, outside: Ordering| match bound {
        None => true,
        Some((bound, inclusive)) => match compare(bound) {
            Ordering::Equal => inclusive,
            ordering => ordering != outside,
        },
    };
    side(lower, Ordering::Less) && side(upper, Ordering::Greater)
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

/// A range over values of unknown type. Dates are compared if both sides are dates, numbers if both
/// are numbers, otherwise texts in Unicode order.
#[derive(Clone, Debug, Default)]
pub(crate) struct UntypedRange {
    pub(super) lower: Option<UntypedBound>,
    pub(super) upper: Option<UntypedBound>,
}

/// One bound, in every possible reading.
#[derive(Clone, Debug)]
pub(crate) struct UntypedBound {
    pub(super) text: String,
    pub(super) inclusive: bool,
    pub(super) number: Option<Number>,
    /// microseconds, adjusted so that the bound itself is inside
    pub(super) time: Option<i64>,
    /// true for date math such as `now-1d`, which can only be a time
    pub(super) is_expression: bool,
}

impl UntypedRange {
    pub(super) fn matches(&self, value: ValueRef<'_>) -> bool {
        match value {
            ValueRef::Number(text) if self.bounds().all(|bound| bound.number.is_some()) => {
                Number::parse(text).is_some_and(|number| self.has_number(number))
            }
            ValueRef::Number(text) => {
                self.all_times() && parse_timestamp(text).is_some_and(|micros| self.has_time(micros))
            }
            ValueRef::Text(text) if self.all_times() && is_full_date(text) => {
                parse_timestamp(text).is_some_and(|micros| self.has_time(micros))
            }
            ValueRef::Bool(_) => {
                self.bounds().all(|bound| matches!(bound.text.as_str(), "true" | "false"))
                    && self.has_text(value.as_text())
            }
            ValueRef::Text(_) => !self.bounds().any(|bound| bound.is_expression) && self.has_text(value.as_text()),
        }
    }

    /// Returns true for ranges such as `[now-1d TO x]`, which no value can satisfy.
    pub(super) fn mixes_expression_and_text(&self) -> bool {
        self.bounds().any(|bound| bound.is_expression) && !self.all_times()
    }

    fn bounds(&self) -> impl Iterator<Item = &UntypedBound> {
        self.lower.iter().chain(&self.upper)
    }

    /// Returns true if each bound can be read as a time.
    pub(super) fn all_times(&self) -> bool {
        self.bounds().all(|bound| bound.time.is_some())
    }

    fn has_number(&self, number: Number) -> bool {
        let side =
            |bound: &Option<UntypedBound>| bound.as_ref().and_then(|bound| Some((bound.number?, bound.inclusive)));
        is_inside(side(&self.lower), side(&self.upper), |bound| number.compare(bound))
    }

    fn has_time(&self, micros: i64) -> bool {
        let millis = micros.div_euclid(MICROS_PER_MILLI) * MICROS_PER_MILLI;
        let side = |bound: &Option<UntypedBound>| bound.as_ref().and_then(|bound| Some((bound.time?, true)));
        is_inside(side(&self.lower), side(&self.upper), |bound| millis.cmp(&bound))
    }

    fn has_text(&self, text: &str) -> bool {
        let side = |bound: &Option<UntypedBound>| bound.as_ref().map(|bound| (bound.text.clone(), bound.inclusive));
        is_inside(side(&self.lower), side(&self.upper), |bound| text.cmp(bound.as_str()))
    }
}

/// Returns true for a date down to the day; Elasticsearch would have mapped such a string as a
/// date.
fn is_full_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-' && parse_timestamp(text).is_some()
}
