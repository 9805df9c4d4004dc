//! `trips(time, place, tie, element, network, country, ...)`: the impossible trips of somebody who
//! was at these places.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StructArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Fields, UInt64Type};
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{AggregateUDF, Expr, GroupsAccumulator, Signature, Volatility, lit};
use outlier_kernels::travel::{Journey, Place, Stay, TravelLimits, Trip, journey};

use super::collect::{Collect, Record, state_field};
use super::group_function::GroupFunction;
use super::lists::{items, list_type, lists_of};
use super::parameters::number;

/// Number of columns: those of [`Visits`].
const N_COLUMNS: usize = 6;

/// Number of lanes of [`FoundTrip`].
pub const N_LANES: usize = 10;

/// Rank that stands for none in a column of networks or countries.
pub const NO_RANK: u32 = u32::MAX;

/// Columns that trips are made of.
#[derive(Debug)]
pub struct Visits {
    /// Time in microseconds.
    pub time: Expr,
    /// Number of the place.
    pub place: Expr,
    /// Tie-break of the event.
    pub tie: Expr,
    /// Row of the event.
    pub element: Expr,
    /// Rank of the network; [`NO_RANK`] if it has none.
    pub network: Expr,
    /// Rank of the country; [`NO_RANK`] if it has none.
    pub country: Expr,
}

/// Impossible trip of an aggregator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoundTrip {
    /// Row of the event at its end.
    pub element: u64,
    /// Start and end.
    pub ends: [Visit; 2],
    /// Length in kilometres.
    pub distance: f64,
    /// Speed in kilometres per hour.
    pub speed: f64,
    /// Number of other days on which the aggregator went this way.
    pub n_other_days: u64,
}

/// One end of a trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// Time in microseconds.
    pub time: i64,
    /// The place.
    pub place: Place,
    /// Rank of the network; [`NO_RANK`] if it has none.
    pub network: u32,
    /// Rank of the country; [`NO_RANK`] if it has none.
    pub country: u32,
}

/// Trips of an aggregator.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FoundJourney {
    /// Number of steps from one event to the next.
    pub n_steps: u64,
    /// Number of days with an event.
    pub n_days: u64,
    /// Those of the steps that are impossible, in the order of time.
    pub trips: Vec<FoundTrip>,
}

/// Trips between the places of `visits` that are beyond `limits`.
pub fn trips(visits: Visits, limits: &TravelLimits) -> Expr {
    let Visits { time, place, tie, element, network, country } = visits;
    let columns = [time, place, tie, element, network, country];
    let limits = [lit(limits.min_distance), lit(limits.min_interval), lit(limits.max_speed)];
    function().call(columns.into_iter().chain(limits).collect())
}

/// Reads the trips in row `row` of a column computed by [`trips`].
pub fn journey_of(column: &StructArray, row: usize) -> FoundJourney {
    let count = |idx: usize| column.column(idx).as_primitive::<UInt64Type>().value(row);
    let lanes = items::<UInt64Type>(column.column(2).as_list::<i32>(), row);
    let trips = lanes.as_chunks::<N_LANES>().0.iter().copied().map(FoundTrip::of_lanes).collect();
    FoundJourney { n_steps: count(0), n_days: count(1), trips }
}

impl Visit {
    fn lanes(self) -> [u64; 3] {
        [self.time.cast_unsigned(), self.place.number(), u64::from(self.network) << 32 | u64::from(self.country)]
    }

    fn of_lanes([time, place, ranks]: [u64; 3]) -> Self {
        let (network, country) = ((ranks >> 32) as u32, ranks as u32);
        Visit { time: time.cast_signed(), place: Place::of_number(place), network, country }
    }
}

impl FoundTrip {
    /// The trip as numbers.
    pub fn lanes(&self) -> [u64; N_LANES] {
        let [[a, b, c], [d, e, f]] = self.ends.map(Visit::lanes);
        [self.element, a, b, c, d, e, f, self.distance.to_bits(), self.speed.to_bits(), self.n_other_days]
    }

    /// Reads what [`Self::lanes`] gives.
    pub fn of_lanes([element, a, b, c, d, e, f, distance, speed, n_other_days]: [u64; N_LANES]) -> Self {
        let ends = [[a, b, c], [d, e, f]].map(Visit::of_lanes);
        let [distance, speed] = [distance, speed].map(f64::from_bits);
        FoundTrip { element, ends, distance, speed, n_other_days }
    }
}

/// The function of DataFusion.
pub(super) fn function() -> AggregateUDF {
    let columns = [DataType::Int64, DataType::UInt64, DataType::UInt64, DataType::UInt64];
    let ranks = [DataType::UInt32, DataType::UInt32];
    let limits = [DataType::Float64, DataType::Int64, DataType::Float64];
    let arguments = columns.into_iter().chain(ranks).chain(limits).collect();
    AggregateUDF::new_from_impl(GroupFunction {
        name: "trips",
        signature: Signature::exact(arguments, Volatility::Immutable),
        result: DataType::Struct(result_fields()),
        state_fields: |name| vec![state_field(name)],
        accumulator,
    })
}

fn accumulator(args: &AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
    let limits = TravelLimits {
        min_distance: number(args, N_COLUMNS)?,
        min_interval: number(args, N_COLUMNS + 1)?,
        max_speed: number(args, N_COLUMNS + 2)?,
    };
    Ok(Box::new(Collect::<N_COLUMNS>::new(Box::new(move |groups| {
        let journeys: Vec<FoundJourney> = groups.into_iter().map(|group| find(group, &limits)).collect();
        to_array(&journeys)
    }))))
}

/// Finds the trips among records in the order of [`Visits`]. Sorting makes them independent of the
/// order of the events; of those at one time, the places decide, and then the documents.
fn find(mut records: Vec<Record<N_COLUMNS>>, limits: &TravelLimits) -> FoundJourney {
    records.sort_unstable_by_key(|&[time, place, tie, element, ..]| (time.cast_signed(), place, tie, element));
    let visit = |&[time, place, _, _, network, country]: &Record<N_COLUMNS>| Visit {
        time: time.cast_signed(),
        place: Place::of_number(place),
        network: network as u32,
        country: country as u32,
    };
    let stay = |record: &Record<N_COLUMNS>| {
        let Visit { time, place, .. } = visit(record);
        Stay { time, place }
    };
    let stays: Vec<Stay> = records.iter().map(stay).collect();
    let Journey { n_steps, n_days, trips } = journey(&stays, limits);
    let found = |&Trip { to, distance, speed, n_other_days }: &Trip| {
        let [_, _, _, element, ..] = records[to];
        FoundTrip { element, ends: [visit(&records[to - 1]), visit(&records[to])], distance, speed, n_other_days }
    };
    FoundJourney { n_steps, n_days, trips: trips.iter().map(found).collect() }
}

fn result_fields() -> Fields {
    Fields::from(vec![
        Field::new("n_steps", DataType::UInt64, false),
        Field::new("n_days", DataType::UInt64, false),
        Field::new("trips", list_type(DataType::UInt64), false),
    ])
}

fn to_array(journeys: &[FoundJourney]) -> ArrayRef {
    let count = |number: fn(&FoundJourney) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(journeys.iter().map(number)))
    };
    let lanes = |journey: &FoundJourney| journey.trips.iter().flat_map(FoundTrip::lanes).collect();
    let trips = lists_of::<UInt64Type>(&journeys.iter().map(lanes).collect::<Vec<_>>());
    let columns = vec![count(|journey| journey.n_steps), count(|journey| journey.n_days), trips];
    Arc::new(StructArray::new(result_fields(), columns, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn record(hours: i64, place: (f64, f64), tie: u64, element: u64) -> Record<N_COLUMNS> {
        let place = Place::of_degrees(place.0, place.1).unwrap().number();
        [(hours * HOUR).cast_unsigned(), place, tie, element, element + 100, u64::from(NO_RANK)]
    }

    fn limits() -> TravelLimits {
        TravelLimits { min_distance: 500.0, min_interval: HOUR / 12, max_speed: 1_000.0 }
    }

    #[test]
    fn trips_are_read_back() {
        let records = vec![record(-1, (52.4, 4.9), 1, 7), record(0, (6.5, 3.4), 1, 8), record(1, (6.5, 3.4), 1, 9)];
        let found = find(records, &limits());
        let [trip] = &found.trips[..] else { panic!("{found:?}") };
        assert_eq!((trip.element, trip.ends[0].time, trip.ends[1].time), (8, -HOUR, 0));
        assert_eq!(trip.ends.map(|visit| (visit.network, visit.country)), [(107, NO_RANK), (108, NO_RANK)]);
        let journeys = [FoundJourney::default(), found.clone(), FoundJourney { n_steps: 5, ..FoundJourney::default() }];
        let column = to_array(&journeys);
        for (row, expected) in journeys.iter().enumerate() {
            assert_eq!(journey_of(column.as_struct(), row), *expected);
        }
    }

    #[test]
    fn the_order_of_events_does_not_matter() {
        let places = [(52.4, 4.9), (6.5, 3.4), (35.5, 139.8), (-33.9, 151.2)];
        let records: Vec<_> =
            (0..60).map(|idx| record(idx as i64 / 4, places[idx * 7 % 4], idx as u64 % 3, idx as u64)).collect();
        let found = find(records.clone(), &limits());
        assert!(found.trips.len() > 20, "{found:?}");
        assert_eq!(find(records.into_iter().rev().collect(), &limits()), found);
    }
}
