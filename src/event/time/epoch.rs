//! Numbers: counts of seconds, milliseconds, microseconds or nanoseconds since 1970.

use super::iso::{Parsed, Precision};
use super::{CALENDAR, MICROS_PER_SECOND};

/// Unit of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    const ALL: [Unit; 4] = [Unit::Seconds, Unit::Millis, Unit::Micros, Unit::Nanos];

    /// Number of units in a second.
    fn per_second(self) -> i128 {
        match self {
            Unit::Seconds => 1,
            Unit::Millis => 1_000,
            Unit::Micros => 1_000_000,
            Unit::Nanos => 1_000_000_000,
        }
    }

    /// First count that is believed to be in this unit, in seconds: 1971-01-01. Counts of
    /// nanoseconds before 2001-09-09 have the size of counts from other years on: those of Windows
    /// and .NET, in 100 nanoseconds.
    fn first_second(self) -> i128 {
        if self == Unit::Nanos { 1_000_000_000 } else { 31_536_000 }
    }
}

/// Second after those that are believed: 2286-11-20, when seconds have eleven digits.
const END_SECOND: i128 = 10_000_000_000;

/// A decimal number: `digits` with the last `n_decimals` of them after the point.
#[derive(Clone, Copy)]
struct Decimal {
    digits: i128,
    n_decimals: u32,
}

/// Upper limit on the digits before the point; longer numbers are not counts.
const MAX_DIGITS: usize = 20;

/// Decimals that can matter: those of a microsecond in a second, and some that are truncated.
const MAX_DECIMALS: usize = 9;

/// Reads a number in the unit in which it lies between 1971 and 2286. No number does so in two
/// units; one that does in none (too small, negative, or from another clock) is not a time.
pub(super) fn by_size(text: &str) -> Option<Parsed> {
    let number = decimal(text)?;
    let whole = number.digits / 10_i128.pow(number.n_decimals);
    let is_in = |unit: &Unit| {
        let per_second = unit.per_second();
        (unit.first_second() * per_second..END_SECOND * per_second).contains(&whole)
    };
    count(number, Unit::ALL.into_iter().find(is_in)?)
}

/// Reads a number in `unit`, whatever its size.
pub(super) fn in_unit(text: &str, unit: Unit) -> Option<Parsed> {
    count(decimal(text.trim())?, unit)
}

/// Reads milliseconds since 1970, whatever their size.
pub fn micros_of_millis(text: &str) -> Option<i64> {
    in_unit(text, Unit::Millis).map(|parsed| parsed.micros)
}

/// Reads `/Date(1714557600000)/` and `/Date(1714557600000+0200)/`: milliseconds in UTC; the offset
/// says only where they were written.
pub(super) fn dotnet(text: &str) -> Option<Parsed> {
    let inner = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let end = inner.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-')).map_or(inner.len(), |(at, _)| at);
    let (millis, offset) = inner.split_at(end);
    let is_offset = offset.len() == 5 && offset[1..].bytes().all(|byte| byte.is_ascii_digit());
    (offset.is_empty() || is_offset).then(|| in_unit(millis, Unit::Millis))?
}

fn count(number: Decimal, unit: Unit) -> Option<Parsed> {
    let Decimal { digits, n_decimals } = number;
    let parts = digits.checked_mul(i128::from(MICROS_PER_SECOND))?;
    let micros = parts.div_euclid(unit.per_second() * 10_i128.pow(n_decimals));
    let micros = i64::try_from(micros).ok().filter(|micros| CALENDAR.contains(micros))?;
    Some(Parsed { micros, precision: Precision::Fraction })
}

/// Reads a number as JSON writes it; a leading `+` is fine. Numbers with an exponent have the
/// precision of a float.
fn decimal(text: &str) -> Option<Decimal> {
    let (sign, text) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    if text.bytes().any(|byte| byte.eq_ignore_ascii_case(&b'e')) {
        return exponent(text).map(|micros| Decimal { digits: sign * micros, n_decimals: 6 });
    }
    let (whole, decimals) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (text, ""),
    };
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > MAX_DIGITS || !is_number(whole) || !is_number(decimals) {
        return None;
    }
    let decimals = &decimals[..decimals.len().min(MAX_DECIMALS)];
    let digits = whole.bytes().chain(decimals.bytes());
    let digits = digits.fold(0, |number, digit| number * 10 + i128::from(digit - b'0'));
    Some(Decimal { digits: sign * digits, n_decimals: decimals.len() as u32 })
}

/// Millionths of a number with an exponent.
fn exponent(text: &str) -> Option<i128> {
    let is_number = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    let number: f64 = is_number.then(|| text.parse().ok())??;
    let millionths = number * MICROS_PER_SECOND as f64;
    // beyond this no unit has a year up to 9999
    (millionths < 1e30).then_some(millionths as i128)
}
