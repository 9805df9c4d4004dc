//! Detection documents, against a server that answers as Elasticsearch does. `servers::notices`
//! tells real ones.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::receiver::{Answer, Received, Receiver};
use super::{accepted, assert_harmless, channel, digest, hostile, postponed, refused, tell, usual};
use ee_outliers::notifiers::Told;

/// Types of the fields of the Elastic Common Schema that documents have. Fields of our own are
/// below `ee_outliers`.
const ECS: [(&str, &str); 27] = [
    ("@timestamp", "date"),
    ("ecs.version", "keyword"),
    ("message", "text"),
    ("tags", "keyword"),
    ("event.kind", "keyword"),
    ("event.module", "keyword"),
    ("event.dataset", "keyword"),
    ("event.provider", "keyword"),
    ("event.id", "keyword"),
    ("event.reason", "keyword"),
    ("event.severity", "long"),
    ("event.risk_score", "float"),
    ("event.start", "date"),
    ("event.end", "date"),
    ("rule.id", "keyword"),
    ("rule.name", "keyword"),
    ("rule.ruleset", "keyword"),
    ("rule.category", "keyword"),
    ("rule.description", "keyword"),
    ("related.ip", "ip"),
    ("related.hosts", "keyword"),
    ("related.user", "keyword"),
    ("related.hash", "keyword"),
    ("threat.framework", "keyword"),
    ("threat.technique.id", "keyword"),
    ("threat.technique.subtechnique.id", "keyword"),
    ("data_stream.type", "constant_keyword"),
];

fn leaves(name: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(member, value)| {
            let name = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
            leaves(&name, value, found);
        }),
        Value::Array(values) => values.iter().for_each(|value| leaves(name, value, found)),
        value => found.push((name.to_owned(), value.clone())),
    }
}

fn check(document: &Value) {
    let mut found = Vec::new();
    leaves("", document, &mut found);
    for (name, value) in found.iter().filter(|(name, _)| !name.starts_with("ee_outliers.")) {
        let (_, field_type) =
            ECS.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name} is not in ECS"));
        let text = value.as_str().unwrap_or_default();
        let is_valid = match *field_type {
            "date" => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
            "ip" => text.parse::<std::net::IpAddr>().is_ok(),
            "long" => value.is_i64(),
            "float" => value.is_f64(),
            _ => value.is_string() && text.chars().count() <= 8000,
        };
        assert!(is_valid, "{name}: {value}");
    }
    // `signal` is reserved for the alerts of Kibana
    assert_eq!((&document["event"]["kind"], &document["ecs"]["version"]), (&json!("alert"), &json!("9.0.0")));
}

fn hello() -> Answer {
    let hello = json!({"cluster_name": "c", "version": {"number": "9.1.0"}, "tagline": "You Know, for Search"});
    Answer::json(200, &hello).with("x-elastic-product", "Elasticsearch")
}

fn error(status: u16, error_type: &str, reason: &str) -> Answer {
    let error = json!({"type": error_type, "reason": reason});
    Answer::json(
        status,
        &json!({"error": {"root_cause": [error], "type": error_type, "reason": reason}, "status": status}),
    )
}

/// Starts a cluster in which this data stream is there.
fn cluster(data_stream: &'static str) -> Receiver {
    let stored: Mutex<Vec<String>> = Mutex::default();
    Receiver::start(move |request: &Received| {
        if request.line == "GET /" {
            return hello();
        }
        if request.line == format!("GET /_data_stream/{data_stream}") {
            return Answer::json(200, &json!({"data_streams": [{"name": data_stream}]}));
        }
        let start = format!("PUT /{data_stream}/_create/");
        let Some(id) = request.line.strip_prefix(start.as_str()) else {
            return error(400, "illegal_argument_exception", &request.line);
        };
        let mut stored = stored.lock().expect("no panic holds it");
        if stored.iter().any(|known| known == id) {
            let reason = format!("[{id}]: version conflict, document already exists (current version [1])");
            return error(409, "version_conflict_engine_exception", &reason);
        }
        stored.push(id.to_owned());
        Answer::json(201, &json!({"_index": ".ds-x-000001", "_id": id, "result": "created"}))
    })
}

fn config(url: &str, more: &str) -> String {
    format!("[general]\nes_url={url}\nes_retry_deadline=0\n[notifier_siem]\ntype=elastic\n{more}")
}

#[test]
fn documents_are_created_once_in_the_common_schema() {
    let receiver = cluster("logs-ee_outliers.findings-default");
    let channel = channel(&config(&receiver.url, ""));
    let told = accepted(&*channel, &usual());
    assert!(told.contains("00112233445566778899aabbccddeeff is stored in logs-ee_outliers.findings-default"), "{told}");
    let document = receiver.received().last().expect("a request").json();
    check(&document);
    for (pointer, expected) in [
        ("/@timestamp", json!("2023-11-14T22:13:20Z")),
        ("/message", json!("rare process evil.exe on web-1")),
        ("/event/severity", json!(61)),
        ("/rule/name", json!("terms_rare_process")),
        ("/related", json!({"hosts": ["web-1"], "user": ["ann"], "ip": ["192.0.2.7"]})),
        ("/threat/technique/subtechnique/id", json!(["T1059.001"])),
        ("/ee_outliers/example", json!({"index": "logs-1", "id": "AbC"})),
        ("/ee_outliers/finding_id", json!("ffeeddccbbaa99887766554433221100")),
    ] {
        assert_eq!(document.pointer(pointer), Some(&expected), "{pointer}: {document}");
    }
    assert_eq!(tell(&*channel, &usual()), Ok(Told::AlreadyKnown));
    accepted(&*channel, &digest());
    check(&receiver.received().last().expect("a request").json());
}

#[test]
fn texts_of_events_are_bounded() {
    let receiver = cluster("alerts");
    accepted(&*channel(&config(&receiver.url, "data_stream=alerts\n")), &hostile());
    let request = receiver.received().last().expect("a request").clone();
    check(&request.json());
    assert_harmless(request.json()["ee_outliers"]["target"].as_str().expect("a text"));
    // keywords are indexed up to 32,766 bytes
    assert!(request.body.len() < 1 << 20, "{}", request.body.len());
}

#[test]
fn a_data_stream_is_created_only_if_a_template_says_so() {
    let receiver = Receiver::start(|request| match request.line.as_str() {
        "GET /" => hello(),
        "GET /_data_stream/alerts" => error(404, "index_not_found_exception", "no such index [alerts]"),
        "PUT /_data_stream/alerts" => {
            error(400, "illegal_argument_exception", "no matching index template found for data stream [alerts]")
        }
        other => panic!("not asked for: {other}"),
    });
    let (reason, _) = postponed(&*channel(&config(&receiver.url, "data_stream=alerts\n")), &usual());
    assert!(reason.contains("no matching index template") && reason.contains("docs/notifiers.md"), "{reason}");
}

#[test]
fn errors_say_whether_to_try_again() {
    let failing = |answer: fn() -> Answer| {
        let receiver = Receiver::start(move |request| match request.line.as_str() {
            "GET /" => hello(),
            line if line.starts_with("GET ") => Answer::json(200, &json!({"data_streams": []})),
            _ => answer(),
        });
        let channel = channel(&config(&receiver.url, ""));
        (receiver, channel)
    };
    let (_receiver, channel) = failing(|| error(403, "security_exception", "unauthorized for user [a]"));
    assert!(postponed(&*channel, &usual()).0.contains("unauthorized for user"));
    let (_receiver, channel) = failing(|| error(429, "circuit_breaking_exception", "too much"));
    assert!(postponed(&*channel, &usual()).0.contains("too much"));
    let (_receiver, channel) = failing(|| error(400, "document_parsing_exception", "failed to parse field"));
    assert!(refused(&*channel, &usual()).contains("failed to parse field"));
    let gone = super::channel(&config("http://127.0.0.1:1", "timeout=600\n"));
    assert!(postponed(&*gone, &usual()).0.contains("cannot reach http://127.0.0.1:1"));
}
