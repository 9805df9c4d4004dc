//! Corpus of queries against real servers: each query, as a use case, selects the same documents in
//! a file and on every server.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::bench::{Bench, Document, hits};
use super::kind::Kind;
use crate::golden::SYNTHETIC;
use crate::program::{self, Finished};

/// Query that a server answers differently from files and the other servers.
struct Difference {
    /// The query as JSON, as in the corpus.
    query: &'static str,
    servers: &'static [Kind],
    /// Numbers of the selected events, or `"error"`.
    selects: &'static str,
    reason: &'static str,
}

use Kind::{Elasticsearch7, Elasticsearch9, OpenSearch3};

/// All differences, over all queries of the corpus. A difference that no longer occurs must be
/// removed from the list.
const DIFFERENCES: &[Difference] = &[
    Difference {
        query: r#""host:/~(db.*)/""#,
        servers: &[OpenSearch3],
        selects: "[]",
        reason: "its Lucene has given up complement in regular expressions",
    },
    Difference {
        query: r#"{"regexp":{"tags":"~(prod|web|db|pci)"}}"#,
        servers: &[OpenSearch3],
        selects: "[]",
        reason: "its Lucene has given up complement in regular expressions",
    },
    Difference {
        query: r#""host:/WEB-\\d\\d/""#,
        servers: &[Elasticsearch7],
        selects: "[]",
        reason: "its Lucene does not know classes such as \\d yet",
    },
    Difference {
        query: r#""message:/FOX/""#,
        servers: &[OpenSearch3],
        selects: "[0,6]",
        reason: "it lowers the case of regular expressions on text fields",
    },
    Difference {
        query: r#"{"wildcard":{"message":"QUI*"}}"#,
        servers: &[Elasticsearch7],
        selects: "[0,1]",
        reason: "it lowers the case of wildcards on text fields in the DSL too",
    },
    Difference {
        query: r#""host:york~3""#,
        servers: &[Elasticsearch7, OpenSearch3],
        selects: "[6]",
        reason: "they take a distance beyond 2 for 2",
    },
    Difference {
        query: r#""host:york~0.5""#,
        servers: &[Elasticsearch7, OpenSearch3],
        selects: "[6]",
        reason: "they take a distance between the whole ones",
    },
    Difference {
        query: r#"{"range":{"event.code":{"from":4624,"to":4688,"include_upper":false}}}"#,
        servers: &[Elasticsearch9],
        selects: "\"error\"",
        reason: "it has given up the old names of bounds",
    },
    Difference {
        query: r#"{"range":{"event.code":{"from":4624,"to":null,"include_lower":false}}}"#,
        servers: &[Elasticsearch9],
        selects: "\"error\"",
        reason: "it has given up the old names of bounds",
    },
    Difference {
        query: r#""message:\"value here second\"~200""#,
        servers: &Kind::ALL,
        selects: "[5]",
        reason: "values of a list stand 100 words apart for a server; in files no phrase reaches from one into the next",
    },
];

impl Difference {
    fn is_about(&self, query: &Value) -> bool {
        serde_json::from_str::<Value>(self.query).expect("a query of the list is JSON") == *query
    }
}

/// Field that all events have, so that the window of a run includes all of them.
const SEEN: &str = "indexed_at";

/// Events and queries about them.
struct Corpus {
    index: &'static str,
    documents: Vec<Document>,
    mappings: Value,
    /// Lucene queries as texts, and queries of the DSL.
    queries: Vec<Value>,
    /// Per query, the numbers of the events that it selects, or `"error"`.
    expected: Vec<Value>,
}

#[test]
fn opensearch_3() {
    check(OpenSearch3);
}

#[test]
fn elasticsearch_7() {
    check(Elasticsearch7);
}

#[test]
fn elasticsearch_8() {
    check(Kind::Elasticsearch8);
}

#[test]
fn elasticsearch_9() {
    check(Elasticsearch9);
}

#[test]
fn files() {
    let corpus = Corpus::of_cases();
    corpus.compare("files", &corpus.select_in_files(), |query| corpus.expected[query].clone());
}

#[test]
fn many_events_distinguish_queries() {
    let corpus = Corpus::of_many_events();
    let distinct: BTreeSet<String> = corpus.expected.iter().map(Value::to_string).collect();
    let is_error = |idx: &usize| corpus.expected[*idx].is_string();
    let errors: Vec<&Value> = (0..corpus.queries.len()).filter(is_error).map(|idx| &corpus.queries[idx]).collect();
    assert!(errors.is_empty(), "queries that files cannot answer: {errors:#?}");
    let n_empty = corpus.expected.iter().filter(|selected| **selected == json!([])).count();
    assert!(corpus.queries.len() >= 140 && distinct.len() >= 95, "{} answers", distinct.len());
    assert!(n_empty <= 15, "{n_empty} queries select nothing");
}

fn check(kind: Kind) {
    let corpus = Corpus::of_cases();
    let listed = || DIFFERENCES.iter().filter(|listed| listed.servers.contains(&kind));
    for difference in listed() {
        let is_known = corpus.queries.iter().any(|query| difference.is_about(query));
        assert!(is_known && !difference.reason.is_empty(), "{} is no query of the corpus", difference.query);
    }
    corpus.compare(kind.name(), &corpus.select_on(kind), |idx| {
        let query = &corpus.queries[idx];
        let Some(difference) = listed().find(|listed| listed.is_about(query)) else {
            return corpus.expected[idx].clone();
        };
        let selects: Value = serde_json::from_str(difference.selects).expect("JSON");
        assert_ne!(selects, corpus.expected[idx], "{query} is no difference");
        selects
    });
    let corpus = Corpus::of_many_events();
    corpus.compare(kind.name(), &corpus.select_on(kind), |idx| corpus.expected[idx].clone());
}

impl Corpus {
    /// Returns a few events, with the expected selection of each query.
    fn of_cases() -> Self {
        let corpus: Value = serde_json::from_str(include_str!("../query/corpus.json")).expect("corpus.json is JSON");
        let list = |key: &str| corpus[key].as_array().expect("a list").iter().cloned();
        let events = list("events").map(seen);
        let documents =
            events.enumerate().map(|(idx, event)| Document { id: idx.to_string(), source: event.to_string() });
        let documents = documents.collect();
        let mut mappings = corpus["mapping"]["typed"]["mappings"].clone();
        mappings["properties"][SEEN] = json!({"type": "date"});
        let cases = || list("cases").filter(|case| case.get("typed").or_else(|| case.get("events")).is_some());
        Corpus {
            index: "typed",
            documents,
            mappings,
            queries: cases()
                .map(|case| case.get("lucene").or_else(|| case.get("dsl")).expect("a query").clone())
                .collect(),
            expected: cases().filter_map(|case| case.get("typed").or_else(|| case.get("events")).cloned()).collect(),
        }
    }

    /// Returns the events of the synthetic golden cases; the expected selection is that of files.
    fn of_many_events() -> Self {
        let corpus: Value = serde_json::from_str(include_str!("queries.json")).expect("queries.json is JSON");
        let list = |key: &str| corpus[key].as_array().expect("a list").iter().cloned();
        let mut mappings = corpus["mappings"].clone();
        mappings["properties"][SEEN] = json!({"type": "date"});
        let mut documents = Document::of_lines(&SYNTHETIC.events());
        documents.retain(|document| is_regular(&document.source));
        for document in &mut documents {
            let mut event = seen(serde_json::from_str(&document.source).expect("events are JSON"));
            if let Some(bytes) = event["network"]["bytes"].as_f64() {
                event["network"]["share"] = json!(bytes / 1024.0);
                event["odd"] = json!(bytes % 2.0 == 1.0);
            }
            document.source = event.to_string();
        }
        let queries = list("lucene").chain(list("dsl")).collect();
        let mut corpus = Corpus { index: "many", documents, mappings, queries, expected: Vec::new() };
        corpus.expected = corpus.select_in_files();
        corpus
    }

    /// Returns the selection of each query if the program reads the documents from a file.
    fn select_in_files(&self) -> Vec<Value> {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        write("queries.conf", &self.use_cases());
        write("mapping.json", &json!({self.index: {"mappings": self.mappings}}).to_string());
        write("hits.ndjson", &hits(self.index, &self.documents));
        write("main.conf", "[general]\nunusable=warn\n");
        let line = "run -q --config main.conf --mapping mapping.json --events hits.ndjson --use-cases queries.conf --report report.json -o out.ndjson";
        let finished = program::run(folder.path(), &line.split(' ').collect::<Vec<_>>());
        let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("written");
        let report = serde_json::from_str(&text("report.json")).expect("JSON");
        self.selected(&finished, &text("out.ndjson"), &report)
    }

    /// Returns the selection of each query if a server of this kind has the documents.
    fn select_on(&self, kind: Kind) -> Vec<Value> {
        let bench = Bench::new(kind);
        bench.index(self.index, &self.mappings, &self.documents);
        bench.write("queries.conf", &self.use_cases());
        // pages so small that each slice has many
        let small = (self.documents.len() / 20).max(1);
        bench.write_cluster(self.index, &format!("unusable=warn\nes_save_results=0\nes_scan_size={small}\n"));
        let times = "--from 1970-01-01T00:00:00Z";
        let finished = bench.run(&format!(
            "run -q --config cluster.conf --use-cases queries.conf {times} --report report.json -o out.ndjson"
        ));
        self.selected(&finished, &bench.output("out.ndjson"), bench.report("report.json").json())
    }

    /// Returns one use case per query, `[simplequery_qNUMBER]`.
    fn use_cases(&self) -> String {
        let mut text = String::new();
        for (idx, query) in self.queries.iter().enumerate() {
            let filter = match query {
                // the configuration trims values and ends them at the line
                Value::String(lucene) if lucene.trim() != lucene || lucene.is_empty() || lucene.contains('\n') => {
                    format!("es_dsl_filter={}", json!({"query": {"query_string": {"query": lucene}}}))
                }
                Value::String(lucene) => format!("es_query_filter={lucene}"),
                dsl => format!("es_dsl_filter={}", json!({"query": dsl})),
            };
            write!(
                text,
                "[simplequery_q{idx}]\n{filter}\ntimestamp_field={SEEN}\noutlier_type=query\noutlier_reason=query\n\
                 outlier_summary=q{idx}\nrun_model=1\n\n"
            )
            .expect("a text grows");
        }
        text
    }

    /// Returns, per query, the numbers of the events that a run found, or `"error"`: a wrong query
    /// fails alone.
    fn selected(&self, finished: &Finished, output: &str, report: &Value) -> Vec<Value> {
        let mut events: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for line in output.lines() {
            let hit: Value = serde_json::from_str(line).expect("a line of JSON");
            let id = hit["_id"].as_str().and_then(|id| id.parse().ok()).expect("a number");
            for name in hit["_source"]["outliers"]["model_name"].as_array().expect("names") {
                events.entry(name.as_str().expect("a name").to_owned()).or_default().push(id);
            }
        }
        let status: BTreeMap<&str, &str> = report["use_cases"]
            .as_array()
            .expect("use cases")
            .iter()
            .map(|entry| (entry["name"].as_str().expect("a name"), entry["status"].as_str().expect("a status")))
            .collect();
        let mut n_errors = 0;
        let mut of_query = |idx: usize| match status.get(format!("simplequery_q{idx}").as_str()) {
            // many queries negate fields that occur in no event
            Some(&("complete" | "no_events" | "unusable")) => {
                json!(events.remove(&format!("q{idx}")).unwrap_or_default())
            }
            Some(&"configuration_error") => {
                n_errors += 1;
                json!("error")
            }
            other => panic!("query {idx} ended as {other:?}: {}", finished.stderr),
        };
        let selected = (0..self.queries.len()).map(&mut of_query).collect();
        assert_eq!(finished.code, if n_errors > 0 { 3 } else { 0 }, "{}", finished.stderr);
        selected
    }

    fn compare(&self, what: &str, selected: &[Value], expected: impl Fn(usize) -> Value) {
        assert!(selected.len() >= 140 && selected.len() == self.queries.len(), "{} queries", selected.len());
        let wrong: Vec<String> = (0..selected.len())
            .filter(|&idx| selected[idx] != expected(idx))
            .map(|idx| format!("{}: {}", self.queries[idx], difference(&selected[idx], &expected(idx))))
            .collect();
        assert!(wrong.is_empty(), "{what}: {} of {} queries:\n{}", wrong.len(), selected.len(), wrong.join("\n"));
    }
}

/// Adds a time that all events share.
fn seen(mut event: Value) -> Value {
    event[SEEN] = json!("1999-01-01T00:00:00Z");
    event
}

/// True if a server accepts the event with the types of the corpus, and finds its fields by the
/// same names as files do: field names are case-sensitive on a server.
fn is_regular(event: &str) -> bool {
    let event: Value = serde_json::from_str(event).expect("events are JSON");
    let names = &event["user"]["name"];
    let has_object = names.is_object() || names.as_array().is_some_and(|names| names.iter().any(Value::is_object));
    !has_object && event["process"].get("Name").is_none()
}

/// Describes a difference briefly, as thousands of events may be selected.
fn difference(selected: &Value, expected: &Value) -> String {
    match (selected.as_array(), expected.as_array()) {
        (Some(selected), Some(expected)) => {
            let surplus: Vec<&Value> = selected.iter().filter(|id| !expected.contains(id)).collect();
            let missing: Vec<&Value> = expected.iter().filter(|id| !selected.contains(id)).collect();
            let first = |ids: &[&Value]| ids.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join(" ");
            format!(
                "selects {}, expected {}; too many: {} ({}), missing: {} ({})",
                selected.len(),
                expected.len(),
                surplus.len(),
                first(&surplus),
                missing.len(),
                first(&missing)
            )
        }
        _ => {
            let shown = |value: &Value| {
                value.as_array().map_or_else(|| value.to_string(), |list| format!("{} events", list.len()))
            };
            format!("selects {}, expected {}", shown(selected), shown(expected))
        }
    }
}
