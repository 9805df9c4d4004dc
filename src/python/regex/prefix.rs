//! Regular expressions that must match at the beginning of a text.

use std::sync::{Arc, OnceLock};

use fancy_regex::{Expr, Regex};

use super::needles::{Needles, is_small, needles};
use super::translate::{Purpose, translate};
use super::weight::Weight;
use super::{BACKTRACK_LIMIT, PatternError, TooManySteps, backtracking, build};

/// Regular expression that must match at the beginning of a text, ignoring case.
///
/// It is checked at once and compiled when it is first needed: of 100,000 patterns, a text needs
/// few.
#[derive(Clone, Debug)]
pub struct PrefixRegex(Arc<Prefix>);

#[derive(Debug)]
struct Prefix {
    text: String,
    /// The pattern in the syntax of the engines.
    pattern: String,
    /// True if it does not need the backtracking engine.
    is_plain: bool,
    weight: Weight,
    /// Words without which no text matches.
    needles: Needles,
    compiled: OnceLock<Result<Regex, PatternError>>,
}

impl PrefixRegex {
    /// Reads a pattern in Python's dialect.
    ///
    /// # Errors
    /// The reason why it cannot be compiled.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let translated = format!("\\A{}", translate(pattern, Purpose::Prefix)?.pattern);
        let weight = Weight::of(&translated)?;
        let tree = Expr::parse_tree(&translated).ok();
        // the translation uses only syntax that both engines interpret alike, or that one rejects
        let mut hir = regex_syntax::parse(&translated).ok();
        let is_sound = match (&tree, &hir) {
            (Some(_), Some(hir)) => is_small(hir),
            (Some(tree), None) => backtracking::is_sound(&tree.expr),
            (None, _) => false,
        };
        if !is_sound {
            // only the engine can tell what is wrong with it, or whether it is too large
            build(&translated, BACKTRACK_LIMIT)?;
            hir = hir.filter(|_| regex::Regex::new(&translated).is_ok());
        }
        let needles = match (&hir, &tree) {
            (Some(hir), _) => needles(hir),
            (None, Some(tree)) => backtracking::needles(&tree.expr),
            (None, None) => Needles::new(),
        };
        let (text, is_plain) = (pattern.to_owned(), hir.is_some() && weight.is_light());
        let compiled = OnceLock::new();
        Ok(Self(Arc::new(Prefix { text, pattern: translated, is_plain, weight, needles, compiled })))
    }

    /// Returns the pattern as the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Returns the pattern for the `regex` package if it means the same there and needs no
    /// backtracking engine.
    pub fn plain_pattern(&self) -> Option<&str> {
        self.0.is_plain.then_some(&self.0.pattern)
    }

    /// Length in bytes of the longest word that a text must contain to match; 0 if there is none.
    pub fn longest_word(&self) -> usize {
        self.needles().iter().filter_map(|words| words.iter().map(String::len).min()).max().unwrap_or(0)
    }

    /// True if the beginning of `text` matches.
    ///
    /// # Errors
    /// The pattern needs more backtracking steps than allowed for this text.
    pub fn is_match(&self, text: &str) -> Result<bool, TooManySteps> {
        if !self.0.weight.allows(text) {
            return Err(TooManySteps);
        }
        let build = || build(&self.0.pattern, BACKTRACK_LIMIT).map(|(regex, _)| regex);
        let compiled = self.0.compiled.get_or_init(build);
        compiled.as_ref().map_or(Err(TooManySteps), |regex| regex.is_match(text).map_err(|_| TooManySteps))
    }

    /// Words without which no text matches.
    pub(super) fn needles(&self) -> &Needles {
        &self.0.needles
    }

    #[cfg(test)]
    pub(super) fn is_compiled(&self) -> bool {
        self.0.compiled.get().is_some()
    }
}
