//! Counts of each field.

use std::cmp::Ordering;
use std::io;
use std::net::IpAddr;

use super::distinct::DistinctValues;
use super::lengths::Lengths;
use super::times::FieldTimes;
use crate::event::time::{TimeFormats, yearless};
use crate::spelling::named_values;
use crate::spill::{FieldReader, FieldWriter, Record};

/// Lengths in bytes of texts that may be times: shorter ones are years and numbers.
const TIME_BYTES: std::ops::RangeInclusive<usize> = 10..=64;

/// Length in bytes of the longest address.
const MOST_ADDRESS_BYTES: usize = 45;

/// Bytes that a field takes besides its name and what grows with its values.
const FIELD_BYTES: usize = 400;

named_values! {
    /// Kind of a value.
    ValueKind {
        /// Text of no other kind.
        Text = "text",
        /// Time as text, or a number in a field of times.
        Time = "time",
        /// Address of IP version 4 or 6.
        Address = "IP address",
        /// Whole number.
        Integer = "integer",
        /// Number with a fraction or an exponent.
        Decimal = "decimal",
        /// Whole number or fraction, as text.
        NumberAsText = "number as text",
        /// True or false.
        Boolean = "boolean",
    }
}

/// Number of the kinds of values.
const N_KINDS: usize = ValueKind::ALL.len();

/// Value at the end of a path in an event.
#[derive(Debug, Clone, Copy)]
pub(super) enum Leaf<'a> {
    Text(&'a str),
    Number(&'a str),
    Boolean(&'a str),
}

/// Counts of a field. Those of several parts of the events can be merged in any order.
#[derive(Debug, Clone, Default)]
pub(super) struct Statistics {
    /// Events that have a value.
    pub(super) events: u64,
    /// Events that have several values.
    pub(super) lists: u64,
    /// By the order of [`ValueKind::ALL`].
    pub(super) kinds: [u64; N_KINDS],
    pub(super) distinct: DistinctValues,
    pub(super) lengths: Lengths,
    /// Smallest and largest number.
    pub(super) numbers: Option<(f64, f64)>,
    pub(super) times: FieldTimes,
}

impl Statistics {
    /// Counts a value. Numbers are times if there are `times_of_numbers` to read them. Returns the
    /// bytes of memory that this took.
    pub(super) fn add(&mut self, leaf: Leaf<'_>, times_of_numbers: Option<&TimeFormats>) -> usize {
        let (Leaf::Text(text) | Leaf::Number(text) | Leaf::Boolean(text)) = leaf;
        let time = match leaf {
            Leaf::Number(text) => times_of_numbers.and_then(|formats| formats.micros_of_number(text)),
            Leaf::Text(text) => time_of(text),
            Leaf::Boolean(_) => None,
        };
        let kind = if time.is_some() { ValueKind::Time } else { kind_of(leaf) };
        self.kinds[kind as usize] += 1;
        if let (Leaf::Number(_), Ok(number)) = (leaf, text.parse::<f64>())
            && number.is_finite()
        {
            self.widen(number, number);
        }
        let n_time_bytes = time.filter(|time| !yearless::is(*time)).map_or(0, |time| self.times.add(time));
        n_time_bytes + self.lengths.add(text) + self.distinct.add(text)
    }

    /// Number of values.
    pub(super) fn n_values(&self) -> u64 {
        self.kinds.iter().sum()
    }

    fn widen(&mut self, least: f64, most: f64) {
        let (known_least, known_most) = self.numbers.unwrap_or((least, most));
        self.numbers = Some((known_least.min(least), known_most.max(most)));
    }

    pub(super) fn merge(&mut self, other: Statistics) {
        self.events += other.events;
        self.lists += other.lists;
        self.kinds.iter_mut().zip(other.kinds).for_each(|(n, more)| *n += more);
        self.distinct.merge(other.distinct);
        self.lengths.merge(other.lengths);
        other.numbers.into_iter().for_each(|(least, most)| self.widen(least, most));
        self.times.merge(other.times);
    }
}

fn time_of(text: &str) -> Option<i64> {
    let may_be = TIME_BYTES.contains(&text.len()) && text.bytes().any(|byte| byte.is_ascii_digit());
    // long numbers as text are ids more often than times
    let is_number = || text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
    let may_be = may_be && (!is_number() || text.bytes().filter(|byte| *byte == b'-').count() == 2);
    may_be.then(|| TimeFormats::default().micros_of_text(text)).flatten()
}

fn kind_of(leaf: Leaf<'_>) -> ValueKind {
    let is_number = |text: &str| {
        let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
        !text.is_empty() && text.bytes().all(is_digit) && text.parse::<f64>().is_ok()
    };
    match leaf {
        Leaf::Boolean(_) => ValueKind::Boolean,
        Leaf::Number(text) if text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => ValueKind::Decimal,
        Leaf::Number(_) => ValueKind::Integer,
        Leaf::Text(text) if is_number(text) => ValueKind::NumberAsText,
        Leaf::Text(text) if text.len() <= MOST_ADDRESS_BYTES && text.parse::<IpAddr>().is_ok() => ValueKind::Address,
        Leaf::Text(_) => ValueKind::Text,
    }
}

/// Counts of a field in a part of the events, in the order of names.
#[derive(Debug, Clone)]
pub(super) struct NamedStatistics {
    pub(super) name: String,
    pub(super) statistics: Statistics,
}

impl NamedStatistics {
    /// Bytes of memory that the field with this name takes, without what grows with its values.
    pub(super) fn base_bytes(name: &str) -> usize {
        FIELD_BYTES + 2 * name.len()
    }
}

impl PartialEq for NamedStatistics {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for NamedStatistics {}

impl PartialOrd for NamedStatistics {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NamedStatistics {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(&other.name)
    }
}

impl Record for NamedStatistics {
    fn encode(&self, fields: &mut FieldWriter) {
        let Statistics { events, lists, kinds, distinct, lengths, numbers, times } = &self.statistics;
        fields.text(&self.name);
        [*events, *lists].into_iter().chain(*kinds).for_each(|n| fields.number(n));
        distinct.encode(fields);
        lengths.encode(fields);
        let (least, most) = numbers.unzip();
        [least, most].into_iter().for_each(|number| fields.optional_number(number.map(f64::to_bits)));
        times.encode(fields);
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let name = fields.text()?;
        let (events, lists) = (fields.number()?, fields.number()?);
        let mut kinds = [0; N_KINDS];
        for n in &mut kinds {
            *n = fields.number()?;
        }
        let (distinct, lengths) = (DistinctValues::decode(fields)?, Lengths::decode(fields)?);
        let mut number = || Ok::<_, io::Error>(fields.optional_number()?.map(f64::from_bits));
        let (least, most) = (number()?, number()?);
        let numbers = least.zip(most);
        let times = FieldTimes::decode(fields)?;
        let statistics = Statistics { events, lists, kinds, distinct, lengths, numbers, times };
        Ok(NamedStatistics { name, statistics })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_values() {
        let kind = |leaf: Leaf<'_>| {
            let mut statistics = Statistics::default();
            statistics.add(leaf, None);
            let idx = statistics.kinds.iter().position(|n| *n == 1).unwrap();
            ValueKind::ALL[idx].as_str()
        };
        for (text, expected) in [
            ("cmd.exe", "text"),
            ("", "text"),
            ("-", "text"),
            ("2024-05-01T10:00:00Z", "time"),
            ("2024-05-01 10:00:00.123", "time"),
            ("10.0.0.1", "IP address"),
            ("fe80::1", "IP address"),
            ("1591367999", "number as text"),
            ("4688", "number as text"),
            ("-1.5", "number as text"),
            ("1e5", "text"),
            ("Infinity", "text"),
        ] {
            assert_eq!(kind(Leaf::Text(text)), expected, "{text}");
        }
        assert_eq!(kind(Leaf::Number("5")), "integer");
        assert_eq!(kind(Leaf::Number("5.0")), "decimal");
        assert_eq!(kind(Leaf::Number("1E400")), "decimal");
        assert_eq!(kind(Leaf::Boolean("true")), "boolean");
        let mut times = Statistics::default();
        times.add(Leaf::Number("1591367999.305988"), Some(&TimeFormats::default()));
        assert_eq!(times.times.range(), Some((1_591_367_999_305_988, 1_591_367_999_305_988)));
    }
}
