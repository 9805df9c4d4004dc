//! Observations about a rhythm.

use super::{Rhythm, SECOND};
use crate::order_statistics::percentile;

/// Intervals of more periods are breaks, in which no beats are missing.
const BREAK: f64 = 10.0;

/// Share of the intervals that must be multiples of the period before beats count as missing.
const MISSING: f64 = 0.05;

/// Hours with fewer beats than this share of those of the busiest hour are not hours of the rhythm.
const IDLE: f64 = 0.1;

const HOUR: i64 = 3_600_000_000;

/// Observes the rhythm of sorted times in microseconds. Events that follow each other within `cut`
/// are one beat. `lag` is the period if it is known already; both in seconds.
///
/// Without intervals there is nothing to observe.
pub(super) fn observe(times: &[i64], cut: f64, lag: Option<f64>) -> Option<Rhythm> {
    let cut = (cut * SECOND) as i64;
    let (first, last) = (*times.first()?, *times.last()?);
    let is_start = |pair: &&[i64]| pair[1].saturating_sub(pair[0]) > cut;
    let beats: Vec<i64> = std::iter::once(first).chain(times.windows(2).filter(is_start).map(|pair| pair[1])).collect();
    let mut intervals: Vec<f64> = beats.windows(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64).collect();
    intervals.sort_unstable_by(f64::total_cmp);
    let guess = lag.map_or_else(|| percentile(&intervals, 50.0), |lag| Some(lag * SECOND))?;
    let n_intervals = intervals.len() as f64;
    let n_multiples = intervals.iter().filter(|&&gap| gap > 1.9 * guess && gap < BREAK * guess).count() as f64;
    let has_missing = n_multiples > MISSING * n_intervals;
    let within = |least: f64, most: f64| {
        let from = intervals.partition_point(|&gap| gap < least * guess);
        &intervals[from..intervals.partition_point(|&gap| gap <= most * guess)]
    };
    let single = if has_missing || lag.is_some() { within(0.5, 1.5) } else { within(0.0, 2.0) };
    // of intervals that other events may have cut short, those near the lag are whole
    let whole = if lag.is_some() { within(0.85, 1.15) } else { single };
    let period = percentile(whole, 50.0).unwrap_or(guess);
    let jitter =
        percentile(single, 75.0).zip(percentile(single, 25.0)).map_or(0.0, |(high, low)| (high - low) / period);
    let missed = |gap: &&f64| **gap < BREAK * period;
    let n_missed: f64 = intervals.iter().filter(missed).map(|gap| ((gap / period).round() - 1.0).max(0.0)).sum();
    Some(Rhythm {
        ln_p: 0.0,
        period: period.round() as i64,
        jitter,
        n_events: times.len() as u64,
        n_beats: beats.len() as u64,
        n_missed: if has_missing { n_missed as u64 } else { 0 },
        hours: hours(&beats, (BREAK * period) as i64),
        first,
        last,
    })
}

/// Hours of the day in which the rhythm goes on: beats lie there, or before and after without a
/// break.
fn hours(beats: &[i64], longest: i64) -> u32 {
    let hour = |time: i64| time.div_euclid(HOUR);
    let mut counts = [0_u32; 24];
    let mut add = |hour: i64| counts[hour.rem_euclid(24) as usize] += 1;
    beats.iter().for_each(|&beat| add(hour(beat)));
    for pair in beats.windows(2).filter(|pair| pair[1].saturating_sub(pair[0]) <= longest) {
        (hour(pair[0]) + 1..hour(pair[1])).for_each(&mut add);
    }
    let least = counts.iter().max().map_or(0.0, |&most| f64::from(most) * IDLE);
    let is_busy = |&(_, &count): &(usize, &u32)| count > 0 && f64::from(count) >= least;
    counts.iter().enumerate().filter(is_busy).fold(0, |hours, (hour, _)| hours | 1 << hour)
}

/// Sizes of the events of a rhythm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizes {
    /// Their median.
    pub median: f64,
    /// Width of their middle half as a share of the median; 0 if all are equal.
    pub spread: f64,
}

/// Returns the sizes of a group from those of its events, in any order; `None` without any.
pub fn sizes(mut sizes: Vec<f64>) -> Option<Sizes> {
    sizes.sort_unstable_by(f64::total_cmp);
    let [low, median, high] = [25.0, 50.0, 75.0].map(|percent| percentile(&sizes, percent));
    let (low, median, high) = (low?, median?, high?);
    let spread = if high > low { (high - low) / median.abs().max(f64::MIN_POSITIVE) } else { 0.0 };
    Some(Sizes { median, spread: spread.min(f64::MAX) })
}
