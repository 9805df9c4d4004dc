//! Tests on text: whole values, and the words of analysed ones.

use std::borrow::Cow;

use regex::Regex;

use super::fuzzy::FuzzyText;
use super::phrase::has_phrase;
use super::{ValueRef, is_longer};
use crate::query::regexp::LuceneRegexp;
use crate::query::words::{Analyzer, lower_case};

/// How a field turns a value into the text that is compared.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TextReading {
    /// Longer values are not indexed.
    pub ignore_above: Option<usize>,
    /// Whether case is taken away.
    pub lowercase: bool,
    /// Whether numbers and booleans are passed over.
    pub strings_only: bool,
}

impl TextReading {
    pub(super) fn read(self, value: ValueRef<'_>) -> Option<Cow<'_, str>> {
        if self.strings_only && !matches!(value, ValueRef::Text(_)) {
            return None;
        }
        let text = value.as_text();
        if self.ignore_above.is_some_and(|limit| is_longer(text, limit)) {
            return None;
        }
        Some(self.normalize(text))
    }

    /// The form of a text in the index.
    pub(super) fn normalize(self, text: &str) -> Cow<'_, str> {
        if self.lowercase { Cow::Owned(lower_case(text)) } else { Cow::Borrowed(text) }
    }
}

/// What a text must be like. Case is ignored for ASCII letters only, as in Lucene.
#[derive(Clone, Debug)]
pub(crate) enum TextTest {
    /// One of these.
    Equal(Vec<String>),
    /// One of these, in any case.
    EqualIgnoringCase(Vec<String>),
    /// It begins so.
    Prefix(String),
    /// It begins so, in any case.
    PrefixIgnoringCase(String),
    /// It matches a wildcard pattern.
    Wildcard(Regex),
    /// It matches a Lucene regular expression.
    Regexp(LuceneRegexp),
    /// It is within an edit distance.
    Fuzzy(FuzzyText),
    /// It stands between two texts in the order of Unicode; the flags say whether a bound is inside.
    Range(Option<(String, bool)>, Option<(String, bool)>),
}

impl TextTest {
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            TextTest::Equal(texts) => texts.iter().any(|wanted| wanted == text),
            TextTest::EqualIgnoringCase(texts) => texts.iter().any(|wanted| wanted.eq_ignore_ascii_case(text)),
            TextTest::Prefix(prefix) => text.starts_with(prefix.as_str()),
            TextTest::PrefixIgnoringCase(prefix) => {
                text.as_bytes().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
            }
            TextTest::Wildcard(regex) => regex.is_match(text),
            TextTest::Regexp(regexp) => regexp.is_match(text),
            TextTest::Fuzzy(fuzzy) => fuzzy.matches(text),
            TextTest::Range(lower, upper) => super::range::is_inside(
                lower.as_ref().map(|(b, i)| (b, *i)),
                upper.as_ref().map(|(b, i)| (b, *i)),
                |bound| text.cmp(bound.as_str()),
            ),
        }
    }
}

/// A test on the words of a text.
#[derive(Clone, Debug)]
pub(crate) enum WordTest {
    /// Some word passes.
    Some(Analyzer, TextTest),
    /// These words in this order, with so much room.
    Phrase(Analyzer, Vec<String>, u32),
}

impl WordTest {
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            WordTest::Some(analyzer, test) => analyzer.words(text).iter().any(|word| test.matches(word)),
            WordTest::Phrase(analyzer, words, slop) => has_phrase(&analyzer.words(text), words, *slop),
        }
    }
}
