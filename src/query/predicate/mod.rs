//! Tests on a single value: leaves of a query once the types of their fields are known.

mod compile;
mod fuzzy;
mod literals;
mod phrase;
mod range;
mod text;

use std::net::IpAddr;
use std::ops::RangeBounds;

use super::mapping::{DateResolution, LeafKind, LeafKinds, NumberKind};
use super::number::Number;
use super::time::parse_timestamp;
use crate::event::time::{TimeFormats, yearless};
use range::{Bounds, UntypedRange, is_full_date, stored};
use text::WordTest;

pub(super) use compile::{Refusal, Shape, compile};
pub(super) use text::{TextReading, TextTest};

/// A scalar of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueRef<'a> {
    /// A JSON string.
    Text(&'a str),
    /// A JSON number, as written.
    Number(&'a str),
    /// A JSON boolean.
    Bool(bool),
}

impl<'a> ValueRef<'a> {
    /// Reads a value from a column of leaves, where it starts with a letter for its type.
    pub(crate) fn of_tagged(text: &'a str) -> Option<Self> {
        match (text.as_bytes().first()?, &text.get(1..)?) {
            (b's', text) => Some(ValueRef::Text(text)),
            (b'n', number) => Some(ValueRef::Number(number)),
            (b'b', text) => Some(ValueRef::Bool(*text == "true")),
            _ => None,
        }
    }

    /// Returns the value as text, in the form that a keyword field indexes.
    pub(crate) fn as_text(self) -> &'a str {
        match self {
            ValueRef::Text(text) | ValueRef::Number(text) => text,
            ValueRef::Bool(true) => "true",
            ValueRef::Bool(false) => "false",
        }
    }
}

/// A compiled test of one value.
#[derive(Clone, Debug)]
pub(crate) enum Predicate {
    /// There is a value, of at most `ignore_above` characters.
    Exists {
        /// See `ignore_above` of keyword fields.
        ignore_above: Option<usize>,
    },
    /// Exact texts and numbers in fields of unknown type.
    Terms(Terms),
    /// A range in fields of unknown type.
    Range(Box<UntypedRange>),
    /// A test on the whole value as text.
    Whole {
        /// Conversion of the value to text.
        reading: TextReading,
        /// Condition on the text.
        test: TextTest,
    },
    /// A test on the words of the value.
    Words(WordTest),
    /// A number between two bounds, in the form that a field stores.
    Number {
        /// Form of the number.
        kind: NumberKind,
        /// Bounds in this form.
        bounds: Bounds<Number>,
    },
    /// A time between two instants in microseconds.
    Time {
        /// Resolution to which the time is truncated first.
        resolution: DateResolution,
        /// Formats of values; without any, those of Elasticsearch's default.
        formats: TimeFormats,
        /// First and last instant.
        bounds: Bounds<i64>,
    },
    /// An address between two addresses. IPv4 addresses are mapped to IPv6.
    Address(Bounds<u128>),
    /// A boolean of this value.
    Boolean(bool),
    /// A value of one of these kinds that passes the test.
    OfKinds(LeafKinds, Box<Predicate>),
    /// At least one of these tests passes.
    AnyOf(Vec<Predicate>),
}

impl Predicate {
    /// Returns true if `value` passes the test.
    pub(crate) fn matches(&self, value: ValueRef<'_>) -> bool {
        match self {
            Predicate::Exists { ignore_above } => ignore_above.is_none_or(|limit| !is_longer(value.as_text(), limit)),
            Predicate::Terms(terms) => terms.matches(value),
            Predicate::Range(range) => range.matches(value),
            Predicate::Whole { reading, test } => reading.read(value).is_some_and(|text| test.matches(&text)),
            Predicate::Words(test) => test.matches(value.as_text()),
            Predicate::Number { kind, bounds } => {
                Number::parse(value.as_text().trim()).is_some_and(|number| bounds.contains(&stored(number, *kind)))
            }
            Predicate::Time { resolution, formats, bounds } => {
                let micros =
                    if formats.is_empty() { parse_timestamp(value.as_text()) } else { time_in(formats, value) };
                micros.is_some_and(|micros| bounds.contains(&resolution.truncate(micros)))
            }
            Predicate::Address(bounds) => address(value.as_text()).is_some_and(|address| bounds.contains(&address)),
            Predicate::Boolean(wanted) => boolean(value.as_text()) == Some(*wanted),
            Predicate::OfKinds(kinds, test) => kinds.contain(value) && test.matches(value),
            Predicate::AnyOf(tests) => tests.iter().any(|test| test.matches(value)),
        }
    }

    /// Returns a test that passes if either test passes; two sets of terms become one set.
    pub(super) fn or(self, other: Predicate) -> Predicate {
        match (self, other) {
            (Predicate::Terms(mut a), Predicate::Terms(b)) if a.case_insensitive == b.case_insensitive => {
                a.texts.extend(b.texts);
                a.numbers.extend(b.numbers);
                Predicate::Terms(a)
            }
            (Predicate::AnyOf(mut tests), other) => {
                match tests.pop() {
                    Some(last) => match last.or(other) {
                        Predicate::AnyOf(two) => tests.extend(two),
                        one => tests.push(one),
                    },
                    None => tests.push(other),
                }
                Predicate::AnyOf(tests)
            }
            (a, b) => Predicate::AnyOf(vec![a, b]),
        }
    }
}

impl LeafKinds {
    fn contain(&self, value: ValueRef<'_>) -> bool {
        let kind = match value {
            ValueRef::Text(text) if self.detects_dates && is_full_date(text) => LeafKind::Date,
            ValueRef::Text(_) => LeafKind::Text,
            ValueRef::Number(number) if number.contains(['.', 'e', 'E']) => LeafKind::Fraction,
            ValueRef::Number(_) => LeafKind::Whole,
            ValueRef::Bool(_) => LeafKind::Boolean,
        };
        self.kinds.contains(&kind)
    }
}

/// Exact values: texts of strings, and numbers by value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    texts: std::collections::BTreeSet<String>,
    numbers: Vec<Number>,
    case_insensitive: bool,
}

impl Terms {
    fn new(texts: &[String], case_insensitive: bool) -> Self {
        let fold = |text: &String| if case_insensitive { text.to_ascii_lowercase() } else { text.clone() };
        let numbers = texts.iter().filter_map(|text| Number::parse(text)).collect();
        Terms { texts: texts.iter().map(fold).collect(), numbers, case_insensitive }
    }

    fn matches(&self, value: ValueRef<'_>) -> bool {
        let text = value.as_text();
        let found = if self.case_insensitive {
            self.texts.contains(&text.to_ascii_lowercase())
        } else {
            self.texts.contains(text)
        };
        let has_number = || Number::parse(text).is_some_and(|number| self.numbers.contains(&number));
        found || matches!(value, ValueRef::Number(_)) && !self.numbers.is_empty() && has_number()
    }
}

/// Reads a value as a time with a year.
fn time_in(formats: &TimeFormats, value: ValueRef<'_>) -> Option<i64> {
    let micros = match value {
        ValueRef::Text(text) => formats.micros_of_text(text),
        ValueRef::Number(number) => formats.micros_of_number(number),
        ValueRef::Bool(_) => None,
    };
    micros.filter(|micros| !yearless::is(*micros))
}

/// Address as a number, so that IPv4 and IPv6 have a common order.
fn address(text: &str) -> Option<u128> {
    text.trim().parse().ok().map(address_number)
}

fn address_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Reads a text as a boolean field does.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" | "" => Some(false),
        _ => None,
    }
}

fn is_longer(text: &str, limit: usize) -> bool {
    // counted in UTF-16 units, like Java; a text never has more of them than bytes
    text.len() > limit && text.encode_utf16().count() > limit
}

#[cfg(test)]
mod tests;
