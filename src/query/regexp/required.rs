//! Properties that every match of a regular expression has, which are cheap to test.

use regex_syntax::hir::Hir;

use super::Node;
use crate::python::{Needles, needles};

/// Least length in bytes of a text that is worth a search: shorter ones occur in most values.
const MIN_LITERAL_BYTES: usize = 2;

/// Other letters that equal a letter of ASCII where case is ignored. A search for the letter of
/// ASCII does not find them.
const FORMS_OF_ASCII_LETTERS: [char; 2] = ['\u{17f}', '\u{212a}'];

/// Properties of every match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Required {
    /// Least length of a match in bytes.
    pub(super) n_bytes: usize,
    /// Texts of which every match contains at least one, in lower case; none if nothing is known.
    pub(super) literals: Vec<String>,
}

impl Required {
    /// Returns the properties of all matches of `node`; of a pattern that cannot be read, none.
    pub(super) fn of(node: &Node<String>) -> Self {
        match node {
            Node::Plain(pattern) => {
                let hir = regex_syntax::ParserBuilder::new().dot_matches_new_line(true).build().parse(pattern);
                hir.map(|hir| Self::of_pattern(pattern, &hir)).unwrap_or_default()
            }
            Node::All(parts) => {
                let parts: Vec<Self> = parts.iter().map(Self::of).collect();
                let n_bytes = parts.iter().map(|part| part.n_bytes).max().unwrap_or(0);
                Required { n_bytes, literals: most_selective(parts.into_iter().map(|part| part.literals)) }
            }
            Node::Any(parts) => {
                let parts: Vec<Self> = parts.iter().map(Self::of).collect();
                let n_bytes = parts.iter().map(|part| part.n_bytes).min().unwrap_or(0);
                let is_known = parts.iter().all(|part| !part.literals.is_empty());
                let literals = parts.into_iter().filter(|_| is_known).flat_map(|part| part.literals).collect();
                Required { n_bytes, literals }
            }
            Node::Not(_) => Required::default(),
        }
    }

    fn of_pattern(pattern: &str, hir: &Hir) -> Self {
        let n_bytes = hir.properties().minimum_len().unwrap_or(0);
        let words = if pattern.contains(FORMS_OF_ASCII_LETTERS) { Needles::new() } else { needles(hir) };
        Required { n_bytes, literals: most_selective(words.into_iter()) }
    }
}

/// Returns the set whose shortest text is the longest.
fn most_selective(sets: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    let shortest = |set: &Vec<String>| set.iter().map(String::len).min().unwrap_or(0);
    sets.filter(|set| shortest(set) >= MIN_LITERAL_BYTES).max_by_key(shortest).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::query::regexp::{Flags, LuceneRegexp};

    #[test]
    fn matches_have_a_least_length_and_contain_texts() {
        let cases: &[(&str, usize, &[&str])] = &[
            (".{45,}", 45, &[]),
            (".*[.](exe|dll)", 4, &["dll", "exe"]),
            (".*[hH][tT][tT][pP][sS]?:\\/\\/[0-9]+[:\\/].*", 9, &["http"]),
            ("(ADMIN\\$|[A-Z]\\$)", 2, &[]),
            (".*abcd.*&.*abc", 4, &["abcd"]),
            ("~(abc)", 0, &[]),
            ("~(abc)&.{3,}xyz", 6, &["xyz"]),
            ("abc|~(def)&.*ghi.*", 3, &["abc", "ghi"]),
            ("abc|~(def)", 0, &[]),
            ("\u{e9}+", 2, &[]),
            ("as\u{17f}et|\u{212a}elvin", 6, &[]),
            ("#", 0, &[]),
            ("", 0, &[]),
        ];
        for (pattern, n_bytes, literals) in cases {
            let regexp = LuceneRegexp::new(pattern, false, Flags::ALL).unwrap();
            assert_eq!(regexp.required.n_bytes, *n_bytes, "{pattern}");
            assert_eq!(regexp.literals(), *literals, "{pattern}");
        }
    }
}
