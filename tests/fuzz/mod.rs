//! Readers on inputs that nobody would write: each target on its corpus and on mutations of it.
//! `README.md` beside this file says how to run them for longer.

mod mutations;
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

use mutations::{Random, mutated};
use targets::{TARGETS, Target};

/// Mutations per target.
const MUTATIONS: u64 = 1000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = folder().join("corpus").join(name);
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
    let mut random = Random::new(0);
    (0..MUTATIONS).for_each(|_| check(name, *target, &mutated(&corpus, &mut random)));
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
            let libfuzzer = folder().join("libfuzzer");
            let manifest = fs::read_to_string(libfuzzer.join("Cargo.toml")).expect("a manifest");
            for name in run {
                let target = fs::read_to_string(libfuzzer.join(format!("targets/{name}.rs"))).expect("a target");
                assert!(target.contains(&format!("target!(\"{name}\")")) && manifest.contains(&format!("name = \"{name}\"")));
            }
        }
    };
}

targets! { ini query_string dsl json_lines json csv evtx zeek parquet time grok rules }
