//! Python's regular expressions, compiled by `fancy_regex`.
//!
//! Existing whitelists are written in the dialect of Python's `re` (3.6 to 3.8) and must accept the same texts, so patterns are
//! translated construct by construct. What is left of differences: `\b` and `\B` know marks and joiners as parts of words, and a
//! reference to a group compares with case.

mod class;
mod translate;

use fancy_regex::{Regex, RegexBuilder};
use thiserror::Error;

use translate::{Purpose, translate};

/// Steps of backtracking after which a text is given up: hostile texts must not hold up a run.
const BACKTRACK_LIMIT: usize = 200_000;

/// A regular expression that must match at the beginning of a text, ignoring case.
#[derive(Clone, Debug)]
pub struct PrefixRegex {
    text: String,
    regex: Regex,
}

/// A text for which a pattern needs more backtracking than is allowed. Such a text counts as not matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the pattern needs too many steps for this text")]
pub struct TooManySteps;

impl PrefixRegex {
    /// Compiles a pattern of Python's dialect.
    pub(crate) fn new(pattern: &str) -> Result<Self, PatternError> {
        let regex = build(&format!("\\A{}", translate(pattern, Purpose::Prefix)?))?;
        Ok(Self { text: pattern.to_owned(), regex })
    }

    /// The pattern as the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The pattern for the `regex` package, where it means the same there: without what only a backtracking engine can do.
    pub fn plain_pattern(&self) -> Option<String> {
        // the translation uses nothing that both engines take but understand differently
        let pattern = self.regex.as_str();
        regex::Regex::new(pattern).ok().map(|_| pattern.to_owned())
    }

    /// Whether the beginning of `text` matches.
    ///
    /// # Errors
    /// When the pattern needs more than the limit of backtracking steps for this text.
    pub fn is_match(&self, text: &str) -> Result<bool, TooManySteps> {
        self.regex.is_match(text).map_err(|_| TooManySteps)
    }
}

/// Why a pattern cannot be compiled.
pub(crate) type PatternError = String;

/// A pattern of Python's dialect to be searched anywhere, with case.
pub(crate) fn compile_search(pattern: &str) -> Result<Regex, PatternError> {
    build(&translate(pattern, Purpose::Search)?)
}

fn build(pattern: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(pattern).backtrack_limit(BACKTRACK_LIMIT).build().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
