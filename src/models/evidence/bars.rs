//! Numbers of occurrences of the texts of a group.

use super::{Bar, Distribution, Neighbour, Plot};

/// Most frequent texts that are shown.
const TOP: usize = 6;

/// Texts that are shown on each side of that of the row.
const AROUND: usize = 2;

/// Least frequent texts that are shown.
const BOTTOM: usize = 1;

/// Numbers of the texts of a group, by the ranks of the texts.
#[derive(Debug, Clone, Default)]
pub(in crate::models) struct Counts {
    /// The greatest numbers first, then by rank.
    sorted: Vec<(u64, u32)>,
}

impl Counts {
    pub(in crate::models) fn of(mut counts: Vec<(u64, u32)>) -> Self {
        counts.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        Counts { sorted: counts }
    }

    /// Number of texts.
    pub(in crate::models) fn n(&self) -> u64 {
        self.sorted.len() as u64
    }

    /// Number of a text; `None` if the group does not have it.
    pub(in crate::models) fn number(&self, rank: u32) -> Option<u64> {
        self.place(rank).map(|place| self.sorted[place].0)
    }

    fn place(&self, rank: u32) -> Option<usize> {
        self.sorted.iter().position(|(_, other)| *other == rank)
    }

    /// The numbers as values.
    pub(in crate::models) fn distribution(&self) -> Distribution {
        Distribution::of(self.sorted.iter().map(|(n, _)| *n as f64).collect())
    }

    /// The next smaller and the next greater number, each with a text that has it.
    pub(in crate::models) fn neighbours(&self, n: u64, text: impl Fn(u32) -> String) -> [Option<Neighbour>; 2] {
        let first = self.sorted.partition_point(|(other, _)| *other > n);
        let after = self.sorted.partition_point(|(other, _)| *other >= n);
        let neighbour = |place: usize| {
            let (n, rank) = *self.sorted.get(place)?;
            let n_equal = self.sorted.iter().filter(|(other, _)| *other == n).count() as u64;
            Some(Neighbour { value: n as f64, n: n_equal, text: Some(text(rank)) })
        };
        [neighbour(after), first.checked_sub(1).and_then(neighbour)]
    }

    /// The most frequent texts, the least frequent ones, and those around the text `own`.
    pub(in crate::models) fn plot(&self, own: u32, text: impl Fn(u32) -> String) -> Plot {
        let n = self.sorted.len();
        let place = self.place(own);
        let is_shown = |idx: usize| {
            let is_near = place.is_some_and(|place| idx.abs_diff(place) <= AROUND);
            idx < TOP || idx + BOTTOM >= n || is_near
        };
        let shown: Vec<usize> = (0..n).filter(|&idx| is_shown(idx)).collect();
        let bar = |&idx: &usize| {
            let (n, rank) = self.sorted[idx];
            Bar { text: text(rank), n, own: rank == own }
        };
        Plot::Counts { bars: shown.iter().map(bar).collect(), n_more: (n - shown.len()) as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_near_that_of_the_row_are_shown() {
        let counts = Counts::of((0..100).map(|rank| (u64::from(1 + rank / 2), rank)).collect());
        let Plot::Counts { bars, n_more } = counts.plot(40, |rank| rank.to_string()) else { panic!("no counts") };
        let shown: Vec<(&str, u64)> = bars.iter().map(|bar| (bar.text.as_str(), bar.n)).collect();
        assert_eq!(shown[..3], [("98", 50), ("99", 50), ("96", 49)]);
        assert_eq!(shown[6..], [("42", 22), ("43", 22), ("40", 21), ("41", 21), ("38", 20), ("1", 1)]);
        assert_eq!((bars.iter().filter(|bar| bar.own).count(), n_more), (1, 88));
        let values = |n| counts.neighbours(n, |rank| rank.to_string()).map(|next| next.map(|next| next.value));
        assert_eq!(values(21), [Some(20.0), Some(22.0)]);
        assert_eq!([values(1)[0], values(50)[1]], [None, None]);
        assert_eq!(counts.number(41), Some(21));
    }
}
