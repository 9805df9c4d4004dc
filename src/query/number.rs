//! Numbers that are compared exactly, however they are written.

use std::cmp::Ordering;

/// A number as JSON or a query writes it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    /// A number without fraction and exponent.
    Integer(i128),
    /// Any other number; never NaN.
    Float(f64),
}

impl Number {
    pub(super) fn parse(text: &str) -> Option<Number> {
        if let Ok(integer) = text.parse() {
            return Some(Number::Integer(integer));
        }
        // Rust parses `inf` and `nan` as numbers, too
        let written_as_number = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
        let float: f64 = text.parse().ok().filter(|_| written_as_number)?;
        Some(Number::Float(float))
    }

    pub(super) fn as_f64(self) -> f64 {
        match self {
            Number::Integer(integer) => integer as f64,
            Number::Float(float) => float,
        }
    }

    /// Drops the fraction, as integer fields do.
    pub(super) fn truncated(self) -> Number {
        match self {
            Number::Integer(_) => self,
            Number::Float(float) => Number::Float(float.trunc()),
        }
    }

    pub(super) fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Integer(a), Number::Integer(b)) => a.cmp(&b),
            (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Number::Integer(a), Number::Float(b)) => integer_to_float(a, b),
            (Number::Float(a), Number::Integer(b)) => integer_to_float(b, a).reverse(),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.compare(*other).is_eq()
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.compare(*other))
    }
}

/// Compares exactly. Without the fraction, the cast is exact unless it saturates, and saturation
/// keeps the order.
fn integer_to_float(integer: i128, float: f64) -> Ordering {
    integer.cmp(&(float.trunc() as i128)).then_with(|| 0.0.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_are_exact() {
        for (a, b, expected) in [
            ("5", "5.0", Ordering::Equal),
            ("5", "5e0", Ordering::Equal),
            ("9007199254740993", "9007199254740992.0", Ordering::Greater),
            ("18446744073709551615", "18446744073709551614", Ordering::Greater),
            ("-5", "-5.5", Ordering::Greater),
            ("5", "5.5", Ordering::Less),
            ("1", "1e300", Ordering::Less),
            ("0.1", "0.10", Ordering::Equal),
            ("-0", "0.0", Ordering::Equal),
        ] {
            let (x, y) = (Number::parse(a).unwrap(), Number::parse(b).unwrap());
            assert_eq!(x.compare(y), expected, "{a} with {b}");
            assert_eq!(y.compare(x), expected.reverse(), "{b} with {a}");
        }
        for text in ["", "x", "nan", "inf", "0x1", "1_000", "5 "] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
    }
}
