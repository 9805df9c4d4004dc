//! The golden cases against real servers: what is found in a cluster is what is found in files, to the byte.

use serde_json::{Value, json};

use super::bench::{Bench, Document, assert_same_lines, hits};
use super::kind::Kind;
use crate::golden::{OTRF, SYNTHETIC, Set};

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

/// Both sets of golden cases, as exported hits in a file and as documents of a server.
fn check(kind: Kind) {
    for set in [&SYNTHETIC, &OTRF] {
        let bench = Bench::new(kind);
        let index = format!("golden-{}", set.name);
        let documents = Document::of_lines(&set.events());
        bench.index(&index, &mappings(set), &documents);
        bench.write("hits.ndjson", &hits(&index, &documents));
        bench.write_cluster(&index, "es_save_results=0\n");
        // one window must hold all events here, and those of `sudden_appearance` end at the set's own time
        let (windowed, others): (Vec<String>, Vec<String>) =
            set.cases().into_iter().partition(|case| case.starts_with("sudden_appearance"));
        assert!(others.len() > 50 && !windowed.is_empty(), "{} cases lost", set.name);
        check_cases(&bench, set, &others, "--from 1970-01-01T00:00:00Z --to 2100-01-01T00:00:00Z");
        check_cases(&bench, set, &windowed, &format!("--now {}", set.now));
    }
}

/// Fields as the first event has them, texts and numbers alike as keywords. The queries of all cases are `*`, so no more needs to be said;
/// but no type fits a field that is a text here and an object there, so it is left alone.
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
