//! Scores mean the same whatever the model, and false discovery rates are kept.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::outliers;
use crate::program::{self, Report};
use crate::random::Random;

impl Random {
    fn poisson(&mut self, mean: f64) -> f64 {
        let mut n = 0.0;
        let mut time = self.exponential();
        while time < mean {
            n += 1.0;
            time += self.exponential();
        }
        n
    }

    /// Number of a term; that of rank r is about r times as rare as the first one.
    fn zipf(&mut self) -> u64 {
        (10_000.0_f64.powf(self.uniform())) as u64
    }
}

const BODIES: [&str; 5] = ["normal", "lognormal", "exponential", "poisson", "flat"];

/// Values of [`BODIES`].
fn values(random: &mut Random) -> [f64; 5] {
    [random.normal(), random.normal().exp(), random.exponential(), random.poisson(4.0), random.uniform()]
}

/// Use cases about `field` in groups by `group`.
fn metrics_by_rate(field: &str, group: &str, side: &str, rate: f64) -> String {
    format!(
        "[metrics_{field}_{group}_{side}]\nrun_model=1\nes_query_filter=*\noutlier_type=t\noutlier_reason=r\n\
         outlier_summary={{metric}} in {{aggregator}}\ntarget={field}\naggregator={group}\nmetric=numerical_value\n\
         trigger_on={side}\ntrigger_method=fdr\ntrigger_sensitivity={rate}\n\n"
    )
}

fn run(folder: &Path, use_cases: &str, events: &str) -> Report {
    std::fs::write(folder.join("u.conf"), use_cases).expect("written");
    std::fs::write(folder.join("e.ndjson"), events).expect("written");
    let args = ["run", "--use-cases", "u.conf", "--events", "e.ndjson", "-o", "o.ndjson", "--report", "r.json", "-q"];
    program::run(folder, &args).expect_code(0);
    Report::read(&folder.join("r.json"))
}

#[test]
fn a_false_discovery_rate_holds_on_noise_and_finds_what_is_planted() {
    const N: usize = 12_000;
    const N_PLANTED: usize = 8;
    // so improbable are the planted values in each body
    let planted = [8.0, 8.0_f64.exp(), 32.0, 60.0, 3.0];
    let groups = [("one", 1), ("some", 100), ("many", 1_200)];
    let sides = ["high", "low"];
    let folder = tempfile::tempdir().unwrap();
    let mut use_cases = String::new();
    for (body, (group, _)) in BODIES.iter().flat_map(|body| groups.map(|group| (body, group))) {
        sides.iter().for_each(|side| use_cases += &metrics_by_rate(body, group, side, 0.05));
    }
    let (mut n_false, mut n_found) = (0, BTreeMap::new());
    for seed in 0..2 {
        for n_planted in [0, N_PLANTED] {
            let mut random = Random(seed * 1_000_003 + 17);
            let mut events = String::new();
            for event in 0..N {
                let mut values = values(&mut random);
                if event < n_planted {
                    values = planted;
                }
                let fields: Vec<String> =
                    BODIES.iter().zip(values).map(|(body, value)| format!("\"{body}\":{value}")).collect();
                let in_groups = groups.map(|(group, n)| format!("\"{group}\":\"g{}\"", random.below(n)));
                writeln!(events, "{{{},{}}}", fields.join(","), in_groups.join(",")).unwrap();
            }
            let report = run(folder.path(), &use_cases, &events);
            for name in report.use_cases() {
                let n = report.numbers(&name).outliers;
                if n_planted == 0 {
                    n_false += usize::from(n > 0);
                } else if name.ends_with("high") {
                    assert!(n as usize <= N_PLANTED + 4, "{name} found {n} of {N_PLANTED}");
                    *n_found.entry(name).or_insert(0) += n.min(N_PLANTED as u64);
                }
            }
        }
    }
    // 5 % of 60 runs, and more than 7 are beyond the 95 % interval
    assert!(n_false <= 7, "{n_false} of 60 runs found something in noise");
    for (name, n) in n_found {
        // counts in groups of ten values have few different scales
        let least = if name.contains("poisson_many") { 0 } else { 14 };
        assert!(n >= least, "{name}: {n} of {}", 2 * N_PLANTED);
    }
}

/// Every model, with triggers that flag every event it judges.
const ALL_FLAGGED: &str = "\
[DEFAULT]
run_model=1
es_query_filter=*
outlier_type=t
outlier_reason=r
outlier_summary={id}
trigger_method=float

[metrics_all]
target=number
aggregator=group
metric=numerical_value
trigger_on=high
trigger_sensitivity=-1000

[terms_rare]
target=term
aggregator=group
target_count_method=within_aggregator
trigger_on=low
trigger_sensitivity=1000000

[terms_frequent]
target=term
aggregator=group
target_count_method=within_aggregator
trigger_on=high
trigger_sensitivity=0

[terms_across]
target=term
aggregator=sender
target_count_method=across_aggregators
trigger_on=high
trigger_sensitivity=0

[simplequery_all]
";

/// Surprise of some bits is at most as probable as it says, in all models alike: for events, or
/// where frequent terms or whole groups are outliers, for these.
#[test]
fn surprise_is_an_upper_bound_of_a_probability_in_every_model() {
    const N: usize = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(5);
    let mut events = String::new();
    for id in 0..N {
        let (number, term, group) = (random.normal(), random.zipf(), random.below(20));
        let sender = random.below(2_000);
        writeln!(
            events,
            "{{\"id\":\"e{id}\",\"number\":{number},\"term\":\"t{term}\",\"group\":\"g{group}\",\"sender\":\"s{sender}\"}}"
        )
        .unwrap();
    }
    run(folder.path(), ALL_FLAGGED, &events);
    let mut by_use_case: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    let mut scores = BTreeMap::new();
    // outliers of several use cases with the same summary are one, so each use case runs alone
    for section in ALL_FLAGGED.split("\n[").skip(1) {
        let defaults = ALL_FLAGGED.split("\n[").next().unwrap();
        let report = run(folder.path(), &format!("{defaults}\n[{section}"), &events);
        let name = report.use_cases().remove(0);
        for ((_, id), stored) in outliers::read(&folder.path().join("o.ndjson")).unwrap() {
            let number = |key: &str| stored[key][0].as_f64().unwrap();
            let unit = match &*name {
                "terms_frequent" => format!("{} {}", stored["aggregator"], stored["term"]),
                "terms_across" => stored["aggregator"].to_string(),
                _ => id,
            };
            by_use_case.entry(name.clone()).or_default().insert(unit, number("surprise"));
            scores.insert((number("surprise") * 100.0) as i64, number("score"));
        }
    }
    assert_eq!(by_use_case.len(), 5);
    for (name, surprises) in by_use_case {
        let n = surprises.len() as f64;
        assert!(name.starts_with("terms_") || n == N as f64, "{name} flags every event");
        for bits in 1..=9 {
            let bits = f64::from(bits);
            let found = surprises.values().filter(|surprise| **surprise >= bits).count() as f64 / n;
            // four standard errors of the share, and the width of the bins
            let promised = (-bits).exp2();
            let most = promised * 1.05 + 4.0 * (promised / n).sqrt();
            assert!(found <= most, "{name}: {found} of the events have {bits} bits");
            // where no values are equal, it is at most three bits less than it could be: one for
            // the choice between two probabilities, the others for tails that are rather too heavy
            assert!(name != "metrics_all" || found >= promised / 8.0, "{name}: only {found} have {bits} bits");
        }
    }
    // equal surprise, equal score
    for (surprise, score) in scores {
        let expected = 100.0 * (1.0 - (-(surprise as f64 / 100.0) / 8.0).exp2());
        assert!((score - expected).abs() < 0.2, "{surprise}: {score}, not {expected}");
    }
}
