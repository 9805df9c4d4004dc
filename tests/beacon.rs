//! Beacons among the traffic of ordinary hosts, as a user would look for them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value};

use crate::outliers;
use crate::program::{self, Report};
use crate::random::Random;

const USE_CASE: &str = "[beacon_callback]\nes_query_filter=*\naggregator=source.ip,destination.ip\n\
     size_field=source.bytes\nprevalence_field=source.ip\nmax_prevalence=5\n\
     outlier_type=command and control\noutlier_reason=regular connections\n\
     outlier_summary={source.ip} calls {destination.ip} every {period}\nrun_model=1\n";

const DAY: f64 = 86_400.0;

impl Random {
    /// Times of a day, each a random interval after the one before.
    fn times(&mut self, interval: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut times = vec![self.uniform() * 60.0];
        while let Some(&last) = times.last().filter(|&&last| last < DAY) {
            times.push(last + interval(self.uniform()));
        }
        times.pop();
        times
    }
}

/// Events as lines, and the pairs that beacon.
#[derive(Default)]
struct Traffic {
    events: String,
    beacons: Vec<(String, f64)>,
}

impl Traffic {
    fn add(&mut self, source: &str, destination: &str, times: &[f64]) {
        for time in times {
            let micros = (time * 1e6) as i64 % 1_000_000;
            let (time, n) = (*time as i64, self.events.len());
            let clock = format!("{:02}:{:02}:{:02}.{micros:06}", time / 3600, time / 60 % 60, time % 60);
            writeln!(
                self.events,
                "{{\"@timestamp\":\"2024-05-07T{clock}Z\",\"source\":{{\"ip\":\"{source}\",\"bytes\":{}}},\
                 \"destination\":{{\"ip\":\"{destination}\"}}}}",
                500 + n % 10
            )
            .expect("text");
        }
    }

    fn new() -> Self {
        let mut traffic = Traffic::default();
        let random = &mut Random(14);
        for (idx, period) in [60.0, 60.0, 300.0, 300.0, 900.0, 3600.0].into_iter().enumerate() {
            let (source, destination) = (format!("10.0.0.{idx}"), format!("203.0.113.{idx}"));
            let times = random.times(|uniform| period * (0.8 + 0.4 * uniform));
            traffic.add(&source, &destination, &times);
            traffic.beacons.push((format!("{source} - {destination}"), period));
        }
        for host in 0..60 {
            let source = format!("10.0.0.{host}");
            // time synchronisation of everybody, and destinations of a few at any time
            traffic.add(&source, "198.51.100.1", &random.times(|uniform| 1024.0 + uniform));
            for _ in 0..3 {
                let (destination, mean) = (format!("192.0.2.{}", host % 40), 400.0 + 2000.0 * random.uniform());
                traffic.add(&source, &destination, &random.times(|uniform| -mean * (1.0 - uniform).ln()));
            }
        }
        traffic
    }
}

fn run(folder: &Path, use_case: &str, events: &str) -> (Report, Vec<Map<String, Value>>) {
    std::fs::write(folder.join("beacon.conf"), use_case).expect("written");
    std::fs::write(folder.join("events.ndjson"), events).expect("written");
    let args = ["run", "-q", "--use-cases", "beacon.conf", "--events", "events.ndjson", "-o", "out.ndjson", "--report"];
    program::run(folder, &[&args[..], &["report.json", "--findings", "findings.ndjson"]].concat()).expect_code(0);
    let found = outliers::read(&folder.join("out.ndjson")).expect("well-formed output");
    (Report::read(&folder.join("report.json")), found.into_values().collect())
}

#[test]
fn beacons_are_found_among_ordinary_traffic() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let traffic = Traffic::new();
    let (_, found) = run(folder.path(), USE_CASE, &traffic.events);
    for (pair, period) in &traffic.beacons {
        let of_pair: Vec<_> = found.iter().filter(|outlier| outlier["aggregator"][0] == *pair).collect();
        assert!(!of_pair.is_empty(), "{pair} is not found");
        let outlier = of_pair[0];
        let number = |key: &str| outlier[key][0].as_f64().expect("a number");
        assert!((number("period_seconds") / period - 1.0).abs() < 0.1, "{outlier:?}");
        assert!((10.0..30.0).contains(&number("jitter")), "{outlier:?}");
        assert_eq!(number("events"), of_pair.len() as f64, "all events of a beacon are outliers");
        assert!(number("q_value") < 0.01 && number("q_value") >= number("p_value"), "{outlier:?}");
        assert_eq!((number("sources"), outlier["duty_hours"][0].as_str()), (1.0, Some("0-24")));
        assert!((500.0..510.0).contains(&number("size")), "{outlier:?}");
        assert!(outlier["first_seen"][0].as_str().expect("a time").starts_with("2024-05-07 0"), "{outlier:?}");
    }
    let is_beacon = |pair: &Value| traffic.beacons.iter().any(|(beacon, _)| pair == beacon);
    let others = found.iter().map(|outlier| &outlier["aggregator"][0]).find(|pair| !is_beacon(pair));
    assert_eq!(others, None, "nothing else is found");
    let findings = std::fs::read_to_string(folder.path().join("findings.ndjson")).expect("written");
    assert_eq!(findings.lines().count(), traffic.beacons.len(), "a beacon is one finding: {findings}");
}

/// Time synchronisation is as regular as a beacon, so only prevalence tells them apart.
#[test]
fn common_destinations_are_found_unless_they_are_ruled_out() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let use_case = USE_CASE.replace("max_prevalence=5\n", "");
    let (_, found) = run(folder.path(), &use_case, &Traffic::new().events);
    let common = found.iter().find(|outlier| outlier["aggregator"][0] == "10.0.0.9 - 198.51.100.1").expect("a finding");
    assert_eq!((common["sources"][0].as_u64(), common["prevalence"][0].as_f64()), (Some(60), Some(100.0)));
}

/// Services of a site, which each of its hosts asks every hour.
#[test]
fn none_of_many_pairs_to_common_destinations_is_found() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let (n_hosts, n_services) = (180, 5);
    let (mut traffic, random) = (Traffic::default(), &mut Random(9));
    for host in 0..n_hosts {
        for service in 0..n_services {
            let times = random.times(|uniform| 3600.0 + 60.0 * uniform);
            traffic.add(&format!("10.0.0.{host}"), &format!("198.51.100.{service}"), &times);
        }
    }
    let times = random.times(|uniform| 3600.0 + 60.0 * uniform);
    traffic.add("10.0.0.7", "203.0.113.7", &times);
    let pairs = |use_case: &str| -> BTreeSet<String> {
        let (_, found) = run(folder.path(), use_case, &traffic.events);
        found.iter().map(|outlier| outlier["aggregator"][0].as_str().expect("a pair").to_owned()).collect()
    };
    let everything = pairs(&USE_CASE.replace("max_prevalence=5\n", ""));
    assert_eq!(everything.len(), n_hosts * n_services + 1, "all pairs are regular");
    assert_eq!(pairs(USE_CASE).into_iter().collect::<Vec<_>>(), ["10.0.0.7 - 203.0.113.7"]);
}

#[test]
fn whitelisted_beacons_do_not_change_the_others() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let traffic = Traffic::new();
    let (report, found) = run(folder.path(), USE_CASE, &traffic.events);
    let use_case = format!("{USE_CASE}\n[whitelist_literals]\nknown=destination.ip:203.0.113.0\n");
    let (accepted, rest) = run(folder.path(), &use_case, &traffic.events);
    let is_accepted = |outlier: &&Map<String, Value>| outlier["aggregator"][0] == traffic.beacons[0].0;
    let n_accepted = found.iter().filter(is_accepted).count() as u64;
    let (before, after) = (report.numbers("beacon_callback"), accepted.numbers("beacon_callback"));
    assert_eq!((after.whitelisted, after.outliers), (n_accepted, before.outliers - n_accepted));
    assert!(n_accepted > 0 && !rest.iter().any(|outlier| is_accepted(&outlier)));
}

#[test]
fn targets_tell_beacons_of_a_pair_apart() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let mut events = String::new();
    for beat in 0..100 {
        for (port, second) in [(443, 0), (8443, 30)] {
            let second = beat * 60 + second;
            writeln!(
                events,
                "{{\"@timestamp\":\"2024-05-07T{:02}:{:02}:{:02}Z\",\"source\":\"a\",\"port\":{port}}}",
                second / 3600,
                second / 60 % 60,
                second % 60
            )
            .expect("text");
        }
    }
    let use_case = "[beacon_port]\nes_query_filter=*\naggregator=source\ntarget=port\nmin_events=10\nmin_period=5s\n\
         max_period=1h\ntrigger_method=float\ntrigger_sensitivity=90\noutlier_type=t\noutlier_reason=r\n\
         outlier_summary=port {target} every {period}\nrun_model=1\n";
    let (report, found) = run(folder.path(), use_case, &events);
    assert_eq!(report.numbers("beacon_port").outliers, 200);
    let summaries: BTreeSet<&str> = found.iter().filter_map(|outlier| outlier["summary"][0].as_str()).collect();
    assert_eq!(summaries.into_iter().collect::<Vec<_>>(), ["port 443 every 60 s", "port 8443 every 60 s"]);
}
