//! Edit distance, as Lucene's fuzzy queries measure it.

use crate::spelling::{Swap, edit_distance};

/// A text, and an upper limit on the edits to another one.
#[derive(Clone, Debug)]
pub(crate) struct FuzzyText {
    text: Vec<char>,
    edits: usize,
    prefix: usize,
    swap: Swap,
}

impl FuzzyText {
    /// The first `prefix` characters must be equal. With `transpositions`, swapping two
    /// neighbouring characters is one edit.
    pub(crate) fn new(text: &str, edits: usize, prefix: usize, transpositions: bool) -> Self {
        let swap = if transpositions { Swap::OneEdit } else { Swap::TwoEdits };
        FuzzyText { text: text.chars().collect(), edits, prefix, swap }
    }

    pub(super) fn matches(&self, other: &str) -> bool {
        let length = other.chars().count();
        if length.abs_diff(self.text.len()) > self.edits {
            return false;
        }
        let other: Vec<char> = other.chars().collect();
        let prefix = self.prefix.min(self.text.len());
        other.get(..prefix) == Some(&self.text[..prefix]) && edit_distance(&self.text, &other, self.swap) <= self.edits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (text, other, edits, transpositions, expected) in [
            ("admin", "admin", 0, true, true),
            ("admin", "amdin", 1, true, true),
            ("admin", "amdin", 1, false, false),
            ("admin", "amdin", 2, false, true),
            ("admin", "admi", 1, true, true),
            ("admin", "xadminx", 2, true, true),
            ("admin", "xadminxy", 2, true, false),
            ("müller", "muller", 1, true, true),
            ("ca", "abc", 2, true, false),
            ("", "a", 1, true, true),
        ] {
            assert_eq!(
                FuzzyText::new(text, edits, 0, transpositions).matches(other),
                expected,
                "{text}~{edits} with {other}"
            );
        }
        assert!(!FuzzyText::new("admin", 2, 1, true).matches("bdmin"));
        assert!(!FuzzyText::new("admin", 2, 9, true).matches("adm"));
    }
}
