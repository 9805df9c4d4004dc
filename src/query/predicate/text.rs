//! Tests on text: on whole values, and on the words of analyzed values.

use std::borrow::Cow;

use super::fuzzy::FuzzyText;
use super::phrase::has_phrase;
use super::range::{Bounds, is_text_inside};
use super::{ValueRef, is_longer};
use crate::event::text::lower_case;
use crate::query::regexp::{LuceneRegexp, Wildcard};
use crate::query::words::Analyzer;

/// Conversion of a value to the text that is compared.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TextReading {
    /// Upper limit on the length of a value; longer values are not indexed.
    pub ignore_above: Option<usize>,
    /// True if the text is converted to lower case.
    pub lowercase: bool,
    /// True if numbers and booleans are skipped.
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

    /// Converts a text to the form in which it is indexed.
    pub(super) fn normalize(self, text: &str) -> Cow<'_, str> {
        if self.lowercase { Cow::Owned(lower_case(text)) } else { Cow::Borrowed(text) }
    }
}

/// Condition on a text. As in Lucene, case is ignored for ASCII letters only.
#[derive(Clone, Debug)]
pub(crate) enum TextTest {
    /// Equal to one of these.
    Equal(Vec<String>),
    /// Equal to one of these, in any case.
    EqualIgnoringCase(Vec<String>),
    /// Begins with this text.
    Prefix(String),
    /// Begins with this text, in any case.
    PrefixIgnoringCase(String),
    /// Matches a wildcard pattern.
    Wildcard(Wildcard),
    /// Matches a Lucene regular expression.
    Regexp(LuceneRegexp),
    /// Within an edit distance.
    Fuzzy(FuzzyText),
    /// Between two texts in Unicode order.
    Range(Bounds<String>),
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
            TextTest::Wildcard(pattern) => pattern.is_match(text),
            TextTest::Regexp(regexp) => regexp.is_match(text),
            TextTest::Fuzzy(fuzzy) => fuzzy.matches(text),
            TextTest::Range(bounds) => is_text_inside(text, bounds),
        }
    }
}

/// Condition on the words of a text.
#[derive(Clone, Debug)]
pub(crate) enum WordTest {
    /// Some word passes the test.
    Some(Analyzer, TextTest),
    /// These words occur in this order, with the given slop.
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
