//! Test bench: a server, a scratch folder, and the program run against both.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::node::Node;
use crate::program::{self, Finished, Report};

/// Server with a folder for the program's input and output.
pub(super) struct Bench {
    pub(super) node: &'static Node,
    folder: tempfile::TempDir,
}

/// Document to index: its id, and `_source` as text.
pub(super) struct Document {
    pub(super) id: String,
    pub(super) source: String,
}

/// Document as stored by the server.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    pub(super) index: String,
    /// `_version` and `_seq_no`.
    pub(super) version: (u64, u64),
    pub(super) source: Map<String, Value>,
}

impl Stored {
    /// Returns the document's text without the fields that the program may write.
    pub(super) fn others(&self) -> String {
        let mut source = self.source.clone();
        for own in ["outliers", "tags"] {
            source.shift_remove(own);
        }
        Value::Object(source).to_string()
    }

    /// Returns the texts under a key of its outliers.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        let values = self.source.get("outliers").and_then(|outliers| outliers[key].as_array()).into_iter().flatten();
        values.map(|value| value.as_str().expect("a text").to_owned()).collect()
    }
}

impl Document {
    /// Returns events with the ids that they have in files: the line number, counted from 0.
    pub(super) fn of_lines(lines: &str) -> Vec<Document> {
        let number = |(idx, line): (usize, &str)| Document { id: format!("{idx:012}"), source: line.to_owned() };
        lines.lines().enumerate().map(number).collect()
    }
}

impl Bench {
    pub(super) fn new(kind: Kind) -> Self {
        Self::on(Node::of(kind))
    }

    pub(super) fn on(node: &'static Node) -> Self {
        Self { node, folder: tempfile::tempdir().expect("a scratch folder") }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn name(&self) -> &'static str {
        self.node.kind.name()
    }

    /// Writes a file into the folder.
    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).expect("written");
        path
    }

    /// Writes `cluster.conf` with this server, these indices, and more lines of `[general]`.
    pub(super) fn write_cluster(&self, es_index_pattern: &str, more: &str) {
        let url = self.node.url();
        let text = format!("[general]\nes_url={url}\nes_index_pattern={es_index_pattern}\nes_retry_deadline=5\n{more}");
        self.write("cluster.conf", &text);
    }

    /// Creates an index anew, with these mappings and documents.
    pub(super) fn index(&self, index: &str, mappings: &Value, documents: &[Document]) {
        self.node.send("DELETE", &format!("/{index}"), None);
        let settings = json!({"number_of_shards": 1, "number_of_replicas": 0});
        self.node.ask("PUT", &format!("/{index}"), Some(&json!({"settings": settings, "mappings": mappings})));
        self.fill(index, documents);
    }

    /// Indexes documents, and makes them visible.
    pub(super) fn fill(&self, index: &str, documents: &[Document]) {
        for some in documents.chunks(2000) {
            let lines = some.iter().fold(String::new(), |mut lines, document| {
                let action = json!({"index": {"_index": index, "_id": document.id}});
                writeln!(lines, "{action}\n{}", document.source).expect("a text grows");
                lines
            });
            self.node.bulk(lines);
        }
    }

    /// Returns the current documents of an index by id; at most 10,000.
    pub(super) fn stored(&self, index: &str) -> BTreeMap<String, Stored> {
        self.node.ask("POST", &format!("/{index}/_refresh"), None);
        let body = json!({"size": 10_000, "version": true, "seq_no_primary_term": true, "sort": ["_doc"]});
        let mut page = self.node.ask("POST", &format!("/{index}/_search"), Some(&body));
        let Value::Array(hits) = page["hits"]["hits"].take() else { panic!("{index}: no hits in {page}") };
        let stored = hits.into_iter().map(|mut hit| {
            let id = hit["_id"].as_str().expect("an id").to_owned();
            let version = (hit["_version"].as_u64().expect("a version"), hit["_seq_no"].as_u64().expect("a number"));
            let Value::Object(source) = hit["_source"].take() else { panic!("{index} {id} has no source") };
            (id, Stored { index: hit["_index"].as_str().expect("an index").to_owned(), version, source })
        });
        stored.collect()
    }

    /// Runs the program in the folder, with arguments written as one line.
    pub(super) fn run(&self, line: &str) -> Finished {
        program::run(self.path(), &line.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs the program over the server and, with `of_files` behind it, over files; both must find
    /// the same. Returns the documents.
    pub(super) fn same_as_in_files(&self, line: &str, of_files: &str) -> String {
        self.run(&format!("{line} -o server.ndjson")).expect_code(0);
        self.run(&format!("{line} {of_files} -o file.ndjson")).expect_code(0);
        let of_server = self.output("server.ndjson");
        assert_same_lines(&self.output("file.ndjson"), &of_server, self.name());
        of_server
    }

    /// Returns the output of a run with `-o`.
    pub(super) fn output(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).expect("the output is written")
    }

    /// Returns the output of a run with `--report`.
    pub(super) fn report(&self, name: &str) -> Report {
        Report::read(&self.path().join(name))
    }
}

/// Returns documents as exported hits, one per line, as the program reads them from files.
pub(super) fn hits(index: &str, documents: &[Document]) -> String {
    documents.iter().fold(String::new(), |mut lines, Document { id, source }| {
        let (index, id) = (json!(index), json!(id));
        writeln!(lines, "{{\"_index\":{index},\"_id\":{id},\"_source\":{source}}}").expect("a text grows");
        lines
    })
}

/// Fails at the first line that differs, without printing megabytes.
pub(super) fn assert_same_lines(expected: &str, actual: &str, what: &str) {
    let differing = expected.lines().zip(actual.lines()).enumerate().find(|(_, (expected, actual))| expected != actual);
    assert!(differing.is_none(), "{what}: first difference: {differing:#?}");
    assert_eq!(expected.lines().count(), actual.lines().count(), "{what}: number of lines");
}
