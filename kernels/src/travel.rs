//! Travel: how far apart places on earth are, and how fast somebody would have had to travel from
//! one to the next.

use std::collections::{HashMap, HashSet};

/// Mean radius of the earth in kilometres (IUGG).
const EARTH_RADIUS_KM: f64 = 6_371.008_8;

/// Parts of a degree in which coordinates are kept: about 11 metres, which no database of addresses
/// knows better.
const PARTS_PER_DEGREE: f64 = 10_000.0;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Microseconds of an hour.
const HOUR: f64 = 3_600_000_000.0;

/// Point on earth, to four decimals of a degree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    latitude: i32,
    longitude: i32,
}

impl Place {
    /// The point at a latitude and a longitude in degrees; `None` if they are out of range, or both
    /// 0, which lies in the Gulf of Guinea and stands for places that were not found.
    #[must_use]
    pub fn of_degrees(latitude: f64, longitude: f64) -> Option<Self> {
        if !((-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude)) {
            return None;
        }
        let parts = |degrees: f64| (degrees * PARTS_PER_DEGREE).round() as i32;
        let place = Place { latitude: parts(latitude), longitude: parts(longitude) };
        (place != Place { latitude: 0, longitude: 0 }).then_some(place)
    }

    /// Latitude and longitude in degrees.
    #[must_use]
    pub fn degrees(self) -> (f64, f64) {
        (f64::from(self.latitude) / PARTS_PER_DEGREE, f64::from(self.longitude) / PARTS_PER_DEGREE)
    }

    /// The point as a number, in the same order.
    #[must_use]
    pub fn number(self) -> u64 {
        let ordered = |parts: i32| u64::from(parts.cast_unsigned() ^ 1 << 31);
        ordered(self.latitude) << 32 | ordered(self.longitude)
    }

    /// The point of a number that [`Self::number`] gave.
    #[must_use]
    pub fn of_number(number: u64) -> Self {
        let parts = |ordered: u64| (ordered as u32 ^ 1 << 31).cast_signed();
        Place { latitude: parts(number >> 32), longitude: parts(number) }
    }

    /// Length of the shortest way over the surface of a sphere in kilometres, by the haversine
    /// formula (Sinnott 1984). The earth is not quite a
    /// sphere: the error is less than 0.6 percent.
    #[must_use]
    pub fn kilometres_to(self, other: Place) -> f64 {
        let (a, b) = (self.min(other), self.max(other));
        let ((from, from_east), (to, to_east)) = (a.degrees(), b.degrees());
        let half_chord = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
        let across = from.to_radians().cos() * to.to_radians().cos() * half_chord(to_east - from_east);
        2.0 * EARTH_RADIUS_KM * (half_chord(to - from) + across).min(1.0).sqrt().asin()
    }
}

/// Limits on trips that are possible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TravelLimits {
    /// Places nearer than this are taken for one, in kilometres.
    pub min_distance: f64,
    /// Shorter times between two stays count as this, in microseconds; positive.
    pub min_interval: i64,
    /// The greatest speed that is possible, in kilometres per hour.
    pub max_speed: f64,
}

/// Stay at a place, known by its time in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Time of the stay.
    pub time: i64,
    /// Its place.
    pub place: Place,
}

/// Stays of somebody, one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journey {
    /// Number of steps from one stay to the next.
    pub n_steps: u64,
    /// Number of days with a stay.
    pub n_days: u64,
    /// Steps that are impossible, in the order of time.
    pub trips: Vec<Trip>,
}

/// Step to another place that is faster than possible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trip {
    /// Index of the stay at its end; it began with the one before.
    pub to: usize,
    /// Length in kilometres.
    pub distance: f64,
    /// Speed in kilometres per hour.
    pub speed: f64,
    /// Number of other days with a step between the same two places, in any direction and at any
    /// speed.
    pub n_other_days: u64,
}

/// Judges the steps between `stays`, which are in the order of time.
#[must_use]
pub fn journey(stays: &[Stay], limits: &TravelLimits) -> Journey {
    let day = |stay: &Stay| stay.time.div_euclid(DAY);
    let way = |from: &Stay, to: &Stay| (from.place.min(to.place), from.place.max(to.place));
    let mut trips = Vec::new();
    let mut days_of: HashMap<(Place, Place), HashSet<i64>> = HashMap::new();
    for (to, step) in (1..).zip(stays.windows(2)) {
        let (from, stay) = (&step[0], &step[1]);
        if from.place == stay.place {
            continue;
        }
        let distance = from.place.kilometres_to(stay.place);
        if distance < limits.min_distance {
            continue;
        }
        days_of.entry(way(from, stay)).or_default().insert(day(stay));
        let interval = stay.time.saturating_sub(from.time).max(limits.min_interval).max(1);
        let speed = distance / (interval as f64 / HOUR);
        if speed > limits.max_speed {
            trips.push(Trip { to, distance, speed, n_other_days: 0 });
        }
    }
    for trip in &mut trips {
        let (from, to) = (&stays[trip.to - 1], &stays[trip.to]);
        trip.n_other_days = days_of.get(&way(from, to)).map_or(0, |days| days.len() as u64 - 1);
    }
    let mut days: Vec<i64> = stays.iter().map(day).collect();
    days.dedup();
    Journey { n_steps: (stays.len() as u64).saturating_sub(1), n_days: days.len() as u64, trips }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn place(latitude: f64, longitude: f64) -> Place {
        Place::of_degrees(latitude, longitude).unwrap()
    }

    const AMSTERDAM: (f64, f64) = (52.3676, 4.9041);
    const LAGOS: (f64, f64) = (6.5244, 3.3792);
    const UTRECHT: (f64, f64) = (52.0907, 5.1214);

    fn at((latitude, longitude): (f64, f64), hours: f64) -> Stay {
        Stay { time: (hours * HOUR) as i64, place: place(latitude, longitude) }
    }

    const LIMITS: TravelLimits = TravelLimits { min_distance: 500.0, min_interval: 300_000_000, max_speed: 1_000.0 };

    #[test]
    fn distances_are_those_of_the_atlas() {
        for (from, to, kilometres) in [
            (AMSTERDAM, LAGOS, 5_099.0),
            ((51.4700, -0.4543), (40.6413, -73.7781), 5_540.0),
            ((-33.9399, 151.1753), (-37.6690, 144.8410), 706.0),
            ((35.5494, 139.7798), (37.6213, -122.3790), 8_271.0),
            (AMSTERDAM, UTRECHT, 34.2),
        ] {
            let found = place(from.0, from.1).kilometres_to(place(to.0, to.1));
            assert!((found - kilometres).abs() < kilometres * 0.006, "{from:?} {to:?}: {found}");
        }
    }

    #[test]
    fn distances_are_exact_where_they_are_known() {
        let half = std::f64::consts::PI * EARTH_RADIUS_KM;
        let check = |from: (f64, f64), to: (f64, f64), expected: f64| {
            let (from, to) = (place(from.0, from.1), place(to.0, to.1));
            let found = from.kilometres_to(to);
            assert!((found - expected).abs() < 1e-6, "{from:?} {to:?}: {found} {expected}");
            assert_eq!(found, to.kilometres_to(from));
        };
        check((90.0, 0.0), (-90.0, 0.0), half);
        check((90.0, 10.0), (90.0, -170.0), 0.0);
        check((0.0, 1.0), (0.0, -179.0), half);
        check((0.0, 179.9999), (0.0, -179.9999), half / 900_000.0);
        check((0.0, 180.0), (0.0, -180.0), 0.0);
        check((12.5, 7.0), (12.5, 7.0), 0.0);
        check((0.0, 90.0), (45.0, 90.0), half / 4.0);
    }

    /// The angle between vectors from the centre, by their cross product, is the same.
    #[test]
    fn distances_are_those_of_vectors() {
        let mut random = Random(7);
        let mut any = || place(random.uniform() * 180.0 - 90.0, random.uniform() * 360.0 - 180.0);
        let vector = |place: Place| {
            let (latitude, longitude) = place.degrees();
            let (phi, lambda) = (latitude.to_radians(), longitude.to_radians());
            [phi.cos() * lambda.cos(), phi.cos() * lambda.sin(), phi.sin()]
        };
        for _ in 0..2_000 {
            let (from, to) = (any(), any());
            let ([a, b, c], [d, e, f]) = (vector(from), vector(to));
            let cross = [b * f - c * e, c * d - a * f, a * e - b * d].iter().map(|x| x * x).sum::<f64>().sqrt();
            let expected = EARTH_RADIUS_KM * cross.atan2(a * d + b * e + c * f);
            let found = from.kilometres_to(to);
            assert!((found - expected).abs() < 1e-3, "{from:?} {to:?}: {found} {expected}");
        }
    }

    #[test]
    fn impossible_coordinates_are_not_places() {
        for (latitude, longitude) in
            [(90.1, 0.0), (-91.0, 5.0), (0.0, 180.1), (3.0, -181.0), (f64::NAN, 1.0), (1.0, f64::INFINITY), (0.0, 0.0)]
        {
            assert_eq!(Place::of_degrees(latitude, longitude), None);
        }
        assert_eq!(Place::of_degrees(1e-9, -1e-9), None, "as good as 0, 0");
        assert_eq!(Place::of_degrees(52.123_44, -0.000_04), Place::of_degrees(52.123_36, 0.0));
    }

    #[test]
    fn numbers_of_places_keep_their_order() {
        let places = [(-90.0, 5.0), (-0.5, -180.0), (-0.5, -0.0001), (0.0, 0.0001), (0.0001, -3.0), (90.0, 180.0)];
        let numbers = places.map(|(latitude, longitude)| place(latitude, longitude).number());
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        for (number, (latitude, longitude)) in numbers.into_iter().zip(places) {
            assert_eq!(Place::of_number(number), place(latitude, longitude));
        }
    }

    #[test]
    fn trips_that_nobody_can_make_are_found() {
        let found = journey(&[at(AMSTERDAM, 8.0), at(UTRECHT, 8.1), at(LAGOS, 9.1), at(LAGOS, 9.2)], &LIMITS);
        let [trip] = &found.trips[..] else { panic!("{found:?}") };
        assert_eq!((trip.to, trip.n_other_days, found.n_steps, found.n_days), (2, 0, 3, 1));
        assert!((trip.speed - trip.distance).abs() < 1e-6, "it took an hour: {trip:?}");
        // by air
        assert_eq!(journey(&[at(AMSTERDAM, 8.0), at(LAGOS, 14.5)], &LIMITS).trips, []);
        assert_eq!(journey(&[at(AMSTERDAM, 8.0)], &LIMITS), Journey { n_days: 1, ..Journey::default() });
        assert_eq!(journey(&[], &LIMITS), Journey::default());
    }

    #[test]
    fn simultaneous_stays_have_a_speed() {
        let found = journey(&[at(AMSTERDAM, 8.0), at(LAGOS, 8.0)], &LIMITS);
        assert!((found.trips[0].speed - 12.0 * found.trips[0].distance).abs() < 1e-6, "{found:?}");
        let none = TravelLimits { min_interval: 0, ..LIMITS };
        assert!(journey(&[at(AMSTERDAM, 8.0), at(LAGOS, 8.0)], &none).trips[0].speed.is_finite());
    }

    #[test]
    fn other_days_on_the_same_way_are_counted() {
        // a train on two days, then at once, there and back
        let hours = [(AMSTERDAM, 8.0), (LAGOS, 20.0), (AMSTERDAM, 40.0), (LAGOS, 120.0), (AMSTERDAM, 120.1)];
        let stays: Vec<Stay> = hours.into_iter().map(|(place, hours)| at(place, hours)).collect();
        let found = journey(&stays, &LIMITS);
        let others: Vec<_> = found.trips.iter().map(|trip| (trip.to, trip.n_other_days)).collect();
        assert_eq!((others, found.n_days), (vec![(4, 2)], 3));
    }

    #[test]
    fn times_beyond_all_clocks_are_harmless() {
        let stay = |time: i64, at: (f64, f64)| Stay { time, place: place(at.0, at.1) };
        let found = journey(&[stay(i64::MIN, AMSTERDAM), stay(i64::MAX, LAGOS), stay(i64::MAX, AMSTERDAM)], &LIMITS);
        assert_eq!(found.trips.len(), 1);
    }
}
