//! Python's regular expressions, compiled by `fancy_regex`.
//!
//! Existing whitelists are written in the dialect of Python's `re` (3.6 to 3.8) and must match the
//! same texts, so patterns are translated construct by construct. Remaining differences: `\b` and
//! `\B` treat marks and joiners as parts of words, and back-references compare with case.
//!
//! Grok patterns are written in the dialect of the module `regex`, a superset of `re` in which
//! flags apply from their position on. Approximate matching, recursion, and references to a name
//! that is used several times are refused.

mod backtracking;
mod class;
mod groups;
mod needles;
mod prefix;
mod prefix_set;
mod translate;
mod weight;

use fancy_regex::{Regex, RegexBuilder};
use thiserror::Error;

use groups::NamedGroup;
use translate::{Purpose, translate};
use weight::Weight;

pub use needles::{Needles, needles};
pub use prefix::PrefixRegex;
pub use prefix_set::PrefixRegexSet;

/// Limit on backtracking steps per text: hostile texts must not hold up a run.
const BACKTRACK_LIMIT: usize = 200_000;

/// Limit for patterns that are searched in the text, where moving on to the next character is a
/// step, too.
const GROUPS_BACKTRACK_LIMIT: usize = 5_000_000;

/// Error for a text that needs more backtracking than is allowed. Such a text counts as not
/// matching.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the pattern needs too many steps for this text")]
pub struct TooManySteps;

/// Regular expression in the dialect of Python's module `regex`: searched anywhere, with case, for
/// the matches of its named groups.
#[derive(Clone, Debug)]
pub struct GroupRegex {
    regex: Regex,
    weight: Weight,
    named: Vec<NamedGroup>,
}

impl GroupRegex {
    /// Compiles a pattern.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let translation = translate(pattern, Purpose::Groups)?;
        let (regex, weight) = build(&translation.pattern, GROUPS_BACKTRACK_LIMIT)?;
        Ok(Self { regex, weight, named: translation.named })
    }

    /// Returns the names of groups without duplicates, in the order of first appearance.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|group| group.name.as_str())
    }

    /// Returns the last match of each name's groups in the first match, in the order of
    /// [`Self::names`]; `None` without a match.
    ///
    /// # Errors
    /// The pattern needs more backtracking steps than allowed for this text.
    pub fn search<'t>(&self, text: &'t str) -> Result<Option<Vec<Option<&'t str>>>, TooManySteps> {
        if !self.weight.allows(text) {
            return Err(TooManySteps);
        }
        let Some(captures) = self.regex.captures(text).map_err(|_| TooManySteps)? else { return Ok(None) };
        let took = self.named.iter().map(|named| {
            let mut taken = named.groups.iter().filter_map(|group| captures.get(*group));
            let last = if named.is_repeated { taken.max_by_key(|taken| taken.end()) } else { taken.next_back() };
            last.map(|taken| taken.as_str())
        });
        Ok(Some(took.collect()))
    }
}

/// Reason why a pattern cannot be compiled.
pub type PatternError = String;

/// Compiles a pattern in Python's dialect for searching anywhere, with case.
pub fn compile_search(pattern: &str) -> Result<Regex, PatternError> {
    let (regex, weight) = build(&translate(pattern, Purpose::Search)?.pattern, BACKTRACK_LIMIT)?;
    if weight.is_light() { Ok(regex) } else { Err("its repetitions make it too large".to_owned()) }
}

fn build(pattern: &str, backtrack_limit: usize) -> Result<(Regex, Weight), PatternError> {
    let weight = Weight::of(pattern)?;
    let regex = RegexBuilder::new(pattern).backtrack_limit(backtrack_limit).build();
    regex.map(|regex| (regex, weight)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
