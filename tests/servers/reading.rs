//! What `es_index` may name, and what happens when it is not there.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::bench::Bench;
use super::kind::Kind;
use super::levels::{USE_CASE, documents, fill_routed, fill_stream, mappings};

/// Runs one use case over `es_index`; exit code, messages, and the ids of the documents that it found.
fn find(bench: &Bench, es_index: &str) -> (i32, String, BTreeSet<String>) {
    bench.write_cluster("reading-no-such-default", "es_save_results=0\n");
    let use_case = USE_CASE.replace("run_model=1", &format!("es_index={es_index}\nrun_model=1"));
    bench.write("use_case.conf", &use_case);
    let finished = bench.run(
        "run --config cluster.conf --use-cases use_case.conf --from 2024-01-01T00:00:00Z -o out.ndjson --report report.json",
    );
    let output = bench.output("out.ndjson");
    let ids = output.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["_id"].take());
    let ids = ids.map(|id| id.as_str().expect("a text").to_owned()).collect();
    (finished.code, finished.stderr, ids)
}

fn check_names(kind: Kind) {
    let bench = Bench::new(kind);
    for name in ["reading-a", "reading-b", "reading-other", "reading-closed"] {
        bench.index(name, &mappings(), &documents(name));
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
        // what is closed is not read by a wildcard
        ("reading-*", vec![a, b, other]),
        ("reading-*,-reading-o*", vec![a, b]),
        ("*eading-a,reading-other", vec![a, other]),
        ("all-reading", vec![a, b]),
        ("filtered-reading", vec![b]),
        ("reading-a,all-reading", vec![a, b]),
        ("nothing-is-named-so-*", vec![]),
    ] {
        let (code, messages, found) = find(&bench, es_index);
        assert_eq!(code, 0, "{} {es_index}: {messages}", bench.name());
        let expected = expected.iter().flat_map(|name| [format!("{name}-1"), format!("{name}-3")]).collect();
        assert_eq!(found, expected, "{} {es_index}", bench.name());
    }
    for es_index in ["reading-missing", "reading-a,reading-missing"] {
        let (code, messages, found) = find(&bench, es_index);
        assert_eq!((code, found.len()), (3, 0), "{} {es_index}: {messages}", bench.name());
        assert!(messages.contains("does not exist") && messages.contains(es_index), "{messages}");
    }
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
fn one_missing_index_leaves_the_other_use_cases_alone() {
    for kind in Kind::ALL {
        let bench = Bench::new(kind);
        bench.index("present", &mappings(), &documents("present"));
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
        let expected: BTreeSet<String> = (0..30).map(|idx| format!("r{idx}")).collect();
        let (code, messages, found) = find(&bench, "routed");
        assert_eq!((code, &found), (0, &expected), "{}: {messages}", bench.name());
    }
}

#[test]
fn data_streams_are_read_by_their_name() {
    // Elasticsearch 7 has none without its commercial part
    for kind in [Kind::OpenSearch3, Kind::Elasticsearch8, Kind::Elasticsearch9] {
        let bench = Bench::new(kind);
        fill_stream(&bench, "stream-reading");
        let expected: BTreeSet<String> = ["after-1", "after-3", "before-1", "before-3"].map(str::to_owned).into();
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
