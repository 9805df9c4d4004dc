//! Collects values in any order into sorted runs of equal values.

use std::mem::size_of;

/// Number of pending values before the first sort. Below it, a multiset is one small vector.
const MIN_PENDING: usize = 64;

/// Runs with at most this many values in total are pushed one value at a time.
const FEW: u64 = 8;

/// Sorted runs: distinct finite values in ascending order, each with its count (never 0).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Runs<'a> {
    values: &'a [f64],
    counts: &'a [u64],
}

impl<'a> Runs<'a> {
    /// Runs over borrowed slices. `None` unless the slices have the same length, the values are
    /// finite and strictly ascending, and every count is at least 1.
    #[must_use]
    pub fn new(values: &'a [f64], counts: &'a [u64]) -> Option<Self> {
        let ascending = values.windows(2).all(|pair| pair[0] < pair[1]);
        let valid = values.len() == counts.len()
            && ascending
            && values.iter().all(|value| value.is_finite())
            && counts.iter().all(|&count| count > 0);
        valid.then_some(Self { values, counts })
    }

    /// Distinct values, ascending.
    #[must_use]
    pub fn values(self) -> &'a [f64] {
        self.values
    }

    /// Number of occurrences of each value.
    #[must_use]
    pub fn counts(self) -> &'a [u64] {
        self.counts
    }

    /// Number of values, counting repetitions.
    #[must_use]
    pub fn n(self) -> u64 {
        self.counts.iter().sum()
    }

    /// Number of distinct values.
    #[must_use]
    pub fn n_distinct(self) -> usize {
        self.values.len()
    }

    /// True if there are no values.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.values.is_empty()
    }

    /// Distinct values with their counts, ascending.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = (f64, u64)> + ExactSizeIterator + 'a {
        self.values.iter().copied().zip(self.counts.iter().copied())
    }
}

/// Accumulates finite numbers. Its contents depend only on the numbers, not on their order or on
/// how they were merged.
///
/// Memory is proportional to the number of distinct values. Adding a value costs O(log n) on
/// average: values collect in a buffer, which is sorted into the runs once it is as long as they
/// are. A small group is a single vector with 8 bytes per value, plus 32 bytes for the struct.
/// Negative zero is stored as zero. NaN and infinities are dropped: one of them would make every
/// statistic of its group meaningless.
#[derive(Clone, Debug, Default)]
pub struct Multiset {
    pending: Vec<OrderedKey>,
    stored: Option<Box<Stored>>,
}

#[derive(Clone, Debug, Default)]
struct Stored {
    values: Vec<f64>,
    counts: Vec<u64>,
    n: u64,
}

impl Multiset {
    /// Creates an empty multiset without allocating.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Rebuilds a multiset from the output of [`Multiset::into_parts`]; `None` if the vectors are
    /// not valid runs (see [`Runs::new`]).
    #[must_use]
    pub fn from_parts(mut values: Vec<f64>, counts: Vec<u64>) -> Option<Self> {
        let n = Runs::new(&values, &counts)?.n();
        for value in &mut values {
            *value += 0.0; // negative zero to zero
        }
        let stored = (n > 0).then(|| Box::new(Stored { values, counts, n }));
        Some(Self { pending: Vec::new(), stored })
    }

    /// Returns the sorted runs as vectors: distinct values and counts.
    #[must_use]
    pub fn into_parts(mut self) -> (Vec<f64>, Vec<u64>) {
        self.compact();
        self.stored.map_or_else(Default::default, |stored| (stored.values, stored.counts))
    }

    /// Adds one value; NaN and infinities are dropped.
    pub fn push(&mut self, value: f64) {
        if value.is_finite() {
            self.push_key(OrderedKey::of(value));
        }
    }

    /// Adds every value in the slice, as [`Multiset::push`] does.
    pub fn extend_from_slice(&mut self, values: &[f64]) {
        for &value in values {
            self.push(value);
        }
    }

    /// Adds runs in time proportional to the number of distinct values on both sides.
    pub fn extend_from_runs(&mut self, runs: Runs<'_>) {
        if runs.n() <= FEW {
            // a merge copies all runs, so a few values are cheaper to push into the buffer
            runs.iter().for_each(|(value, count)| (0..count).for_each(|_| self.push(value)));
        } else {
            let stored = self.stored.take().unwrap_or_default();
            // negative zero to zero
            let others = runs.iter().map(|(value, count)| (value + 0.0, count));
            self.stored = Some(Box::new(stored.merged(others, runs.n_distinct())));
        }
    }

    /// Adds everything in `other`.
    pub fn merge(&mut self, other: Self) {
        if let Some(stored) = other.stored {
            match &self.stored {
                None => self.stored = Some(stored),
                Some(_) => self.extend_from_runs(stored.runs()),
            }
        }
        for key in other.pending {
            self.push_key(key);
        }
    }

    /// Number of values, counting repetitions.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.pending.len() as u64 + self.stored.as_ref().map_or(0, |stored| stored.n)
    }

    /// True if no values have been kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory in bytes, including the struct itself.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let stored = self.stored.as_ref().map_or(0, |stored| {
            size_of::<Stored>()
                + stored.values.capacity() * size_of::<f64>()
                + stored.counts.capacity() * size_of::<u64>()
        });
        size_of::<Self>() + self.pending.capacity() * size_of::<OrderedKey>() + stored
    }

    /// Sorts the pending values and returns the runs. More values may be added afterwards.
    pub fn finish(&mut self) -> Runs<'_> {
        self.compact();
        self.pending = Vec::new();
        match &self.stored {
            Some(stored) => stored.runs(),
            None => Runs { values: &[], counts: &[] },
        }
    }

    fn push_key(&mut self, key: OrderedKey) {
        self.pending.push(key);
        if self.pending.len() >= MIN_PENDING && self.pending.len() >= self.n_stored() {
            self.compact();
        }
    }

    fn n_stored(&self) -> usize {
        self.stored.as_ref().map_or(0, |stored| stored.values.len())
    }

    fn compact(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        self.pending.sort_unstable();
        let n_distinct = self.pending.chunk_by(|a, b| a == b).count();
        let pending = self.pending.chunk_by(|a, b| a == b).map(|run| (run[0].value(), run.len() as u64));
        let stored = self.stored.take().unwrap_or_default();
        self.stored = Some(Box::new(stored.merged(pending, n_distinct)));
        self.pending.clear();
    }
}

impl Extend<f64> for Multiset {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, values: I) {
        for value in values {
            self.push(value);
        }
    }
}

impl FromIterator<f64> for Multiset {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut multiset = Self::new();
        multiset.extend(values);
        multiset
    }
}

impl Stored {
    fn runs(&self) -> Runs<'_> {
        Runs { values: &self.values, counts: &self.counts }
    }

    /// Combines the runs of `self` with `others` (ascending, distinct, `n_others` of them).
    fn merged(&self, others: impl Iterator<Item = (f64, u64)>, n_others: usize) -> Self {
        let capacity = self.values.len() + n_others;
        let mut merged = Self { values: Vec::with_capacity(capacity), counts: Vec::with_capacity(capacity), n: self.n };
        let mut own = 0;
        for (value, count) in others {
            let smaller = self.values[own..].iter().take_while(|&&stored| stored < value).count();
            merged.append(&self.values[own..own + smaller], &self.counts[own..own + smaller]);
            own += smaller;
            let mut total = count;
            if self.values.get(own) == Some(&value) {
                total += self.counts[own];
                own += 1;
            }
            merged.values.push(value);
            merged.counts.push(total);
            merged.n += count;
        }
        merged.append(&self.values[own..], &self.counts[own..]);
        merged
    }

    fn append(&mut self, values: &[f64], counts: &[u64]) {
        self.values.extend_from_slice(values);
        self.counts.extend_from_slice(counts);
    }
}

/// Bits of a finite number, rearranged so that integer order is numeric order: integers sort faster
/// than floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct OrderedKey(i64);

impl OrderedKey {
    /// Adding zero turns negative zero into zero and changes nothing else.
    fn of(value: f64) -> Self {
        Self(flip_if_negative((value + 0.0).to_bits().cast_signed()))
    }

    fn value(self) -> f64 {
        f64::from_bits(flip_if_negative(self.0).cast_unsigned())
    }
}

/// Flips all bits but the sign of a negative float, because negative floats sort backwards by their
/// bits. This is its own inverse.
fn flip_if_negative(bits: i64) -> i64 {
    bits ^ ((bits >> 63) & i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], expected: &[(f64, u64)]) {
        let mut multiset = Multiset::new();
        multiset.extend_from_slice(values);
        assert_eq!(multiset.finish().iter().collect::<Vec<_>>(), expected, "{values:?}");
        assert_eq!(multiset.len(), multiset.finish().n(), "{values:?}");
        assert_eq!(multiset.is_empty(), expected.is_empty(), "{values:?}");
        let (distinct, counts) = multiset.clone().into_parts();
        assert_eq!(Multiset::from_parts(distinct, counts).unwrap().finish(), multiset.finish(), "{values:?}");
    }

    #[test]
    fn sorts_and_counts() {
        check(&[], &[]);
        check(&[2.0, -3.0, 2.0, 1e300, -1e-300], &[(-3.0, 1), (-1e-300, 1), (2.0, 2), (1e300, 1)]);
        check(&[f64::NAN, f64::INFINITY, 1.0, f64::NEG_INFINITY], &[(1.0, 1)]);
        check(&[0.0, -0.0], &[(0.0, 2)]);
        let many: Vec<f64> = (0..1000).map(|i| f64::from(i % 100)).collect();
        check(&many, &(0..100).map(|i| (f64::from(i), 10)).collect::<Vec<_>>());
    }

    #[test]
    fn negative_zero_becomes_zero() {
        let mut pushed: Multiset = [-0.0].into_iter().collect();
        assert!(pushed.finish().values()[0].is_sign_positive());
        let mut from_parts = Multiset::from_parts(vec![-0.0], vec![1]).unwrap();
        assert!(from_parts.finish().values()[0].is_sign_positive());
        let minus_zero = [-0.0];
        let mut from_runs = Multiset::new();
        from_runs.extend_from_runs(Runs::new(&minus_zero, &[100]).unwrap());
        assert!(from_runs.finish().values()[0].is_sign_positive());
    }

    #[test]
    fn rejects_invalid_runs() {
        let cases: [(&[f64], &[u64]); 6] = [
            (&[1.0], &[]),
            (&[2.0, 1.0], &[1, 1]),
            (&[1.0, 1.0], &[1, 1]),
            (&[1.0], &[0]),
            (&[f64::NAN], &[1]),
            (&[f64::INFINITY], &[1]),
        ];
        for (values, counts) in cases {
            assert!(Runs::new(values, counts).is_none(), "{values:?} {counts:?}");
            assert!(Multiset::from_parts(values.to_vec(), counts.to_vec()).is_none(), "{values:?} {counts:?}");
        }
    }

    #[test]
    fn values_may_be_added_after_finish() {
        let mut multiset: Multiset = [3.0, 1.0].into_iter().collect();
        assert_eq!(multiset.finish().n(), 2);
        multiset.push(1.0);
        assert_eq!(multiset.finish().iter().collect::<Vec<_>>(), [(1.0, 2), (3.0, 1)]);
    }

    #[test]
    fn memory_grows_with_distinct_values_only() {
        let mut small = Multiset::new();
        small.extend_from_slice(&[1.0, 2.0, 3.0]);
        assert!(small.size_bytes() <= 64, "{} bytes for 3 values", small.size_bytes());
        let mut few_distinct: Multiset = (0..1_000_000).map(|i| f64::from(i % 100)).collect();
        assert!(few_distinct.size_bytes() < 100 * 64, "{} bytes for 100 distinct values", few_distinct.size_bytes());
        few_distinct.finish();
        let mut parts = Multiset::new();
        for start in 0..1000 {
            parts.merge((start..start + 100).map(f64::from).collect());
        }
        assert!(parts.size_bytes() < 1100 * 64, "{} bytes for 1100 distinct values", parts.size_bytes());
    }
}
