//! Golden cases against real servers: a run over a cluster finds byte for byte what a run over
//! files finds, and writes it into the documents.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::bench::{Bench, Document, Stored, assert_same_lines, hits};
use super::kind::Kind;
use crate::golden::{OTRF, SYNTHETIC, Set};
use crate::outliers;

#[test]
fn opensearch_3() {
    check(Kind::OpenSearch3);
}

#[test]
fn elasticsearch_7() {
    check(Kind::Elasticsearch7);
}

#[test]
fn elasticsearch_8() {
    check(Kind::Elasticsearch8);
}

#[test]
fn elasticsearch_9() {
    check(Kind::Elasticsearch9);
}

/// Runs both sets of golden cases, as exported hits in a file and as documents of a server.
fn check(kind: Kind) {
    for set in [&SYNTHETIC, &OTRF] {
        let bench = Bench::new(kind);
        let index = format!("golden-{}", set.name);
        let documents = Document::of_lines(&set.events());
        bench.index(&index, &mappings(set), &documents);
        bench.write("hits.ndjson", &hits(&index, &documents));
        // one window must hold all events here, and those of `sudden_appearance` end at the set's
        // own time
        let (windowed, others): (Vec<String>, Vec<String>) =
            set.cases().into_iter().partition(|case| case.starts_with("sudden_appearance"));
        assert!(others.len() > 50 && !windowed.is_empty(), "{} cases lost", set.name);
        // pages so small that each slice has many
        let small = documents.len() / 20;
        bench.write_cluster(&index, &format!("es_save_results=0\nes_http_compress=1\nes_scan_size={small}\n"));
        check_cases(&bench, set, &windowed, &format!("--now {}", set.now));
        let before = bench.stored(&index);
        bench.write_cluster(&index, "es_save_results=1\n");
        check_cases(&bench, set, &others, "--from 1970-01-01T00:00:00Z --to 2100-01-01T00:00:00Z");
        check_documents(&bench, &before, &index);
    }
}

/// Checks that documents have the outliers that were found, and that nothing else has changed.
fn check_documents(bench: &Bench, before: &BTreeMap<String, Stored>, index: &str) {
    let found = outliers::read(&bench.path().join("server.ndjson")).expect("well-formed output");
    let after = bench.stored(index);
    assert!(!before.is_empty() && before.keys().eq(after.keys()), "{index}: other documents");
    for (id, document) in &after {
        let what = format!("{} {index} {id}", bench.name());
        assert_eq!(document.others(), before[id].others(), "{what}");
        let Some(expected) = found.get(&(index.to_owned(), id.clone())) else {
            assert_eq!(document, &before[id], "{what}: it has no outlier");
            continue;
        };
        let stored = document.source["outliers"].as_object().expect("outliers");
        assert_eq!(outliers::difference_of_objects(&what, expected, stored), None);
        let tags = document.source["tags"].as_array().expect("tags");
        let others: Vec<&Value> = tags.iter().filter(|tag| *tag != "outlier").collect();
        let tags_before: Vec<&Value> =
            before[id].source.get("tags").and_then(Value::as_array).into_iter().flatten().collect();
        assert_eq!((others, tags.len()), (tags_before.clone(), tags_before.len() + 1), "{what}: tags");
    }
    let n_tagged = after.values().filter(|document| document.source.contains_key("outliers")).count();
    assert_eq!(n_tagged, found.len(), "{index}");
}

/// Returns mappings with the fields of the first event, texts and numbers alike as keywords. The
/// queries of all cases are `*`, so nothing more is needed. A field that is a text in one event and
/// an object in another fits no type, so it is left out.
fn mappings(set: &Set) -> Value {
    let keywords = ["string", "long", "double", "boolean"].map(
        |found| json!({found: {"match_mapping_type": found, "mapping": {"type": "keyword", "ignore_above": 1024}}}),
    );
    let left_alone = json!({"type": "object", "enabled": false});
    let mixed = match set.name {
        "synthetic" => ("user", json!({"properties": {"name": left_alone}})),
        _ => ("host", left_alone),
    };
    json!({
        "date_detection": false,
        "dynamic_templates": keywords,
        "properties": {"@timestamp": {"type": "date"}, mixed.0: mixed.1}
    })
}

/// Runs the cases together, over the file and over the server.
fn check_cases(bench: &Bench, set: &Set, cases: &[String], times: &str) {
    let folder = set.folder();
    let mut line = format!("run -q --config {} --config cluster.conf {times}", folder.join("main.conf").display());
    for case in cases {
        line += &format!(" --use-cases {}", folder.join(case).join("use_case.conf").display());
    }
    bench.run(&format!("{line} --events hits.ndjson -o file.ndjson --report file.json")).expect_code(0);
    bench.run(&format!("{line} -o server.ndjson --report server.json")).expect_code(0);
    let what = format!("{}: {}: {} cases", bench.name(), set.name, cases.len());
    let expected = bench.output("file.ndjson");
    assert!(expected.lines().count() > 0, "{what}: nothing is found");
    assert_same_lines(&expected, &bench.output("server.ndjson"), &what);
    let (of_file, of_server) = (bench.report("file.json"), bench.report("server.json"));
    for use_case in of_file.use_cases() {
        assert_eq!(of_file.numbers(&use_case), of_server.numbers(&use_case), "{what}: {use_case}");
    }
    assert_eq!(of_file.use_cases().len(), cases.len(), "{what}");
}
