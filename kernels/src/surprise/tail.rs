//! Upper tail of a population: ranks within most of the data, a generalised Pareto distribution
//! beyond it.
//!
//! Values above a high threshold follow a generalised Pareto distribution, whatever the population
//! (the theorem of Pickands, Balkema and de Haan). Its shape is found from two quantiles of the
//! excesses, so that a few outliers among them hardly change it. It is taken one and a half
//! standard errors heavier than found, but never lighter than exponential, and the scale one
//! standard error greater: probabilities are rather too great than too small.

use super::histogram::{TailHistogram, bin_of, lower_edge};

/// Upper limit on the share of the values that the tail is made of.
const SHARE: f64 = 0.1;

/// Upper limit on the number of values that the tail is made of: more would reach into the middle
/// of the population.
const MOST: f64 = 1000.0;

/// With fewer excesses than this, ranks alone count.
const FEWEST: f64 = 16.0;

/// Standard error of the shape, times the square root of the number of excesses, found by the delta
/// method for exponential excesses: R is the ratio of the quantiles, of variance 20.8 / n, and the
/// derivative of `4^xi + 2^xi + 1` is ln 8 at 0.
const SHAPE_ERROR: f64 = 2.19;

/// Relative standard error of the scale of exponential excesses, times the square root of their
/// number: that of their upper octile, sqrt(7) / ln 8.
const SCALE_ERROR: f64 = 1.27;

/// Number of standard errors by which the shape is taken heavier than it was found.
const MARGIN: f64 = 1.5;

/// Upper tail of a population of values.
#[derive(Clone, Debug)]
pub struct Tail {
    /// Number of values, those outside the tail included.
    n: u64,
    /// Bins and the numbers of values from them on, the greatest first.
    bins: Vec<(u32, u64)>,
    excesses: Option<Excesses>,
}

/// Distribution of the excesses over a threshold.
#[derive(Clone, Copy, Debug)]
struct Excesses {
    threshold: f64,
    /// Share of the values above the threshold.
    share: f64,
    shape: f64,
    scale: f64,
    /// Distance between neighbouring values if the values are the points of a lattice, such as
    /// counts, else 0.
    step: f64,
}

impl Tail {
    /// Tail of the values in a histogram.
    #[must_use]
    pub fn of(histogram: &TailHistogram) -> Self {
        let mut n_from = 0;
        let bins: Vec<(u32, u64)> = histogram
            .descending()
            .map(|(bin, count)| {
                n_from += count;
                (bin, n_from)
            })
            .collect();
        let excesses = Excesses::of(&bins, histogram.n());
        Tail { n: histogram.n(), bins, excesses }
    }

    /// Number of values, those outside the tail included.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Number of values that are at least as great as `value`, up to the width of a bin.
    #[must_use]
    pub fn n_from(&self, value: f64) -> u64 {
        self.n_from_bin(bin_of(value))
    }

    /// Upper bound on the probability of a value at least as great as `value`. By ranks alone it is
    /// not below 1 / n, and nowhere below 1 / n²: no tail is known farther out than that.
    #[must_use]
    pub fn probability(&self, value: f64) -> f64 {
        self.probability_from(bin_of(value))
    }

    /// Value beyond which values are outliers at a false discovery rate of `rate` among all values
    /// (the procedure of Benjamini and Hochberg); `None` if nothing is discovered.
    #[must_use]
    pub fn discovered_beyond(&self, rate: f64) -> Option<f64> {
        let is_discovered =
            |&&(bin, n_from): &&(u32, u64)| self.probability_from(bin) <= rate * n_from as f64 / self.n as f64;
        // outliers are strictly beyond
        self.bins.iter().rev().find(is_discovered).map(|&(bin, _)| lower_edge(bin).next_down())
    }

    fn n_from_bin(&self, bin: u32) -> u64 {
        if bin == 0 {
            return self.n;
        }
        let n_greater = self.bins.partition_point(|(from, _)| *from >= bin);
        n_greater.checked_sub(1).map_or(0, |last| self.bins[last].1)
    }

    fn probability_from(&self, bin: u32) -> f64 {
        let (edge, n) = (lower_edge(bin), self.n.max(1) as f64);
        match &self.excesses {
            // an infinite distance is one without a spread
            Some(excesses) if edge > excesses.threshold && edge < f64::INFINITY => {
                excesses.probability(edge).max(1.0 / (n * n))
            }
            _ => self.n_from_bin(bin).max(1) as f64 / n,
        }
    }
}

impl Excesses {
    /// Fits the distribution to the greatest of `n_values` values, given as bins and the numbers of
    /// values from them on.
    fn of(bins: &[(u32, u64)], n_values: u64) -> Option<Self> {
        let most = (n_values as f64 * SHARE).min(MOST);
        let (bins, rest) = bins.split_at(bins.partition_point(|(_, n_from)| *n_from as f64 <= most));
        let n = bins.last()?.1 as f64;
        if n < FEWEST {
            return None;
        }
        // the greatest value below, so that the smallest excess of a lattice is one step
        let threshold = rest.first().map_or(0.0, |(bin, _)| lower_edge(*bin));
        // middle of the first bin, from the greatest on, that leaves more than a share above itself
        let excess = |share: f64| {
            let beyond = bins.iter().take_while(|(_, n_from)| *n_from as f64 <= n * share).count();
            let bin = bins[beyond.min(bins.len() - 1)].0;
            (lower_edge(bin) + lower_edge(bin + 1)) / 2.0 - threshold
        };
        let (half, eighth) = (excess(1.0 / 2.0), excess(1.0 / 8.0));
        // of an exponential distribution, an eighth lies three times as far out as a half
        let ratio = if eighth > half { eighth / half } else { 3.0 };
        let eighth = half * ratio;
        let found = ((((4.0 * ratio - 3.0).sqrt()) - 1.0) / 2.0).log2();
        let shape = (found + MARGIN * SHAPE_ERROR * (1.0 + found.max(0.0)) / n.sqrt()).max(0.0);
        let found = if shape > 0.0 { eighth * shape / ((shape * 3.0).exp2() - 1.0) } else { eighth / 8.0_f64.ln() };
        let scale = found * (1.0 + SCALE_ERROR / n.sqrt());
        Some(Excesses { threshold, share: n / n_values as f64, shape, scale, step: step(bins) })
    }

    fn probability(&self, value: f64) -> f64 {
        let excess = (value - self.step - self.threshold).max(0.0) / self.scale;
        let beyond =
            if self.shape > 0.0 { (1.0 + self.shape * excess).powf(-1.0 / self.shape) } else { (-excess).exp() };
        self.share * beyond
    }
}

/// Smallest distance between neighbouring bins; 0 if some touch.
fn step(bins: &[(u32, u64)]) -> f64 {
    let gap = |pair: &[(u32, u64)]| match (pair[1].0, pair[0].0) {
        (lower, upper) if lower + 1 == upper => 0.0,
        (lower, upper) => lower_edge(upper) - lower_edge(lower),
    };
    bins.windows(2).map(gap).reduce(f64::min).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Numbers between 0 and 1, exclusive.
    fn uniform(seed: u64) -> impl Iterator<Item = f64> {
        let mut random = Random(seed);
        std::iter::repeat_with(move || random.uniform())
    }

    /// A distribution on positive numbers, by its quantile function in terms of the probability to
    /// lie above.
    type Quantile = fn(f64) -> f64;

    const BODIES: [(&str, Quantile); 4] = [
        ("exponential", |above| -above.ln()),
        ("pareto", |above| above.powf(-0.5)),
        ("uniform", |above| 1.0 - above),
        // about log-normal
        ("heavy", |above| (-above.ln()).powi(2)),
    ];

    #[test]
    fn nothing_is_certain_after_seven_values() {
        let histogram: TailHistogram = [1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 1e9].into_iter().collect();
        let tail = Tail::of(&histogram);
        assert_eq!(tail.probability(1e9), 1.0 / 7.0);
        assert_eq!(tail.probability(1e20), 1.0 / 7.0);
        assert_eq!(tail.probability(2.0), 4.0 / 7.0);
        assert_eq!(tail.probability(0.0), 1.0);
        assert_eq!(tail.discovered_beyond(0.1), None);
        assert_eq!(Tail::of(&TailHistogram::default()).probability(5.0), 1.0);
    }

    #[test]
    fn tails_are_extrapolated_and_rather_too_heavy() {
        for (name, quantile) in BODIES {
            let histogram: TailHistogram = uniform(7).take(100_000).map(quantile).collect();
            let tail = Tail::of(&histogram);
            assert!(tail.probability(1e300) >= 1e-10 && tail.probability(f64::INFINITY) == 1e-5, "{name}");
            for above in [0.3, 0.05, 1e-3, 1e-5, 1e-7, 1e-9] {
                let found = tail.probability(quantile(above));
                assert!(found > above / 4.0, "{name} {above}: {found}");
                // up to 100 times what was seen, within two powers of ten
                assert!(name == "uniform" || found < above * 100.0 || above < 1e-7, "{name} {above}: {found}");
            }
        }
    }

    #[test]
    fn noise_is_not_discovered() {
        for (name, quantile) in BODIES {
            for n in [200, 2_000, 20_000] {
                let runs = 40;
                let with_discoveries = (0..runs).filter(|seed| {
                    let histogram: TailHistogram = uniform(seed * 7919 + 1).take(n).map(quantile).collect();
                    Tail::of(&histogram).discovered_beyond(0.05).is_some()
                });
                // 5 % of the runs are allowed, 5 in 40 are beyond its 95 % interval
                let n_runs = with_discoveries.count();
                assert!(n_runs <= 5, "{name} {n}: {n_runs} of {runs} runs");
            }
        }
    }

    #[test]
    fn planted_values_are_discovered() {
        for (name, quantile) in &BODIES[..3] {
            for n_planted in [1, 20, 40] {
                let extreme = quantile(1e-12).max(10.0);
                let noise = uniform(3).take(50_000).map(quantile);
                let histogram: TailHistogram =
                    noise.chain((0..n_planted).map(|i| extreme * (1.0 + f64::from(i) / 1e3))).collect();
                let from = Tail::of(&histogram).discovered_beyond(0.05);
                assert!(from.is_some_and(|from| from <= extreme), "{name} {n_planted}: {from:?}, not {extreme}");
            }
        }
    }

    #[test]
    fn a_greater_rate_discovers_more() {
        let histogram: TailHistogram = uniform(5).take(30_000).map(|above| above.powf(-0.9)).collect();
        let tail = Tail::of(&histogram);
        let mut before = f64::INFINITY;
        for rate in [1e-6, 1e-3, 0.01, 0.05, 0.2, 0.5, 0.9] {
            let from = tail.discovered_beyond(rate).unwrap_or(f64::INFINITY);
            assert!(from <= before, "{rate}: {from} after {before}");
            before = from;
        }
    }

    #[test]
    fn counts_are_points_of_a_lattice() {
        // 0, 1, 2 ... with a probability of a half each
        let geometric = |above: f64| (-above.log2()).floor();
        let histogram: TailHistogram = uniform(11).take(100_000).map(geometric).collect();
        let tail = Tail::of(&histogram);
        for k in [5, 12, 20, 30] {
            let exact = f64::from(-k).exp2();
            let found = tail.probability(f64::from(k));
            assert!(found >= exact * 0.8 && found < exact * 1000.0, "{k}: {found}, not {exact}");
        }
    }
}
