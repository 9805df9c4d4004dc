//! Impossible trips, and how probable each of them is.

use std::io;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StructArray, UInt32Array};
use chrono::TimeDelta;
use datafusion::common::JoinType;
use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, Expr, col, lit, when};
use futures::StreamExt;
use outlier_kernels::travel::{Place, TravelLimits};
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::{Candidate, Candidates, Inputs, column, rows};
use super::places::Places;
use super::ranked::{RankedTrip, Trips};
use crate::config::{Networks, Travel};
use crate::engine::functions::{FoundJourney, FoundTrip, N_LANES, NO_RANK, Visits, journey_of, trips};
use crate::spill::{FieldReader, FieldWriter, NumberedRecords, Record, SpillError, StoredRecords};
use crate::table::{Element, Population, View};

/// Trip of a user.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeenTrip {
    pub(super) aggregator: u32,
    /// Rank of the place where it ended.
    pub(super) target: u32,
    pub(super) trip: FoundTrip,
    /// Users of the network at its end.
    pub(super) users: Option<Users>,
}

/// Impossible trip of a user.
#[derive(Debug, Clone, Copy)]
pub(super) struct JudgedTrip {
    pub(super) seen: SeenTrip,
    /// Bits of surprise at the trip.
    pub(super) surprise: f64,
}

impl Record for JudgedTrip {
    fn encode(&self, fields: &mut FieldWriter) {
        let SeenTrip { aggregator, target, trip, users } = self.seen;
        // whoever made the trip has the network
        let Users { n, n_all } = users.unwrap_or(Users { n: 0, n_all: 0 });
        let numbers = [u64::from(aggregator), u64::from(target), n, n_all, self.surprise.to_bits()];
        trip.lanes().into_iter().chain(numbers).for_each(|number| fields.number(number));
    }

    fn decode(fields: &mut FieldReader<'_>) -> io::Result<Self> {
        let mut lanes = [0; N_LANES];
        for lane in &mut lanes {
            *lane = fields.number()?;
        }
        let (trip, aggregator, target) = (FoundTrip::of_lanes(lanes), fields.small()?, fields.small()?);
        let users = Users { n: fields.number()?, n_all: fields.number()? };
        let seen = SeenTrip { aggregator, target, trip, users: Some(users).filter(|users| users.n > 0) };
        Ok(JudgedTrip { seen, surprise: f64::from_bits(fields.number()?) })
    }
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

/// Impossible trips, by number, and the candidates at their ends.
pub(super) struct Judged {
    pub(super) candidates: Candidates,
    pub(super) trips: StoredRecords<JudgedTrip>,
}

/// Part of the memory limit that each sort of trips may use, and the trips that were judged.
const SHARE: usize = 16;

/// Finds the impossible trips of `view`. Those of all users count for how probable each one is,
/// whatever aggregators are wanted.
pub(super) async fn judge(travel: &Travel, view: &View, inputs: &Inputs<'_>) -> Result<Judged, DataFusionError> {
    let memory_bytes = inputs.memory_limit / SHARE;
    let mut found = Trips::new(inputs.spill_dir, memory_bytes);
    let add = |user, journey: FoundJourney| found.add(user, &journey).map_err(external);
    let facts = walk(travel, &limits(travel), view, inputs, add).await?;
    let mut candidates = Candidates::new(inputs);
    let mut trips = NumberedRecords::new(inputs.spill_dir, memory_bytes);
    let keep = |(user, trip, surprise): RankedTrip| {
        let seen = facts.seen(user, trip);
        let evidence = trips.push(JudgedTrip { seen, surprise })?;
        let element = Element(trip.element);
        Ok(candidates.push(Candidate { element, aggregator: user, target: seen.target, evidence })?)
    };
    found.rank(view.population().only.as_ref(), keep).map_err(|Failed(error)| error)?;
    Ok(Judged { candidates, trips: trips.store().map_err(external)? })
}

/// Finds the trips of some users of `view` that are long enough, however slow they were.
pub(super) async fn long_trips(
    travel: &Travel,
    view: &View,
    users: &FxHashSet<u32>,
    inputs: &Inputs<'_>,
) -> Result<FxHashMap<u32, Vec<SeenTrip>>, DataFusionError> {
    let limits = TravelLimits { max_speed: 0.0, ..limits(travel) };
    let mut journeys: Vec<(u32, FoundJourney)> = Vec::new();
    let add = |user, journey| {
        journeys.extend(users.contains(&user).then_some((user, journey)));
        Ok(())
    };
    let facts = walk(travel, &limits, view, inputs, add).await?;
    let seen = |(user, journey): (u32, FoundJourney)| {
        (user, journey.trips.into_iter().map(|trip| facts.seen(user, trip)).collect())
    };
    Ok(journeys.into_iter().map(seen).collect())
}

/// Known facts about the ends of trips.
struct Facts {
    /// Ranks of places.
    ranks: FxHashMap<Place, u32>,
    /// Users of networks.
    users_of: FxHashMap<u32, Users>,
}

impl Facts {
    fn seen(&self, aggregator: u32, trip: FoundTrip) -> SeenTrip {
        let end = &trip.ends[1];
        let target = self.ranks.get(&end.place).copied().unwrap_or_default();
        SeenTrip { aggregator, target, trip, users: self.users_of.get(&end.network).copied() }
    }
}

/// Calls `each` with the trips of every user of `view` that are beyond `limits`.
async fn walk(
    travel: &Travel,
    limits: &TravelLimits,
    view: &View,
    inputs: &Inputs<'_>,
    mut each: impl FnMut(u32, FoundJourney) -> Result<(), DataFusionError> + Send,
) -> Result<Facts, DataFusionError> {
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
    while let Some(batch) = batches.next().await {
        let batch = &batch?;
        let found = column::<StructArray>(batch, "trips")?;
        for (row, &aggregator) in column::<UInt32Array>(batch, "aggregator")?.values().iter().enumerate() {
            each(aggregator, journey_of(found, row))?;
        }
    }
    Ok(Facts { ranks: places.ranks(), users_of })
}

fn external(error: SpillError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Error of a step of the judgement.
struct Failed(DataFusionError);

impl From<SpillError> for Failed {
    fn from(error: SpillError) -> Self {
        Failed(external(error))
    }
}

impl From<DataFusionError> for Failed {
    fn from(error: DataFusionError) -> Self {
        Failed(error)
    }
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
