//! Who is told of what, and when: runs with a real receiver, that are killed, repeated, and without
//! luck.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::ops::Deref;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program;
use crate::random;
use crate::receiver::Receiver;
use crate::site::{RUN, Site, rare_processes};

/// A use case that finds each process by its name.
fn use_case() -> String {
    rare_processes(1000) + "notify=hook\n"
}

/// A site, and the receiver of its notices.
struct ToldSite {
    site: Site,
    receiver: Receiver,
}

impl Deref for ToldSite {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl ToldSite {
    fn new(general: &str, channel: &str) -> Self {
        let site = ToldSite { site: Site::new("", &use_case()), receiver: Receiver::start() };
        site.configure(general, channel);
        site
    }

    fn configure(&self, general: &str, channel: &str) {
        let url = &self.receiver.url;
        let text = format!("[general]\n{general}\n[notifier_hook]\ntype=webhook\nurl={url}\n{channel}\n");
        self.write("main.conf", &text);
    }

    /// Writes events, one per process.
    fn events(&self, processes: impl IntoIterator<Item = impl std::fmt::Display>) {
        let mut text = String::new();
        for (n, process) in processes.into_iter().enumerate() {
            let time = format!("2024-05-01T{:02}:{:02}:{:02}Z", n / 3600 % 24, n / 60 % 60, n % 60);
            writeln!(text, r#"{{"@timestamp":"{time}","host":"web","process":"{process}"}}"#).expect("a string");
        }
        self.write("events.ndjson", &text);
    }

    /// Targets of the findings that were told since the last call, and how often.
    fn told(&self) -> BTreeMap<String, usize> {
        self.receiver.take_counts("target")
    }
}

fn once<const N: usize>(targets: [&str; N]) -> BTreeMap<String, usize> {
    targets.into_iter().map(|target| (target.to_owned(), 1)).collect()
}

#[test]
fn each_outlier_is_told_once() {
    let site = ToldSite::new("state_dir=state", "");
    site.events(["a", "b", "b"]);
    site.run().expect_code(0);
    let notices = site.receiver.take();
    let of = |target: &str| notices.iter().find(|notice| notice["target"] == target).expect("a notice").clone();
    assert_eq!((notices.len(), &of("a")["n_documents"], &of("b")["n_documents"]), (2, &1.into(), &2.into()));
    let b = of("b");
    assert_eq!(
        (&b["kind"], &b["use_case"], &b["aggregator"]),
        (&"finding".into(), &"terms_process".into(), &"web".into())
    );
    assert_eq!((&b["summary"], &b["example"]["source"]["process"]), (&"b on web".into(), &"b".into()));
    assert_eq!(site.report()["notices"]["told"], 2);
    site.run().expect_code(0);
    assert_eq!(site.told(), once([]));
    // an event more of one, and one that is new; the file is another
    site.events(["a", "b", "b", "c", "b"]);
    fs::rename(site.path().join("events.ndjson"), site.path().join("later.ndjson")).expect("renamed");
    site.write("events.ndjson", "{\"@timestamp\":\"2024-05-01T00:00:00Z\",\"host\":\"web\",\"process\":\"a\"}\n");
    site.run_with(&["--events", "later.ndjson"]).expect_code(0);
    let notices = site.receiver.take();
    assert_eq!(notices.len(), 2, "{notices:?}");
    let again = notices.iter().find(|notice| notice["target"] == "b").expect("a notice");
    assert_eq!((&again["n_documents"], &again["finding_id"]), (&1.into(), &b["finding_id"]));
    assert_ne!(again["key"], b["key"]);
}

#[test]
fn a_receiver_that_is_away_is_told_later() {
    let site = ToldSite::new("state_dir=state", "");
    site.events(["a", "b"]);
    site.receiver.answer_with(503);
    let stderr = site.run().expect_code(0).stderr;
    assert!(stderr.contains("2 notices wait for the channel hook since"), "{stderr}");
    assert_eq!((site.told(), site.report()["notices"]["waiting"].as_u64()), (once([]), Some(2)));
    site.receiver.answer_with(200);
    let shown = program::run(site.path(), &["state", "show", "--config", "main.conf"]).expect_code(0).stdout;
    assert!(shown.contains("channel hook: 2 waiting, 0 told"), "{shown}");
    // the channel pauses for five seconds after its first failure
    std::thread::sleep(Duration::from_millis(6500));
    // other events, so that only the old notices are left
    site.events([""; 0]);
    site.run().expect_code(4);
    assert_eq!(site.told(), once(["a", "b"]));
}

#[test]
fn a_notice_that_is_refused_for_good_is_missing_in_the_report() {
    let site = ToldSite::new("state_dir=state", "");
    site.events(["a"]);
    site.receiver.answer_with(400);
    let stderr = site.run().expect_code(3).stderr;
    assert!(stderr.contains("was given up after 1 attempts: the channel hook did not tell it"), "{stderr}");
    let report = site.report();
    assert_eq!((&report["notices"]["given_up"], &report["status"]), (&1.into(), &"partial".into()));
}

#[test]
fn without_a_state_notices_are_told_directly_and_again() {
    let site = ToldSite::new("", "");
    site.events(["a", "b"]);
    for _ in 0..2 {
        let stderr = site.run().expect_code(0).stderr;
        assert!(stderr.contains("nobody remembers who was told of what"), "{stderr}");
        assert_eq!(site.told(), once(["a", "b"]));
    }
    assert!(!site.path().join("state").exists());
    site.run_with(&["--dry-run"]).expect_code(0);
    assert_eq!(site.told(), once([]));
}

#[test]
fn a_run_that_fails_tells_nothing_and_the_next_one_does() {
    let site = ToldSite::new("state_dir=state\nunusable=fail", "");
    site.write("use_cases.conf", &format!("{}\n{}", use_case(), use_case().replace("process", "gone")));
    site.events(["a", "b"]);
    site.run().expect_code(4);
    assert_eq!(site.told(), once([]));
    site.write("use_cases.conf", &use_case());
    // the output cannot be put in place
    fs::remove_file(site.path().join("found.ndjson")).ok();
    fs::create_dir(site.path().join("found.ndjson")).expect("a folder");
    let finished = site.run();
    assert_ne!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(site.told(), once([]));
    fs::remove_dir(site.path().join("found.ndjson")).expect("removable");
    site.run().expect_code(0);
    assert_eq!(site.told(), once(["a", "b"]));
}

#[test]
fn a_dry_run_leaves_the_state_as_it_is() {
    let site = ToldSite::new("state_dir=state", "");
    site.events(["a"]);
    site.run_with(&["--dry-run"]).expect_code(0);
    assert!(!site.path().join("state").exists());
    assert_eq!(site.told(), once([]));
}

#[test]
fn many_findings_are_one_digest() {
    let site = ToldSite::new("state_dir=state", "notify_digest_above=3");
    site.events((0..10).map(|n| format!("p{n}")));
    site.run().expect_code(0);
    let notices = site.receiver.take();
    assert_eq!((notices.len(), &notices[0]["kind"], &notices[0]["n_findings"]), (1, &"digest".into(), &10.into()));
    site.events((0..12).map(|n| format!("p{n}")));
    site.run().expect_code(0);
    assert_eq!(site.told(), once(["p10", "p11"]));
}

/// Kills runs at random moments, also while they tell. Nothing is lost, and at most the notice in
/// flight is told again, with the same key.
#[test]
fn killed_runs_lose_nothing() {
    const N_KILLED: usize = 100;
    let site = ToldSite::new("state_dir=state", "notify_digest_above=1000\nrate_limit=100000");
    let processes = |n: usize| (0..n).map(|n| format!("p{n}"));
    site.events(processes(3));
    let started = Instant::now();
    site.run().expect_code(0);
    let whole = started.elapsed();
    let mut random = random::Random(16);
    for n_killed in 1..=N_KILLED {
        site.events(processes(3 + 3 * n_killed));
        let mut child = program::start(site.path(), &RUN);
        let moment = whole.mul_f64(1.1 * random.below(1000) as f64 / 1000.0);
        std::thread::sleep(moment);
        child.kill().expect("killed");
        child.wait().expect("ended");
    }
    let finished = site.run().expect_code(0);
    assert!(!finished.stderr.contains("set-aside"), "{}", finished.stderr);
    let notices = site.receiver.take();
    let mut by_key: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for notice in &notices {
        let [key, target] = ["key", "target"].map(|name| notice[name].as_str().expect("a text"));
        by_key.entry(key).or_insert((0, target)).0 += 1;
    }
    let targets: Vec<&str> = by_key.values().map(|(_, target)| *target).collect();
    let n_expected = 3 + 3 * N_KILLED;
    assert_eq!(targets.len(), n_expected, "each finding has one key");
    assert!(processes(n_expected).all(|process| targets.contains(&process.as_str())));
    let n_repeated = notices.len() - n_expected;
    let most = by_key.values().map(|(n, _)| *n).max();
    assert!(n_repeated <= N_KILLED, "{n_repeated} repeated, one {most:?} times");
    // the history has all runs
    let list = program::run(site.path(), &["runs", "list", "--json", "--config", "main.conf"]).expect_code(0).stdout;
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let outcomes: Vec<&str> =
        list.as_array().expect("runs").iter().map(|run| run["outcome"].as_str().expect("a text")).collect();
    let n_interrupted = outcomes.iter().filter(|outcome| **outcome == "interrupted").count();
    assert!(n_interrupted > N_KILLED / 4 && !outcomes.contains(&"running"), "{outcomes:?}");
    println!("{N_KILLED} killed, {n_interrupted} of them begun; {n_repeated} of {n_expected} notices repeated");
    site.run().expect_code(0);
    assert_eq!(site.told(), once([]));
}

#[test]
fn secrets_are_nowhere() {
    const MARKED: &str = "MARKED-SECRET";
    let channel =
        format!("hmac_secret={MARKED}-1\nheaders=\n  Authorization: Bearer {MARKED}-2\n  X-Token: {MARKED}-3");
    let site = ToldSite::new(
        "state_dir=state\nes_password=MARKED-SECRET-4\nes_username=u\nlog_level=DEBUG\nlog_file=log.txt",
        &channel,
    );
    let main = fs::read_to_string(site.path().join("main.conf")).expect("readable");
    site.write("main.conf", &main.replace("/hook", &format!("/hook/{MARKED}-5?token={MARKED}-6")));
    site.events(["a", "b"]);
    let mut texts = String::new();
    for status in [500, 401, 400, 200] {
        site.receiver.answer_with(status);
        let finished = site.run_with(&["-vv"]);
        texts.push_str(&(finished.stdout + &finished.stderr));
        site.events(["a", "b", &status.to_string()]);
    }
    for command in [["state", "export"], ["state", "show"], ["state", "verify"], ["runs", "list"]] {
        let finished = program::run(site.path(), &[&command[..], &["--config", "main.conf"]].concat()).expect_code(0);
        texts.push_str(&(finished.stdout + &finished.stderr));
    }
    assert!(texts.contains("notice"), "{texts}");
    assert!(!texts.contains(MARKED), "{texts}");
    let mut folders = vec![site.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name != "main.conf") {
                let bytes = fs::read(&path).expect("readable");
                let has_secret = bytes.windows(MARKED.len()).any(|window| window == MARKED.as_bytes());
                assert!(!has_secret, "{}", path.display());
            }
        }
    }
}

/// Channels cost little, whatever a run finds.
#[test]
fn a_hundred_thousand_outliers_are_one_digest() {
    const N: usize = 100_000;
    let site = ToldSite::new("state_dir=state", "");
    site.events((0..N).map(|n| format!("process {n}")));
    site.run_with(&["--memory-limit", "256MiB"]).expect_code(0);
    let notices = site.receiver.take();
    let digest = &notices[0];
    assert_eq!((notices.len(), &digest["kind"], &digest["n_findings"]), (1, &"digest".into(), &N.into()));
    assert_eq!(digest["best"].as_array().map(Vec::len), Some(20));
    assert!(digest.to_string().len() < 20_000);
    site.run().expect_code(0);
    assert_eq!(site.receiver.take().len(), 0);
}
