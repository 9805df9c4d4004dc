//! The source against a server that can lose its search contexts, shards, pages and connections.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{Array, AsArray};
use arrow::datatypes::UInt32Type;
use serde_json::json;

use super::*;
use crate::config::ModelType;
use crate::elastic::script::{HELLO, OLD_HELLO, Received, Reply, Script};
use crate::event::FieldPath;
use crate::event::decode::{ColumnKind, ColumnSpec};
use crate::runtime::Interrupt;

const N_DOCUMENTS: usize = 53;

/// Documents `0..N_DOCUMENTS` in two shards; use case 0 matches all of them, use case 1 the even
/// ones.
struct Cluster {
    hello: &'static str,
    /// Searches and scroll pages answered so far.
    n_pages: AtomicUsize,
    /// State of each open scroll: slice, slices, size, next document.
    scrolls: Mutex<BTreeMap<String, (usize, usize, usize, usize)>>,
    n_opened: AtomicUsize,
    fault: Box<Fault>,
}

/// Takes the number of a page and its request; returns an answer that replaces the cluster's own.
type Fault = dyn Fn(usize, &Received) -> Option<Reply> + Send + Sync;

impl Cluster {
    fn start(hello: &'static str, fault: impl Fn(usize, &Received) -> Option<Reply> + Send + Sync + 'static) -> Script {
        Self::start_shared(hello, fault).1
    }

    fn start_shared(
        hello: &'static str,
        fault: impl Fn(usize, &Received) -> Option<Reply> + Send + Sync + 'static,
    ) -> (Arc<Self>, Script) {
        let cluster = Arc::new(Cluster {
            hello,
            fault: Box::new(fault),
            n_pages: AtomicUsize::default(),
            scrolls: Mutex::default(),
            n_opened: AtomicUsize::default(),
        });
        let shared = Arc::clone(&cluster);
        (cluster, Script::start(move |request| shared.answer(request)))
    }

    fn answer(&self, request: &Received) -> Reply {
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let path = request.line.split('?').next().unwrap();
        let ok = |body: Value| Reply::Json(200, body.to_string());
        match path {
            "GET /" => Reply::Json(200, self.hello.to_owned()),
            "GET /logs/_field_caps" => ok(json!({"fields": {"n": {"long": {"type": "long"}}}})),
            "GET /logs/_mapping" => ok(json!({})),
            "POST /logs/_pit" => ok(json!({"id": format!("pit{}", self.n_opened.fetch_add(1, Ordering::Relaxed))})),
            "DELETE /_pit" | "DELETE /_search/scroll" => ok(json!({})),
            "POST /logs/_search" if body["size"] == 0 => ok(json!({
                "timed_out": false, "_shards": {"total": 2, "failed": 0},
                "hits": {"total": {"value": N_DOCUMENTS, "relation": "eq"}, "hits": []},
            })),
            "POST /logs/_search" if !request.line.contains("scroll=") => ok(page(0, 1, 9, 0, json!({}))),
            "POST /_mget" => {
                ok(json!({"docs": body["docs"].as_array().unwrap().iter().map(stored).collect::<Vec<_>>()}))
            }
            _ => {
                let n_pages = self.n_pages.fetch_add(1, Ordering::Relaxed);
                (self.fault)(n_pages, request).unwrap_or_else(|| ok(self.page(path, &body)))
            }
        }
    }

    fn page(&self, path: &str, body: &Value) -> Value {
        let number = |value: &Value, default: usize| value.as_u64().map_or(default, |number| number as usize);
        let (slice, slices) = (number(&body["slice"]["id"], 0), number(&body["slice"]["max"], 1));
        let size = number(&body["size"], 0);
        if path == "POST /_search" {
            let first = body["search_after"][0].as_u64().map_or(0, |last| last as usize + 1);
            return page(slice, slices, size, first, json!({"pit_id": body["pit"]["id"]}));
        }
        let mut scrolls = self.scrolls.lock().unwrap();
        let id = match body["scroll_id"].as_str() {
            Some(id) => id.to_owned(),
            None => {
                let id = format!("scroll{}", self.n_opened.fetch_add(1, Ordering::Relaxed));
                scrolls.insert(id.clone(), (slice, slices, size, 0));
                id
            }
        };
        let (slice, slices, size, next) = scrolls.get_mut(&id).unwrap();
        let answer = page(*slice, *slices, *size, *next, json!({"_scroll_id": id}));
        *next += *size * *slices;
        answer
    }
}

/// Returns the next `size` documents of a slice, starting at `first`.
fn page(slice: usize, slices: usize, size: usize, first: usize, envelope: Value) -> Value {
    let of_slice = (0..N_DOCUMENTS).filter(|n| n % slices == slice);
    let hits: Vec<Value> = of_slice.clone().filter(|n| *n >= first).take(size).map(hit).collect();
    let mut answer = envelope;
    answer["timed_out"] = json!(false);
    answer["_shards"] = json!({"total": 2, "failed": 0});
    answer["hits"] = json!({"total": {"value": of_slice.count(), "relation": "eq"}, "hits": hits});
    answer
}

fn hit(n: usize) -> Value {
    let matched: &[&str] = if n.is_multiple_of(2) { &["~0", "mine", "~1"] } else { &["~0"] };
    let index = format!("logs-{}", n % 3);
    json!({"_index": index, "_id": format!("{n}"), "_source": {"n": n}, "sort": [n], "matched_queries": matched})
}

fn stored(wanted: &Value) -> Value {
    let mut stored = wanted.clone();
    stored["found"] = json!(wanted["_id"] != "7");
    stored["_source"] = json!({"whole": wanted["_id"]});
    stored
}

/// Result of a scan, per document: its number, whether it is in use cases 0 and 1, and its
/// reference.
type Scanned = Vec<(u32, [bool; 2], DocRef)>;

fn events(server: &Script, runtime: &tokio::runtime::Runtime) -> ElasticEvents {
    events_within(server, runtime, Duration::from_secs(20))
}

fn events_within(server: &Script, runtime: &tokio::runtime::Runtime, es_retry_deadline: Duration) -> ElasticEvents {
    let settings = ElasticSettings {
        es_urls: vec![server.url.clone()],
        es_scan_size: 5,
        es_retry_deadline,
        ..ElasticSettings::default()
    };
    let folder = std::env::temp_dir();
    let indices = runtime.block_on(async {
        let client = Client::connect(&settings, &Interrupt::default()).await.unwrap();
        let documents = Arc::new(DocumentCache::new(&client, &folder));
        ElasticIndices::open(&client, &settings, "logs", &folder, &documents).await.unwrap()
    });
    let whole = [1, 2].map(|n| json!({"bool": {"filter": [{"term": {"n": n}}]}})).to_vec();
    let queries = Queries::new(whole.iter().cloned());
    let tags = vec![None, Some(("even".to_owned(), ModelType::SimpleQuery))];
    indices.events(Search { queries, whole, tags })
}

fn scan(events: &ElasticEvents) -> Result<(Scanned, ScanSummary), SourceError> {
    let column = ColumnSpec::new("n", &FieldPath::new("n"), ColumnKind::Joined);
    let projection = Projection::new(vec![column]);
    let mut scanned = Vec::new();
    let summary = events.scan(&projection, &ScanOptions { threads: 2, ..ScanOptions::default() }, &mut |batch| {
        let texts = batch.columns.column(0).as_dictionary::<UInt32Type>();
        let distinct = texts.values().as_string::<i32>();
        let masks = batch.matched.as_ref().unwrap();
        for (row, place) in batch.rows.iter().enumerate() {
            assert!(texts.is_valid(row));
            let number = distinct.value(texts.keys().value(row) as usize).parse().unwrap();
            let place = DocRef { batch: batch.number, offset: 0, length: 0, line: place.line_in_batch };
            scanned.push((number, [masks[0].value(row), masks[1].value(row)], place));
        }
        Ok(())
    })?;
    scanned.sort_unstable();
    Ok((scanned, summary))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn assert_all(scanned: &Scanned) {
    let numbers: Vec<u32> = scanned.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (0..N_DOCUMENTS as u32).collect::<Vec<_>>());
    assert!(scanned.iter().all(|(number, masks, _)| *masks == [true, number % 2 == 0]));
}

/// Returns the scrolls that were closed.
fn closed(server: &Script) -> BTreeSet<String> {
    let closing = server.received().into_iter().filter(|request| request.line == "DELETE /_search/scroll");
    let ids = closing.map(|request| serde_json::from_str::<Value>(&request.body).unwrap()["scroll_id"].take());
    ids.flat_map(|ids| serde_json::from_value::<Vec<String>>(ids).unwrap()).collect()
}

/// Injects a fault, with and without points in time; checks that the result is complete and that
/// every context is closed.
fn check(fault: fn(usize, &Received) -> Option<Reply>, n_passes: usize) {
    check_on(&[HELLO, OLD_HELLO], fault, n_passes);
}

fn check_on(hellos: &[&'static str], fault: fn(usize, &Received) -> Option<Reply>, n_passes: usize) {
    let runtime = runtime();
    for &hello in hellos {
        let (cluster, server) = Cluster::start_shared(hello, fault);
        let events = events(&server, &runtime);
        let (scanned, summary) = scan(&events).unwrap();
        assert_all(&scanned);
        assert_eq!((summary.events, &summary.incomplete[..]), (N_DOCUMENTS as u64, &[][..]));
        let count = |what: &str| server.lines().iter().filter(|line| line.contains(what)).count();
        if hello == HELLO {
            assert_eq!((count("POST /logs/_pit"), count("DELETE /_pit")), (n_passes, n_passes));
        } else {
            // two slices per pass
            assert_eq!((count("scroll="), count("DELETE /_search/scroll")), (2 * n_passes, n_passes));
            assert_eq!(closed(&server), cluster.scrolls.lock().unwrap().keys().cloned().collect());
        }
        let places: Vec<DocRef> = scanned.iter().rev().map(|(.., place)| *place).collect();
        let documents = events.fetch(&places).unwrap();
        for ((number, ..), document) in scanned.iter().rev().zip(documents) {
            let expected = (*number != 7).then(|| RawDocument {
                key: DocumentKey {
                    id: DocumentId { index: format!("logs-{}", number % 3), id: number.to_string(), routing: None },
                    place: None,
                },
                text: format!(r#"{{"whole":"{number}"}}"#),
            });
            assert_eq!(document, expected);
        }
    }
}

const LOST: &str = r#"{"error":{"root_cause":[{"type":"search_context_missing_exception","reason":"No search context found for id [7]"}],"type":"search_phase_execution_exception","reason":"all shards failed"},"status":404}"#;

#[test]
fn every_document_is_read_once() {
    check(|_, _| None, 1);
}

#[test]
fn documents_that_a_use_case_has_tagged_are_excluded() {
    let runtime = runtime();
    let server = Cluster::start(HELLO, |_, _| {
        let outliers =
            |names: Value, types: Value| json!({"n": 0, "outliers": {"model_name": names, "model_type": types}});
        let sources = [
            outliers(json!(["even"]), json!(["simplequery"])),
            outliers(json!(["other", "even"]), json!(["terms", "simplequery"])),
            outliers(json!(["even", "other"]), json!(["terms", "simplequery"])),
            outliers(json!("even"), json!("simplequery")),
            outliers(json!([]), json!([])),
            json!({"n": 0, "outliers": 7}),
        ];
        let mut answer = super::tests::page(0, 1, 6, 0, json!({"pit_id": "p"}));
        answer["hits"]["total"]["value"] = json!(6);
        for (hit, source) in answer["hits"]["hits"].as_array_mut().unwrap().iter_mut().zip(sources) {
            hit["_source"] = source;
            hit["matched_queries"] = json!(["~0", "~1"]);
        }
        Some(Reply::Json(200, answer.to_string()))
    });
    let column =
        |field: &str| ColumnSpec::new(format!("elements:{field}"), &FieldPath::new(field), ColumnKind::Elements);
    let projection = Projection::new(crate::plan::TAGGED_BY.map(column).to_vec());
    let mut masks: Vec<Vec<bool>> = Vec::new();
    let scanned = events(&server, &runtime).scan(&projection, &ScanOptions::default(), &mut |batch| {
        masks = batch.matched.unwrap().iter().map(|mask| mask.iter().map(Option::unwrap).collect()).collect();
        Ok(())
    });
    scanned.unwrap();
    let expected = [vec![true; 6], vec![false, false, true, false, true, true]];
    assert_eq!(masks, expected);
}

#[test]
fn a_lost_context_is_reopened_without_duplicates() {
    check(|page, _| (page == 4).then(|| Reply::Json(404, LOST.to_owned())), 2);
}

#[test]
fn failed_shards_are_read_again() {
    check(
        |page, request| {
            let body: Value = serde_json::from_str(&request.body).unwrap();
            let context = json!({"_scroll_id": body["scroll_id"], "pit_id": "pit0"});
            let mut answer = super::tests::page(0, 2, 3, 0, context);
            answer["_shards"] =
                json!({"total": 2, "failed": 1, "failures": [{"reason": {"type": "t", "reason": "r"}}]});
            (page == 5).then(|| Reply::Json(200, answer.to_string()))
        },
        2,
    );
}

#[test]
fn a_lost_page_is_requested_again_only_if_that_is_safe() {
    let runtime = runtime();
    let server = Cluster::start(OLD_HELLO, |page, _| (page == 5).then_some(Reply::Hang));
    let events = events(&server, &runtime);
    assert_all(&scan(&events).unwrap().0);
    let n_opened = server.lines().iter().filter(|line| line.contains("scroll=")).count();
    assert_eq!(n_opened, 4, "two slices, in two passes");
    let server = Cluster::start(HELLO, |page, _| (page == 5).then_some(Reply::Hang));
    let events = self::events(&server, &runtime);
    assert_all(&scan(&events).unwrap().0);
    assert_eq!(server.lines().iter().filter(|line| line.contains("/_pit?")).count(), 1);
}

#[test]
fn permanent_errors_fail_and_close_contexts() {
    let runtime = runtime();
    let broken = |_: usize, _: &Received| Some(Reply::Json(400, r#"{"error":{"type":"x","reason":"no"}}"#.to_owned()));
    let server = Cluster::start(HELLO, broken);
    let error = scan(&events(&server, &runtime)).unwrap_err().to_string();
    assert!(error.contains("status 400 x: no"), "{error}");
    assert!(server.lines().contains(&"DELETE /_pit".to_owned()));
}

#[test]
fn a_slice_with_missing_documents_is_read_again() {
    // a page that is not full is the last one of its slice
    check_on(
        &[HELLO],
        |page, request| {
            let body: Value = serde_json::from_str(&request.body).unwrap();
            let slice = body["slice"]["id"].as_u64().unwrap() as usize;
            let mut answer = super::tests::page(slice, 2, 5, 0, json!({"pit_id": "pit0"}));
            answer["hits"]["hits"].as_array_mut().unwrap().remove(2);
            (page == 0).then(|| Reply::Json(200, answer.to_string()))
        },
        2,
    );
}

#[test]
fn a_search_with_documents_still_missing_fails() {
    let runtime = runtime();
    let server = Cluster::start(HELLO, |_, _| {
        let mut answer = super::tests::page(0, 1, 3, 0, json!({"pit_id": "p"}));
        answer["hits"]["total"]["value"] = json!(6);
        Some(Reply::Json(200, answer.to_string()))
    });
    let error = scan(&events(&server, &runtime)).unwrap_err().to_string();
    assert!(error.contains("6 of 12 documents were returned"), "{error}");
    assert_eq!(server.lines().iter().filter(|line| line.contains("/_pit?")).count(), 2, "it is read once more");
}

#[test]
fn a_scroll_is_closed_even_if_the_answer_that_opened_it_breaks_off() {
    // the page reports that it is incomplete, or breaks off
    let incomplete = r#""timed_out":true,"_shards":{"total":2,"failed":0},"hits":{"hits":[]}}"#;
    for rest in [incomplete, ""] {
        let runtime = runtime();
        let server = Cluster::start(OLD_HELLO, move |n, _| {
            let begun = format!(r#"{{"_scroll_id":"begun{n}","took":1,{rest}"#);
            Some(if rest.is_empty() { Reply::Cut(begun) } else { Reply::Json(200, begun) })
        });
        let events = events_within(&server, &runtime, Duration::from_secs(1));
        scan(&events).unwrap_err();
        let n_opened = server.lines().iter().filter(|line| line.contains("scroll=")).count();
        assert!(n_opened >= 4, "{n_opened}");
        assert_eq!(closed(&server), (0..n_opened).map(|n| format!("begun{n}")).collect());
    }
}

#[test]
fn a_cancelled_scan_ends() {
    let runtime = runtime();
    let server = Cluster::start(HELLO, |_, _| Some(Reply::Silence(Duration::from_secs(30))));
    let events = events(&server, &runtime);
    let options = ScanOptions::default();
    options.interrupt.raise();
    let projection = Projection::new(Vec::new());
    let error = events.scan(&projection, &options, &mut |_| Ok(())).unwrap_err();
    assert!(matches!(error, SourceError::Cancelled));
    assert!(server.lines().contains(&"DELETE /_pit".to_owned()));
}
