//! Tables: CSV and Zeek's format.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::tests::{gzip, open, scan, write};
use super::*;
use crate::event::FieldPath;
use crate::event::decode::{Chunk, ColumnKind, ColumnSpec, MAX_LINE_BYTES, SkipReason};

/// Documents, and skipped lines with their reasons.
type Read = (Vec<(String, Value)>, Vec<(SkipReason, u64)>);

fn read(path: &Path) -> Read {
    let (events, summary) = scan(&open(&[path]).unwrap());
    assert_eq!(summary.incomplete, []);
    let document = |document: &RawDocument| (document.key.id.id.clone(), serde_json::from_str(&document.text).unwrap());
    let skipped = summary.skipped.reasons();
    let skipped = skipped.flat_map(|(reason, _, samples)| samples.iter().map(move |sample| (reason, sample.line)));
    (events.iter().map(|(_, found)| document(found)).collect(), skipped.collect())
}

/// Reads `bytes` as a plain file and as a compressed one.
fn read_bytes(name: &str, bytes: &[u8]) -> Read {
    let folder = TempDir::new().unwrap();
    let plain = read(&write(&folder, name, bytes));
    let compressed = read(&write(&folder, &format!("{name}.gz"), &gzip(bytes)));
    assert_eq!(plain, compressed);
    plain
}

fn check(name: &str, text: &str, expected: &[Value]) {
    let (events, skipped) = read_bytes(name, text.as_bytes());
    let events: Vec<Value> = events.into_iter().map(|(_, event)| event).collect();
    assert_eq!((events.as_slice(), skipped.as_slice()), (expected, [].as_slice()), "{text:?}");
}

/// A number as it is written.
fn number(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn cells_become_values_of_their_type() {
    check(
        "x.csv",
        "@timestamp,b.c,id,n,ok\n2024-05-08T00:00:00Z,x,007,-1.5,true\n,\"say \"\"hi\"\", now\",1e400,5,True\n",
        &[
            json!({"@timestamp": "2024-05-08T00:00:00Z", "b.c": "x", "id": "007", "n": number("-1.5"), "ok": true}),
            json!({"b.c": "say \"hi\", now", "id": "1e400", "n": 5, "ok": "True"}),
        ],
    );
    check(
        "x.csv",
        "\u{feff}a,b\r\n\"two\r\nlines\",2\r\n\r\n3,\"\"\r\n",
        &[json!({"a": "two\r\nlines", "b": 2}), json!({"a": 3})],
    );
    check(
        "x.csv",
        "a\n\"x\"y\n\"\"\"\"\nsay \"hi\"\n",
        &[json!({"a": "xy"}), json!({"a": "\""}), json!({"a": "say \"hi\""})],
    );
}

#[test]
fn separators_are_found_in_the_header() {
    for (name, text) in [
        ("x.csv", "a;b\n1,5;x\n"),
        ("x.csv", "sep=;\r\na;b\r\n1,5;x\r\n"),
        ("x.tsv", "a\tb\n1,5\tx\n"),
        ("x.csv", "\n\"a\"|b\n\"1,5\"|x\n"),
        ("x.csv", "a , b\n\"1,5\",x\n"),
    ] {
        check(name, text, &[json!({"a": "1,5", "b": "x"})]);
    }
}

#[test]
fn columns_without_a_name_of_their_own_keep_their_values() {
    check(
        "x.csv",
        "a,,a,a\n1,2,3,\n,,,\n,,,x\n",
        &[json!({"a": [1, 3], "column2": 2}), json!({}), json!({"a": ["x"]})],
    );
}

#[test]
fn records_that_do_not_fit_the_header_are_counted() {
    let text = b"a,b\n1\n1,2,3\n1,2,,\n\"x\ny\",2\n\"open,2\n3,4\n\xff,2\n5";
    let (events, skipped) = read_bytes("x.csv", text);
    let expected = [(3, json!({"a": 1, "b": 2})), (4, json!({"a": "x\ny", "b": 2})), (7, json!({"a": 3, "b": 4}))];
    assert_eq!(events, expected.map(|(line, event)| (format!("{line:012}"), event)));
    let expected = [
        (SkipReason::Truncated, 9),
        (SkipReason::InvalidUtf8, 8),
        (SkipReason::CellCount, 1),
        (SkipReason::CellCount, 2),
        (SkipReason::OpenQuote, 6),
    ];
    assert_eq!(skipped, expected);
}

#[test]
fn exported_ids_name_their_documents() {
    let folder = TempDir::new().unwrap();
    let text = "_index,_id,a\nlogs,7,x\n,8,y\n,,z\n";
    let (events, _) = scan(&open(&[&write(&folder, "x.csv", text.as_bytes())]).unwrap());
    let found: Vec<_> = events
        .iter()
        .map(|(cells, document)| {
            let id = &document.key.id;
            (cells[2..].concat(), id.index.as_str(), id.id.as_str(), document.text.as_str())
        })
        .collect();
    let cells = |id: &str, index: &str| vec![format!("s{id}"), format!("s{index}")];
    assert_eq!(
        found,
        [
            (cells("7", "logs"), "logs", "7", "{\"a\":\"x\"}"),
            (cells("8", "x.csv"), "x.csv", "8", "{\"a\":\"y\"}"),
            (cells("000000000003", "x.csv"), "x.csv", "000000000003", "{\"a\":\"z\"}"),
        ]
    );
}

const ZEEK: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n\
#open\t2024-05-08-00-00-00\n#fields\tts\tid.orig_h\tid.orig_p\tlocal\ttags\tnote\n\
#types\ttime\taddr\tport\tbool\tset[string]\tstring\n\
1715126400.123456\t10.0.0.1\t53\tT\ta,b\\x2cc\tcaf\\xc3\\xa9 \\xff \\\\ \\x2d\n\
1715126401.000000\t::1\t-\tF\t(empty)\t-\n#close\t2024-05-08-01-00-00\n";

#[test]
fn zeek_declares_its_types() {
    let first = json!({"ts": number("1715126400.123456"), "id.orig_h": "10.0.0.1", "id.orig_p": 53, "local": true,
        "tags": ["a", "b,c"], "note": "caf\\xc3\\xa9 \\xff \\\\ \\x2d", "_path": "conn"});
    let second =
        json!({"ts": number("1715126401.000000"), "id.orig_h": "::1", "local": false, "tags": [], "_path": "conn"});
    check("conn.log", ZEEK, &[first.clone(), second.clone()]);
    // the next file of a rotation has columns of its own
    let other = ZEEK.replace("\tconn\n", "\tdns\n").replace("\\xff ", "").replace("\tlocal\t", "\t_path\t");
    let (events, skipped) = read_bytes("all", format!("{ZEEK}{other}").as_bytes());
    assert_eq!((events.len(), skipped.len()), (4, 0));
    assert_eq!((&events[0].1, &events[1].1), (&first, &second));
    assert_eq!(events[2].0, "000000000019");
    assert_eq!(events[2].1["note"], "café \\ -");
    assert_eq!((&events[2].1["_path"], &events[3].1["_path"]), (&json!(true), &json!(false)));
    // a log without types, with its own markers
    let text = "#separator |\n#set_separator|;\n#unset_field|NULL\n#empty_field|NONE\n#fields|n|s|v\n#types|count|string|vector[double]\n7|NONE|1.5;NULL\nNULL|-|NONE\n";
    check("x", text, &[json!({"n": 7, "s": "", "v": [1.5, null]}), json!({"s": "-", "v": []})]);
    check("x", "#fields\ta\tb\n7\tx\n-\t007\n", &[json!({"a": 7, "b": "x"}), json!({"b": "007"})]);
}

#[test]
fn zeek_records_that_do_not_fit_are_counted() {
    let (events, skipped) = read_bytes("x.log", b"#fields\ta\tb\n1\n1\t2\t3\n4\t5\n6");
    assert_eq!(events, [(format!("{:012}", 3), json!({"a": 4, "b": 5}))]);
    assert_eq!(skipped, [(SkipReason::Truncated, 4), (SkipReason::CellCount, 1), (SkipReason::CellCount, 2)]);
}

#[test]
fn content_decides_and_not_the_name() {
    check(
        "conn.csv",
        &ZEEK[..ZEEK.find("#close").unwrap()],
        &read_bytes("x", ZEEK.as_bytes()).0.into_iter().map(|(_, event)| event).collect::<Vec<_>>(),
    );
    check(
        "export",
        "host,user name\nx,1\ny,2\n",
        &[json!({"host": "x", "user name": 1}), json!({"host": "y", "user name": 2})],
    );
    let folder = TempDir::new().unwrap();
    for text in ["2024-05-08, x\n2024-05-09, y\n", "one, two\nthree\n", "a,a\n1,2\n", "text\nmore\n"] {
        let errors = open(&[&write(&folder, "x.log", text.as_bytes())]).unwrap_err();
        assert!(errors[0].contains("no events were recognised in it"), "{text:?}: {errors:?}");
    }
}

#[test]
fn wide_and_long_input_is_bounded() {
    let folder = TempDir::new().unwrap();
    let wide = |n: usize| {
        let names: Vec<String> = (0..n).map(|idx| format!("c{idx}")).collect();
        format!("{}\n{}\n", names.join(","), vec!["1"; n].join(","))
    };
    let (events, _) = read_bytes("wide.csv", wide(100_000).as_bytes());
    assert_eq!(events[0].1.as_object().unwrap().len(), 100_000);
    let errors = open(&[&write(&folder, "wider.csv", wide(100_001).as_bytes())]).unwrap_err();
    assert!(errors[0].contains("its header has more than 100000 columns"), "{errors:?}");

    let mut long = b"a,b\n".to_vec();
    long.resize(long.len() + MAX_LINE_BYTES + 1, b'x');
    long.extend_from_slice(b",1\n\"");
    // an open quote costs its line, however much follows
    long.resize(long.len() + (17 << 20), b'y');
    long.extend_from_slice(b",1\n2,\"\0\"\n");
    let (events, skipped) = read(&write(&folder, "long.csv", &long));
    assert_eq!(events, [(format!("{:012}", 3), json!({"a": 2, "b": "\0"}))]);
    assert_eq!(skipped, [(SkipReason::TooLong, 1), (SkipReason::OpenQuote, 2)]);
}

#[test]
fn hashes_stay_what_they_are() {
    let texts = ["0e12345", "0e54321", "12345e6", "123450e5", "1.1", "10.50", "00", "1.0", "10"];
    let expected = texts.map(|text| {
        let is_number = matches!(text, "1.1" | "10.50" | "1.0" | "10");
        json!({"id": if is_number { number(text) } else { json!(text) }})
    });
    check("x.csv", &format!("id\n{}\n", texts.join("\n")), &expected);
    check("x.csv", &format!("id\n\"{}\"\n", texts.join("\"\n\"")), &expected);
    check("x", &format!("#fields\tid\n{}\n", texts.join("\n")), &expected);
    let declared = ["1.50", "0e9", "12345e6"];
    let text = format!("#fields\tid\n#types\tdouble\n{}\n", declared.join("\n"));
    check("x", &text, &declared.map(|text| json!({"id": number(text)})));
}

#[test]
fn line_ends_are_no_part_of_cells() {
    // text that was converted for Windows twice
    check(
        "x.csv",
        "a,b\r\r\n1,x\r\r\n\r\r\n2,\"y\r\"\r\r\n",
        &[json!({"a": 1, "b": "x"}), json!({"a": 2, "b": "y\r"})],
    );
    check("x.csv", "sep=;\r\r\na;b\r\r\n1;x\r", &[json!({"a": 1, "b": "x"})]);
    check("x", "#fields\ta\tb\r\r\n1\tx\r\r\n", &[json!({"a": 1, "b": "x"})]);
    for text in ["a,b\r\r\n1,x\r\r\n\r,\r\r\n", "#fields\ta\tb\r\r\n1\tx\r\r\n#x\r\r\n\r\t\r\r\r\n"] {
        check_decoding("x.csv", text.as_bytes());
    }
}

#[test]
fn long_names_are_refused() {
    let folder = TempDir::new().unwrap();
    let refusal = |name: &str, text: &str| open(&[&write(&folder, name, text.as_bytes())]).unwrap_err().remove(0);
    let names = |n: usize, len: usize| (0..n).map(|idx| format!("{idx:0len$}")).collect::<Vec<_>>();
    let found = refusal("x.csv", &format!("{}\n1\n", names(2000, 600).join(",")));
    assert!(found.contains("the names in its header have more than 1048576 bytes; shorten them"), "{found}");
    let found = refusal("x.csv", &format!("a,{}\n1,2\n", names(1, 1025).join(",")));
    assert!(found.contains("the name of its column 2 has more than 1024 bytes; shorten it"), "{found}");
    let found = refusal("x.csv", &",".repeat(100_000));
    assert!(found.contains("its header has more than 100000 columns; remove columns"), "{found}");
    for (header, expected) in [
        (format!("#fields\t{}", names(2000, 600).join("\t")), "have more than 1048576 bytes"),
        (format!("#fields{}", "\t".repeat(100_001)), "has more than 100000 columns"),
        (format!("#fields\ta\n#path\t{}", "p".repeat(1025)), "the _path in its header has more than 1024 bytes"),
    ] {
        let text = format!("#fields\ta\n1\n{header}\n1\n");
        let files = open(&[&write(&folder, "x.log", text.as_bytes())]).unwrap();
        let (events, summary) = scan(&files);
        assert_eq!((events.len(), summary.incomplete.len()), (1, 1));
        assert!(summary.incomplete[0].reason.contains(expected), "{:?}", summary.incomplete);
    }
}

/// A projection with columns of every kind.
fn projection() -> Projection {
    let fields = ["a", "A", "b", "b.c", "b.c.d", "_path", "*", "b*", "_id", "_index"];
    let kinds = [ColumnKind::Elements, ColumnKind::Joined, ColumnKind::Leaves, ColumnKind::Strings];
    let specs = fields.iter().flat_map(|field| kinds.map(|kind| (field, kind)));
    let specs = specs.filter(|(field, kind)| *kind == ColumnKind::Leaves || !field.contains(['*', '_']));
    let spec = |(idx, (field, kind)): (usize, (&&str, ColumnKind))| {
        ColumnSpec::new(idx.to_string(), &FieldPath::new(field), kind)
    };
    Projection::new(specs.enumerate().map(spec).collect())
}

/// Decoding a table gives what decoding its documents as lines of JSON gives.
fn check_decoding(name: &str, bytes: &[u8]) {
    let folder = TempDir::new().unwrap();
    let Ok(files) = open(&[&write(&folder, name, bytes)]) else { return };
    let options = ScanOptions { id_hash: true, threads: 1, ..ScanOptions::default() };
    let whole = projection();
    // columns that no name pattern needs take a shorter way
    let few = whole.specs().iter().filter(|spec| !spec.field.as_str().contains('*')).cloned().collect();
    let few = Projection::new(few);
    for projection in [whole, few] {
        let mut batches: Vec<EventBatch> = Vec::new();
        files
            .scan(&projection, &options, &mut |batch| {
                batches.push(batch);
                Ok(())
            })
            .unwrap();
        for batch in batches {
            let place = |row: &crate::event::decode::RowRef| DocRef {
                batch: batch.number,
                offset: row.offset_in_batch,
                length: row.length,
                line: row.line_in_batch,
            };
            let places: Vec<DocRef> = batch.rows.iter().map(place).collect();
            let documents: Vec<RawDocument> = files.fetch(&places).unwrap().into_iter().flatten().collect();
            let lines: String = documents
                .iter()
                .map(|document| {
                    // numbers as they are written
                    let [index, id] = [&document.key.id.index, &document.key.id.id].map(|text| json!(text));
                    format!("{{\"_index\":{index},\"_id\":{id},\"_source\":{}}}\n", document.text)
                })
                .collect();
            let chunk = Chunk { bytes: lines.as_bytes(), name: &Arc::from("x"), first_line: 0, is_last: true };
            let expected = Decoder::new(&projection, Identity::Hashed).decode(&chunk).unwrap();
            assert_same(&batch.columns, &expected.columns);
            assert_eq!(batch.id_hash, expected.id_hash);
        }
    }
}

fn assert_same(found: &RecordBatch, expected: &RecordBatch) {
    assert_eq!(found.num_rows(), expected.num_rows());
    for (found, expected) in found.columns().iter().zip(expected.columns()) {
        assert_eq!(found, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn tables_decode_like_their_documents(
        header in prop::sample::subsequence(vec!["a", "A", "a", "b", "b.c", "b.c.d", "b", "_id", "_index", "x\"y"], 1..8),
        cells in prop::collection::vec(prop::collection::vec("[\",\n1-3aé. ]{0,4}|\"[a,\n]{0,3}\"|true|-?[0-9]{1,3}", 1..8), 0..8),
    ) {
        let records: String = cells.iter().map(|record| record.join(",") + "\n").collect();
        check_decoding("x.csv", format!("{}\n{records}", header.join(",")).as_bytes());
    }

    #[test]
    fn logs_of_zeek_decode_like_their_documents(
        types in prop::collection::vec(prop::sample::select(vec!["count", "set[string]", "bool", "string", "vector[double]"]), 3),
        cells in prop::collection::vec(prop::collection::vec("[,\\\\x1-3a-c(é]{0,5}|-|\\(empty\\)|T", 3), 0..8),
    ) {
        let records: String = cells.iter().map(|record| record.join("\t") + "\n").collect();
        check_decoding("x", format!("#fields\ta\tb.c\ta\n#types\t{}\n{records}#path\tz\n{records}", types.join("\t")).as_bytes());
    }

    #[test]
    fn damaged_tables_end_without_a_panic(at in 0..ZEEK.len(), byte in any::<u8>(), cut in 0..ZEEK.len()) {
        let mut bytes = ZEEK.as_bytes().to_vec();
        bytes[at] = byte;
        check_decoding("x", &bytes);
        check_decoding("x.csv", &bytes[..cut]);
        check_decoding("x.csv", &[b"a,b\n", &bytes[cut..]].concat());
    }
}
