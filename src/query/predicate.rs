//! A test of one value: what a leaf of a query becomes once the type of its field is known.

mod compile;
mod fuzzy;
mod phrase;
mod range;
mod text;

use std::net::IpAddr;

use super::number::Number;
use super::time::{MICROS_PER_MILLI, parse_timestamp};

pub(super) use compile::{Context, Refusal, Shape, compile};
pub(super) use range::UntypedRange;
pub(super) use text::{TextReading, TextTest, WordTest};

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
    /// A value as columns of leaves hold it: behind a letter that tells its type.
    pub(crate) fn of_tagged(text: &'a str) -> Option<Self> {
        match (text.as_bytes().first()?, &text.get(1..)?) {
            (b's', text) => Some(ValueRef::Text(text)),
            (b'n', number) => Some(ValueRef::Number(number)),
            (b'b', text) => Some(ValueRef::Bool(*text == "true")),
            _ => None,
        }
    }

    /// The value as text, as a keyword field indexes it.
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
    /// There is a value, of at most so many characters.
    Exists {
        /// See `ignore_above` of keyword fields.
        ignore_above: Option<usize>,
    },
    /// Exact texts and numbers in fields of unknown type.
    Terms(Terms),
    /// A range in fields of unknown type.
    Range(UntypedRange),
    /// A test on the whole value as text.
    Whole {
        /// How the value is read.
        reading: TextReading,
        /// What it must be like.
        test: TextTest,
    },
    /// A test on the words of the value.
    Words(WordTest),
    /// A number between two bounds.
    Number(NumberRange),
    /// A time between two instants, in microseconds, both inside.
    Time {
        /// First instant.
        from: i64,
        /// Last instant.
        to: i64,
        /// Whether values are cut to milliseconds first.
        millis: bool,
    },
    /// An address between two, both inside; IPv4 as mapped IPv6.
    Address {
        /// Lowest address.
        from: u128,
        /// Highest address.
        to: u128,
    },
    /// This boolean.
    Boolean(bool),
    /// One of these tests.
    AnyOf(Vec<Predicate>),
}

impl Predicate {
    /// Whether `value` passes.
    pub(crate) fn matches(&self, value: ValueRef<'_>) -> bool {
        match self {
            Predicate::Exists { ignore_above } => ignore_above.is_none_or(|limit| !is_longer(value.as_text(), limit)),
            Predicate::Terms(terms) => terms.matches(value),
            Predicate::Range(range) => range.matches(value),
            Predicate::Whole { reading, test } => reading.read(value).is_some_and(|text| test.matches(&text)),
            Predicate::Words(test) => test.matches(value.as_text()),
            Predicate::Number(range) => {
                Number::parse(value.as_text().trim()).is_some_and(|number| range.matches(number))
            }
            Predicate::Time { from, to, millis } => {
                let unit = if *millis { MICROS_PER_MILLI } else { 1 };
                parse_timestamp(value.as_text())
                    .is_some_and(|micros| (*from..=*to).contains(&(micros.div_euclid(unit) * unit)))
            }
            Predicate::Address { from, to } => {
                address(value.as_text()).is_some_and(|address| (*from..=*to).contains(&address))
            }
            Predicate::Boolean(wanted) => boolean(value.as_text()) == Some(*wanted),
            Predicate::AnyOf(tests) => tests.iter().any(|test| test.matches(value)),
        }
    }

    /// Whether a value passes one of both tests; sets of terms become one set.
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

/// Exact values: the text of a string, the value of a number.
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
        found || matches!(value, ValueRef::Number(_)) && !self.numbers.is_empty() && self.has_number(text)
    }

    fn has_number(&self, text: &str) -> bool {
        Number::parse(text).is_some_and(|number| self.numbers.iter().any(|wanted| wanted.compare(number).is_eq()))
    }
}

/// A range of numbers as a field stores them.
#[derive(Clone, Debug)]
pub(crate) struct NumberRange {
    kind: super::mapping::NumberKind,
    lower: Option<(Number, bool)>,
    upper: Option<(Number, bool)>,
}

impl NumberRange {
    fn matches(&self, number: Number) -> bool {
        let stored = range::stored(number, self.kind);
        range::is_inside(self.lower, self.upper, |bound| stored.compare(bound))
    }
}

/// An address as a number that orders IPv4 and IPv6 together.
fn address(text: &str) -> Option<u128> {
    text.trim().parse().ok().map(address_number)
}

fn address_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// What a boolean field makes of a text.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" | "" => Some(false),
        _ => None,
    }
}

fn is_longer(text: &str, limit: usize) -> bool {
    // UTF-16 units, as Java counts; a text is never longer than its bytes
    text.len() > limit && text.encode_utf16().count() > limit
}

#[cfg(test)]
mod tests;
