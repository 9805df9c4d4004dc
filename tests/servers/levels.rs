//! Events, some of which are important, in every kind of index.

use serde_json::{Value, json};

use super::bench::{Bench, Document};

/// Finds the important events.
pub(super) const USE_CASE: &str = "\
[simplequery_high]
es_query_filter=level:high
outlier_type=a
outlier_reason=b
outlier_summary=high in {name}
run_model=1
";

/// Returns three events with the ids `NAME-1` to `NAME-3`; the first and the last are important.
pub(super) fn documents(name: &str) -> Vec<Document> {
    n_documents(name, 3)
}

/// Returns events with the ids `NAME-1`, `NAME-2` ...; the odd ones are important.
pub(super) fn n_documents(name: &str, n: usize) -> Vec<Document> {
    let event = |idx: usize| {
        let level = if idx.is_multiple_of(2) { "low" } else { "high" };
        let event = json!({"@timestamp": "2024-05-01T00:00:00Z", "level": level, "name": name});
        Document { id: format!("{name}-{idx}"), source: event.to_string() }
    };
    (1..=n).map(event).collect()
}

/// Returns the ids of the important events of [`n_documents`].
pub(super) fn important(name: &str, n: usize) -> impl Iterator<Item = String> {
    (1..=n).step_by(2).map(move |idx| format!("{name}-{idx}"))
}

/// Number of events of [`fill_routed`].
pub(super) const N_ROUTED: usize = 100;

pub(super) fn mappings() -> Value {
    json!({"properties": {"@timestamp": {"type": "date"}, "level": {"type": "keyword"}, "name": {"type": "keyword"}}})
}

/// Fills an index of several shards with documents `r0`, `r1` ..., all of them important and placed
/// by their routing.
pub(super) fn fill_routed(bench: &Bench, index: &str) {
    bench.node.send("DELETE", &format!("/{index}"), None);
    let mut mappings = mappings();
    mappings["_routing"] = json!({"required": true});
    let settings = json!({"number_of_shards": 5, "number_of_replicas": 0});
    bench.node.ask("PUT", &format!("/{index}"), Some(&json!({"settings": settings, "mappings": mappings})));
    let mut lines = String::new();
    for idx in 0..N_ROUTED {
        let routing = format!("shard of {}", idx % 7);
        let action = json!({"index": {"_index": index, "_id": format!("r{idx}"), "routing": routing}});
        let event = json!({"@timestamp": "2024-05-01T00:00:00Z", "level": "high", "name": format!("n{idx}")});
        lines += &format!("{action}\n{event}\n");
    }
    bench.node.bulk(lines);
}

/// Fills a data stream of several indices with `n` documents of `before` and of `after`.
pub(super) fn fill_stream(bench: &Bench, stream: &str, n: usize) {
    let template = json!({
        "index_patterns": [stream],
        "data_stream": {},
        "template": {"settings": {"number_of_replicas": 0}, "mappings": mappings()}
    });
    bench.node.ask("PUT", &format!("/_index_template/{stream}"), Some(&template));
    for name in ["before", "after"] {
        let create = |document: Document| {
            let action = json!({"create": {"_index": stream, "_id": document.id}});
            format!("{action}\n{}\n", document.source)
        };
        bench.node.bulk(n_documents(name, n).into_iter().map(create).collect());
        // the next documents go to another index behind the same name
        bench.node.ask("POST", &format!("/{stream}/_rollover"), None);
    }
}
