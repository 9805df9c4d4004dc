//! Times in a field: the first, the last, and stretches without any.

use std::collections::BTreeMap;
use std::io;

use crate::spill::{FieldReader, FieldWriter, Record};

/// Upper limit on the stretches of time that are told apart.
const MOST_STRETCHES: usize = 1024;

/// Length of the shortest stretches, in microseconds.
const SHORTEST: i64 = 60_000_000;

/// Divisor of the whole range of times: longer stretches without events are gaps.
const GAP_SHARE: i64 = 20;

/// Counts of times by stretches, whose length is doubled while there are too many. It depends on
/// the set of times only, not on their order.
#[derive(Debug, Clone, Default)]
pub struct FieldTimes {
    /// First and last time, in microseconds since 1970.
    range: Option<(i64, i64)>,
    /// Number of doublings.
    doublings: u32,
    counts: BTreeMap<i64, u64>,
}

impl FieldTimes {
    /// Counts a time. Returns the bytes of memory that this took.
    pub(super) fn add(&mut self, micros: i64) -> usize {
        self.widen(micros, micros);
        let n_before = self.counts.len();
        *self.counts.entry(micros.div_euclid(SHORTEST) >> self.doublings).or_default() += 1;
        self.join_stretches();
        self.counts.len().saturating_sub(n_before) * 32
    }

    /// Adds the times of another part of the events, or of another field.
    pub fn merge(&mut self, mut other: FieldTimes) {
        let Some((first, last)) = other.range else { return };
        self.widen(first, last);
        other.double_to(self.doublings);
        self.double_to(other.doublings);
        other.counts.into_iter().for_each(|(stretch, n)| *self.counts.entry(stretch).or_default() += n);
        self.join_stretches();
    }

    /// First and last time, in microseconds since 1970.
    pub fn range(&self) -> Option<(i64, i64)> {
        self.range
    }

    /// The longest stretches without a time, at most `most`, in the order of time: from the end of
    /// the last minute with a time to the start of the next one, or in longer steps if there are
    /// many.
    pub fn gaps(&self, most: usize) -> Vec<(i64, i64)> {
        let Some((first, last)) = self.range else { return Vec::new() };
        let width = i128::from(SHORTEST) << self.doublings;
        let starts = self.counts.keys().copied();
        let start = |stretch: i64| i64::try_from(i128::from(stretch) * width).unwrap_or(i64::MAX);
        let mut gaps: Vec<(i64, i64)> = starts
            .clone()
            .zip(starts.skip(1))
            .filter(|(stretch, next)| next - stretch > 1)
            .map(|(stretch, next)| (start(stretch + 1), start(next)))
            .filter(|(from, to)| to - from > (last - first) / GAP_SHARE)
            .collect();
        gaps.sort_by_key(|(from, to)| (from - to, *from));
        gaps.truncate(most);
        gaps.sort_unstable();
        gaps
    }

    fn widen(&mut self, first: i64, last: i64) {
        let (known_first, known_last) = self.range.unwrap_or((first, last));
        self.range = Some((known_first.min(first), known_last.max(last)));
    }

    fn join_stretches(&mut self) {
        while self.counts.len() > MOST_STRETCHES {
            self.double_to(self.doublings + 1);
        }
    }

    fn double_to(&mut self, doublings: u32) {
        let Some(more) = doublings.checked_sub(self.doublings).filter(|more| *more > 0) else { return };
        self.doublings = doublings;
        for (stretch, n) in std::mem::take(&mut self.counts) {
            *self.counts.entry(stretch >> more).or_default() += n;
        }
    }
}

impl Record for FieldTimes {
    fn encode(&self, fields: &mut FieldWriter) {
        let (first, last) = self.range.unzip();
        [first, last].into_iter().for_each(|time| fields.optional_number(time.map(i64::cast_unsigned)));
        fields.number(u64::from(self.doublings));
        fields.number(self.counts.len() as u64);
        self.counts.iter().flat_map(|(at, n)| [at.cast_unsigned(), *n]).for_each(|number| fields.number(number));
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let mut time = || Ok::<_, io::Error>(fields.optional_number()?.map(u64::cast_signed));
        let (first, last) = (time()?, time()?);
        let doublings = fields.small()?;
        let n_stretches = fields.number()?;
        let count = |_| Ok((fields.number()?.cast_signed(), fields.number()?));
        let counts = (0..n_stretches).map(count).collect::<io::Result<_>>()?;
        Ok(FieldTimes { range: first.zip(last), doublings, counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn of(times: impl IntoIterator<Item = i64>) -> FieldTimes {
        let mut found = FieldTimes::default();
        for time in times {
            found.add(time);
        }
        found
    }

    #[test]
    fn gaps_are_stretches_without_events() {
        let busy = |from: i64, to: i64| (from..to).map(|minute| minute * SHORTEST);
        let times = of(busy(0, 60).chain(busy(180, 240)).chain(busy(242, 300)));
        assert_eq!(times.range(), Some((0, 299 * SHORTEST)));
        assert_eq!(times.gaps(3), [(HOUR, 3 * HOUR)]);
        assert_eq!(of([]).gaps(3), []);
        assert_eq!(of([5]).gaps(3), []);
        assert_eq!(of([i64::MIN, i64::MAX / 2]).range(), Some((i64::MIN, i64::MAX / 2)));
    }

    #[test]
    fn order_and_partition_do_not_matter() {
        let time = |n: i64| n * n * 7_700_000_000 - 1_000_000_000_000;
        let whole = of((0..20_000).map(time));
        let mut parts = of((0..20_000).rev().step_by(3).map(time));
        parts.merge(of((0..20_000).filter(|n| (19_999 - n) % 3 != 0).map(time)));
        assert_eq!((whole.range, whole.doublings, &whole.counts), (parts.range, parts.doublings, &parts.counts));
        assert!(whole.counts.len() <= MOST_STRETCHES && whole.counts.len() * 3 > MOST_STRETCHES);
    }
}
