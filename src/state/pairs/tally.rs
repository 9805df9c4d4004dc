//! Tallies: what is remembered of one pair of aggregator and target in one stretch of time.

use std::io;

use super::stretch::Stretch;
use crate::spill::{FieldReader, FieldWriter, Record};

/// Memory of one pair of aggregator and target in one stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tally {
    /// Text of the aggregator.
    pub aggregator: String,
    /// Text of the target.
    pub target: String,
    /// Start of its stretch, or of the first one that is counted together with it, in microseconds.
    pub place: i64,
    /// Number of rows.
    pub count: u64,
    /// Times of the first and of the last of them.
    pub seen: Stretch,
}

impl Tally {
    /// Bytes that a tally takes in memory.
    fn size_bytes(&self) -> usize {
        size_of::<Sorted>() + self.aggregator.len() + self.target.len()
    }

    fn is_of_pair(&self, other: &Self) -> bool {
        self.aggregator == other.aggregator && self.target == other.target
    }

    /// Takes in another view of the same events. A view may lack events, but none has more than
    /// there are, so the larger count is the better one.
    fn see_again(&mut self, other: &Self) {
        self.count = self.count.max(other.count);
        self.seen = self.seen.hull(other.seen);
    }

    /// Takes in other events of the pair.
    fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.seen = self.seen.hull(other.seen);
    }
}

/// A tally on its way to a part of the memory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sorted {
    /// Number of the part.
    pub(super) part_idx: usize,
    pub(super) tally: Tally,
}

impl Sorted {
    pub(super) fn size_bytes(&self) -> usize {
        self.tally.size_bytes()
    }
}

impl Record for Sorted {
    fn encode(&self, fields: &mut FieldWriter) {
        let Tally { aggregator, target, place, count, seen } = &self.tally;
        fields.number(self.part_idx as u64);
        fields.text(aggregator);
        fields.text(target);
        // the bits of times are kept as they are
        [*place as u64, *count, seen.start as u64, seen.end as u64]
            .into_iter()
            .for_each(|number| fields.number(number));
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let part_idx = fields.small()?;
        let (aggregator, target) = (fields.text()?, fields.text()?);
        let (place, count) = (fields.number()? as i64, fields.number()?);
        let seen = Stretch { start: fields.number()? as i64, end: fields.number()? as i64 };
        Ok(Sorted { part_idx, tally: Tally { aggregator, target, place, count, seen } })
    }
}

/// Combines tallies that come in order. Views of the same stretch become one tally; so do all
/// stretches of a pair if they are `joined` at one place.
#[derive(Debug)]
pub(super) struct Combined {
    joined: Option<i64>,
    /// Views of one stretch.
    current: Option<Tally>,
    /// Earlier stretches of the same pair.
    earlier: Option<Tally>,
}

impl Combined {
    pub(super) fn new(joined: Option<i64>) -> Self {
        Combined { joined, current: None, earlier: None }
    }

    /// Takes the next tally; returns one that is complete.
    pub(super) fn push(&mut self, tally: Tally) -> Option<Tally> {
        let is_same = |current: &&mut Tally| current.is_of_pair(&tally) && current.place == tally.place;
        if let Some(current) = self.current.as_mut().filter(is_same) {
            current.see_again(&tally);
            return None;
        }
        let goes_on = self.joined.is_some() && self.current.as_ref().is_some_and(|current| current.is_of_pair(&tally));
        let stretch = self.current.replace(tally)?;
        let sum = self.with_earlier(stretch);
        if goes_on {
            self.earlier = Some(sum);
            return None;
        }
        Some(sum)
    }

    /// Returns the last tally.
    pub(super) fn finish(mut self) -> Option<Tally> {
        let stretch = self.current.take()?;
        Some(self.with_earlier(stretch))
    }

    fn with_earlier(&mut self, stretch: Tally) -> Tally {
        match (self.joined, self.earlier.take()) {
            (_, Some(mut earlier)) => {
                earlier.add(&stretch);
                earlier
            }
            (Some(place), None) => Tally { place, ..stretch },
            (None, None) => stretch,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(pair: &str, place: i64, count: u64, start: i64, end: i64) -> Tally {
        let seen = Stretch { start, end };
        Tally { aggregator: "a".to_owned(), target: pair.to_owned(), place, count, seen }
    }

    fn combine(tallies: &[Tally], joined: Option<i64>) -> Vec<Tally> {
        let mut combined = Combined::new(joined);
        let mut found: Vec<Tally> = tallies.iter().filter_map(|tally| combined.push(tally.clone())).collect();
        found.extend(combined.finish());
        found
    }

    #[test]
    fn views_of_a_stretch_become_one_tally() {
        let views = [tally("x", 0, 2, 3, 5), tally("x", 0, 5, 1, 4), tally("x", 10, 1, 10, 10), tally("y", 0, 1, 2, 2)];
        let expected = [tally("x", 0, 5, 1, 5), tally("x", 10, 1, 10, 10), tally("y", 0, 1, 2, 2)];
        assert_eq!(combine(&views, None), expected);
        assert_eq!(combine(&[], None), []);
    }

    #[test]
    fn joined_stretches_add_up() {
        let views = [
            tally("x", 0, 2, 3, 5),
            tally("x", 0, 5, 1, 4),
            tally("x", 10, 1, 10, 11),
            tally("x", 20, 1, 20, 20),
            tally("y", 10, 1, 12, 12),
        ];
        assert_eq!(combine(&views, Some(-5)), [tally("x", -5, 7, 1, 20), tally("y", -5, 1, 12, 12)]);
    }

    #[test]
    fn tallies_are_spilled_and_sorted() {
        let folder = tempfile::tempdir().unwrap();
        let mut runs = crate::spill::SortedRuns::new(folder.path(), 0);
        let tallies = [tally("y", -7, u64::MAX, i64::MIN, 5), tally("x", 3, 1, -1, 4)];
        tallies.iter().for_each(|tally| runs.push(Sorted { part_idx: 4, tally: tally.clone() }, 1).unwrap());
        let mut sorted = runs.merge().unwrap();
        let mut next = || sorted.next_if(|_| true).unwrap().map(|sorted| sorted.tally);
        assert_eq!([next(), next(), next()], [Some(tallies[1].clone()), Some(tallies[0].clone()), None]);
    }
}
