//! Parses `strict_date_optional_time||epoch_millis`, the default date format of Elasticsearch. It
//! runs for every event, so it does not allocate.

use chrono::NaiveDate;

use super::MICROS_PER_MILLI;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
const MICROS_PER_DAY: i64 = 24 * 60 * MICROS_PER_MINUTE;
/// Lengths that distinguish the parts of a date: `2024`, `2024-05`, `2024-05-01`.
const YEAR_LEN: usize = 4;
const MONTH_LEN: usize = 7;
const DAY_LEN: usize = 10;

/// Reads the timestamp of an event as microseconds since 1970-01-01 UTC. `text` may be the text of
/// a JSON number.
///
/// ISO dates may end after any part (`2024-05`, `2024-05-01T10`). `T` or a space precedes the time.
/// Fractions have one to nine digits and are truncated to microseconds. The zone is `Z`, `+02:00`,
/// `+0200`, `+02` or missing (UTC). Any other number is milliseconds since 1970, but four digits
/// are a year, as in Elasticsearch.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    parse_with_offset(text, 0).map(|parsed| parsed.micros)
}

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
    /// With a fraction, or milliseconds since 1970.
    Fraction,
}

/// Same as [`parse_timestamp`], for times whose missing zone is `offset_minutes` east of UTC.
pub fn parse_with_offset(text: &str, offset_minutes: i32) -> Option<Parsed> {
    let bytes = text.as_bytes();
    iso(bytes, offset_minutes).or_else(|| epoch_millis(bytes))
}

fn iso(bytes: &[u8], offset_minutes: i32) -> Option<Parsed> {
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
    let hour = part(0, 23)? * 60 * MICROS_PER_MINUTE;
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
fn leading_digits(digits: &[u8], n: usize) -> i64 {
    (0..n).fold(0, |number, idx| number * 10 + digits.get(idx).map_or(0, |digit| i64::from(digit - b'0')))
}

/// Returns microseconds east of UTC for `Z`, `+02`, `+0200` or `+02:00`.
fn zone_offset(zone: &[u8]) -> Option<i64> {
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

/// Returns the offset in minutes of a `time_zone` that is written as an offset.
pub(super) fn offset_minutes(zone: &str) -> Option<i32> {
    i32::try_from(zone_offset(zone.as_bytes())? / MICROS_PER_MINUTE).ok()
}

/// Reads milliseconds since 1970; a fraction is truncated to microseconds.
fn epoch_millis(bytes: &[u8]) -> Option<Parsed> {
    let (sign, bytes) = match bytes {
        [b'-', rest @ ..] => (-1, rest),
        _ => (1, bytes),
    };
    let whole_len = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, rest) = bytes.split_at(whole_len);
    if whole.is_empty() {
        return None;
    }
    let millis =
        whole.iter().try_fold(0_i64, |number, byte| number.checked_mul(10)?.checked_add(i64::from(byte - b'0')))?;
    let micros = match rest {
        [] => millis.checked_mul(MICROS_PER_MILLI)?,
        [b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            millis.checked_mul(MICROS_PER_MILLI)?.checked_add(leading_digits(digits, 3))?
        }
        _ => exponent_micros(bytes)?,
    };
    Some(Parsed { micros: sign * micros, precision: Precision::Fraction })
}

/// Reads milliseconds with an exponent (`1.7e12`), as JSON may write them.
fn exponent_micros(bytes: &[u8]) -> Option<i64> {
    let has_exponent = bytes.iter().any(|byte| byte.eq_ignore_ascii_case(&b'e'));
    let number =
        has_exponent && bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    let millis: f64 = std::str::from_utf8(bytes).ok().filter(|_| number)?.parse().ok()?;
    let micros = millis * 1_000.0;
    // above this limit a float has no whole microseconds, and no event is that late
    (micros < 9e15).then_some(micros as i64)
}

/// Reads the two digits after `separator` at `at`.
fn digits_after(bytes: &[u8], at: usize, separator: u8) -> Option<u32> {
    (*bytes.get(at)? == separator).then(|| digits(bytes.get(at + 1..at + 3)?))?
}

fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn timestamps() {
        for (text, expected) in [
            ("2024-05-01T00:00:01.623Z", "2024-05-01T00:00:01.623Z"),
            ("2024-05-01T00:00:01.623456789Z", "2024-05-01T00:00:01.623456Z"),
            ("2024-05-01T02:00:01+02:00", "2024-05-01T00:00:01Z"),
            ("2024-05-01T02:00:01+0200", "2024-05-01T00:00:01Z"),
            ("2024-04-30T19:00:01-05", "2024-05-01T00:00:01Z"),
            ("2024-05-01 10:20:30,5", "2024-05-01T10:20:30.5Z"),
            ("2024-05-01T10:20", "2024-05-01T10:20:00Z"),
            ("2024-05-01T10Z", "2024-05-01T10:00:00Z"),
            ("2024-05-01T", "2024-05-01T00:00:00Z"),
            ("2024-02-29", "2024-02-29T00:00:00Z"),
            ("2024-05", "2024-05-01T00:00:00Z"),
            ("2024", "2024-01-01T00:00:00Z"),
            ("1714521601623", "2024-05-01T00:00:01.623Z"),
            ("1714521601623.25", "2024-05-01T00:00:01.62325Z"),
            ("1.714521601623e12", "2024-05-01T00:00:01.623Z"),
            ("-1000", "1969-12-31T23:59:59Z"),
            ("0", "1970-01-01T00:00:00Z"),
            ("0001-01-01", "0001-01-01T00:00:00Z"),
        ] {
            let expected = chrono::DateTime::parse_from_rfc3339(expected).unwrap().timestamp_micros();
            assert_eq!(parse_timestamp(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn texts_that_are_not_timestamps() {
        for text in [
            "",
            "x",
            "2024-13-01",
            "2023-02-29",
            "2024-5-1",
            "2024-05-01T24:00:00",
            "2024-05-01T10:60",
            "2024-05-01 ",
            "2024-05-01T1",
            "2024-05-01T10:20:30.",
            "2024-05-01T10:20:30.1234567890",
            "2024-05-01T10:20:30+1",
            "2024-05-01T10:20:30ZZ",
            "2024/05/01",
            "99999999999999999999",
            "1e400",
            "1.",
            ".5",
            "-",
            "1-1",
            "٢٠٢٤",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_chrono(micros in -62_000_000_000_000_000_i64..250_000_000_000_000_000) {
            let text = chrono::DateTime::from_timestamp_micros(micros).unwrap().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
            prop_assert_eq!(parse_timestamp(&text), Some(micros));
        }

        #[test]
        fn never_panics(text in "[0-9T:.+Z -]{0,30}|.{0,12}") {
            let _ = parse_timestamp(&text);
        }
    }
}
