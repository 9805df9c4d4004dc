//! Tests on one value, compiled for the type of its field.

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv6Addr};

use chrono::{DateTime, Utc};
use regex::Regex;

use super::ast::{Bound, Minimum, Test, Text};
use super::date_math::{Rounding, evaluate};
use super::dsl::minimum_of;
use super::mapping::{FieldType, Mapping};
use super::regexp::{automatic_edits, is_within, regexp, wildcard};
use super::time::{last_of, parse_time, parse_timestamp};
use super::words::words;

/// What compiling needs to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) mapping: Option<&'a Mapping>,
    pub(super) now: DateTime<Utc>,
}

/// A value of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum ValueRef<'a> {
    Text(&'a str),
    /// As JSON writes it.
    Number(&'a str),
    Bool(bool),
}

impl<'a> ValueRef<'a> {
    /// A value behind its type tag.
    pub(super) fn of_tagged(tagged: &'a str) -> Option<Self> {
        match tagged.split_at_checked(1)? {
            ("s", text) => Some(ValueRef::Text(text)),
            ("n", number) => Some(ValueRef::Number(number)),
            ("b", flag) => Some(ValueRef::Bool(flag == "true")),
            _ => None,
        }
    }

    fn text(self) -> &'a str {
        match self {
            ValueRef::Text(text) | ValueRef::Number(text) => text,
            ValueRef::Bool(flag) => {
                if flag {
                    "true"
                } else {
                    "false"
                }
            }
        }
    }
}

/// A compiled test.
#[derive(Debug, Clone)]
pub(super) enum Predicate {
    /// Any value.
    Any,
    /// No value.
    Never,
    /// The whole text.
    Equals {
        text: String,
        ignore_case: bool,
        number: Option<Number>,
    },
    Prefix {
        text: String,
        ignore_case: bool,
    },
    Matches(Regex),
    Fuzzy {
        text: String,
        edits: usize,
        prefix: usize,
    },
    /// Some word of a text passes.
    AnyWord(Box<Predicate>),
    Words {
        words: Vec<String>,
        minimum: usize,
    },
    Phrase {
        words: Vec<String>,
        slop: usize,
    },
    /// Between texts, or between numbers or times where value and bounds are such.
    Between(Box<Between>),
    Address {
        from: u128,
        to: u128,
    },
    Time {
        from: i64,
        to: i64,
    },
    /// A value short enough to be searchable.
    UpTo(usize, Box<Predicate>),
}

#[derive(Debug, Clone)]
pub(super) struct Between {
    from: Limit,
    to: Limit,
    numbers: Option<(NumberLimit, NumberLimit)>,
    times: Option<(i64, i64)>,
    only_numbers: bool,
}

#[derive(Debug, Clone)]
enum Limit {
    Open,
    Including(String),
    Excluding(String),
}

#[derive(Debug, Clone, Copy)]
enum NumberLimit {
    Open,
    Including(Number),
    Excluding(Number),
}

/// A number, exact where it is an integer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    fn parse(text: &str) -> Option<Self> {
        let is_number = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
        let integer = text.parse().ok().map(Number::Integer);
        integer.or_else(|| text.parse().ok().filter(|float: &f64| is_number && float.is_finite()).map(Number::Float))
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Number::Integer(a), Number::Integer(b)) => Some(a.cmp(&b)),
            (a, b) => a.float().partial_cmp(&b.float()),
        }
    }

    fn float(self) -> f64 {
        match self {
            Number::Integer(integer) => integer as f64,
            Number::Float(float) => float,
        }
    }
}

impl Predicate {
    /// Compiles a test for values of a type.
    pub(super) fn compile(test: &Test, field_type: &FieldType, context: &Context<'_>) -> Result<Self, String> {
        if *test == Test::Exists {
            return Ok(Predicate::Any);
        }
        match field_type {
            FieldType::Text => compile_text(test, context),
            FieldType::Ip => compile_ip(test),
            FieldType::Date => compile_date(test, context),
            FieldType::Number => compile_number(test, context),
            FieldType::Boolean => compile_keyword(test, context),
            FieldType::Keyword { ignore_above: Some(most) } => {
                Ok(Predicate::UpTo(*most, Box::new(compile_keyword(test, context)?)))
            }
            FieldType::Keyword { ignore_above: None } | FieldType::Unknown => compile_keyword(test, context),
        }
    }

    /// Whether a value passes.
    pub(super) fn matches(&self, value: ValueRef<'_>) -> bool {
        match self {
            Predicate::Any => true,
            Predicate::Never => false,
            Predicate::Equals { text, ignore_case, number } => match (value, number) {
                (ValueRef::Number(other), Some(number)) => {
                    Number::parse(other).and_then(|other| other.compare(*number)) == Some(Ordering::Equal)
                }
                (ValueRef::Number(_), None) => false,
                _ => equals(value.text(), text, *ignore_case),
            },
            Predicate::Prefix { text, ignore_case } => {
                let value = value.text();
                if *ignore_case {
                    value.to_lowercase().starts_with(&text.to_lowercase())
                } else {
                    value.starts_with(text)
                }
            }
            Predicate::Matches(regex) => regex.is_match(value.text()),
            Predicate::Fuzzy { text, edits, prefix } => is_within(text, value.text(), *edits, *prefix),
            Predicate::AnyWord(inner) => words(value.text()).iter().any(|word| inner.matches(ValueRef::Text(word))),
            Predicate::Words { words: wanted, minimum } => {
                let found = words(value.text());
                wanted.iter().filter(|word| found.contains(word)).count() >= *minimum
            }
            Predicate::Phrase { words: wanted, slop } => has_phrase(&words(value.text()), wanted, *slop),
            Predicate::Between(between) => between.contains(value),
            Predicate::Address { from, to } => {
                parse_ip(value.text()).is_some_and(|address| (*from..=*to).contains(&address))
            }
            Predicate::Time { from, to } => time_of(value).is_some_and(|time| (*from..=*to).contains(&time)),
            Predicate::UpTo(most, inner) => value.text().chars().count() <= *most && inner.matches(value),
        }
    }
}

fn equals(value: &str, text: &str, ignore_case: bool) -> bool {
    value == text || (ignore_case && value.to_lowercase() == text.to_lowercase())
}

/// A whole value that is compared as it is; numbers and flags of JSON by what they mean.
fn compile_keyword(test: &Test, context: &Context<'_>) -> Result<Predicate, String> {
    Ok(match test {
        Test::Exists => Predicate::Any,
        Test::Term(Text { text, ignore_case }) => {
            Predicate::Equals { text: text.clone(), ignore_case: *ignore_case, number: Number::parse(text) }
        }
        // a keyword is one word, whatever is in it
        Test::Phrase(Text { text, .. }, _) | Test::Words { text, .. } => {
            Predicate::Equals { text: text.clone(), ignore_case: false, number: Number::parse(text) }
        }
        Test::Wildcard(Text { text, ignore_case }) => Predicate::Matches(wildcard(text, *ignore_case)?),
        Test::Prefix(Text { text, ignore_case }) => Predicate::Prefix { text: text.clone(), ignore_case: *ignore_case },
        Test::Regexp(Text { text, ignore_case }) => Predicate::Matches(regexp(text, *ignore_case)?),
        Test::Fuzzy { text, edits, prefix } => fuzzy(text, *edits, *prefix),
        Test::Range { from, to, zone } => between(from, to, *zone, false, context),
    })
}

fn fuzzy(text: &str, edits: Option<u8>, prefix: usize) -> Predicate {
    let edits = edits.map_or_else(|| automatic_edits(text), usize::from);
    Predicate::Fuzzy { text: text.to_owned(), edits, prefix }
}

fn compile_text(test: &Test, context: &Context<'_>) -> Result<Predicate, String> {
    let word = |inner: Predicate| Predicate::AnyWord(Box::new(inner));
    Ok(match test {
        Test::Exists => Predicate::Any,
        // query_string analyses what it looks for: any of its words
        Test::Term(Text { text, .. }) => at_least(words(text), "1"),
        Test::Words { text, minimum: Minimum::All } => at_least(words(text), "100%"),
        Test::Words { text, minimum: Minimum::Should(minimum) } => at_least(words(text), minimum),
        Test::Phrase(Text { text, .. }, slop) => Predicate::Phrase { words: words(text), slop: *slop },
        Test::Wildcard(Text { text, ignore_case }) => {
            word(Predicate::Matches(wildcard(&text.to_lowercase(), *ignore_case)?))
        }
        Test::Prefix(Text { text, ignore_case }) => {
            word(Predicate::Prefix { text: text.clone(), ignore_case: *ignore_case })
        }
        Test::Regexp(Text { text, ignore_case }) => word(Predicate::Matches(regexp(text, *ignore_case)?)),
        Test::Fuzzy { text, edits, prefix } => word(fuzzy(&text.to_lowercase(), *edits, *prefix)),
        Test::Range { from, to, zone } => word(between(from, to, *zone, false, context)),
    })
}

fn at_least(words: Vec<String>, minimum: &str) -> Predicate {
    if words.is_empty() {
        return Predicate::Never;
    }
    let minimum = minimum_of(minimum, words.len()).unwrap_or(1).max(1);
    Predicate::Words { words, minimum }
}

fn compile_ip(test: &Test) -> Result<Predicate, String> {
    let address = |text: &str| parse_ip(text).ok_or_else(|| format!("`{text}` is not an IP address"));
    match test {
        Test::Term(Text { text, .. }) | Test::Phrase(Text { text, .. }, _) | Test::Words { text, .. } => {
            let (from, to) = match text.split_once('/') {
                None => (address(text)?, address(text)?),
                Some((network, bits)) => {
                    let is_v4 = network.parse::<std::net::Ipv4Addr>().is_ok();
                    let bits: u32 = bits.parse().map_err(|_| format!("`{text}` is not a network"))?;
                    let bits = if is_v4 { bits + 96 } else { bits };
                    let host = 128u32.checked_sub(bits).ok_or_else(|| format!("`{text}` is not a network"))?;
                    let mask = u128::MAX.checked_shl(host).unwrap_or(0);
                    let first = address(network)? & mask;
                    (first, first | !mask)
                }
            };
            Ok(Predicate::Address { from, to })
        }
        Test::Range { from, to, .. } => {
            let from = match from {
                Bound::Open => Some(0),
                Bound::Including(text) => Some(address(text)?),
                Bound::Excluding(text) => address(text)?.checked_add(1),
            };
            let to = match to {
                Bound::Open => Some(u128::MAX),
                Bound::Including(text) => Some(address(text)?),
                Bound::Excluding(text) => address(text)?.checked_sub(1),
            };
            Ok(from.zip(to).map_or(Predicate::Never, |(from, to)| Predicate::Address { from, to }))
        }
        _ => Err("IP addresses can be compared with addresses, networks and ranges only".to_owned()),
    }
}

/// IPv4 as the IPv6 addresses that hold it.
fn parse_ip(text: &str) -> Option<u128> {
    let address: Ipv6Addr = match text.parse().ok()? {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    Some(address.to_bits())
}

fn compile_date(test: &Test, context: &Context<'_>) -> Result<Predicate, String> {
    let time = |text: &str, rounding: Rounding, zone: i32| {
        time_bound(text, rounding, zone, context).ok_or_else(|| format!("`{text}` is not a time"))
    };
    match test {
        Test::Term(Text { text, .. }) | Test::Phrase(Text { text, .. }, _) | Test::Words { text, .. } => {
            Ok(Predicate::Time { from: time(text, Rounding::Down, 0)?, to: time(text, Rounding::Up, 0)? })
        }
        Test::Range { from, to, zone } => {
            let from = match from {
                Bound::Open => i64::MIN,
                Bound::Including(text) => time(text, Rounding::Down, *zone)?,
                Bound::Excluding(text) => time(text, Rounding::Up, *zone)?.saturating_add(1),
            };
            let to = match to {
                Bound::Open => i64::MAX,
                Bound::Including(text) => time(text, Rounding::Up, *zone)?,
                Bound::Excluding(text) => time(text, Rounding::Down, *zone)?.saturating_sub(1),
            };
            Ok(Predicate::Time { from, to })
        }
        _ => Err("dates can be compared with dates and ranges only".to_owned()),
    }
}

fn time_bound(text: &str, rounding: Rounding, zone: i32, context: &Context<'_>) -> Option<i64> {
    // a number of more than four digits is milliseconds
    let milliseconds = || text.parse::<i64>().ok().filter(|_| text.len() > 4)?.checked_mul(1000);
    milliseconds().or_else(|| evaluate(text, context.now, rounding, zone))
}

fn time_of(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Text(text) => parse_timestamp(text).or_else(|| text.parse::<i64>().ok()?.checked_mul(1000)),
        ValueRef::Number(number) => number.parse::<f64>().ok().map(|milliseconds| (milliseconds * 1000.0) as i64),
        ValueRef::Bool(_) => None,
    }
}

fn compile_number(test: &Test, context: &Context<'_>) -> Result<Predicate, String> {
    let is_number = |text: &str| Number::parse(text).ok_or_else(|| format!("`{text}` is not a number"));
    match test {
        Test::Term(Text { text, .. }) | Test::Phrase(Text { text, .. }, _) | Test::Words { text, .. } => {
            is_number(text)?;
            let bound = Bound::Including(text.clone());
            Ok(between(&bound, &bound.clone(), 0, true, context))
        }
        Test::Range { from, to, zone } => {
            for bound in [from, to] {
                if let Bound::Including(text) | Bound::Excluding(text) = bound {
                    is_number(text)?;
                }
            }
            Ok(between(from, to, *zone, true, context))
        }
        _ => Err("numbers can be compared with numbers and ranges only".to_owned()),
    }
}

fn between(from: &Bound, to: &Bound, zone: i32, only_numbers: bool, context: &Context<'_>) -> Predicate {
    let limit = |bound: &Bound| match bound {
        Bound::Open => Limit::Open,
        Bound::Including(text) => Limit::Including(text.clone()),
        Bound::Excluding(text) => Limit::Excluding(text.clone()),
    };
    let number = |bound: &Bound| match bound {
        Bound::Open => Some(NumberLimit::Open),
        Bound::Including(text) => Number::parse(text).map(NumberLimit::Including),
        Bound::Excluding(text) => Number::parse(text).map(NumberLimit::Excluding),
    };
    let is_open = *from == Bound::Open && *to == Bound::Open;
    let test = Test::Range { from: from.clone(), to: to.clone(), zone };
    let times = match compile_date(&test, context) {
        Ok(Predicate::Time { from, to }) if !is_open => Some((from, to)),
        _ => None,
    };
    Predicate::Between(Box::new(Between {
        from: limit(from),
        to: limit(to),
        numbers: number(from).zip(number(to)),
        times,
        only_numbers,
    }))
}

impl Between {
    fn contains(&self, value: ValueRef<'_>) -> bool {
        match value {
            ValueRef::Number(number) => self.contains_number(number),
            ValueRef::Text(text) if self.only_numbers => self.contains_number(text),
            // texts that are times are compared as such where the bounds are times
            ValueRef::Text(text) => match (self.times, is_full_time(text)) {
                (Some((from, to)), Some(time)) => (from..=to).contains(&time),
                _ => self.contains_text(text),
            },
            ValueRef::Bool(_) => self.contains_text(value.text()),
        }
    }

    fn contains_number(&self, text: &str) -> bool {
        let (Some((from, to)), Some(number)) = (self.numbers, Number::parse(text)) else { return false };
        let is_above = match from {
            NumberLimit::Open => true,
            NumberLimit::Including(from) => number.compare(from).is_some_and(Ordering::is_ge),
            NumberLimit::Excluding(from) => number.compare(from).is_some_and(Ordering::is_gt),
        };
        let is_below = match to {
            NumberLimit::Open => true,
            NumberLimit::Including(to) => number.compare(to).is_some_and(Ordering::is_le),
            NumberLimit::Excluding(to) => number.compare(to).is_some_and(Ordering::is_lt),
        };
        is_above && is_below
    }

    fn contains_text(&self, text: &str) -> bool {
        let is_above = match &self.from {
            Limit::Open => true,
            Limit::Including(from) => text >= from.as_str(),
            Limit::Excluding(from) => text > from.as_str(),
        };
        let is_below = match &self.to {
            Limit::Open => true,
            Limit::Including(to) => text <= to.as_str(),
            Limit::Excluding(to) => text < to.as_str(),
        };
        is_above && is_below
    }
}

/// A text that says at least the day: "2024" alone may be anything.
fn is_full_time(text: &str) -> Option<i64> {
    let (time, precision) = parse_time(text, 0)?;
    (last_of(time, precision) - time < 86_400_000_000).then_some(time)
}

/// Whether all words stand next to each other in their order, with at most `slop` other words between them.
fn has_phrase(found: &[String], wanted: &[String], slop: usize) -> bool {
    let Some((first, others)) = wanted.split_first() else { return false };
    found.iter().enumerate().filter(|(_, word)| *word == first).any(|(start, _)| {
        let mut at = start;
        let mut left = slop;
        others.iter().all(|word| {
            let gap = found[at + 1..].iter().take(left + 1).position(|candidate| candidate == word);
            gap.is_some_and(|gap| {
                left -= gap;
                at += gap + 1;
                true
            })
        })
    })
}
