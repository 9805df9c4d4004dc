//! Faults of a server and of the network: a run finds and writes the same as without faults, or
//! reports what is missing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::bench::{Bench, Stored};
use super::fault::{Fault, Proxy, call};
use super::front::Request;
use super::kind::Kind;
use super::levels::{USE_CASE, documents, mappings};
use super::node::Node;
use crate::program::{self, Finished};

/// Longer than any test waits.
const FOR_EVER: Duration = Duration::from_secs(600);

const RUN: &str =
    "run -q --config cluster.conf --use-cases use_case.conf --from 2024-01-01T00:00:00Z --report report.json";

/// Index of 80 documents behind a proxy; the use case finds half of them.
struct Faulty {
    bench: Bench,
    index: String,
}

impl Faulty {
    fn new(kind: Kind, name: &str) -> Self {
        Self::on(Bench::new(kind), name)
    }

    fn on(bench: Bench, name: &str) -> Self {
        let index = format!("faults-{name}");
        let events: Vec<_> = (0..40).flat_map(|n| documents(&format!("e{n:02}"))).collect();
        bench.index(&index, &mappings(), &events);
        bench.write("use_case.conf", USE_CASE);
        Self { bench, index }
    }

    /// Puts the server behind a proxy, with more lines of `[general]`.
    fn behind(&self, more: &str, judge: impl Fn(&Request) -> Fault + Send + Sync + 'static) {
        let proxy = Proxy::start(self.bench.node, judge);
        let (url, index) = (&proxy.url, &self.index);
        let general = format!("[general]\nes_url={url}\nes_index_pattern={index}\nes_save_results=1\n{more}");
        self.bench.write("cluster.conf", &general);
    }

    fn run(&self) -> Finished {
        self.bench.run(RUN)
    }

    fn report(&self) -> Value {
        self.bench.report("report.json").json().clone()
    }

    /// Returns the documents by id.
    fn stored(&self) -> BTreeMap<String, Stored> {
        self.bench.stored(&self.index)
    }

    /// Checks that exactly the important documents have their outlier.
    fn assert_written(&self, what: &str) {
        let stored = self.stored();
        assert_eq!(stored.len(), 120, "{} {what}", self.bench.name());
        for (id, document) in stored {
            let summaries = document.texts("summary");
            let expected = if id.ends_with("-2") { vec![] } else { vec![format!("high in {}", &id[..3])] };
            assert_eq!(summaries, expected, "{} {what} {id}", self.bench.name());
        }
    }

    fn assert_untouched(&self, what: &str) {
        let touched: Vec<String> =
            self.stored().into_iter().filter(|(_, document)| document.version.0 > 1).map(|(id, _)| id).collect();
        assert_eq!(touched, Vec::<String>::new(), "{} {what}", self.bench.name());
    }

    /// Counts the search contexts that are open on the server.
    fn open_contexts(&self) -> u64 {
        let stats = self.bench.node.ask("GET", &format!("/{}/_stats/search", self.index), None);
        stats["_all"]["total"]["search"]["open_contexts"].as_u64().expect("a count")
    }
}

/// Puts an error into the first item of a multi-get.
fn fail_first_item(answer: &mut Value, error_type: &str) {
    let item = &mut answer["docs"][0];
    let (index, id) = (item["_index"].take(), item["_id"].take());
    let error = json!({"root_cause": [], "type": error_type, "reason": "No shard available for [get]"});
    *item = json!({"_index": index, "_id": id, "error": error});
}

/// Changes a document behind the program's back.
fn disturb(bench: &Bench, index: &str, id: &str) {
    bench.node.ask("POST", &format!("/{index}/_update/{id}"), Some(&json!({"doc": {"note": "changed"}})));
}

#[test]
fn the_run_waits_for_documents_that_cannot_be_read_now() {
    for kind in Kind::ALL {
        let faulty = Faulty::new(kind, "mget");
        let n_reads = AtomicUsize::new(0);
        let n_fields = AtomicUsize::new(0);
        let has_disturbed = AtomicBool::new(false);
        let index = faulty.index.clone();
        let other = Bench::new(kind);
        faulty.behind("", move |request| match call(request) {
            // each read fails in one way, then in another, then works: for descriptions, and again
            // after a conflict
            "POST /_mget" => match n_reads.fetch_add(1, Ordering::Relaxed) % 3 {
                0 => Fault::edit(|answer| fail_first_item(answer, "no_shard_available_action_exception")),
                1 => Fault::Answer(200, "<html>".to_owned()),
                _ => Fault::None,
            },
            "POST /_bulk" if !has_disturbed.swap(true, Ordering::Relaxed) => {
                disturb(&other, &index, "e07-1");
                Fault::None
            }
            line if line.ends_with("/_field_caps") && n_fields.fetch_add(1, Ordering::Relaxed) == 0 => {
                Fault::Answer(200, "{\"fields\":".to_owned())
            }
            _ => Fault::None,
        });
        faulty.run().expect_code(0);
        faulty.assert_written("mget");
        assert_eq!(faulty.stored()["e07-1"].source["note"], "changed");
        assert_eq!(faulty.report()["written"]["updated"], 80);
    }
}

/// Starts a run, waits for the proxy's signal, and interrupts the run.
fn interrupted(faulty: &Faulty, seen: &Receiver<()>) -> Finished {
    let child = program::start(faulty.bench.path(), &RUN.split_whitespace().collect::<Vec<_>>());
    if seen.recv_timeout(Duration::from_secs(60)).is_err() {
        panic!("{:?}", program::finish(child));
    }
    program::signal(&child, "TERM");
    program::finish(child)
}

#[test]
fn a_signal_ends_every_request_that_hangs() {
    for (kind, wanted) in [
        (Kind::OpenSearch3, "GET /"),
        (Kind::OpenSearch3, "POST /faults-signal/_search"),
        (Kind::Elasticsearch7, "POST /faults-signal/_search"),
        (Kind::OpenSearch3, "POST /_search"),
        (Kind::Elasticsearch8, "GET /faults-signal/_field_caps"),
        (Kind::Elasticsearch9, "POST /_mget"),
    ] {
        let faulty = Faulty::new(kind, "signal");
        let (sender, seen) = channel();
        let has_ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&has_ended);
        faulty.behind("", move |request| {
            if call(request) != wanted {
                return Fault::None;
            }
            // the test may be over
            let _ = sender.send(());
            std::thread::sleep(FOR_EVER);
            flag.store(true, Ordering::Relaxed);
            Fault::Hang(Duration::ZERO)
        });
        let finished = interrupted(&faulty, &seen).expect_code(75);
        assert!(finished.stderr.contains("interrupted: nothing was written"), "{wanted}: {}", finished.stderr);
        assert!(!has_ended.load(Ordering::Relaxed), "{wanted}");
        faulty.assert_untouched(wanted);
        assert_eq!(faulty.open_contexts(), 0, "{wanted}");
    }
}

#[test]
fn writes_in_flight_can_finish_after_a_signal() {
    for kind in Kind::ALL {
        let faulty = Faulty::new(kind, "late");
        let (sender, seen) = channel();
        faulty.behind("", move |request| match call(request) {
            "POST /_bulk" => {
                let _ = sender.send(());
                Fault::Late(Duration::from_secs(2))
            }
            _ => Fault::None,
        });
        let finished = interrupted(&faulty, &seen).expect_code(75);
        assert!(finished.stderr.contains("80 documents were changed"), "{}", finished.stderr);
        faulty.assert_written("late");
    }
}

#[test]
fn a_hanging_write_is_dropped_half_a_minute_after_a_signal() {
    let faulty = Faulty::new(Kind::OpenSearch3, "stuck");
    let (sender, seen) = channel();
    faulty.behind("", move |request| match call(request) {
        "POST /_bulk" => {
            let _ = sender.send(());
            Fault::Hang(FOR_EVER)
        }
        _ => Fault::None,
    });
    let finished = interrupted(&faulty, &seen).expect_code(75);
    // the server may have taken it
    let told = "interrupted: 80 documents may have been changed, as the answer of the server was lost";
    assert!(finished.stderr.contains(told), "{}", finished.stderr);
    let written = &faulty.report()["written"];
    assert_eq!((&written["not_written"], &written["in_doubt"]), (&json!(80), &json!(80)));
    faulty.assert_untouched("stuck");
}

#[test]
fn an_index_that_is_deleted_before_the_write_stays_deleted() {
    for kind in Kind::ALL {
        let faulty = Faulty::new(kind, "deleted");
        let left = Faulty { bench: Bench::new(kind), index: "faults-deleted-not".to_owned() };
        left.bench.index(&left.index, &mappings(), &documents("one"));
        let index = faulty.index.clone();
        let is_deleted = AtomicBool::new(false);
        let other = Bench::new(kind);
        faulty.behind("", move |request| {
            if call(request) == "POST /_bulk" && !is_deleted.swap(true, Ordering::Relaxed) {
                other.node.ask("DELETE", &format!("/{index}"), None);
            }
            Fault::None
        });
        let config = std::fs::read_to_string(faulty.bench.path().join("cluster.conf")).expect("it was written");
        faulty.bench.write("cluster.conf", &config.replace("faults-deleted\n", "faults-deleted*\n"));
        faulty.run().expect_code(0);
        let written = faulty.report()["written"].clone();
        assert_eq!((&written["gone"], &written["updated"]), (&json!(80), &json!(2)), "{}: {written}", kind.name());
        let answer = faulty.bench.node.send("GET", &format!("/{}", faulty.index), None);
        assert_eq!(answer.status, 404, "{}: {}", kind.name(), answer.body);
        assert_eq!(left.stored()["one-1"].texts("summary"), ["high in one"]);
    }
}

#[test]
fn an_index_that_is_closed_before_the_write_makes_the_run_partial() {
    for kind in Kind::ALL {
        for closes_at in ["POST /_bulk", "POST /_mget"] {
            let faulty = Faulty::new(kind, "closed");
            let index = faulty.index.clone();
            let n_calls = AtomicUsize::new(0);
            let other = Bench::new(kind);
            let housekeeping = "es_wipe_all_whitelisted_outliers=1\n[whitelist_literals]\nknown=nobody\n";
            faulty.behind(housekeeping, move |request| {
                if call(request) == closes_at && n_calls.fetch_add(1, Ordering::Relaxed) == 0 {
                    other.node.ask("POST", &format!("/{index}/_close"), None);
                }
                Fault::None
            });
            let finished = faulty.run().expect_code(3);
            let what = format!("{} {closes_at}: {}", kind.name(), finished.stderr);
            assert!(finished.stderr.contains("closed"), "{what}");
            faulty.bench.node.ask("POST", &format!("/{}/_open", faulty.index), None);
            faulty.bench.node.ask(
                "GET",
                &format!("/_cluster/health/{}?wait_for_status=yellow&timeout=60s", faulty.index),
                None,
            );
            faulty.assert_untouched(&what);
        }
    }
}

#[test]
fn search_contexts_are_closed_even_if_their_first_answers_are_incomplete() {
    for kind in Kind::ALL {
        let faulty = Faulty::new(kind, "contexts");
        faulty.behind("es_retry_deadline=3\n", |request| match call(request) {
            line if line.ends_with("/_search") && !line.ends_with("/_search/scroll") => {
                let is_page = request.line.contains("scroll=") || call(request) == "POST /_search";
                if is_page { Fault::edit(|answer| answer["timed_out"] = json!(true)) } else { Fault::None }
            }
            _ => Fault::None,
        });
        let finished = faulty.run().expect_code(4);
        assert!(finished.stderr.contains("before it had seen all documents"), "{}", finished.stderr);
        assert_eq!(faulty.open_contexts(), 0, "{}", kind.name());
        faulty.assert_untouched("contexts");
    }
}

#[test]
fn an_incomplete_page_is_read_again_and_never_evaluated() {
    for kind in Kind::ALL {
        for n_faults in [1, usize::MAX] {
            let faulty = Faulty::new(kind, "short");
            let n_pages = AtomicUsize::new(0);
            faulty.behind("es_retry_deadline=5\n", move |request| {
                let is_page = request.line.contains("scroll=") || call(request) == "POST /_search";
                if is_page && n_pages.fetch_add(1, Ordering::Relaxed) < n_faults {
                    return Fault::edit(|answer| {
                        answer["hits"]["hits"].as_array_mut().expect("hits").pop();
                    });
                }
                Fault::None
            });
            if n_faults == 1 {
                faulty.run().expect_code(0);
                faulty.assert_written("short once");
            } else {
                let finished = faulty.run().expect_code(4);
                assert!(finished.stderr.contains("of 80 documents were returned"), "{}", finished.stderr);
                faulty.assert_untouched("short for ever");
            }
            assert_eq!(faulty.open_contexts(), 0, "{}", kind.name());
        }
    }
}

#[test]
fn credentials_without_read_privileges_end_the_run() {
    let refused = r#"{"error":{"type":"security_exception","reason":"action [indices:data/read/mget] is unauthorized"},"status":403}"#;
    for kind in Kind::ALL {
        let faulty = Faulty::new(kind, "refused");
        faulty.behind("", |request| match call(request) {
            "POST /_mget" => Fault::Answer(403, refused.to_owned()),
            _ => Fault::None,
        });
        let finished = faulty.run().expect_code(77);
        assert!(finished.stderr.contains("unauthorized"), "{}", finished.stderr);
        // a role may be refused for one index only
        faulty.behind("", |request| match call(request) {
            "POST /_mget" => Fault::edit(|answer| fail_first_item(answer, "security_exception")),
            _ => Fault::None,
        });
        faulty.run().expect_code(77);
        faulty.assert_untouched("refused");
    }
}

fn check_restarts(kind: Kind) {
    let node = Node::of_its_own(kind);
    for crashes_at in ["a page", "POST /_mget", "POST /_bulk"] {
        let faulty = Faulty::on(Bench::on(node), "restart");
        let has_crashed = AtomicBool::new(false);
        // several pages, so that reading continues after the restart
        faulty.behind("es_scan_size=10\n", move |request| {
            let is_page = request.line.contains("/_search/scroll") || call(request) == "POST /_search";
            let is_there = if crashes_at == "a page" { is_page } else { call(request) == crashes_at };
            if is_there && !has_crashed.swap(true, Ordering::Relaxed) {
                node.crash();
                std::thread::spawn(|| node.come_back());
                return Fault::Hang(Duration::ZERO);
            }
            Fault::None
        });
        faulty.run().expect_code(0);
        faulty.assert_written(crashes_at);
        assert_eq!(faulty.report()["written"]["updated"], 80, "{} {crashes_at}", kind.name());
    }
}

#[test]
fn a_run_survives_restarts_of_opensearch_3() {
    check_restarts(Kind::OpenSearch3);
}

#[test]
fn a_run_survives_restarts_of_elasticsearch_7() {
    check_restarts(Kind::Elasticsearch7);
}

#[test]
fn a_run_survives_restarts_of_elasticsearch_8() {
    check_restarts(Kind::Elasticsearch8);
}

#[test]
fn a_run_survives_restarts_of_elasticsearch_9() {
    check_restarts(Kind::Elasticsearch9);
}
