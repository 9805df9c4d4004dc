//! Test of lags: more events than by chance follow an earlier one after a period.
//!
//! For a period P and a width w, each event has a window of w to both sides of P later, and
//! surroundings of the same length on each side of it. The level at a time is twice the number of
//! windows there minus the number of surroundings: around 0 unless something follows after P. The
//! statistic is the sum of the levels at all events.
//!
//! If the rate hardly changes within a few lags, the events of a block of time lie anywhere in it,
//! so the distribution of the level at each event is known from the windows of all others. This
//! gives the Chernoff bound of the sum. Other traffic adds noise to the levels, nothing else.
//!
//! Periods and widths are chosen by the histogram of all differences, and the bound is multiplied
//! by the number of those that could have been chosen. After twice the period there must be more
//! events than by chance, too.

use std::ops::Range;

use super::tails::ln_weighted_sum;
use super::train::Train;
use super::{RhythmLimits, SECOND};

/// Fewest bursts with which this test can find something.
const LEAST_STARTS: usize = 16;

/// Upper limit on the differences that are counted for each burst.
const DIFFERENCES: usize = 64;

/// Bits of the mantissa that tell bins of the histogram apart: 32 bins from each power of 2 to the
/// next.
const BIN_BITS: u32 = 5;

/// Half widths of windows as shares of the period.
const WIDTHS: [f64; 4] = [0.02, 0.06, 0.1, 0.18];

/// Half width in seconds up to which activity hardly changes within the surroundings.
const WIDEST: f64 = 900.0;

/// Width of the surroundings, in widths of the window.
const RING: f64 = 3.0;

/// Differences in a window beyond their expected number, in standard deviations, without which a
/// lag is not worth a test: it would not outweigh the number of lags.
const LEAST_EXCESS: f64 = 4.5;

/// Windows that are this many bins apart, times their width, are as good as all of them.
const STEPS: f64 = 10.0;

/// Length of a block in lags.
const BLOCK: f64 = 3.0;

/// Pairs beyond the expected number count only from this share on.
const MARGIN: f64 = 0.05;

/// Greatest level that is told from those beyond.
const MOST_LEVEL: usize = 40;

/// Logarithm of the probability below which a lag is the period.
pub(super) const CERTAIN: f64 = -12.0;

/// A lag may be a multiple of the period, up to this one.
const MOST_MULTIPLE: u32 = 12;

/// A shorter lag is preferred if the logarithm of its probability is at least this share.
const SHORTER: f64 = 0.3;

/// Least width of the window for a shorter lag.
const SHORTER_WIDTH: f64 = 0.06;

/// Logarithm of the probability that the double lag must have.
const DOUBLE: f64 = -3.0;

/// Lag after which events follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lag {
    /// Logarithm of the bound on its probability.
    pub(super) ln_p: f64,
    /// The lag in seconds.
    pub(super) period: f64,
}

/// Returns the most significant lag.
pub(super) fn test(train: &Train, limits: &RhythmLimits) -> Option<Lag> {
    let min_period = limits.min_period as f64 / SECOND;
    let starts = train.starts(burst(min_period));
    let n_starts: usize = starts.iter().map(Vec::len).sum();
    if n_starts < LEAST_STARTS {
        return None;
    }
    let longest = starts.iter().filter_map(|run| Some(run.last()? - run.first()?)).fold(0.0, f64::max);
    let histogram = Histogram::new(&starts, min_period, (limits.max_period as f64 / SECOND).min(longest / 4.0))?;
    let ln_tests = ((histogram.periods.len() * WIDTHS.len()) as f64).ln();
    let judged = |period: f64, width: f64| {
        let starts = train.starts(burst(period));
        let ln_p = excess(&starts, period, width * period) + ln_tests;
        let is_likely = ln_p < 0.0 && excess(&starts, 2.0 * period, 1.5 * width * period) < DOUBLE;
        is_likely.then_some(Lag { ln_p, period })
    };
    let peaks = WIDTHS.into_iter().filter_map(|width| Some((histogram.peak(width, WIDEST / width)?, width)));
    let found = peaks.filter_map(|(period, width)| Some((judged(period, width)?, width)));
    let (best, width) = found.min_by(|a, b| a.0.ln_p.total_cmp(&b.0.ln_p))?;
    // multiples of the period are good lags, too
    let shorter = (2..=MOST_MULTIPLE).rev().map(|multiple| best.period / f64::from(multiple));
    let mut shorter = shorter.filter(|period| best.ln_p < CERTAIN && *period >= min_period);
    let basic = shorter.find(|period| {
        judged(*period, width.max(SHORTER_WIDTH)).is_some_and(|lag| lag.ln_p < (best.ln_p * SHORTER).min(CERTAIN))
    });
    Some(Lag { period: basic.unwrap_or(best.period), ..best })
}

/// Cut at which bursts are merged to look for a lag.
fn burst(lag: f64) -> f64 {
    (lag / 40.0).max(lag.min(10.0) / 2.0)
}

/// Numbers of differences by their logarithm.
struct Histogram {
    first_bin: usize,
    /// Number of differences below each bin, and that of all.
    sums: Vec<u32>,
    /// Bins that may be the period.
    periods: Range<usize>,
}

impl Histogram {
    /// Counts the differences around periods from `least` to `most`, or to less if there are too
    /// many.
    fn new(starts: &[Vec<f64>], least: f64, most: f64) -> Option<Self> {
        let n_starts: usize = starts.iter().map(Vec::len).sum();
        let reach = |most: f64| most * (1.0 + RING * WIDTHS[WIDTHS.len() - 1]);
        let fits = |most: &f64| n_differences(starts, reach(*most)) <= DIFFERENCES * n_starts;
        let most = std::iter::successors(Some(most), |most| Some(most / 1.5)).take(80).find(fits)?;
        let first_bin = bin(least * (1.0 - RING * WIDTHS[WIDTHS.len() - 1]));
        let mut counts = vec![0; bin(reach(most)) + 1 - first_bin.min(bin(reach(most)))];
        let n_bins = counts.len();
        let add = |difference: f64| {
            if let Some(bin) = bin(difference).checked_sub(first_bin).filter(|bin| *bin < n_bins) {
                counts[bin] += 1;
            }
        };
        each_difference(starts, reach(most), add);
        let totals = counts.iter().scan(0, |total, count| {
            *total += count;
            Some(*total)
        });
        let sums: Vec<u32> = std::iter::once(0).chain(totals).collect();
        let periods = bin(least) - first_bin..bin(most).saturating_sub(first_bin);
        (!periods.is_empty()).then_some(Histogram { first_bin, sums, periods })
    }

    /// Lag up to `longest` in the middle of the window of `width` that stands out most.
    fn peak(&self, width: f64, longest: f64) -> Option<f64> {
        // the square root of the excess would not change the order
        let (mut best, mut most) = (None, LEAST_EXCESS * LEAST_EXCESS);
        // too few differences are that short
        let filled = self.sums.partition_point(|sum| f64::from(*sum) <= LEAST_EXCESS);
        let first = self.periods.start.max(self.bin_of(self.edge(filled) / (1.0 + width)).saturating_sub(1));
        for bin in (first..self.periods.end).step_by(1 + (STEPS * width) as usize) {
            let lag = f64::midpoint(self.edge(bin), self.edge(bin + 1));
            if lag > longest {
                break;
            }
            let window = self.bin_of(lag * (1.0 - width))..self.bin_of(lag * (1.0 + width)) + 1;
            let hits = f64::from(self.sums[window.end] - self.sums[window.start]);
            if hits <= LEAST_EXCESS {
                continue;
            }
            let expected = self.expected(lag, width, &window);
            let excess = (hits - expected).max(0.0).powi(2) / (1.5 * (expected + 1.0));
            if excess > most {
                (best, most) = (Some(lag), excess);
            }
        }
        best
    }

    /// Number of differences to expect in a window, from the bins before and after it: their
    /// density changes with the lag.
    fn expected(&self, lag: f64, width: f64, window: &Range<usize>) -> f64 {
        let before = self.bin_of(lag * (1.0 - RING * width)).min(window.start - 1)..window.start;
        let after = window.end..(self.bin_of(lag * (1.0 + RING * width)) + 1).max(window.end + 1);
        let [low, middle, high] = [&before, window, &after].map(|bins| {
            let (from, to) = (self.edge(bins.start), self.edge(bins.end));
            let n = f64::from(self.sums[bins.end.min(self.sums.len() - 1)] - self.sums[bins.start]);
            (f64::midpoint(from, to), n / (to - from), to - from)
        });
        let slope = (high.1 - low.1) / (high.0 - low.0);
        (low.1 + slope * (middle.0 - low.0)) * middle.2
    }

    fn bin_of(&self, lag: f64) -> usize {
        bin(lag).saturating_sub(self.first_bin)
    }

    /// Smallest number of a bin.
    fn edge(&self, bin: usize) -> f64 {
        f64::from_bits(((self.first_bin + bin) as u64) << (f64::MANTISSA_DIGITS - 1 - BIN_BITS))
    }
}

/// Number of differences up to `most`.
fn n_differences(starts: &[Vec<f64>], most: f64) -> usize {
    let of_run = |run: &Vec<f64>| {
        let mut end = 0;
        let count = |(idx, start): (usize, &f64)| {
            end += run[end..].iter().take_while(|later| **later - start <= most).count();
            end - idx - 1
        };
        run.iter().enumerate().map(count).sum::<usize>()
    };
    starts.iter().map(of_run).sum()
}

fn each_difference(starts: &[Vec<f64>], most: f64, mut add: impl FnMut(f64)) {
    for run in starts {
        for (idx, start) in run.iter().enumerate() {
            let differences = run[idx + 1..].iter().map(|later| later - start);
            differences.take_while(|difference| *difference <= most).for_each(&mut add);
        }
    }
}

/// Bin of a positive number: its exponent and the first bits of its mantissa.
fn bin(number: f64) -> usize {
    (number.to_bits() >> (f64::MANTISSA_DIGITS - 1 - BIN_BITS)) as usize
}

/// Logarithm of the bound on the probability that as many events follow others within `width` of
/// `lag`.
fn excess(starts: &[Vec<f64>], lag: f64, width: f64) -> f64 {
    let mut found = Excess { levels: [0.0; 2 * MOST_LEVEL + 1], sum: 0, hits: 0.0 };
    let block = BLOCK * lag;
    for run in starts {
        let mut sweep = Sweep::new(run, lag, width);
        for events in run.chunk_by(|a, b| (a / block).floor() == (b / block).floor()) {
            let from = (events[0] / block).floor() * block;
            found.add_block(&mut sweep, from, from + block, events);
        }
    }
    let levels = found.levels.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
    let weights: Vec<(f64, f64)> = levels.map(|(idx, weight)| (idx as f64 - MOST_LEVEL as f64, *weight)).collect();
    ln_weighted_sum(&weights, found.sum as f64 - 2.0 * MARGIN * found.hits)
}

/// Levels at the events, and as they would be if events were anywhere in their blocks.
struct Excess {
    /// Expected number of events by level, from -[`MOST_LEVEL`] on.
    levels: [f64; 2 * MOST_LEVEL + 1],
    /// Sum of the levels at the events.
    sum: i64,
    /// Expected number of pairs of events within the window.
    hits: f64,
}

impl Excess {
    fn add_block(&mut self, sweep: &mut Sweep<'_>, from: f64, to: f64, events: &[f64]) {
        sweep.skip_to(from);
        let per_second = events.len() as f64 / (to - from);
        let (mut time, mut events) = (from, events.iter().peekable());
        while time < to {
            let until = sweep.next_edge().0.min(to).max(time);
            let level = sweep.level.clamp(-(MOST_LEVEL as i64), MOST_LEVEL as i64);
            while events.next_if(|&&event| event < until).is_some() {
                self.sum += level;
            }
            let expected = (until - time) * per_second;
            self.levels[(level + MOST_LEVEL as i64) as usize] += expected;
            self.hits += expected * sweep.hits as f64;
            time = until;
            if until < to {
                sweep.step();
            }
        }
    }
}

/// Walk over the edges of the windows after the events of a run. The level is twice the number of
/// windows minus the number of surroundings, which are as long on each side.
struct Sweep<'a> {
    run: &'a [f64],
    /// Distances of the edges from the event.
    edges: [f64; 4],
    /// Event of the next edge of each kind.
    next: [usize; 4],
    level: i64,
    hits: i64,
}

impl<'a> Sweep<'a> {
    fn new(run: &'a [f64], lag: f64, width: f64) -> Self {
        let edges = [-RING, -1.0, 1.0, RING].map(|side| lag + side * width);
        Sweep { run, edges, next: [0; 4], level: 0, hits: 0 }
    }

    /// Time and kind of the next edge.
    fn next_edge(&self) -> (f64, usize) {
        let time = |kind: usize| self.run.get(self.next[kind]).map_or(f64::INFINITY, |event| event + self.edges[kind]);
        let first = |a: (f64, usize), b: (f64, usize)| if b.0 < a.0 { b } else { a };
        (1..4).map(|kind| (time(kind), kind)).fold((time(0), 0), first)
    }

    fn step(&mut self) {
        let (_, kind) = self.next_edge();
        self.next[kind] += 1;
        self.level += [-1, 3, -3, 1][kind];
        self.hits += [0, 1, -1, 0][kind];
    }

    fn skip_to(&mut self, time: f64) {
        while self.next_edge().0 <= time {
            self.step();
        }
    }
}

/// Level at a time after which nothing is looked at.
#[cfg(test)]
pub(super) fn level_at(run: &[f64], time: f64, lag: f64, width: f64) -> i64 {
    let mut sweep = Sweep::new(run, lag, width);
    sweep.skip_to(time);
    sweep.level
}
