//! Rhythm of the events of a group: the probability that a group without rhythm is as regular, and
//! period, jitter, missed beats and hours of the rhythm.
//!
//! # Null hypothesis
//!
//! A group without rhythm is a Poisson process whose rate may change: by the hour of the day, from
//! session to session, in bursts. Two tests look for what such a process cannot do. Both are
//! formulas, so no table of simulated values is needed: the distribution of gaps is exact, that of
//! lags a Chernoff bound. What they take for granted is checked on generated groups.
//!
//! 1. `gaps`: the gaps between events are less spread out than exponential ones. A changing rate
//!    only spreads them more. It finds lonely beacons of any jitter, from six events on.
//! 2. `lags`: more events than by chance follow an earlier one after a period, compared with the
//!    time around. It finds beacons among other traffic, several beacons, and changes of period.
//!
//! The probabilities of both are combined by a weighted Bonferroni bound. The statistics of both
//! must beat the null by a margin, so that very many events do not make something of nearly
//! nothing: think times of people are slightly more regular than a Poisson process.
//!
//! # Cost
//!
//! O(n log n) for n events. Of groups with more than `train::MOST_EVENTS` events, equally spaced
//! runs of consecutive events are tested.

mod gaps;
mod lags;
mod observed;
mod tails;
mod train;

pub use observed::{Sizes, sizes};

/// Microseconds in a second.
const SECOND: f64 = 1e6;

/// Share of the error probability that the test of gaps may use; the rest is for that of lags.
const WEIGHT_OF_GAPS: f64 = 0.8;

/// Limits on what counts as a beacon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RhythmLimits {
    /// Groups with fewer events are not judged; at least [`LEAST_EVENTS`] are needed.
    pub min_events: u64,
    /// Shortest period in microseconds.
    pub min_period: i64,
    /// Longest period in microseconds.
    pub max_period: i64,
}

/// Smallest logarithm of a probability, which stands for all smaller ones and for that of 0.
const LEAST_LN_P: f64 = -1e5;

/// Fewest events with which regularity can be told from chance.
pub const LEAST_EVENTS: u64 = 4;

/// Rhythm of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rhythm {
    /// Natural logarithm of an upper bound on the probability that a group without rhythm is as
    /// regular; at most 0.
    pub ln_p: f64,
    /// Typical time between beats in microseconds.
    pub period: i64,
    /// Width of the middle half of the intervals as a share of the period. An interval that is
    /// uniform within ±20 % of the period has 0.2.
    pub jitter: f64,
    /// Number of events.
    pub n_events: u64,
    /// Number of beats: bursts of events count once.
    pub n_beats: u64,
    /// Number of beats that are missing within runs of beats.
    pub n_missed: u64,
    /// Hours of the day, in UTC, in which beats lie: bit h for the hour that begins at h:00.
    pub hours: u32,
    /// Time of the first event in microseconds.
    pub first: i64,
    /// Time of the last event in microseconds.
    pub last: i64,
}

/// Judges the rhythm of a group from the times of its events in microseconds, sorted.
///
/// `None` if the group is not judged, because it has fewer events than `limits` asks for. A group
/// without any rhythm has the logarithm 0 and nothing else.
#[must_use]
pub fn judge(times: &[i64], limits: &RhythmLimits) -> Option<Rhythm> {
    let (&first, &last) = (times.first()?, times.last()?);
    let is_too_small = (times.len() as u64) < limits.min_events.max(LEAST_EVENTS);
    if is_too_small {
        return None;
    }
    if last.saturating_sub(first) < limits.min_period.saturating_mul(2) {
        return Some(Rhythm::default());
    }
    let train = train::Train::new(times);
    let gaps = gaps::test(&train, limits);
    let lags = lags::test(&train, limits);
    let of_gaps = gaps.map_or(0.0, |found| found.ln_p - WEIGHT_OF_GAPS.ln());
    let of_lags = lags.map_or(0.0, |found| found.ln_p - (1.0 - WEIGHT_OF_GAPS).ln());
    let ln_p = of_gaps.min(of_lags);
    if ln_p >= 0.0 {
        return Some(Rhythm::default());
    }
    let cut = gaps.map_or(train::CUTS[1], |found| found.cut);
    // lags see the period of which gaps are multiples, and multiples of the period of regular gaps
    let is_multiple = |lag: f64| gaps.is_some_and(|gaps| gaps.ln_p < lags::CERTAIN && lag > 1.5 * gaps.median);
    let lag = lags.filter(|found| found.ln_p < lags::CERTAIN && !is_multiple(found.period));
    let observed = observed::observe(times, cut, lag.map(|found| found.period))?;
    Some(Rhythm { ln_p: ln_p.max(LEAST_LN_P), ..observed })
}

#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod tests;
