//! Surprise: how improbable something as extreme is if its population is ordinary.
//!
//! Surprise is measured in bits, -log2 of an upper bound on the probability. Values of groups with
//! different levels become comparable as multiples of the group's spread ([`Scale`]). Their upper
//! tail is counted in logarithmic bins ([`TailHistogram`]), so that it depends neither on the order
//! of the values nor on how they were merged. Beyond most of the data, the tail is extrapolated
//! ([`Tail`]).

mod discoveries;
mod distances;
mod histogram;
mod novelty;
mod scale;
mod season;
mod tail;

pub use discoveries::{least_discovered, q_values};
pub use distances::Distances;
pub use histogram::{TailHistogram, bin_of, lower_edge};
pub use novelty::Occurrences;
pub use scale::{Scale, Whole};
pub use season::{HourlyCount, HourlyValues, ObservedDays, Usual, count_at, deviation, expected_counts, usual};
pub use tail::Tail;

/// Bits of surprise that halve the distance of the score to 100.
const HALVING_BITS: f64 = 8.0;

/// Surprise of an event of probability `p`, in bits; 0 for a probability of 1 or more.
#[must_use]
pub fn bits(p: f64) -> f64 {
    (-p.log2()).max(0.0)
}

/// Score of a surprise in bits: 0 for none, 50 for 8 bits, 75 for 16 bits, and so on towards 100.
#[must_use]
pub fn score(surprise: f64) -> f64 {
    100.0 * (1.0 - (-surprise.max(0.0) / HALVING_BITS).exp2())
}

/// Other events of a population, and those of them that are at least as extreme as one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Others {
    /// Number of those that are at least as extreme.
    pub n_extreme: u64,
    /// Number of all.
    pub n: u64,
}

/// Number of events that count as much as those of the whole: smaller groups follow the whole more
/// than themselves.
const WHOLE_WEIGHT: f64 = 10.0;

/// Upper bound on the probability of an event that is as extreme as one event of a group, from the
/// other events of the group and of the whole that it is a part of. It is the share of extreme
/// events, as Good and Turing estimate that of new ones, and not below 1 / n of the whole.
#[must_use]
pub fn share_of_extremes(group: Others, whole: Others) -> f64 {
    let least = 1.0 / (whole.n as f64 + 1.0);
    let of_whole = (whole.n_extreme as f64 + 1.0) / (whole.n as f64 + 1.0);
    let share = (group.n_extreme as f64 + WHOLE_WEIGHT * of_whole) / (group.n as f64 + WHOLE_WEIGHT);
    share.max(least).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_grow_with_surprise() {
        assert_eq!([0.0, 8.0, 16.0, 24.0].map(score), [0.0, 50.0, 75.0, 87.5]);
        assert_eq!(score(f64::INFINITY), 100.0);
        assert_eq!(score(-1.0), 0.0);
    }

    #[test]
    fn probabilities_become_bits() {
        assert_eq!([1.0, 0.5, 0.125, 2.0].map(bits), [0.0, 1.0, 3.0, 0.0]);
        assert_eq!(bits(0.0), f64::INFINITY);
    }

    #[test]
    fn small_groups_follow_the_whole() {
        let share = |group: (u64, u64), whole: (u64, u64)| {
            let others = |(n_extreme, n)| Others { n_extreme, n };
            share_of_extremes(others(group), others(whole))
        };
        assert_eq!(share((0, 0), (0, 0)), 1.0, "nothing is known");
        assert_eq!(share((0, 6), (0, 6)), 1.0 / 7.0, "nothing is certain after seven events");
        assert_eq!(share((0, 0), (24, 99)), 0.25);
        assert_eq!(share((1, 30), (9, 99)), 0.05);
        assert_eq!(share((5, 5), (9, 9)), 1.0);
        let large = share((100, 1_000_000_000), (500_000_000, 1_000_000_000));
        assert!((large - 1.05e-7).abs() < 1e-9, "{large}");
    }
}
