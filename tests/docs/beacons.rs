//! Picture of `beacon`: a day of five groups, and what the model makes of their rhythm.

use ee_outliers::plots::{ArrivalPlot, Axis};
use outlier_kernels::beacon::{RhythmLimits, judge};

use super::check;
use crate::random::Random;

const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;
const LIMITS: RhythmLimits = RhythmLimits { min_events: 6, min_period: 10_000_000, max_period: 86_400_000_000 };

/// Times of a day in seconds, each an interval after the one before.
fn times(mut interval: impl FnMut() -> f64) -> Vec<f64> {
    let mut time = interval();
    let mut times = Vec::new();
    while time < DAY {
        times.push(time);
        time += interval();
    }
    times
}

/// Clicks of a person in sessions during a working day.
fn person(random: &mut Random) -> Vec<f64> {
    let mut times = Vec::new();
    for start in [8.2, 9.7, 11.1, 13.4, 15.0, 16.6] {
        let mut time = start * HOUR;
        for _ in 0..12 {
            times.push(time);
            time += 60.0 * (0.9 * random.normal()).exp();
        }
    }
    times
}

fn surprise(times: &[f64]) -> f64 {
    let mut micros: Vec<i64> = times.iter().map(|time| (time * 1e6) as i64).collect();
    micros.sort_unstable();
    judge(&micros, &LIMITS).map_or(0.0, |rhythm| rhythm.ln_p.abs() / std::f64::consts::LN_2)
}

#[test]
fn beacon() {
    let mut random = Random(5);
    let poisson = times(|| HOUR * random.exponential());
    let clicks = person(&mut random);
    let hourly = times(|| HOUR * (0.9 + 0.2 * random.uniform()));
    let half_lost = times(|| 600.0 * (0.9 + 0.2 * random.uniform())).into_iter().filter(|_| random.uniform() > 0.4);
    let half_lost: Vec<f64> = half_lost.collect();
    let mixed = [times(|| 900.0 * (0.95 + 0.1 * random.uniform())), times(|| 1800.0 * random.exponential())].concat();
    let rows = [
        ("random, 1 per hour", poisson),
        ("a person", clicks),
        ("every hour, ±10 %", hourly),
        ("10 min, ±10 %, 40 % lost", half_lost),
        ("15 min, ±5 %, and noise", mixed),
    ];
    let plot = ArrivalPlot::new(
        "beacon: can chance be as regular?",
        "Rows of ticks over a day, one row per pair of hosts. Random events and a person have clusters and gaps, and \
         next to no surprise. Beacons have a rhythm even if beats are early, late, missing or mixed with noise, and a \
         surprise of many bits.",
        Axis::linear("time of day").of_seconds().reaching(0.0).reaching(DAY),
    );
    let plot = rows.into_iter().enumerate().fold(plot, |plot, (idx, (name, times))| {
        let found = surprise(&times);
        assert!(if idx < 2 { found < 8.0 } else { found > 20.0 }, "{name}: {found} bits");
        let note = format!("{found:.0} bits");
        if idx < 2 { plot.row(name, times, note) } else { plot.marked_row(name, times, note) }
    });
    check("beacon.svg", &plot.svg());
}
