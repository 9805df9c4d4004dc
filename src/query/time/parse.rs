//! Parses `strict_date_optional_time||epoch_millis`, the default date format of Elasticsearch. It
//! runs for every event, so it does not allocate.

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
    let year = i64::from(digits(bytes.get(..YEAR_LEN)?)?);
    let missing_offset = i64::from(offset_minutes) * MICROS_PER_MINUTE;
    let parsed = |days: i64, time: i64, offset: i64, precision| {
        Some(Parsed { micros: days * MICROS_PER_DAY + time - offset, precision })
    };
    if bytes.len() == YEAR_LEN {
        return parsed(days_from_civil(year, 1, 1), 0, missing_offset, Precision::Year);
    }
    let month = i64::from(digits_after(bytes, YEAR_LEN, b'-')?);
    if !(1..=12).contains(&month) {
        return None;
    }
    if bytes.len() == MONTH_LEN {
        return parsed(days_from_civil(year, month, 1), 0, missing_offset, Precision::Month);
    }
    let day = i64::from(digits_after(bytes, MONTH_LEN, b'-')?);
    if day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let days = days_from_civil(year, month, day);
    if bytes.len() == DAY_LEN {
        return parsed(days, 0, missing_offset, Precision::Day);
    }
    let [b'T' | b' ', time @ ..] = &bytes[DAY_LEN..] else { return None };
    if time.is_empty() {
        return (bytes[DAY_LEN] == b'T')
            .then_some(Parsed { micros: days * MICROS_PER_DAY - missing_offset, precision: Precision::Day });
    }
    let (time, precision, zone) = time_of_day(time)?;
    let offset = if zone.is_empty() { missing_offset } else { zone_offset(zone)? };
    parsed(days, time, offset, precision)
}

/// Returns microseconds since midnight, the last part that was written, and the rest, which is the
/// zone.
fn time_of_day(bytes: &[u8]) -> Option<(i64, Precision, &[u8])> {
    let hour = i64::from(digits(bytes.get(..2)?)?);
    if hour > 23 {
        return None;
    }
    let hour = hour * 60 * MICROS_PER_MINUTE;
    if bytes.get(2) != Some(&b':') {
        return Some((hour, Precision::Hour, &bytes[2..]));
    }
    let minute = i64::from(digits_after(bytes, 2, b':')?);
    if minute > 59 {
        return None;
    }
    let minute = hour + minute * MICROS_PER_MINUTE;
    if bytes.get(5) != Some(&b':') {
        return Some((minute, Precision::Minute, &bytes[5..]));
    }
    let second = i64::from(digits_after(bytes, 5, b':')?);
    if second > 59 {
        return None;
    }
    let second = minute + second * MICROS_PER_SECOND;
    match bytes.get(8) {
        Some(b'.' | b',') => {
            let (micros, length) = fraction(&bytes[9..])?;
            Some((second + micros, Precision::Fraction, &bytes[9 + length..]))
        }
        _ => Some((second, Precision::Second, &bytes[8..])),
    }
}

/// Returns the microseconds of a fraction of one to nine digits, and its number of digits.
fn fraction(bytes: &[u8]) -> Option<(i64, usize)> {
    let length = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&length) {
        return None;
    }
    let digit = |idx: usize| if idx < length { i64::from(bytes[idx] - b'0') } else { 0 };
    let micros = (0..6).fold(0, |micros, idx| micros * 10 + digit(idx));
    Some((micros, length))
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
    let (negative, bytes) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    let whole_len = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, rest) = bytes.split_at(whole_len);
    if whole.is_empty() {
        return None;
    }
    let millis =
        whole.iter().try_fold(0_i64, |number, byte| number.checked_mul(10)?.checked_add(i64::from(byte - b'0')))?;
    let micros = match rest {
        [] => 0,
        [b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            (0..3).fold(0, |micros, idx| micros * 10 + digits.get(idx).map_or(0, |digit| i64::from(digit - b'0')))
        }
        _ => return exponent_millis(negative, bytes),
    };
    let micros = millis.checked_mul(super::MICROS_PER_MILLI)?.checked_add(micros)?;
    Some(Parsed { micros: if negative { -micros } else { micros }, precision: Precision::Fraction })
}

/// Reads a number with an exponent (`1.7e12`), as JSON may write it.
fn exponent_millis(negative: bool, bytes: &[u8]) -> Option<Parsed> {
    let has_exponent = bytes.iter().any(|byte| byte.eq_ignore_ascii_case(&b'e'));
    let number =
        has_exponent && bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    let millis: f64 = std::str::from_utf8(bytes).ok().filter(|_| number)?.parse().ok()?;
    let micros = millis * 1_000.0;
    // above this limit a float has no whole microseconds, and no event is that late
    (micros < 9e15).then(|| {
        let micros = micros.trunc() as i64;
        Parsed { micros: if negative { -micros } else { micros }, precision: Precision::Fraction }
    })
}

/// Reads the two digits after `separator` at `at`.
fn digits_after(bytes: &[u8], at: usize, separator: u8) -> Option<u32> {
    (*bytes.get(at)? == separator).then(|| digits(bytes.get(at + 1..at + 3)?))?
}

fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar (Howard Hinnant's
/// `days_from_civil`).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
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
