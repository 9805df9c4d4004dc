//! Lengths of the values of a field.

use std::collections::BTreeMap;
use std::io;

use crate::spill::{FieldReader, FieldWriter, Record};

/// Lengths below this one are counted one by one, longer ones in steps of an eighth or less.
const EXACT: u64 = 64;

/// Counts of values by their lengths in characters.
#[derive(Debug, Clone, Default)]
pub(super) struct Lengths {
    /// By the smallest length of a step.
    counts: BTreeMap<u64, u64>,
    longest: u64,
}

impl Lengths {
    /// Counts a value. Returns the bytes of memory that this took.
    pub(super) fn add(&mut self, value: &str) -> usize {
        let length = if value.is_ascii() { value.len() } else { value.chars().count() } as u64;
        self.longest = self.longest.max(length);
        let n_before = self.counts.len();
        *self.counts.entry(step_of(length)).or_default() += 1;
        (self.counts.len() - n_before) * 32
    }

    pub(super) fn merge(&mut self, other: Lengths) {
        self.longest = self.longest.max(other.longest);
        other.counts.into_iter().for_each(|(length, n)| *self.counts.entry(length).or_default() += n);
    }

    /// Length that half of the values do not exceed, rounded down by an eighth at most.
    pub(super) fn median(&self) -> u64 {
        let n_values: u64 = self.counts.values().sum();
        let mut n_before = 0;
        let median = self.counts.iter().find(|(_, n)| {
            n_before += **n;
            n_before * 2 >= n_values
        });
        median.map_or(0, |(length, _)| *length)
    }

    pub(super) fn longest(&self) -> u64 {
        self.longest
    }
}

impl Record for Lengths {
    fn encode(&self, fields: &mut FieldWriter) {
        fields.number(self.longest);
        fields.number(self.counts.len() as u64);
        self.counts.iter().flat_map(|(length, n)| [*length, *n]).for_each(|number| fields.number(number));
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let longest = fields.number()?;
        let n_steps = fields.number()?;
        let counts = (0..n_steps).map(|_| Ok((fields.number()?, fields.number()?))).collect::<io::Result<_>>()?;
        Ok(Lengths { counts, longest })
    }
}

fn step_of(length: u64) -> u64 {
    if length < EXACT {
        return length;
    }
    // the four highest bits are kept
    let shift = length.ilog2() - 3;
    (length >> shift) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_exact_for_short_values_and_near_for_long_ones() {
        let of = |lengths: &[usize]| {
            let mut found = Lengths::default();
            for length in lengths {
                found.add(&"é".repeat(*length));
            }
            (found.median(), found.longest())
        };
        assert_eq!(of(&[]), (0, 0));
        assert_eq!(of(&[3, 1, 2]), (2, 3));
        assert_eq!(of(&[63, 63, 1_000_000]), (63, 1_000_000));
        assert_eq!(of(&[1_000, 1_000, 5]), (960, 1_000));
    }

    #[test]
    fn however_many_lengths_there_are_their_steps_are_few() {
        let mut lengths = Lengths::default();
        let text = "x".repeat(1 << 16);
        let n_bytes: usize = (0..1 << 16).map(|length| lengths.add(&text[..length])).sum();
        assert!(n_bytes < 8_192, "{n_bytes}");
    }
}
