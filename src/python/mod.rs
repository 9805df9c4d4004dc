//! Python features that old configurations rely on: regular expressions, numbers, text wrapping and
//! `repr`.

mod numbers;
mod regex;
mod repr;
mod wrap;

pub use numbers::{decimal_digit, integer_text, parse_float, parse_int};
pub use regex::{GroupRegex, Needles, PatternError, PrefixRegex, PrefixRegexSet, TooManySteps};
pub use regex::{compile_search, needles};
pub use repr::{float_text, json_number_text, number_text, repr, to_str};
pub use wrap::wrap;

/// True for the whitespace of Python's `str.strip` and `\s`: that of Unicode and the four ASCII
/// separators.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// Removes whitespace from both ends.
pub fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}
