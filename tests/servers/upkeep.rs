//! Documents apart from new outliers: the template for stored outliers, highlights, runs that do
//! not write, and removal.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::bench::{Bench, Document, Stored};
use super::kind::Kind;

const USE_CASES: &str = "\
[simplequery_shell]
es_query_filter=process.name:cmd* OR message:(quick AND fox)
highlight_match=1
outlier_type=shell
outlier_reason=a shell
outlier_summary=shell on {host}
run_model=1

[terms_rare]
es_query_filter=*
aggregator=host
target=process.name
target_count_method=within_aggregator
trigger_on=low
trigger_method=float
trigger_sensitivity=2
outlier_type=rare
outlier_reason=a rare process
outlier_summary={term} on {host}
run_model=1
";

const WHITELISTED: &str = "[whitelist_literals]\nknown=shell on h1\n";

fn documents() -> Vec<Document> {
    [
        ("h1", "cmd.exe", "the quick fox, a Quick Fox"),
        ("h1", "svchost.exe", "nothing here"),
        ("h1", "svchost.exe", "a slow fox"),
        ("h2", "cmd.exe", "nothing here"),
        ("h2", "other.exe", "quick fox"),
    ]
    .into_iter()
    .enumerate()
    .map(|(idx, (host, process, message))| {
        let time = format!("2024-05-01T00:00:0{idx}Z");
        let event = json!({"@timestamp": time, "host": host, "process": {"name": process}, "message": message});
        Document { id: idx.to_string(), source: event.to_string() }
    })
    .collect()
}

/// Returns a bench whose index has the documents, with a mapping for them only.
fn prepared(kind: Kind, index: &str, more: &str) -> Bench {
    let bench = Bench::new(kind);
    let keyword = json!({"type": "keyword"});
    let mappings = json!({"properties": {
        "@timestamp": {"type": "date"},
        "host": keyword,
        "process": {"properties": {"name": keyword}},
        "message": {"type": "text"},
    }});
    bench.index(index, &mappings, &documents());
    bench.write("use_cases.conf", USE_CASES);
    bench.write_cluster(index, more);
    bench
}

fn run(bench: &Bench) -> Value {
    let options = "--from 2024-01-01T00:00:00Z --report report.json -o out.ndjson";
    bench.run(&format!("run -q --config cluster.conf --use-cases use_cases.conf {options}")).expect_code(0);
    bench.report("report.json").json().clone()
}

fn summaries(stored: &BTreeMap<String, Stored>) -> Vec<Vec<String>> {
    stored.values().map(|document| document.texts("summary")).collect()
}

#[test]
fn highlights_are_the_same_on_every_server() {
    for kind in Kind::ALL {
        let bench = prepared(kind, "upkeep-marks", "");
        run(&bench);
        let fields: Vec<Value> = bench
            .stored("upkeep-marks")
            .values()
            .map(|document| document.source.get("outliers").map_or(Value::Null, |own| own["matched_fields"].clone()))
            .collect();
        let command = "<value>cmd.exe</value>";
        let first = "the <value>quick</value> <value>fox</value>, a <value>Quick</value> <value>Fox</value>";
        let last = "<value>quick</value> <value>fox</value>";
        let expected = json!([
            [{"message": [first], "process.name": [command]}],
            null,
            null,
            [{"process.name": [command]}],
            [{"message": [last]}],
        ]);
        assert_eq!(Value::from(fields), expected, "{}", bench.name());
    }
}

#[test]
fn the_component_template_fits_every_server() {
    for kind in Kind::ALL {
        let bench = Bench::new(kind);
        bench.write_cluster("upkeep-template", "");
        let printed = bench.run("setup --config cluster.conf").expect_code(0).stdout;
        let printed: Value = serde_json::from_str(&printed).expect("a template");
        bench.run("setup --config cluster.conf --apply").expect_code(0);
        let stored = bench.node.ask("GET", "/_component_template/outliers@mappings", None);
        let stored = &stored["component_templates"][0]["component_template"]["template"]["mappings"];
        assert_eq!(stored, &printed["template"]["mappings"], "{}", bench.name());

        let of_events = json!({"mappings": {"properties": {"message": {"type": "text"}, "host": {"type": "keyword"}}}});
        let template = json!({
            "index_patterns": ["upkeep-template"],
            "composed_of": ["outliers@mappings"],
            "template": of_events
        });
        bench.node.ask("PUT", "/_index_template/upkeep", Some(&template));
        bench.node.send("DELETE", "/upkeep-template", None);
        bench.fill("upkeep-template", &documents());
        let mapping = || {
            let mapping = bench.node.ask("GET", "/upkeep-template/_mapping", None);
            mapping["upkeep-template"]["mappings"]["properties"]["outliers"].clone()
        };
        let before = mapping();
        assert!(before.is_object(), "{}: no fields for outliers", bench.name());
        bench.write("use_cases.conf", USE_CASES);
        run(&bench);
        // the stored outliers have their mapping: no field is added, not even by matched_fields
        assert_eq!(mapping(), before, "{}", bench.name());
        let query = json!({"query": {"term": {"outliers.model_name": "rare"}}});
        bench.node.ask("POST", "/upkeep-template/_refresh", None);
        let count = bench.node.ask("POST", "/upkeep-template/_count", Some(&query));
        assert_eq!(count["count"], 3, "{}", bench.name());
    }
}

#[test]
fn a_run_without_writing_changes_nothing() {
    for kind in Kind::ALL {
        for (more, option) in [("es_save_results=0\n", ""), ("", " --dry-run")] {
            let bench = prepared(kind, "upkeep-look", more);
            let before = bench.stored("upkeep-look");
            let line = "run -q --config cluster.conf --use-cases use_cases.conf --from 2024-01-01T00:00:00Z";
            let finished = bench.run(&format!("{line}{option}")).expect_code(0);
            assert!(finished.stdout.contains("shell on h1"), "{}", finished.stdout);
            assert_eq!(bench.stored("upkeep-look"), before, "{} {more}{option}", bench.name());
        }
    }
}

#[test]
fn outliers_that_are_whitelisted_by_now_are_removed() {
    for kind in Kind::ALL {
        let index = "upkeep-whitelist";
        let bench = prepared(kind, index, "");
        run(&bench);
        let before = bench.stored(index);
        let found = ["shell on h1", "cmd.exe on h1"].map(str::to_owned);
        assert_eq!(before["0"].texts("summary"), found, "{}", bench.name());
        bench.write_cluster(index, &format!("es_wipe_all_whitelisted_outliers=0\n{WHITELISTED}"));
        run(&bench);
        assert_eq!(bench.stored(index), before, "{}", bench.name());
        bench.write_cluster(index, &format!("es_wipe_all_whitelisted_outliers=1\n{WHITELISTED}"));
        let report = run(&bench);
        let after = bench.stored(index);
        // one of two outliers is left where there were two; nothing else is changed
        assert_eq!(after["0"].texts("summary"), ["cmd.exe on h1"], "{}: {report}", bench.name());
        for (id, document) in &after {
            assert_eq!(document.others(), before[id].others(), "{} {id}", bench.name());
            assert!(id == "0" || *document == before[id], "{} {id}", bench.name());
        }
    }
}

#[test]
fn a_run_that_wipes_first_finds_the_same_again() {
    for kind in Kind::ALL {
        let index = "upkeep-again";
        let bench = prepared(kind, index, "");
        run(&bench);
        let before = bench.stored(index);
        // an outlier of a use case that no longer exists
        let other = json!({"doc": {"outliers": {
            "summary": ["old"], "model_name": ["gone"], "model_type": ["terms"], "total_outliers": 1}, "tags": ["outlier"]}});
        bench.node.ask("POST", &format!("/{index}/_update/1?refresh=true"), Some(&other));
        bench.write_cluster(index, "es_wipe_all_existing_outliers=1\n");
        run(&bench);
        let after = bench.stored(index);
        assert_eq!(summaries(&after), summaries(&before), "{}", bench.name());
        assert!(after["1"].source == before["1"].source, "{}: {:?}", bench.name(), after["1"].source);
    }
}

#[test]
fn outliers_are_removed_from_documents_that_were_stored_on_several_lines() {
    for kind in Kind::ALL {
        let index = "upkeep-lines";
        let bench = prepared(kind, index, "");
        let known = json!({"host": "h\n1", "process": {"name": "a"}, "tags": ["x"]});
        let mut tagged = known.clone();
        tagged["outliers"] = json!({
            "summary": ["old"], "model_name": ["gone"], "model_type": ["terms"], "total_outliers": 1});
        tagged["tags"] = json!(["x", "outlier"]);
        let text = serde_json::to_string_pretty(&tagged).expect("JSON");
        let answer = bench.node.send("PUT", &format!("/{index}/_doc/lines?refresh=true"), Some(text));
        assert_eq!(answer.status, 201, "{}: {}", bench.name(), answer.body);
        bench.run("wipe -q --config cluster.conf --use-cases use_cases.conf").expect_code(0);
        let stored = Value::Object(bench.stored(index)["lines"].source.clone());
        assert_eq!(stored, known, "{}", bench.name());
    }
}
