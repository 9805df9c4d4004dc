//! Channels through which people are told, against servers that speak the protocol of the receiver,
//! check what they get as it does, and answer as it does.
//!
//! `receiver` serves HTTP, `smtp_server` e-mail. The other modules are the tests, one per channel,
//! `command` those of the command, and `secrets` that none is shown.

mod receiver;
mod smtp_server;

mod command;
mod elastic;
mod mail;
mod secrets;
mod slack;
mod syslog;
mod teams;
mod thehive;
mod webhook;

use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ee_outliers::config::{self, Severity};
use ee_outliers::delivery::{Digest, DigestFinding, DigestUseCase, FindingNotice, Notice, NoticeDocument};
use ee_outliers::notifiers::{self, Notifier, NotifyError, OpenError, Told};
use ee_outliers::runtime::Interrupt;
use serde_json::{Value, json};

use crate::certificates::Authority;

/// Text of an event that tries to break out of every format.
const HOSTILE: &str = "</td><script>alert(1)</script> & \"quoted\" 'single' \\ | = ] a|b=c\r\nBcc: victim@example.org\r\n\r\n\
    .\r\nRSET <!channel> <@U123> *b* _i_ ```code``` [link](http://evil.example) {{ 7 * 7 }} {% raw %} \
    \u{1b}[2J\u{202e}\u{0} é 😀 %0d%0a";

/// An authority, and a configuration that trusts its certificates.
struct Trust {
    folder: tempfile::TempDir,
    ca: Authority,
}

impl Trust {
    fn new() -> Self {
        let (folder, ca) = (tempfile::tempdir().expect("a scratch folder"), Authority::new("CA of a test"));
        std::fs::write(folder.path().join("ca.pem"), ca.pem()).expect("written");
        Trust { folder, ca }
    }

    /// The key that names the authority.
    fn key(&self) -> String {
        format!("ca_certs={}\n", self.folder.path().join("ca.pem").display())
    }
}

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads")
});

/// Opens the only channel of a configuration, or says why it cannot be opened.
fn try_channel(main: &str) -> Result<Box<dyn Notifier>, OpenError> {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("main.conf");
    std::fs::write(&path, main).expect("written");
    let settings = config::load(&[path], &[]);
    let errors: Vec<String> = settings
        .problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(ToString::to_string)
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let opened = notifiers::open(&settings.main, &Interrupt::default())?;
    assert_eq!(opened.len(), 1, "{opened:?}");
    Ok(opened.into_iter().next().expect("there is one"))
}

pub(crate) fn channel(main: &str) -> Box<dyn Notifier> {
    try_channel(main).expect("the channel can be used")
}

pub(crate) fn tell(channel: &dyn Notifier, notice: &Notice) -> Result<Told, NotifyError> {
    RUNTIME.block_on(channel.tell(notice))
}

/// Tells a notice, and returns the text of the answer.
fn accepted(channel: &dyn Notifier, notice: &Notice) -> String {
    match tell(channel, notice) {
        Ok(Told::Accepted(text)) => text,
        other => panic!("not accepted: {other:?}"),
    }
}

/// Tells a notice, and returns the reason why that may succeed later.
fn postponed(channel: &dyn Notifier, notice: &Notice) -> (String, Option<Duration>) {
    match tell(channel, notice) {
        Err(NotifyError::Temporary { reason, retry_after }) => (reason, retry_after),
        other => panic!("not a temporary error: {other:?}"),
    }
}

/// Tells a notice, and returns the reason why that never succeeds.
fn refused(channel: &dyn Notifier, notice: &Notice) -> String {
    match tell(channel, notice) {
        Err(NotifyError::Permanent { reason }) => reason,
        other => panic!("not a permanent error: {other:?}"),
    }
}

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).expect("in range")
}

fn finding() -> FindingNotice {
    FindingNotice {
        key: "00112233445566778899aabbccddeeff".to_owned(),
        finding_id: "ffeeddccbbaa99887766554433221100".to_owned(),
        run_id: "20231114T221320Z".to_owned(),
        found_at: time(0),
        use_case: "terms_rare_process".to_owned(),
        outlier_type: vec!["process execution".to_owned()],
        reason: vec!["rare process".to_owned()],
        summary: "rare process evil.exe on web-1".to_owned(),
        description: None,
        score: 61.25,
        severity: None,
        techniques: vec!["T1059.001".to_owned(), "not a technique".to_owned()],
        supported_by: vec!["metrics_length".to_owned()],
        aggregator: Some("web-1".to_owned()),
        target: Some("evil.exe".to_owned()),
        n_documents: 3,
        first: Some(time(-3600)),
        last: Some(time(-60)),
        assets: ["host: web-1", "user: ann", "ip: 192.0.2.7", "ip: 192.0.2.7"].map(str::to_owned).to_vec(),
        example: Some(NoticeDocument {
            index: "logs-1".to_owned(),
            id: "AbC".to_owned(),
            source: Some(json!({"process": {"name": "evil.exe"}, "n": 12345678901234567890u64, "x": 0.1}).to_string()),
        }),
        observations: observations(json!({"term_count": 1, "summary": "told elsewhere", "decision_frontier": 2.5})),
    }
}

fn observations(value: Value) -> serde_json::Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn usual() -> Notice {
    Notice::Finding(Box::new(finding()))
}

/// A finding all of whose texts are hostile, and very long.
fn hostile() -> Notice {
    let text = HOSTILE.repeat(40);
    Notice::Finding(Box::new(FindingNotice {
        use_case: HOSTILE.to_owned(),
        outlier_type: vec![text.clone()],
        reason: vec![text.clone()],
        summary: text.clone(),
        description: Some(text.clone()),
        supported_by: vec![text.clone()],
        aggregator: Some(text.clone()),
        target: Some(text.clone()),
        assets: (0..10).map(|number| format!("user: {number} {text}")).collect(),
        example: Some(NoticeDocument {
            index: HOSTILE.to_owned(),
            id: HOSTILE.to_owned(),
            source: Some(json!({ HOSTILE: text, "list": vec![HOSTILE; 50] }).to_string()),
        }),
        observations: (0..100).map(|number| (format!("{number} {HOSTILE}"), json!(text))).collect(),
        ..finding()
    }))
}

fn digest() -> Notice {
    let best = |number: u64| DigestFinding {
        finding_id: format!("{number:032x}"),
        use_case: "terms_rare_process".to_owned(),
        summary: format!("finding {number} {HOSTILE}"),
        score: 90.0 - number as f64,
        n_outliers: 3,
        assets: vec![format!("host: {HOSTILE}")],
    };
    Notice::Digest(Digest {
        key: "d1d1d1d1".to_owned(),
        run_id: "20231114T221320Z".to_owned(),
        found_at: time(0),
        n_findings: 1234,
        n_outliers: 56789,
        n_use_cases: 2,
        use_cases: vec![DigestUseCase {
            use_case: "terms_rare_process".to_owned(),
            n_findings: 1200,
            n_outliers: 50_000,
            highest_score: 90.0,
        }],
        best: (0..20).map(best).collect(),
    })
}

/// Fails if a text could steer a terminal, or hide something.
fn assert_harmless(text: &str) {
    let is_bad = |c: char| (c.is_control() && c != '\n' && c != '\t') || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!text.contains(is_bad), "{text:?}");
}
