use std::fs;
use std::os::unix::fs::PermissionsExt;

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;

use super::*;
use crate::config::ModelType;
use crate::state::MemoryUse;

fn time(day: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000 + day)
}

fn id(n: u64) -> [u8; 16] {
    // spread like hashes
    let high = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (u128::from(high) << 64 | u128::from(n)).to_be_bytes()
}

fn open(folder: &Path) -> StateStore {
    StateStore::open(&StateFolder::lock(folder, MemoryUse::ReadAndAdd).unwrap()).unwrap()
}

/// Tells outliers; returns how many were new.
fn tell(store: &StateStore, day: i64, numbers: impl Iterator<Item = u64>) -> usize {
    let delivery = store.deliver(1, time(day)).unwrap();
    let mut ids: Vec<[u8; 16]> = numbers.map(id).collect();
    ids.sort_unstable();
    let mut told = delivery.told(100).unwrap();
    let n_new = ids.into_iter().filter(|id| told.add(*id).unwrap()).count();
    told.close().unwrap();
    drop(told);
    delivery.commit().unwrap();
    n_new
}

fn finding(id: &str, score: f64) -> KeptFinding {
    KeptFinding {
        id: id.to_owned(),
        use_case: "terms_a".to_owned(),
        model: Some(ModelType::Terms),
        severity: None,
        techniques: Vec::new(),
        score,
        own_score: score,
        surprise: score,
        supported_by: Vec::new(),
        aggregator: None,
        target: Some(id.to_owned()),
        documents: 1,
        outliers: 1,
        first: None,
        last: Some(time(0)),
        summary: "s".to_owned(),
        reason: Some("r".to_owned()),
        assets: Vec::new(),
        index: "i".to_owned(),
        document: "d".to_owned(),
        outlier: serde_json::from_str(r#"{"score":1.50}"#).unwrap(),
    }
}

fn end(day: i64, report: &str) -> RunEnd {
    RunEnd {
        ended: time(day),
        outcome: RunOutcome::Complete,
        exit_code: 0,
        n_events: 1,
        n_outliers: 1,
        n_findings: 1,
        report: report.to_owned(),
    }
}

const LIMITS: HistoryLimits = HistoryLimits { days: 30, bytes: 1 << 30 };

#[test]
fn outliers_are_new_once() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    assert_eq!(tell(&store, 0, (0..5000).chain(0..10)), 5000);
    assert_eq!(tell(&store, 1, 4000..6000), 1000);
    drop(store);
    let store = open(folder.path());
    assert_eq!(tell(&store, 2, 0..6000), 0);
    assert_eq!(store.summary().unwrap().told, 6000);
    // not committed: not told
    let delivery = store.deliver(1, time(2)).unwrap();
    assert!(delivery.told(100).unwrap().add(id(7000)).unwrap());
    drop(delivery);
    assert_eq!(tell(&store, 2, 7000..7001), 1);
}

#[test]
fn ids_are_forgotten_that_were_not_seen_for_long_and_those_seen_stay() {
    let store = StateStore::in_memory().unwrap();
    assert_eq!(tell(&store, 0, 0..10_000), 10_000);
    assert_eq!(tell(&store, 60, 0..5000), 0);
    // all values change
    assert_eq!(tell(&store, 120, 100_000..150_000), 50_000);
    assert_eq!(tell(&store, 120, 0..5000), 0);
    let n_new = tell(&store, 120, 5000..10_000);
    assert!(n_new > 4900, "{n_new}");
}

#[test]
fn the_number_of_ids_is_bounded() {
    let store = StateStore::in_memory().unwrap();
    // all begin alike, so all are in one value
    let ids = |numbers: std::ops::Range<u64>| numbers.map(|n| u128::from(n).to_be_bytes()).collect::<Vec<_>>();
    let tell = |day, ids: Vec<[u8; 16]>| {
        let delivery = store.deliver(1, time(day)).unwrap();
        let mut told = delivery.told(100).unwrap();
        let n_new = ids.into_iter().filter(|id| told.add(*id).unwrap()).count();
        told.close().unwrap();
        drop(told);
        delivery.commit().unwrap();
        n_new
    };
    tell(0, ids(0..1000));
    tell(1, ids(5000..6000));
    assert_eq!(store.summary().unwrap().told, 1024);
    assert_eq!(tell(1, ids(5000..6000)), 0);
}

#[test]
fn announcements_stay_until_they_are_settled() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    store.announce(1, 0, time(0), &[id(1), id(2)]).unwrap();
    store.announce(1, 1, time(0), &[id(3)]).unwrap();
    drop(store);
    let store = open(folder.path());
    let announced_before = |run: u64| {
        let mut ids = Vec::new();
        let push = |id, _| {
            ids.push(id);
            Ok::<(), StateError>(())
        };
        store.announced_before(run, push).unwrap();
        ids.sort_unstable();
        ids
    };
    let mut expected = [id(1), id(2), id(3)];
    expected.sort_unstable();
    assert_eq!(announced_before(2), expected);
    assert!(announced_before(1).is_empty());
    let mut delivery = store.deliver(2, time(1)).unwrap();
    let day = u32::try_from(time(0).timestamp() / 86_400).unwrap();
    delivery.settle(&[(id(2), day), (id(9), day - 50)], 30).unwrap();
    delivery.commit().unwrap();
    assert_eq!(announced_before(1), [id(2)]);
}

#[test]
fn runs_are_kept_with_their_reports_and_findings() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let run = store.begin_run(time(0)).unwrap();
    let mut delivery = store.deliver(run.number, time(0)).unwrap();
    let findings: Vec<KeptFinding> = (0..600).map(|n| finding(&n.to_string(), f64::from(n))).collect();
    delivery.keep(&findings).unwrap();
    delivery.commit().unwrap();
    store.end_run(run.number, &end(0, r#"{"a":1}"#), LIMITS).unwrap();
    // killed
    store.begin_run(time(1)).unwrap();
    drop(store);
    let store = open(folder.path());
    store.begin_run(time(2)).unwrap();
    let runs = store.runs().unwrap();
    let outcomes: Vec<RunOutcome> = runs.iter().map(|run| run.outcome).collect();
    assert_eq!(outcomes, [RunOutcome::Complete, RunOutcome::Interrupted, RunOutcome::Running]);
    assert_eq!((runs[0].n_kept, runs[0].id.as_str()), (600, "20241004T000000Z-1"));
    assert_eq!(store.find_run("20241004T000000Z-1").unwrap().unwrap(), runs[0]);
    assert_eq!(store.report(1).unwrap().as_deref(), Some(r#"{"a":1}"#));
    assert_eq!(store.findings(1).unwrap(), findings);
    assert_eq!((store.report(2).unwrap(), store.findings(2).unwrap().len()), (None, 0));
}

#[test]
fn old_runs_are_forgotten_by_age_and_size() {
    let store = StateStore::in_memory().unwrap();
    // random letters are not compressed much
    let mut random = fastrand::Rng::with_seed(1);
    let mut report = || (0..10_000).map(|_| random.alphanumeric()).collect::<String>();
    for day in 0..10 {
        let run = store.begin_run(time(day * 7)).unwrap();
        store.end_run(run.number, &end(day, &report()), LIMITS).unwrap();
    }
    let numbers = || store.runs().unwrap().iter().map(|run| run.number).collect::<Vec<_>>();
    assert_eq!(numbers(), [6, 7, 8, 9, 10]);
    let run = store.begin_run(time(63)).unwrap();
    store.end_run(run.number, &end(63, &report()), HistoryLimits { bytes: 20_000, ..LIMITS }).unwrap();
    assert_eq!(numbers(), [10, 11]);
    assert!(store.report(9).unwrap().is_none());
    let run = store.begin_run(time(63)).unwrap();
    store.end_run(run.number, &end(63, &report()), HistoryLimits { bytes: 0, days: 0 }).unwrap();
    assert_eq!(numbers(), [12]);
}

#[test]
fn notices_wait_until_they_are_told_or_given_up() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let mut delivery = store.deliver(1, time(0)).unwrap();
    for key in ["a", "b", "c"] {
        delivery.queue("mail", key, &format!(r#"{{"key":"{key}"}}"#)).unwrap();
    }
    delivery.commit().unwrap();
    let mut delivery = store.deliver(1, time(0)).unwrap();
    delivery.queue("hive", "d", "{}").unwrap();
    delivery.commit().unwrap();
    drop(store);
    let store = open(folder.path());
    let pending = store.pending().unwrap();
    let places: Vec<(u64, &str, &str)> =
        pending.iter().map(|one| (one.number, one.channel.as_str(), one.key.as_str())).collect();
    assert_eq!(places, [(1, "mail", "a"), (2, "mail", "b"), (3, "mail", "c"), (4, "hive", "d")]);
    assert_eq!(store.notice(2).unwrap().as_deref(), Some(r#"{"key":"b"}"#));
    store.told(&pending[0], time(0)).unwrap();
    store.failed_to_tell(&pending[1], time(0), time(1), "no").unwrap();
    store.give_up(&pending[2], time(0), "never").unwrap();
    let left = store.pending().unwrap();
    assert_eq!((left.len(), left[0].attempts, left[0].reason.as_deref()), (2, 1, Some("no")));
    let counts = store.channel("mail").unwrap();
    // the clock was set back
    assert_eq!([time(0), time(1), time(-5)].map(|now| counts.is_paused(now)), [true, false, false]);
    assert_eq!((counts.told, counts.failed, counts.given_up, counts.room(time(0), 10)), (1, 2, 1, 7));
    assert_eq!(counts.room(time(1), 10), 10);
    assert_eq!(store.notice(1).unwrap(), None);
}

#[test]
fn files_are_for_their_owner_only() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("a/state");
    drop(open(&folder));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for entry in fs::read_dir(&folder).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    let file = folder.join("state.redb");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(&folder));
    assert_eq!(mode(&file), 0o600);
}

/// Opens a store whose file was replaced; returns why it was set aside.
fn set_aside(folder: &Path, bytes: &[u8]) -> String {
    fs::write(folder.join("state.redb"), bytes).unwrap();
    let store = open(folder);
    assert!(store.runs().unwrap().is_empty());
    let names = set_aside_files(folder).unwrap();
    let newest = folder.join(names.last().unwrap());
    assert_eq!(fs::read(&newest).unwrap().len(), bytes.len());
    let message = store.set_aside().unwrap().to_owned();
    assert!(message.contains(&newest.display().to_string()), "{message}");
    message
}

#[test]
fn what_cannot_be_trusted_is_set_aside() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let store = open(folder);
    let run = store.begin_run(time(0)).unwrap();
    let mut delivery = store.deliver(run.number, time(0)).unwrap();
    let findings: Vec<KeptFinding> = (0..600).map(|n| finding(&n.to_string(), 1.0)).collect();
    delivery.keep(&findings).unwrap();
    delivery.commit().unwrap();
    drop(store);
    let good = fs::read(folder.join("state.redb")).unwrap();
    assert!(set_aside(folder, b"").contains("not a state store"));
    assert!(set_aside(folder, b"# notes of somebody").contains("not a state store"));
    set_aside(folder, &good[..good.len() / 2]);
    assert_eq!(set_aside_files(folder).unwrap().len(), 3);
    fs::write(folder.join("state.redb"), &good).unwrap();
    assert_eq!(open(folder).set_aside(), None);
}

#[test]
fn every_damaged_page_is_noticed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.redb");
    let store = open(folder.path());
    let mut random = fastrand::Rng::with_seed(3);
    tell(&store, 0, 0..20_000);
    for _ in 0..3 {
        let run = store.begin_run(time(0)).unwrap();
        store.end_run(run.number, &end(0, &random.u64(..).to_string()), LIMITS).unwrap();
    }
    drop(store);
    let good = fs::read(&path).unwrap();
    let mut n_set_aside = 0;
    for _ in 0..60 {
        let mut bytes = good.clone();
        let at = random.usize(..bytes.len());
        bytes[at] ^= 1 << random.u8(..8);
        fs::write(&path, &bytes).unwrap();
        let store = open(folder.path());
        match store.set_aside() {
            Some(_) => n_set_aside += 1,
            // the byte is on a page that is not in use
            None => assert_eq!((store.runs().unwrap().len(), store.summary().unwrap().told), (3, 20_000), "{at}"),
        }
    }
    assert!(n_set_aside > 10, "{n_set_aside}");
}

#[test]
fn a_newer_store_and_one_of_another_program_are_set_aside() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.redb");
    drop(open(folder.path()));
    let change = |change: &dyn Fn(&WriteTransaction)| {
        let database = Database::open(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        change(&transaction);
        transaction.commit().unwrap();
    };
    change(&|transaction| {
        let mut numbers = transaction.open_table(tables::NUMBERS).unwrap();
        numbers.insert(tables::VERSION_KEY, 7).unwrap();
    });
    assert!(StateStore::open_to_read(folder.path()).unwrap_err().to_string().contains("version 7"));
    let message = open(folder.path()).set_aside().unwrap().to_owned();
    assert!(message.contains("version 7 of the store, this program knows 1 only"), "{message}");
    change(&|transaction| {
        transaction.delete_table(tables::NUMBERS).unwrap();
    });
    assert!(open(folder.path()).set_aside().unwrap().contains("not a state store of this program"));
    assert_eq!(set_aside_files(folder.path()).unwrap().len(), 2);
}

#[test]
fn others_read_while_one_writes() {
    let folder = TempDir::new().unwrap();
    assert!(StateStore::open_to_read(folder.path()).unwrap().is_none());
    let store = open(folder.path());
    let reader = StateStore::open_to_read(folder.path()).unwrap().unwrap();
    store.begin_run(time(0)).unwrap();
    assert_eq!(reader.runs().unwrap().len(), 1);
    assert!(matches!(reader.begin_run(time(0)), Err(StateError::Store { .. })));
    let locked = StateFolder::lock(folder.path(), MemoryUse::ReadAndAdd);
    assert!(matches!(locked, Err(StateError::Locked { .. })));
    assert_eq!(verify(folder.path()).unwrap(), Verified::Values);
    drop((store, reader));
    assert_eq!(verify(folder.path()).unwrap(), Verified::Everything);
}

#[test]
fn everything_is_exported() {
    let store = StateStore::in_memory().unwrap();
    let run = store.begin_run(time(0)).unwrap();
    let mut delivery = store.deliver(run.number, time(0)).unwrap();
    delivery.keep(&[finding("1", 1.0)]).unwrap();
    delivery.queue("mail", "a", r#"{"key":"a"}"#).unwrap();
    delivery.commit().unwrap();
    store.announce(1, 0, time(0), &[id(1)]).unwrap();
    tell(&store, 0, 0..2);
    store.end_run(run.number, &end(0, r#"{"a":1}"#), LIMITS).unwrap();
    let mut lines = Vec::new();
    let push = |line| {
        lines.push(line);
        Ok::<(), StateError>(())
    };
    store.export(push).unwrap();
    let kinds: Vec<&str> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["store", "run", "finding", "notice", "told", "told", "announced"]);
    assert_eq!((&lines[1]["report"]["a"], &lines[3]["notice"]["key"]), (&1.into(), &"a".into()));
}
