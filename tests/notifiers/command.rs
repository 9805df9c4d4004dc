//! `ee-outliers notify`.

use super::receiver::{Answer, Receiver};
use crate::program::{self, Finished};

const MAIL: &str = "[notifier]\nemail_notifier=0\nsmtp_server=mail.example\nsmtp_port=465\nsmtp_user=placeholder\n\
    smtp_pass=p\nnotification_email=\n";

fn run(config: &str, line: &str) -> Finished {
    let folder = tempfile::tempdir().expect("a scratch folder");
    std::fs::write(folder.path().join("main.conf"), config).expect("written");
    program::run(folder.path(), &line.split_whitespace().collect::<Vec<_>>())
}

#[test]
fn channels_are_listed() {
    let config = format!(
        "{MAIL}[notifier_ops]\ntype=slack\nurl=https://hooks.example/x\nmin_score=70\nnotify_digest_above=5\n\
         [notifier_siem]\ntype=syslog\nserver=siem.example\nrate_limit=600\n"
    );
    let listed = run(&config, "notify --list --config main.conf").expect_code(0).stdout;
    assert_eq!(
        listed,
        "ops: slack, min_score 70, a digest above 5 findings, up to 60 notices a minute\n\
         siem: syslog, a digest above 50 findings, up to 600 notices a minute\n\
         mail: switched off\n"
    );
    let listed = run("[general]\n", "notify --list --config main.conf").expect_code(0).stdout;
    assert_eq!(listed, "no channel is configured: add a section [notifier_NAME]\n");
}

#[test]
fn a_sample_is_sent_and_the_answer_printed() {
    let receiver = Receiver::start(|_| Answer::new(200, "\u{1b}[2Jthank you"));
    let config = format!("[notifier_ops]\ntype=webhook\nurl={}/in\n", receiver.url);
    let told = run(&config, "notify --test ops --config main.conf").expect_code(0);
    assert_eq!(told.stdout, "ops: told: status 200: \\u{1b}[2Jthank you\n");
    let sent = receiver.only().json();
    assert_eq!(sent["kind"], "test");
    assert!(sent["title"].as_str().is_some_and(|title| title.starts_with("[test] a test of this channel")), "{sent}");
    // a second sample is another one
    run(&config, "notify --test ops --config main.conf").expect_code(0);
    assert_ne!(receiver.received()[1].json()["key"], sent["key"]);
}

#[test]
fn exit_codes_say_what_went_wrong() {
    let (busy, strict) = (Receiver::start(|_| Answer::new(503, "")), Receiver::start(|_| Answer::new(422, "no")));
    let webhook = |url: &str| format!("[notifier_ops]\ntype=webhook\nurl={url}/in\n");
    for (config, line, code, expected) in [
        (webhook(&busy.url), "--test ops", 69, "ops: not told: "),
        (webhook(&strict.url), "--test ops", 77, "ops: refused: "),
        (webhook("http://169.254.169.254"), "--test ops", 78, "allow_link_local"),
        (webhook(&busy.url), "--test opps", 78, "no channel is called `opps`: known: ops"),
        (MAIL.to_owned(), "--test mail", 78, "switched off"),
        (String::new(), "--test mail", 78, "none is configured"),
        ("[notifier_x]\ntype=webhook\n".to_owned(), "--test x", 78, "url: missing"),
        ("[notifier_x]\ntype=pigeon\n".to_owned(), "--list", 78, "unknown value `pigeon`"),
        (String::new(), "", 2, "--test <NAME>"),
        (String::new(), "--list --test x", 2, "cannot be used with"),
    ] {
        let finished = run(&config, &format!("notify --config main.conf {line}")).expect_code(code);
        assert!(finished.stderr.contains(expected), "{expected}: {}", finished.stderr);
    }
}

#[test]
fn check_finds_channels_that_cannot_be_used() {
    let config = "[notifier_ops]\ntype=webhook\nurl=https://ops.example\ntemplate=no-such.json\n\
        [notifier_siem]\ntype=webhook\nurl=https://[fe80::1]\n";
    let checked = run(config, "check --config main.conf").expect_code(78);
    for expected in
        ["channel ops: template: cannot read no-such.json", "channel siem: [fe80::1] is a link-local address"]
    {
        assert!(checked.stderr.contains(expected), "{}", checked.stderr);
    }
}
