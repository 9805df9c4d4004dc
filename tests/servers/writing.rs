//! Writing into documents: every outlier, nothing else, and nothing twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value, json};

use super::bench::{Bench, Document, Stored, assert_same_lines, hits};
use super::kind::Kind;
use crate::outliers;

const N_USE_CASES: usize = 20;

/// Options of a run over all events of the cluster in `cluster.conf`.
const RUN: &str = "run -q --config cluster.conf --use-cases use_cases.conf --from 2024-01-01T00:00:00Z";

/// Returns events of which each use case finds many, and mostly the same.
fn documents(n: usize) -> Vec<Document> {
    let event = |idx: usize| {
        let mut event = json!({
            "@timestamp": format!("2024-05-01T{:02}:{:02}:00.000Z", idx / 60 % 24, idx % 60),
            "host": {"name": format!("h{}", idx % 5)},
            "user": format!("u{}", idx % 3),
            "process": {"name": format!("p{}.exe", idx % 11), "args": ["a".repeat(idx % 17), "\u{e9}\"\\\n"]},
            "bytes": idx * idx % 1009,
            "ratio": f64::from(u32::try_from(idx).expect("few")) / 8.0,
            "big": -9_007_199_254_740_993_i64,
            "nothing": null,
            "empty": {},
        });
        match idx % 3 {
            0 => event["tags"] = json!(["mine", "yours"]),
            1 => event["tags"] = json!("mine"),
            _ => {}
        }
        Document { id: format!("{idx:05}"), source: event.to_string() }
    };
    (0..n).map(event).collect()
}

fn mappings() -> Value {
    let keyword = json!({"type": "keyword"});
    json!({"properties": {
        "@timestamp": {"type": "date"},
        "host": {"properties": {"name": keyword}},
        "user": keyword,
        "process": {"properties": {"name": keyword, "args": keyword}},
        "tags": keyword,
        "bytes": {"type": "long"},
        "ratio": {"type": "double"},
        "big": {"type": "long"},
    }})
}

/// Returns use cases of several models, whose summaries name them.
fn use_cases() -> String {
    let section = |idx: usize| {
        let common = format!("outlier_type=type{idx}\noutlier_reason=reason {idx}\nrun_model=1\n");
        match idx % 4 {
            0 => format!(
                "[simplequery_s{idx}]\nes_query_filter=bytes:>={}\n{common}outlier_summary=s{idx} of {{user}}\n\n",
                50 * idx
            ),
            1 => format!(
                "[terms_t{idx}]\nes_query_filter=*\naggregator=host.name\ntarget=process.name\ntarget_count_method=within_aggregator\n\
                 trigger_on=high\ntrigger_method=float\ntrigger_sensitivity=1\n{common}outlier_summary=t{idx} {{term}}\n\n"
            ),
            2 => format!(
                "[metrics_m{idx}]\nes_query_filter=user:u*\naggregator=user\ntarget=bytes\nmetric=numerical_value\n\
                 trigger_on=high\ntrigger_method=float\ntrigger_sensitivity={}\n{common}outlier_summary=m{idx} {{metric}}\n\n",
                30 * idx
            ),
            _ => format!(
                "[simplequery_q{idx}]\nes_dsl_filter={{\"query\": {{\"range\": {{\"ratio\": {{\"gte\": {idx}}}}}}}}}\n{common}\
                 outlier_summary=q{idx} on {{host.name}}\n\n"
            ),
        }
    };
    (0..N_USE_CASES).map(section).collect()
}

/// Returns a bench whose index `index` has `n` documents, with the use cases and the cluster's
/// configuration.
fn prepared(kind: Kind, index: &str, n: usize) -> (Bench, Vec<Document>) {
    let bench = Bench::new(kind);
    let documents = documents(n);
    bench.index(index, &mappings(), &documents);
    bench.write("use_cases.conf", &use_cases());
    bench.write("hits.ndjson", &hits(index, &documents));
    bench.write_cluster(index, "es_save_results=1\n");
    (bench, documents)
}

/// Returns the result of files for the same documents: `_source` with its outliers, by id.
fn expected_of_files(bench: &Bench) -> BTreeMap<String, Map<String, Value>> {
    bench.run(&format!("{RUN} --events hits.ndjson -o file.ndjson")).expect_code(0);
    let lines = bench.output("file.ndjson");
    let hits = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    hits.map(|mut hit| {
        let Value::Object(source) = hit["_source"].take() else { panic!("no source") };
        (hit["_id"].as_str().expect("an id").to_owned(), source)
    })
    .collect()
}

fn original(documents: &[Document]) -> BTreeMap<&str, Map<String, Value>> {
    documents
        .iter()
        .map(|document| (document.id.as_str(), serde_json::from_str(&document.source).expect("events are JSON")))
        .collect()
}

fn text(source: &Map<String, Value>) -> String {
    serde_json::to_string(source).expect("JSON")
}

/// Counts the changes requested in an index: those that were made, and those that changed nothing.
fn n_writes(bench: &Bench, index: &str) -> (u64, u64) {
    let stats = bench.node.ask("GET", &format!("/{index}/_stats/indexing"), None);
    let indexing = &stats["_all"]["primaries"]["indexing"];
    let number = |key: &str| indexing[key].as_u64().expect("a count");
    (number("index_total"), number("noop_update_total"))
}

#[test]
fn nothing_is_lost_on_opensearch_3() {
    check_nothing_is_lost(Kind::OpenSearch3);
}

#[test]
fn nothing_is_lost_on_elasticsearch_7() {
    check_nothing_is_lost(Kind::Elasticsearch7);
}

#[test]
fn nothing_is_lost_on_elasticsearch_8() {
    check_nothing_is_lost(Kind::Elasticsearch8);
}

#[test]
fn nothing_is_lost_on_elasticsearch_9() {
    check_nothing_is_lost(Kind::Elasticsearch9);
}

fn check_nothing_is_lost(kind: Kind) {
    let index = "writing-all";
    let (bench, documents) = prepared(kind, index, 400);
    let expected = expected_of_files(&bench);
    let original = original(&documents);
    // most documents have outliers of many use cases
    let of_one = |source: &Map<String, Value>| source["outliers"]["total_outliers"].as_u64().expect("a count");
    let n_outliers: u64 = expected.values().map(of_one).sum();
    assert!(expected.len() > 350 && n_outliers > 8 * 400, "{} {n_outliers}", expected.len());

    bench.run(&format!("{RUN} -o server.ndjson --report report.json")).expect_code(0);
    assert_same_lines(&bench.output("file.ndjson"), &bench.output("server.ndjson"), kind.name());
    let written = bench.stored(index);
    assert_eq!(written.len(), documents.len());
    let mut names = BTreeSet::new();
    for (id, document) in &written {
        let source = expected.get(id).unwrap_or(&original[id.as_str()]);
        // a server keeps the order of fields, but not that of new ones inside an object
        assert_eq!(outliers::difference_of_objects(id, source, &document.source), None, "{}", kind.name());
        let expected = Stored { source: source.clone(), ..document.clone() };
        assert_eq!(document.others(), expected.others(), "{} {id}", kind.name());
        names.extend(document.texts("model_name"));
    }
    assert_eq!(names.len(), N_USE_CASES, "{}: {names:?}", kind.name());

    // a second run has nothing to write
    let before = n_writes(&bench, index);
    bench.run(&format!("{RUN} --report report.json")).expect_code(0);
    assert_eq!(bench.stored(index), written, "{}", kind.name());
    assert_eq!(n_writes(&bench, index), before, "{}", kind.name());

    check_wipe(&bench, index, &original, &written);
}

/// Checks that `wipe` restores documents, and that others are not changed.
fn check_wipe(
    bench: &Bench,
    index: &str,
    original: &BTreeMap<&str, Map<String, Value>>,
    written: &BTreeMap<String, Stored>,
) {
    let wipe = "wipe --config cluster.conf --use-cases use_cases.conf";
    let before = n_writes(bench, index);
    bench.run(&format!("{wipe} --dry-run")).expect_code(0);
    assert_eq!((&bench.stored(index), n_writes(bench, index)), (written, before), "{}: a dry run", bench.name());
    bench.run(wipe).expect_code(0);
    for (id, document) in bench.stored(index) {
        assert_eq!(text(&document.source), text(&as_wiped(&original[id.as_str()])), "{} {id}", bench.name());
        let had_none = !written[&id].source.contains_key("outliers");
        assert!(!had_none || document == written[&id], "{} {id}: it had no outliers", bench.name());
    }
    let before = n_writes(bench, index);
    bench.run(wipe).expect_code(0);
    assert_eq!(n_writes(bench, index), before, "{}: nothing is left to wipe", bench.name());
}

/// Returns the document after `wipe`: a list of tags stays a list.
fn as_wiped(original: &Map<String, Value>) -> Map<String, Value> {
    let mut wiped = original.clone();
    if let Some(tag) = wiped.get_mut("tags").filter(|tags| tags.is_string()) {
        *tag = json!([tag.take()]);
    }
    wiped
}

#[test]
fn other_writers_keep_what_they_write_on_opensearch_3() {
    check_other_writers(Kind::OpenSearch3);
}

#[test]
fn other_writers_keep_what_they_write_on_elasticsearch_7() {
    check_other_writers(Kind::Elasticsearch7);
}

#[test]
fn other_writers_keep_what_they_write_on_elasticsearch_8() {
    check_other_writers(Kind::Elasticsearch8);
}

#[test]
fn other_writers_keep_what_they_write_on_elasticsearch_9() {
    check_other_writers(Kind::Elasticsearch9);
}

/// Lets another writer and two runs of the program update the same documents concurrently.
fn check_other_writers(kind: Kind) {
    let index = "writing-shared";
    let (bench, documents) = prepared(kind, index, 3000);
    let expected = expected_of_files(&bench);
    let original = original(&documents);
    let is_over = AtomicBool::new(false);
    let (notes, finished) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_notes(&bench, index, &documents, &is_over));
        let finished = bench.run(&format!("{RUN} -o server.ndjson --report report.json"));
        is_over.store(true, Ordering::Relaxed);
        (writer.join().expect("the other writer ends"), finished)
    });
    finished.expect_code(0);
    assert!(notes.len() > 100, "only {} documents were changed meanwhile", notes.len());
    for (id, document) in bench.stored(index) {
        let mut source = expected.get(&id).unwrap_or(&original[id.as_str()]).clone();
        let what = format!("{} {id}", kind.name());
        for own in ["outliers", "tags"] {
            let of = |source: &Map<String, Value>| source.get(own).cloned().unwrap_or_default();
            assert_eq!(outliers::first_difference(own, &of(&source), &of(&document.source)), None, "{what}");
        }
        // the note came first or the outliers did: the order of the other fields is the same
        source.extend(notes.get(&id).map(|note| ("note".to_owned(), json!(note))));
        let expected = Stored { index: index.to_owned(), version: (0, 0), source };
        assert_eq!(document.others(), expected.others(), "{what}");
    }
    let report = bench.report("report.json");
    assert_eq!(report.json()["written"]["updated"], json!(expected.len()), "{}", report.json()["written"]);
}

/// Updates a field of random documents until `is_over`; returns the last note of each document.
fn write_notes(bench: &Bench, index: &str, documents: &[Document], is_over: &AtomicBool) -> BTreeMap<String, String> {
    let mut notes = BTreeMap::new();
    let mut n_rounds = 0_usize;
    while !is_over.load(Ordering::Relaxed) {
        n_rounds += 1;
        let chosen: BTreeSet<&str> =
            (0..10).map(|idx| documents[(n_rounds * 389 + idx * 271) % documents.len()].id.as_str()).collect();
        let note = format!("round {n_rounds}");
        let mut lines = String::new();
        for id in &chosen {
            lines += &json!({"update": {"_index": index, "_id": id, "retry_on_conflict": 50}}).to_string();
            lines += &format!("\n{}\n", json!({"doc": {"note": note}}));
        }
        bench.node.bulk(lines);
        notes.extend(chosen.into_iter().map(|id| (id.to_owned(), note.clone())));
    }
    notes
}
