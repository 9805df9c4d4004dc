//! The client against scripted servers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use serde_json::value::RawValue;

use super::client::Timeouts;
use super::script::{HELLO, Reply, Script};
use super::*;
use crate::config::{Authentication, ElasticSettings, Secret};
use crate::runtime::Interrupt;

const SHORT: Timeouts = Timeouts { connect: Duration::from_secs(1), idle: Duration::from_millis(200) };

fn settings(urls: &[&str]) -> ElasticSettings {
    ElasticSettings {
        es_urls: urls.iter().map(|&url| url.to_owned()).collect(),
        es_timeout: Duration::from_millis(700),
        es_retry_deadline: Duration::from_secs(20),
        ..ElasticSettings::default()
    }
}

async fn connect(settings: &ElasticSettings) -> Result<Client, ElasticError> {
    Client::connect_within(settings, &Interrupt::default(), SHORT).await
}

fn get(path: &str) -> Request {
    Request::new(Method::GET, path, "asking")
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Script::start(|_| Reply::Json(200, HELLO.to_owned()));
    for status in [301, 302, 303, 307, 308] {
        let target = elsewhere.url.clone();
        let server = Script::start(move |_| Reply::With(status, format!("location: {target}/\r\n"), String::new()));
        let mut settings = settings(&[&server.url]);
        settings.authentication = Authentication::ApiKey(Secret::new("c2VjcmV0"));
        let error = connect(&settings).await.unwrap_err();
        assert_eq!(error.class(), Class::Refused);
        assert!(error.to_string().contains("es_url"), "{error}");
    }
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn compressed_answers_are_requested_only_if_configured() {
    for (http_compress, expected) in [(false, None), (true, Some("gzip"))] {
        let server = Script::start(|_| Reply::Json(200, HELLO.to_owned()));
        let settings = ElasticSettings { http_compress, ..settings(&[&server.url]) };
        connect(&settings).await.unwrap().send(&get("/x")).await.unwrap();
        assert_eq!(server.received()[0].header("accept-encoding"), expected);
    }
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    for status in [401, 403] {
        let server = Script::start(move |request| match request.header("authorization") {
            Some("Basic dTpodW50ZXIy") => {
                Reply::Json(status, r#"{"error":{"type":"security_exception","reason":"no"}}"#.to_owned())
            }
            _ => Reply::Json(500, String::new()),
        });
        let mut settings = settings(&[&server.url]);
        settings.authentication = Authentication::Basic { username: "u".to_owned(), password: Secret::new("hunter2") };
        let error = connect(&settings).await.unwrap_err();
        assert!(matches!(error, ElasticError::Refused { .. }), "{error}");
        let shown = format!("{error} {error:?} {settings:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("dTpodW50ZXIy"), "{shown}");
    }
}

#[tokio::test]
async fn only_what_may_work_later_is_sent_again() {
    let overload = r#"{"error":{"type":"es_rejected_execution_exception","reason":"full"}}"#;
    for (first, repeat, expected) in [
        (Reply::Json(503, String::new()), Repeat::Safe, 2),
        (Reply::With(429, "retry-after: 0\r\n".to_owned(), overload.to_owned()), Repeat::Safe, 2),
        (Reply::Hang, Repeat::Safe, 2),
        (Reply::Half, Repeat::Safe, 2),
        (Reply::Silence(Duration::from_secs(2)), Repeat::Safe, 2),
        (Reply::Json(503, String::new()), Repeat::Never, 1),
        (Reply::Hang, Repeat::Never, 1),
        (Reply::Half, Repeat::Never, 1),
        (Reply::Json(400, String::new()), Repeat::Safe, 1),
        (Reply::Json(404, String::new()), Repeat::Safe, 1),
        (Reply::Json(409, String::new()), Repeat::Safe, 1),
    ] {
        let count = AtomicUsize::new(0);
        let reply = first.clone();
        let server = Script::behind_hello(move |_| match count.fetch_add(1, Ordering::Relaxed) {
            0 => reply.clone(),
            _ => Reply::Json(200, "{}".to_owned()),
        });
        let client = connect(&settings(&[&server.url])).await.unwrap();
        let answer = client.send(&Request { repeat, ..get("/x") }).await;
        assert_eq!(server.received().len(), expected, "{first:?} {repeat:?}");
        assert_eq!(answer.is_ok(), expected == 2, "{first:?} {repeat:?}");
    }
}

#[tokio::test]
async fn retries_end_with_the_deadline_or_an_interrupt() {
    let server = Script::behind_hello(|_| Reply::Json(503, String::new()));
    let mut settings = settings(&[&server.url]);
    settings.es_retry_deadline = Duration::from_millis(1);
    let client = connect(&settings).await.unwrap();
    assert_eq!(client.send(&get("/x")).await.unwrap_err().fault().unwrap().status, 503);
    settings.es_retry_deadline = Duration::from_secs(3600);
    let interrupt = Interrupt::default();
    let client = Client::connect_within(&settings, &interrupt, SHORT).await.unwrap();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        interrupt.raise();
    };
    let request = get("/x");
    let (answer, ()) = tokio::join!(client.send(&request), stop);
    assert!(answer.is_err());
}

#[tokio::test]
async fn another_host_takes_over() {
    let down = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sick = Script::start(|_| Reply::Json(503, String::new()));
    let well = Script::behind_hello(|_| Reply::Json(200, "{}".to_owned()));
    let mut settings = settings(&[&format!("http://{down}"), &sick.url, &well.url]);
    // no wait is needed while there are hosts left
    settings.es_retry_deadline = Duration::ZERO;
    let client = connect(&settings).await.unwrap();
    client.send(&get("/x")).await.unwrap();
    client.send(&get("/y")).await.unwrap();
    assert_eq!(well.lines(), ["GET /x", "GET /y"]);
    assert!(sick.received().is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_a_cluster_is_reported() {
    for body in ["<html>", "{}", ""] {
        let server = Script::start(move |_| Reply::Json(200, body.to_owned()));
        let error = connect(&settings(&[&server.url])).await.unwrap_err().to_string();
        assert!(error.contains("neither Elasticsearch nor OpenSearch"), "{error}");
    }
    let mut settings = settings(&["http://127.0.0.1:1"]);
    settings.es_retry_deadline = Duration::ZERO;
    let error = connect(&settings).await.unwrap_err();
    let never_sent = matches!(error, ElasticError::Unreachable { may_have_arrived: false, .. });
    assert!(never_sent && error.to_string().contains("es_url"), "{error}");
}

fn id(id: &str, routing: Option<&str>) -> DocumentId {
    DocumentId { index: "a".to_owned(), id: id.to_owned(), routing: routing.map(str::to_owned) }
}

#[tokio::test]
async fn documents_are_matched_individually() {
    let found =
        |docs: serde_json::Value| Script::behind_hello(move |_| Reply::Json(200, json!({"docs": docs}).to_string()));
    let server = found(json!([
        {"_index": "a", "_id": "1", "_seq_no": 7, "_primary_term": 2, "found": true, "_source": {"x": 1}},
        {"_index": "a", "_id": "2", "found": false},
        {"_index": "a", "_id": "3", "error": {"type": "index_not_found_exception", "reason": "no such index [a]"}},
    ]));
    let client = connect(&settings(&[&server.url])).await.unwrap();
    let documents = client.mget(&[id("1", Some("r")), id("2", None), id("3", None)]).await.unwrap();
    let Lookup::Found(first) = &documents[0] else { panic!("{documents:?}") };
    assert_eq!((first.version.seq_no, first.version.primary_term, first.source.as_str()), (7, 2, r#"{"x":1}"#));
    assert!(documents[1..].iter().all(|document| matches!(document, Lookup::Gone)), "{documents:?}");
    let sent: serde_json::Value = serde_json::from_str(&server.received()[0].body).unwrap();
    assert_eq!(sent["docs"][0], json!({"_index": "a", "_id": "1", "routing": "r"}));
    for wrong in [json!([]), json!([{"_index": "a", "_id": "9", "found": true, "_source": {}}])] {
        let server = found(wrong.clone());
        let settings = ElasticSettings { es_retry_deadline: Duration::ZERO, ..settings(&[&server.url]) };
        let client = connect(&settings).await.unwrap();
        assert!(client.mget(&[id("1", None)]).await.is_err(), "{wrong}");
    }
    for (failed, class) in [
        (json!({"found": true}), Class::Poison),
        (json!({"error": {"type": "routing_missing_exception", "reason": "r"}}), Class::Poison),
        (json!({"error": {"type": "index_closed_exception"}}), Class::Blocked(Block::Index)),
        (json!({"error": {"type": "security_exception", "reason": "r"}}), Class::Refused),
    ] {
        let mut item = failed;
        item["_id"] = json!("1");
        let server = found(json!([item]));
        let client = connect(&settings(&[&server.url])).await.unwrap();
        let found = client.mget(&[id("1", None)]).await.unwrap();
        assert!(matches!(&found[..], [Lookup::Failed(fault)] if fault.class() == class), "{found:?}");
    }
}

#[tokio::test]
async fn documents_that_cannot_be_read_now_are_requested_again() {
    for error_type in [
        "no_shard_available_action_exception",
        "unavailable_shards_exception",
        "node_not_connected_exception",
        "es_rejected_execution_exception",
        "circuit_breaking_exception",
        "illegal_index_shard_state_exception",
        "something_new_exception",
    ] {
        let n_requests = AtomicUsize::new(0);
        let server = Script::behind_hello(move |request| {
            let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
            let is_first = n_requests.fetch_add(1, Ordering::Relaxed) == 0;
            let answer = |doc: &serde_json::Value| {
                if is_first && doc["_id"] == "2" {
                    return json!({"_index": "a", "_id": "2", "error": {"type": error_type, "reason": "starting"}});
                }
                json!({"_index": "a", "_id": doc["_id"], "found": true, "_source": {"of": doc["_id"]}})
            };
            let docs: Vec<_> = body["docs"].as_array().unwrap().iter().map(answer).collect();
            Reply::Json(200, json!({"docs": docs}).to_string())
        });
        let client = connect(&settings(&[&server.url])).await.unwrap();
        let found = client.mget(&["1", "2", "3"].map(|name| id(name, None))).await.unwrap();
        let sources: Vec<&str> = found
            .iter()
            .map(|found| match found {
                Lookup::Found(document) => document.source.as_str(),
                other => panic!("{error_type}: {other:?}"),
            })
            .collect();
        assert_eq!(sources, [r#"{"of":"1"}"#, r#"{"of":"2"}"#, r#"{"of":"3"}"#]);
        // only the document that failed is requested again
        assert_eq!(server.received().len(), 2);
        assert!(!server.received()[1].body.contains("\"1\""), "{}", server.received()[1].body);
    }
}

#[tokio::test]
async fn answers_that_are_not_json_are_requested_again() {
    for broken in ["", "<html>", "{\"docs\":", "{}"] {
        let n_requests = AtomicUsize::new(0);
        let server = Script::behind_hello(move |_| match n_requests.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::Json(200, broken.to_owned()),
            _ => Reply::Json(200, json!({"docs": [{"_id": "1", "found": false}], "fields": {"a": {}}}).to_string()),
        });
        let client = connect(&settings(&[&server.url])).await.unwrap();
        assert!(matches!(client.mget(&[id("1", None)]).await.unwrap()[..], [Lookup::Gone]));
        assert_eq!(server.received().len(), 2, "{broken}");
    }
    let n_requests = AtomicUsize::new(0);
    let server = Script::behind_hello(move |_| match n_requests.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::Json(200, "<html>".to_owned()),
        _ => Reply::Json(200, json!({"fields": {"a": {"long": {"type": "long"}}}}).to_string()),
    });
    let client = connect(&settings(&[&server.url])).await.unwrap();
    assert_eq!(client.mapped_fields(&SearchTarget::new("a")).await.unwrap().names, ["a"]);
}

#[tokio::test]
async fn an_interrupt_ends_every_wait_for_the_server() {
    let server = Script::behind_hello(|_| Reply::Silence(Duration::from_secs(60)));
    let mut patient = settings(&[&server.url]);
    patient.es_timeout = Duration::from_secs(60);
    let interrupt = Interrupt::default();
    let client = Client::connect_within(&patient, &interrupt, SHORT).await.unwrap();
    let mute = Script::start(|_| Reply::Silence(Duration::from_secs(60)));
    let settings_of_mute = ElasticSettings { es_urls: vec![mute.url.clone()], ..patient.clone() };
    let target = SearchTarget::new("a");
    let ids = [id("1", None)];
    let waits = async {
        let survey = client.survey(&target, &json!({})).await.map(drop);
        let fields = client.mapped_fields(&target).await.map(drop);
        let documents = client.mget(&ids).await.map(drop);
        let hello = Client::connect_within(&settings_of_mute, &interrupt, SHORT).await.map(drop);
        [survey, fields, documents, hello]
    };
    let started = Instant::now();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        interrupt.raise();
    };
    let (results, ()) = tokio::join!(waits, stop);
    for result in results {
        assert!(matches!(result, Err(ElasticError::Interrupted(_))), "{result:?}");
    }
    assert!(started.elapsed() < patient.es_timeout);
}

fn change(name: &str, routing: Option<&str>, change: fn(Box<RawValue>) -> BulkChange) -> BulkAction {
    let json = RawValue::from_string(r#"{"tags":["outlier"]}"#.to_owned()).unwrap();
    BulkAction { id: id(name, routing), version: DocumentVersion { seq_no: 3, primary_term: 1 }, change: change(json) }
}

#[tokio::test]
async fn updates_are_guarded_and_counted_individually() {
    let answers = |items: serde_json::Value| {
        Script::behind_hello(move |_| Reply::Json(200, json!({"errors": true, "items": items}).to_string()))
    };
    let error = |kind: &str| json!({"type": kind, "reason": "r"});
    let server = answers(json!([
        {"update": {"_index": "a", "_id": "1", "status": 200, "result": "updated"}},
        {"update": {"_index": "a", "_id": "2", "status": 200, "result": "noop"}},
        {"update": {"_index": "a", "_id": "3", "status": 409, "error": error("version_conflict_engine_exception")}},
        {"update": {"_index": "a", "_id": "4", "status": 404, "error": error("document_missing_exception")}},
        {"index": {"_index": "a", "_id": "5", "status": 429, "error": error("es_rejected_execution_exception")}},
        {"update": {"_index": "a", "_id": "5", "status": 404, "error": error("index_not_found_exception")}},
    ]));
    let client = connect(&settings(&[&server.url])).await.unwrap();
    let mut changes = ["1", "2", "3", "4"].map(|name| change(name, None, BulkChange::Merge)).to_vec();
    changes[0].id.routing = Some("r".to_owned());
    let on_lines =
        |_| BulkChange::Replace(RawValue::from_string("{\r\n\"tags\": [\n\"outlier\"]}".to_owned()).unwrap());
    changes.push(change("5", Some("s"), on_lines));
    let items = client.bulk(&changes.iter().collect::<Vec<_>>()).await.unwrap();
    let classes: Vec<Class> = items.iter().map(BulkItem::class).collect();
    assert_eq!(classes, [Class::Done, Class::Done, Class::Conflict, Class::Gone, Class::BackPressure]);
    assert_eq!(items.iter().map(|item| item.is_noop).collect::<Vec<_>>(), [false, true, false, false, false]);
    let sent = server.received().remove(0);
    assert_eq!(sent.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<serde_json::Value> = sent.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 12);
    let guard = json!({"update": {"_index": "a", "_id": "5", "require_alias": true}});
    assert_eq!((&lines[10], &lines[11]), (&guard, &json!({"doc": {}})));
    assert_eq!(
        lines[0],
        json!({"update": {"_index": "a", "_id": "1", "routing": "r", "if_seq_no": 3, "if_primary_term": 1}})
    );
    assert_eq!(lines[1], json!({"doc": {"tags": ["outlier"]}}));
    let head =
        json!({"_index": "a", "_id": "5", "routing": "s", "pipeline": "_none", "if_seq_no": 3, "if_primary_term": 1});
    assert_eq!((&lines[8], &lines[9]), (&json!({"index": head}), &json!({"tags": ["outlier"]})));
    let update = |index: &str, id: &str| json!({"update": {"_index": index, "_id": id, "status": 200}});
    for wrong in [
        json!([]),
        json!([update("a", "1")]),
        json!([update("a", "2"), update("a", "1")]),
        json!([update("b", "1"), update("a", "1")]),
        json!([{"index": {"_index": "a", "_id": "1", "status": 200}}, update("a", "1")]),
        json!([update("a", "1"), update("a", "1"), update("a", "1")]),
    ] {
        let server = answers(wrong.clone());
        let client = connect(&settings(&[&server.url])).await.unwrap();
        assert!(client.bulk(&[&change("1", None, BulkChange::Merge)]).await.is_err(), "{wrong}");
    }
    assert!(client.bulk(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn refused_queries_do_not_affect_the_others() {
    let server = Script::behind_hello(|_| {
        let whole =
            json!({"status": 200, "timed_out": false, "_shards": {"total": 1, "failed": 0}, "hits": {"hits": []}});
        let mut partial = whole.clone();
        partial["_shards"] = json!({"total": 2, "failed": 1, "failures": [{"reason": {"type": "t", "reason": "bad"}}]});
        let refused = json!({"status": 400, "error": {"type": "query_shard_exception", "reason": "Failed to parse"}});
        Reply::Json(200, json!({"responses": [whole, refused, partial]}).to_string())
    });
    let client = connect(&settings(&[&server.url])).await.unwrap();
    let target = SearchTarget::new("a , b*,");
    let refused = client.refused_queries(&target, &[json!({}), json!({}), json!({})]).await.unwrap();
    let reasons: Vec<Option<&str>> =
        refused.iter().map(|fault| fault.as_ref().map(|fault| fault.reason.as_str())).collect();
    assert_eq!(reasons, [None, Some("Failed to parse"), Some("1 of 2 shards failed: t: bad")]);
    assert_eq!(server.lines(), ["POST /a,b*/_msearch"]);
    assert!(client.refused_queries(&target, &[json!({})]).await.is_err());
}

#[tokio::test]
async fn a_query_that_cannot_be_parsed_does_not_affect_the_others() {
    let server = Script::behind_hello(|request| {
        if request.body.contains("nope") {
            let error = json!({"type": "parsing_exception", "reason": "unknown query [nope]"});
            return Reply::Json(400, json!({"error": error, "status": 400}).to_string());
        }
        let page =
            json!({"status": 200, "timed_out": false, "_shards": {"total": 1, "failed": 0}, "hits": {"hits": []}});
        let n_queries = request.body.lines().count() / 2;
        Reply::Json(200, json!({"responses": vec![page; n_queries]}).to_string())
    });
    let client = connect(&settings(&[&server.url])).await.unwrap();
    let is_wrong = |idx: usize| [0, 7, 63, 64].contains(&idx);
    let queries: Vec<_> = (0..65).map(|idx| json!({if is_wrong(idx) { "nope" } else { "exists" }: {}})).collect();
    let refused = client.refused_queries(&SearchTarget::new("a"), &queries).await.unwrap();
    for (idx, fault) in refused.iter().enumerate() {
        let reason = fault.as_ref().map(|fault| fault.reason.as_str());
        assert_eq!(reason, is_wrong(idx).then_some("unknown query [nope]"), "{idx}");
    }
    assert_eq!(refused.len(), queries.len());
}

#[tokio::test]
async fn highlights_are_matched_by_index_and_id() {
    let server = Script::behind_hello(|request| {
        if request.line.contains("/refusing/") {
            return Reply::Json(
                400,
                r#"{"error":{"type":"illegal_argument_exception","reason":"too long"}}"#.to_owned(),
            );
        }
        let hits = json!([
            {"_index": "a", "_id": "2", "highlight": {"msg": ["<value>x</value>"]}},
            {"_index": "a", "_id": "1"},
            {"_index": "a", "_id": "stranger", "highlight": {"msg": ["y"]}},
        ]);
        let body = json!({"timed_out": false, "_shards": {"total": 1, "failed": 0}, "hits": {"hits": hits}});
        Reply::Json(200, body.to_string())
    });
    let client = connect(&settings(&[&server.url])).await.unwrap();
    let refusing = DocumentId { index: "refusing".to_owned(), ..id("2", None) };
    let query = json!({"match_all": {}});
    let found = client.highlights(&[id("1", None), refusing, id("2", None), id("3", None)], &query).await.unwrap();
    let found: Vec<String> = found.iter().map(|fields| json!(fields).to_string()).collect();
    assert_eq!(found, ["{}", "{}", r#"{"msg":["<value>x</value>"]}"#, "{}"]);
    let sent: serde_json::Value = serde_json::from_str(&server.received()[0].body).unwrap();
    assert_eq!((&sent["highlight"]["highlight_query"], &sent["size"]), (&query, &json!(3)));
}
