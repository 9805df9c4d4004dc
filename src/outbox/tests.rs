use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::*;
use crate::config::{Channel, ChannelSettings, DataStreamSettings};
use crate::delivery::Digest;
use crate::runtime::VirtualClock;

type Answer = Result<Told, NotifyError>;

/// Answer to an attempt at a time to tell the notice with a key.
type Answering = dyn Fn(DateTime<Utc>, &str) -> Answer + Send + Sync;

/// Notices that were told: when, and their keys.
type Log = Arc<Mutex<Vec<(DateTime<Utc>, String)>>>;

/// A channel that answers as the test says.
struct Fake {
    name: &'static str,
    clock: VirtualClock,
    answer: Box<Answering>,
    told: Log,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

#[async_trait]
impl Notifier for Fake {
    fn name(&self) -> &str {
        self.name
    }

    async fn tell(&self, notice: &Notice) -> Answer {
        let now = self.clock.now();
        let answer = (self.answer)(now, notice.key());
        if answer.is_ok() {
            self.told.lock().unwrap().push((now, notice.key().to_owned()));
        }
        answer
    }
}

fn accepted() -> Answer {
    Ok(Told::Accepted("ok".to_owned()))
}

fn busy() -> Answer {
    Err(NotifyError::Temporary { reason: "busy".to_owned(), retry_after: None })
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

struct Bench {
    store: StateStore,
    clock: VirtualClock,
    settings: Notifiers,
    interrupt: Interrupt,
}

impl Bench {
    fn new(rate_limit: u32) -> Self {
        let channel = |name: &str| ChannelSettings {
            name: name.to_owned(),
            min_score: None,
            digest_above: 50,
            rate_limit: NonZeroU32::new(rate_limit).unwrap(),
            timeout: Duration::from_secs(30),
            channel: Channel::Elastic(DataStreamSettings { data_stream: "d".to_owned() }),
        };
        let settings = Notifiers {
            channels: vec![channel("mail"), channel("hive")],
            switched_off: Vec::new(),
            give_up_after: Duration::from_secs(72 * 3600),
        };
        let store = StateStore::in_memory().unwrap();
        Bench { store, clock: VirtualClock::new(start()), settings, interrupt: Interrupt::default() }
    }

    fn queue(&self, channel: &str, keys: impl IntoIterator<Item = u32>) {
        let mut delivery = self.store.deliver(1, self.clock.now()).unwrap();
        for key in keys {
            let digest = Digest {
                key: key.to_string(),
                run_id: "1".to_owned(),
                found_at: start(),
                n_findings: 1,
                n_outliers: 1,
                n_use_cases: 0,
                use_cases: Vec::new(),
                best: Vec::new(),
            };
            let notice = serde_json::to_string(&Notice::Digest(digest)).unwrap();
            delivery.queue(channel, &key.to_string(), &notice).unwrap();
        }
        delivery.commit().unwrap();
    }

    fn channel(
        &self,
        name: &'static str,
        answer: impl Fn(DateTime<Utc>, &str) -> Answer + Send + Sync + 'static,
    ) -> (Box<dyn Notifier>, Log) {
        let told = Log::default();
        let fake = Fake { name, clock: self.clock.clone(), answer: Box::new(answer), told: Arc::clone(&told) };
        (Box::new(fake), told)
    }

    fn outbox(&self, notifiers: Vec<Box<dyn Notifier>>) -> Outbox {
        Outbox::new(&self.store, notifiers, &self.settings)
    }

    /// Tells what is due, minute by minute.
    async fn minutes(&self, outbox: &Outbox, n_minutes: u32) -> Telling {
        let mut all = Telling::default();
        for _ in 0..n_minutes {
            all.add(outbox.tell_due(&self.clock, &self.interrupt).await.unwrap());
            self.clock.advance(Duration::from_secs(60));
        }
        all
    }
}

fn keys(log: &Log) -> Vec<u32> {
    let mut keys: Vec<u32> = log.lock().unwrap().iter().map(|(_, key)| key.parse().unwrap()).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn each_notice_is_told_once_by_its_channel() {
    let bench = Bench::new(1000);
    bench.queue("mail", 0..20);
    bench.queue("hive", 10..15);
    let (mail, mails) = bench.channel("mail", |_, _| accepted());
    let (hive, alerts) = bench.channel("hive", |_, _| Ok(Told::AlreadyKnown));
    let outbox = bench.outbox(vec![mail, hive]);
    let telling = bench.minutes(&outbox, 3).await;
    assert_eq!((telling.n_told(), telling.told["mail"]), (25, 20));
    assert_eq!((keys(&mails), keys(&alerts)), ((0..20).collect(), (10..15).collect()));
    assert!(outbox.waiting().unwrap().is_empty());
}

#[tokio::test]
async fn an_outage_delays_notices_of_its_channel_only() {
    let bench = Bench::new(1000);
    bench.queue("mail", 0..20);
    bench.queue("hive", 0..5);
    let back = start() + TimeDelta::hours(10);
    let attempts = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&attempts);
    let (mail, mails) = bench.channel("mail", move |now, _| {
        *counted.lock().unwrap() += 1;
        if now < back { busy() } else { accepted() }
    });
    let (hive, alerts) = bench.channel("hive", |_, _| accepted());
    let outbox = bench.outbox(vec![mail, hive]);
    bench.minutes(&outbox, 1).await;
    assert_eq!((keys(&alerts).len(), keys(&mails).len()), (5, 0));
    let waiting = &outbox.waiting().unwrap()[0];
    assert_eq!((waiting.n_notices, waiting.reason.as_deref(), waiting.is_configured), (20, Some("busy"), true));
    bench.minutes(&outbox, 9 * 60).await;
    // once in a quarter of an hour
    let n_attempts = *attempts.lock().unwrap();
    assert!((30..70).contains(&n_attempts), "{n_attempts}");
    let telling = bench.minutes(&outbox, 100).await;
    assert_eq!((telling.n_told(), keys(&mails)), (20, (0..20).collect()));
    let first = mails.lock().unwrap()[0].0;
    assert!(first - back <= TimeDelta::minutes(20), "{first}");
    assert_eq!(bench.store.channel("mail").unwrap().failures_in_row, 0);
}

#[tokio::test]
async fn a_notice_that_its_receiver_cannot_digest_holds_up_no_other() {
    let bench = Bench::new(1000);
    bench.queue("mail", 0..5);
    let (mail, mails) = bench.channel("mail", |_, key| match key {
        "0" => busy(),
        "1" => Err(NotifyError::Permanent { reason: "too large".to_owned() }),
        _ => accepted(),
    });
    let outbox = bench.outbox(vec![mail]);
    let telling = bench.minutes(&outbox, 60).await;
    assert_eq!(keys(&mails), [2, 3, 4]);
    let [line] = telling.given_up.as_slice() else { panic!("{telling:?}") };
    assert!(line.starts_with("notice 1 of 2023-11-14T22:13:20Z was given up after 1 attempts"), "{line}");
    assert!(line.contains("channel mail") && line.ends_with("too large"), "{line}");
    assert_eq!(outbox.waiting().unwrap()[0].n_notices, 1);
}

#[tokio::test]
async fn notices_are_given_up_loudly_after_their_time() {
    let bench = Bench::new(1000);
    bench.queue("mail", 0..3);
    bench.queue("pager", [7]);
    let (mail, mails) = bench.channel("mail", |_, _| busy());
    let outbox = bench.outbox(vec![mail]);
    let waiting = outbox.waiting().unwrap();
    assert_eq!((waiting[1].channel.as_str(), waiting[1].is_configured), ("pager", false));
    let before = bench.minutes(&outbox, 72 * 60 - 1).await;
    assert!(before.given_up.is_empty(), "{before:?}");
    let after = bench.minutes(&outbox, 60).await;
    assert_eq!((after.given_up.len(), after.n_told(), keys(&mails).len()), (4, 0, 0));
    assert!(after.given_up[0].contains("the configuration has no channel"), "{after:?}");
    let counts = bench.store.channel("mail").unwrap();
    assert_eq!((counts.given_up, outbox.waiting().unwrap().len()), (3, 0));
}

/// One that waited for long while nothing ran has an attempt, too.
#[tokio::test]
async fn a_clock_that_jumps_ahead_gives_nothing_up_that_can_be_told() {
    let bench = Bench::new(1000);
    bench.queue("mail", 0..3);
    bench.clock.step(TimeDelta::days(30));
    let (mail, mails) = bench.channel("mail", |_, _| accepted());
    let outbox = bench.outbox(vec![mail]);
    assert!(bench.minutes(&outbox, 1).await.given_up.is_empty());
    assert_eq!(keys(&mails), [0, 1, 2]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_delays_nothing() {
    let bench = Bench::new(1000);
    bench.queue("mail", 0..3);
    let outage = start() + TimeDelta::minutes(90);
    let (mail, mails) =
        bench.channel("mail", move |now, _| if now < start() || now > outage { accepted() } else { busy() });
    let outbox = bench.outbox(vec![mail]);
    bench.minutes(&outbox, 60).await;
    bench.clock.step(TimeDelta::days(-10));
    bench.minutes(&outbox, 1).await;
    assert_eq!(keys(&mails), [0, 1, 2]);
}

#[tokio::test]
async fn the_rate_limit_holds() {
    let bench = Bench::new(7);
    bench.queue("mail", 0..50);
    let (mail, mails) = bench.channel("mail", |_, _| accepted());
    let outbox = bench.outbox(vec![mail]);
    bench.minutes(&outbox, 1).await;
    assert_eq!(keys(&mails).len(), 7);
    // a restart does not lift it
    drop(outbox);
    bench.clock.step(TimeDelta::seconds(-30));
    let (mail, more) = bench.channel("mail", |_, _| accepted());
    let outbox = bench.outbox(vec![mail]);
    outbox.tell_due(&bench.clock, &bench.interrupt).await.unwrap();
    assert_eq!(keys(&more).len(), 0);
    bench.minutes(&outbox, 8).await;
    assert_eq!(keys(&mails).len() + keys(&more).len(), 50);
    let times: Vec<DateTime<Utc>> = more.lock().unwrap().iter().map(|(time, _)| *time).collect();
    for time in &times {
        let n_within = times.iter().filter(|other| **other >= *time && **other < *time + TimeDelta::minutes(1)).count();
        assert!(n_within <= 7, "{n_within}");
    }
}

#[tokio::test]
async fn without_memory_a_run_waits_for_what_becomes_due() {
    let bench = Bench::new(1000);
    bench.queue("mail", 0..3);
    let back = start() + TimeDelta::seconds(12);
    let (mail, mails) = bench.channel("mail", move |now, _| if now < back { busy() } else { accepted() });
    let outbox = bench.outbox(vec![mail]);
    let clock = bench.clock.clone();
    // time passes while the outbox waits
    let passing = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            clock.advance(Duration::from_millis(250));
        }
    });
    let telling = outbox.tell_within(Duration::from_secs(60), &bench.clock, &bench.interrupt).await.unwrap();
    passing.abort();
    assert_eq!((telling.n_told(), keys(&mails)), (3, vec![0, 1, 2]));
}

#[tokio::test]
async fn an_outbox_that_serves_tells_what_is_queued_later() {
    let bench = Bench::new(1000);
    let (mail, mails) = bench.channel("mail", |_, _| accepted());
    let outbox = bench.outbox(vec![mail]);
    let (queued, n_told) = (Notify::new(), Mutex::new(0));
    let serving = outbox.serve(&bench.clock, &queued, &bench.interrupt, |telling| {
        *n_told.lock().unwrap() += telling.n_told();
    });
    let working = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        bench.queue("mail", 0..3);
        queued.notify_one();
        while keys(&mails).len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bench.interrupt.raise();
    };
    tokio::join!(serving, working);
    assert_eq!((*n_told.lock().unwrap(), keys(&mails)), (3, vec![0, 1, 2]));
}
