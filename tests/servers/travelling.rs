//! Impossible trips among the logons of an index, whose places have every form of a `geo_point`.

use serde_json::{Value, json};

use super::bench::{Bench, Document, hits};
use super::kind::Kind;
use crate::geography::travel::{USE_CASE, attacked};

on_every_server!(check);

const INDEX: &str = "logons";

/// Writes a place as the coordinates alone: as a `geo_point`, Elasticsearch 7 knows no GeoJSON.
fn without_geo_json(document: &mut Document) {
    let mut event: Value = serde_json::from_str(&document.source).expect("JSON");
    let location = &mut event["source"]["geo"]["location"];
    if location["type"] == "Point" {
        *location = location["coordinates"].take();
        document.source = event.to_string();
    }
}

fn check(kind: Kind) {
    let bench = Bench::new(kind);
    let mut documents = Document::of_lines(&attacked());
    if kind == Kind::Elasticsearch7 {
        documents.iter_mut().for_each(without_geo_json);
    }
    let geo = json!({"properties": {"location": {"type": "geo_point"}, "country_iso_code": {"type": "keyword"}}});
    let source = json!({"properties": {"ip": {"type": "ip"}, "geo": geo}});
    let user = json!({"properties": {"name": {"type": "keyword"}}});
    let mappings = json!({"properties": {"@timestamp": {"type": "date"}, "source": source, "user": user}});
    bench.index(INDEX, &mappings, &documents);
    bench.write_cluster(INDEX, "es_save_results=0\n");
    bench.write("use_cases.conf", USE_CASE);
    bench.write("hits.ndjson", &hits(INDEX, &documents));
    let line =
        "run -q --config cluster.conf --use-cases use_cases.conf --from 2024-03-01T00:00:00Z --to 2024-04-01T00:00:00Z";
    let of_server = bench.same_as_in_files(line, "--events hits.ndjson");
    let document: Value = serde_json::from_str(&of_server).expect("one document");
    assert_eq!(
        document["_source"]["outliers"]["summary"][0],
        "user4: NL to NG, 5099.0 km at 15298.0 km/h",
        "{}",
        bench.name()
    );
}
