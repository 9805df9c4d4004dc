//! Tallies of several parts in order.

use super::super::error::StateError;
use super::part::PartTallies;
use super::tally::Numbered;

/// Tallies of several parts, each of which is in order, so that one of each is enough.
pub(super) struct Merged {
    /// The next tally of a part, and the rest of the part.
    parts: Vec<(Numbered, PartTallies)>,
    /// Number of the part with the smallest next tally.
    smallest: usize,
}

impl Merged {
    pub(super) fn new(parts: impl Iterator<Item = Result<PartTallies, StateError>>) -> Result<Self, StateError> {
        let mut merged = Merged { parts: Vec::new(), smallest: 0 };
        for part in parts {
            let mut part = part?;
            if let Some(first) = part.next() {
                merged.parts.push((first?, part));
            }
        }
        merged.find_smallest();
        Ok(merged)
    }

    /// The next tally, which stays.
    pub(super) fn peek(&self) -> Option<&Numbered> {
        self.parts.get(self.smallest).map(|(next, _)| next)
    }

    /// Takes the next tally.
    pub(super) fn next(&mut self) -> Result<Option<Numbered>, StateError> {
        let Some((next, rest)) = self.parts.get_mut(self.smallest) else { return Ok(None) };
        let taken = match rest.next() {
            Some(following) => std::mem::replace(next, following?),
            None => self.parts.swap_remove(self.smallest).0,
        };
        self.find_smallest();
        Ok(Some(taken))
    }

    fn find_smallest(&mut self) {
        let smallest = self.parts.iter().enumerate().min_by(|(_, (a, _)), (_, (b, _))| a.cmp(b));
        self.smallest = smallest.map_or(0, |(idx, _)| idx);
    }
}
