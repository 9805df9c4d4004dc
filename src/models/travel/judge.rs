//! Impossible trips, and how probable each of them is.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StructArray, UInt32Array};
use chrono::TimeDelta;
use datafusion::common::JoinType;
use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, Expr, col, lit, when};
use futures::StreamExt;
use outlier_kernels::surprise::{Others, bits, share_of_extremes};
use outlier_kernels::travel::{Place, TravelLimits};
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::{Inputs, column, rows};
use super::places::Places;
use crate::config::{Networks, Travel};
use crate::engine::functions::{FoundJourney, FoundTrip, NO_RANK, Visits, journey_of, trips};
use crate::table::{Population, View};

/// Impossible trip of a user.
#[derive(Debug, Clone, Copy)]
pub(super) struct JudgedTrip {
    pub(super) aggregator: u32,
    /// Rank of the place where it ended.
    pub(super) target: u32,
    pub(super) trip: FoundTrip,
    /// Users of the network at its end.
    pub(super) users: Option<Users>,
    /// Upper bound on the probability of such a trip.
    probability: f64,
}

/// Users of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Users {
    /// Number of them.
    pub(super) n: u64,
    /// Number of all users.
    pub(super) n_all: u64,
}

impl Users {
    /// Percentage of all users.
    pub(super) fn percentage(self) -> f64 {
        100.0 * self.n as f64 / self.n_all.max(1) as f64
    }

    /// True if more users than allowed have the network. That of a single user is not common,
    /// however few users there are.
    fn are_too_many(self, networks: &Networks) -> bool {
        networks.most.is_some_and(|most| self.n > 1 && self.percentage() > most)
    }
}

impl JudgedTrip {
    /// Bits of surprise at the trip.
    pub(super) fn surprise(&self) -> f64 {
        bits(self.probability)
    }
}

/// Finds the impossible trips of all users of `view`, whatever aggregators are wanted.
pub(super) async fn judge(
    travel: &Travel,
    view: &View,
    inputs: &Inputs<'_>,
) -> Result<Vec<JudgedTrip>, DataFusionError> {
    trips_beyond(travel, &limits(travel), view, inputs).await
}

/// Finds all trips of all users of `view` that are long enough, however slow they were.
pub(super) async fn long_trips(
    travel: &Travel,
    view: &View,
    inputs: &Inputs<'_>,
) -> Result<Vec<JudgedTrip>, DataFusionError> {
    trips_beyond(travel, &TravelLimits { max_speed: 0.0, ..limits(travel) }, view, inputs).await
}

async fn trips_beyond(
    travel: &Travel,
    limits: &TravelLimits,
    view: &View,
    inputs: &Inputs<'_>,
) -> Result<Vec<JudgedTrip>, DataFusionError> {
    let everyone = view.with_population(Population { without: view.population().without.clone(), only: None });
    let places = Places::of(&everyone, inputs).await?;
    let users_of = match &travel.networks {
        Some(_) => users_by_network(&everyone, inputs).await?,
        None => FxHashMap::default(),
    };
    let common: Vec<u32> = travel.networks.iter().flat_map(|networks| common(networks, &users_of)).collect();
    let stays = without_networks(rows(&everyone, inputs)?, common, inputs)?.join(
        places.table(inputs)?,
        JoinType::Inner,
        &["target"],
        &["place_target"],
        None,
    )?;
    let found = trips(visits(travel)?, limits).alias("trips");
    let mut batches = stays.aggregate(vec![col("aggregator")], vec![found])?.execute_stream().await?;
    let mut journeys = Vec::new();
    let mut whole = Whole::default();
    while let Some(batch) = batches.next().await {
        let batch = &batch?;
        let found = column::<StructArray>(batch, "trips")?;
        for (row, &aggregator) in column::<UInt32Array>(batch, "aggregator")?.values().iter().enumerate() {
            let journey = journey_of(found, row);
            whole.add(&journey);
            if !journey.trips.is_empty() {
                journeys.push((aggregator, journey));
            }
        }
    }
    whole.speeds.sort_unstable_by(f64::total_cmp);
    let ranks = places.ranks();
    let mut judged = Vec::with_capacity(whole.speeds.len());
    for (aggregator, journey) in journeys {
        let mut own: Vec<f64> = journey.trips.iter().map(|trip| trip.speed).collect();
        own.sort_unstable_by(f64::total_cmp);
        judged.extend(journey.trips.iter().map(|trip| JudgedTrip {
            aggregator,
            target: ranks.get(&trip.ends[1].place).copied().unwrap_or_default(),
            trip: *trip,
            users: users_of.get(&trip.ends[1].network).copied(),
            probability: whole.probability(trip, &journey, &own),
        }));
    }
    Ok(judged)
}

fn limits(travel: &Travel) -> TravelLimits {
    let microseconds = |period: TimeDelta| period.num_microseconds().unwrap_or(i64::MAX);
    TravelLimits {
        min_distance: travel.min_distance,
        min_interval: microseconds(travel.min_interval),
        max_speed: travel.max_speed,
    }
}

fn visits(travel: &Travel) -> Result<Visits, DataFusionError> {
    let rank = |name: &str, is_there: bool| -> Result<Expr, DataFusionError> {
        if is_there { when(col(name).is_null(), lit(NO_RANK)).otherwise(col(name)) } else { Ok(lit(NO_RANK)) }
    };
    Ok(Visits {
        time: col("time"),
        place: col("place"),
        tie: col("tie"),
        element: col("element"),
        network: rank("source", travel.networks.is_some())?,
        country: rank("destination", travel.country.is_some())?,
    })
}

/// Rows of `stays` that do not come from one of `networks`.
fn without_networks(stays: DataFrame, networks: Vec<u32>, inputs: &Inputs<'_>) -> Result<DataFrame, DataFusionError> {
    if networks.is_empty() {
        return Ok(stays);
    }
    let networks = Arc::new(UInt32Array::from(networks)) as ArrayRef;
    let networks = inputs.context.read_batch(RecordBatch::try_from_iter([("common", networks)])?)?;
    stays.join(networks, JoinType::LeftAnti, &["source"], &["common"], None)
}

fn common(networks: &Networks, users_of: &FxHashMap<u32, Users>) -> Vec<u32> {
    let common = users_of.iter().filter(|(_, users)| users.are_too_many(networks));
    common.map(|(&network, _)| network).collect()
}

/// Users of each network, from one pass over the events.
async fn users_by_network(view: &View, inputs: &Inputs<'_>) -> Result<FxHashMap<u32, Users>, DataFusionError> {
    let pairs = rows(view, inputs)?.aggregate(vec![col("source"), col("aggregator")], vec![])?;
    let mut batches = pairs.execute_stream().await?;
    let (mut n_by_network, mut all): (FxHashMap<u32, u64>, FxHashSet<u32>) = Default::default();
    while let Some(batch) = batches.next().await {
        let batch = &batch?;
        let users = column::<UInt32Array>(batch, "aggregator")?;
        for (network, &user) in column::<UInt32Array>(batch, "source")?.iter().zip(users.values()) {
            all.insert(user);
            if let Some(network) = network {
                *n_by_network.entry(network).or_default() += 1;
            }
        }
    }
    let n_all = all.len() as u64;
    Ok(n_by_network.into_iter().map(|(network, n)| (network, Users { n, n_all })).collect())
}

/// Steps of all users.
#[derive(Debug, Default)]
struct Whole {
    n_steps: u64,
    n_users: u64,
    /// Speeds of the impossible steps; in ascending order once all are added.
    speeds: Vec<f64>,
    /// Numbers of users with an impossible step between two places.
    users_of: FxHashMap<Way, u64>,
}

/// Two places, in any direction.
type Way = (Place, Place);

fn way(trip: &FoundTrip) -> Way {
    let [from, to] = trip.ends.map(|visit| visit.place);
    (from.min(to), from.max(to))
}

impl Whole {
    fn add(&mut self, journey: &FoundJourney) {
        self.n_steps += journey.n_steps;
        self.n_users += 1;
        self.speeds.extend(journey.trips.iter().map(|trip| trip.speed));
        let ways: FxHashSet<Way> = journey.trips.iter().map(way).collect();
        ways.into_iter().for_each(|way| *self.users_of.entry(way).or_default() += 1);
    }

    /// Upper bound on the probability of a trip of a user whose impossible speeds are `own`, in
    /// ascending order: the greatest of the shares of steps that are as fast, of the user's other
    /// days on the same way, and of the other users who went it as fast as nobody can.
    fn probability(&self, trip: &FoundTrip, journey: &FoundJourney, own: &[f64]) -> f64 {
        let others = |speeds: &[f64], n_steps: u64| {
            let n_slower = speeds.partition_point(|speed| *speed < trip.speed);
            Others { n_extreme: ((speeds.len() - n_slower) as u64).saturating_sub(1), n: n_steps.saturating_sub(1) }
        };
        let as_fast = share_of_extremes(others(own, journey.n_steps), others(&self.speeds, self.n_steps));
        let of_days = share(trip.n_other_days, journey.n_days);
        let n_users = self.users_of.get(&way(trip)).copied().unwrap_or_default();
        as_fast.max(of_days).max(share(n_users.saturating_sub(1), self.n_users))
    }
}

/// Share of `n` things besides one of them.
fn share(n_others: u64, n: u64) -> f64 {
    if n > 1 { n_others as f64 / (n - 1) as f64 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::functions::Visit;

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

    fn probability(journeys: &[FoundJourney], user: usize, idx: usize) -> f64 {
        let mut whole = Whole::default();
        journeys.iter().for_each(|journey| whole.add(journey));
        whole.speeds.sort_unstable_by(f64::total_cmp);
        let mut own: Vec<f64> = journeys[user].trips.iter().map(|trip| trip.speed).collect();
        own.sort_unstable_by(f64::total_cmp);
        whole.probability(&journeys[user].trips[idx], &journeys[user], &own)
    }

    #[test]
    fn a_trip_is_as_probable_as_steps_that_are_as_fast() {
        let quiet = journey(500, 20, &[]);
        let journeys = [quiet.clone(), journey(491, 20, &[trip(9.0, 3_000.0, 0)]), quiet];
        // one of 1,491 steps, of which those of the user count as much as ten of all
        let expected = share_of_extremes(Others { n_extreme: 0, n: 490 }, Others { n_extreme: 0, n: 1_490 });
        assert_eq!(probability(&journeys, 1, 0), expected);
        let slower = journey(491, 20, &[trip(9.0, 3_000.0, 0), trip(70.0, 2_000.0, 0)]);
        let journeys = [journeys[0].clone(), slower, journeys[0].clone()];
        assert_eq!(probability(&journeys, 1, 0), expected, "slower ones do not matter");
        assert!(probability(&journeys, 1, 1) > expected);
    }

    #[test]
    fn commuters_and_those_who_go_everybodys_way_are_less_surprising() {
        let many: Vec<FoundJourney> = (0..9).map(|_| journey(1_000, 21, &[])).collect();
        let with = |more: &[FoundJourney]| [more, &many].concat();
        let commuter = journey(1_000, 21, &[trip(9.0, 3_000.0, 5)]);
        assert_eq!(probability(&with(&[commuter]), 0, 0), 5.0 / 20.0);
        // through the same VPN; another way does not count
        let of_vpn = journey(1_000, 21, &[trip(9.0, 3_000.0, 0)]);
        let elsewhere = journey(1_000, 21, &[trip(30.0, 3_000.0, 0)]);
        let journeys = with(&[of_vpn.clone(), of_vpn, elsewhere]);
        assert_eq!(probability(&journeys, 0, 0), 1.0 / 11.0);
        assert!(probability(&journeys, 2, 0) < 0.001);
    }

    #[test]
    fn nothing_is_certain_after_one_step() {
        assert_eq!(probability(&[journey(1, 1, &[trip(9.0, 3_000.0, 0)])], 0, 0), 1.0);
    }
}
