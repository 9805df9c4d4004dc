//! Distinct values of a field: how many there are, and some of them.

use std::collections::BTreeMap;
use std::io;

use crate::event::text::{mixed, text_hash};
use crate::spill::{FieldReader, FieldWriter, Record};

/// Number of distinct values up to which they are counted exactly.
pub const MOST_EXACT: usize = 1024;

/// Upper limit on the characters of a value that are shown.
pub(super) const KEPT_CHARS: usize = 80;

/// Bytes that a kept value takes besides its text.
const ENTRY_BYTES: usize = 64;

/// Distinct values with the smallest hashes, and the number of each (Z. Bar-Yossef et al.,
/// "Counting distinct elements in a data stream", 2002). Which values these are depends on the set
/// of values only, neither on their order nor on how they are split.
#[derive(Debug, Clone, Default)]
pub(super) struct DistinctValues {
    kept: BTreeMap<u64, KeptValue>,
    /// True if there are values with larger hashes than those kept.
    has_more: bool,
}

#[derive(Debug, Clone)]
struct KeptValue {
    /// Start of the value.
    text: Box<str>,
    n: u64,
}

impl DistinctValues {
    /// Counts a value. Returns the bytes of memory that this took.
    pub(super) fn add(&mut self, value: &str) -> usize {
        let hash = mixed(text_hash(value));
        if self.has_more && self.kept.last_key_value().is_some_and(|(largest, _)| *largest < hash) {
            return 0;
        }
        self.insert(hash, start_of(value), 1)
    }

    /// Adds the values of another part of the events.
    pub(super) fn merge(&mut self, other: DistinctValues) {
        self.has_more |= other.has_more;
        for (hash, KeptValue { text, n }) in other.kept {
            self.insert(hash, &text, n);
        }
    }

    fn insert(&mut self, hash: u64, text: &str, n: u64) -> usize {
        if let Some(known) = self.kept.get_mut(&hash) {
            known.n += n;
            // of different values with one hash, the order of events must not decide
            if *text < *known.text {
                known.text = text.into();
            }
            return 0;
        }
        self.kept.insert(hash, KeptValue { text: text.into(), n });
        if self.kept.len() > MOST_EXACT {
            self.has_more = true;
            self.kept.pop_last();
            return 0;
        }
        ENTRY_BYTES + text.len()
    }

    /// True if [`Self::count`] is an estimate.
    pub(super) fn is_estimate(&self) -> bool {
        self.has_more
    }

    /// Number of distinct values: an estimate with a standard error of 3 % if there are more than
    /// [`MOST_EXACT`].
    pub(super) fn count(&self) -> u64 {
        match self.kept.last_key_value() {
            Some((largest, _)) if self.has_more => {
                let count = ((self.kept.len() as u128 - 1) << 64) / u128::from((*largest).max(1));
                u64::try_from(count).unwrap_or(u64::MAX)
            }
            _ => self.kept.len() as u64,
        }
    }

    /// The most frequent of the kept values, with their numbers.
    pub(super) fn most_frequent(&self, most: usize) -> Vec<(String, u64)> {
        let mut values: Vec<&KeptValue> = self.kept.values().collect();
        values.sort_by(|a, b| b.n.cmp(&a.n).then_with(|| a.text.cmp(&b.text)));
        values.into_iter().take(most).map(|value| (value.text.to_string(), value.n)).collect()
    }
}

impl Record for DistinctValues {
    fn encode(&self, fields: &mut FieldWriter) {
        fields.number(u64::from(self.has_more));
        fields.number(self.kept.len() as u64);
        for (hash, KeptValue { text, n }) in &self.kept {
            fields.number(*hash);
            fields.text(text);
            fields.number(*n);
        }
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let has_more = fields.number()? == 1;
        let n_kept = fields.number()?;
        let entry = |_| Ok((fields.number()?, KeptValue { text: fields.text()?.into(), n: fields.number()? }));
        Ok(DistinctValues { has_more, kept: (0..n_kept).map(entry).collect::<io::Result<_>>()? })
    }
}

/// Start of a value.
fn start_of(value: &str) -> &str {
    // one more than is shown, which says that the value goes on
    value.char_indices().nth(KEPT_CHARS + 1).map_or(value, |(end, _)| &value[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl Iterator<Item = usize>) -> DistinctValues {
        let mut distinct = DistinctValues::default();
        values.for_each(|n| {
            distinct.add(&format!("value {n}"));
        });
        distinct
    }

    #[test]
    fn few_values_are_counted_exactly_and_many_are_estimated() {
        for n in [0, 1, 2, 1000, MOST_EXACT] {
            let distinct = of((0..n).chain(0..n));
            assert_eq!((distinct.count(), distinct.is_estimate()), (n as u64, false));
        }
        for n in [MOST_EXACT + 1, 5_000, 100_000] {
            let distinct = of((0..n).chain(0..n / 2));
            assert!(distinct.is_estimate());
            let error = (distinct.count() as f64 / n as f64 - 1.0).abs();
            assert!(error < 0.1, "{n}: {}", distinct.count());
        }
    }

    #[test]
    fn order_and_partition_do_not_matter() {
        let n = 5_000;
        let skewed = |n: usize| n * n % 4_999;
        let whole = of((0..n).map(skewed));
        let mut parts = of((0..n).rev().step_by(2).map(skewed));
        parts.merge(of((0..n).rev().skip(1).step_by(2).map(skewed)));
        assert_eq!(whole.count(), parts.count());
        assert_eq!(whole.most_frequent(50), parts.most_frequent(50));
    }

    #[test]
    fn long_values_are_cut_and_told_apart() {
        let mut distinct = DistinctValues::default();
        for end in ["a", "b", "b"] {
            distinct.add(&format!("{}{end}", "é".repeat(1_000)));
        }
        assert_eq!(distinct.count(), 2);
        assert_eq!(distinct.most_frequent(1), [("é".repeat(KEPT_CHARS + 1), 2)]);
    }
}
