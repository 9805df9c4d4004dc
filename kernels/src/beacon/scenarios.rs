//! Groups of events with and without rhythm, made from seeds.

use super::SECOND;
use crate::random::{Random, STEP};

const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(STEP))
    }

    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.uniform().ln()
    }

    pub(super) fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    pub(super) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }
}

/// Law of the intervals of a beacon around its period.
#[derive(Clone, Copy)]
pub(super) enum Jitter {
    /// Uniform within a share of the period to both sides.
    Uniform(f64),
    /// Normal with this share of the period as standard deviation.
    Normal(f64),
    /// Up to this share of the period earlier.
    Early(f64),
    /// Up to this share of the period later.
    Late(f64),
}

impl Jitter {
    fn interval(self, period: f64, random: &mut Random) -> f64 {
        let factor = match self {
            Jitter::Uniform(share) => random.between(1.0 - share, 1.0 + share),
            Jitter::Normal(share) => 1.0 + share * random.normal(),
            Jitter::Early(share) => random.between(1.0 - share, 1.0),
            Jitter::Late(share) => random.between(1.0, 1.0 + share),
        };
        period * factor.max(0.02)
    }
}

/// Times of beats in seconds.
pub(super) fn beacon(random: &mut Random, days: f64, period: f64, jitter: Jitter) -> Vec<f64> {
    let mut time = random.between(0.0, period);
    let mut times = Vec::new();
    while time < days * DAY {
        times.push(time);
        time += jitter.interval(period, random);
    }
    times
}

fn at_hours(times: Vec<f64>, from: f64, to: f64) -> Vec<f64> {
    times.into_iter().filter(|time| (from * HOUR..to * HOUR).contains(&(time % DAY))).collect()
}

fn lost(random: &mut Random, times: Vec<f64>, share: f64) -> Vec<f64> {
    times.into_iter().filter(|_| random.uniform() > share).collect()
}

/// Poisson process.
pub(super) fn poisson(random: &mut Random, days: f64, per_hour: f64) -> Vec<f64> {
    let mut time = random.exponential(HOUR / per_hour);
    let mut times = Vec::new();
    while time < days * DAY {
        times.push(time);
        time += random.exponential(HOUR / per_hour);
    }
    times
}

fn bursts(random: &mut Random, times: &[f64], n: usize, spacing: f64) -> Vec<f64> {
    times.iter().flat_map(|&time| burst(random, time, n, spacing)).collect()
}

fn burst(random: &mut Random, mut time: f64, n: usize, spacing: f64) -> Vec<f64> {
    let mut times = vec![time];
    for _ in 1..n {
        time += random.exponential(spacing);
        times.push(time);
    }
    times
}

/// Makes the times of a group.
pub(super) type Scenario = fn(&mut Random) -> Vec<f64>;

/// Beacons by name; each takes a source of random numbers.
pub(super) const BEACONS: [(&str, Scenario); 19] = [
    ("60 s", |random| beacon(random, 1.0, 60.0, Jitter::Uniform(0.0))),
    ("60 s, 20 %", |random| beacon(random, 1.0, 60.0, Jitter::Uniform(0.2))),
    ("60 s, 50 %", |random| beacon(random, 1.0, 60.0, Jitter::Uniform(0.5))),
    ("60 s, 90 %", |random| beacon(random, 1.0, 60.0, Jitter::Uniform(0.9))),
    ("600 s, 20 %", |random| beacon(random, 1.0, 600.0, Jitter::Uniform(0.2))),
    ("600 s, 50 %", |random| beacon(random, 1.0, 600.0, Jitter::Uniform(0.5))),
    ("1 h, 10 %", |random| beacon(random, 1.0, HOUR, Jitter::Uniform(0.1))),
    ("4 h", |random| beacon(random, 1.0, 4.0 * HOUR, Jitter::Uniform(0.1))),
    ("6 h, 14 days", |random| beacon(random, 14.0, 6.0 * HOUR, Jitter::Uniform(0.1))),
    ("1 h, 30 %, 14 days", |random| beacon(random, 14.0, HOUR, Jitter::Normal(0.3))),
    ("60 s, 40 % lost", |random| {
        let all = beacon(random, 1.0, 60.0, Jitter::Uniform(0.1));
        lost(random, all, 0.4)
    }),
    ("60 s, 9 to 17 h", |random| at_hours(beacon(random, 1.0, 60.0, Jitter::Uniform(0.2)), 9.0, 17.0)),
    ("300 s, 30 %, 8 to 18 h, 5 days", |random| at_hours(beacon(random, 5.0, 300.0, Jitter::Uniform(0.3)), 8.0, 18.0)),
    ("600 s in bursts", |random| {
        let starts = beacon(random, 1.0, 600.0, Jitter::Uniform(0.2));
        bursts(random, &starts, 5, 1.0)
    }),
    ("60 s with as much noise", |random| {
        [beacon(random, 1.0, 60.0, Jitter::Uniform(0.2)), poisson(random, 1.0, 60.0)].concat()
    }),
    ("60 s, 30 % early", |random| beacon(random, 1.0, 60.0, Jitter::Early(0.3))),
    ("60 s, 50 % late", |random| beacon(random, 1.0, 60.0, Jitter::Late(0.5))),
    ("60 s, then 300 s", |random| {
        let fast = beacon(random, 0.5, 60.0, Jitter::Uniform(0.2));
        let slow = beacon(random, 0.5, 300.0, Jitter::Uniform(0.2));
        fast.into_iter().chain(slow.into_iter().map(|time| time + DAY / 2.0)).collect()
    }),
    ("60 s and 420 s", |random| {
        [beacon(random, 1.0, 60.0, Jitter::Uniform(0.1)), beacon(random, 1.0, 420.0, Jitter::Uniform(0.1))].concat()
    }),
];

/// Sessions of a person from 8 to 18 h. `think` is the time between two clicks, each of which
/// loads several things.
fn sessions(random: &mut Random, days: usize, think: fn(&mut Random) -> f64) -> Vec<f64> {
    let mut times = Vec::new();
    for day in 0..days {
        let mut time = day as f64 * DAY + 8.0 * HOUR + random.exponential(HOUR);
        while time < day as f64 * DAY + 18.0 * HOUR {
            let n_clicks = 1.0 + random.exponential(12.0);
            for _ in 0..n_clicks as usize {
                let n_loaded = 1 + random.exponential(4.0) as usize;
                times.extend(burst(random, time, n_loaded, 0.4));
                time += think(random);
            }
            time += random.exponential(HOUR);
        }
    }
    times
}

/// Groups without rhythm.
pub(super) const NOISE: [(&str, Scenario); 12] = [
    ("6 per hour", |random| poisson(random, 1.0, 6.0)),
    ("60 per hour", |random| poisson(random, 1.0, 60.0)),
    ("600 per hour", |random| poisson(random, 1.0, 600.0)),
    ("6 per hour, 14 days", |random| poisson(random, 14.0, 6.0)),
    ("60 per hour in whole seconds", |random| poisson(random, 1.0, 60.0).into_iter().map(f64::floor).collect()),
    ("600 per hour in whole minutes", |random| {
        poisson(random, 1.0, 600.0).into_iter().map(|time| (time / 60.0).floor() * 60.0).collect()
    }),
    ("person, exponential", |random| sessions(random, 1, |random| random.exponential(40.0))),
    ("person, log-normal 1.2", |random| sessions(random, 1, |random| random.log_normal(25.0, 1.2))),
    ("person, log-normal 0.8", |random| sessions(random, 1, |random| random.log_normal(25.0, 0.8))),
    ("person, 5 days", |random| sessions(random, 5, |random| random.log_normal(30.0, 1.0))),
    ("clicks only, 5 days", |random| {
        let mut times = sessions(random, 5, |random| random.log_normal(60.0, 0.8));
        times.dedup_by(|later, earlier| *later - *earlier < 5.0);
        times
    }),
    ("by the hour of the day", |random| {
        let share = |time: &f64| 0.5 + 0.5 * (std::f64::consts::TAU * time / DAY).sin();
        let all = poisson(random, 5.0, 60.0);
        all.into_iter().filter(|time| random.uniform() < share(time)).collect()
    }),
];

/// Background of a day: groups with heavy-tailed numbers of events, alone or in clusters.
pub(super) fn background(random: &mut Random) -> Vec<f64> {
    let n = (3.0 * random.uniform().powf(-0.8)).min(5_000.0) as usize;
    match (random.uniform() * 4.0) as usize {
        0 => (0..n).map(|_| random.between(0.0, DAY)).collect(),
        1 => (0..n).map(|_| random.between(8.0 * HOUR, 18.0 * HOUR)).collect(),
        2 => {
            let (mut time, step) = (random.between(0.0, DAY / 4.0), random.log_normal(300.0, 2.0));
            let mut pareto = || {
                time += step / random.uniform();
                time
            };
            (0..n).map(|_| pareto()).filter(|&time| time < DAY).collect()
        }
        _ => {
            let mut times = Vec::new();
            while times.len() < n {
                let (time, n_loaded) = (random.between(8.0 * HOUR, 18.0 * HOUR), 1 + random.exponential(6.0) as usize);
                times.extend(burst(random, time, n_loaded, 2.0));
            }
            times
        }
    }
}

/// Sorted times in microseconds.
pub(super) fn microseconds(times: &[f64]) -> Vec<i64> {
    const START: i64 = 1_700_006_400_000_000;
    let mut times: Vec<i64> = times.iter().map(|time| START + (time * SECOND) as i64).collect();
    times.sort_unstable();
    times
}
