//! Quality of an order of findings, the highest scores first.

use rustc_hash::FxHashSet;

use super::counts::Kind;

/// Numbers of findings for which a precision is given.
pub(super) const FIRST: [u64; 3] = [10, 50, 100];

/// Labels of the findings seen so far. Findings that are neither attack nor background do
/// not count.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    n_known: u64,
    n_attack: u64,
    precisions: [Option<f64>; FIRST.len()],
    /// Sum, over the items found, of the precision at the finding that found them first.
    sum: f64,
    found: FxHashSet<u64>,
}

impl Ranking {
    /// Adds the next finding, and the items that it finds: recordings, or attack events.
    pub(super) fn add(&mut self, kind: Kind, items: impl IntoIterator<Item = u64>) {
        if kind == Kind::Neither {
            return;
        }
        self.n_known += 1;
        self.n_attack += u64::from(kind == Kind::Attack);
        let precision = self.precision();
        if let Some(idx) = FIRST.iter().position(|first| *first == self.n_known) {
            self.precisions[idx] = precision;
        }
        let n_new = items.into_iter().filter(|item| self.found.insert(*item)).count();
        self.sum += precision.unwrap_or_default() * n_new as f64;
    }

    fn precision(&self) -> Option<f64> {
        (self.n_known > 0).then(|| self.n_attack as f64 / self.n_known as f64)
    }

    /// Precision of the first findings, per number of [`FIRST`]; of all if there are fewer.
    pub(super) fn precisions(&self) -> [Option<f64>; FIRST.len()] {
        self.precisions.map(|precision| precision.or(self.precision()))
    }

    /// Mean, over all items, of the precision at the finding that found them first: 0 for those
    /// that were not found. `None` if there are no items.
    pub(super) fn average_precision(&self, n_items: u64) -> Option<f64> {
        (n_items > 0).then(|| self.sum / n_items as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_is_that_of_the_first_findings() {
        let mut ranking = Ranking::default();
        assert_eq!(ranking.precisions(), [None; 3]);
        ranking.add(Kind::Attack, [1]);
        ranking.add(Kind::Neither, [7]);
        ranking.add(Kind::Background, []);
        assert_eq!(ranking.precisions(), [Some(0.5); 3]);
        (0..8).for_each(|_| ranking.add(Kind::Background, []));
        (0..10).for_each(|_| ranking.add(Kind::Attack, []));
        assert_eq!(ranking.precisions(), [Some(0.1), Some(0.55), Some(0.55)]);
    }

    #[test]
    fn average_precision_counts_each_item_once_and_missed_ones_as_zero() {
        let mut ranking = Ranking::default();
        ranking.add(Kind::Attack, [1]);
        ranking.add(Kind::Background, []);
        ranking.add(Kind::Attack, [1, 2, 3]);
        // items 1, 2 and 3 at precisions 1, 2/3 and 2/3; item 4 is missed
        assert_eq!(ranking.average_precision(4), Some((1.0 + 2.0 / 3.0 * 2.0) / 4.0));
        assert_eq!(ranking.average_precision(0), None);
    }
}
