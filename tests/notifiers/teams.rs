//! Cards in Microsoft Teams, against a server that checks them as a workflow does.

use std::time::Duration;

use serde_json::{Value, json};

use super::receiver::{Answer, Received, Receiver};
use super::{accepted, assert_harmless, channel, digest, hostile, postponed, refused, usual};

/// Upper limit of Teams on a message.
const MOST_BYTES: usize = 28 << 10;

fn teams() -> Receiver {
    Receiver::start(|request| match check(request) {
        Ok(()) => Answer::new(202, ""),
        Err(wrong) => {
            let message = format!("The request is not valid: {wrong}");
            Answer::json(400, &json!({"error": {"code": "TriggerInputSchemaMismatch", "message": message}}))
        }
    })
}

/// Checks a message by the schemas of the trigger and of adaptive cards 1.4.
fn check(request: &Received) -> Result<(), String> {
    if request.body.len() > MOST_BYTES {
        return Err(format!("{} bytes", request.body.len()));
    }
    let message = request.json();
    if message["type"] != "message" {
        return Err("type".to_owned());
    }
    let attachments = message["attachments"].as_array().ok_or("no attachments")?;
    let [attachment] = attachments.as_slice() else { return Err("attachments".to_owned()) };
    if attachment["contentType"] != "application/vnd.microsoft.card.adaptive" {
        return Err("contentType".to_owned());
    }
    let card = &attachment["content"];
    if card["type"] != "AdaptiveCard" || card["version"] != "1.4" {
        return Err("not a card".to_owned());
    }
    let body = card["body"].as_array().filter(|body| !body.is_empty()).ok_or("no body")?;
    body.iter().try_for_each(check_element)
}

/// Texts of events may only be in elements whose texts are not read as Markdown.
fn check_element(element: &Value) -> Result<(), String> {
    if element["type"] != "RichTextBlock" {
        return Err(format!("element {}", element["type"]));
    }
    let is_run = |run: &Value| {
        let is_named =
            |key: &str, names: &[&str]| run.get(key).is_none_or(|value| names.iter().any(|name| value == name));
        run["type"] == "TextRun"
            && run["text"].as_str().is_some_and(|text| !text.is_empty())
            && is_named("weight", &["Lighter", "Default", "Bolder"])
            && is_named("size", &["Small", "Default", "Medium", "Large", "ExtraLarge"])
            && is_named("fontType", &["Default", "Monospace"])
            && is_named("color", &["Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"])
    };
    let inlines = element["inlines"].as_array().ok_or("no inlines")?;
    inlines.iter().all(is_run).then_some(()).ok_or_else(|| format!("run in {element}"))
}

fn config(url: &str) -> String {
    format!(
        "[notifier_teams]\ntype=teams\nurl={url}/workflows/x/triggers/manual/paths/invoke?sig=s3cret-of-the-w0rkflow\n"
    )
}

#[test]
fn messages_are_as_teams_wants_them() {
    let receiver = teams();
    let channel = channel(&config(&receiver.url));
    assert_eq!(accepted(&*channel, &usual()), "status 202");
    let body = receiver.only().body;
    assert!(body.contains("rare process evil.exe on web-1") && body.contains("terms_rare_process"), "{body}");
    assert!(body.contains(r#"\"evil.exe\""#), "the document is shown: {body}");
    for notice in [hostile(), digest()] {
        accepted(&*channel, &notice);
        let body = receiver.received().last().expect("a request").body.clone();
        assert_harmless(&body);
        assert!(body.len() > 5000, "as much as fits: {}", body.len());
    }
}

#[test]
fn errors_say_whether_to_try_again() {
    for status in [401, 404, 502] {
        let receiver =
            Receiver::start(move |_| Answer::json(status, &json!({"error": {"code": "Why", "message": "no"}})));
        let (reason, _) = postponed(&*channel(&config(&receiver.url)), &usual());
        assert!(reason.contains("Why") && !reason.contains("s3cret"), "{reason}");
    }
    let receiver = Receiver::start(|_| Answer::new(429, "").with("retry-after", "300"));
    assert_eq!(postponed(&*channel(&config(&receiver.url)), &usual()).1, Some(Duration::from_secs(300)));
    let receiver = Receiver::start(|_| Answer::new(413, "too large"));
    assert!(refused(&*channel(&config(&receiver.url)), &usual()).contains("too large"));
}
