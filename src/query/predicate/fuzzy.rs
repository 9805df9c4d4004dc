//! Edit distance, as Lucene's fuzzy queries measure it.

/// A text and how far another may be from it.
#[derive(Clone, Debug)]
pub(crate) struct FuzzyText {
    text: Vec<char>,
    edits: usize,
    prefix: usize,
    transpositions: bool,
}

impl FuzzyText {
    /// `prefix` leading characters must be equal; with `transpositions`, swapping neighbours is one edit.
    pub(crate) fn new(text: &str, edits: usize, prefix: usize, transpositions: bool) -> Self {
        FuzzyText { text: text.chars().collect(), edits, prefix, transpositions }
    }

    pub(super) fn matches(&self, other: &str) -> bool {
        let length = other.chars().count();
        if length.abs_diff(self.text.len()) > self.edits {
            return false;
        }
        let other: Vec<char> = other.chars().collect();
        let prefix = self.prefix.min(self.text.len());
        other.get(..prefix) == Some(&self.text[..prefix]) && self.distance(&other) <= self.edits
    }

    /// Optimal string alignment: insertions, deletions, changes and swaps of neighbours, no part edited twice.
    fn distance(&self, other: &[char]) -> usize {
        let mut before = vec![0; other.len() + 1];
        let mut last: Vec<usize> = (0..=other.len()).collect();
        for (i, a) in self.text.iter().enumerate() {
            let mut row = vec![i + 1];
            for (j, b) in other.iter().enumerate() {
                let change = last[j] + usize::from(a != b);
                let mut best = change.min(last[j + 1] + 1).min(row[j] + 1);
                let swapped = self.transpositions && i > 0 && j > 0 && *a == other[j - 1] && self.text[i - 1] == *b;
                if swapped {
                    best = best.min(before[j - 1] + 1);
                }
                row.push(best);
            }
            before = std::mem::replace(&mut last, row);
        }
        last[other.len()]
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
