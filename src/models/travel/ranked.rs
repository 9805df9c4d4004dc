//! Impossible trips of all users, and how probable each of them is. There may be any number of
//! trips, so what they are compared with is counted in passes over sorted records:
//!
//! 1. in the order of ways: the users who went the same way;
//! 2. in the order of speeds: the trips that are as fast;
//! 3. in the order of their events, in which they are described.

use std::cmp::Ordering;
use std::io;
use std::path::{Path, PathBuf};

use outlier_kernels::surprise::{Others, bits, share_of_extremes};
use rustc_hash::FxHashSet;

use crate::engine::functions::{FoundJourney, FoundTrip, N_LANES};
use crate::spill::{FieldReader, FieldWriter, Record, SortedRuns, SpillError, StoredRuns};

/// Impossible trip of a user on its way through the passes.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// Order of the pass, and what the trips of a group of the pass share.
    key: [u64; 4],
    user: u32,
    trip: FoundTrip,
    /// Steps of the user, days with one, and other trips of the user that are as fast.
    n_steps: u64,
    n_days: u64,
    n_as_fast: u64,
    /// Users who went the same way, once they are counted.
    n_way_users: u64,
    /// Upper bound on the probability of such a trip, once it is known.
    probability: f64,
}

impl Record for Step {
    fn encode(&self, fields: &mut FieldWriter) {
        let Step { key, user, trip, n_steps, n_days, n_as_fast, n_way_users, probability } = *self;
        let numbers = [u64::from(user), n_steps, n_days, n_as_fast, n_way_users, probability.to_bits()];
        key.into_iter().chain(trip.lanes()).chain(numbers).for_each(|number| fields.number(number));
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let key = [fields.number()?, fields.number()?, fields.number()?, fields.number()?];
        let mut lanes = [0; N_LANES];
        for lane in &mut lanes {
            *lane = fields.number()?;
        }
        Ok(Step {
            key,
            trip: FoundTrip::of_lanes(lanes),
            user: fields.small()?,
            n_steps: fields.number()?,
            n_days: fields.number()?,
            n_as_fast: fields.number()?,
            n_way_users: fields.number()?,
            probability: f64::from_bits(fields.number()?),
        })
    }
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Step {}

impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Step {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

/// Trips that are being gathered, user after user.
#[derive(Debug)]
pub(super) struct Trips {
    folder: PathBuf,
    memory_bytes: usize,
    by_way: SortedRuns<Step>,
    n_steps: u64,
    n_users: u64,
}

/// A trip with its user and its surprise in bits.
pub(super) type RankedTrip = (u32, FoundTrip, f64);

impl Trips {
    /// Without trips. More than `memory_bytes` of them go to `folder`.
    pub(super) fn new(folder: &Path, memory_bytes: usize) -> Self {
        let by_way = SortedRuns::new(folder, memory_bytes);
        Trips { folder: folder.to_owned(), memory_bytes, by_way, n_steps: 0, n_users: 0 }
    }

    /// Adds the journey of a user who is not added yet.
    pub(super) fn add(&mut self, user: u32, journey: &FoundJourney) -> Result<(), SpillError> {
        let FoundJourney { n_steps, n_days, ref trips } = *journey;
        self.n_steps += n_steps;
        self.n_users += 1;
        let mut speeds: Vec<f64> = trips.iter().map(|trip| trip.speed).collect();
        speeds.sort_unstable_by(f64::total_cmp);
        trips.iter().try_for_each(|trip| {
            let n_slower = speeds.partition_point(|speed| *speed < trip.speed);
            let n_as_fast = ((speeds.len() - n_slower) as u64).saturating_sub(1);
            // a way has no direction
            let [from, to] = trip.ends.map(|visit| visit.place.number());
            let key = [from.min(to), from.max(to), u64::from(user), trip.element];
            let step = Step { key, user, trip: *trip, n_steps, n_days, n_as_fast, n_way_users: 0, probability: 0.0 };
            self.by_way.push(step, size_of::<Step>())
        })
    }

    /// Compares the trips with each other, and calls `each` with those of the users in `only`, if
    /// that is given, in the order of their events.
    pub(super) fn rank<E: From<SpillError>>(
        self,
        only: Option<&FxHashSet<u32>>,
        mut each: impl FnMut(RankedTrip) -> Result<(), E>,
    ) -> Result<(), E> {
        let Trips { folder, memory_bytes, by_way, n_steps, n_users } = self;
        let sorted = || SortedRuns::new(&folder, memory_bytes);
        let mut by_speed = sorted();
        each_with_group(&by_way.store()?, 2, |step, way| {
            // fast ones first: speeds are positive, so their bits are in their order
            let key = [!step.trip.speed.to_bits(), u64::from(step.user), step.trip.element, 0];
            by_speed.push(Step { key, n_way_users: way.n_users, ..step }, size_of::<Step>())
        })?;
        let mut by_event = sorted();
        each_with_group(&by_speed.store()?, 1, |step, as_fast| {
            if only.is_some_and(|only| !only.contains(&step.user)) {
                return Ok(());
            }
            let all = Others { n_extreme: as_fast.n_through - 1, n: n_steps.saturating_sub(1) };
            let key = [step.trip.element, u64::from(step.user), 0, 0];
            by_event.push(Step { key, probability: probability(&step, all, n_users), ..step }, size_of::<Step>())
        })?;
        let mut by_event = by_event.merge()?;
        while let Some(Step { user, trip, probability, .. }) = by_event.next_if(|_| true)? {
            each((user, trip, bits(probability)))?;
        }
        Ok(())
    }
}

/// Upper bound on the probability of a trip: the greatest of the shares of steps that are as fast,
/// of the user's other days on the same way, and of the other users who went it as fast as nobody
/// can. `all` are the other steps of all users.
fn probability(step: &Step, all: Others, n_users: u64) -> f64 {
    let own = Others { n_extreme: step.n_as_fast, n: step.n_steps.saturating_sub(1) };
    let of_days = share(step.trip.n_other_days, step.n_days);
    let of_users = share(step.n_way_users.saturating_sub(1), n_users);
    share_of_extremes(own, all).max(of_days).max(of_users)
}

/// Share of `n` things besides one of them.
fn share(n_others: u64, n: u64) -> f64 {
    if n > 1 { n_others as f64 / (n - 1) as f64 } else { 0.0 }
}

/// Trips that have the beginning of a key in common.
struct Group {
    n_users: u64,
    /// Number of trips in all groups up to this one.
    n_through: u64,
}

/// Calls `each` with every trip and the group of those that share the first `n_shared` numbers of
/// its key. A group may have any number of trips, so one reader looks ahead instead of holding
/// them.
fn each_with_group(
    steps: &StoredRuns<Step>,
    n_shared: usize,
    mut each: impl FnMut(Step, &Group) -> Result<(), SpillError>,
) -> Result<(), SpillError> {
    let [mut ahead, mut behind] = [steps.read()?, steps.read()?];
    let mut n_through = 0;
    while let Some(first) = ahead.next_if(|_| true)? {
        let is_of_group = |next: &Step| next.key[..n_shared] == first.key[..n_shared];
        let (mut n_trips, mut n_users, mut last) = (1, 1, first.user);
        while let Some(Step { user, .. }) = ahead.next_if(is_of_group)? {
            n_trips += 1;
            n_users += u64::from(user != last);
            last = user;
        }
        n_through += n_trips;
        let group = Group { n_users, n_through };
        for _ in 0..n_trips {
            let Some(step) = behind.next_if(|_| true)? else { break };
            each(step, &group)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use outlier_kernels::travel::Place;

    use super::*;
    use crate::engine::functions::{NO_RANK, Visit};

    fn trip(to: f64, speed: f64, n_other_days: u64) -> FoundTrip {
        let visit = |longitude: f64| Visit {
            time: 0,
            place: Place::of_degrees(50.0, longitude).unwrap(),
            network: NO_RANK,
            country: NO_RANK,
        };
        FoundTrip { element: 0, ends: [visit(5.0), visit(to)], distance: 1_000.0, speed, n_other_days }
    }

    fn journey(n_steps: u64, n_days: u64, trips: &[FoundTrip]) -> FoundJourney {
        FoundJourney { n_steps, n_days, trips: trips.to_vec() }
    }

    /// Surprises by user and number of the trip, whatever fits in memory.
    fn ranked(journeys: &[FoundJourney]) -> Vec<((usize, usize), f64)> {
        let with_memory = |memory_bytes: usize| {
            let folder = tempfile::tempdir().unwrap();
            let mut trips = Trips::new(folder.path(), memory_bytes);
            for (user, journey) in journeys.iter().enumerate() {
                let mut journey = journey.clone();
                let numbered = journey.trips.iter_mut().enumerate();
                // the last users have the first events
                numbered.for_each(|(idx, trip)| trip.element = (1000 * (1000 - user) + idx) as u64);
                trips.add(user as u32, &journey).unwrap();
            }
            let mut all = Vec::new();
            trips
                .rank(None, |(user, trip, surprise)| {
                    all.push(((user as usize, trip.element as usize % 1000), surprise));
                    Ok::<_, SpillError>(())
                })
                .unwrap();
            all
        };
        let expected = with_memory(usize::MAX);
        for memory_bytes in [0, 3 * size_of::<Step>()] {
            assert_eq!(with_memory(memory_bytes), expected, "{memory_bytes}");
        }
        assert!(expected.is_sorted_by_key(|((user, idx), _)| (std::cmp::Reverse(*user), *idx)));
        expected
    }

    fn probability(journeys: &[FoundJourney], user: usize, idx: usize) -> f64 {
        let found = ranked(journeys).into_iter().find(|(place, _)| *place == (user, idx));
        (-found.unwrap().1).exp2()
    }

    #[track_caller]
    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
    }

    #[test]
    fn a_trip_is_as_probable_as_steps_that_are_as_fast() {
        let quiet = journey(500, 20, &[]);
        let journeys = [quiet.clone(), journey(491, 20, &[trip(9.0, 3_000.0, 0)]), quiet];
        // one of 1,491 steps, of which those of the user count as much as ten of all
        let expected = share_of_extremes(Others { n_extreme: 0, n: 490 }, Others { n_extreme: 0, n: 1_490 });
        assert_near(probability(&journeys, 1, 0), expected);
        let slower = journey(491, 20, &[trip(9.0, 3_000.0, 0), trip(70.0, 2_000.0, 0)]);
        let journeys = [journeys[0].clone(), slower, journeys[0].clone()];
        assert_near(probability(&journeys, 1, 0), expected);
        assert!(probability(&journeys, 1, 1) > expected);
        // one that is as fast counts
        let equal = journey(491, 20, &[trip(9.0, 3_000.0, 0), trip(70.0, 3_000.0, 0)]);
        let journeys = [journeys[0].clone(), equal, journeys[0].clone()];
        let expected = share_of_extremes(Others { n_extreme: 1, n: 490 }, Others { n_extreme: 1, n: 1_490 });
        assert_near(probability(&journeys, 1, 0), expected);
        assert_near(probability(&journeys, 1, 1), expected);
    }

    #[test]
    fn commuters_and_those_who_go_everybodys_way_are_less_surprising() {
        let many: Vec<FoundJourney> = (0..9).map(|_| journey(1_000, 21, &[])).collect();
        let with = |more: &[FoundJourney]| [more, &many].concat();
        let commuter = journey(1_000, 21, &[trip(9.0, 3_000.0, 5)]);
        assert_near(probability(&with(&[commuter]), 0, 0), 5.0 / 20.0);
        // through the same VPN; another way does not count
        let of_vpn = journey(1_000, 21, &[trip(9.0, 3_000.0, 0)]);
        let elsewhere = journey(1_000, 21, &[trip(30.0, 3_000.0, 0)]);
        let journeys = with(&[of_vpn.clone(), of_vpn, elsewhere]);
        assert_near(probability(&journeys, 0, 0), 1.0 / 11.0);
        assert!(probability(&journeys, 2, 0) < 0.001);
        // there and back is one way of one user
        let mut back = trip(9.0, 3_000.0, 0);
        back.ends.reverse();
        let journeys = with(&[journey(1_000, 21, &[trip(9.0, 3_000.0, 0), back])]);
        assert!(probability(&journeys, 0, 0) < 0.01);
    }

    #[test]
    fn nothing_is_certain_after_one_step() {
        assert_near(probability(&[journey(1, 1, &[trip(9.0, 3_000.0, 0)])], 0, 0), 1.0);
        assert_eq!(ranked(&[journey(5, 1, &[])]), []);
    }

    #[test]
    fn only_the_trips_of_some_users_are_wanted() {
        let mut trips = Trips::new(&std::env::temp_dir(), usize::MAX);
        (0..5).for_each(|user| trips.add(user, &journey(9, 2, &[trip(9.0, 3_000.0, 0)])).unwrap());
        let mut users = Vec::new();
        let only = FxHashSet::from_iter([1, 3]);
        trips
            .rank(Some(&only), |(user, ..)| {
                users.push(user);
                Ok::<_, SpillError>(())
            })
            .unwrap();
        assert_eq!(users, [1, 3]);
    }
}
