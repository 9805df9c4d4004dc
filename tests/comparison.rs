//! Values are compared with more than those of their group: the same hours of other days, and
//! peers.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::outliers;
use crate::program::{self, Report};
use crate::random::Random;

const N_DAYS: u32 = 21;

/// Time of a second of a day. The first day is a Monday.
fn time(day: u32, hour: u32, second: u64) -> String {
    format!("2026-06-{:02}T{hour:02}:{:02}:{:02}Z", day + 1, second / 60, second % 60)
}

/// Line of a document.
fn document(id: &str, fields: &Value) -> String {
    format!("{}\n", json!({"_index": "i", "_id": id, "_source": fields}))
}

/// True if people work in this hour.
fn is_office(day: u32, hour: u32) -> bool {
    day % 7 < 5 && (8..18).contains(&hour)
}

/// Stored outliers by document.
fn found(folder: &Path, use_case: &str, events: &str) -> BTreeMap<String, Map<String, Value>> {
    let defaults = "[DEFAULT]\nrun_model=1\nes_query_filter=*\noutlier_type=t\noutlier_reason=r\n\
                    outlier_summary={aggregator}\n";
    std::fs::write(folder.join("u.conf"), format!("{defaults}\n{use_case}")).expect("written");
    std::fs::write(folder.join("e.ndjson"), events).expect("written");
    let args = ["run", "--use-cases", "u.conf", "--events", "e.ndjson", "-o", "o.ndjson", "--report", "r.json", "-q"];
    program::run(folder, &args).expect_code(0);
    Report::read(&folder.join("r.json"));
    let stored = outliers::read(&folder.join("o.ndjson")).expect("outliers");
    stored.into_iter().map(|((_, id), outlier)| (id, outlier)).collect()
}

fn number(outlier: &Map<String, Value>, key: &str) -> f64 {
    outlier[key][0].as_f64().unwrap_or_else(|| panic!("no number {key} in {outlier:?}"))
}

fn ids<V>(found: &BTreeMap<String, V>) -> Vec<&str> {
    found.keys().map(String::as_str).collect()
}

/// Bytes of 20 hosts, great ones in the hours of work; `(day, hour)` has another value on one host.
fn bytes(n_days: u32, other: Option<(u32, u32, f64)>) -> String {
    let mut random = Random(21);
    let mut events = String::new();
    for (day, hour) in (0..n_days).flat_map(|day| (0..24).map(move |hour| (day, hour))) {
        for host in 0..20 {
            for n in 0..3 {
                let level = if is_office(day, hour) { 1000.0 } else { 10.0 };
                let mut value = level * (1.0 + random.uniform());
                let mut id = format!("{day}-{hour}-{host}-{n}");
                if let Some((on_day, at_hour, planted)) = other
                    && (day, hour, host, n) == (on_day, at_hour, 7, 0)
                {
                    (value, id) = (planted, "planted".to_owned());
                }
                let time = time(day, hour, random.below(3600));
                events += &document(&id, &json!({"@timestamp": time, "host": format!("h{host}"), "bytes": value}));
            }
        }
    }
    events
}

fn metrics(more: &str) -> String {
    format!(
        "[metrics_bytes]\ntarget=bytes\naggregator=host\nmetric=numerical_value\ntrigger_on=high\n\
         trigger_method=fdr\ntrigger_sensitivity=0.05\n{more}\n"
    )
}

#[test]
fn a_value_is_compared_with_the_same_hours_of_other_days() {
    let folder = tempfile::tempdir().unwrap();
    // ordinary by day, but it is a Sunday night
    let events = bytes(N_DAYS, Some((13, 3, 1500.0)));
    assert!(found(folder.path(), &metrics(""), &events).is_empty(), "nothing without a baseline");
    let found = found(folder.path(), &metrics("baseline=hour_of_week"), &events);
    assert_eq!(ids(&found), ["planted"]);
    let outlier = &found["planted"];
    assert_eq!(outlier["baseline_hour"], json!(["Sunday 03:00"]));
    assert_eq!(number(outlier, "metric"), 1500.0);
    assert_eq!(number(outlier, "baseline_days"), f64::from(N_DAYS - 1));
    let (expected, frontier) = (number(outlier, "baseline_expected"), number(outlier, "decision_frontier"));
    assert!(expected < 400.0 && frontier > expected && frontier < 1500.0, "{expected} {frontier}");
    assert!(number(outlier, "surprise") > 12.0, "{outlier:?}");
}

#[test]
fn a_baseline_finds_nothing_in_noise_and_changes_nothing_on_the_first_day() {
    let folder = tempfile::tempdir().unwrap();
    let baseline = metrics("baseline=hour_of_week");
    assert!(found(folder.path(), &baseline, &bytes(N_DAYS, None)).is_empty());
    let extreme = bytes(1, Some((0, 12, 1e6)));
    let [with, without] = [&*baseline, &metrics("")].map(|use_case| found(folder.path(), use_case, &extreme));
    assert_eq!(ids(&with), ["planted"]);
    assert_eq!(ids(&with), ids(&without));
    assert_eq!(with["planted"]["surprise"], without["planted"]["surprise"]);
    for method in ["percentile\ntrigger_sensitivity=99", "mad\ntrigger_sensitivity=4", "stdev\ntrigger_sensitivity=3"] {
        let use_case = |more: &str| metrics(more).replace("fdr\ntrigger_sensitivity=0.05", method);
        let [with, without] =
            [use_case("baseline=hour_of_week"), use_case("")].map(|use_case| found(folder.path(), &use_case, &extreme));
        assert!(!with.is_empty());
        assert_eq!(ids(&with), ids(&without), "{method}");
    }
}

/// Lengths of command lines of a few programs, each of which has a few, at all hours alike; three
/// others are planted in each program, at different hours.
fn lengths(n_days: u32) -> String {
    const PROGRAMS: [&[f64]; 4] = [
        &[84.0, 84.0, 84.0, 121.0, 122.0],
        &[108.0, 110.0, 110.0],
        &[63.0, 63.0, 63.0, 63.0, 65.0],
        &[39.0, 40.0, 41.0],
    ];
    let mut random = Random(5);
    let mut events = String::new();
    for (day, hour) in (0..n_days).flat_map(|day| (0..24).map(move |hour| (day, hour))) {
        for (program, lengths) in PROGRAMS.iter().enumerate() {
            for n in 0..1 + random.below(12) {
                let length = lengths[random.below(lengths.len() as u64) as usize];
                let is_planted = n == 0 && hour == 3 + 6 * day + program as u32 && day < 3;
                let (kind, length) = if is_planted { ("planted", 3000.0 + f64::from(day)) } else { ("usual", length) };
                let fields = json!({
                    "@timestamp": time(day, hour, random.below(3600)),
                    "host": format!("p{program}"),
                    "bytes": length,
                });
                events += &document(&format!("{kind}-{day}-{hour}-{program}-{n}"), &fields);
            }
        }
    }
    events
}

#[test]
fn without_seasons_a_baseline_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let events = lengths(7);
    let [with, without] = ["baseline=hour_of_week", ""].map(|more| found(folder.path(), &metrics(more), &events));
    assert_eq!(ids(&with).len(), 12, "{:?}", ids(&with));
    assert!(ids(&with).iter().all(|id| id.starts_with("planted")), "{:?}", ids(&with));
    assert_eq!(ids(&with), ids(&without));
    for (id, outlier) in &with {
        eprintln!(
            "S {id} {} {} {} {}",
            outlier["surprise"], without[id]["surprise"], outlier["adjusted_value"], outlier["baseline_expected"]
        );
    }
}

/// Logons of 30 users on a server, in the hours of work only. Some are added.
fn logons(added: &[(u32, u32, u32, u32)]) -> String {
    let mut random = Random(4);
    let mut events = String::new();
    let mut add = |id: &str, day, hour, user, source: usize| {
        let time = time(day, hour, random.below(3600));
        let (source, user) = (format!("s{source}"), format!("u{user}"));
        events += &document(id, &json!({"@timestamp": time, "host": "dc", "source": source, "user": user}));
    };
    let mut counts = Random(8);
    for (day, hour) in (0..N_DAYS).flat_map(|day| (0..24).map(move |hour| (day, hour))) {
        for user in (0..30).filter(|_| is_office(day, hour)) {
            for n in 0..counts.below(4) {
                add(&format!("{day}-{hour}-{user}-{n}"), day, hour, user, user as usize % 6);
            }
        }
    }
    for (idx, &(day, hour, user, n)) in added.iter().enumerate() {
        (0..n).for_each(|n| add(&format!("added-{idx}-{n}"), day, hour, user, 1));
    }
    events
}

fn terms(more: &str) -> String {
    format!("[terms_logons]\ntrigger_method=fdr\ntrigger_sensitivity=0.05\n{more}\n")
}

#[test]
fn a_term_is_rare_at_an_hour() {
    let folder = tempfile::tempdir().unwrap();
    let rare = "target=user\naggregator=host\ntarget_count_method=within_aggregator\ntrigger_on=low\n";
    let events = logons(&[(9, 3, 5, 1)]);
    assert!(found(folder.path(), &terms(rare), &events).is_empty(), "the user is not rare");
    let use_case = format!("{rare}baseline=hour_of_week");
    let by_few = terms(&use_case).replace("fdr\ntrigger_sensitivity=0.05", "float\ntrigger_sensitivity=10");
    let found_by_few = found(folder.path(), &by_few, &events);
    assert_eq!(ids(&found_by_few), ["added-0-0"]);
    let outlier = &found_by_few["added-0-0"];
    assert_eq!(outlier["baseline_hour"], json!(["Wednesday 03:00"]));
    assert!(number(outlier, "adjusted_value") < 5.0 && number(outlier, "term_count") == 1.0, "{outlier:?}");
    assert!(
        (number(outlier, "decision_frontier") - 10.0).abs() < 1e-9 && number(outlier, "surprise") > 10.0,
        "{outlier:?}"
    );
    assert_eq!(ids(&found(folder.path(), &terms(&use_case), &events)), ["added-0-0"]);
}

#[test]
fn noise_is_not_rare_at_any_hour() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(77);
    let mut events = String::new();
    for n in 0..30_000 {
        let (day, hour) = (random.below(u64::from(N_DAYS)) as u32, random.below(24) as u32);
        let user = (3_000.0_f64.powf(random.uniform())) as u64;
        let fields = json!({"@timestamp": time(day, hour, 5), "host": format!("h{}", random.below(5)), "user": user});
        events += &document(&n.to_string(), &fields);
    }
    for (side, method) in [("low", "within_aggregator"), ("high", "within_aggregator"), ("high", "across_aggregators")]
    {
        let use_case = terms(&format!(
            "target=user\naggregator=host\ntarget_count_method={method}\ntrigger_on={side}\nbaseline=hour_of_week"
        ));
        assert!(found(folder.path(), &use_case, &events).is_empty(), "{side} {method}");
    }
}

#[test]
fn counts_jump_compared_with_the_same_hours_of_other_days() {
    let folder = tempfile::tempdir().unwrap();
    let frequent = "target=user\naggregator=host\ntarget_count_method=within_aggregator\ntrigger_on=high\n";
    // about as many as in an afternoon of this user, but at night
    let events = logons(&[(10, 2, 5, 15)]);
    assert!(found(folder.path(), &terms(frequent), &events).is_empty());
    let found = found(folder.path(), &terms(&format!("{frequent}baseline=hour_of_week")), &events);
    assert_eq!(found.len(), 15);
    assert!(found.keys().all(|id| id.starts_with("added-0-")));
    let outlier = &found["added-0-3"];
    assert_eq!(number(outlier, "term_count"), 15.0);
    assert!(number(outlier, "decision_frontier") < 15.0 && number(outlier, "baseline_expected") < 1.0, "{outlier:?}");
}

#[test]
fn numbers_of_distinct_terms_jump() {
    let folder = tempfile::tempdir().unwrap();
    let across = "target=user\naggregator=source\ntarget_count_method=across_aggregators\ntrigger_on=high\n";
    // one source tries all users in one hour of a night
    let all_users: Vec<(u32, u32, u32, u32)> = (0..30).map(|user| (16, 4, user, 1)).collect();
    let events = logons(&all_users);
    let by_deviation = terms(&format!("{across}baseline=hour_of_week"));
    let by_deviation = by_deviation.replace("fdr\ntrigger_sensitivity=0.05", "float\ntrigger_sensitivity=5");
    let found = found(folder.path(), &by_deviation, &events);
    assert_eq!(found.len(), 30, "{:?}", ids(&found));
    let outlier = found.values().next().unwrap();
    assert_eq!(number(outlier, "term_count"), 30.0);
    assert_eq!(outlier["aggregator"], json!(["s1"]));
}

/// Bytes of hosts of two departments, of which one sends much. One host is new in each.
fn departments() -> String {
    let mut random = Random(33);
    let mut events = String::new();
    for host in 0..60 {
        let (department, level) = if host % 2 == 0 { ("servers", 1e6) } else { ("desks", 100.0) };
        for n in 0..40 {
            let value = level * (1.0 + random.uniform());
            let name = format!("p{}", random.below(3));
            let fields = json!({"host": format!("h{host}"), "dept": department, "bytes": value, "name": name});
            events += &document(&format!("{host}-{n}"), &fields);
        }
        if department == "servers" && host != 4 {
            let fields = json!({"host": format!("h{host}"), "dept": "servers", "bytes": 1_500_000, "name": "backup"});
            events += &document(&format!("backup-{host}"), &fields);
        }
    }
    for (id, department) in [("new-server", "servers"), ("new-desk", "desks")] {
        events += &document(id, &json!({"host": id, "dept": department, "bytes": 1_500_000, "name": "p1"}));
    }
    events += &document("tool", &json!({"host": "h4", "dept": "servers", "bytes": 1_500_000, "name": "tool"}));
    events
}

#[test]
fn a_new_host_is_compared_with_its_peers() {
    let folder = tempfile::tempdir().unwrap();
    let events = departments();
    let found = found(folder.path(), &metrics("peer_group=dept"), &events);
    assert_eq!(ids(&found), ["new-desk"]);
    let outlier = &found["new-desk"];
    assert_eq!(outlier["peer_group"], json!(["desks"]));
    assert_eq!(number(outlier, "peers"), 30.0);
    assert_eq!(number(outlier, "peer_share"), 0.0);
}

#[test]
fn what_is_common_among_peers_is_less_surprising() {
    let folder = tempfile::tempdir().unwrap();
    let rare = "[terms_rare]\ntarget=name\naggregator=host\ntarget_count_method=within_aggregator\ntrigger_on=low\n\
                trigger_method=float\ntrigger_sensitivity=2\n";
    let events = departments();
    let [alone, among_peers] =
        ["", "peer_group=dept\n"].map(|more| found(folder.path(), &format!("{rare}{more}"), &events));
    assert_eq!(ids(&alone), ids(&among_peers), "peers change scores, not what other triggers find");
    let surprise = |found: &BTreeMap<String, Map<String, Value>>, id: &str| number(&found[id], "surprise");
    assert_eq!(surprise(&alone, "backup-10"), surprise(&alone, "tool"), "both are as rare on their hosts");
    assert_eq!(number(&among_peers["backup-10"], "peer_share"), 28.0 / 30.0);
    assert_eq!(number(&among_peers["tool"], "peer_share"), 0.0);
    assert_eq!(surprise(&among_peers, "tool"), surprise(&alone, "tool"));
    assert!(surprise(&among_peers, "backup-10") < surprise(&alone, "tool"), "{among_peers:?}");
}

#[test]
fn what_peers_had_before_is_less_surprising_when_it_appears() {
    let folder = tempfile::tempdir().unwrap();
    let mut events = String::new();
    let mut add = |id: &str, day: u32, hour: u32, host: u32, name: &str| {
        let department = if host.is_multiple_of(2) { "servers" } else { "desks" };
        let fields =
            json!({"@timestamp": time(day, hour, 7), "host": format!("h{host}"), "dept": department, "name": name});
        events += &document(id, &fields);
    };
    for (day, host) in (0..14).flat_map(|day| (0..20).map(move |host| (day, host))) {
        (0..10).for_each(|n| add(&format!("{day}-{host}-{n}"), day, n, host, &format!("p{}", n % 3)));
    }
    // all other servers had the agent for days, and nobody had the tool before; others have it
    // later
    (2..20).step_by(2).for_each(|host| add(&format!("agent-{host}"), 6, 12, host, "agent"));
    add("agent", 13, 12, 0, "agent");
    add("tool", 13, 12, 1, "tool");
    (3..20).step_by(2).for_each(|host| add(&format!("late-tool-{host}"), 13, 13, host, "tool"));
    let use_case = |more: &str| {
        format!(
            "[sudden_appearance_program]\ntarget=name\naggregator=host\nhistory_window_days=14\n\
             sliding_window_size=13:00:00\nsliding_window_step_size=0:12:00\n{more}\n"
        )
    };
    let [alone, among_peers] = ["", "peer_group=dept"].map(|more| found(folder.path(), &use_case(more), &events));
    assert_eq!(ids(&alone), ids(&among_peers));
    let surprise = |found: &BTreeMap<String, Map<String, Value>>, id: &str| number(&found[id], "surprise");
    assert_eq!(surprise(&alone, "agent"), surprise(&alone, "tool"));
    assert_eq!(number(&among_peers["agent"], "peer_share"), 1.0);
    assert_eq!(number(&among_peers["tool"], "peer_share"), 0.0);
    assert_eq!(surprise(&among_peers, "tool"), surprise(&alone, "tool"));
    assert!(surprise(&among_peers, "agent") < surprise(&alone, "agent"), "{among_peers:?}");
}
