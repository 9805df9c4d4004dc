//! Decoding against an oracle that parses whole documents.

use std::sync::Arc;

use arrow::array::{Array, AsArray, ListArray, RecordBatch, StringArray};
use arrow::datatypes::{TimestampMicrosecondType, UInt32Type};
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;
use crate::event::{Document, FieldNames, FieldPath, equal_ignoring_case};

fn projection(columns: &[(&str, ColumnKind)]) -> Projection {
    let specs = columns
        .iter()
        .enumerate()
        .map(|(idx, (field, kind))| {
            let field = FieldPath::new(field);
            let forms = FieldNames::default().forms(&field);
            ColumnSpec { forms, ..ColumnSpec::new(format!("c{idx}"), &field, *kind) }
        })
        .collect();
    Projection::new(specs)
}

fn decode_chunk(projection: &Projection, bytes: &[u8], first_line: u64, is_last: bool) -> EventBatch {
    let chunk = Chunk { bytes, name: &Arc::from("events.ndjson"), first_line, is_last };
    Decoder::new(projection, Identity::Hashed).decode(&chunk).unwrap()
}

fn decode(columns: &[(&str, ColumnKind)], lines: &str) -> EventBatch {
    decode_chunk(&projection(columns), lines.as_bytes(), 0, true)
}

/// Renders the cells of a row as text: `-` for NULL, a list in brackets.
fn cells(columns: &RecordBatch, row: usize) -> Vec<String> {
    columns.columns().iter().map(|column| cell(column, row)).collect()
}

fn cell(column: &dyn Array, row: usize) -> String {
    if column.is_null(row) {
        return "-".to_owned();
    }
    if let Some(list) = column.as_list_opt::<i32>() {
        return format!("{:?}", entries(list, row));
    }
    if let Some(times) = column.as_primitive_opt::<TimestampMicrosecondType>() {
        return times.value(row).to_string();
    }
    let texts = column.as_dictionary::<UInt32Type>().downcast_dict::<StringArray>().unwrap();
    format!("{:?}", arrow::array::ArrayAccessor::value(&texts, row))
}

fn entries(list: &ListArray, row: usize) -> Vec<String> {
    let entries = list.value(row);
    let texts = entries.as_dictionary::<UInt32Type>().downcast_dict::<StringArray>().unwrap();
    texts.into_iter().map(|text| text.unwrap().to_owned()).collect()
}

fn check(columns: &[(&str, ColumnKind)], line: &str, expected: &[&str]) {
    let batch = decode(columns, line);
    assert_eq!(batch.rows.len(), 1, "{line}: {:?}", batch.skipped);
    assert_eq!(cells(&batch.columns, 0), expected, "{line}");
}

#[test]
fn values_are_rendered_as_their_kind_says() {
    use ColumnKind::{Elements, Joined, Leaves, Strings, Time};
    let all = [("a", Elements), ("a", Joined), ("a", Strings), ("a", Leaves), ("a", Time)];
    check(&all, r#"{"a": "x"}"#, &[r#"["x"]"#, r#""x""#, r#""x""#, r#"["sx"]"#, "-"]);
    check(&all, r#"{"a": "1971"}"#, &[r#"["1971"]"#, r#""1971""#, r#""1971""#, r#"["s1971"]"#, "31536000000000"]);
    check(&all, r#"{"a": "\u00e9\n"}"#, &[r#"["é\n"]"#, r#""é\n""#, r#""é\n""#, r#"["sé\n"]"#, "-"]);
    check(&all, r#"{"a": 12}"#, &[r#"["12"]"#, r#""12""#, "-", r#"["n12"]"#, "-"]);
    check(&all, r#"{"a": -0}"#, &[r#"["0"]"#, r#""0""#, "-", r#"["n-0"]"#, "-"]);
    check(&all, r#"{"a": 1.0}"#, &[r#"["1.0"]"#, r#""1.0""#, "-", r#"["n1.0"]"#, "-"]);
    check(&all, r#"{"a": 1E-5}"#, &[r#"["1e-05"]"#, r#""1e-05""#, "-", r#"["n1E-5"]"#, "-"]);
    check(&all, r#"{"a": 1e400}"#, &[r#"["inf"]"#, r#""inf""#, "-", r#"["n1e400"]"#, "-"]);
    check(&all, r#"{"a": true}"#, &[r#"["True"]"#, r#""True""#, "-", r#"["btrue"]"#, "-"]);
    check(&all, r#"{"a": null}"#, &["[]", "-", "-", "[]", "-"]);
    check(&all, r#"{"a": {"b": 1}}"#, &["[]", "-", "-", r#"["n1"]"#, "-"]);
    check(&all, "{}", &["-", "-", "-", "[]", "-"]);
    check(&all, r#"{"a": []}"#, &["[]", r#""""#, "-", "[]", "-"]);
    check(&all, r#"{"a": [7, null, "y"]}"#, &[r#"["7", "y"]"#, r#""7 - None - y""#, "-", r#"["n7", "sy"]"#, "-"]);
    check(
        &all,
        r#"{"a": [["p", 1], [], [[1]], {"q": false}]}"#,
        &[r#"["p - 1", ""]"#, "-", "-", r#"["sp", "n1", "n1", "bfalse"]"#, "-"],
    );
}

#[test]
fn times_are_read_from_texts_numbers_and_wrappers() {
    for (value, expected) in [
        (r#""1971-01-01T00:00:00Z""#, "31536000000000"),
        (r#""Fri, 01 Jan 1971 00:00:00 GMT""#, "31536000000000"),
        ("31536000", "31536000000000"),
        ("31536000000.5", "31536000000500"),
        ("[31536000, 5]", "31536000000000"),
        (r#"{"$date": "1971-01-01T00:00:00Z"}"#, "31536000000000"),
        (r#"{"$date": -5}"#, "-5000"),
        (r#"{"$date": {"$numberLong": "5"}}"#, "5000"),
        (r#"{"$date": {"$numberLong": 5}}"#, "-"),
        (r#"{"$date": {"$date": 5}}"#, "-"),
        (r#"{"$date": []}"#, "-"),
        ("{}", "-"),
        ("[[31536000]]", "-"),
        ("true", "-"),
    ] {
        check(&[("a", ColumnKind::Time)], &format!(r#"{{"a": {value}}}"#), &[expected]);
    }
    let values = [r#""1971""#, r#""1971""#, "null", r#""1971""#, r#""x""#, r#""x""#];
    let lines: String = values.iter().map(|value| format!("{{\"a\": {value}}}\n")).collect();
    let batch = decode(&[("a", ColumnKind::Time)], &(lines + "{}\n{\"a\": 31536001}"));
    let cell = |row| cells(&batch.columns, row).remove(0);
    let first = "31536000000000";
    assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(cell), [first, first, "-", first, "-", "-", "-", "31536001000000"]);
}

#[test]
fn leaf_names_follow_elasticsearch() {
    use ColumnKind::Leaves;
    let path = [("a.b", Leaves), ("A.b", Leaves), ("a", Leaves), ("a.*", Leaves), ("*", Leaves)];
    check(&path, r#"{"a": {"b": 1}}"#, &[r#"["n1"]"#, r#"["n1"]"#, r#"["n1"]"#, r#"["n1"]"#, r#"["n1"]"#]);
    check(
        &path,
        r#"{"a.b": 1, "a": {"b": 2}}"#,
        &[r#"["n2", "n1"]"#, r#"["n2", "n1"]"#, r#"["n2", "n1"]"#, r#"["n1", "n2"]"#, r#"["n1", "n2"]"#],
    );
    check(
        &path,
        r#"{"a": [{"b": 1}, 5, {"b": [2, {"c": 3}], "B": 4}, [{"b": "x"}]]}"#,
        &[
            r#"["n1", "n2", "n3", "sx"]"#,
            r#"["n1", "n2", "n3", "sx"]"#,
            r#"["n1", "n5", "n2", "n3", "n4", "sx"]"#,
            r#"["n1", "n2", "n3", "n4", "sx"]"#,
            r#"["n1", "n5", "n2", "n3", "n4", "sx"]"#,
        ],
    );
    // the last of several equal keys wins, in arrays too, and for whole values
    check(&path[..2], r#"{"a": [{"b": 1, "b": 2}, {"b": 3}]}"#, &[r#"["n2", "n3"]"#, r#"["n2", "n3"]"#]);
    check(&path[..2], r#"{"a": [{"b": 1}], "a": {"b": 9}}"#, &[r#"["n9"]"#, r#"["n9"]"#]);
    // an exact name hides those in another case
    check(&path[..2], r#"{"A": {"b": 1}}"#, &[r#"["n1"]"#, r#"["n1"]"#]);
    check(&path[..2], r#"{"A": {"b": 1}, "a.b": 2}"#, &[r#"["n2"]"#, r#"["n1"]"#]);
    check(&path[..1], r#"{"a": [{"B": 1}, {"b": 2, "B": 3}]}"#, &[r#"["n2"]"#]);
    check(&path[..1], r#"{"a": [{"B": 1}, {"B": 3}], "A": 4}"#, &[r#"["n1", "n3"]"#]);
}

#[test]
fn elements_inside_arrays_of_objects() {
    use ColumnKind::{Elements, Joined, Strings, Time};
    let all = [("a.b", Elements), ("a.b", Joined), ("a.b", Strings), ("a.b", Time), ("a.b.caseless", Elements)];
    let line = r#"{"a": [{"b": "1970-01-01"}, 5, {"B": ["X", null, {"c": 1}]}, [{"b": "1970-01-01"}, {"b": "x"}]]}"#;
    let (elements, folded) = (r#"["1970-01-01", "X", "x"]"#, r#"["1970-01-01", "x"]"#);
    check(&all, line, &[elements, r#""1970-01-01 - X - x""#, "-", "0", folded]);
    check(&all, r#"{"a": [{"b": "y"}, {"b": "y"}]}"#, &[r#"["y"]"#, r#""y""#, r#""y""#, "-", r#"["y"]"#]);
    check(&all, r#"{"a": [{"c": "y"}]}"#, &["-", "-", "-", "-", "-"]);
    check(
        &all,
        r#"{"a": [{"b": "y"}], "a.b": ["Z", "Z"]}"#,
        &[r#"["Z", "Z"]"#, r#""Z - Z""#, "-", "-", r#"["z", "z"]"#],
    );
}

#[test]
fn forms_take_the_place_of_missing_fields() {
    use ColumnKind::{Elements, FormLeaves, Joined, Leaves};
    let all = [("a.keyword", Elements), ("a.keyword", Leaves), ("a.keyword", FormLeaves), ("a.caseless", Joined)];
    check(&all, r#"{"a": ["X", 1]}"#, &[r#"["X", "1"]"#, "[]", r#"["sX", "n1"]"#, r#""x - 1""#]);
    check(&all, r#"{"a": {"keyword": "k"}}"#, &[r#"["k"]"#, r#"["sk"]"#, "[]", "-"]);
    check(&all, r#"{"a": {"other": "k"}}"#, &["[]", "[]", "[]", "-"]);
    check(&all, r#"{"a": "X", "A.Keyword": null}"#, &["[]", "[]", "[]", r#""x""#]);
    check(&all, r#"{"a": [["X"], {"other": "k"}]}"#, &[r#"["X"]"#, "[]", r#"["sX"]"#, "-"]);
}

#[test]
fn identities() {
    use ColumnKind::{Elements, Leaves};
    let columns = [("_index", Leaves), ("_id", Leaves), ("a", Elements), ("_id", Elements)];
    check(&columns, r#"{"a": 1}"#, &[r#"["sevents.ndjson"]"#, r#"["s000000000000"]"#, r#"["1"]"#, "-"]);
    check(
        &columns,
        r#"{"a": 1, "_id": "own"}"#,
        &[r#"["sevents.ndjson"]"#, r#"["s000000000000"]"#, r#"["1"]"#, r#"["own"]"#],
    );
    let hit = r#"{"_source": {"a": 1}, "_score": null, "_id": "h\u00e9", "_index": "i", "a": 2}"#;
    check(&columns, hit, &[r#"["si"]"#, r#"["shé"]"#, r#"["1"]"#, "-"]);
    check(&columns, r#"{"_source": {"a": 1}, "_id": 5}"#, &[r#"["sevents.ndjson"]"#, r#"["s5"]"#, r#"["1"]"#, "-"]);
    check(
        &columns,
        r#"{"_source": 3, "_id": 5, "a": 4}"#,
        &[r#"["sevents.ndjson"]"#, r#"["s000000000000"]"#, r#"["4"]"#, r#"["5"]"#],
    );
    let mixed = [hit, r#"{"a": 3}"#, r#"{"_source": 3, "_id": "x", "a": 4}"#, hit, r#"{"_source":{"a":7}}"#].join("\n");
    let batch = decode(&columns, &mixed);
    let found: Vec<String> = (0..5).map(|row| cells(&batch.columns, row)[1..3].concat()).collect();
    let expected = [
        r#"["shé"]["1"]"#,
        r#"["s000000000001"]["3"]"#,
        r#"["s000000000002"]["4"]"#,
        r#"["shé"]["1"]"#,
        r#"["s000000000004"]-"#,
    ];
    assert_eq!(found, expected);
    let hashes = batch.id_hash.unwrap();
    assert_eq!(hashes[0], hashes[3]);
    assert_eq!(hashes.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    let whole = decode(&[("*", Leaves)], &mixed);
    assert_eq!(cells(&whole.columns, 0), [r#"["n1"]"#], "only the source's leaves");
}

#[test]
fn bad_lines_are_counted_whatever_columns_are_wanted() {
    let deep = |n: usize| format!("{{\"x\":{}1{}}}", "[".repeat(n - 1), "]".repeat(n - 1));
    let lines: Vec<(Vec<u8>, Option<SkipReason>)> = vec![
        (b"{\"a\":1}\r".to_vec(), None),
        (b"".to_vec(), None),
        (b"  \t".to_vec(), None),
        (b"not json".to_vec(), Some(SkipReason::NotJson)),
        (b"[1]".to_vec(), Some(SkipReason::NotObject)),
        (b"12".to_vec(), Some(SkipReason::NotObject)),
        (b"\"a\"".to_vec(), Some(SkipReason::NotObject)),
        (b"{\"a\":1} x".to_vec(), Some(SkipReason::NotJson)),
        (b"{\"a\":1}{\"a\":2}".to_vec(), Some(SkipReason::NotJson)),
        (b"{\"a\":01}".to_vec(), Some(SkipReason::NotJson)),
        (b"{\"z\":\"\xff\"}".to_vec(), Some(SkipReason::InvalidUtf8)),
        (b"{\"z\":\"\\q\"}".to_vec(), Some(SkipReason::NotJson)),
        (b"{\"z\":\"a\tb\"}".to_vec(), Some(SkipReason::NotJson)),
        (deep(MAX_DEPTH).into_bytes(), None),
        (deep(MAX_DEPTH + 1).into_bytes(), Some(SkipReason::TooDeep)),
        (deep(100_000).into_bytes(), Some(SkipReason::TooDeep)),
        (b"{\"a\":1,".to_vec(), Some(SkipReason::NotJson)),
        (b"{\"a\":\"\\ud800\",\"\\udfffx\":1}".to_vec(), None),
        (b"  {\"a\": 2}  ".to_vec(), None),
        (b"{\"a\":1,\"b\"".to_vec(), Some(SkipReason::Truncated)),
    ];
    let text = lines.iter().map(|(line, _)| line.as_slice()).collect::<Vec<_>>().join(&b'\n');
    let all = ["a", "x", "z", "a.b", "\u{fffd}x"].map(|field| (field, ColumnKind::Elements));
    for columns in [&all[..], &all[..0], &[("*", ColumnKind::Leaves)]] {
        let batch = decode_chunk(&projection(columns), &text, 0, true);
        let mut found = vec![None; lines.len()];
        for (reason, count, samples) in batch.skipped.reasons() {
            assert!(count <= 5 || samples.len() == 5);
            samples.iter().for_each(|sample| found[sample.line as usize] = Some(reason));
        }
        for (idx, (line, expected)) in lines.iter().enumerate().filter(|(idx, _)| found[*idx].is_some() || *idx < 4) {
            assert_eq!(found[idx], *expected, "{}", String::from_utf8_lossy(line));
        }
        let expected = lines.iter().filter(|(_, reason)| reason.is_some()).count();
        assert_eq!(batch.skipped.total(), expected as u64);
        assert_eq!(batch.rows.iter().map(|row| row.line_in_batch).collect::<Vec<_>>(), [0, 13, 17, 18]);
        for row in &batch.rows {
            let (start, length) = (row.offset_in_batch as usize, row.length as usize);
            assert_eq!(&text[start..start + length], lines[row.line_in_batch as usize].0.trim_ascii_end());
        }
    }
    let batch = decode_chunk(&projection(&all), &text, 0, true);
    assert_eq!(cells(&batch.columns, 2)[..1], ["[\"\u{fffd}\"]"]);
    assert_eq!(cells(&batch.columns, 2)[4..], ["[\"1\"]"]);
    let not_last = decode_chunk(&projection(&[]), b"{\"a\":1,\"b\"", 0, false);
    assert_eq!(not_last.skipped.reasons().next().unwrap().0, SkipReason::NotJson);
}

#[test]
fn what_follows_a_byte_order_mark_is_the_line() {
    let reason = |line: &str, is_last| {
        let batch = decode_chunk(&projection(&[]), format!("\u{feff}{line}").as_bytes(), 0, is_last);
        let sample = batch.skipped.reasons().next().map(|(reason, _, samples)| (reason, samples[0].text.clone()));
        (batch.rows.len(), sample)
    };
    let skipped = |reason, line: &str| (0, Some((reason, line.to_owned())));
    assert_eq!(reason("{\"a\":1}", true), (1, None));
    assert_eq!(reason("", true), (0, None));
    assert_eq!(reason(" 1", true), skipped(SkipReason::NotObject, " 1"));
    assert_eq!(reason("no", true), skipped(SkipReason::NotJson, "no"));
    assert_eq!(reason("{\"a\"", true), skipped(SkipReason::Truncated, "{\"a\""));
    assert_eq!(reason("{\"a\"", false), skipped(SkipReason::NotJson, "{\"a\""));
}

#[test]
fn a_decoder_keeps_nothing_of_the_previous_batch() {
    let projection = projection(&[("a", ColumnKind::Elements), ("a", ColumnKind::Joined), ("a", ColumnKind::Time)]);
    let mut decoder = Decoder::new(&projection, Identity::NotWanted);
    let name = Arc::from("f");
    for text in ["{\"a\":\"x\"}\n{\"a\":\"y\"}", "{\"a\":\"y\"}", "", "{\"a\":3}\n{}"] {
        let chunk = Chunk { bytes: text.as_bytes(), name: &name, first_line: 0, is_last: false };
        let again = decoder.decode(&chunk).unwrap();
        let fresh = Decoder::new(&projection, Identity::NotWanted).decode(&chunk).unwrap();
        assert_eq!(again.columns, fresh.columns);
        assert!(again.id_hash.is_none());
        let texts = again.columns.column(1).as_dictionary::<UInt32Type>().values().len();
        assert!(texts <= text.lines().count(), "texts of earlier batches are gone");
    }
}

/// Names that collide: when case is ignored, as parts of dotted names, or with escapes.
const NAMES: [&str; 14] = ["a", "A", "b", "B", "c", "a.b", "b.c", "A.b", "a.b.c", "É", "é", "", ".b", "a..b"];
const FIELDS: [&str; 13] = ["a", "A", "b", "a.b", "a.B", "A.b", "b.c", "a.b.c", "a.a.b", "a.b.c.a", "é", "a.é", "a."];

/// Generates a value as JSON text, so that equal keys, escapes and numbers occur in every spelling.
fn json(depth: u32) -> BoxedStrategy<String> {
    let string = prop::sample::select(vec![
        r#""x""#,
        r#""""#,
        r#""@7""#,
        r#""\u00e9""#,
        r#""\ud83d\ude00 \"q\\""#,
        r#""\ud800""#,
        r#""é - ö""#,
        r#""\/\b""#,
    ]);
    let scalar = prop_oneof![
        string.prop_map(str::to_owned),
        prop::sample::select(vec![
            "0",
            "-0",
            "1",
            "1.0",
            "1.50",
            "1e3",
            "-2E-7",
            "123456789012345678901234567890",
            "1e999"
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec!["null", "true", "false"]).prop_map(str::to_owned),
    ];
    if depth == 0 {
        return scalar.boxed();
    }
    let list = prop::collection::vec(json(depth - 1), 0..4).prop_map(|list| format!("[{}]", list.join(" , ")));
    prop_oneof![2 => scalar, 1 => list, 3 => object(depth - 1)].boxed()
}

fn object(depth: u32) -> BoxedStrategy<String> {
    let member =
        (prop::sample::select(NAMES.to_vec()), any::<bool>(), json(depth)).prop_map(|(name, escaped, value)| {
            let name = if escaped {
                name.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect()
            } else {
                name.to_owned()
            };
            format!("\"{name}\": {value}")
        });
    prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))).boxed()
}

fn document_of(source: &Map<String, Value>) -> Document {
    Document { index: String::new(), id: String::new(), source: source.clone(), names: Arc::default() }
}

fn oracle_elements(document: &Document, field: &str) -> String {
    let elements = document.value(&FieldPath::new(field)).map(|value| value.elements());
    elements.map_or_else(|| "-".to_owned(), |elements| format!("{elements:?}"))
}

fn oracle_joined(document: &Document, field: &str) -> String {
    let text = document.value(&FieldPath::new(field)).and_then(|value| value.text());
    text.map_or("-".to_owned(), |text| format!("{text:?}"))
}

/// Values found for a field, by whether all keys on the way were exactly its own.
#[derive(Default)]
struct OracleLeaves {
    exact: Vec<Vec<String>>,
    others: Vec<Vec<String>>,
}

impl OracleLeaves {
    fn of(document: &Value, field: &str) -> Vec<String> {
        let mut found = OracleLeaves::default();
        found.find(document, field, true);
        let OracleLeaves { exact, others } = found;
        (if exact.is_empty() { others } else { exact }).concat()
    }

    /// Finds the values at `path`: in each object, an equal key wins over one in another case.
    fn find(&mut self, value: &Value, path: &str, exact: bool) {
        match value {
            Value::Array(list) => list.iter().for_each(|element| self.find(element, path, exact)),
            Value::Object(object) => {
                let ends = path.match_indices('.').map(|(dot, _)| dot).chain([path.len()]);
                for end in ends {
                    let same = |key: &String| equal_ignoring_case(key, &path[..end]);
                    let key = object.get_key_value(&path[..end]).or_else(|| object.iter().find(|(key, _)| same(key)));
                    let Some((key, value)) = key else { continue };
                    let exact = exact && *key == path[..end];
                    if end == path.len() { self.add(value, exact) } else { self.find(value, &path[end + 1..], exact) }
                }
                let beyond = |key: &str| key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
                let beyond = object.iter().filter(|(key, _)| exact && beyond(key));
                beyond.for_each(|(_, value)| self.add(value, true));
            }
            _ => {}
        }
    }

    fn add(&mut self, value: &Value, exact: bool) {
        let mut leaves = Vec::new();
        all_leaves(value, &mut leaves);
        if exact { self.exact.push(leaves) } else { self.others.push(leaves) }
    }
}

fn all_leaves(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.values().for_each(|value| all_leaves(value, found)),
        Value::Array(list) => list.iter().for_each(|value| all_leaves(value, found)),
        Value::Null => {}
        Value::String(text) => found.push(format!("s{text}")),
        Value::Bool(value) => found.push(format!("b{value}")),
        Value::Number(number) => found.push(format!("n{number}")),
    }
}

fn n_members(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields.len() + fields.values().map(n_members).sum::<usize>(),
        Value::Array(list) => list.iter().map(n_members).sum(),
        _ => 0,
    }
}

/// Rewrites the exponent as `serde_json` prints it; a column keeps the original spelling.
fn as_serde_writes_numbers(leaf: String) -> String {
    match leaf.strip_prefix('n') {
        Some(number) => format!("n{}", serde_json::from_str::<serde_json::Number>(number).unwrap()),
        None => leaf,
    }
}

/// Texts that replace a byte of a line.
const CHANGES: [&[u8]; 22] = [
    b"",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b" ",
    b"\n",
    b"\t",
    b"\0",
    b"\xff",
    b"1",
    b"0",
    b"-",
    b"e",
    b"\"\"",
    b"\\u00",
    b"\\ud800",
    "\u{e9}".as_bytes(),
];

/// Compares decoding with `serde_json`, whatever columns are wanted.
fn check_against_oracle(bytes: &[u8]) -> Result<(), TestCaseError> {
    let every_field = FIELDS.map(|field| [(field, ColumnKind::Elements), (field, ColumnKind::Leaves)]).concat();
    let name = Arc::from("events.ndjson");
    for columns in [&every_field[..], &[("b.c", ColumnKind::Joined)], &[], &[("*", ColumnKind::Leaves)]] {
        let projection = projection(columns);
        let (found, expected) =
            (decode_chunk(&projection, bytes, 0, true), super::oracle::decode(&projection, bytes, &name));
        let shown = String::from_utf8_lossy(bytes);
        prop_assert_eq!(&found.skipped, &expected.skipped, "{}", shown);
        prop_assert_eq!(&found.rows, &expected.rows, "{}", shown);
        prop_assert_eq!(&found.columns, &expected.columns, "{}", shown);
        prop_assert_eq!(&found.id_hash, &expected.id_hash, "{}", shown);
        prop_assert_eq!(&found.stored_ids, &expected.stored_ids, "{}", shown);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn columns_agree_with_whole_documents(lines in prop::collection::vec(object(3), 1..5), as_hits in any::<bool>()) {
        let mut columns = Vec::new();
        for kind in [ColumnKind::Elements, ColumnKind::Joined, ColumnKind::Leaves] {
            columns.extend(FIELDS.iter().map(|field| (*field, kind)));
        }
        let text: Vec<String> = lines
            .iter()
            .map(|line| if as_hits { format!("{{\"sort\":[1],\"_source\":{line},\"_id\":\"1\"}}") } else { line.clone() })
            .collect();
        let batch = decode(&columns, &text.join("\n"));
        prop_assert_eq!(batch.rows.len(), lines.len());
        for (row, line) in lines.iter().enumerate() {
            let source: Map<String, Value> = serde_json::from_str(&with_valid_surrogates(line)).unwrap();
            // of equal keys, the last one counts, but its place may differ
            let has_equal_keys = line.matches("\": ").count() != n_members(&Value::Object(source.clone()));
            let document = document_of(&source);
            for (column_idx, (field, kind)) in columns.iter().enumerate() {
                let column = batch.columns.column(column_idx);
                let (found, expected) = match kind {
                    ColumnKind::Elements => (cell(column, row), oracle_elements(&document, field)),
                    ColumnKind::Joined => (cell(column, row), oracle_joined(&document, field)),
                    // below the field itself, the values of equal keys are all used
                    _ if has_equal_keys => continue,
                    _ => {
                        let mut expected = OracleLeaves::of(&Value::Object(source.clone()), field);
                        let mut found: Vec<String> =
                            entries(column.as_list::<i32>(), row).into_iter().map(as_serde_writes_numbers).collect();
                        expected.sort();
                        found.sort();
                        (format!("{found:?}"), format!("{expected:?}"))
                    }
                };
                let sorted = |text: &str| {
                    let mut chars: Vec<char> = text.chars().collect();
                    chars.sort_unstable();
                    chars
                };
                if has_equal_keys {
                    prop_assert_eq!(sorted(&found), sorted(&expected), "{:?} {} of {}", kind, field, line);
                } else {
                    prop_assert_eq!(found, expected, "{:?} {} of {}", kind, field, line);
                }
            }
        }
    }

    #[test]
    fn rows_do_not_depend_on_the_split(lines in prop::collection::vec(object(2), 0..12), cuts in prop::collection::vec(0..12usize, 0..3)) {
        let columns = [("a", ColumnKind::Elements), ("a.b", ColumnKind::Joined), ("_id", ColumnKind::Leaves)];
        let whole = decode(&columns, &lines.join("\n"));
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(lines.len())).collect();
        cuts.extend([0, lines.len()]);
        cuts.sort_unstable();
        let mut row = 0;
        for range in cuts.windows(2) {
            let text = lines[range[0]..range[1]].join("\n");
            let part = decode_chunk(&projection(&columns), text.as_bytes(), range[0] as u64, false);
            for part_row in 0..part.rows.len() {
                prop_assert_eq!(cells(&part.columns, part_row), cells(&whole.columns, row));
                prop_assert_eq!(part.id_hash.as_ref().unwrap()[part_row], whole.id_hash.as_ref().unwrap()[row]);
                row += 1;
            }
        }
        prop_assert_eq!(row, whole.rows.len());
    }

    #[test]
    fn lines_agree_with_serde_json(
        lines in prop::collection::vec((object(3), 0..4u8), 1..6),
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(CHANGES.to_vec())), 0..4),
    ) {
        let wrapped = |(line, kind): &(String, u8)| match kind {
            0 => format!("{{\"sort\":[1],\"_source\":{line},\"_id\":\"1\",\"_index\":\"i\"}}"),
            1 => format!("\u{feff}{line}\r"),
            2 => line.replace("\": ", "\":").replace(" , ", ","),
            _ => line.clone(),
        };
        let text: Vec<String> = lines.iter().map(wrapped).collect();
        let mut bytes = text.join("\n").into_bytes();
        check_against_oracle(&bytes)?;
        for (place, change) in changes {
            let at = place.index(bytes.len());
            bytes.splice(at..at + 1, change.iter().copied());
            check_against_oracle(&bytes)?;
        }
    }

    #[test]
    fn hostile_bytes_do_not_panic(bytes in prop::collection::vec(prop::sample::select(b"{}[]\",:\\ua1\n\x80 ".to_vec()), 0..80)) {
        let columns = [("a", ColumnKind::Leaves), ("a.a", ColumnKind::Elements), ("*", ColumnKind::Leaves), ("a", ColumnKind::Time)];
        let batch = decode_chunk(&projection(&columns), &bytes, 0, true);
        check_against_oracle(&bytes)?;
        let n_lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        prop_assert_eq!(batch.rows.len() as u64 + batch.skipped.total(), n_lines as u64);
    }
}
