//! Times of day and zones.

use super::iso::{Precision, leading_digits, zone_offset};
use super::scanner::Scanner;
use super::{MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};

/// Digits of a fraction that can matter: those of a microsecond in an hour.
const FRACTION_DIGITS: usize = 12;

/// Zones that have names in RFC 2822, in hours east of UTC. Other names stand for several zones.
const ZONES: [(&str, i64); 12] = [
    ("Z", 0),
    ("UTC", 0),
    ("GMT", 0),
    ("UT", 0),
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
];

/// Reads `10`, `10:30`, `10:30:15` or `10:30:15.5`, or the same without colons, and what may
/// follow: `AM` or `PM`. Returns microseconds since midnight. `24:00` is the end of the day; second
/// 60 is the first one of the next minute.
pub(super) fn clock(scanner: &mut Scanner<'_>) -> Option<(i64, Precision)> {
    let digits = scanner.digits();
    let number = |at: usize| leading_digits(&digits[at..], 2);
    let (hour, mut minute, mut second, mut precision) = match digits.len() {
        1 => (leading_digits(digits, 1), 0, 0, Precision::Hour),
        2 => (number(0), 0, 0, Precision::Hour),
        4 => (number(0), number(2), 0, Precision::Minute),
        6 => (number(0), number(2), number(4), Precision::Second),
        _ => return None,
    };
    if digits.len() <= 2 && scanner.eat(b':') {
        minute = i64::from(scanner.number(2)?);
        precision = Precision::Minute;
        if scanner.eat(b':') {
            second = i64::from(scanner.number(2)?);
            precision = Precision::Second;
        }
    }
    let fraction = fraction(scanner, precision)?;
    let hour = half_of_day(scanner, hour)?;
    let micros = hour * MICROS_PER_HOUR + minute * MICROS_PER_MINUTE + second * MICROS_PER_SECOND;
    let is_valid = (hour <= 23 || (hour == 24 && micros == 24 * MICROS_PER_HOUR && fraction.unwrap_or(0) == 0))
        && minute <= 59
        && second <= 60;
    let precision = if fraction.is_some() { Precision::Fraction } else { precision };
    is_valid.then_some((micros + fraction.unwrap_or(0), precision))
}

/// Reads a fraction of the last part, in microseconds; `Some(None)` without one. Further digits are
/// truncated.
fn fraction(scanner: &mut Scanner<'_>, of: Precision) -> Option<Option<i64>> {
    if !matches!(scanner.rest, [b'.' | b',', b'0'..=b'9', ..]) {
        return Some(None);
    }
    scanner.rest = &scanner.rest[1..];
    let unit = match of {
        Precision::Hour => MICROS_PER_HOUR,
        Precision::Minute => MICROS_PER_MINUTE,
        _ => MICROS_PER_SECOND,
    };
    let parts = i128::from(leading_digits(scanner.digits(), FRACTION_DIGITS));
    let micros = parts * i128::from(unit) / 10_i128.pow(FRACTION_DIGITS as u32);
    Some(Some(i64::try_from(micros).ok()?))
}

/// Half of a day, for hours from 1 to 12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HalfOfDay {
    Morning,
    Afternoon,
}

impl HalfOfDay {
    /// Reads `AM` or `PM`.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        is(b"am").then_some(HalfOfDay::Morning).or(is(b"pm").then_some(HalfOfDay::Afternoon))
    }

    /// Hour of the day for an hour from 1 to 12.
    pub(super) fn hour(self, hour: i64) -> Option<i64> {
        let first = if self == HalfOfDay::Afternoon { 12 } else { 0 };
        (1..=12).contains(&hour).then_some(first + hour % 12)
    }
}

/// Reads `AM` or `PM`, if one follows; `None` if the hour does not fit.
fn half_of_day(scanner: &mut Scanner<'_>, hour: i64) -> Option<i64> {
    let mut ahead = *scanner;
    ahead.blanks();
    let Some(half) = HalfOfDay::named(ahead.letters()) else { return Some(hour) };
    *scanner = ahead;
    half.hour(hour)
}

/// Reads a zone, if one is written: an offset or a name, then perhaps a region in brackets or a
/// comment. Returns microseconds east of UTC; `Some(None)` without a zone.
pub(super) fn zone(scanner: &mut Scanner<'_>) -> Option<Option<i64>> {
    scanner.blanks();
    let offset = match scanner.peek() {
        Some(b'+' | b'-') => Some(offset(scanner)?),
        Some(byte) if byte.is_ascii_alphabetic() => {
            let name = scanner.letters();
            let (known, hours) = ZONES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))?;
            let is_base = matches!(*known, "UTC" | "GMT") && matches!(scanner.peek(), Some(b'+' | b'-'));
            Some(if is_base { offset(scanner)? } else { hours * MICROS_PER_HOUR })
        }
        _ => None,
    };
    if offset.is_some() {
        remark(scanner);
    }
    Some(offset)
}

/// Reads `+02:00`, `+0200`, `+02` or `+2`.
fn offset(scanner: &mut Scanner<'_>) -> Option<i64> {
    let written = scanner.rest;
    let n = 1 + written[1..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b':').count();
    scanner.rest = &written[n..];
    match &written[..n] {
        [sign, hour] => zone_offset(&[*sign, b'0', *hour]),
        written => zone_offset(written),
    }
}

/// Skips `[Europe/Paris]` or `(CEST)`, which say no more than the offset before them.
fn remark(scanner: &mut Scanner<'_>) {
    let mut ahead = *scanner;
    ahead.blanks();
    let close = match ahead.peek() {
        Some(b'[') => b']',
        Some(b'(') => b')',
        _ => return,
    };
    if let Some(end) = ahead.rest.iter().position(|byte| *byte == close) {
        scanner.rest = &ahead.rest[end + 1..];
    }
}
