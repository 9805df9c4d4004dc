//! Messages in Slack, against a server that checks them as Slack does.

use std::time::Duration;

use serde_json::Value;

use super::receiver::{Answer, Received, Receiver};
use super::{accepted, assert_harmless, channel, digest, hostile, postponed, refused, usual};

fn slack() -> Receiver {
    Receiver::start(|request| match check(request) {
        Ok(()) => Answer::new(200, "ok"),
        Err(wrong) => Answer::new(400, format!("invalid_blocks: {wrong}")),
    })
}

/// Checks a message by the reference of Block Kit.
fn check(request: &Received) -> Result<(), String> {
    if !request.header("content-type").starts_with("application/json") {
        return Err("no JSON".to_owned());
    }
    let message = request.json();
    let known = ["text", "blocks", "unfurl_links", "unfurl_media"];
    let keys = message.as_object().ok_or("not an object")?.keys();
    if let Some(key) = keys.into_iter().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("unknown key {key}"));
    }
    check_markup(message["text"].as_str().ok_or("no text")?)?;
    let blocks = message["blocks"].as_array().ok_or("no blocks")?;
    if !(1..=50).contains(&blocks.len()) {
        return Err(format!("{} blocks", blocks.len()));
    }
    blocks.iter().try_for_each(|block| match block["type"].as_str() {
        Some("section") => check_text(&block["text"], 3000),
        Some("context") => {
            let elements = block["elements"].as_array().ok_or("no elements")?;
            if elements.len() > 10 {
                return Err("too many elements".to_owned());
            }
            elements.iter().try_for_each(|element| check_text(element, 3000))
        }
        other => Err(format!("block {other:?}")),
    })
}

fn check_text(text: &Value, most_chars: usize) -> Result<(), String> {
    let value = text["text"].as_str().ok_or("no text")?;
    let n_chars = value.chars().count();
    if text["type"] != "mrkdwn" || !(1..=most_chars).contains(&n_chars) {
        return Err(format!("{} with {n_chars} characters", text["type"]));
    }
    if text["verbatim"] != true {
        return Err("texts would become links".to_owned());
    }
    check_markup(value)
}

/// Control sequences begin with `<`, and entities with `&`.
fn check_markup(text: &str) -> Result<(), String> {
    let is_entity = |rest: &str| ["amp;", "lt;", "gt;"].iter().any(|entity| rest.starts_with(entity));
    if text.contains(['<', '>']) || !text.split('&').skip(1).all(is_entity) {
        return Err(format!("not escaped: {text}"));
    }
    Ok(())
}

fn config(url: &str) -> String {
    format!("[notifier_slack]\ntype=slack\nurl={url}/services/T000/B000/s3cret-of-the-w0rkspace\n")
}

#[test]
fn messages_are_as_slack_wants_them() {
    let receiver = slack();
    let channel = channel(&config(&receiver.url));
    assert_eq!(accepted(&*channel, &usual()), "status 200: ok");
    let request = receiver.only();
    assert_eq!(request.line, "POST /services/T000/B000/s3cret-of-the-w0rkspace");
    assert_eq!(request.json()["text"], "rare process evil.exe on web-1");
    assert!(request.body.contains("*Use case*: terms_rare_process"), "{}", request.body);
    assert!(request.body.contains("00112233445566778899aabbccddeeff"), "{}", request.body);
    for notice in [hostile(), digest()] {
        accepted(&*channel, &notice);
        let body = receiver.received().last().expect("a request").body.clone();
        assert!(body.len() < 100_000, "{}", body.len());
        assert_harmless(&body);
        // three backticks end the block of the document: there are two fences, or none
        assert!([0, 2].contains(&body.matches("```").count()), "{body}");
    }
}

#[test]
fn errors_say_whether_to_try_again() {
    for (status, text) in
        [(403, "invalid_token"), (404, "no_service"), (410, "channel_is_archived"), (500, "rollup_error")]
    {
        let receiver = Receiver::start(move |_| Answer::new(status, text));
        let (reason, _) = postponed(&*channel(&config(&receiver.url)), &usual());
        assert!(reason.contains(text) && !reason.contains("s3cret"), "{reason}");
    }
    let receiver = Receiver::start(|_| Answer::new(429, "").with("retry-after", "30"));
    assert_eq!(postponed(&*channel(&config(&receiver.url)), &usual()).1, Some(Duration::from_secs(30)));
    let receiver = Receiver::start(|_| Answer::new(400, "invalid_payload"));
    assert!(refused(&*channel(&config(&receiver.url)), &usual()).contains("invalid_payload"));
}
