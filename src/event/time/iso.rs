//! The common forms of ISO 8601, which most events have.

use chrono::NaiveDate;

use super::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND};

/// Lengths that distinguish the parts of a date: `2024`, `2024-05`, `2024-05-01`.
const YEAR_LEN: usize = 4;
const MONTH_LEN: usize = 7;
const DAY_LEN: usize = 10;

/// A time read from text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// Microseconds since 1970-01-01 UTC; missing parts are the first possible ones.
    pub micros: i64,
    /// Last part that was written.
    pub precision: Precision,
}

/// Last part of a written time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// `2024`
    Year,
    /// `2024-05`
    Month,
    /// `2024-05-01`
    Day,
    /// `2024-05-01T10`
    Hour,
    /// `2024-05-01T10:30`
    Minute,
    /// `2024-05-01T10:30:00`
    Second,
    /// With a fraction, or a count since 1970.
    Fraction,
}

/// Reads ISO dates that may end after any part (`2024-05`, `2024-05-01T10`). `T` or a space
/// precedes the time. Fractions have one to nine digits and are truncated to microseconds. The zone
/// is `Z`, `+02:00`, `+0200`, `+02`, or missing: then it is `offset_minutes` east of UTC.
pub fn iso(bytes: &[u8], offset_minutes: i32) -> Option<Parsed> {
    let year = digits(bytes.get(..YEAR_LEN)?)? as i32;
    let missing_offset = i64::from(offset_minutes) * MICROS_PER_MINUTE;
    let parsed = |month, day, time, offset, precision| {
        let days = i64::from(NaiveDate::from_ymd_opt(year, month, day)?.to_epoch_days());
        Some(Parsed { micros: days * MICROS_PER_DAY + time - offset, precision })
    };
    if bytes.len() == YEAR_LEN {
        return parsed(1, 1, 0, missing_offset, Precision::Year);
    }
    let month = digits_after(bytes, YEAR_LEN, b'-')?;
    if bytes.len() == MONTH_LEN {
        return parsed(month, 1, 0, missing_offset, Precision::Month);
    }
    let day = digits_after(bytes, MONTH_LEN, b'-')?;
    match &bytes[DAY_LEN..] {
        [] | [b'T'] => parsed(month, day, 0, missing_offset, Precision::Day),
        [b'T' | b' ', time @ ..] => {
            let (time, precision, zone) = time_of_day(time)?;
            let offset = if zone.is_empty() { missing_offset } else { zone_offset(zone)? };
            parsed(month, day, time, offset, precision)
        }
        _ => None,
    }
}

/// Returns microseconds since midnight, the last part that was written, and the rest, which is the
/// zone.
fn time_of_day(bytes: &[u8]) -> Option<(i64, Precision, &[u8])> {
    let part = |at: usize, last: u32| digits(bytes.get(at..at + 2)?).filter(|part| *part <= last).map(i64::from);
    let hour = part(0, 23)? * MICROS_PER_HOUR;
    if bytes.get(2) != Some(&b':') {
        return Some((hour, Precision::Hour, &bytes[2..]));
    }
    let minute = hour + part(3, 59)? * MICROS_PER_MINUTE;
    if bytes.get(5) != Some(&b':') {
        return Some((minute, Precision::Minute, &bytes[5..]));
    }
    let second = minute + part(6, 59)? * MICROS_PER_SECOND;
    match &bytes[8..] {
        [b'.' | b',', rest @ ..] => {
            let (fraction, zone) = rest.split_at(rest.iter().take_while(|byte| byte.is_ascii_digit()).count());
            let micros = second + leading_digits(fraction, 6);
            (1..=9).contains(&fraction.len()).then_some((micros, Precision::Fraction, zone))
        }
        zone => Some((second, Precision::Second, zone)),
    }
}

/// Returns the first `n` of `digits` as a number, with zeros for those that are missing.
pub(super) fn leading_digits(digits: &[u8], n: usize) -> i64 {
    (0..n).fold(0, |number, idx| number * 10 + digits.get(idx).map_or(0, |digit| i64::from(digit - b'0')))
}

/// Returns microseconds east of UTC for `Z`, `+02`, `+0200` or `+02:00`.
pub(super) fn zone_offset(zone: &[u8]) -> Option<i64> {
    let (sign, rest) = match zone {
        [b'Z'] => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let hours = digits(rest.get(..2)?)?;
    let minutes = match &rest[2..] {
        [] => 0,
        [b':', minutes @ ..] | minutes if minutes.len() == 2 => digits(minutes)?,
        _ => return None,
    };
    (hours <= 18 && minutes <= 59).then(|| sign * i64::from(hours * 60 + minutes) * MICROS_PER_MINUTE)
}

/// Returns the offset in minutes of a zone that is written as an offset or `Z`.
pub fn offset_minutes(zone: &str) -> Option<i32> {
    i32::try_from(zone_offset(zone.as_bytes())? / MICROS_PER_MINUTE).ok()
}

/// Reads the two digits after `separator` at `at`.
fn digits_after(bytes: &[u8], at: usize, separator: u8) -> Option<u32> {
    (*bytes.get(at)? == separator).then(|| digits(bytes.get(at + 1..at + 3)?))?
}

/// Reads digits as a number; at most nine of them.
fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
}
