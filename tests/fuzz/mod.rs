//! Readers on inputs that nobody would write: each target on its corpus and on mutations of it.
//! `README.md` beside this file says how to run them for longer.

mod mutations;
mod targets;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use mutations::{Random, mutated};
use targets::{TARGETS, Target};

/// Mutations per target, unless the environment asks for seconds.
const MUTATIONS: u64 = 1000;

/// Variable with the seconds that each target is run.
const SECONDS: &str = "FUZZ_SECONDS";

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("an input")).collect()
}

/// Runs a target on its corpus and on mutations of it. A failure shows the input.
fn run(name: &str) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target");
    let corpus = corpus(name);
    assert!(corpus.len() >= 3, "{name} has {} inputs", corpus.len());
    corpus.iter().for_each(|input| check(name, *target, input));
    let seconds = std::env::var(SECONDS).ok().map(|text| text.parse().expect("FUZZ_SECONDS is a number"));
    let started = Instant::now();
    let is_over = |n: u64| match seconds {
        Some(seconds) => started.elapsed() >= Duration::from_secs(seconds),
        None => n >= MUTATIONS,
    };
    let mut random = Random::new(0);
    let mut n = 0;
    while !is_over(n) {
        check(name, *target, &mutated(&corpus, &mut random));
        n += 1;
    }
    let seconds = started.elapsed().as_secs_f64();
    writeln!(std::io::stderr(), "{name}: {n} inputs in {seconds:.0} s").expect("stderr is open");
}

fn check(name: &str, target: Target, input: &[u8]) {
    // the input must be known even if the process ends
    if std::panic::catch_unwind(|| target(input)).is_err() {
        panic!("{name} fails on {}", input.escape_ascii());
    }
}

macro_rules! targets {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })+

        #[test]
        fn every_target_is_run() {
            let run = [$(stringify!($name)),+];
            let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(known, run);
        }
    };
}

targets! { ini query_string dsl json_lines json csv evtx zeek parquet time grok }
