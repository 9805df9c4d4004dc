//! Tallies: what is remembered of one pair of aggregator and target in one stretch of time.

use std::io;

use super::pair_list::order_of;
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

/// A tally of the run on its way to a part of the memory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sorted {
    /// Order of the pair.
    pub(super) order: u64,
    pub(super) tally: Tally,
    /// Number of the part.
    pub(super) part_idx: usize,
}

impl Sorted {
    pub(super) fn new(tally: Tally, part_idx: usize) -> Self {
        Sorted { order: order_of(&tally.aggregator, &tally.target), tally, part_idx }
    }

    /// True if both have the same pair.
    pub(super) fn is_of_pair(&self, other: &Self) -> bool {
        self.order == other.order
            && self.tally.target == other.tally.target
            && self.tally.aggregator == other.tally.aggregator
    }

    /// Bytes that it takes in memory.
    pub(super) fn size_bytes(&self) -> usize {
        size_of::<Sorted>() + self.tally.aggregator.len() + self.tally.target.len()
    }
}

impl Record for Sorted {
    fn encode(&self, fields: &mut FieldWriter) {
        let Sorted { tally: Tally { aggregator, target, place, count, seen }, part_idx, .. } = self;
        fields.number(*part_idx as u64);
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
        Ok(Sorted::new(Tally { aggregator, target, place, count, seen }, part_idx))
    }
}

/// A tally whose pair is known by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Numbered {
    pub(super) pair: u32,
    pub(super) place: i64,
    pub(super) count: u64,
    pub(super) seen: Stretch,
}

impl Numbered {
    /// The same without its texts.
    pub(super) fn of(tally: &Tally, pair: u32) -> Self {
        Numbered { pair, place: tally.place, count: tally.count, seen: tally.seen }
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

/// A tally on its way to a part of the memory, after its pair was given a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SortedNumbered {
    /// Number of the part.
    pub(super) part_idx: usize,
    pub(super) tally: Numbered,
}

impl Record for SortedNumbered {
    fn encode(&self, fields: &mut FieldWriter) {
        let Numbered { pair, place, count, seen } = self.tally;
        [self.part_idx as u64, u64::from(pair), place as u64, count, seen.start as u64, seen.end as u64]
            .into_iter()
            .for_each(|number| fields.number(number));
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let (part_idx, pair) = (fields.small()?, fields.small()?);
        let (place, count) = (fields.number()? as i64, fields.number()?);
        let seen = Stretch { start: fields.number()? as i64, end: fields.number()? as i64 };
        Ok(SortedNumbered { part_idx, tally: Numbered { pair, place, count, seen } })
    }
}

/// Combines tallies that come in order. Views of the same stretch become one tally; so do all
/// stretches of a pair if they are `joined` at one place.
#[derive(Debug)]
pub(super) struct Combined {
    joined: Option<i64>,
    /// Views of one stretch.
    current: Option<Numbered>,
    /// Earlier stretches of the same pair.
    earlier: Option<Numbered>,
}

impl Combined {
    pub(super) fn new(joined: Option<i64>) -> Self {
        Combined { joined, current: None, earlier: None }
    }

    /// Takes the next tally; returns one that is complete.
    pub(super) fn push(&mut self, tally: Numbered) -> Option<Numbered> {
        let is_same = |current: &&mut Numbered| (current.pair, current.place) == (tally.pair, tally.place);
        if let Some(current) = self.current.as_mut().filter(is_same) {
            current.see_again(&tally);
            return None;
        }
        let goes_on = self.joined.is_some() && self.current.as_ref().is_some_and(|current| current.pair == tally.pair);
        let stretch = self.current.replace(tally)?;
        let sum = self.with_earlier(stretch);
        if goes_on {
            self.earlier = Some(sum);
            return None;
        }
        Some(sum)
    }

    /// Returns the last tally, after which there are no others.
    pub(super) fn finish(mut self) -> Option<Numbered> {
        let stretch = self.current.take()?;
        Some(self.with_earlier(stretch))
    }

    fn with_earlier(&mut self, stretch: Numbered) -> Numbered {
        match (self.joined, self.earlier.take()) {
            (_, Some(mut earlier)) => {
                earlier.add(&stretch);
                earlier
            }
            (Some(place), None) => Numbered { place, ..stretch },
            (None, None) => stretch,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(pair: u32, place: i64, count: u64, start: i64, end: i64) -> Numbered {
        let seen = Stretch { start, end };
        Numbered { pair, place, count, seen }
    }

    fn combine(tallies: &[Numbered], joined: Option<i64>) -> Vec<Numbered> {
        let mut combined = Combined::new(joined);
        let mut found: Vec<Numbered> = tallies.iter().filter_map(|&tally| combined.push(tally)).collect();
        found.extend(combined.finish());
        found
    }

    #[test]
    fn views_of_a_stretch_become_one_tally() {
        let views = [tally(1, 0, 2, 3, 5), tally(1, 0, 5, 1, 4), tally(1, 10, 1, 10, 10), tally(2, 0, 1, 2, 2)];
        let expected = [tally(1, 0, 5, 1, 5), tally(1, 10, 1, 10, 10), tally(2, 0, 1, 2, 2)];
        assert_eq!(combine(&views, None), expected);
        assert_eq!(combine(&[], None), []);
    }

    #[test]
    fn joined_stretches_add_up() {
        let views = [
            tally(1, 0, 2, 3, 5),
            tally(1, 0, 5, 1, 4),
            tally(1, 10, 1, 10, 11),
            tally(1, 20, 1, 20, 20),
            tally(2, 10, 1, 12, 12),
        ];
        assert_eq!(combine(&views, Some(-5)), [tally(1, -5, 7, 1, 20), tally(2, -5, 1, 12, 12)]);
    }

    #[test]
    fn tallies_are_spilled_and_sorted() {
        let folder = tempfile::tempdir().unwrap();
        let text = |target: &str, place: i64, part_idx: usize| {
            let seen = Stretch { start: i64::MIN, end: 5 };
            let tally = Tally { aggregator: "a".to_owned(), target: target.to_owned(), place, count: u64::MAX, seen };
            Sorted::new(tally, part_idx)
        };
        let mut runs = crate::spill::SortedRuns::new(folder.path(), 0);
        let mut order = [text("y", -7, 0), text("x", 5, 1), text("x", 3, 4)];
        order.iter().for_each(|sorted| runs.push(sorted.clone(), 1).unwrap());
        order.sort();
        let [first, second, last] = order;
        let mut sorted = runs.merge().unwrap();
        let mut next = || sorted.next_if(|_| true).unwrap();
        assert_eq!([next(), next(), next(), next()], [Some(first), Some(second), Some(last), None]);

        let mut runs = crate::spill::SortedRuns::new(folder.path(), 0);
        let numbered = |part_idx: usize, pair: u32| SortedNumbered { part_idx, tally: tally(pair, -7, 2, i64::MIN, 5) };
        let order = [numbered(1, u32::MAX), numbered(4, 2), numbered(4, 3)];
        order.iter().rev().for_each(|sorted| runs.push(*sorted, 1).unwrap());
        let mut sorted = runs.merge().unwrap();
        let mut next = || sorted.next_if(|_| true).unwrap();
        assert_eq!([next(), next(), next(), next()], [Some(order[0]), Some(order[1]), Some(order[2]), None]);
    }
}
