//! What is done with each input, and what must hold whatever the input is.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use chrono::DateTime;
use ee_outliers::config;
use ee_outliers::config::UseCaseQuery;
use ee_outliers::event::decode::{
    Chunk, ColumnKind, ColumnSpec, Decoder, Identity, Projection, SkipReason, split_document, with_valid_surrogates,
};
use ee_outliers::event::derived::{DerivedField, DerivedFields};
use ee_outliers::event::time::TimeFormats;
use ee_outliers::event::{FieldNames, FieldPath};
use ee_outliers::importers::{self, Coverage, RuleFile, coverage_text};
use ee_outliers::query::{self, QueryColumn};
use ee_outliers::sources::files::{EventFiles, FileOptions};
use ee_outliers::sources::{DocRef, EventSource, ScanOptions};

/// An input of bytes -> nothing; panics if something does not hold.
pub(super) type Target = fn(&[u8]);

/// All targets by name. Each has its folder of inputs in `corpus/`.
pub(super) const TARGETS: &[(&str, Target)] = &[
    ("ini", ini),
    ("query_string", query_string),
    ("dsl", dsl),
    ("json_lines", json_lines),
    ("json", |data| file("json", data)),
    ("csv", |data| file("csv", data)),
    ("evtx", |data| file("evtx", data)),
    ("zeek", |data| file("log", data)),
    ("parquet", |data| file("parquet", data)),
    ("time", time),
    ("grok", grok),
    ("rules", rules),
];

/// Configuration files are read, or every problem has a place.
fn ini(data: &[u8]) {
    let folder = folder();
    let path = folder.path().join("fuzz.conf");
    std::fs::write(&path, data).expect("written");
    let pattern = path.to_str().expect("UTF-8").to_owned();
    let loaded = config::load(std::slice::from_ref(&path), &[pattern]);
    for problem in &loaded.problems {
        assert!(!problem.to_string().contains(['\u{1b}', '\u{202e}']), "{problem:?}");
    }
}

/// Rules become the use cases that the import says they become, and nothing else.
fn rules(data: &[u8]) {
    let folder = folder();
    let path = folder.path().join("made.conf");
    let pattern = path.to_str().expect("UTF-8").to_owned();
    let file = RuleFile { path: Arc::from(Path::new("rules.yml")), bytes: data.to_vec() };
    for importer in [importers::sigma, importers::elastalert] {
        let import = importer(std::slice::from_ref(&file));
        std::fs::write(&path, import.text()).expect("written");
        let loaded = config::load(&[], std::slice::from_ref(&pattern));
        let told: BTreeSet<&String> = import
            .rules
            .iter()
            .flat_map(|rule| match &rule.coverage {
                Coverage::Expressed { sections, .. } => sections.as_slice(),
                Coverage::Listed(_) => &[],
            })
            .collect();
        let rejected = loaded.rejected.iter().map(|use_case| &use_case.section);
        let made: Vec<&String> = loaded.use_cases.iter().map(|use_case| &use_case.section).chain(rejected).collect();
        assert_eq!(made.len(), told.len(), "{}", import.text());
        assert_eq!(BTreeSet::from_iter(made), told, "{}", import.text());
        assert!(!coverage_text(&import.rules, &import.unreadable).contains(['\u{1b}', '\u{202e}']));
    }
}

fn query_string(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match query::lucene::parse(text, &query::lucene::Defaults::default()) {
        Err(syntax) => assert!(syntax.at <= text.len(), "{syntax:?}"),
        Ok(_) => compile(UseCaseQuery {
            lucene: Some(text.to_owned()),
            macros: Vec::new(),
            dsl: Vec::new(),
            recorded: String::new(),
        }),
    }
}

fn dsl(data: &[u8]) {
    let Ok(value) = serde_json::from_slice(data) else { return };
    compile(UseCaseQuery { lucene: None, macros: Vec::new(), dsl: vec![value], recorded: String::new() });
}

/// A query that compiles can be evaluated on events.
fn compile(query: UseCaseQuery) {
    let Ok(compiled) = query::compile(&query, None, DateTime::UNIX_EPOCH) else { return };
    let columns: Vec<ColumnSpec> = compiled.columns().iter().map(QueryColumn::spec).collect();
    let projection = Projection::new(columns);
    let mut decoder = Decoder::new(&projection, Identity::NotWanted);
    let name: Arc<str> = "events".into();
    let chunk = Chunk { bytes: EVENTS.as_bytes(), name: &name, first_line: 0, is_last: true };
    let batch = decoder.decode(&chunk).expect("few events");
    let rows = compiled.evaluate(&batch.columns).expect("a compiled query can be evaluated");
    assert_eq!(rows.len(), batch.rows.len());
}

const EVENTS: &str = r#"{"a":1,"b":{"c":"x y"},"host":["p","q"],"@timestamp":"2024-05-01T10:00:00Z"}
{"a":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab","user.name":null,"b":[{"c":2.5},{"c":true}]}
"#;

/// Reasons for skipping a line that is JSON.
const LIMITS: [SkipReason; 4] =
    [SkipReason::TooDeep, SkipReason::TooManyValues, SkipReason::ValueTooLong, SkipReason::TooLong];

/// Every line that is not blank becomes an event or is counted as skipped; `serde_json` decides
/// which. Events can be read again.
fn json_lines(data: &[u8]) {
    let columns = [
        ("@timestamp", ColumnKind::Time),
        ("a", ColumnKind::Elements),
        ("b.c", ColumnKind::Joined),
        ("*", ColumnKind::Leaves),
    ];
    let spec = |(idx, (field, kind)): (usize, (&str, ColumnKind))| {
        let field = FieldPath::new(field);
        ColumnSpec { forms: FieldNames::default().forms(&field), ..ColumnSpec::new(idx.to_string(), &field, kind) }
    };
    let projection = Projection::new(columns.into_iter().enumerate().map(spec).collect());
    let mut decoder = Decoder::new(&projection, Identity::Hashed);
    let name: Arc<str> = "events".into();
    let batch = decoder.decode(&Chunk { bytes: data, name: &name, first_line: 0, is_last: true }).expect("few events");
    let n_lines = data.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii_end().is_empty()).count();
    assert_eq!(batch.rows.len() as u64 + batch.skipped.total(), n_lines as u64);
    let is_event = |line: &&[u8]| {
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line).trim_ascii_end();
        let text = std::str::from_utf8(line).map(with_valid_surrogates);
        text.is_ok_and(|text| serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(&text).is_ok())
    };
    if !batch.skipped.reasons().any(|(reason, ..)| LIMITS.contains(&reason)) {
        assert_eq!(batch.rows.len(), data.split(|&byte| byte == b'\n').filter(is_event).count());
    }
    for row in &batch.rows {
        let start = row.offset_in_batch as usize;
        let line = std::str::from_utf8(&data[start..start + row.length as usize]).expect("events are UTF-8");
        let document = split_document(line).expect("events can be read again");
        let text = with_valid_surrogates(document.source);
        serde_json::from_str::<serde_json::Value>(&text).expect("documents are JSON");
    }
}

/// A file is refused, or read with each event readable again.
fn file(ending: &str, data: &[u8]) {
    let folder = folder();
    let path = folder.path().join(format!("fuzz.{ending}"));
    std::fs::write(&path, data).expect("written");
    let paths = [path.to_str().expect("UTF-8").to_owned()];
    let Ok(files) = EventFiles::open(&paths, FileOptions { spill_dir: folder.path().to_owned() }) else { return };
    let columns = vec![ColumnSpec::new("a", &FieldPath::new("a"), ColumnKind::Elements)];
    let projection = Projection::new(columns);
    let options = ScanOptions { threads: 1, ..ScanOptions::default() };
    let mut references = Vec::new();
    let summary = files.scan(&projection, &options, &mut |batch| {
        references.extend(batch.rows.iter().map(|row| DocRef {
            batch: batch.number,
            offset: row.offset_in_batch,
            length: row.length,
            line: row.line_in_batch,
        }));
        Ok(())
    });
    let Ok(summary) = summary else { return };
    assert_eq!(summary.events, references.len() as u64);
    let documents = files.fetch(&references).expect("events can be read again");
    for document in documents.into_iter().flatten() {
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&document.text).expect("documents are JSON");
    }
}

/// A time that is read is that of its own normal form.
fn time(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let known = TimeFormats::default();
    let Some(micros) = known.micros_of_text(text) else { return };
    let Some(time) = DateTime::from_timestamp_micros(micros) else { return };
    // years beyond four digits have no form that every reader knows
    if (0..=9999).contains(&chrono::Datelike::year(&time)) {
        let normal = time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        assert_eq!(known.micros_of_text(&normal), Some(micros), "{text} is {normal}");
    }
}

/// The first line is a pattern, the rest the text.
fn grok(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else { return };
    let (pattern, text) = input.split_once('\n').unwrap_or((input, "a 1 b"));
    let field = DerivedField { source: FieldPath::new("message"), pattern: pattern.to_owned() };
    let (rules, wrong) = DerivedFields::compile([&field]);
    if wrong.is_empty() {
        rules.apply(&FieldPath::new("message"), text);
    }
}

/// A folder in memory, where there is one.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a scratch folder")
}
