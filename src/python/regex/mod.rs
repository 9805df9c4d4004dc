//! Python's regular expressions, compiled by `fancy_regex`.
//!
//! Existing whitelists are written in the dialect of Python's `re` (3.6 to 3.8) and must accept the same texts, so patterns are
//! translated construct by construct. What is left of differences: `\b` and `\B` know marks and joiners as parts of words, and a
//! reference to a group compares with case.
//!
//! Grok patterns are written in the dialect of the module `regex`, a superset of `re` in which flags hold from where they stand. Approximate
//! matching, recursion, and references to a name that is given several times are refused.

mod class;
mod groups;
mod translate;

use fancy_regex::{Regex, RegexBuilder};
use thiserror::Error;

use groups::NamedGroup;
use translate::{Purpose, translate};

/// Steps of backtracking after which a text is given up: hostile texts must not hold up a run.
const BACKTRACK_LIMIT: usize = 200_000;

/// The same for patterns that are searched in the text: going on to the next character is a step, too.
const GROUPS_BACKTRACK_LIMIT: usize = 5_000_000;

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
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let regex = build(&format!("\\A{}", translate(pattern, Purpose::Prefix)?.pattern), BACKTRACK_LIMIT)?;
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

/// A regular expression of the dialect of Python's module `regex` that is searched anywhere, with case, for what its named groups take.
#[derive(Clone, Debug)]
pub struct GroupRegex {
    regex: Regex,
    named: Vec<NamedGroup>,
}

impl GroupRegex {
    /// Compiles a pattern.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let translation = translate(pattern, Purpose::Groups)?;
        let regex = build(&translation.pattern, GROUPS_BACKTRACK_LIMIT)?;
        Ok(Self { regex, named: translation.named })
    }

    /// The names of groups, each once, in the order in which they appear first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|group| group.name.as_str())
    }

    /// What the groups of each name took last in the first match, in the order of [`Self::names`]; `None` without a match.
    ///
    /// # Errors
    /// When the pattern needs more than the limit of backtracking steps for this text.
    pub fn search<'t>(&self, text: &'t str) -> Result<Option<Vec<Option<&'t str>>>, TooManySteps> {
        let Some(captures) = self.regex.captures(text).map_err(|_| TooManySteps)? else { return Ok(None) };
        let took = self.named.iter().map(|named| {
            let mut taken = named.groups.iter().filter_map(|group| captures.get(*group));
            let last = if named.is_repeated { taken.max_by_key(|taken| taken.end()) } else { taken.next_back() };
            last.map(|taken| taken.as_str())
        });
        Ok(Some(took.collect()))
    }
}

/// Why a pattern cannot be compiled.
pub type PatternError = String;

/// A pattern of Python's dialect to be searched anywhere, with case.
pub fn compile_search(pattern: &str) -> Result<Regex, PatternError> {
    build(&translate(pattern, Purpose::Search)?.pattern, BACKTRACK_LIMIT)
}

fn build(pattern: &str, backtrack_limit: usize) -> Result<Regex, PatternError> {
    RegexBuilder::new(pattern).backtrack_limit(backtrack_limit).build().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
