//! Use cases that cannot use the documents of a cluster, and clusters without documents.

use serde_json::{Value, json};

use super::bench::{Bench, Document};
use super::kind::Kind;

const INDEX: &str = "usability";

fn fill(bench: &Bench) {
    let names = json!({"properties": {"name": {"type": "keyword"}, "words": {"type": "text", "fields": {"raw": {"type": "keyword"}}}}});
    let mappings = json!({"properties": {
        "@timestamp": {"type": "date"}, "when": {"type": "keyword"}, "host": names, "labels": {"type": "object", "dynamic": false}
    }});
    let source = |minute: usize| json!({"@timestamp": format!("2024-05-01T10:{minute:02}:00Z"), "when": "soon", "host": {"name": "a"}, "labels": {"x": 1}});
    let document = |idx: usize| Document { id: idx.to_string(), source: source(idx).to_string() };
    bench.index(INDEX, &mappings, &(0..10).map(document).collect::<Vec<_>>());
}

/// Runs one use case; returns the exit code, the messages and the report.
fn run(bench: &Bench, keys: &str, times: &str) -> (i32, String, Value) {
    bench.write_cluster(INDEX, "es_save_results=0\n");
    let keys = keys.replace("; ", "\n");
    bench.write(
        "use_case.conf",
        &format!("[{keys}\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\n"),
    );
    let line =
        format!("run --config cluster.conf --use-cases use_case.conf {times} -o out.ndjson --report report.json");
    let finished = bench.run(&line);
    (finished.code, finished.stderr, bench.report("report.json").json().clone())
}

fn terms(query: &str, target: &str) -> String {
    format!(
        "terms_x]; es_query_filter={query}; aggregator=when; target={target}; target_count_method=within_aggregator; \
         trigger_on=low; trigger_method=float; trigger_sensitivity=1"
    )
}

fn check(kind: Kind) {
    let bench = Bench::new(kind);
    fill(&bench);
    const ALL: &str = "--from 2024-01-01T00:00:00Z";
    let sudden = "sudden_appearance_x]; es_query_filter=*; aggregator=when; target=host.name; timestamp_field=when; \
                  sliding_window_size=1:0:0; sliding_window_step_size=0:2:0";
    for (keys, code, status, note) in [
        (terms("*", "host.name"), 0, "complete", ""),
        (terms("host.words.raw:x OR host.name:a", "host.name"), 0, "complete", ""),
        (terms("host.name:b", "host.name"), 0, "no_events", ""),
        (
            terms("*", "hostname"),
            3,
            "unusable",
            "the target `hostname` has no usable value in any event; did you mean `host.name`?",
        ),
        (
            terms("hostname:b", "host.name"),
            0,
            "no_events",
            "the query names `hostname` (did you mean `host.name`?), which occurs in no event",
        ),
        (
            terms("NOT nowhere:b", "host.name"),
            3,
            "unusable",
            "the query excludes values of `nowhere`, which occurs in no event: it excludes nothing",
        ),
        (terms("NOT _exists_:_ignored", "host.name"), 0, "complete", ""),
        (terms("NOT host.\\*:zz AND NOT *.exe", "host.name"), 0, "complete", ""),
        (
            terms("+host.name:a nowhere:1", "host.name"),
            0,
            "complete",
            "the query names `nowhere`, which occurs in no event",
        ),
    ] {
        let (found, messages, report) = run(&bench, &keys, ALL);
        assert_eq!(
            (found, &report["use_cases"][0]["status"]),
            (code, &json!(status)),
            "{} {keys}: {messages}",
            bench.name()
        );
        let notes = report["use_cases"][0]["notes"].to_string();
        assert!(
            notes.contains(&json!(note).to_string()[1..].trim_end_matches('"').to_owned()),
            "{} {keys}: {notes}",
            bench.name()
        );
    }
    let (code, messages, _) = run(&bench, sudden, "");
    assert_eq!(code, 4, "the window is relative to now: {messages}");
    assert!(
        messages.contains("no event was read: usability has no document in the period of any use case"),
        "{messages}"
    );
    let (code, messages, _) = run(&bench, &terms("*", "host.name"), "--now 2024-05-02T00:00:00Z");
    assert_eq!(code, 0, "{messages}");
}

#[test]
fn documents_must_fit_on_opensearch_3() {
    check(Kind::OpenSearch3);
}

#[test]
fn documents_must_fit_on_elasticsearch_7() {
    check(Kind::Elasticsearch7);
}

#[test]
fn documents_must_fit_on_elasticsearch_8() {
    check(Kind::Elasticsearch8);
}

#[test]
fn documents_must_fit_on_elasticsearch_9() {
    check(Kind::Elasticsearch9);
}
