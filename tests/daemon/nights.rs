//! Many nights on a virtual clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use chrono_tz::Europe::Brussels;
use ee_outliers::http::{EndedRun, RunReason};
use ee_outliers::runtime::{Clock, Interrupt};
use ee_outliers::state::{RunOutcome, StateStore};

use super::world::{USE_CASES, World, event, events};
use crate::receiver::Receiver;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Runs a daemon until `passed` has passed on the clock; returns its runs, the oldest first.
async fn work_until(world: &World, passed: Duration) -> Vec<EndedRun> {
    let interrupt = Interrupt::default();
    let end = interrupt.clone();
    world.clock.plan(passed, move || end.raise());
    let daemon = world.daemon(&interrupt);
    let status = daemon.status();
    daemon.work().await;
    let recent = status.lock().recent.clone();
    recent.into_iter().rev().collect()
}

/// Runs that the schedule started, by the date of Brussels.
fn nights(runs: &[EndedRun]) -> BTreeMap<NaiveDate, Vec<&EndedRun>> {
    let mut nights: BTreeMap<NaiveDate, Vec<&EndedRun>> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.reason == RunReason::Schedule) {
        nights.entry(run.started.with_timezone(&Brussels).date_naive()).or_default().push(run);
    }
    nights
}

const NIGHTLY: &str = "[daemon]\nschedule=30 2 * * *\ntimezone=Europe/Brussels\nrun_at_start=0\n";

/// Time of the schedule in winter, in the night of the change and in summer, after 01:00 in winter.
fn due(night: u32) -> Duration {
    DAY * night + MINUTE * [90, 60, 30][usize::from(night > 75) + usize::from(night > 76)]
}

/// Mishaps of a night.
fn plan_night(world: &World, night: u32, main: &str, receiver: &Arc<Receiver>) {
    let (due, before) = (due(night), due(night) - 20 * MINUTE);
    let at = |time: Duration, name: &'static str, text: String| {
        let path = world.path(name);
        world.clock.plan(time, move || std::fs::write(&path, &text).expect("a file"));
    };
    let step = |time: Duration, by: TimeDelta| {
        let clock = world.clock.clone();
        world.clock.plan(time, move || clock.step(by));
    };
    // one more user each night
    let users: String = (0..=night).map(|night| event(&format!("mallory-{night}"))).collect();
    at(due - 30 * MINUTE, "events.ndjson", events() + &users);
    match night % 9 {
        0 => {
            let (down, up) = (Arc::clone(receiver), Arc::clone(receiver));
            world.clock.plan(before, move || down.answer_with(503));
            world.clock.plan(due + 5 * HOUR, move || up.answer_with(200));
        }
        1 => at(before, "use_cases.conf", USE_CASES.replace("rare user", &format!("night {night}: rare user"))),
        2 => {
            at(before, "use_cases.conf", "[terms_rare_user]\nrun_model=maybe\n".to_owned());
            at(due + HOUR, "use_cases.conf", USE_CASES.to_owned());
        }
        3 => {
            at(before, "main.conf", "[general\n".to_owned());
            at(due + HOUR, "main.conf", main.to_owned());
        }
        4 => {
            at(before, "events.ndjson", String::new());
            at(due + 20 * MINUTE, "events.ndjson", events() + &users);
        }
        // the schedule comes, and comes again
        5 => {
            step(due + 10 * MINUTE, TimeDelta::minutes(-70));
            step(due + 8 * HOUR, TimeDelta::minutes(70));
        }
        // the schedule is jumped over
        6 => {
            step(due - 10 * MINUTE, TimeDelta::minutes(45));
            step(due + 8 * HOUR, TimeDelta::minutes(-45));
        }
        // the clock is hours ahead for a while; restarts see below
        8 => {
            step(due + 3 * HOUR, TimeDelta::hours(5));
            step(due + 4 * HOUR, TimeDelta::hours(-5));
        }
        _ => {}
    }
    // requests take real time: they have some in each hour
    (0..24)
        .for_each(|hour| world.clock.plan(DAY * night + HOUR * hour, || std::thread::sleep(Duration::from_millis(2))));
}

/// Ninety nights with leap day and the change to summer time, and each night something that goes
/// wrong: all runs are accounted for, one per night, and everything that is new is told once.
#[tokio::test(flavor = "multi_thread")]
async fn ninety_nights() {
    let receiver = Arc::new(Receiver::start());
    let world = World::new("", "2024-01-15T00:00:00Z");
    let general = format!("[general]\nstate_dir={}\nnotify_give_up_hours=1000\n", world.path("state").display());
    let main = format!("{general}{NIGHTLY}[notifier_hook]\ntype=webhook\nurl={}\n", receiver.url);
    world.write("main.conf", &main);
    (0..90).for_each(|night| plan_night(&world, night, &main, &receiver));
    let mut runs = Vec::new();
    for night in 0..90 {
        // restarts before and after runs
        match night % 9 {
            7 => runs.extend(work_until(&world, due(night) - 20 * MINUTE).await),
            8 => runs.extend(work_until(&world, due(night) + 12 * HOUR).await),
            _ => {}
        }
    }
    runs.extend(work_until(&world, 91 * DAY).await);
    check_nights(&runs);
    // the history has them all
    let store = StateStore::open_to_read(&world.path("state")).unwrap().expect("a store");
    let kept: Vec<(DateTime<Utc>, RunOutcome)> =
        store.runs().unwrap().iter().map(|run| (run.begun, run.outcome)).collect();
    assert_eq!(kept, runs.iter().map(|run| (run.started, run.outcome)).collect::<Vec<_>>());
    // each user was told once
    let mut expected: BTreeMap<String, usize> = (0..90).map(|night| (format!("mallory-{night}"), 1)).collect();
    expected.insert("mallory".to_owned(), 1);
    let user = |summary: &str| summary.split("rare user ").nth(1).expect("a user").to_owned();
    let told = receiver.take_counts("summary").into_iter().map(|(summary, n)| (user(&summary), n));
    assert_eq!(told.collect::<BTreeMap<String, usize>>(), expected);
    assert!(store.pending().unwrap().is_empty());
}

/// A whitelist entry holds until its last day is over, by the clock of the runs.
#[tokio::test(flavor = "multi_thread")]
async fn whitelist_entries_expire_overnight() {
    let world = World::new("", "2024-01-15T00:00:00Z");
    world.write("main.conf", &format!("[general]\nstate_dir={}\n{NIGHTLY}", world.path("state").display()));
    let entry = "[whitelist:mallory]\nliterals = user:mallory\nexpires = 2024-01-17\n";
    world.write("use_cases.conf", &format!("{USE_CASES}{entry}"));
    let runs = work_until(&world, 5 * DAY).await;
    assert_eq!(runs.len(), 5);
    let store = StateStore::open_to_read(&world.path("state")).unwrap().expect("a store");
    let found: Vec<(u32, u64)> =
        store.runs().unwrap().iter().map(|run| (run.begun.date_naive().day(), run.n_findings)).collect();
    assert_eq!(found, [(15, 0), (16, 0), (17, 0), (18, 1), (19, 1)]);
}

fn check_nights(runs: &[EndedRun]) {
    let nights = nights(runs);
    let first: NaiveDate = "2024-01-15".parse().expect("a date");
    assert_eq!(nights.len(), 91, "{:?}", nights.keys());
    for (night, date) in first.iter_days().take(91).enumerate() {
        let of_night = &nights[&date];
        assert_eq!(of_night.len(), 1, "{date}: {of_night:?}");
        let is_outage = night % 9 == 4 && night < 90;
        let expected = if is_outage { RunOutcome::Failed } else { RunOutcome::Complete };
        assert_eq!(of_night[0].outcome, expected, "{date}");
    }
    let retries: Vec<&EndedRun> = runs.iter().filter(|run| run.reason == RunReason::Retry).collect();
    // 1, 2, 4, 8 and 16 minutes after the one before
    let complete = retries.iter().filter(|run| run.outcome == RunOutcome::Complete);
    assert_eq!((retries.len(), complete.count()), (50, 10));
    assert_eq!(runs.len(), 91 + 50);
}

/// Local times of the runs that `schedule` starts within two days.
async fn starts(schedule: &str, now: &str) -> Vec<String> {
    let world = World::new(&format!("[daemon]\nschedule={schedule}\ntimezone=Europe/Brussels\nrun_at_start=0\n"), now);
    let runs = work_until(&world, 2 * DAY).await;
    let shown = |time: DateTime<Utc>| time.with_timezone(&Brussels).format("%d %H:%M %Z").to_string();
    runs.iter().map(|run| shown(run.started)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn daylight_saving_in_both_directions() {
    let forward = "2024-03-30T12:00:00Z";
    let back = "2024-10-26T12:00:00Z";
    assert_eq!(starts("30 2 * * *", forward).await, ["31 03:00 CEST", "01 02:30 CEST"]);
    assert_eq!(starts("30 2 * * *", back).await, ["27 02:30 CEST", "28 02:30 CET"]);
    assert_eq!(starts("0 2,3 31 * *", forward).await, ["31 03:00 CEST"]);
    assert_eq!(starts("15 1-3 27 * *", back).await, ["27 01:15 CEST", "27 02:15 CEST", "27 02:15 CET", "27 03:15 CET"]);
    assert_eq!(starts("0 12 29 2 *", "2024-02-28T00:00:00Z").await, ["29 12:00 CET"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_is_at_the_start_and_requests_come_in_between() {
    let world = World::new("[daemon]\nschedule=0 0 * * *\ntimezone=UTC\n", "2024-05-08T12:00:00Z");
    let interrupt = Interrupt::default();
    let daemon = world.daemon(&interrupt);
    let (status, requests, end) = (daemon.status(), daemon.run_requests(), interrupt.clone());
    world.clock.plan(HOUR, move || {
        requests.notify_one();
        requests.notify_one();
    });
    world.clock.plan(13 * HOUR, move || end.raise());
    daemon.work().await;
    let reasons: Vec<RunReason> = status.lock().recent.iter().rev().map(|run| run.reason).collect();
    assert_eq!(reasons, [RunReason::Start, RunReason::Request, RunReason::Schedule]);
    let status = status.lock();
    assert_eq!(status.next_run, Some("2024-05-10T00:00:00Z".parse().unwrap()));
    assert!(status.lag(world.clock.now()) < MINUTE);
    assert_eq!(status.use_cases["terms_rare_user"].outliers, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_with_mistakes_leaves_the_old_configuration_and_says_where() {
    let world = World::new("[daemon]\nschedule=0 0 * * *\ntimezone=UTC\n", "2024-05-08T12:00:00Z");
    let interrupt = Interrupt::default();
    let daemon = world.daemon(&interrupt);
    let (status, end) = (daemon.status(), interrupt.clone());
    let edit = |after: Duration, name: &'static str, text: &'static str| {
        let path = world.path(name);
        world.clock.plan(after, move || std::fs::write(&path, text).expect("a file"));
    };
    let refused = |after: Duration, expected: &'static str| {
        let status = status.clone();
        let path = world.path("");
        world.clock.plan(after, move || {
            let lines = status.lock().refused_edit.join("\n");
            let shown = lines.replace(&path.display().to_string(), "");
            assert!(shown.starts_with(expected) && shown.is_empty() == expected.is_empty(), "{shown}");
        });
    };
    edit(HOUR, "main.conf", "[daemon]\nschedule=0 0 * * *\ntimezone=Utopia\n");
    refused(2 * HOUR, "main.conf:3:10: error: [daemon] timezone: not a time zone: `Utopia`");
    edit(3 * HOUR, "main.conf", "[daemon]\nschedule=0 6 * * *\ntimezone=UTC\n");
    refused(4 * HOUR, "");
    edit(5 * HOUR, "use_cases.conf", "[terms_rare_user]\nrun_model=1\n");
    refused(6 * HOUR, "use_cases.conf:1:1: error: [terms_rare_user]");
    world.clock.plan(19 * HOUR, move || end.raise());
    daemon.work().await;
    let status = status.lock();
    let starts: Vec<String> =
        status.recent.iter().rev().map(|run| run.started.format("%d %H:%M").to_string()).collect();
    assert_eq!(starts, ["08 12:00", "09 06:00"]);
    assert!(status.recent.iter().all(|run| run.outcome == RunOutcome::Complete));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_exceeds_its_deadline_ends() {
    let world = World::new(
        "[daemon]\nschedule=0 0 * * *\ntimezone=UTC\nrun_deadline=6h\nretry_after=0\n",
        "2024-05-08T12:00:00Z",
    );
    let pipe = world.path("events.ndjson");
    std::fs::remove_file(&pipe).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let interrupt = Interrupt::default();
    let daemon = world.daemon(&interrupt);
    let (status, end, clock) = (daemon.status(), interrupt.clone(), world.clock.clone());
    let writer = std::thread::spawn(move || {
        use std::io::Write;
        let mut file = std::fs::OpenOptions::new().write(true).open(&pipe).expect("a reader");
        file.write_all(events().as_bytes()).expect("a reader");
        clock.advance(6 * HOUR);
        // the run ends although the events do not
        while file.write_all(events().as_bytes()).is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let ended = status.clone();
    let wait = tokio::spawn(async move {
        while ended.lock().recent.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        end.raise();
    });
    daemon.work().await;
    wait.await.unwrap();
    writer.join().unwrap();
    let run = status.lock().recent[0].clone();
    assert_eq!((run.exit_code, run.outcome, run.seconds), (4, RunOutcome::Failed, 6.0 * 3600.0));
}
