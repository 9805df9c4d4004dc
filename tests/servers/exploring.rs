//! Fields of a cluster, from a random sample of its documents.

use serde_json::{Value, json};

use super::bench::{Bench, Document};
use super::kind::Kind;

on_every_server!(check);

const INDEX: &str = "exploring";

fn check(kind: Kind) {
    let bench = Bench::new(kind);
    let mappings = json!({"properties": {"@timestamp": {"type": "date"}, "user": {"type": "keyword"}}});
    let source = |n: usize| json!({"@timestamp": format!("2024-05-01T10:{:02}:00Z", n % 60), "user": format!("u{n}")});
    let document = |n: usize| Document { id: n.to_string(), source: source(n).to_string() };
    bench.index(INDEX, &mappings, &(0..1_200).map(document).collect::<Vec<_>>());
    bench.write_cluster(INDEX, "es_scan_size=100\n");
    let fields = |more: &str| -> Value {
        let finished = bench.run(&format!("fields --config cluster.conf --json {more}")).expect_code(0);
        serde_json::from_str(&finished.stdout).expect("JSON")
    };
    let whole = fields("");
    assert_eq!(whole["origin"], json!({"documents": 1_200, "read": "random sample"}));
    assert_eq!((&whole["events"], &whole["time"]["first"]), (&1_200.into(), &"2024-05-01T10:00:00Z".into()));
    let sample = fields("--limit-events 250");
    assert_eq!((&sample["events"], &sample["origin"]["documents"]), (&250.into(), &1_200.into()));
    assert_eq!(fields("--limit-events 250"), sample, "the same documents each time");
    let user =
        sample["fields"].as_array().expect("a list").iter().find(|field| field["name"] == "user").expect("a field");
    assert_eq!(user["distinct"], 250);
    let stderr = bench.run("fields --config cluster.conf --limit-events 10001").expect_code(2).stderr;
    assert!(stderr.contains("at most 10,000 events"), "{stderr}");
}
