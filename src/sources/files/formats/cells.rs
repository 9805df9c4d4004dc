//! Values of cells as JSON text.

use std::{fmt, io};

/// Error for contents that are not what their start says.
pub(super) fn invalid(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

/// Contents that are whole, but beyond a limit.
#[derive(Debug)]
pub(super) struct BeyondLimit {
    pub(super) reason: String,
    pub(super) cure: &'static str,
}

impl BeyondLimit {
    pub(super) fn error(reason: impl Into<String>, cure: &'static str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, BeyondLimit { reason: reason.into(), cure })
    }
}

impl fmt::Display for BeyondLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.reason, self.cure)
    }
}

impl std::error::Error for BeyondLimit {}

/// Appends a text as JSON.
pub(super) fn push_text(text: &str, out: &mut String) {
    out.push('"');
    let mut copied = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[copied..at]);
        copied = at + 1;
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            _ => out.push_str(&format!("\\u{byte:04x}")),
        }
    }
    out.push_str(&text[copied..]);
    out.push('"');
}

/// Appends a value whose type is not declared: a number if it is written like one and survives as
/// one, a boolean, else a text. False if it is empty.
///
/// Hashes and ids look like numbers with an exponent now and then: as such, `0e12345` and `0e54321`
/// would be the same target. A zero at the end of a fraction is not kept, so that all of the prices
/// `9.99` and `10.50` are numbers.
pub(super) fn push_value(text: &str, out: &mut String) -> bool {
    match text.as_bytes() {
        [] => return false,
        [b'0'..=b'9' | b'-', ..] if survives_as_number(text) => out.push_str(text),
        b"true" | b"false" => out.push_str(text),
        _ => push_text(text, out),
    }
    true
}

/// True for text in the grammar of JSON numbers.
pub(super) fn is_json_number(text: &str) -> bool {
    number_parts(text).is_some()
}

/// Parts of a JSON number.
struct Number<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    has_exponent: bool,
}

fn number_parts(text: &str) -> Option<Number<'_>> {
    let is_negative = text.starts_with('-');
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[usize::from(is_negative)..at], Some(&text[at + 1..])),
        None => (&text[usize::from(is_negative)..], None),
    };
    let is_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(whole, rest)| (whole, Some(rest)));
    let is_whole = is_digits(whole) && (whole == "0" || !whole.starts_with('0'));
    let is_exponent = exponent.is_none_or(|exponent| is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    (is_whole && fraction.is_none_or(is_digits) && is_exponent).then(|| Number {
        is_negative,
        whole,
        fraction: fraction.unwrap_or_default(),
        has_exponent: exponent.is_some(),
    })
}

/// True for numbers that lose nothing as a 64-bit integer or floating-point number. Others, such as
/// `007`, `0e12345` or a number of 20 digits, are ids or hashes.
fn survives_as_number(text: &str) -> bool {
    /// Digits that every integer or floating-point number of 64 bits can hold.
    const INTEGER_DIGITS: usize = 18;
    const FLOAT_DIGITS: usize = 15;
    let Some(Number { is_negative, whole, fraction, has_exponent }) = number_parts(text) else { return false };
    if has_exponent {
        return false;
    }
    if fraction.is_empty() {
        return whole.len() <= INTEGER_DIGITS && !(is_negative && whole == "0");
    }
    whole.len() + fraction.len() <= FLOAT_DIGITS || keeps_its_digits(text)
}

/// True if the floating-point number of a decimal is written with the same digits, as those of
/// times in microseconds are.
fn keeps_its_digits(text: &str) -> bool {
    let digits = |text: &str| text.trim_end_matches('0').trim_end_matches('.').to_owned();
    text.parse::<f64>().is_ok_and(|number| digits(&number.to_string()) == digits(text))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::python::json_number_text;

    /// The text that a target has, from the JSON text of a cell.
    fn as_target(cell: &str) -> String {
        let mut out = String::new();
        push_value(cell, &mut out);
        match serde_json::from_str(&out) {
            Ok(serde_json::Value::String(text)) => text,
            _ => json_number_text(&out),
        }
    }

    proptest! {
        #[test]
        fn cells_that_differ_are_targets_that_differ(
            cells in prop::collection::hash_set("[01]{0,2}(\\.[01]{0,2}1)?(e[01]{1,2})?", 1..40),
        ) {
            let targets: HashSet<String> = cells.iter().map(|cell| as_target(cell)).collect();
            prop_assert_eq!(targets.len(), cells.len());
        }
    }

    #[test]
    fn values_have_the_type_in_which_they_survive() {
        let check = |text: &str, expected: &str| {
            let mut out = String::new();
            let is_there = push_value(text, &mut out);
            assert_eq!((out.as_str(), is_there), (expected, !text.is_empty()), "{text}");
            if is_there {
                serde_json::from_str::<serde_json::Value>(&out).expect("JSON");
            }
        };
        for number in [
            "0",
            "5",
            "-5",
            "123456789012345678",
            "0.25",
            "-0.0",
            "1.0",
            "1.50",
            "1.05",
            "0.00001",
            "1715126403.000001",
            "0.1234567890123456",
        ] {
            check(number, number);
        }
        for text in ["007", "+5", "1e400", "1e-400", "0x10", "1234567890123456789", "-0", "1.", ".5", "1e", "--1", "-"]
        {
            check(text, &format!("\"{text}\""));
        }
        for text in [
            "0.12345678901234567",
            "1.1234567890123456e1",
            "1e5",
            "2.5E-3",
            "0e9",
            "0e12345",
            "12345e6",
            "00",
            "-007",
            "1 ",
            " 1",
            "1,5",
            "Infinity",
            "NaN",
            "True",
            "TRUE",
            "null",
            "1_000",
        ] {
            check(text, &format!("\"{text}\""));
        }
        check("true", "true");
        check("false", "false");
        check("", "");
        check("a\"b\\c\n\u{1}é", r#""a\"b\\c\n\u0001é""#);
    }
}
