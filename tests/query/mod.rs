//! Queries in both languages over a few events. The expected results come from a real Elasticsearch
//! (8.15.5): once with the mapping of the corpus, and once with an index whose strings are
//! keywords, because that is how files are read without a mapping. Where files differ on purpose,
//! `note` in the case says so.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::Value;

use arrow::array::{
    Array, ArrayRef, DictionaryArray, ListArray, RecordBatch, RecordBatchOptions, StringArray, UInt32Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Field, Schema};
use ee_outliers::config::UseCaseQuery;
use ee_outliers::query::{CompiledQuery, Mapping, QueryColumn, compile};

#[test]
fn corpus() {
    let corpus = Corpus::read();
    let mut wrong = Vec::new();
    for case in &corpus.cases {
        for (key, mapping) in [("typed", Some(&corpus.mapping)), ("untyped", None)] {
            let Some(expected) = case.get(key).or_else(|| case.get("events")) else { continue };
            let found = match compile(&query_of(case), mapping, now()) {
                Ok(query) => Value::from(matching(&query, &corpus.events)),
                Err(_) => Value::from("error"),
            };
            if found != *expected {
                let text = case.get("lucene").or_else(|| case.get("dsl"));
                wrong.push(format!(
                    "{key} {}: found {found}, expected {expected}",
                    text.map_or(String::new(), Value::to_string)
                ));
            }
        }
    }
    assert!(corpus.cases.len() >= 200, "{} cases", corpus.cases.len());
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), corpus.cases.len(), wrong.join("\n"));
}

#[test]
fn errors_have_a_place_and_advice() {
    for (lucene, dsl, message, position, path) in [
        (Some("é AND (a"), None, "a `(` is not closed", Some(6), None),
        (
            None,
            Some(r#"{"bool": {"must": [{"nope": 1}]}}"#),
            "`nope` is not a query that events from files can answer",
            None,
            Some("[0].bool.must[0].nope"),
        ),
        (
            None,
            Some(r#"{"term": {"src.ip": "x"}}"#),
            "field `src.ip`: `x` is not an address or network",
            None,
            Some("[0]"),
        ),
        (
            None,
            Some(r#"{"prefix": {"event.code": "4"}}"#),
            "field `event.code`: it is a number: only values, ranges and existence can be asked for",
            None,
            Some("[0]"),
        ),
    ] {
        let query = UseCaseQuery {
            lucene: lucene.map(str::to_owned),
            macros: Vec::new(),
            dsl: dsl.iter().map(|text| serde_json::from_str(text).unwrap()).collect(),
            recorded: String::new(),
        };
        let errors = compile(&query, Some(&Corpus::read().mapping), now()).expect_err(message);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(
            (errors[0].message.as_str(), errors[0].position, errors[0].path.as_deref()),
            (message, position, path)
        );
        assert!(!errors[0].help.is_empty());
    }
}

#[test]
fn both_filters_must_match_and_all_errors_are_reported() {
    let corpus = Corpus::read();
    let query = |lucene: &str, dsl: &str| UseCaseQuery {
        lucene: Some(lucene.to_owned()),
        macros: Vec::new(),
        dsl: vec![serde_json::from_str(dsl).unwrap()],
        recorded: String::new(),
    };
    let compiled = compile(&query("tags:prod", r#"{"term": {"tags": "db"}}"#), None, now()).unwrap();
    assert_eq!(matching(&compiled, &corpus.events), [2]);
    assert_eq!(compiled.columns().len(), 1);
    assert_eq!(compile(&query("(", r#"{"nope": {}}"#), None, now()).unwrap_err().len(), 2);
    let all =
        UseCaseQuery { lucene: Some("*".to_owned()), macros: Vec::new(), dsl: Vec::new(), recorded: String::new() };
    assert!(compile(&all, None, now()).unwrap().is_match_all());
}

#[test]
fn long_and_deep_queries_do_not_exhaust_the_stack() {
    let corpus = Corpus::read();
    let any = (0..20_000).map(|idx| format!("f{}:{idx}", idx % 50)).collect::<Vec<_>>().join(" OR ");
    let all = (0..3_000).map(|idx| format!("f{idx}:*")).collect::<Vec<_>>().join(" AND ");
    let deep = format!("{}host:york{}", "NOT (tags:x OR ".repeat(120), ")".repeat(120));
    for text in [any, all, deep] {
        let query = UseCaseQuery { lucene: Some(text), macros: Vec::new(), dsl: Vec::new(), recorded: String::new() };
        let compiled = compile(&query, None, now()).unwrap();
        matching(&compiled, &corpus.events);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn rows_do_not_depend_on_the_split_of_a_batch(case in any::<prop::sample::Index>(), cut in 0..9_usize) {
        let corpus = Corpus::read();
        let case = case.get(&corpus.cases);
        if let Ok(query) = compile(&query_of(case), None, now()) {
            let cut = cut.min(corpus.events.len());
            let (left, right) = corpus.events.split_at(cut);
            let mut rows = matching(&query, left);
            rows.extend(matching_from(&query, right, cut).iter().map(|row| row + cut));
            prop_assert_eq!(rows, matching(&query, &corpus.events));
            let whole = batch(query.columns(), &corpus.events, 0);
            let rows: Vec<bool> = (0..2).flat_map(|part| {
                let (from, to) = if part == 0 { (0, cut) } else { (cut, corpus.events.len()) };
                query.evaluate(&whole.slice(from, to - from)).unwrap().iter().map(Option::unwrap).collect::<Vec<_>>()
            }).collect();
            let expected: Vec<bool> = query.evaluate(&whole).unwrap().iter().map(Option::unwrap).collect();
            prop_assert_eq!(rows, expected);
        }
    }
}

struct Corpus {
    events: Vec<Value>,
    mapping: Mapping,
    cases: Vec<Value>,
}

impl Corpus {
    fn read() -> Self {
        let mut corpus: Value = serde_json::from_str(include_str!("corpus.json")).expect("corpus.json is JSON");
        let mut list = |key: &str| corpus[key].take().as_array().expect("a list").clone();
        let (events, cases) = (list("events"), list("cases"));
        let mapping = Mapping::parse(corpus["mapping"].to_string().as_bytes()).expect("a mapping");
        Corpus { events, mapping, cases }
    }
}

fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-01-01T00:00:00Z").expect("a time").to_utc()
}

fn query_of(case: &Value) -> UseCaseQuery {
    UseCaseQuery {
        lucene: case.get("lucene").map(|text| text.as_str().expect("text").to_owned()),
        macros: Vec::new(),
        dsl: case.get("dsl").cloned().into_iter().collect(),
        recorded: String::new(),
    }
}

fn matching(query: &CompiledQuery, events: &[Value]) -> Vec<usize> {
    matching_from(query, events, 0)
}

/// Returns the rows of matching events, whose ids begin with `first_id`.
fn matching_from(query: &CompiledQuery, events: &[Value], first_id: usize) -> Vec<usize> {
    let rows = query.evaluate(&batch(query.columns(), events, first_id)).expect("the columns asked for");
    assert_eq!((rows.len(), rows.null_count()), (events.len(), 0));
    (0..rows.len()).filter(|row| rows.value(*row)).collect()
}

fn batch(columns: &[QueryColumn], events: &[Value], first_id: usize) -> RecordBatch {
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    // the columns are in another order than in the query, after one that it does not use
    let other = (String::from("other"), Arc::new(StringArray::from(vec!["x"; events.len()])) as ArrayRef);
    let wanted = columns.iter().rev().map(|column| (column.name(), leaves_column(column, events, first_id)));
    for (name, array) in std::iter::once(other).chain(wanted) {
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(events.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).expect("columns of one length")
}

fn leaves_column(column: &QueryColumn, events: &[Value], first_id: usize) -> ArrayRef {
    let name = column.field();
    let rows = events.iter().enumerate().map(|(idx, event)| {
        let mut found = Vec::new();
        match name.as_str() {
            "_id" => found.push(format!("s{}", first_id + idx)),
            "_index" => found.push("styped".to_owned()),
            name => leaves(event, "", name, &mut found),
        }
        found
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let mut distinct: Vec<String> = rows.iter().flatten().cloned().collect();
    distinct.sort();
    distinct.dedup();
    let codes = rows.iter().flatten().map(|text| distinct.binary_search(text).expect("one of the distinct") as u32);
    let leaves =
        DictionaryArray::new(UInt32Array::from_iter_values(codes), Arc::new(StringArray::from(distinct.clone())));
    let item = Arc::new(Field::new_list_field(leaves.data_type().clone(), false));
    Arc::new(ListArray::new(item, OffsetBuffer::from_lengths(rows.iter().map(Vec::len)), Arc::new(leaves), None))
}

/// Collects the leaves at and below the fields whose names match `wanted`.
fn leaves(value: &Value, name: &str, wanted: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                leaves(value, &if name.is_empty() { key.clone() } else { format!("{name}.{key}") }, wanted, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| leaves(value, name, wanted, found)),
        Value::Null => {}
        _ if !is_wanted(name, wanted) => {}
        Value::String(text) => found.push(format!("s{text}")),
        Value::Bool(value) => found.push(format!("b{value}")),
        Value::Number(number) => found.push(format!("n{number}")),
    }
}

fn is_wanted(name: &str, wanted: &str) -> bool {
    match wanted.split_once('*') {
        Some((start, end)) => name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end),
        None => name == wanted || name.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.')),
    }
}
