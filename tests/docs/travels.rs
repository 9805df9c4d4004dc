//! Picture of `travel`: how fast people get from one logon to the next.

use ee_outliers::plots::{Axis, HistogramPlot};
use outlier_kernels::Side;
use outlier_kernels::travel::{Place, Stay, TravelLimits, journey};

use super::check;
use crate::random::Random;

const HOUR: i64 = 3_600_000_000;
const LIMITS: TravelLimits = TravelLimits { min_distance: 500.0, min_interval: HOUR / 12, max_speed: 1000.0 };
const AMSTERDAM: (f64, f64) = (52.3676, 4.9041);
const LAGOS: (f64, f64) = (6.5244, 3.3792);
const SYDNEY: (f64, f64) = (-33.8688, 151.2093);

fn stay(time: i64, (latitude, longitude): (f64, f64)) -> Stay {
    Stay { time, place: Place::of_degrees(latitude, longitude).expect("a place on earth") }
}

/// Kilometres per hour from each stay to the next, as the kernel counts them.
fn speeds(stays: &[Stay]) -> Vec<f64> {
    // no step is too slow or too short to be seen
    let all = TravelLimits { min_distance: 0.0, max_speed: 0.0, ..LIMITS };
    journey(stays, &all).trips.into_iter().map(|trip| trip.speed).collect()
}

/// Logons of somebody in a month: around home, and now and then on a journey.
fn month(random: &mut Random) -> Vec<Stay> {
    let mut time = 8 * HOUR;
    let mut away: Option<(f64, f64)> = None;
    let mut stays = Vec::new();
    for _ in 0..60 {
        let (latitude, longitude) = away.unwrap_or(AMSTERDAM);
        let near = |random: &mut Random| 0.15 * random.normal();
        stays.push(stay(time, (latitude + near(random), longitude + near(random))));
        time += ((2.0 + 20.0 * random.uniform()) * HOUR as f64) as i64;
        if random.uniform() < 0.04 {
            // a train or a plane, which takes its time
            let (north, east) = (8.0 * random.normal(), 12.0 * random.normal());
            let goal = (AMSTERDAM.0 + north, AMSTERDAM.1 + east);
            let length = stay(0, (latitude, longitude)).place.kilometres_to(stay(0, goal).place);
            time += ((2.0 + length / 600.0) * HOUR as f64) as i64;
            away = away.is_none().then_some(goal);
        }
    }
    stays
}

#[test]
fn travel() {
    let random = &mut Random(21);
    let ordinary: Vec<f64> = (0..40).flat_map(|_| speeds(&month(random))).collect();
    let stolen = [("Lagos in 20 minutes", LAGOS, HOUR / 3), ("Sydney in 5 hours", SYDNEY, 5 * HOUR)];
    let impossible = stolen.map(|(name, place, interval)| {
        let trips = journey(&[stay(0, AMSTERDAM), stay(interval, place)], &LIMITS).trips;
        let [trip] = &trips[..] else { panic!("{name}: {trips:?}") };
        (name, trip.speed)
    });
    assert!(ordinary.iter().all(|speed| *speed < 300.0), "nobody is that fast");
    let n_steps = ordinary.len() + impossible.len();
    let all = ordinary.iter().copied().chain(impossible.iter().map(|(_, speed)| *speed));
    let plot = HistogramPlot::new(
        "travel: how fast does a user get from one logon to the next?",
        format!(
            "Histogram of the speeds of {n_steps} steps of 40 users between two logons. Nearly all are below 10 \
             kilometres per hour, journeys are below 300. The frontier is at 1,000. Two steps from Amsterdam are \
             faster: {:.0} and {:.0} kilometres per hour.",
            impossible[0].1, impossible[1].1
        ),
        Axis::logarithmic("kilometres per hour").reaching(0.1),
        Axis::logarithmic("steps").reaching(0.5),
    )
    .population(all.filter(|speed| *speed > 0.1).map(|speed| (speed, 1)))
    .frontier(LIMITS.max_speed, Side::High, "frontier: 1,000 km/h");
    let plot = impossible.into_iter().fold(plot, |plot, (name, speed)| plot.mark(speed, name));
    check("travel.svg", &plot.svg());
}
