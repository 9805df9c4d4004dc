//! Pictures of `docs/models.md`: the population of each model, its frontier, and the surprise of an
//! outlier.

use std::collections::BTreeMap;

use ee_outliers::config::FindingSeverity;
use ee_outliers::outlier::BaseRate;
use ee_outliers::plots::{ArrivalPlot, Axis, BarPlot, CurvePlot, HistogramPlot};
use ee_outliers::terminal::thousands;
use outlier_kernels::surprise::{Distances, Others, Scale, Tail, TailHistogram, Whole, bits, share_of_extremes};
use outlier_kernels::{Multiset, Side};

use super::check;
use crate::random::Random;

/// Rate of false discoveries of the frontiers.
const RATE: f64 = 0.05;

fn in_bits(surprise: f64) -> String {
    format!("{surprise:.1} bits")
}

/// Values from `from` on, by small ratios, at which the surprise reaches 1, 2, 4 ... bits.
pub(super) fn values_by_bits(from: f64, surprise: impl Fn(f64) -> f64) -> Vec<(f64, String)> {
    let values = || (0..4000).map(|step| from * 1.005_f64.powi(step));
    let first = |bits: u32| values().find(|value| surprise(*value) >= f64::from(bits));
    [1, 2, 4, 6, 8, 10, 12, 14, 16].into_iter().filter_map(|bits| Some((first(bits)?, bits.to_string()))).collect()
}

/// Command lines of a host: their lengths, around a median of the host's own.
fn lengths(random: &mut Random) -> Vec<f64> {
    let (median, spread) = (60.0 * (0.5 * random.normal()).exp(), 0.25 + 0.15 * random.uniform());
    (0..400).map(|_| (median * (spread * random.normal()).exp()).round()).collect()
}

fn scale_of(values: &[f64]) -> Scale {
    Scale::of(values.iter().copied().collect::<Multiset>().finish()).expect("values")
}

#[test]
fn metrics() {
    /// Hosts and the lengths of command lines that do not belong there.
    const PLANTED: [(usize, f64); 3] = [(3, 700.0), (19, 1400.0), (7, 4000.0)];
    let random = &mut Random(9);
    let mut hosts: Vec<Vec<f64>> = (0..50).map(|_| lengths(random)).collect();
    PLANTED.into_iter().for_each(|(host, length)| hosts[host].push(length));
    let scales: Vec<(Scale, u64)> = hosts.iter().map(|host| (scale_of(host), host.len() as u64)).collect();
    let whole = Whole::of(&scales);
    let scales: Vec<Scale> = scales.into_iter().map(|(own, n)| whole.scale_of(own, n)).collect();
    let distance = |host: usize, length: f64| scales[host].distance(length, Side::High);
    let of_host = |(host, lengths): (usize, &Vec<f64>)| -> Vec<f64> {
        lengths.iter().map(|length| distance(host, *length)).collect()
    };
    let distances: Vec<f64> = hosts.iter().enumerate().flat_map(of_host).collect();
    let tail = Tail::of(&distances.iter().copied().collect::<TailHistogram>());
    let surprise = |distance: f64| bits(tail.probability(distance));
    let frontier = tail.discovered_beyond(RATE).expect("the planted values are discovered");
    assert_eq!(distances.iter().filter(|distance| **distance > frontier).count(), PLANTED.len());
    let plot = HistogramPlot::new(
        "metrics: how far is a command line from those of its own host?",
        format!(
            "Histogram of the distances of 20,003 command lines on 50 hosts from the median length of their host. \
             Nearly all are within 10 deviations. The frontier is at {frontier:.0}. Three command lines of 700, 1,400 \
             and 4,000 characters are beyond it, with surprises of many bits."
        ),
        Axis::logarithmic("distance above the median of the host, in its median absolute deviations").reaching(0.1),
        Axis::logarithmic("events").reaching(0.5),
    )
    .population(distances.iter().filter(|distance| **distance > 0.1).map(|distance| (*distance, 1)))
    .scale_above("surprise in bits", values_by_bits(0.1, surprise))
    .frontier(frontier, Side::High, "frontier: fdr 0.05");
    let plot = PLANTED.into_iter().fold(plot, |plot, (host, length)| {
        let distance = distance(host, length);
        plot.mark(distance, format!("{} characters: {}", thousands(length as u64), in_bits(surprise(distance))))
    });
    check("metrics.svg", &plot.svg());
}

/// Number of events by term of a host: some terms are on every host, some occur once or twice.
fn terms(random: &mut Random, host: usize) -> BTreeMap<String, u64> {
    const COMMON: [&str; 10] = [
        "svchost.exe",
        "chrome.exe",
        "explorer.exe",
        "teams.exe",
        "outlook.exe",
        "conhost.exe",
        "cmd.exe",
        "powershell.exe",
        "msiexec.exe",
        "notepad.exe",
    ];
    let mut counts = BTreeMap::new();
    for _ in 0..2000 {
        let rank = (COMMON.len() as f64).powf(random.uniform()) as usize;
        *counts.entry(COMMON[rank - 1].to_owned()).or_insert(0) += 1;
    }
    for _ in 0..random.below(3) {
        counts.insert(format!("setup-{host}-{}.exe", random.below(1000)), 1 + random.below(4));
    }
    counts
}

/// Other events than one whose term occurs `n` times, and those whose terms occur as seldom.
fn others(counts: impl Iterator<Item = u64>, n: u64) -> Others {
    let (mut n_extreme, mut n_all) = (0, 0);
    for count in counts {
        n_all += count;
        n_extreme += if count <= n { count } else { 0 };
    }
    Others { n_extreme: n_extreme - n, n: n_all - n }
}

#[test]
fn terms_low() {
    let random = &mut Random(2);
    let mut hosts: Vec<BTreeMap<String, u64>> = (0..50).map(|host| terms(random, host)).collect();
    let own = &mut hosts[0];
    own.retain(|term, _| !term.starts_with("setup-"));
    own.extend([("rundll64.exe".to_owned(), 1), ("putty.exe".to_owned(), 4)]);
    let surprise = |n: u64| {
        let of_whole = others(hosts.iter().flat_map(BTreeMap::values).copied(), n);
        bits(share_of_extremes(others(hosts[0].values().copied(), n), of_whole))
    };
    let mut by_count: Vec<(&String, u64)> = hosts[0].iter().map(|(term, n)| (term, *n)).collect();
    by_count.sort_by_key(|(term, n)| (std::cmp::Reverse(*n), *term));
    let plot = BarPlot::new(
        "terms, low: how rare is a program on its host?",
        format!(
            "Bars of the number of events by program on one of 50 hosts. Ten programs have 50 to 700 events, putty.exe \
             has 4, rundll64.exe has 1. The share of other events whose programs are as rare makes surprises of {} \
             and {}.",
            in_bits(surprise(4)),
            in_bits(surprise(1)),
        ),
        Axis::logarithmic("events on this host").of_counts().reaching(0.5),
    );
    let plot = by_count.iter().fold(plot, |plot, (term, n)| {
        let (count, note) = (*n as f64, in_bits(surprise(*n)));
        if *n < 2 { plot.marked_bar(*term, count, note) } else { plot.bar(*term, count, note) }
    });
    check("terms_low.svg", &plot.frontier(2.0, "frontier: fewer than 2").svg());
}

#[test]
fn terms_high() {
    const PLANTED: [f64; 2] = [1500.0, 6200.0];
    let random = &mut Random(3);
    let ordinary = (0..4000).map(|_| (40.0 * (0.6 * random.normal()).exp()).ceil());
    let counts: Vec<f64> = ordinary.chain(PLANTED).collect();
    let distances = Distances::of(counts.iter().copied().collect::<Multiset>().finish(), Side::High).expect("values");
    let frontier = distances.discovered_beyond(RATE).expect("the planted values are discovered");
    assert_eq!(counts.iter().filter(|count| **count > frontier).count(), PLANTED.len());
    let plot = HistogramPlot::new(
        "terms, high: how frequent is a client of a server?",
        format!(
            "Histogram of the numbers of requests of 4,002 clients, log-normal around 40. The frontier is at \
             {frontier:.0}. Two clients with 1,500 and 6,200 requests are beyond it."
        ),
        Axis::logarithmic("requests of a client"),
        Axis::logarithmic("clients").reaching(0.5),
    )
    .population(counts.iter().map(|count| (*count, 1)))
    .scale_above("surprise in bits", values_by_bits(1.0, |count| distances.surprise(count)))
    .frontier(frontier, Side::High, "frontier: fdr 0.05");
    let plot = PLANTED.into_iter().fold(plot, |plot, count| {
        plot.mark(count, format!("{}: {}", thousands(count as u64), in_bits(distances.surprise(count))))
    });
    check("terms_high.svg", &plot.svg());
}

#[test]
fn sudden_appearance() {
    const DAY: f64 = 86_400.0;
    /// 2024-05-06, a Monday.
    const START: f64 = 19_849.0 * DAY;
    let random = &mut Random(4);
    let mut on_workdays = |n_a_day: u64, from: f64| -> Vec<f64> {
        let at = |day: f64, random: &mut Random| START + (day + (8.0 + 10.0 * random.uniform()) / 24.0) * DAY;
        let days = (0..14).map(f64::from).filter(|day| day % 7.0 < 5.0 && *day >= from);
        days.flat_map(|day| (0..n_a_day).map(|_| at(day, random)).collect::<Vec<_>>()).collect()
    };
    let rows = [
        ("outlook.exe", on_workdays(9, 0.0)),
        ("teams.exe", on_workdays(5, 0.0)),
        ("excel.exe", on_workdays(2, 0.0)),
        ("backup.exe", (0..14).map(|day| START + (f64::from(day) + 0.1) * DAY).collect()),
        ("wmic.exe", vec![START + 10.61 * DAY]),
    ];
    let n_own = rows.iter().map(|(_, times)| times.len() as u64).sum::<u64>();
    // a thousand such hosts, on which 400 programs ran once
    let own = Others { n_extreme: 0, n: n_own - 1 };
    let whole = Others { n_extreme: 400, n: 1000 * n_own - 1 };
    let surprise = in_bits(bits(share_of_extremes(own, whole)));
    let plot = ArrivalPlot::new(
        "sudden_appearance: how often does a host run something new?",
        format!(
            "Rows of ticks over two weeks, one row per program of a host. Four programs run every day or every \
             workday from the beginning. wmic.exe runs once, on the second Thursday. That has a surprise of {surprise}."
        ),
        Axis::linear("time of the events (UTC)").of_times().reaching(START).reaching(START + 14.0 * DAY),
    );
    let plot = rows.into_iter().fold(plot, |plot, (name, times)| match times.len() {
        1 => plot.marked_row(name, times, surprise.clone()),
        n => plot.row(name, times, format!("{n} events")),
    });
    let last_window = (START + 10.0 * DAY, START + 11.0 * DAY);
    check("sudden_appearance.svg", &plot.window(last_window.0, last_window.1).svg());
}

#[test]
fn simplequery() {
    const N_EVENTS: u64 = 1_000_000;
    let surprise = |n_flagged: u64| BaseRate { n_flagged, n_events: N_EVENTS, severity: None }.surprise(None);
    let share = |n_flagged: u64| n_flagged as f64 / N_EVENTS as f64;
    let counts = (0..=60).map(|step| 10_f64.powf(f64::from(step) / 10.0).round() as u64);
    let plot = CurvePlot::new(
        "simplequery: how seldom does the query match?",
        format!(
            "Line of the surprise over the share of the events that a use case flags, from one in a million to all. \
             It falls by 3.3 bits per factor of ten. A hundred of a million events have {}. The severities low, \
             medium, high and critical are levels of 4, 8, 12 and 16 bits.",
            in_bits(surprise(100))
        ),
        Axis::logarithmic("share of the events that the use case flags"),
        Axis::linear("surprise in bits"),
    );
    let levels = FindingSeverity::ALL.map(|severity| (severity.as_str(), severity.least_surprise()));
    let plot = levels
        .into_iter()
        .filter(|(_, least)| *least > 0.0)
        .fold(plot, |plot, (name, least)| plot.level(least, format!("{name}: {least} bits")));
    let plot = plot.line("surprise", counts.map(|n_flagged| (share(n_flagged), surprise(n_flagged))).collect()).mark(
        share(100),
        surprise(100),
        format!("100 of a million events: {}", in_bits(surprise(100))),
    );
    check("simplequery.svg", &plot.svg());
}
