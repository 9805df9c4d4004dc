//! Parses `strict_date_optional_time||epoch_millis`, the default date format of
//! Elasticsearch.

use crate::event::time::{MICROS_PER_MILLI, Parsed, Precision, iso};

/// Reads a time as a `date` field does by default, as microseconds since 1970-01-01 UTC. `text` may
/// be the text of a JSON number.
///
/// ISO dates may end after any part (`2024-05`, `2024-05-01T10`). `T` or a space precedes the time.
/// Fractions have one to nine digits and are truncated to microseconds. The zone is `Z`, `+02:00`,
/// `+0200`, `+02` or missing (UTC). Any other number is milliseconds since 1970, but four digits
/// are a year, as in Elasticsearch.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    parse_with_offset(text, 0).map(|parsed| parsed.micros)
}

/// Same as [`parse_timestamp`], for times whose missing zone is `offset_minutes` east of UTC.
pub fn parse_with_offset(text: &str, offset_minutes: i32) -> Option<Parsed> {
    let bytes = text.as_bytes();
    iso(bytes, offset_minutes).or_else(|| epoch_millis(bytes))
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
            millis.checked_mul(MICROS_PER_MILLI)?.checked_add(micros_of(digits))?
        }
        _ => exponent_micros(bytes)?,
    };
    Some(Parsed { micros: sign * micros, precision: Precision::Fraction })
}

/// Microseconds of the decimals of a millisecond.
fn micros_of(decimals: &[u8]) -> i64 {
    (0..3).fold(0, |number, idx| number * 10 + decimals.get(idx).map_or(0, |digit| i64::from(digit - b'0')))
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
