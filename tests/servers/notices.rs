//! Detection documents in a data stream of a real server, by the template of the documentation.

use chrono::DateTime;
use serde_json::Value;

use super::bench::Bench;
use super::kind::Kind;
use crate::notifiers::{channel, tell};
use ee_outliers::notifiers::{Told, sample};

const DATA_STREAM: &str = "logs-ee_outliers.findings-real";

const CHANNEL: &str = "[notifier_siem]\ntype=elastic\ndata_stream=logs-ee_outliers.findings-real\n";

/// Body of the request that the documentation shows.
fn documented_template() -> Value {
    let text = include_str!("../../docs/notifiers.md");
    let (_, behind) = text.split_once("PUT _index_template/ee-outliers-findings\n").expect("the documentation has it");
    let (body, _) = behind.split_once("```").expect("the block ends");
    serde_json::from_str(body).expect("JSON")
}

#[test]
fn documents_are_stored_once_in_a_data_stream() {
    let bench = Bench::new(Kind::OpenSearch3);
    bench.write_cluster("unused", CHANNEL);
    // without a template, nothing is created
    let refused = bench.run("notify --test siem --config cluster.conf").expect_code(69);
    assert!(refused.stderr.contains("docs/notifiers.md"), "{}", refused.stderr);
    assert_eq!(
        bench.node.ask("GET", "/_cat/indices?format=json", None).to_string().matches("findings-real").count(),
        0
    );
    bench.node.ask("PUT", "/_index_template/ee-outliers-findings", Some(&documented_template()));
    let told = bench.run("notify --test siem --config cluster.conf").expect_code(0);
    assert!(told.stdout.contains(&format!("is stored in {DATA_STREAM}")), "{}", told.stdout);
    // the same notice again
    let notice = sample(DateTime::from_timestamp(1_700_000_000, 0).expect("in range"));
    let elastic = channel(&std::fs::read_to_string(bench.path().join("cluster.conf")).expect("written"));
    assert!(matches!(tell(&*elastic, &notice), Ok(Told::Accepted(_))));
    assert_eq!(tell(&*elastic, &notice), Ok(Told::AlreadyKnown));
    let stored = bench.stored(DATA_STREAM);
    assert_eq!(stored.len(), 2, "{stored:?}");
    let found = stored.values().all(|document| {
        document.source["event"]["kind"] == "alert" && document.source["ee_outliers"]["kind"] == "test"
    });
    assert!(found, "{stored:?}");
    let mapping = bench.node.ask("GET", &format!("/{DATA_STREAM}/_mapping"), None);
    assert!(mapping.to_string().contains(r#""ip":{"type":"ip"}"#), "{mapping}");
}
