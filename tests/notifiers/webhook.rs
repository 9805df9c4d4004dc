//! Webhooks: bodies, templates, signatures, and the addresses that are not called.

use std::fmt::Write;
use std::time::Duration;

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::receiver::{Answer, Receiver};
use super::{HOSTILE, Trust, accepted, channel, digest, hostile, postponed, refused, tell, try_channel, usual};
use crate::certificates::Certificate;
use ee_outliers::notifiers::Told;

fn config(url: &str, more: &str) -> String {
    format!("[notifier_hook]\ntype=webhook\nurl={url}/in?token=t0p-s3cret-t0ken\ntimeout=5\n{more}")
}

#[test]
fn a_notice_is_sent_as_json_of_one_form() {
    let receiver = Receiver::start(|_| Answer::new(200, "thanks"));
    let hook = channel(&config(&receiver.url, "headers=X-Team: soc\n  Authorization: Bearer abc\n"));
    assert_eq!(accepted(&*hook, &usual()), "status 200: thanks");
    let request = receiver.only();
    assert_eq!(request.line, "POST /in?token=t0p-s3cret-t0ken");
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!((request.header("x-team"), request.header("authorization")), ("soc", "Bearer abc"));
    assert_eq!(request.header("idempotency-key"), "00112233445566778899aabbccddeeff");
    assert_eq!(request.header("x-ee-outliers-signature"), "");
    let body = request.json();
    for (pointer, expected) in [
        ("/schema", json!(1)),
        ("/kind", json!("finding")),
        ("/title", json!("rare process evil.exe on web-1")),
        ("/severity", json!("medium")),
        ("/use_case", json!("terms_rare_process")),
        ("/score", json!(61.25)),
        ("/finding_id", json!("ffeeddccbbaa99887766554433221100")),
        ("/example/source/process/name", json!("evil.exe")),
        ("/example/source/n", json!(12345678901234567890u64)),
        ("/observations/term_count", json!(1)),
        ("/found_at", json!("2023-11-14T22:13:20Z")),
    ] {
        assert_eq!(body.pointer(pointer), Some(&expected), "{pointer}: {body}");
    }
    accepted(&*hook, &digest());
    let body = receiver.received()[1].json();
    assert_eq!(
        (&body["kind"], &body["n_findings"], &body["severity"]),
        (&json!("digest"), &json!(1234), &json!("critical"))
    );
    // whatever the texts are, it is one JSON object with the texts in it
    accepted(&*hook, &hostile());
    assert_eq!(receiver.received()[2].json()["summary"], json!(HOSTILE.repeat(40)));
}

#[test]
fn a_body_is_bounded() {
    let receiver = Receiver::start(|_| Answer::new(200, ""));
    let mut notice = super::finding();
    notice.observations.insert("huge".to_owned(), json!("x".repeat(2 << 20)));
    accepted(&*channel(&config(&receiver.url, "")), &ee_outliers::delivery::Notice::Finding(Box::new(notice)));
    let body = receiver.only().json();
    assert_eq!((&body["observations"], &body["example"]["source"]), (&Value::Null, &Value::Null));
    assert_eq!((&body["example"]["id"], &body["score"]), (&json!("AbC"), &json!(61.25)));
}

#[test]
fn templates_escape_what_they_insert() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let template = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        format!("template={}\n", path.display())
    };
    let receiver = Receiver::start(|_| Answer::new(204, ""));
    let json_template =
        template("a.json.j2", r#"{"text": {{ title }}, "n": {{ score }}, "big": {{ example.source.n }}}"#);
    let hook = channel(&config(&receiver.url, &json_template));
    accepted(&*hook, &usual());
    let expected = json!({"text": "rare process evil.exe on web-1", "n": 61.25, "big": 12345678901234567890u64});
    assert_eq!(receiver.received()[0].json(), expected);
    accepted(&*hook, &hostile());
    assert!(receiver.received()[1].json()["text"].as_str().expect("a text").contains("{{ 7 * 7 }}"));
    // members that a digest does not have
    accepted(&*hook, &digest());
    let html = template("b.html", "<p>{{ summary }}</p>");
    accepted(&*channel(&config(&receiver.url, &html)), &hostile());
    let request = receiver.received()[3].clone();
    assert!(request.body.contains("&lt;script&gt;") && !request.body.contains("<script>"), "{}", request.body);
    assert_eq!(request.header("content-type"), "text/html; charset=utf-8");
    let text = template("c.txt", "{% for asset in assets %}{{ asset }};{% endfor %}");
    accepted(&*channel(&config(&receiver.url, &format!("{text}content_type=text/x-own\n"))), &usual());
    let request = receiver.received()[4].clone();
    assert_eq!(request.body, "host: web-1;user: ann;ip: 192.0.2.7;ip: 192.0.2.7;");
    assert_eq!(request.header("content-type"), "text/x-own");
    for (text, expected) in [
        ("{{ title", "syntax error"),
        ("{\"text\": \"{{ title }}\"}", "the body is not JSON"),
        ("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "out of fuel"),
    ] {
        let error = try_channel(&config(&receiver.url, &template("d.json", text))).expect_err("refused").to_string();
        assert!(error.starts_with("channel hook: template: ") && error.contains(expected), "{text}: {error}");
    }
    let error = try_channel(&config(&receiver.url, "template=no-such-file.json\n")).expect_err("refused").to_string();
    assert!(error.contains("cannot read no-such-file.json"), "{error}");
}

#[test]
fn a_signature_covers_time_and_body() {
    let receiver = Receiver::start(|_| Answer::new(200, "ok"));
    let hook = channel(&config(&receiver.url, "hmac_secret=shared key\n"));
    accepted(&*hook, &usual());
    let request = receiver.only();
    let timestamp = request.header("x-ee-outliers-timestamp");
    let seconds: i64 = timestamp.parse().expect("seconds");
    assert!((chrono::Utc::now().timestamp() - seconds).abs() < 60);
    let mut mac = Hmac::<Sha256>::new_from_slice(b"shared key").expect("any key");
    mac.update(format!("{timestamp}.{}", request.body).as_bytes());
    let digits = mac.finalize().into_bytes().iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a text");
        digits
    });
    assert_eq!(request.header("x-ee-outliers-signature"), format!("v1={digits}"));
}

#[test]
fn answers_decide_what_comes_next() {
    let answer = |status: u16, headers: &'static [(&str, &str)]| {
        let receiver = Receiver::start(move |_| {
            headers.iter().fold(Answer::new(status, "why"), |answer, (name, value)| answer.with(name, value))
        });
        let hook = channel(&config(&receiver.url, ""));
        (receiver, hook)
    };
    for (status, expected) in [
        (500, "status 500: why"),
        (503, "status 503"),
        (408, "status 408"),
        (401, "check the credentials"),
        (403, "check the credentials"),
        (404, "check url"),
    ] {
        let (_receiver, hook) = answer(status, &[]);
        let (reason, wait) = postponed(&*hook, &usual());
        assert!(reason.contains(expected) && wait.is_none(), "{reason}");
        assert!(!reason.contains("s3cret"), "{reason}");
    }
    let (_receiver, hook) = answer(429, &[("retry-after", "17")]);
    assert_eq!(postponed(&*hook, &usual()).1, Some(Duration::from_secs(17)));
    let (_receiver, hook) = answer(400, &[]);
    assert!(refused(&*hook, &usual()).contains("status 400: why"));
    let (_receiver, hook) = answer(409, &[]);
    assert_eq!(tell(&*hook, &usual()), Ok(Told::AlreadyKnown));
    // not followed, wherever it leads
    let (receiver, hook) = answer(302, &[("location", "http://169.254.169.254/latest")]);
    assert!(postponed(&*hook, &usual()).0.contains("redirects are not followed"));
    assert_eq!(receiver.received().len(), 1);
}

#[test]
fn what_does_not_answer_is_tried_again() {
    let hook = channel(&config("http://127.0.0.1:1", ""));
    let (reason, _) = postponed(&*hook, &usual());
    assert!(reason.starts_with("cannot reach 127.0.0.1:1: ") && !reason.contains("s3cret"), "{reason}");
    let slow = Receiver::start(|_| {
        std::thread::sleep(Duration::from_secs(3));
        Answer::new(200, "late")
    });
    let hook = channel(&config(&slow.url, "").replace("timeout=5", "timeout=1"));
    assert!(postponed(&*hook, &usual()).0.contains("raise timeout"));
    // an endless answer ends
    let chatty = Receiver::start(|_| Answer::new(500, "x".repeat(20 << 20)));
    let (reason, _) = postponed(&*channel(&config(&chatty.url, "")), &usual());
    assert!(reason.len() < 1000, "{}", reason.len());
}

#[test]
fn certificates_are_verified() {
    let trust = Trust::new();
    let (ca, trusting) = (&trust.ca, trust.key());
    let good = Receiver::start_with(Some(&ca.sign("localhost")), |_| Answer::new(200, "ok"));
    accepted(&*channel(&config(&good.url, &trusting)), &usual());
    assert!(postponed(&*channel(&config(&good.url, "")), &usual()).0.contains("ca_certs"));
    for certificate in
        [ca.sign("elsewhere.example"), ca.sign_expired("localhost"), Certificate::self_signed("localhost")]
    {
        let bad = Receiver::start_with(Some(&certificate), |_| Answer::new(200, "ok"));
        let (reason, _) = postponed(&*channel(&config(&bad.url, &trusting)), &usual());
        assert!(reason.contains("the server's certificate is not valid") && reason.contains("ca_certs"), "{reason}");
        assert_eq!(bad.received().len(), 0);
        accepted(&*channel(&config(&bad.url, "verify_certs=0\n")), &usual());
    }
    std::fs::write(trust.folder.path().join("ca.pem"), "nothing").expect("written");
    let error = try_channel(&config(&good.url, &trusting)).expect_err("refused").to_string();
    assert!(error.contains("does not hold a certificate"), "{error}");
}

#[test]
fn link_local_and_metadata_addresses_are_not_called() {
    for url in
        ["http://169.254.169.254", "http://[fe80::1]", "http://[::ffff:a9fe:a9fe]", "http://metadata.google.internal"]
    {
        let error = try_channel(&config(url, "")).expect_err("refused").to_string();
        assert!(error.contains("allow_link_local") && !error.contains("s3cret"), "{url}: {error}");
        try_channel(&config(url, "allow_link_local=1\n")).expect("allowed");
    }
}

#[test]
fn a_proxy_gets_the_requests_if_one_is_configured() {
    let proxy = Receiver::start(|_| Answer::new(200, "through the proxy"));
    let hook = channel(&config("http://receiver.example", &format!("proxy={}\n", proxy.url)));
    assert_eq!(accepted(&*hook, &usual()), "status 200: through the proxy");
    assert_eq!(proxy.only().line, "POST http://receiver.example/in?token=t0p-s3cret-t0ken");
    let value: Value = proxy.only().json();
    assert_eq!(value["kind"], "finding");
}
