//! The corpus of queries against real servers: each query, as a use case, selects the same documents in a file and on every server.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::bench::{Bench, Document, hits};
use super::kind::Kind;

/// What a server makes of a query, where that is not what others make of it.
struct Difference {
    /// The query, as the corpus has it.
    query: &'static str,
    servers: &'static [Kind],
    /// Numbers of the events, or `"error"`.
    selects: &'static str,
    reason: &'static str,
}

use Kind::{Elasticsearch7, Elasticsearch9, OpenSearch3};

/// All differences between servers, over all queries of the corpus. One that is not seen any more must leave the list.
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
];

/// A field that all events have, so that the window of a run leaves none out.
const SEEN: &str = "indexed_at";

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
    let corpus = Corpus::read();
    let folder = tempfile::tempdir().expect("a scratch folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("queries.conf", &corpus.use_cases());
    write("mapping.json", &json!({"typed": {"mappings": corpus.mappings}}).to_string());
    write("hits.ndjson", &hits("typed", &corpus.documents));
    let options =
        "--mapping mapping.json --events hits.ndjson --use-cases queries.conf --report report.json -o out.ndjson";
    crate::program::run(folder.path(), &format!("run -q {options}").split(' ').collect::<Vec<_>>()).expect_code(3);
    let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("written");
    let selected = selected(&corpus, &text("out.ndjson"), &serde_json::from_str(&text("report.json")).expect("JSON"));
    compare(&corpus, "files", &selected, |query| query.expected.clone());
}

/// What the corpus asks, of what.
struct Corpus {
    documents: Vec<Document>,
    mappings: Value,
    queries: Vec<Query>,
}

struct Query {
    /// The text of a Lucene query, or a query of the DSL.
    written: Value,
    /// Numbers of the events that it selects, or `"error"`.
    expected: Value,
}

impl Corpus {
    fn read() -> Self {
        let corpus: Value = serde_json::from_str(include_str!("../query/corpus.json")).expect("corpus.json is JSON");
        let list = |key: &str| corpus[key].as_array().expect("a list").iter().cloned();
        let mut mappings = corpus["mapping"]["typed"]["mappings"].clone();
        mappings["properties"][SEEN] = json!({"type": "date"});
        let seen = |mut event: Value| {
            event[SEEN] = json!("1999-01-01T00:00:00Z");
            event.to_string()
        };
        let documents =
            list("events").enumerate().map(|(idx, event)| Document { id: idx.to_string(), source: seen(event) });
        let queries = list("cases").filter_map(|case| {
            Some(Query {
                written: case.get("lucene").or_else(|| case.get("dsl")).expect("a query").clone(),
                expected: case.get("typed").or_else(|| case.get("events"))?.clone(),
            })
        });
        Corpus { documents: documents.collect(), mappings, queries: queries.collect() }
    }

    /// One use case per query, `[simplequery_qNUMBER]`.
    fn use_cases(&self) -> String {
        let mut text = String::new();
        for (idx, query) in self.queries.iter().enumerate() {
            let filter = match &query.written {
                // blanks around a value and line ends are the configuration's own
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
}

fn check(kind: Kind) {
    let corpus = Corpus::read();
    let bench = Bench::new(kind);
    bench.index("typed", &corpus.mappings, &corpus.documents);
    bench.write("queries.conf", &corpus.use_cases());
    bench.write_cluster("typed", "es_save_results=0\n");
    let times = "--from 1970-01-01T00:00:00Z";
    // some queries of the corpus are wrong: their use cases fail alone
    bench
        .run(&format!(
            "run -q --config cluster.conf --use-cases queries.conf {times} --report report.json -o out.ndjson"
        ))
        .expect_code(3);
    let selected = selected(&corpus, &bench.output("out.ndjson"), bench.report("report.json").json());
    let difference = |query: &Query| {
        let text = query.written.to_string();
        DIFFERENCES.iter().find(|difference| difference.query == text && difference.servers.contains(&kind))
    };
    for listed in DIFFERENCES.iter().filter(|listed| listed.servers.contains(&kind)) {
        let is_known = corpus.queries.iter().any(|query| query.written.to_string() == listed.query);
        assert!(is_known && !listed.reason.is_empty(), "{} is no query of the corpus", listed.query);
    }
    compare(&corpus, bench.name(), &selected, |query| match difference(query) {
        Some(listed) => {
            let selects: Value = serde_json::from_str(listed.selects).expect("JSON");
            assert_ne!(selects, query.expected, "{} is no difference", listed.query);
            selects
        }
        None => query.expected.clone(),
    });
}

/// Per query, the numbers of the events that a run found, or `"error"`.
fn selected(corpus: &Corpus, output: &str, report: &Value) -> Vec<Value> {
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
    let of_query = |idx: usize| match status.get(format!("simplequery_q{idx}").as_str()) {
        Some(&"complete") => json!(events.remove(&format!("q{idx}")).unwrap_or_default()),
        Some(&"configuration_error") => json!("error"),
        other => panic!("query {idx} ended as {other:?}"),
    };
    (0..corpus.queries.len()).map(of_query).collect()
}

fn compare(corpus: &Corpus, where_: &str, selected: &[Value], expected: impl Fn(&Query) -> Value) {
    let mut wrong = Vec::new();
    for (query, selected) in corpus.queries.iter().zip(selected) {
        let expected = expected(query);
        if *selected != expected {
            wrong.push(format!("{}: selects {selected}, expected {expected}", query.written));
        }
    }
    assert!(corpus.queries.len() >= 400, "{} queries", corpus.queries.len());
    assert!(wrong.is_empty(), "{where_}: {} of {} queries:\n{}", wrong.len(), selected.len(), wrong.join("\n"));
}
