//! Test of gaps: they are less spread out than those of a Poisson process.
//!
//! Under the null hypothesis gaps are exponential, so their normalised spacings are independent:
//! the total times on test T_1 <= ... <= T_r, divided by T_r, are r - 1 sorted uniform numbers.
//! Their sum is Gini's coefficient in disguise, and its distribution is that of a sum of uniform
//! numbers. Leaving out the longest gaps (r < n) keeps this exact, so breaks do not hide a rhythm.
//! If gaps are exponential with different means, their spread is larger still.
//!
//! The share |a - b| / (a + b) of two neighbouring gaps is uniform as well, whatever the rate is
//! there. It finds a rhythm whose period changes.
//!
//! A gap that is longer than a cut has an exponential rest. So bursts can be merged at a cut if the
//! cut is subtracted from what remains.

use super::tails::ln_uniform_sum;
use super::train::{CUTS, Train};
use super::{RhythmLimits, SECOND};

/// Spread counts as this many times as large: a rhythm has a Gini coefficient below 0.4, where 0.5
/// is exponential.
const MARGIN: f64 = 1.25;

/// Shares of the gaps that are left out as breaks.
const BREAKS: [f64; 3] = [0.0, 0.05, 0.15];

/// Share of the error probability for neighbouring gaps; the rest is for all gaps together.
const WEIGHT_OF_NEIGHBOURS: f64 = 0.15;

/// Regularity of gaps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Regular {
    /// Logarithm of the bound on its probability.
    pub(super) ln_p: f64,
    /// Cut at which bursts were merged, in seconds.
    pub(super) cut: f64,
    /// Median of the gaps, in seconds.
    pub(super) median: f64,
}

/// Returns the most regular gaps, if the gaps at some cut are as long as a period may be.
pub(super) fn test(train: &Train, limits: &RhythmLimits) -> Option<Regular> {
    let range = limits.min_period as f64 / SECOND..=limits.max_period as f64 / SECOND;
    let (mut n_tests, mut n_before) = (0.0, usize::MAX);
    let mut best: Option<Regular> = None;
    for cut in CUTS {
        let n_gaps = train.runs().flat_map(|run| run.windows(2)).filter(|pair| pair[1] - pair[0] - cut > 0.0).count();
        // cuts that merge nothing more are the same test
        if n_gaps == n_before {
            continue;
        }
        n_before = n_gaps;
        if (n_gaps as u64) + 1 < limits.min_events {
            break;
        }
        n_tests += 1.0;
        let rests = rests(train, cut);
        let (ln_p, median) = of_gaps(rests.concat(), &rests);
        let is_better = best.is_none_or(|best| ln_p < best.ln_p);
        if is_better && range.contains(&(median + cut)) {
            best = Some(Regular { ln_p, cut, median: median + cut });
        }
    }
    best.map(|best| Regular { ln_p: (best.ln_p + f64::ln(n_tests)).min(0.0), ..best })
}

/// Gaps longer than `cut` in seconds, minus the cut, of each run.
fn rests(train: &Train, cut: f64) -> Vec<Vec<f64>> {
    let of_run = |run: &[f64]| run.windows(2).map(|pair| pair[1] - pair[0] - cut).filter(|&rest| rest > 0.0).collect();
    train.runs().map(of_run).collect()
}

/// Logarithm of the bound for gaps at one cut, and their median.
fn of_gaps(mut gaps: Vec<f64>, rests: &[Vec<f64>]) -> (f64, f64) {
    gaps.sort_unstable_by(f64::total_cmp);
    let median = gaps[gaps.len() / 2];
    let (mut n_tests, mut r_before, mut ln_together) = (0.0, usize::MAX, 0.0_f64);
    for share in BREAKS {
        let r = gaps.len() - (gaps.len() as f64 * share) as usize;
        if r != r_before && r > 1 {
            n_tests += 1.0;
            ln_together = ln_together.min(ln_uniform_sum(r - 1, MARGIN * deficits(&gaps, r)));
            r_before = r;
        }
    }
    let together = ln_together + f64::ln(n_tests) - (1.0 - WEIGHT_OF_NEIGHBOURS).ln();
    let neighbours = of_neighbours(rests) - WEIGHT_OF_NEIGHBOURS.ln();
    (together.min(neighbours).min(0.0), median)
}

/// Sum of 1 - T_i / T_r over i < r, where T_i is the sum of min(gap, i-th gap) over sorted gaps.
pub(super) fn deficits(gaps: &[f64], r: usize) -> f64 {
    let total_time = |i: usize, sum: f64| sum + (gaps.len() - i) as f64 * gaps[i - 1];
    let total = total_time(r, gaps[..r].iter().sum());
    let (mut sum, mut deficits) = (0.0, 0.0);
    for i in 1..r {
        sum += gaps[i - 1];
        deficits += 1.0 - total_time(i, sum) / total;
    }
    deficits
}

fn of_neighbours(rests: &[Vec<f64>]) -> f64 {
    let (mut n, mut sum) = (0, 0.0);
    for [a, b] in rests.iter().flat_map(|gaps| gaps.as_chunks::<2>().0) {
        n += 1;
        sum += (a - b).abs() / (a + b);
    }
    ln_uniform_sum(n, MARGIN * sum)
}
