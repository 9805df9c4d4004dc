//! Text for terminals: escaping what others wrote, lines of words, tables, colours, numbers,
//! plurals.

mod palette;
mod table;
mod words;

use std::fmt::Write;

pub use palette::{Colour, Palette};
pub use table::WordTable;
pub use words::{fitted, flowed, padded, width, wrapped};

/// Text for a terminal: control characters, and those that reorder text, are shown as escapes.
pub fn escape_controls(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) {
            // Writing into a String cannot fail.
            let _ = write!(shown, "{}", c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Returns a name or value from outside between backticks, for a message.
pub fn quoted(text: &str) -> String {
    format!("`{}`", escape_controls(text))
}

/// Line separators, directional marks and the byte order mark.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Formats `1,234,567`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a number with at most six significant digits, unless it is whole.
pub fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        let digits = thousands(value.abs() as u64);
        return if value < 0.0 { format!("-{digits}") } else { digits };
    }
    if !(1e-4..1e15).contains(&value.abs()) {
        return format!("{value:.3e}");
    }
    let decimals = (5 - value.abs().log10().floor() as i32).clamp(1, 9) as usize;
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Formats `1 document` or `1,234 documents`.
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_steer_the_terminal() {
        assert_eq!(escape_controls("a\u{1b}[2Jb\nc\u{202e}d\u{9b}"), "a\\u{1b}[2Jb\\nc\\u{202e}d\\u{9b}");
        assert_eq!(escape_controls("plain é"), "plain é");
    }

    #[test]
    fn thousands_are_separated() {
        let check = |n: u64, expected: &str| assert_eq!(thousands(n), expected);
        check(0, "0");
        check(999, "999");
        check(1000, "1,000");
        check(1_234_567, "1,234,567");
    }

    #[test]
    fn numbers_are_short() {
        for (value, expected) in [
            (3.0, "3"),
            (-12_345.0, "-12,345"),
            (1.5, "1.5"),
            (0.346_410_161, "0.34641"),
            (123_456.789, "123456.8"),
            (1e-9, "1.000e-9"),
            (1e300, "1.000e300"),
        ] {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn nouns_agree_with_their_number() {
        for (n, expected) in [(0, "0 events"), (1, "1 event"), (2, "2 events"), (1000, "1,000 events")] {
            assert_eq!(counted(n, "event", "events"), expected);
        }
    }
}
