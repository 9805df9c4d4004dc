use super::gaps::deficits;
use super::lags::level_at;
use super::scenarios::{BEACONS, Jitter, NOISE, Scenario, background, beacon, microseconds, poisson};
use super::tails::{chernoff_uniform_sum, exact_uniform_sum, ln_uniform_sum, ln_weighted_sum};
use super::*;
use crate::random::Random;

const LIMITS: RhythmLimits = RhythmLimits { min_events: 6, min_period: 2_000_000, max_period: 12 * 3_600_000_000 };

fn ln_p(times: &[f64], limits: &RhythmLimits) -> Option<f64> {
    judge(&microseconds(times), limits).map(|rhythm| rhythm.ln_p)
}

/// Logarithms of probabilities by kind.
struct Body {
    beacons: Vec<f64>,
    noise: Vec<f64>,
    background: Vec<f64>,
    n_judged: usize,
}

impl Body {
    /// 228 beacons, 60 groups of noise and 10,000 of background.
    fn new(seed: u64) -> Self {
        let random = |n: u64| Random::new(1_000_000 * seed + n);
        let limits = RhythmLimits { min_events: 5, ..LIMITS };
        let beacons: Vec<f64> =
            (0..228).filter_map(|n| ln_p(&BEACONS[n as usize % BEACONS.len()].1(&mut random(n)), &limits)).collect();
        let noise: Vec<f64> =
            (0..60).filter_map(|n| ln_p(&NOISE[n as usize % NOISE.len()].1(&mut random(1_000 + n)), &limits)).collect();
        let background: Vec<f64> =
            (0..10_000).filter_map(|n| ln_p(&background(&mut random(10_000 + n)), &limits)).collect();
        let n_judged = beacons.len() + noise.len() + background.len();
        Body { beacons, noise, background, n_judged }
    }

    /// Largest logarithm that Benjamini and Hochberg accept at rate `q`.
    fn threshold(&self, q: f64) -> f64 {
        let mut all = [&self.beacons[..], &self.noise, &self.background].concat();
        all.sort_unstable_by(f64::total_cmp);
        let accepts = |idx: &usize| all[*idx].exp() * self.n_judged as f64 <= q * (*idx + 1) as f64;
        (0..all.len()).rev().find(accepts).map_or(f64::NEG_INFINITY, |idx| all[idx])
    }
}

fn n_found(of: &[f64], threshold: f64) -> usize {
    of.iter().filter(|&&found| found <= threshold).count()
}

#[test]
fn beacons_are_found_and_noise_is_not() {
    let mut totals = [0; 3];
    for seed in 1..=3 {
        let body = Body::new(seed);
        let threshold = body.threshold(0.01);
        let found = [&body.beacons, &body.noise, &body.background].map(|of| n_found(of, threshold));
        assert!(found[0] >= 220 && found[1] <= 2 && found[2] <= 10, "{found:?} at seed {seed}");
        totals.iter_mut().zip(found).for_each(|(total, found)| *total += found);
        // probability that a beacon is more regular than noise
        let pairs = body.beacons.iter().flat_map(|beacon| body.noise.iter().map(move |noise| (beacon, noise)));
        let above: f64 = pairs.map(|(beacon, noise)| if beacon < noise { 1.0 } else { 0.0 }).sum();
        let area = above / (body.beacons.len() * body.noise.len()) as f64;
        assert!(area >= 0.99, "area {area} at seed {seed}");
        let false_ones = n_found(&body.noise, body.threshold(0.05)) + n_found(&body.background, body.threshold(0.05));
        assert!(false_ones <= 12, "{false_ones} at rate 0.05 and seed {seed}");
    }
    println!("of 684 beacons, 180 groups of noise, 30,000 of background: {totals:?}");
}

/// As many other events as beats, or a person who talks to the same destination.
#[test]
fn beacons_among_other_traffic_are_found() {
    let with_noise = |random: &mut Random, days: f64, period: f64, jitter: f64| {
        [beacon(random, days, period, Jitter::Uniform(jitter)), poisson(random, days, 3_600.0 / period)].concat()
    };
    for (days, period, jitter) in [(1.0, 60.0, 0.25), (1.0, 300.0, 0.2), (1.0, 600.0, 0.1), (14.0, 3_600.0, 0.2)] {
        let n_found = (0..10)
            .filter(|seed| {
                let times = with_noise(&mut Random::new(40_000 + seed), days, period, jitter);
                let rhythm = judge(&microseconds(&times), &LIMITS).expect("enough events");
                rhythm.ln_p < -10.0 && (rhythm.period as f64 / SECOND / period - 1.0).abs() < 0.15
            })
            .count();
        assert!(n_found >= 9, "{n_found} of 10 with a period of {period} s");
    }
    let random = &mut Random::new(15);
    let person = NOISE.iter().find(|(name, _)| *name == "person, exponential").expect("noise").1;
    let times = [beacon(random, 1.0, 60.0, Jitter::Uniform(0.1)), person(random)].concat();
    assert!(ln_p(&times, &LIMITS).is_some_and(|ln_p| ln_p < -100.0));
}

/// Small groups are where the bounds are close to the truth, and where merging bursts chooses
/// between tests.
#[test]
fn probabilities_of_groups_without_rhythm_are_upper_bounds() {
    const TRIALS: u64 = 20_000;
    let makes: [(&str, Scenario); 6] = [
        ("6 events", |random| poisson(random, 1.0, 0.25)),
        ("10 events", |random| poisson(random, 1.0, 0.42)),
        ("10 events in an hour", |random| poisson(random, 1.0 / 24.0, 10.0)),
        ("10 events in minutes", |random| poisson(random, 1.0 / 144.0, 60.0)),
        ("20 events", |random| poisson(random, 1.0, 0.83)),
        ("40 events in an hour", |random| poisson(random, 1.0 / 24.0, 40.0)),
    ];
    for (idx, (name, make)) in makes.into_iter().enumerate() {
        let group = |n: u64| ln_p(&make(&mut Random::new(7_000_000 + 100_000 * idx as u64 + n)), &LIMITS);
        let found: Vec<f64> = (0..TRIALS).filter_map(group).collect();
        for p in [0.1, 0.01, 0.001] {
            let n = n_found(&found, f64::ln(p)) as f64;
            let expected = p * found.len() as f64;
            assert!(n <= expected + 3.0 * expected.sqrt(), "{name}: {n} of {} at {p}", found.len());
        }
    }
}

#[test]
fn rhythms_are_described() {
    let random = &mut Random::new(3);
    let check = |times: &[f64], limits: &RhythmLimits, period: f64, jitter: std::ops::Range<f64>| {
        let rhythm = judge(&microseconds(times), limits).expect("enough events");
        let seconds = rhythm.period as f64 / SECOND;
        assert!((seconds / period - 1.0).abs() < 0.06, "{seconds} s instead of {period} s");
        assert!(jitter.contains(&rhythm.jitter), "jitter {} instead of {jitter:?}", rhythm.jitter);
        rhythm
    };
    let exact = check(&beacon(random, 1.0, 600.0, Jitter::Uniform(0.0)), &LIMITS, 600.0, 0.0..0.001);
    assert_eq!((exact.n_events, exact.n_missed, exact.hours), (144, 0, 0xff_ffff));
    check(&beacon(random, 1.0, 60.0, Jitter::Uniform(0.2)), &LIMITS, 60.0, 0.18..0.22);
    check(&beacon(random, 1.0, 60.0, Jitter::Uniform(0.9)), &LIMITS, 60.0, 0.8..1.0);
    check(&beacon(random, 1.0, 60.0, Jitter::Late(0.5)), &LIMITS, 75.0, 0.15..0.25);
    check(&beacon(random, 14.0, 21_600.0, Jitter::Normal(0.05)), &LIMITS, 21_600.0, 0.04..0.1);
    let scenario = |name: &str| BEACONS.iter().find(|(known, _)| *known == name).expect("a scenario").1;
    let bursts = check(&scenario("600 s in bursts")(random), &LIMITS, 600.0, 0.1..0.3);
    assert!(bursts.n_events == 5 * bursts.n_beats, "{bursts:?}");
    let lost = check(&scenario("60 s, 40 % lost")(random), &LIMITS, 60.0, 0.05..0.15);
    assert!((520..640).contains(&lost.n_missed), "{lost:?}");
    let daytime = check(&scenario("60 s, 9 to 17 h")(random), &LIMITS, 60.0, 0.15..0.25);
    assert_eq!((daytime.hours, daytime.n_missed), (0x01_fe00, 0));
    check(&scenario("60 s and 420 s")(random), &LIMITS, 60.0, 0.05..0.3);
}

#[test]
fn periods_beyond_the_limits_are_not_found() {
    let times = microseconds(&beacon(&mut Random::new(5), 1.0, 60.0, Jitter::Uniform(0.1)));
    let found = |min_period: i64, max_period: i64, min_events: u64| {
        let limits =
            RhythmLimits { min_events, min_period: min_period * 1_000_000, max_period: max_period * 1_000_000 };
        judge(&times, &limits).map(|rhythm| rhythm.ln_p < -100.0)
    };
    assert_eq!(found(10, 600, 6), Some(true));
    assert_eq!(found(10, 30, 6), Some(false));
    assert_eq!(found(10, 600, 2_000), None);
    assert_eq!(judge(&[], &LIMITS), None);
    assert_eq!(judge(&[5; 100], &LIMITS), Some(Rhythm::default()));
}

#[test]
fn extreme_times_are_judged() {
    let times = [i64::MIN, i64::MIN, -1, 0, 1, 2, i64::MAX - 1, i64::MAX];
    assert!(judge(&times, &LIMITS).is_some_and(|rhythm| rhythm.ln_p <= 0.0));
}

#[test]
fn runs_of_very_large_groups_are_tested() {
    let random = &mut Random::new(9);
    let noise = microseconds(&poisson(random, 10.0, 30_000.0));
    assert!(noise.len() > 7_000_000 && judge(&noise, &LIMITS) == Some(Rhythm::default()));
    let beats = microseconds(&beacon(random, 100.0, 10.0, Jitter::Uniform(0.3)));
    let rhythm = judge(&beats, &LIMITS).expect("enough events");
    assert!(rhythm.ln_p < -1_000.0 && rhythm.n_events == beats.len() as u64, "{rhythm:?}");
}

#[test]
fn deficits_are_differences_of_all_pairs() {
    let random = &mut Random::new(11);
    let mut gaps: Vec<f64> = (0..30).map(|_| random.exponential(5.0)).collect();
    gaps.sort_unstable_by(f64::total_cmp);
    let differences = gaps.iter().flat_map(|a| gaps.iter().map(move |b| (a - b).abs())).sum::<f64>() / 2.0;
    assert!((deficits(&gaps, gaps.len()) - differences / gaps.iter().sum::<f64>()).abs() < 1e-9);
    // without the two longest: times on test end with the 28th gap
    let capped: Vec<f64> = gaps.iter().map(|gap| gap.min(gaps[27])).collect();
    let time_on_test = |most: f64| capped.iter().map(|gap| gap.min(most)).sum::<f64>();
    let naive: f64 = (0..27).map(|i| 1.0 - time_on_test(gaps[i]) / time_on_test(gaps[27])).sum();
    assert!((deficits(&gaps, 28) - naive).abs() < 1e-9);
}

#[test]
fn levels_are_counted_by_the_definition() {
    let random = &mut Random::new(13);
    let run: Vec<f64> = poisson(random, 0.1, 60.0);
    let (lag, width) = (300.0, 20.0);
    for &time in &run {
        let within = |reach: f64| run.iter().filter(|event| (time - **event - lag).abs() < reach).count() as i64;
        let (hits, around) = (within(width), within(3.0 * width));
        assert_eq!(level_at(&run, time, lag, width), 2 * hits - (around - hits));
    }
}

#[test]
fn tails_are_bounds() {
    // two uniform numbers: s^2 / 2; three: s^3 / 6 up to 1, then 1/6 at 1
    assert!((exact_uniform_sum(2, 0.3).exp() - 0.045).abs() < 1e-12);
    assert!((exact_uniform_sum(3, 1.4).exp() - (1.4_f64.powi(3) - 3.0 * 0.4_f64.powi(3)) / 6.0).abs() < 1e-12);
    for n in [4, 8, 16] {
        for sum in [0.1, 0.5, 1.0, 1.9, 0.4 * n as f64] {
            let (exact, bound) = (exact_uniform_sum(n, sum), chernoff_uniform_sum(n as f64, sum));
            assert!(
                exact <= bound && bound < exact + (10.0 * n as f64).sqrt().ln() + 1.0,
                "{n} {sum}: {exact} {bound}"
            );
        }
    }
    assert_eq!(ln_uniform_sum(10, 5.0), 0.0);
    assert_eq!(ln_uniform_sum(10, 0.0), f64::NEG_INFINITY);
    // 10 coins: P(10 heads) = 2^-10, and P(9 or more) = 11 * 2^-10
    let coins = [(0.0, 5.0), (1.0, 5.0)];
    assert!((ln_weighted_sum(&coins, 10.0) - 10.0 * 0.5_f64.ln()).abs() < 0.01);
    let nine = ln_weighted_sum(&coins, 9.0);
    assert!(nine >= (11.0 / 1024.0_f64).ln() && nine < (11.0 / 1024.0_f64).ln() + 2.0, "{nine}");
    assert_eq!(ln_weighted_sum(&coins, 5.0), 0.0);
}
