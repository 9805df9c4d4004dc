//! Pictures of `beacon`: a day of five groups, what the model makes of their rhythm, and how much
//! jitter a rhythm may have.

use ee_outliers::plots::{ArrivalPlot, Axis, CurvePlot};
use outlier_kernels::beacon::{RhythmLimits, judge};

use super::check;
use crate::random::Random;

const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;
const LIMITS: RhythmLimits = RhythmLimits { min_events: 6, min_period: 10_000_000, max_period: 86_400_000_000 };

/// Times of a day in seconds, from `start` on, each an interval after the one before.
fn times(start: f64, mut interval: impl FnMut() -> f64) -> Vec<f64> {
    let mut time = start;
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
    let poisson = times(0.3 * HOUR, || HOUR * random.exponential());
    let clicks = person(&mut random);
    let hourly = times(0.7 * HOUR, || HOUR * (0.9 + 0.2 * random.uniform()));
    let half_lost =
        times(100.0, || 600.0 * (0.9 + 0.2 * random.uniform())).into_iter().filter(|_| random.uniform() > 0.4);
    let half_lost: Vec<f64> = half_lost.collect();
    let mixed =
        [times(200.0, || 900.0 * (0.95 + 0.1 * random.uniform())), times(300.0, || 1800.0 * random.exponential())]
            .concat();
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

#[test]
fn beacon_jitter() {
    const N: usize = 41;
    let mut random = Random(8);
    let mut median = |period: f64, jitter: f64| {
        let mut beacon = || {
            let start = period * random.uniform();
            surprise(&times(start, || period * (1.0 - jitter + 2.0 * jitter * random.uniform())))
        };
        let mut found: Vec<f64> = (0..N).map(|_| beacon()).collect();
        found.sort_by(f64::total_cmp);
        found[N / 2]
    };
    let plot = CurvePlot::new(
        "beacon: how much jitter hides a rhythm?",
        "Lines of the surprise of beacons that call for a day, over their jitter. All fall with the jitter. Beacons \
         of every minute have more than 20 bits with any jitter, those of every 10 minutes up to 85 %, those of every \
         hour up to 40 %, those of every 4 hours never.",
        Axis::linear("jitter: intervals are uniform within so many percent of the period").reaching(0.0),
        Axis::logarithmic("surprise in bits (median of 41 beacons)").reaching(1.0),
    )
    .level(20.0, "20 bits");
    let periods = [("every minute", 60.0), ("every 10 min", 600.0), ("every hour", HOUR), ("every 4 h", 4.0 * HOUR)];
    let plot = periods.into_iter().fold(plot, |plot, (name, period)| {
        let by_jitter = (1..=20).map(|step| (f64::from(step) * 5.0, median(period, f64::from(step) * 0.05)));
        plot.line(name, by_jitter.filter(|(_, bits)| *bits >= 1.0).collect())
    });
    check("beacon_jitter.svg", &plot.svg());
}
