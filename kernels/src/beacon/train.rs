//! Times of a group, prepared for the tests: without the traces of a clock, without bursts, and not
//! too many of them.

use std::ops::Range;

use super::SECOND;
use crate::random::mixed;

/// Groups with more events are tested by runs of consecutive events.
pub(super) const MOST_EVENTS: usize = 1 << 16;

/// Number of those runs.
const RUNS: usize = 16;

/// Events that follow each other within a cut are one burst. In seconds.
pub(super) const CUTS: [f64; 5] = [0.0, 5.0, 30.0, 120.0, 600.0];

/// Steps of clocks in microseconds: a minute, 10 s, a second and so on.
const CLOCKS: [i64; 6] = [60_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000];

/// Seed of the places of events within the step of their clock.
const SEED: u64 = 0x6265_6163_6f6e;

/// Times in seconds since the first event, sorted.
#[derive(Debug)]
pub(super) struct Train {
    times: Vec<f64>,
    runs: Vec<Range<usize>>,
}

impl Train {
    /// Takes sorted times in microseconds; at least one.
    pub(super) fn new(times: &[i64]) -> Self {
        let step = clock(times);
        let mut train = Train { times: Vec::with_capacity(times.len().min(MOST_EVENTS)), runs: Vec::new() };
        for run in runs(times.len()) {
            let start = train.times.len();
            let spread = spread(&times[run], step);
            train.times.extend(spread.into_iter().map(|time| (time as f64 - times[0] as f64) / SECOND));
            train.runs.push(start..train.times.len());
        }
        train
    }

    /// Runs of consecutive events.
    pub(super) fn runs(&self) -> impl Iterator<Item = &[f64]> {
        self.runs.iter().map(|run| &self.times[run.clone()])
    }

    /// First times of the bursts of each run: of events that follow another by more than `cut`.
    pub(super) fn starts(&self, cut: f64) -> Vec<Vec<f64>> {
        self.runs().map(|run| starts(run, cut)).collect()
    }
}

fn starts(run: &[f64], cut: f64) -> Vec<f64> {
    let later = run.windows(2).filter(|pair| pair[1] - pair[0] > cut).map(|pair| pair[1]);
    run.first().copied().into_iter().chain(later).collect()
}

/// Runs of `n` events that are tested: all of them, or equally spaced ones.
fn runs(n: usize) -> Vec<Range<usize>> {
    if n <= MOST_EVENTS {
        return std::iter::once(0..n).collect();
    }
    let length = MOST_EVENTS / RUNS;
    (0..RUNS).map(|run| (n - length) * run / (RUNS - 1)).map(|start| start..start + length).collect()
}

/// Step of the clock of `times`: the longest one that divides them all.
fn clock(times: &[i64]) -> i64 {
    let divides = |step: &i64| times.iter().all(|time| time % step == 0);
    CLOCKS.into_iter().find(divides).unwrap_or(1)
}

/// Moves each event to a pseudorandom place within the step of its clock, and sorts again. The
/// events of a Poisson process that was rounded to such steps are a Poisson process again; without
/// this, they would look regular.
fn spread(times: &[i64], step: i64) -> Vec<i64> {
    let mut spread: Vec<i64> = Vec::with_capacity(times.len());
    for same in times.chunk_by(|a, b| a == b) {
        let place = |nth: u64| (mixed(same[0] as u64 ^ mixed(SEED ^ nth)) % step as u64) as i64;
        spread.extend((0..same.len() as u64).map(|nth| same[0].saturating_add(place(nth))));
    }
    spread.sort_unstable();
    spread
}
