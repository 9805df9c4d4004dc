//! E-mail.

use super::smtp_server::{Offer, SmtpServer, decoded_words};
use super::{Trust, accepted, assert_harmless, channel, digest, hostile, postponed, refused, try_channel, usual};
use crate::certificates::Certificate;

const PASSWORD: &str = "pa55word-of-the-mailer";

// servers with certificates of the authority, and the channel of an old configuration
impl Trust {
    fn server(&self, offer: Offer, answers: &[(&'static str, &'static str)]) -> SmtpServer {
        SmtpServer::start(offer, &self.ca.sign("localhost"), answers)
    }

    fn config(&self, server: &SmtpServer, more: &str) -> String {
        let (port, trusting) = (server.port, self.key());
        format!(
            "[notifier]\nemail_notifier=1\nsmtp_server=localhost\nsmtp_port={port}\nsmtp_user=mailer@example.org\n\
             smtp_pass={PASSWORD}\nnotification_email=soc@example.org\n{trusting}timeout=5\n{more}"
        )
    }
}

#[test]
fn a_notice_is_a_message_with_the_subject_of_old_configurations() {
    let office = Trust::new();
    for (offer, key) in [(Offer::Smtps, "smtp_tls=smtps\n"), (Offer::StartTls, "smtp_tls=starttls\n")] {
        let server = office.server(offer, &[]);
        let mail = channel(&office.config(&server, key));
        assert_eq!(mail.name(), "mail");
        assert_eq!(accepted(&*mail, &usual()), "250 2.0.0 queued as 4711");
        let sent = &server.mails()[0];
        assert!(sent.is_encrypted, "{key}");
        assert_eq!(sent.login.as_deref(), Some(format!("mailer@example.org:{PASSWORD}").as_str()));
        assert_eq!(
            (sent.from.as_str(), sent.to.as_slice()),
            ("mailer@example.org", &["soc@example.org".to_owned()][..])
        );
        assert_eq!(sent.header("from"), "mailer@example.org");
        assert_eq!(sent.header("subject"), "Eagle Eye - outlier alert: rare process evil.exe on web-1");
        assert_eq!(sent.header("message-id"), "<00112233445566778899aabbccddeeff.notice.mail@example.org>");
        assert_eq!(sent.header("references"), "<ffeeddccbbaa99887766554433221100.finding.mail@example.org>");
        assert_eq!(sent.header("auto-submitted"), "auto-generated");
        let text = sent.part("text/plain");
        for expected in [
            "=======\noutlier\n=======\n",
            "Use case\t -> terms_rare_process\n",
            "Score\t -> 61.2 of 100\n",
            "term_count\t -> 1\n",
            "========RAW EVENT========",
            "\"name\": \"evil.exe\"",
            "12345678901234567890",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        let html = sent.part("text/html");
        assert!(html.contains("<td>terms_rare_process</td>") && html.contains("<pre"), "{html}");
    }
}

#[test]
fn a_digest_and_several_recipients() {
    let office = Trust::new();
    let server = office.server(Offer::Smtps, &[]);
    let config = office.config(&server, "smtp_tls=smtps\nsmtp_from=alerts@example.com\n");
    let mail = channel(&config.replace("soc@example.org", "soc@example.org, boss@example.org"));
    accepted(&*mail, &digest());
    let sent = &server.mails()[0];
    assert_eq!((sent.from.as_str(), sent.to.len()), ("alerts@example.com", 2));
    assert_eq!(sent.header("to"), "soc@example.org, boss@example.org");
    let subject = "Eagle Eye - outlier digest: 1,234 findings with 56,789 new outliers in 2 use cases";
    assert_eq!(decoded_words(&sent.header("subject")), subject);
    let text = sent.part("text/plain");
    assert!(text.contains("90.0 terms_rare_process: finding 0"), "{text}");
    assert!(text.contains("========FINDINGS========"), "{text}");
}

#[test]
fn texts_of_events_stay_texts() {
    let office = Trust::new();
    let server = office.server(Offer::Smtps, &[]);
    accepted(&*channel(&office.config(&server, "smtp_tls=smtps\n")), &hostile());
    let sent = &server.mails()[0];
    // no further recipient, header or command
    assert_eq!(sent.to, ["soc@example.org"]);
    let mut names: Vec<String> = sent.headers().into_iter().map(|(name, _)| name.to_lowercase()).collect();
    names.sort();
    let expected =
        ["auto-submitted", "content-type", "date", "from", "message-id", "mime-version", "references", "subject", "to"];
    assert_eq!(names, expected);
    assert!(!server.commands().contains(&"RSET".to_owned()));
    let subject = decoded_words(&sent.header("subject"));
    assert!(subject.starts_with("Eagle Eye - outlier alert: </td><script>") && subject.len() < 1000, "{subject}");
    assert_harmless(&subject);
    let (text, html) = (sent.part("text/plain"), sent.part("text/html"));
    [&text, &html].into_iter().for_each(|part| assert_harmless(part));
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script>"), "{html}");
    // a byte per character at most four times, in two parts
    assert!(sent.text.len() < 4 << 20, "{}", sent.text.len());
    assert!(sent.text.lines().all(|line| line.len() <= 998), "lines of SMTP are short");
}

#[test]
fn certificates_are_verified_and_passwords_stay_secret() {
    let office = Trust::new();
    for (certificate, offer, key) in [
        (office.ca.sign("elsewhere.example"), Offer::Smtps, "smtp_tls=smtps\n"),
        (office.ca.sign_expired("localhost"), Offer::Smtps, "smtp_tls=smtps\n"),
        (Certificate::self_signed("localhost"), Offer::StartTls, "smtp_tls=starttls\n"),
    ] {
        let server = SmtpServer::start(offer, &certificate, &[]);
        let (reason, _) = postponed(&*channel(&office.config(&server, key)), &usual());
        assert!(reason.contains("the server's certificate is not valid") && reason.contains("ca_certs"), "{reason}");
        assert!(server.mails().is_empty() && !server.commands().contains(&"AUTH".to_owned()));
        let trusting = office.config(&server, &format!("{key}verify_certs=0\n"));
        accepted(&*channel(&trusting), &usual());
    }
    // a server that offers no encryption does not get the password
    let server = office.server(Offer::Nothing, &[]);
    postponed(&*channel(&office.config(&server, "smtp_tls=starttls\n")), &usual());
    assert!(!server.commands().contains(&"AUTH".to_owned()), "{:?}", server.commands());
    let (reason, _) = postponed(&*channel(&office.config(&server, "smtp_tls=smtps\n")), &usual());
    assert!(reason.contains("does not speak TLS"), "{reason}");
}

#[test]
fn refusals_say_whether_to_try_again() {
    let office = Trust::new();
    for (answers, expected) in [
        (
            ("AUTH", "535 5.7.8 go away, pa55word-of-the-mailer"),
            "535 5.7.8 go away, [secret]; check smtp_user and smtp_pass",
        ),
        (("AUTH", "454 4.7.0 later"), "454 4.7.0 later"),
        (("MAIL", "451 4.3.0 busy"), "451 4.3.0 busy"),
        (("RCPT", "450 4.2.1 greylisted"), "450 4.2.1 greylisted"),
        (("RCPT", "550 5.1.1 nobody of this name"), "550 5.1.1 nobody of this name"),
        ((".", "452 4.2.2 full"), "452 4.2.2 full"),
        (("greeting", "421 4.3.2 closing"), "421 4.3.2 closing"),
    ] {
        let server = office.server(Offer::Smtps, &[answers]);
        let (reason, _) = postponed(&*channel(&office.config(&server, "smtp_tls=smtps\n")), &usual());
        assert!(reason.contains(expected), "{reason}");
        assert!(!reason.contains(PASSWORD) && server.mails().is_empty());
    }
    for answer in ["552 5.3.4 too large", "554 5.7.1 looks like spam"] {
        let server = office.server(Offer::Smtps, &[(".", answer)]);
        let reason = refused(&*channel(&office.config(&server, "smtp_tls=smtps\n")), &usual());
        assert!(reason.contains(answer), "{reason}");
    }
}

#[test]
fn a_relay_without_login_needs_a_sender_only() {
    let office = Trust::new();
    let server = office.server(Offer::Nothing, &[]);
    let port = server.port;
    let mail = channel(&format!(
        "[notifier_relay]\ntype=mail\nsmtp_server=localhost\nsmtp_port={port}\nsmtp_tls=none\nsmtp_from=a@example.org\n\
         notification_email=soc@example.org\n"
    ));
    accepted(&*mail, &usual());
    let sent = &server.mails()[0];
    assert_eq!((sent.is_encrypted, sent.login.clone(), mail.name()), (false, None, "relay"));
}

#[test]
fn passwords_may_be_in_a_file() {
    let office = Trust::new();
    let path = office.folder.path().join("password");
    std::fs::write(&path, format!("{PASSWORD}\n")).expect("written");
    let server = office.server(Offer::Smtps, &[]);
    let config = office.config(&server, "smtp_tls=smtps\n");
    let config = config.replace(&format!("smtp_pass={PASSWORD}"), &format!("smtp_pass_file={}", path.display()));
    accepted(&*channel(&config), &usual());
    assert_eq!(server.mails()[0].login.as_deref(), Some(format!("mailer@example.org:{PASSWORD}").as_str()));
    let error = try_channel(&config.replace("ca.pem", "gone.pem")).expect_err("refused").to_string();
    assert!(error.contains("ca_certs: cannot read") && error.contains("gone.pem"), "{error}");
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("bound").port();
    let config = format!(
        "[notifier_x]\ntype=mail\nsmtp_server=127.0.0.1\nsmtp_port={port}\nsmtp_from=a@example.org\n\
         notification_email=b@example.org\ntimeout=1\n"
    );
    for encryption in ["smtps", "starttls", "none"] {
        let started = std::time::Instant::now();
        postponed(&*channel(&format!("{config}smtp_tls={encryption}\n")), &usual());
        assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
    }
}
