//! Values as Python reads them: existing files may use any of its spellings.

use chrono::TimeDelta;

/// Python's `int(text)`: blanks around, a sign, decimal digits of any script, single `_` between digits.
pub fn parse_int(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (&text[..1], rest),
        None => ("", text),
    };
    let plain = plain_digits(digits)?;
    if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("{sign}{plain}").parse().ok()
}

/// Python's `float(text)`: also exponents, `nan`, `inf`, `infinity` in any case.
pub fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = plain_digits(text)?;
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let is_named = ["nan", "inf", "infinity"].iter().any(|name| unsigned.eq_ignore_ascii_case(name));
    let is_number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    if is_named || is_number { plain.parse().ok() } else { None }
}

/// `1 yes true on` / `0 no false off`, in any case.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Some(true),
        "0" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// `D:H:M`: days, hours and minutes.
pub fn parse_duration(text: &str) -> Option<TimeDelta> {
    let parts: Vec<i64> = text.split(':').map(parse_int).collect::<Option<_>>()?;
    let [days, hours, minutes] = parts.as_slice() else { return None };
    let total = days.checked_mul(24)?.checked_add(*hours)?.checked_mul(60)?.checked_add(*minutes)?;
    TimeDelta::try_minutes(total)
}

/// Whether Python's `str.strip` takes the character away.
pub(crate) fn is_python_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// `str.strip`.
pub(crate) fn python_strip(text: &str) -> &str {
    text.trim_matches(is_python_space)
}

/// Digits of any script as ASCII ones, without the `_` that may stand between two digits.
fn plain_digits(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let mut last_is_digit = false;
    while let Some(character) = characters.next() {
        if character == '_' {
            let next_is_digit = characters.peek().is_some_and(|next| decimal_digit(*next).is_some());
            if !last_is_digit || !next_is_digit {
                return None;
            }
            last_is_digit = false;
            continue;
        }
        let digit = decimal_digit(character);
        last_is_digit = digit.is_some();
        plain.push(digit.unwrap_or(character));
    }
    Some(plain)
}

/// The value of a decimal digit: scripts have theirs in runs of ten.
pub(crate) fn decimal_digit(character: char) -> Option<char> {
    const ZEROS: [u32; 24] = [
        0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0xf20,
        0x1040, 0x17e0, 0x1810, 0xff10, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec,
    ];
    let code = u32::from(character);
    ZEROS.iter().find(|&&zero| (zero..zero + 10).contains(&code)).and_then(|zero| char::from_digit(code - zero, 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(parse_int(text), expected, "{text:?}");
        check("7", Some(7));
        check(" +7 ", Some(7));
        check("-1_000", Some(-1000));
        check("٣", Some(3));
        check("1.0", None);
        check("0x10", None);
        check("1__0", None);
        check("_1", None);
        check("", None);
        check("- 1", None);
        check("99999999999999999999", None);
    }

    #[test]
    fn floats() {
        let check = |text: &str, expected: Option<f64>| assert_eq!(parse_float(text), expected, "{text:?}");
        check("2", Some(2.0));
        check(" 12 ", Some(12.0));
        check("1e3", Some(1000.0));
        check("1_000", Some(1000.0));
        check(".5", Some(0.5));
        check("5.", Some(5.0));
        check("-Infinity", Some(f64::NEG_INFINITY));
        check("abc", None);
        check("", None);
        check("0x10", None);
        check("1,5", None);
        check("True", None);
        check("12 - 13", None);
        check("1e", None);
        assert!(parse_float("NaN").is_some_and(f64::is_nan));
    }

    #[test]
    fn switches_and_durations() {
        assert_eq!(["1", "YES", "True", "on"].map(parse_bool), [Some(true); 4]);
        assert_eq!(["0", "no", "False", "OFF"].map(parse_bool), [Some(false); 4]);
        assert_eq!(["2", "", "y"].map(parse_bool), [None; 3]);
        assert_eq!(parse_duration("07:00:00"), Some(TimeDelta::days(7)));
        assert_eq!(parse_duration(" 1 : 2 : 3 "), Some(TimeDelta::minutes(26 * 60 + 3)));
        assert_eq!(parse_duration("1:2"), None);
        assert_eq!(parse_duration("1:2:x"), None);
    }
}
