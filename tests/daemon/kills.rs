//! Daemons that are killed at random moments: while they start, read, judge, write, tell and wait.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use ee_outliers::state::{RunOutcome, StateStore};

use super::process::Process;
use super::world::{World, event, events};
use crate::random::Random;
use crate::receiver::Receiver;

const N_KILLED: usize = 40;

/// Users that are new before each life of the daemon.
const N_NEW: usize = 3;

/// Writes events with the first `n_users` rare users. A daemon never sees a part of them.
fn write_events(world: &World, n_users: usize) {
    let users: String = (0..n_users).map(|n| event(&format!("mallory-{n}"))).collect();
    world.write("events.new", &(events() + &users));
    fs::rename(world.path("events.new"), world.path("events.ndjson")).expect("renamed");
}

/// Ends a daemon, of which a run may be under way.
fn end(process: Process) {
    let (code, log) = process.terminate();
    assert!([0, 75].contains(&code), "{code}: {log}");
}

/// Each outlier is told, and at most the notice in flight is told again by the next life, with the
/// same key.
#[test]
fn a_daemon_that_is_killed_loses_nothing() {
    let receiver = Receiver::start();
    let world = World::new("", "2024-05-08T12:00:00Z");
    let state = world.path("state");
    // runs follow each other every second
    world.write(
        "main.conf",
        &format!(
            "[general]\nstate_dir={}\n[daemon]\nschedule=* * * * * *\n[http]\nlisten=\n\
             [notifier_hook]\ntype=webhook\nurl={}\nnotify_digest_above=1000\nrate_limit=100000\n",
            state.display(),
            receiver.url
        ),
    );
    let started = Instant::now();
    let mut process = Process::start(&world, &[]);
    process.wait_for("the run is complete");
    let whole = started.elapsed();
    process.kill();
    let mut random = Random(16);
    for n_killed in 1..=N_KILLED {
        write_events(&world, N_NEW * n_killed);
        let process = Process::start(&world, &[]);
        std::thread::sleep(whole.mul_f64(1.3 * random.uniform()));
        process.kill();
    }
    // the last life does the rest
    let mut process = Process::start(&world, &[]);
    process.wait_for("the run is complete");
    process.wait_for("the run is complete");
    let until = Instant::now() + Duration::from_secs(60);
    let store = || StateStore::open_to_read(&state).expect("readable").expect("a store");
    let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // the events have one more rare user
    let n_expected = N_NEW * N_KILLED + 1;
    while by_key.len() < n_expected && Instant::now() < until {
        for notice in receiver.take() {
            let text = |name: &str| notice[name].as_str().unwrap_or_else(|| panic!("{name} of {notice}")).to_owned();
            by_key.entry(text("key")).or_default().push(text("target"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    end(process);
    let mut targets: Vec<&String> = by_key.values().map(|targets| &targets[0]).collect();
    targets.sort();
    targets.dedup();
    assert_eq!((targets.len(), by_key.len()), (n_expected, n_expected), "each is told, under one key");
    let n_repeated = by_key.values().map(Vec::len).sum::<usize>() - n_expected;
    assert!(n_repeated <= N_KILLED, "{n_repeated}");
    assert!(store().pending().expect("readable").is_empty());
    let outcomes: Vec<RunOutcome> = store().runs().expect("readable").iter().map(|run| run.outcome).collect();
    let n_interrupted = outcomes.iter().filter(|outcome| **outcome == RunOutcome::Interrupted).count();
    println!("{N_KILLED} killed, {n_interrupted} of them during a run; {n_repeated} of {n_expected} notices repeated");
    // how many depends on the machine
    assert!(n_interrupted > 0 && !outcomes.contains(&RunOutcome::Running), "{outcomes:?}");
    // another life has nothing to tell
    let mut process = Process::start(&world, &[]);
    process.wait_for("the run is complete");
    end(process);
    assert!(receiver.take().is_empty());
}
