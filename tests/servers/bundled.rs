//! The bundled use cases on the names and types that Elastic's templates give: they run on every
//! server, and find there what they find in files.

use serde_json::{Value, json};

use super::bench::{Bench, Document, assert_same_lines, hits};
use super::kind::Kind;
use crate::use_cases::test_events;

on_every_server!(check);

const INDEX: &str = "bundled";

/// Types of ECS: texts are keywords, command lines and messages can be searched by word too.
fn mappings() -> Value {
    let geo = json!({"properties": {"location": {"type": "geo_point"}}});
    let ip = json!({"properties": {"ip": {"type": "ip"}, "port": {"type": "long"}, "geo": geo}});
    // Elastic's own type, `wildcard`, is no part of the servers' free core
    let line = json!({"type": "keyword", "fields": {"text": {"type": "text"}}});
    let process = json!({"properties": {"command_line": line}});
    json!({
        "date_detection": false,
        "properties": {
            "@timestamp": {"type": "date"},
            "event": {"properties": {"code": {"type": "keyword"}}},
            "winlog": {"properties": {"event_id": {"type": "keyword"}}},
            "source": ip, "destination": ip,
            "process": {"properties": {"command_line": line, "parent": process}},
            "message": {"type": "text"},
        },
        "dynamic_templates": [
            {"texts": {"match_mapping_type": "string", "mapping": {"type": "keyword", "ignore_above": 1024}}},
        ],
    })
}

/// Test events whose names follow ECS.
fn documents() -> Vec<Document> {
    let is_ecs = |event: &&Value| event["event"].is_object() && event["@timestamp"].is_string();
    let events = test_events();
    let document = |(idx, event): (usize, &Value)| Document { id: format!("{idx:06}"), source: event.to_string() };
    events.iter().filter(is_ecs).enumerate().map(document).collect()
}

fn check(kind: Kind) {
    let bench = Bench::new(kind);
    let documents = documents();
    assert!(documents.len() > 300, "{} events", documents.len());
    bench.index(INDEX, &mappings(), &documents);
    // the queries of all use cases take a busy server its time
    bench.write_cluster(INDEX, "es_save_results=0\nes_retry_deadline=300\nes_timeout=120\n");
    let counted = bench.node.ask("GET", &format!("/{INDEX}/_count"), None);
    assert_eq!(counted["count"], json!(documents.len()), "{}", bench.name());
    bench.write("hits.ndjson", &hits(INDEX, &documents));
    let line = "run -q --config cluster.conf --hunting --from 2000-01-01T00:00:00Z --to 2040-01-01T00:00:00Z";
    let run = bench.run(&format!("{} -o server.ndjson --report server.json", line.replace(" -q", " -v")));
    let log = run.expect_code(0).stderr;
    // newer servers count the clauses of all queries, and refuse so many; documents are read once
    let is_refused = kind != Kind::Elasticsearch7;
    assert_eq!(log.contains("their queries are evaluated here"), is_refused, "{}: {log}", bench.name());
    assert_eq!(log.matches("reading events").count(), 1, "{}: {log}", bench.name());
    let mapped = bench.node.ask("GET", &format!("/{INDEX}/_mapping"), None);
    bench.write("mapped.json", &mapped.to_string());
    let options = "--mapping mapped.json --events hits.ndjson -o file.ndjson --report file.json";
    bench.run(&format!("{line} {options}")).expect_code(0);
    let (of_file, of_server) = (bench.report("file.json"), bench.report("server.json"));
    let mut n_finding = 0;
    for use_case in of_server.use_cases() {
        let (file, server) = (of_file.numbers(&use_case), of_server.numbers(&use_case));
        assert_eq!(file, server, "{}: {use_case}", bench.name());
        n_finding += usize::from(server.outliers > 0);
    }
    assert!(n_finding > 30, "{}: {n_finding} use cases find something", bench.name());
    assert_same_lines(&bench.output("file.ndjson"), &bench.output("server.ndjson"), bench.name());
}
