//! Wildcard patterns.

use std::fmt;

use memchr::memmem::Finder;
use regex::Regex;

use super::{SyntaxError, anchored, push_literal};

/// A compiled wildcard pattern, which matches whole values.
#[derive(Clone)]
pub struct Wildcard {
    pattern: String,
    case_insensitive: bool,
    form: Form,
}

#[derive(Clone)]
enum Form {
    /// Texts between `*`. They are searched for, which is faster than an automaton, and nothing is
    /// compiled: use cases list hundreds of them.
    Pieces {
        first: String,
        inner: Vec<Finder<'static>>,
        last: String,
    },
    Regex(Regex),
}

impl fmt::Debug for Wildcard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wildcard").field(&self.pattern).field(&self.case_insensitive).finish()
    }
}

impl Wildcard {
    /// Compiles a pattern: `*` stands for any text, `?` for any character, `\` escapes the next
    /// character. As in Elasticsearch, an escaped letter keeps its case.
    pub fn new(pattern: &str, case_insensitive: bool) -> Result<Self, SyntaxError> {
        let form = match pieces(pattern) {
            (mut pieces, true) if !case_insensitive && pieces.len() > 1 => {
                let last = pieces.pop().unwrap_or_default();
                let mut pieces = pieces.into_iter();
                let first = pieces.next().unwrap_or_default();
                let inner = pieces.filter(|piece| !piece.is_empty());
                Form::Pieces { first, inner: inner.map(|piece| Finder::new(&piece).into_owned()).collect(), last }
            }
            _ => Form::Regex(regex(pattern, |regex, letter| push_literal(regex, letter, case_insensitive))?),
        };
        Ok(Wildcard { pattern: pattern.to_owned(), case_insensitive, form })
    }

    /// Longest text that every match contains, if case is ignored for ASCII letters; `None` if
    /// there is none.
    pub fn literal(&self) -> Option<String> {
        pieces(&self.pattern).0.into_iter().max_by_key(String::len).filter(|literal| !literal.is_empty())
    }

    /// True if the pattern matches the whole of `text`.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.form {
            Form::Regex(regex) => regex.is_match(text),
            Form::Pieces { first, inner, last } => {
                let middle = text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str()));
                let Some(middle) = middle else { return false };
                let mut rest = middle.as_bytes();
                // the leftmost place of each piece leaves the most for those behind it
                inner.iter().all(|piece| match piece.find(rest) {
                    Some(at) => {
                        rest = &rest[at + piece.needle().len()..];
                        true
                    }
                    None => false,
                })
            }
        }
    }
}

/// Texts between the wildcards of a pattern, and whether all of these are `*`.
fn pieces(pattern: &str) -> (Vec<String>, bool) {
    let (mut pieces, mut piece, mut are_stars) = (Vec::new(), String::new(), true);
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' => {
                are_stars &= c == '*';
                pieces.push(std::mem::take(&mut piece));
            }
            '\\' => piece.push(chars.next().unwrap_or('\\')),
            _ => piece.push(c),
        }
    }
    pieces.push(piece);
    (pieces, are_stars)
}

/// Compiles a pattern; `letter` translates what stands for itself.
fn regex(pattern: &str, letter: impl Fn(&mut String, char)) -> Result<Regex, SyntaxError> {
    let mut translated = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' if translated.ends_with(".*") => {}
            '*' => translated.push_str(".*"),
            '?' => translated.push('.'),
            '\\' => push_literal(&mut translated, chars.next().unwrap_or('\\'), false),
            _ => letter(&mut translated, c),
        }
    }
    anchored(&translated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_find_what_the_automaton_finds() {
        let texts = ["", "a", "ab", "aba", "abab", "ba", "a*b", "a\\b", "éaé", "aXbXc", "abcabc", "a\nb", "aab"];
        let patterns = [
            "*", "**", "a*", "*a", "*a*", "a*b", "a*a", "*ab*ab*", "a**b", "*b*a*", "\\**", "a\\**b", "*\\\\*", "é*é",
            "*é", "a*b*c", "*X*X*", "ab*ab", "aba*ba", "*abc*abc", "*c*", "a*\n*b", "*aa*b", "*aab*b",
        ];
        for pattern in patterns {
            let wildcard = Wildcard::new(pattern, false).unwrap();
            assert!(matches!(wildcard.form, Form::Pieces { .. }), "{pattern}");
            let expected = regex(pattern, |regex, letter| push_literal(regex, letter, false)).unwrap();
            for text in texts {
                assert_eq!(wildcard.is_match(text), expected.is_match(text), "{pattern} on {text:?}");
            }
        }
    }
}
