//! No secret of a channel is shown, whatever goes wrong, and however much is logged.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::receiver::{Answer, Receiver};
use super::smtp_server::{Offer, SmtpServer};
use crate::certificates::Authority;
use crate::program;

/// Text in each secret of the configurations below.
const MARK: &str = "m4rked-s3cret";

/// Runs a test of the channel `x` and checks all that the program says.
fn check(config: &str, code: i32) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path();
    std::fs::write(
        path.join("ca.pem"),
        config.split("-----BEGIN").nth(1).map_or(String::new(), |pem| format!("-----BEGIN{pem}")),
    )
    .expect("written");
    std::fs::write(path.join("main.conf"), config.split("-----BEGIN").next().expect("a start")).expect("written");
    let mut said = String::new();
    for more in ["-vv", "-vv --log-format json"] {
        let line = format!("notify --test x --config main.conf {more}");
        let args: Vec<&str> = line.split_whitespace().collect();
        let finished = program::run_after(path, "export RUST_LOG=trace", &args);
        assert_eq!(finished.code, code, "{}\n{}", finished.stdout, finished.stderr);
        said += &format!("{}{}", finished.stdout, finished.stderr);
    }
    let encoded = STANDARD.encode(format!("\0user@example.org\0{MARK}-password"));
    let basic = STANDARD.encode(format!("user:{MARK}-in-url"));
    for secret in [MARK, &encoded, &basic] {
        let line = said.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{config}\n{line:?}");
    }
}

/// Starts a receiver that repeats in its answers everything that it gets.
fn echo(status: u16) -> Receiver {
    Receiver::start(move |request| Answer::new(status, request.whole()))
}

#[test]
fn answers_that_repeat_secrets_are_not_shown() {
    for (status, code) in [(200, 0), (403, 69), (400, 77)] {
        let url = echo(status).url;
        let webhook = format!(
            "url={url}/{MARK}-path-that-is-long?key={MARK}-query\nheaders=Authorization: Basic {MARK}-header\n  X-Key: {MARK}-key\n\
             hmac_secret={MARK}-hmac\n"
        );
        check(&format!("[notifier_x]\ntype=webhook\n{webhook}"), code);
        check(&format!("[notifier_x]\ntype=slack\nurl={url}/services/T0/B0/{MARK}-of-slack\n"), code);
        check(&format!("[notifier_x]\ntype=teams\nurl={url}/workflows?sig={MARK}-of-teams\n"), code);
        check(&format!("[notifier_x]\ntype=thehive\nurl={url}\napi_key={MARK}-of-thehive\n"), code);
    }
    // with user and password in the address
    let url = echo(500).url.replace("http://", &format!("http://user:{MARK}-in-url@"));
    check(&format!("[notifier_x]\ntype=webhook\nurl={url}/\n"), 69);
    let proxy = echo(500).url.replace("http://", &format!("http://user:{MARK}-in-url@"));
    check(&format!("[notifier_x]\ntype=webhook\nurl=http://a.invalid/\nproxy={proxy}\n"), 69);
    // without the scheme of the header
    let url = Receiver::start(|_| Answer::new(401, format!("{MARK}-token is unknown"))).url.clone();
    check(&format!("[notifier_x]\ntype=webhook\nurl={url}/\nheaders=Authorization: Bearer {MARK}-token\n"), 69);
}

#[test]
fn errors_of_connections_show_no_secret() {
    for address in ["http://127.0.0.1:1", "http://no-such-host.invalid", "https://127.0.0.1:1"] {
        for channel_type in ["webhook", "slack", "teams"] {
            let url = format!("url={address}/{MARK}/x?sig={MARK}");
            check(&format!("[notifier_x]\ntype={channel_type}\n{url}\n"), 69);
        }
        check(&format!("[notifier_x]\ntype=thehive\nurl={address}\napi_key={MARK}\n"), 69);
    }
    check(&format!("[notifier_x]\ntype=webhook\nurl=http://a.invalid/\nproxy=http://u:{MARK}@127.0.0.1:1\n"), 69);
    check(
        &format!("[notifier_x]\ntype=elastic\n[general]\nes_url=http://u:{MARK}@127.0.0.1:1\nes_retry_deadline=0\n"),
        69,
    );
}

#[test]
fn mistakes_in_the_configuration_show_no_secret() {
    for keys in [
        format!("type=webhook\nurl=ftp://{MARK}"),
        format!("type=webhook\nurl={MARK} # not a comment"),
        format!("type=webhook\nurl=http://169.254.169.254/{MARK}"),
        format!("type=webhook\nurl=https://a.invalid\nheaders={MARK}"),
        format!("type=webhook\nurl=https://a.invalid\nheaders=X-Key: {MARK}\n  {MARK}"),
        format!("type=webhook\nurl=https://a.invalid\nproxy={MARK}"),
        format!("type=webhook\nurl=https://a.invalid\nhmac_secret={MARK}\nhmac_secret_file=gone"),
        format!("type=thehive\nurl=https://user:{MARK}@a.invalid\napi_key={MARK}"),
        format!("type=thehive\nurl=https://a.invalid\napi_key={MARK}\u{7}"),
        format!("type=mail\nsmtp_server=a\nsmtp_user=u\nsmtp_pass={MARK}\nsmtp_tls=none\nnotification_email=x"),
    ] {
        check(&format!("[notifier_x]\n{keys}\n"), 78);
    }
}

#[test]
fn a_mail_server_that_repeats_the_password_is_not_shown() {
    let ca = Authority::new("CA of a test");
    let answers = [
        ("AUTH", "535 5.7.8 not m4rked-s3cret-password"),
        (".", "451 4.3.0 hello m4rked-s3cret-password"),
        (".", "250 2.0.0 hello m4rked-s3cret-password"),
    ];
    for (answer, code) in answers.into_iter().zip([69, 69, 0]) {
        let server = SmtpServer::start(Offer::Smtps, &ca.sign("localhost"), &[answer]);
        let config = format!(
            "[notifier_x]\ntype=mail\nsmtp_server=localhost\nsmtp_port={}\nsmtp_tls=smtps\nsmtp_user=user@example.org\n\
             smtp_pass={MARK}-password\nnotification_email=soc@example.org\nca_certs=ca.pem\n",
            server.port
        );
        check(&format!("{config}{}", ca.pem()), code);
    }
}
