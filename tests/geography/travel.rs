//! Impossible trips among the logons of ordinary users.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Found, run};
use crate::random::Random;

/// Use case that finds impossible trips.
pub(crate) const USE_CASE: &str = "[travel_users]\nes_query_filter=*\naggregator=user.name\n\
    outlier_type=initial access\noutlier_reason=impossible travel\n\
    outlier_summary={user.name}: {previous_country} to {country}, {distance_km} km at {speed_kmh} km/h\nrun_model=1\n";

/// Networks of which more than a tenth of the users is not evidence.
const WITH_NETWORKS: &str = "prevalence_field=source.ip\nmax_prevalence=10\n";

const AMSTERDAM: (&str, f64, f64) = ("NL", 52.3676, 4.9041);
const UTRECHT: (&str, f64, f64) = ("NL", 52.0907, 5.1214);
const BERLIN: (&str, f64, f64) = ("DE", 52.52, 13.405);
const MADRID: (&str, f64, f64) = ("ES", 40.4168, -3.7038);
const LAGOS: (&str, f64, f64) = ("NG", 6.5244, 3.3792);
const DUBLIN: (&str, f64, f64) = ("IE", 53.3498, -6.2603);

type City = (&'static str, f64, f64);

/// Logons as lines.
#[derive(Default)]
struct Logons {
    lines: Vec<String>,
}

impl Logons {
    /// Adds a logon, with coordinates in one of the forms that a `geo_point` has.
    fn add(&mut self, user: &str, hours: f64, (country, latitude, longitude): City, ip: &str) {
        let location = match self.lines.len() % 4 {
            0 => json!({"lat": latitude, "lon": longitude}),
            1 => json!([longitude, latitude]),
            2 => json!(format!("{latitude},{longitude}")),
            _ => json!({"type": "Point", "coordinates": [longitude, latitude]}),
        };
        let seconds = (hours * 3600.0).round() as i64;
        let (day, clock) = (1 + seconds / 86_400, seconds % 86_400);
        let time = format!("2024-03-{day:02}T{:02}:{:02}:{:02}Z", clock / 3600, clock / 60 % 60, clock % 60);
        let geo = json!({"country_iso_code": country, "location": location});
        let event = json!({"@timestamp": time, "user": {"name": user}, "source": {"ip": ip, "geo": geo}});
        self.lines.push(event.to_string());
    }

    /// Forty users, eight logons a day for ten days, at home or nearby; some of them fly.
    fn of_ordinary_users() -> Self {
        let (mut logons, mut random) = (Logons::default(), Random(11));
        for user in 0..40_usize {
            let (name, ip) = (format!("user{user}"), format!("192.0.2.{user}"));
            let home = [AMSTERDAM, BERLIN, MADRID, UTRECHT][user % 4];
            for day in 0..10 {
                for logon in 0..8 {
                    let hours = f64::from(day) * 24.0 + 8.0 + f64::from(logon) + random.uniform() * 0.9;
                    let is_away = user % 10 == 9 && (3..5).contains(&day);
                    let city = match (home, logon % 3) {
                        _ if is_away => DUBLIN,
                        (AMSTERDAM, 0) => UTRECHT,
                        (home, _) => home,
                    };
                    logons.add(&name, hours, city, &ip);
                }
            }
        }
        logons
    }

    fn text(&self) -> String {
        self.lines.iter().fold(String::new(), |mut text, line| {
            writeln!(text, "{line}").expect("a string");
            text
        })
    }
}

fn found(use_case: &str, logons: &Logons) -> Found {
    let folder = tempfile::tempdir().expect("a scratch folder");
    run(folder.path(), use_case, &logons.text(), &[])
}

/// Lines of the logons with an attack.
pub(crate) fn attacked() -> String {
    with_an_attack().text()
}

/// A logon from Lagos, 20 minutes after one from Amsterdam.
fn with_an_attack() -> Logons {
    let mut logons = Logons::of_ordinary_users();
    logons.add("user4", 7.0 * 24.0 + 20.0, AMSTERDAM, "192.0.2.4");
    logons.add("user4", 7.0 * 24.0 + 20.0 + 1.0 / 3.0, LAGOS, "203.0.113.66");
    logons
}

#[test]
fn impossible_trips_are_found() {
    let logons = with_an_attack();
    let found = found(USE_CASE, &logons);
    let stored = found.only();
    let value = |key: &str| match &stored[key] {
        Value::Array(list) => list[0].clone(),
        other => other.clone(),
    };
    assert_eq!(value("summary"), "user4: NL to NG, 5099.0 km at 15298.0 km/h");
    for (key, expected) in [
        ("aggregator", json!("user4")),
        ("interval_seconds", json!(1200.0)),
        ("location", json!("6.5244,3.3792")),
        ("previous_location", json!("52.3676,4.9041")),
        ("previous_time", json!("2024-03-08 20:00:00")),
        ("country", json!("NG")),
        ("previous_country", json!("NL")),
        ("places", json!("6.5244,3.3792 - 52.3676,4.9041")),
        ("other_days", json!(0)),
    ] {
        assert_eq!(value(key), expected, "{key}");
    }
    // one of 3,200 steps
    let score = value("score").as_f64().expect("a score");
    assert!((55.0..70.0).contains(&score), "{score}");
    assert_eq!(found.report.numbers("travel_users").outliers, 1);
}

#[test]
fn there_and_back_is_one_finding() {
    let mut logons = with_an_attack();
    logons.add("user4", 7.0 * 24.0 + 21.0, AMSTERDAM, "192.0.2.4");
    logons.add("user4", 7.0 * 24.0 + 22.0, LAGOS, "203.0.113.66");
    let folder = tempfile::tempdir().expect("a scratch folder");
    let found = run(folder.path(), USE_CASE, &logons.text(), &[]);
    assert_eq!(found.outliers.len(), 3);
    let findings = std::fs::read_to_string(folder.path().join("findings.ndjson")).expect("written");
    assert_eq!(findings.lines().count(), 1, "{findings}");
}

/// Users of an office VPN in Dublin are there within minutes, and nobody is told.
#[test]
fn networks_that_many_use_are_not_evidence() {
    let mut logons = with_an_attack();
    for user in 0..20 {
        let (name, home) = (format!("user{user}"), [AMSTERDAM, BERLIN, MADRID, UTRECHT][user % 4]);
        for day in 0..5 {
            let hours = f64::from(day) * 24.0 + 21.0 + user as f64 / 40.0;
            logons.add(&name, hours, home, &format!("192.0.2.{user}"));
            logons.add(&name, hours + 0.1, DUBLIN, "198.51.100.1");
        }
    }
    let plain = found(USE_CASE, &logons);
    assert!(plain.outliers.len() > 50, "{} outliers without a word of networks", plain.outliers.len());
    let of_vpn = plain.outliers.values().filter(|stored| stored["country"][0] == "IE");
    let score = |stored: &serde_json::Map<String, Value>| stored["score"][0].as_f64().expect("a score");
    let most = of_vpn.map(score).fold(0.0, f64::max);
    let attack = plain.outliers.values().find(|stored| stored["country"][0] == "NG").expect("the attack");
    assert!(most < 35.0 && score(attack) > 55.0, "commuters are less surprising: {most} {}", score(attack));
    let found = found(&format!("{USE_CASE}{WITH_NETWORKS}"), &logons);
    let stored = found.only();
    assert_eq!((&stored["country"][0], &stored["network_users"]), (&json!("NG"), &json!([1])));
    assert_eq!((&stored["network"][0], &stored["previous_network"][0]), (&json!("203.0.113.66"), &json!("192.0.2.4")));
    assert_eq!(stored["prevalence"], json!([2.5]));
}

/// Whitelisted trips end at no station, so others take their place.
#[test]
fn whitelisted_networks_are_left_out() {
    let mut logons = with_an_attack();
    for (hours, city, ip) in [(10.5, BERLIN, "192.0.2.1"), (10.6, DUBLIN, "198.51.100.9"), (10.7, BERLIN, "192.0.2.1")]
    {
        logons.add("user1", 20.0 + hours, city, ip);
    }
    assert_eq!(found(USE_CASE, &logons).all("country"), ["DE", "IE", "NG"]);
    let whitelist = "[whitelist_literals]\nvpn=source.ip:198.51.100.9\n";
    assert_eq!(found(&format!("{USE_CASE}\n{whitelist}"), &logons).all("country"), ["NG"]);
    // somebody came to the VPN slowly, and left it fast
    logons.add("user2", 10.0 * 24.0 + 1.0, DUBLIN, "198.51.100.9");
    logons.add("user2", 10.0 * 24.0 + 1.1, MADRID, "192.0.2.2");
    let with_networks = format!("{USE_CASE}prevalence_field=source.ip\n\n{whitelist}");
    assert_eq!(found(&with_networks, &logons).all("country"), ["ES", "NG"]);
    let both = format!("{with_networks}left=outliers.previous_network:198.51.100.9\n");
    assert_eq!(found(&both, &logons).all("country"), ["NG"]);
}

#[test]
fn limits_are_those_of_the_use_case() {
    let mut logons = with_an_attack();
    logons.add("user4", 7.0 * 24.0 + 30.0, LAGOS, "203.0.113.66");
    logons.add("user4", 7.0 * 24.0 + 30.01, UTRECHT, "203.0.113.66");
    let n = |more: &str| found(&format!("{USE_CASE}{more}"), &logons).outliers.len();
    assert_eq!(n(""), 2);
    assert_eq!(n("trigger_method=float\ntrigger_sensitivity=20000"), 1);
    assert_eq!(n("min_distance_km=5080\n"), 1, "Utrecht is 5066 km away");
    assert_eq!(n("min_distance_km=6000\n"), 0);
    assert_eq!(n("min_interval=6h\n"), 0);
    assert_eq!(n("trigger_sensitivity=100000\n"), 0);
}

#[test]
fn the_order_of_events_does_not_matter() {
    let mut logons = with_an_attack();
    // several at one time
    for city in [AMSTERDAM, LAGOS, MADRID, LAGOS, BERLIN] {
        logons.add("user8", 200.0, city, "192.0.2.8");
    }
    for (idx, line) in logons.lines.iter_mut().enumerate() {
        let id = format!("{{\"_index\":\"i\",\"_id\":\"{idx:05}\",\"_source\":{line}}}");
        *line = id;
    }
    let use_case = format!("{USE_CASE}{WITH_NETWORKS}");
    let first = found(&use_case, &logons);
    assert!(first.outliers.len() >= 4, "{}", first.output);
    let mut random = Random(5);
    for idx in (1..logons.lines.len()).rev() {
        logons.lines.swap(idx, random.below(idx as u64 + 1) as usize);
    }
    let shuffled = found(&use_case, &logons);
    assert_eq!(shuffled.output, first.output);
    let folder = tempfile::tempdir().expect("a scratch folder");
    let small = run(folder.path(), &use_case, &logons.text(), &["--threads", "1", "--memory-limit", "32MiB"]);
    assert_eq!(small.output, first.output);
}

/// Events whose coordinates are nonsense are skipped and counted; the others are judged.
#[test]
fn hostile_coordinates_are_skipped() {
    let mut logons = with_an_attack();
    let long = "9".repeat(100_000);
    for location in [
        json!({"lat": 91, "lon": 0}),
        json!({"lat": 0, "lon": 0}),
        json!([181, 5]),
        json!("north,west"),
        json!(long),
        json!({"lat": long, "lon": "1"}),
        json!([[[[5, 6]]]]),
        json!({"lat": {"lat": 5, "lon": 6}, "lon": []}),
        json!(null),
        json!(true),
    ] {
        let event = json!({"@timestamp": "2024-03-08T20:10:00Z", "user": {"name": "user4"},
            "source": {"geo": {"location": location, "country_iso_code": "\u{1b}[31m<b>"}}});
        logons.lines.push(event.to_string());
    }
    logons.lines.push("{\"@timestamp\":\"2024-03-08T20:10:00Z\",\"user\":{\"name\":\"user4\"},\"source\":{\"geo\":{\"location\":{\"lat\":1e999,\"lon\":-1e999}}}}".to_owned());
    let found = found(USE_CASE, &logons);
    assert_eq!(found.all("country"), ["NG"]);
    let use_case = &found.report.json()["use_cases"][0];
    assert_eq!(use_case["skipped_events"]["without a usable target"], json!(11), "{use_case}");
}

/// Events without any coordinates do not make a use case complete.
#[test]
fn events_without_places_are_told() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    std::fs::write(folder.path().join("u.conf"), USE_CASE).expect("written");
    std::fs::write(
        folder.path().join("e.ndjson"),
        "{\"@timestamp\":\"2024-03-08T20:10:00Z\",\"user\":{\"name\":\"a\"}}\n",
    )
    .expect("written");
    let finished = crate::program::run(folder.path(), &["run", "--use-cases", "u.conf", "--events", "e.ndjson"]);
    let finished = finished.expect_code(3);
    assert!(finished.stderr.contains("the location `source.geo.location` has no usable value"), "{}", finished.stderr);
}
