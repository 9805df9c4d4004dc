//! Queries of what databases know of addresses: the documents of an index are found that are found
//! in files.

use serde_json::{Value, json};

use super::bench::{Bench, Document};
use super::kind::Kind;
use crate::geography::addresses::{assert_found, fact_use_cases, queried, with_databases};
use crate::outliers;

#[test]
fn on_opensearch_3() {
    check(Kind::OpenSearch3);
}

#[test]
fn on_elasticsearch_8() {
    check(Kind::Elasticsearch8);
}

const INDEX: &str = "facts";

fn mappings() -> Value {
    let keyword = json!({"type": "keyword"});
    let geo = json!({
        "country_iso_code": {"type": "keyword", "fields": {"keyword": keyword}},
        "city_name": keyword,
    });
    let source =
        json!({"ip": {"type": "ip"}, "geo": {"properties": geo}, "as": {"properties": {"number": {"type": "long"}}}});
    json!({"properties": {"@timestamp": {"type": "date"}, "id": keyword, "source": {"properties": source}}})
}

fn check(kind: Kind) {
    let bench = Bench::new(kind);
    with_databases(bench.path());
    let document = |mut event: Value| {
        event["@timestamp"] = json!("2024-05-03T10:00:00Z");
        Document { id: event["id"].as_str().expect("an id").to_owned(), source: event.to_string() }
    };
    let documents: Vec<Document> = queried().into_iter().map(document).collect();
    bench.write("use_cases.conf", &fact_use_cases());
    bench.write_cluster(INDEX, "es_save_results=0\n");
    let line = "run --config main.conf --config cluster.conf --use-cases use_cases.conf --now 2024-05-04T00:00:00Z \
                -o out.ndjson";
    bench.index(INDEX, &mappings(), &documents);
    bench.run(line).expect_code(0);
    assert_found(&summaries(&bench), bench.name());
    // alone, a query of theirs is no named one
    bench.run(&format!("{line} --only simplequery_q0")).expect_code(0);
    assert_eq!(summaries(&bench), ["q0 home", "q0 two"], "{}", bench.name());
    // where documents are not kept whole, only the server knows what they match
    let mut partly = mappings();
    partly["_source"] = json!({"excludes": ["secret"]});
    bench.index(INDEX, &partly, &documents);
    let finished = bench.run(&format!("{line} --only simplequery_q0 --only simplequery_q1")).expect_code(0);
    assert_eq!(summaries(&bench), ["q1 own"], "{}", bench.name());
    let told = "simplequery_q0: only the cluster can evaluate its query, and knows source.geo.country_iso_code of";
    assert!(finished.stderr.contains(told), "{}", finished.stderr);
}

fn summaries(bench: &Bench) -> Vec<String> {
    let outliers = outliers::read(&bench.path().join("out.ndjson")).expect("well-formed output");
    let texts = outliers.values().flat_map(|stored| stored["summary"].as_array().expect("a list"));
    let mut texts: Vec<String> = texts.map(|text| text.as_str().expect("a text").to_owned()).collect();
    texts.sort();
    texts
}
