//! Outliers in documents behind other names, with a routing, and in indices that accept no writes.

use std::collections::BTreeMap;

use serde_json::json;

use super::bench::Bench;
use super::kind::Kind;
use super::levels::{N_ROUTED, USE_CASE, documents, fill_routed, fill_stream, mappings};

const RUN: &str =
    "run -q --config cluster.conf --use-cases use_case.conf --from 2024-01-01T00:00:00Z --report report.json";

/// Returns the ids of the documents of some indices, with their numbers of outliers.
fn outliers(bench: &Bench, names: &str) -> BTreeMap<String, usize> {
    bench.stored(names).into_iter().map(|(id, document)| (id, document.texts("summary").len())).collect()
}

fn expected(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs.iter().map(|(id, n)| ((*id).to_owned(), *n)).collect()
}

#[test]
fn an_index_that_accepts_no_writes_makes_the_run_partial() {
    for kind in Kind::ALL {
        let bench = Bench::new(kind);
        for name in ["places-open", "places-blocked"] {
            bench.index(name, &mappings(), &documents(name));
        }
        bench.node.ask("PUT", "/places-blocked/_settings", Some(&json!({"index.blocks.write": true})));
        bench.write("use_case.conf", USE_CASE);
        bench.write_cluster("places-open,places-blocked", "");
        let finished = bench.run(RUN).expect_code(3);
        let missing = bench.report("report.json").json()["missing"].to_string();
        assert!(missing.contains("2 documents of index places-blocked"), "{missing}\n{}", finished.stderr);
        let open = [("places-open-1", 1), ("places-open-2", 0), ("places-open-3", 1)];
        assert_eq!(outliers(&bench, "places-open"), expected(&open), "{}", bench.name());
        let blocked = [("places-blocked-1", 0), ("places-blocked-2", 0), ("places-blocked-3", 0)];
        assert_eq!(outliers(&bench, "places-blocked"), expected(&blocked), "{}", bench.name());
        // missing outliers are written once that is possible
        bench.node.ask("PUT", "/places-blocked/_settings", Some(&json!({"index.blocks.write": false})));
        bench.run(RUN).expect_code(0);
        let all = [&open[..], &[("places-blocked-1", 1), ("places-blocked-2", 0), ("places-blocked-3", 1)]].concat();
        assert_eq!(outliers(&bench, "places-open,places-blocked"), expected(&all), "{}", bench.name());
    }
}

#[test]
fn outliers_go_to_the_index_behind_an_alias() {
    for kind in Kind::ALL {
        let bench = Bench::new(kind);
        for name in ["places-old", "places-new"] {
            bench.index(name, &mappings(), &documents(name));
        }
        // writes to the alias itself would go to the new index only
        let actions = json!({"actions": [
            {"add": {"index": "places-old", "alias": "places-both", "is_write_index": false}},
            {"add": {"index": "places-new", "alias": "places-both", "is_write_index": true}},
        ]});
        bench.node.ask("POST", "/_aliases", Some(&actions));
        bench.write("use_case.conf", USE_CASE);
        bench.write_cluster("places-both", "");
        bench.run(RUN).expect_code(0);
        for (name, index) in [("old", "places-old"), ("new", "places-new")] {
            let ids = ["1", "2", "3"].map(|id| format!("places-{name}-{id}"));
            let pairs = [(ids[0].as_str(), 1), (ids[1].as_str(), 0), (ids[2].as_str(), 1)];
            assert_eq!(outliers(&bench, index), expected(&pairs), "{} {index}", bench.name());
        }
    }
}

#[test]
fn documents_with_a_routing_keep_their_shard() {
    for kind in Kind::ALL {
        let bench = Bench::new(kind);
        fill_routed(&bench, "places-routed");
        bench.write("use_case.conf", USE_CASE);
        bench.write_cluster("places-routed", "");
        bench.run(RUN).expect_code(0);
        // a document written to another shard would exist twice
        let count = bench.node.ask("GET", "/places-routed/_count", None);
        assert_eq!(count["count"], N_ROUTED, "{}", bench.name());
        let found = outliers(&bench, "places-routed");
        assert!(found.len() == N_ROUTED && found.values().all(|n| *n == 1), "{} {found:?}", bench.name());
    }
}

#[test]
fn outliers_go_to_all_indices_of_a_data_stream() {
    // Elasticsearch 7 has no data streams without its commercial part
    for kind in [Kind::OpenSearch3, Kind::Elasticsearch8, Kind::Elasticsearch9] {
        let bench = Bench::new(kind);
        fill_stream(&bench, "stream-places", 3);
        bench.write("use_case.conf", USE_CASE);
        bench.write_cluster("stream-places", "");
        bench.run(RUN).expect_code(0);
        let all = [("before-1", 1), ("before-2", 0), ("before-3", 1), ("after-1", 1), ("after-2", 0), ("after-3", 1)];
        assert_eq!(outliers(&bench, "stream-places"), expected(&all), "{}", bench.name());
        bench.run("wipe -q --config cluster.conf --use-cases use_case.conf").expect_code(0);
        assert_eq!(outliers(&bench, "stream-places"), expected(&all.map(|(id, _)| (id, 0))), "{}", bench.name());
    }
}
