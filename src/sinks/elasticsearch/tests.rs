//! The writer against a cluster that refuses requests, deletes documents and loses answers on
//! demand.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::*;
use crate::config::ElasticSettings;
use crate::elastic::script::{HELLO, Received, Reply, Script};
use crate::runtime::Interrupt;

/// Cluster with documents, their versions, and faults.
#[derive(Default)]
struct Cluster {
    /// By index and id: sequence number and source.
    documents: Mutex<BTreeMap<(String, String), (i64, Value)>>,
    n_bulks: AtomicUsize,
}

/// Fault of a whole request: number of the bulk request and its changes -> reply that replaces the
/// cluster's own.
type WholeFault = fn(&Cluster, usize, &[(Value, Value)]) -> Option<Reply>;

/// Fault of an item: number of the bulk request and the item -> status, error type and reason.
type ItemFault = fn(&Cluster, usize, &Value) -> Option<(u16, &'static str, &'static str)>;

fn no_fault(_: &Cluster, _: usize, _: &[(Value, Value)]) -> Option<Reply> {
    None
}

fn no_item_fault(_: &Cluster, _: usize, _: &Value) -> Option<(u16, &'static str, &'static str)> {
    None
}

const CONFLICT: (u16, &str, &str) = (409, "version_conflict_engine_exception", "version conflict");

impl Cluster {
    fn with(n_documents: usize) -> Arc<Self> {
        let cluster = Cluster::default();
        for n in 0..n_documents {
            cluster.put(&format!("i{}", n % 2), &format!("{n:03}"), json!({"n": n}));
        }
        Arc::new(cluster)
    }

    fn put(&self, index: &str, id: &str, source: Value) {
        let mut documents = self.documents.lock().unwrap();
        let seq_no = documents.values().map(|(seq_no, _)| seq_no + 1).max().unwrap_or_default();
        documents.insert((index.to_owned(), id.to_owned()), (seq_no, source));
    }

    fn sources(&self) -> Vec<Value> {
        self.documents.lock().unwrap().values().map(|(_, source)| source.clone()).collect()
    }

    fn answer(&self, request: &Received, whole: WholeFault, item: ItemFault) -> Reply {
        match request.line.as_str() {
            "GET /" => Reply::Json(200, HELLO.to_owned()),
            "POST /_mget" => {
                let body: Value = serde_json::from_str(&request.body).unwrap();
                let docs: Vec<Value> = body["docs"].as_array().unwrap().iter().map(|doc| self.get(doc)).collect();
                Reply::Json(200, json!({"docs": docs}).to_string())
            }
            line if line.starts_with("POST /_bulk?refresh=false") => {
                let n_bulk = self.n_bulks.fetch_add(1, Ordering::Relaxed);
                let lines: Vec<Value> = request.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                let changes: Vec<(Value, Value)> =
                    lines.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
                if let Some(reply) = whole(self, n_bulk, &changes) {
                    return reply;
                }
                let items: Vec<Value> =
                    changes.iter().map(|(head, body)| self.change(head, body, item(self, n_bulk, head))).collect();
                Reply::Json(200, json!({"errors": true, "items": items}).to_string())
            }
            other => panic!("{other}"),
        }
    }

    fn get(&self, wanted: &Value) -> Value {
        let key = (wanted["_index"].as_str().unwrap().to_owned(), wanted["_id"].as_str().unwrap().to_owned());
        let mut found = wanted.clone();
        match self.documents.lock().unwrap().get(&key) {
            None => found["found"] = json!(false),
            Some((seq_no, source)) => {
                found["found"] = json!(true);
                found["_seq_no"] = json!(seq_no);
                found["_primary_term"] = json!(1);
                found["_source"] = source.clone();
            }
        }
        found
    }

    fn change(&self, head: &Value, body: &Value, fault: Option<(u16, &str, &str)>) -> Value {
        let (kind, head) = head.as_object().unwrap().iter().next().unwrap();
        let key = (head["_index"].as_str().unwrap().to_owned(), head["_id"].as_str().unwrap().to_owned());
        let mut documents = self.documents.lock().unwrap();
        let next = documents.values().map(|(seq_no, _)| seq_no + 1).max().unwrap_or_default();
        let fault = fault.or(match documents.get(&key) {
            None => Some((404, "document_missing_exception", "document missing")),
            Some((seq_no, _)) if head["if_seq_no"] != json!(seq_no) => Some(CONFLICT),
            Some(_) => None,
        });
        let mut outcome = json!({"_index": head["_index"], "_id": head["_id"]});
        match fault {
            Some((status, error_type, reason)) => {
                outcome["status"] = json!(status);
                outcome["error"] = json!({"type": error_type, "reason": reason});
            }
            None => {
                let (seq_no, source) = documents.get_mut(&key).unwrap();
                *seq_no = next;
                if kind == "index" {
                    *source = body.clone();
                } else {
                    source.as_object_mut().unwrap().extend(body["doc"].as_object().unwrap().clone());
                }
                outcome["status"] = json!(200);
                outcome["result"] = json!("updated");
            }
        }
        json!({kind: outcome})
    }
}

/// Sets `mark` once.
struct Mark;

impl Edit for Mark {
    fn change(&self, source: &str) -> Result<Option<Change>, String> {
        let source: Value = serde_json::from_str(source).map_err(|error| error.to_string())?;
        if source["n"] == "odd" {
            return Err("it is odd".to_owned());
        }
        Ok((source["mark"] != json!(1)).then(|| Change { bulk: BulkChange::Merge(mark()), n_outliers: 2 }))
    }
}

fn mark() -> Box<RawValue> {
    to_raw_value(&json!({"mark": 1})).unwrap()
}

async fn client(server: &Script, deadline: Duration, interrupt: &Interrupt) -> Client {
    let settings = ElasticSettings {
        es_urls: vec![server.url.clone()],
        es_retry_deadline: deadline,
        ..ElasticSettings::default()
    };
    Client::connect(&settings, interrupt).await.unwrap()
}

fn edited(index: &str, id: &str, seq_no: i64) -> Edited<Mark> {
    Edited {
        id: DocumentId { index: index.to_owned(), id: id.to_owned(), routing: None },
        version: DocumentVersion { seq_no, primary_term: 1 },
        change: Some(Change { bulk: BulkChange::Merge(mark()), n_outliers: 2 }),
        edit: Mark,
    }
}

/// Marks `n_documents` documents of a cluster with these faults.
async fn write(
    n_documents: usize,
    whole: WholeFault,
    item: ItemFault,
) -> (Written, Option<ElasticError>, Arc<Cluster>) {
    write_within(n_documents, Duration::from_secs(20), whole, item).await
}

async fn write_within(
    n_documents: usize,
    deadline: Duration,
    whole: WholeFault,
    item: ItemFault,
) -> (Written, Option<ElasticError>, Arc<Cluster>) {
    let cluster = Cluster::with(n_documents);
    let shared = Arc::clone(&cluster);
    let server = Script::start(move |request| shared.answer(request, whole, item));
    let client = client(&server, deadline, &Interrupt::default()).await;
    let mut writer = DocumentWriter::new(&client);
    let mut n_refused = 0;
    for block in (0..n_documents).collect::<Vec<_>>().chunks(2000) {
        let documents = block.iter().map(|n| edited(&format!("i{}", n % 2), &format!("{n:03}"), *n as i64)).collect();
        if !writer.write(documents).await {
            n_refused += block.len() as u64;
        }
    }
    let (mut written, ended) = writer.finish().await;
    written.not_written += n_refused;
    let n_counted = written.updated + written.unchanged + written.gone + written.conflicts + written.rejected;
    let n_counted = n_counted + written.not_written + written.blocked.values().sum::<u64>();
    assert_eq!(n_counted, n_documents as u64, "{written:?}");
    (written, ended, cluster)
}

fn assert_all_marked(cluster: &Cluster) {
    for (n, source) in cluster.sources().iter().enumerate() {
        assert_eq!(source["mark"], 1, "{n} {source}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_documents_are_written_in_chunks() {
    let (written, ended, cluster) = write(4500, no_fault, no_item_fault).await;
    assert!(ended.is_none());
    assert_eq!(written, Written { updated: 4500, outliers: 9000, ..Written::default() });
    assert_all_marked(&cluster);
    assert_eq!(cluster.n_bulks.load(Ordering::Relaxed), 3);
    assert!(written.missing().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn large_changes_are_sent_before_many_have_gathered() {
    let cluster = Cluster::with(40);
    let shared = Arc::clone(&cluster);
    let server = Script::start(move |request| shared.answer(request, no_fault, no_item_fault));
    let client = client(&server, Duration::from_secs(20), &Interrupt::default()).await;
    let mut writer = DocumentWriter::new(&client);
    let large = to_raw_value(&json!({"mark": "x".repeat(1 << 20)})).unwrap();
    let change = || Some(Change { bulk: BulkChange::Replace(large.clone()), n_outliers: 1 });
    for n in 0..40 {
        let document = Edited { change: change(), ..edited(&format!("i{}", n % 2), &format!("{n:03}"), n) };
        assert!(writer.write(vec![document]).await);
    }
    // one is in the channel, five wait to be sent, twice five are in flight; the others were
    // answered while they were handed over
    let n_sent = cluster.n_bulks.load(Ordering::Relaxed);
    assert!(n_sent >= 3, "{n_sent} requests");
    let (written, _) = writer.finish().await;
    assert_eq!((written.updated, cluster.n_bulks.load(Ordering::Relaxed) >= 8), (40, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_changed_by_others_are_read_and_changed_again() {
    let (written, _, cluster) = write(40, no_fault, |cluster, n_bulk, head| {
        let (index, id) = (head["update"]["_index"].as_str().unwrap(), head["update"]["_id"].as_str().unwrap());
        // someone else is faster with some documents, three times
        if n_bulk < 3 && id.ends_with('7') {
            cluster.put(index, id, json!({"n": 7, "other": n_bulk}));
        }
        None
    })
    .await;
    assert_eq!(written, Written { updated: 40, outliers: 80, ..Written::default() });
    assert_all_marked(&cluster);
    assert_eq!(cluster.sources().iter().filter(|source| source["other"] == 2).count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_others_keep_changing_are_given_up() {
    let (written, ended, cluster) =
        write(3, no_fault, |_, _, head| (head["update"]["_id"] == "001").then_some(CONFLICT)).await;
    assert!(ended.is_none());
    assert_eq!(written, Written { updated: 2, outliers: 4, conflicts: 1, ..Written::default() });
    assert_eq!(cluster.n_bulks.load(Ordering::Relaxed), 6);
    assert_eq!(written.missing(), ["1 document was not written: conflicts with other writers; run again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_can_end_as_unchanged_deleted_or_rejected() {
    let (written, _, _) = write(5, no_fault, |cluster, n_bulk, head| {
        let (index, id) = (head["update"]["_index"].as_str().unwrap(), head["update"]["_id"].as_str().unwrap());
        match (n_bulk, id) {
            (0, "001") => cluster.put(index, id, json!({"mark": 1})),
            (0, "002") => drop(cluster.documents.lock().unwrap().remove(&(index.to_owned(), id.to_owned()))),
            (0, "003") => cluster.put(index, id, json!({"n": "odd"})),
            (0, "004") => {
                cluster.documents.lock().unwrap().remove(&(index.to_owned(), id.to_owned()));
                return Some(CONFLICT);
            }
            _ => {}
        }
        None
    })
    .await;
    let expected = Written {
        updated: 1,
        outliers: 2,
        unchanged: 1,
        gone: 2,
        rejected: 1,
        rejected_samples: vec!["i1 003: it is odd".to_owned()],
        ..Written::default()
    };
    assert_eq!(written, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_documents_that_the_server_could_not_take_are_sent_again() {
    let (written, ended, cluster) = write(
        1500,
        |cluster, n_bulk, changes| {
            let n_busy = 4;
            // accepted documents are not sent again
            assert!(
                n_bulk < n_busy
                    || changes.iter().all(|(head, _)| head["update"]["_id"].as_str().unwrap().ends_with('3'))
            );
            assert!(cluster.n_bulks.load(Ordering::Relaxed) < 20);
            None
        },
        |_, n_bulk, head| {
            let is_busy = n_bulk < 4 && head["update"]["_id"].as_str().unwrap().ends_with('3');
            is_busy.then_some(if n_bulk % 2 == 0 {
                (429, "es_rejected_execution_exception", "rejected execution")
            } else {
                (503, "unavailable_shards_exception", "primary shard is not active")
            })
        },
    )
    .await;
    assert!(ended.is_none());
    assert_eq!(written, Written { updated: 1500, outliers: 3000, ..Written::default() });
    assert_all_marked(&cluster);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_a_busy_server_is_sent_again() {
    let busy: WholeFault = |_, n_bulk, _| match n_bulk {
        0 => Some(Reply::With(429, "retry-after: 0\r\n".to_owned(), String::new())),
        1 => Some(Reply::Json(503, String::new())),
        _ => None,
    };
    let (written, ended, cluster) = write(10, busy, no_item_fault).await;
    assert!(ended.is_none());
    assert_eq!((written.updated, cluster.n_bulks.load(Ordering::Relaxed)), (10, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_answer_was_lost_is_not_applied_twice() {
    let lost: WholeFault = |cluster, n_bulk, changes| {
        if n_bulk > 0 {
            return None;
        }
        changes.iter().for_each(|(head, body)| drop(cluster.change(head, body, None)));
        Some(Reply::Hang)
    };
    let (written, ended, cluster) = write(20, lost, no_item_fault).await;
    assert!(ended.is_none());
    assert_eq!(written, Written { updated: 20, outliers: 40, ..Written::default() });
    assert_all_marked(&cluster);
    // lost, then a conflict; after reading again there is nothing to do
    assert_eq!(cluster.n_bulks.load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_too_large_are_halved() {
    let small: WholeFault = |_, _, changes| (changes.len() > 130).then(|| Reply::Json(413, String::new()));
    let (written, ended, cluster) = write(1000, small, no_item_fault).await;
    assert!(ended.is_none());
    assert_eq!(written.updated, 1000);
    // 1000, 500, 250 are too many at once
    let n_bulks = cluster.n_bulks.load(Ordering::Relaxed);
    assert!((10..=16).contains(&n_bulks), "{n_bulks}");
    let nothing: WholeFault = |_, _, _| Some(Reply::Json(413, "too large".to_owned()));
    let (written, ended, _) = write(3, nothing, no_item_fault).await;
    assert!(ended.is_none());
    assert_eq!((written.rejected, written.rejected_samples.len()), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_documents_do_not_affect_the_others() {
    let (written, ended, cluster) = write(20, no_fault, |_, _, head| {
        (head["update"]["_index"] == "i1").then_some((400, "document_parsing_exception", "failed to parse\u{1b}[2J"))
    })
    .await;
    assert!(ended.is_none());
    assert_eq!((written.updated, written.rejected, written.rejected_samples.len()), (10, 10, 5));
    let sample = &written.rejected_samples[0];
    assert_eq!(sample, "i1 001: status 400 document_parsing_exception: failed to parse\\u{1b}[2J");
    assert_eq!(cluster.n_bulks.load(Ordering::Relaxed), 1);
    assert!(written.missing()[0].starts_with("10 documents were not written: first i1 001: status 400"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_loses_a_mapping_race_is_sent_again() {
    const RACE: (u16, &str, &str) =
        (400, "illegal_argument_exception", "mapper [outliers.metric] cannot be changed from type [float] to [long]");
    let (written, ended, cluster) = write(6, no_fault, |_, n_bulk, head| {
        (n_bulk == 0 && head["update"]["_id"] == "003" || head["update"]["_id"] == "005").then_some(RACE)
    })
    .await;
    assert!(ended.is_none());
    assert_eq!((written.updated, written.rejected, cluster.n_bulks.load(Ordering::Relaxed)), (5, 1, 6));
    assert!(written.rejected_samples[0].contains("cannot be changed from type"), "{written:?}");
    assert!(written.missing()[0].contains("ee-outliers setup"), "{written:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_index_is_named_and_not_retried() {
    let blocked: ItemFault = |_, _, head| {
        let reason = "index [i1] blocked by: [FORBIDDEN/8/index write (api)];";
        (head["update"]["_index"] == "i1").then_some((403, "cluster_block_exception", reason))
    };
    let none_later: WholeFault = |_, n_bulk, changes| {
        assert!(n_bulk < 2 || changes.iter().all(|(head, _)| head["update"]["_index"] == "i0"));
        None
    };
    let (written, ended, _) = write(6000, none_later, blocked).await;
    assert!(ended.is_none());
    assert_eq!((written.updated, &written.blocked), (3000, &BTreeMap::from([("i1".to_owned(), 3000)])));
    assert_eq!(written.missing().len(), 1);
    assert!(
        written.missing()[0].contains("3,000 documents of index i1") && written.missing()[0].contains("FORBIDDEN/8")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_without_space_blocks_only_itself_until_the_deadline() {
    let full: ItemFault = |_, _, head| {
        let reason = "index [i1] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark];";
        (head["update"]["_index"] == "i1").then_some((429, "cluster_block_exception", reason))
    };
    let (written, ended, _) = write_within(20, Duration::ZERO, no_fault, full).await;
    assert!(ended.is_none());
    assert_eq!((written.updated, written.blocked.get("i1")), (10, Some(&10)));
    assert!(written.missing()[0].contains("flood-stage"));
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_missing_if_the_server_stays_busy_past_the_deadline() {
    let busy: ItemFault =
        |_, _, head| (head["update"]["_id"] == "003").then_some((429, "es_rejected_execution_exception", "full"));
    let (written, ended, _) = write_within(10, Duration::ZERO, no_fault, busy).await;
    assert!(ended.is_none());
    assert_eq!((written.updated, written.rejected), (9, 1));
    let (written, ended, _) = write_within(10, Duration::ZERO, |_, _, _| Some(Reply::Hang), no_item_fault).await;
    assert!(matches!(ended, Some(ElasticError::Unreachable { .. })), "{ended:?}");
    assert_eq!((written.updated, written.not_written, written.in_doubt), (0, 10, 10));
    assert!(written.missing()[0].contains("10 documents were not written"));
}

/// Whoever sent something and heard nothing knows nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_known_to_be_written_is_in_doubt() {
    let all_lost: WholeFault = |cluster, _, changes| {
        changes.iter().for_each(|(head, body)| drop(cluster.change(head, body, None)));
        Some(Reply::Hang)
    };
    let (written, ended, cluster) = write_within(10, Duration::ZERO, all_lost, no_item_fault).await;
    assert!(matches!(ended, Some(ElasticError::Unreachable { may_have_arrived: true, .. })), "{ended:?}");
    assert_all_marked(&cluster);
    assert_eq!((written.updated, written.not_written, written.in_doubt), (0, 10, 10));
    let so_far = "10 documents may have been changed, as the answer of the server was lost";
    assert_eq!(written.so_far().as_deref(), Some(so_far));
    let missing = "10 documents were not written: the run ended first; 10 documents may have been changed all the \
                   same, as the answer of the server was lost: run again";
    assert_eq!(written.missing(), [missing]);
    // a server that says no has changed nothing
    let busy: WholeFault = |_, _, _| Some(Reply::Json(503, String::new()));
    let (written, ended, _) = write_within(10, Duration::ZERO, busy, no_item_fault).await;
    assert!(ended.is_some());
    assert_eq!((written.not_written, written.in_doubt, written.so_far()), (10, 0, None));
    let partly = Written { updated: 3, not_written: 8, in_doubt: 7, ..Written::default() };
    let expected = "3 documents were changed, 7 documents may have been changed, as the answer of the server was lost, \
                    1 was not";
    assert_eq!(partly.so_far().as_deref(), Some(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_write_privileges_ends_the_run() {
    let forbidden: ItemFault = |_, _, head| {
        let reason = "action [indices:data/write/bulk[s]] is unauthorized for user [u]";
        (head["update"]["_index"] == "i1").then_some((403, "security_exception", reason))
    };
    let (written, ended, _) = write(5000, no_fault, forbidden).await;
    let Some(error @ ElasticError::Refused { .. }) = ended else { panic!("{ended:?}") };
    assert!(error.to_string().contains("i1") && error.to_string().contains("docs/elasticsearch.md"), "{error}");
    assert!(written.not_written >= 3000, "{written:?}");
    let whole: WholeFault = |_, _, _| Some(Reply::Json(401, String::new()));
    let (written, ended, cluster) = write(5000, whole, no_item_fault).await;
    assert!(matches!(ended, Some(ElasticError::Refused { .. })), "{ended:?}");
    assert_eq!(written.not_written, 5000);
    assert!(cluster.n_bulks.load(Ordering::Relaxed) <= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_do_not_match_the_request_are_rejected() {
    let surplus: WholeFault = |cluster, n_bulk, changes| {
        if n_bulk > 0 {
            return None;
        }
        let mut items: Vec<Value> = changes.iter().map(|(head, body)| cluster.change(head, body, None)).collect();
        items.push(items[0].clone());
        Some(Reply::Json(200, json!({"items": items}).to_string()))
    };
    let (written, ended, cluster) = write(10, surplus, no_item_fault).await;
    assert!(ended.is_none());
    assert_eq!(written, Written { updated: 10, outliers: 20, ..Written::default() });
    assert_eq!(cluster.n_bulks.load(Ordering::Relaxed), 1);
    let never: WholeFault = |_, _, _| Some(Reply::Json(200, json!({"items": []}).to_string()));
    let (written, ended, _) = write(2, never, no_item_fault).await;
    assert!(ended.is_none());
    assert_eq!(written.rejected, 2);
    assert!(written.rejected_samples[0].contains("it has 0 items"), "{written:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_counts_its_work() {
    let cluster = Cluster::with(6000);
    let shared = Arc::clone(&cluster);
    let interrupt = Interrupt::default();
    let flag = interrupt.clone();
    let server = Script::start(move |request| {
        if request.line.contains("_bulk") {
            flag.raise();
        }
        shared.answer(request, no_fault, no_item_fault)
    });
    let client = client(&server, Duration::from_secs(20), &interrupt).await;
    let mut writer = DocumentWriter::new(&client);
    assert!(writer.write((0..6000).map(|n| edited(&format!("i{}", n % 2), &format!("{n:03}"), n)).collect()).await);
    // timing decides whether it is refused, or accepted but not written
    let n_refused = u64::from(!writer.write(vec![edited("i0", "000", 0)]).await);
    let (written, ended) = writer.finish().await;
    assert!(matches!(ended, Some(ElasticError::Interrupted(_))));
    let n_marked = cluster.sources().iter().filter(|source| source["mark"] == 1).count() as u64;
    assert_eq!((written.updated, written.updated + written.not_written + n_refused), (n_marked, 6001));
    assert!((2000..=4000).contains(&n_marked), "{n_marked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_changes_nothing_is_sent() {
    let server = Script::behind_hello(|_| Reply::Json(500, String::new()));
    let client = client(&server, Duration::ZERO, &Interrupt::default()).await;
    let mut writer = DocumentWriter::new(&client);
    assert!(writer.write(vec![Edited { change: None, ..edited("i0", "000", 0) }]).await);
    let (written, ended) = writer.finish().await;
    assert_eq!((written, ended.is_none()), (Written { unchanged: 1, ..Written::default() }, true));
    assert!(server.received().is_empty());
}
