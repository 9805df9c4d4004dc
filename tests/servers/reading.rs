//! Valid values of `es_index`, and missing indices.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::bench::Bench;
use super::bench::Document;
use super::kind::Kind;
use super::levels::{N_ROUTED, USE_CASE, fill_routed, fill_stream, important, mappings, n_documents};

/// Documents per index: with pages of one, each slice has at least five.
const N_DOCUMENTS: usize = 40;

/// Runs one use case over `es_index`, with pages of the usual size and of one document each, which
/// must not matter; returns exit code, messages, and the ids of the documents that it found.
fn find(bench: &Bench, es_index: &str) -> (i32, String, BTreeSet<String>) {
    let usual = find_with(bench, es_index, "");
    let paged = find_with(bench, es_index, "es_scan_size=1\n");
    assert_eq!((usual.0, &usual.2), (paged.0, &paged.2), "{} {es_index}: {}", bench.name(), paged.1);
    usual
}

fn find_with(bench: &Bench, es_index: &str, more: &str) -> (i32, String, BTreeSet<String>) {
    drop(std::fs::remove_file(bench.path().join("out.ndjson")));
    bench.write_cluster("reading-no-such-default", &format!("es_save_results=0\n{more}"));
    let use_case = USE_CASE.replace("run_model=1", &format!("es_index={es_index}\nrun_model=1"));
    bench.write("use_case.conf", &use_case);
    let finished = bench.run(
        "run --config cluster.conf --use-cases use_case.conf --from 2024-01-01T00:00:00Z -o out.ndjson --report report.json",
    );
    let output = std::fs::read_to_string(bench.path().join("out.ndjson")).unwrap_or_default();
    let ids = output.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["_id"].take());
    let ids = ids.map(|id| id.as_str().expect("a text").to_owned()).collect();
    (finished.code, finished.stderr, ids)
}

fn check_names(kind: Kind) {
    let bench = Bench::new(kind);
    for name in ["reading-a", "reading-b", "reading-other", "reading-closed"] {
        bench.index(name, &mappings(), &n_documents(name, N_DOCUMENTS));
    }
    bench.node.ask("POST", "/reading-closed/_close", None);
    let only_b = json!({"term": {"name": "reading-b"}});
    let actions = json!({"actions": [
        {"add": {"index": "reading-a", "alias": "all-reading"}},
        {"add": {"index": "reading-b", "alias": "all-reading"}},
        {"add": {"index": "reading-a", "alias": "filtered-reading", "filter": only_b}},
        {"add": {"index": "reading-b", "alias": "filtered-reading", "filter": only_b}},
    ]});
    bench.node.ask("POST", "/_aliases", Some(&actions));
    let (a, b, other) = ("reading-a", "reading-b", "reading-other");
    for (es_index, expected) in [
        ("reading-a", vec![a]),
        ("reading-a,reading-b", vec![a, b]),
        (" reading-b , reading-a ", vec![a, b]),
        // a wildcard skips closed indices
        ("reading-*", vec![a, b, other]),
        ("reading-*,-reading-o*", vec![a, b]),
        ("*eading-a,reading-other", vec![a, other]),
        ("all-reading", vec![a, b]),
        ("filtered-reading", vec![b]),
        ("reading-a,all-reading", vec![a, b]),
    ] {
        let (code, messages, found) = find(&bench, es_index);
        assert_eq!(code, 0, "{} {es_index}: {messages}", bench.name());
        let expected = expected.iter().flat_map(|name| important(name, N_DOCUMENTS)).collect();
        assert_eq!(found, expected, "{} {es_index}", bench.name());
    }
    for es_index in ["reading-missing", "reading-a,reading-missing"] {
        let (code, messages, found) = find(&bench, es_index);
        assert_eq!((code, found.len()), (3, 0), "{} {es_index}: {messages}", bench.name());
        assert!(messages.contains("does not exist") && messages.contains(es_index), "{messages}");
    }
    let (code, messages, found) = find(&bench, "nothing-is-named-so-*");
    assert_eq!((code, found.len()), (4, 0), "{messages}");
    assert!(messages.contains("no event was read: nothing-is-named-so-* has no document"), "{messages}");
    let (code, messages, found) = find(&bench, "other:reading-a");
    assert_eq!((code, found.len()), (3, 0), "{messages}");
    assert!(messages.contains("another cluster"), "{messages}");
}

#[test]
fn names_on_opensearch_3() {
    check_names(Kind::OpenSearch3);
}

#[test]
fn names_on_elasticsearch_7() {
    check_names(Kind::Elasticsearch7);
}

#[test]
fn names_on_elasticsearch_8() {
    check_names(Kind::Elasticsearch8);
}

#[test]
fn names_on_elasticsearch_9() {
    check_names(Kind::Elasticsearch9);
}

#[test]
fn one_missing_index_does_not_affect_other_use_cases() {
    for kind in Kind::ALL {
        let bench = Bench::new(kind);
        bench.index("present", &mappings(), &n_documents("present", 3));
        bench.write_cluster("present", "es_save_results=0\n");
        let section = |name: &str, es_index: &str| {
            format!(
                "[simplequery_{name}]\n{es_index}es_query_filter=level:high\noutlier_type=a\noutlier_reason=b\n\
                 outlier_summary={name}\nrun_model=1\n"
            )
        };
        bench.write("use_cases.conf", &(section("lost", "es_index=absent\n") + &section("found", "")));
        let options = "--from 2024-01-01T00:00:00Z -o out.ndjson --report report.json";
        bench.run(&format!("run --config cluster.conf --use-cases use_cases.conf {options}")).expect_code(3);
        let report = bench.report("report.json");
        let status = |name: &str| {
            let entries = report.json()["use_cases"].as_array().expect("use cases");
            entries.iter().find(|entry| entry["name"] == name).map(|entry| entry["status"].clone())
        };
        assert_eq!(status("simplequery_lost"), Some(json!("failed")), "{}", bench.name());
        assert_eq!(status("simplequery_found"), Some(json!("complete")), "{}", bench.name());
        assert_eq!(bench.output("out.ndjson").lines().count(), 2, "{}", bench.name());
    }
}

#[test]
fn documents_with_a_routing_are_read_again() {
    for kind in Kind::ALL {
        let bench = Bench::new(kind);
        fill_routed(&bench, "routed");
        let expected: BTreeSet<String> = (0..N_ROUTED).map(|idx| format!("r{idx}")).collect();
        let (code, messages, found) = find(&bench, "routed");
        assert_eq!((code, &found), (0, &expected), "{}: {messages}", bench.name());
    }
}

#[test]
fn data_streams_are_read_by_their_name() {
    // Elasticsearch 7 has no data streams without its commercial part
    for kind in [Kind::OpenSearch3, Kind::Elasticsearch8, Kind::Elasticsearch9] {
        let bench = Bench::new(kind);
        fill_stream(&bench, "stream-reading", N_DOCUMENTS);
        let names = ["after", "before"];
        let expected: BTreeSet<String> = names.into_iter().flat_map(|name| important(name, N_DOCUMENTS)).collect();
        for es_index in ["stream-reading", "stream-r*"] {
            let (code, messages, found) = find(&bench, es_index);
            assert_eq!((code, &found), (0, &expected), "{} {es_index}: {messages}", bench.name());
        }
        let indices: BTreeSet<String> = bench
            .output("out.ndjson")
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["_index"].to_string())
            .collect();
        assert!(indices.len() == 2 && indices.iter().all(|index| index.contains(".ds-stream")), "{indices:?}");
    }
}

/// Counts the searches that a server has answered for an index, including pages of scrolls.
fn n_searches(bench: &Bench, index: &str) -> u64 {
    let stats = bench.node.ask("GET", &format!("/{index}/_stats/search"), None);
    let search = &stats["_all"]["total"]["search"];
    search["query_total"].as_u64().expect("a count")
}

#[test]
fn a_small_page_size_gives_many_pages() {
    for kind in Kind::ALL {
        let bench = Bench::new(kind);
        bench.index("pages-small", &mappings(), &n_documents("pages-small", N_DOCUMENTS));
        let before = n_searches(&bench, "pages-small");
        let (code, messages, found) = find_with(&bench, "pages-small", "es_scan_size=1\n");
        assert_eq!((code, found.len()), (0, N_DOCUMENTS / 2), "{}: {messages}", bench.name());
        // two slices, or one; a query and a count come first
        let n_pages = n_searches(&bench, "pages-small") - before;
        assert!(n_pages > N_DOCUMENTS as u64 / 2, "{}: {n_pages} pages", bench.name());
    }
}

fn check_many(kind: Kind) {
    const N: usize = 60_000;
    let bench = Bench::new(kind);
    let event = |idx: usize| Document {
        id: format!("{idx:05}"),
        source: json!({"@timestamp": "2024-05-01T00:00:00Z", "level": "high", "name": "n"}).to_string(),
    };
    bench.index("pages-many", &mappings(), &(0..N).map(event).collect::<Vec<_>>());
    let use_case = USE_CASE.replace("level:high", "level:low OR name:n");
    bench.write("use_case.conf", &use_case.replace("[simplequery_high]", MANY));
    bench.write_cluster("pages-many", "es_save_results=0\n");
    let options = "--from 2024-01-01T00:00:00Z -o out.ndjson --report report.json";
    bench.run(&format!("run --config cluster.conf --use-cases use_case.conf {options}")).expect_code(0);
    let report = bench.report("report.json");
    assert_eq!(report.json()["source"]["events"], N, "{}", bench.name());
    assert_eq!(report.numbers("metrics_many").events, N as u64, "{}", bench.name());
}

/// Reads all events and finds none of them.
const MANY: &str = "\
[metrics_many]
aggregator=name
target=level
metric=length
trigger_on=high
trigger_method=float
trigger_sensitivity=100";

#[test]
fn sixty_thousand_documents_of_one_shard_on_opensearch_3() {
    check_many(Kind::OpenSearch3);
}

#[test]
fn sixty_thousand_documents_of_one_shard_on_elasticsearch_7() {
    check_many(Kind::Elasticsearch7);
}

#[test]
fn sixty_thousand_documents_of_one_shard_on_elasticsearch_8() {
    check_many(Kind::Elasticsearch8);
}

#[test]
fn sixty_thousand_documents_of_one_shard_on_elasticsearch_9() {
    check_many(Kind::Elasticsearch9);
}
