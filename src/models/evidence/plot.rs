//! Numbers of plots: few, whatever the number of events, and the same for the same events.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Distribution;

/// Number of bins of a histogram.
const BINS: usize = 20;

/// Number of bins of arrivals over time.
const TIMES: usize = 60;

/// Numbers of a plot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Plot {
    /// Nothing to plot.
    #[default]
    Nothing,
    /// Distribution of the values of the group.
    Histogram {
        /// Bins in ascending order, without gaps.
        bins: Vec<Bin>,
    },
    /// Numbers of occurrences of texts.
    Counts {
        /// The greatest numbers first. The texts next to that of the row are among them.
        bars: Vec<Bar>,
        /// Number of texts that are left out.
        n_more: u64,
    },
    /// Numbers of events over time, in stretches of equal length.
    Arrivals {
        /// Start of the first stretch, in microseconds since 1970.
        start: i64,
        /// End of the last stretch.
        end: i64,
        /// Events of the group.
        group: Vec<u64>,
        /// Those with the target of the row; empty if these are all.
        target: Vec<u64>,
    },
}

/// Bin of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Smallest value that belongs to it.
    pub from: f64,
    /// Upper end, which belongs to the next bin unless it is the last one.
    pub to: f64,
    /// Number of values.
    pub n: u64,
    /// True if the value of the row is one of them.
    pub own: bool,
}

/// Number of occurrences of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// The text.
    pub text: String,
    /// Its number.
    pub n: u64,
    /// True if it is that of the row.
    pub own: bool,
}

/// Histogram of the values of a group. Its range has `own` inside.
pub(in crate::models) fn histogram(distribution: &Distribution, own: f64) -> Plot {
    let values = distribution.values();
    let (Some(&first), Some(&last)) = (values.first(), values.last()) else { return Plot::Nothing };
    let (from, to) = (first.min(own), last.max(own));
    let edges = edges(from, to, values.iter().all(|value| value.fract() == 0.0));
    let n_bins = edges.len() - 1;
    let bin_of = |value: f64| edges[1..].partition_point(|&end| end <= value).min(n_bins - 1);
    let mut bins: Vec<Bin> =
        edges.windows(2).map(|ends| Bin { from: ends[0], to: ends[1], n: 0, own: false }).collect();
    for (value, n) in distribution.iter() {
        bins[bin_of(value)].n += n;
    }
    bins[bin_of(own)].own = true;
    Plot::Histogram { bins }
}

/// Ends of at most [`BINS`] bins of equal width, in ascending order. Bins of whole numbers hold the
/// same number of them.
fn edges(from: f64, to: f64, is_whole: bool) -> Vec<f64> {
    let width = (to - from) / BINS as f64;
    if from == to || !width.is_finite() || from + width == from || to - width == to {
        return vec![from, to];
    }
    if is_whole && to - from < 1e15 {
        let (from, to) = (from.floor(), to.ceil());
        let width = ((to - from + 1.0) / BINS as f64).ceil().max(1.0);
        let n = ((to - from + 1.0) / width).ceil() as usize;
        return (0..=n).map(|idx| from + idx as f64 * width).collect();
    }
    let mut edges: Vec<f64> = (0..=BINS).map(|idx| from + idx as f64 * width).collect();
    edges[BINS] = to;
    edges
}

/// Numbers of events over time, as they are counted.
#[derive(Debug, Clone)]
pub(in crate::models) struct ArrivalBins {
    range: Range<i64>,
    pub(in crate::models) counts: Vec<u64>,
}

impl ArrivalBins {
    /// Without events, for times from `first` to `last`, both included.
    pub(in crate::models) fn between(first: i64, last: i64) -> Self {
        ArrivalBins { range: first..last.saturating_add(1).max(first.saturating_add(1)), counts: vec![0; TIMES] }
    }

    /// Adds an event; those outside are left out.
    pub(in crate::models) fn add(&mut self, time: i64) {
        if self.range.contains(&time) {
            let (passed, length) = (i128::from(time) - i128::from(self.range.start), self.length());
            self.counts[(passed * TIMES as i128 / length) as usize] += 1;
        }
    }

    fn length(&self) -> i128 {
        i128::from(self.range.end) - i128::from(self.range.start)
    }

    /// The plot of a group, and of those of its events that have the target of the row.
    pub(in crate::models) fn plot(self, target: Option<ArrivalBins>) -> Plot {
        let Range { start, end } = self.range;
        Plot::Arrivals { start, end, group: self.counts, target: target.map_or_else(Vec::new, |bins| bins.counts) }
    }
}

#[cfg(test)]
mod tests {
    use outlier_kernels::Multiset;

    use super::*;

    fn bins(values: &[f64], own: f64) -> Vec<(f64, f64, u64, bool)> {
        let multiset: Multiset = values.iter().copied().collect();
        let distribution = Distribution::of(multiset);
        match histogram(&distribution, own) {
            Plot::Histogram { bins } => bins.iter().map(|bin| (bin.from, bin.to, bin.n, bin.own)).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bins_hold_every_value_once() {
        assert_eq!(bins(&[1.0, 1.0, 3.0], 3.0), [(1.0, 2.0, 2, false), (2.0, 3.0, 0, false), (3.0, 4.0, 1, true)]);
        assert_eq!(bins(&[5.0], 5.0), [(5.0, 5.0, 1, true)]);
        let many: Vec<f64> = (0..1000).map(f64::from).collect();
        let found = bins(&many, 999.0);
        assert_eq!((found.len(), found.iter().map(|bin| bin.2).sum::<u64>()), (20, 1000));
        assert!(found.windows(2).all(|pair| pair[0].1 == pair[1].0), "{found:?}");
        assert_eq!(bins(&[f64::MIN, f64::MAX], 0.0).iter().map(|bin| bin.2).sum::<u64>(), 2);
        assert_eq!(bins(&[0.25, 0.5, 7.75], 0.5).iter().map(|bin| bin.2).sum::<u64>(), 3);
    }

    #[test]
    fn arrivals_are_counted_up_to_both_ends() {
        for (first, last) in [(0, 0), (0, 59), (-7, 1_000_000), (i64::MIN, i64::MAX - 1)] {
            let mut bins = ArrivalBins::between(first, last);
            [first, last].into_iter().for_each(|time| bins.add(time));
            assert_eq!(bins.counts.iter().sum::<u64>(), 2, "{first} {last}");
        }
    }
}
