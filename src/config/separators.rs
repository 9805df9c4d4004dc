//! How `word2vec` splits texts into words.

use super::python_regex::{self, PatternError};

/// The value of the key `separators`.
#[derive(Clone, Debug)]
pub struct Separators {
    pattern: String,
    regex: Option<fancy_regex::Regex>,
}

impl Separators {
    /// Compiles a regular expression of Python's dialect; the empty pattern stands for "every character is a word".
    pub(crate) fn new(pattern: &str) -> Result<Self, PatternError> {
        let regex = match pattern {
            "" => None,
            _ => Some(python_regex::compile_search(pattern)?),
        };
        Ok(Self { pattern: pattern.to_owned(), regex })
    }

    /// The pattern as written, without its outer double quotes.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// What separates words, to be searched anywhere in a text; `None` when every character is a word.
    pub fn regex(&self) -> Option<&fancy_regex::Regex> {
        self.regex.as_ref()
    }
}
