//! Numbers in Python's syntax.

/// Parses an integer in Python's syntax: sign, digits of any script, single `_` between digits,
/// surrounding whitespace.
///
/// `None` for anything else, and for numbers beyond 64 bits.
pub fn parse_int(text: &str) -> Option<i64> {
    integer_text(text)?.parse().ok()
}

/// Parses an integer of any size as text: an optional `-` and ASCII digits without leading zeros.
pub fn integer_text(text: &str) -> Option<String> {
    let plain = plain_number(text)?;
    let digits = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    Some(match (plain.starts_with('-'), significant) {
        (_, "") => "0".to_owned(),
        (true, _) => format!("-{significant}"),
        (false, _) => significant.to_owned(),
    })
}

/// Parses a number in Python's syntax: as [`parse_int`], with fraction and exponent, or `nan`,
/// `inf`, `infinity` in any case.
pub fn parse_float(text: &str) -> Option<f64> {
    // the remaining syntax is that of Rust
    plain_number(text)?.parse().ok()
}

/// Returns the text with ASCII digits, without surrounding whitespace and without `_` between
/// digits. `None` if a `_` stands elsewhere.
fn plain_number(text: &str) -> Option<String> {
    let text = text.trim();
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().map(|c| decimal_digit(c).unwrap_or(c)).peekable();
    let mut after_digit = false;
    while let Some(c) = chars.next() {
        if c == '_' {
            if !after_digit || !chars.peek().is_some_and(char::is_ascii_digit) {
                return None;
            }
        } else {
            plain.push(c);
        }
        after_digit = c.is_ascii_digit();
    }
    Some(plain)
}

/// Zeros of all scripts with decimal digits (Unicode category Nd) in ascending order; each is
/// followed by its other nine digits.
const ZEROS: [u32; 66] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620,
    0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0,
    0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60,
    0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

/// Returns a decimal digit of any script as its ASCII digit; `None` for other characters.
pub fn decimal_digit(c: char) -> Option<char> {
    if c.is_ascii() {
        return c.is_ascii_digit().then_some(c);
    }
    let code = u32::from(c);
    let scripts = ZEROS.partition_point(|zero| *zero <= code);
    let digit = scripts.checked_sub(1).map(|script| code - ZEROS[script]);
    digit.and_then(|digit| char::from_digit(digit, 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Results of `int(text)` and `float(text)` in Python 3.
    const NUMBERS: [(&str, Option<i64>, Option<f64>); 36] = [
        ("1", Some(1), Some(1.0)),
        (" 12 ", Some(12), Some(12.0)),
        ("-7", Some(-7), Some(-7.0)),
        ("+7", Some(7), Some(7.0)),
        ("\u{1c}1", None, None),
        ("1\u{1f}", None, None),
        ("\u{a0}1", Some(1), Some(1.0)),
        ("\u{2028}1", Some(1), Some(1.0)),
        ("\u{b}1\u{c}", Some(1), Some(1.0)),
        ("1_0", Some(10), Some(10.0)),
        ("_1", None, None),
        ("1_", None, None),
        ("1__0", None, None),
        ("00_1", Some(1), Some(1.0)),
        ("٣", Some(3), Some(3.0)),
        ("٣_٣", Some(33), Some(33.0)),
        ("٣.٥", None, Some(3.5)),
        ("٣٫٥", None, None),
        ("１２", Some(12), Some(12.0)),
        ("𝟙", Some(1), Some(1.0)),
        ("½", None, None),
        ("1_0.5_0", None, Some(10.5)),
        ("1._5", None, None),
        ("1_.5", None, None),
        ("1e1_0", None, Some(1e10)),
        ("1_e5", None, None),
        ("1e+_5", None, None),
        ("1.0", None, Some(1.0)),
        ("1e3", None, Some(1000.0)),
        ("5.", None, Some(5.0)),
        (".5", None, Some(0.5)),
        (".", None, None),
        ("1e", None, None),
        ("0x10", None, None),
        ("+ 1", None, None),
        ("", None, None),
    ];

    #[test]
    fn numbers_have_the_syntax_of_python() {
        for (text, int, float) in NUMBERS {
            assert_eq!(parse_int(text), int, "int {text:?}");
            assert_eq!(parse_float(text), float, "float {text:?}");
        }
        assert_eq!(parse_float("-INF"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_float("Infinity"), Some(f64::INFINITY));
        assert!(parse_float("+nan").is_some_and(f64::is_nan));
        assert_eq!(parse_float("infin"), None);
        assert_eq!(parse_int("9223372036854775808"), None);
    }
}
