//! `separators`: where `word2vec` splits texts into words.

use crate::config::keys::Keys;
use crate::config::problem::quoted;
use crate::python::{PatternError, compile_search};

/// The value of the key `separators`.
#[derive(Clone, Debug)]
pub struct Separators {
    pattern: String,
    regex: Option<fancy_regex::Regex>,
    joiner: String,
}

impl Separators {
    pub(super) fn read(keys: &mut Keys<'_>) -> Option<Self> {
        let Some(text) = keys.text("separators") else {
            keys.missing("separators", "write a regular expression in double quotes, such as \"\\\\\" or \" \"");
            return None;
        };
        let pattern = text.strip_prefix('"').unwrap_or(text);
        let pattern = pattern.strip_suffix('"').unwrap_or(pattern);
        let error = |error| format!("not a regular expression: {}: {error}", quoted(pattern));
        Self::new(pattern).map_err(|reason| keys.error("separators", error(reason), "mend it")).ok()
    }

    /// Compiles a Python regular expression. If it is empty, every character is a word.
    pub(crate) fn new(pattern: &str) -> Result<Self, PatternError> {
        let regex = match pattern {
            "" => None,
            _ => Some(compile_search(pattern)?),
        };
        let joiner = regex.as_ref().map_or_else(String::new, |regex| joiner(pattern, regex));
        Ok(Self { pattern: pattern.to_owned(), regex, joiner })
    }

    /// The pattern as written, without its outer double quotes.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Matches what separates words, anywhere in a text; `None` if every character is a word.
    pub fn regex(&self) -> Option<&fancy_regex::Regex> {
        self.regex.as_ref()
    }

    /// Joins the values of several target fields: the first character of the pattern that separates
    /// words, so that no word spans two fields.
    pub fn joiner(&self) -> &str {
        &self.joiner
    }
}

/// The first character of the pattern, else a usual separator, that it matches; else a space.
fn joiner(pattern: &str, regex: &fancy_regex::Regex) -> String {
    const USUAL: [char; 10] = [' ', '\t', '\n', '/', '\\', '.', ',', ';', '-', '_'];
    let separates = |character: &char| {
        let text = character.to_string();
        regex.find(&text).ok().flatten().is_some_and(|found| found.as_str() == text)
    };
    pattern.chars().chain(USUAL).find(separates).unwrap_or(' ').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_targets_are_joined_by_a_separator() {
        let check = |pattern: &str, expected: &str| {
            assert_eq!(Separators::new(pattern).unwrap().joiner(), expected, "{pattern}");
        };
        check("\\\\", "\\");
        check(" ", " ");
        check("\\.| ", ".");
        check("[/\\\\]", "/");
        check("\\s+", " ");
        check("\\t", "\t");
        check("--", " ");
        check("", "");
    }
}
