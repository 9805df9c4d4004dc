use std::fs;
use std::io::Write;
use std::path::Path;

use arrow::array::{AsArray, StringArray};
use arrow::datatypes::{DataType, Field, Schema, UInt32Type};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::event::FieldPath;
use crate::event::decode::{ColumnKind, ColumnSpec, SkipReason};
use crate::runtime::Interrupt;

fn projection() -> Projection {
    let specs = ["a", "b.c", "_id", "_index"].map(|field| {
        let kind = if field.starts_with('_') { ColumnKind::Leaves } else { ColumnKind::Elements };
        ColumnSpec::new(field, &FieldPath::new(field), kind)
    });
    Projection::new(specs.into())
}

pub(super) fn open(paths: &[&Path]) -> Result<EventFiles, Vec<String>> {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    EventFiles::open(&paths, FileOptions { spill_dir: std::env::temp_dir() })
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

/// Cells of a row, and its document.
pub(super) type Event = (Vec<Vec<String>>, RawDocument);

pub(super) fn scan(files: &EventFiles) -> (Vec<Event>, ScanSummary) {
    let (mut rows, mut places) = (Vec::new(), Vec::new());
    let options = ScanOptions { id_hash: true, threads: 2, ..ScanOptions::default() };
    let summary = files
        .scan(&projection(), &options, &mut |batch| {
            assert_eq!(batch.id_hash.as_ref().map(Vec::len), Some(batch.rows.len()));
            for (row, place) in batch.rows.iter().enumerate() {
                rows.push(batch.columns.columns().iter().map(|column| entries(column.as_list(), row)).collect());
                places.push(DocRef {
                    batch: batch.number,
                    offset: place.offset_in_batch,
                    length: place.length,
                    line: place.line_in_batch,
                });
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(summary.events, rows.len() as u64);
    assert_eq!(options.progress.events(), summary.events);
    // requested in another order, returned in that order
    places.reverse();
    let mut documents = files.fetch(&places).unwrap();
    documents.reverse();
    (rows.into_iter().zip(documents.into_iter().flatten()).collect(), summary)
}

pub(super) fn entries(list: &arrow::array::ListArray, row: usize) -> Vec<String> {
    let entries = list.value(row);
    let texts = entries.as_dictionary::<UInt32Type>().downcast_dict::<StringArray>().unwrap();
    texts.into_iter().map(|text| text.unwrap().to_owned()).collect()
}

fn events(n: usize) -> Vec<Value> {
    (0..n).map(|i| json!({"a": [format!("x{}", i % 7), i], "b": {"c": "é\"\\"}, "text": "t".repeat(i % 90)})).collect()
}

fn lines(events: &[Value]) -> String {
    events.iter().map(|event| format!("{event}\n")).collect()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn write(folder: &TempDir, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn every_form_of_the_same_events_gives_the_same_columns_and_documents() {
    let events = events(20_000);
    let text = lines(&events);
    let half = text.len() / 2;
    let forms: Vec<(&str, Vec<u8>)> = vec![
        ("crlf.ndjson", text.replace('\n', "\r\n").into_bytes()),
        ("mark.jsonl", format!("\u{feff}{text}").into_bytes()),
        ("unended", text.trim_end().as_bytes().to_vec()),
        ("plain.ndjson.gz", gzip(text.as_bytes())),
        ("members.json.gz", [gzip(&text.as_bytes()[..half]), gzip(&text.as_bytes()[half..])].concat()),
        ("frames.ndjson.zst", [zstd(&text.as_bytes()[..half]), zstd(&text.as_bytes()[half..])].concat()),
        ("array.json", serde_json::to_vec(&events).unwrap()),
        ("pretty.json.zst", zstd(&serde_json::to_vec_pretty(&events).unwrap())),
    ];
    let folder = TempDir::new().unwrap();
    let (expected, _) = scan(&open(&[&write(&folder, "plain.ndjson", text.as_bytes())]).unwrap());
    assert_eq!(expected.len(), events.len());
    assert_eq!(
        expected[3].0,
        [
            vec!["x3".to_owned(), "3".to_owned()],
            vec!["é\"\\".to_owned()],
            vec!["s000000000003".to_owned()],
            vec!["splain.ndjson".to_owned()]
        ]
    );
    for (row, event) in events.iter().enumerate() {
        assert_eq!(serde_json::from_str::<Value>(&expected[row].1.text).unwrap(), *event);
        assert_eq!(expected[row].1.key.id.id, format!("{row:012}"));
    }
    for (name, bytes) in forms {
        let (found, summary) = scan(&open(&[&write(&folder, name, &bytes)]).unwrap());
        assert!(summary.incomplete.is_empty() && summary.skipped.is_empty(), "{name}: {summary:?}");
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.0[..3], expected.0[..3], "{name}");
            let [found_id, expected_id] = [&found.1.key.id, &expected.1.key.id];
            assert_eq!((&found_id.id, found_id.index.as_str()), (&expected_id.id, name));
            let value = |event: &Event| serde_json::from_str::<Value>(&event.1.text).unwrap();
            assert_eq!(value(found), value(expected), "{name}");
        }
        assert!(summary.bytes >= bytes.len() as u64, "{name}");
    }
}

#[test]
fn parquet_gives_the_same_events_as_its_lines() {
    let folder = TempDir::new().unwrap();
    let text = "{\"a\":[\"x\",\"y\"],\"b\":{\"c\":1.5}}\n{\"b\":{\"c\":2.0}}\n{\"a\":[]}\n";
    let mut reader = arrow::json::ReaderBuilder::new(Arc::new(Schema::new(vec![
        Field::new("a", DataType::new_list(DataType::Utf8, true), true),
        Field::new("b", DataType::Struct(vec![Field::new("c", DataType::Float64, true)].into()), true),
    ])))
    .build(text.as_bytes())
    .unwrap();
    let batch = reader.next().unwrap().unwrap();
    let path = folder.path().join("f.parquet");
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let (found, summary) = scan(&open(&[&path]).unwrap());
    let (expected, _) = scan(&open(&[&write(&folder, "f.ndjson", text.as_bytes())]).unwrap());
    assert!(summary.incomplete.is_empty() && summary.bytes > 0);
    assert_eq!(found.len(), 3);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found.0[..3], expected.0[..3]);
        let value = |event: &Event| serde_json::from_str::<Value>(&event.1.text).unwrap();
        assert_eq!(value(found), value(expected));
    }
}

#[test]
fn hits_keep_their_identity_and_give_their_source() {
    let folder = TempDir::new().unwrap();
    let text = "{\"_source\":{\"a\":\"\\ud800\"},\"_id\":\"7\",\"_index\":\"i\"}\n\n{\"a\":2}\n";
    let (found, _) = scan(&open(&[&write(&folder, "f.ndjson", text.as_bytes())]).unwrap());
    let documents: Vec<_> = found
        .into_iter()
        .map(|(_, RawDocument { key, text })| (key.id.index, key.id.id, key.id.routing, text))
        .collect();
    let document = |index: &str, id: &str, bytes: &str| (index.to_owned(), id.to_owned(), None, bytes.to_owned());
    assert_eq!(
        documents,
        [document("i", "7", "{\"a\":\"\\ufffd\"}"), document("f.ndjson", "000000000002", "{\"a\":2}")]
    );
}

#[test]
fn faults_are_reported_and_earlier_events_are_kept() {
    let folder = TempDir::new().unwrap();
    let events = events(2_000);
    let text = lines(&events);
    let packed = gzip(text.as_bytes());
    let frames = zstd(text.as_bytes());
    let array = serde_json::to_string(&events[..2]).unwrap();
    let cases: Vec<(&str, Vec<u8>, std::ops::Range<usize>)> = vec![
        ("cut.ndjson.gz", packed[..packed.len() / 2].to_vec(), 100..1_999),
        ("no_trailer.ndjson.gz", packed[..packed.len() - 4].to_vec(), 2_000..2_001),
        ("garbage.ndjson.gz", [&packed[..], b"garbage"].concat(), 2_000..2_001),
        ("short.json.gz", gzip(b"{\"a\":1}\n")[..22].to_vec(), 0..2),
        ("cut.ndjson.zst", frames[..frames.len() / 2].to_vec(), 0..1_999),
        ("cut.json", array.trim_end_matches(']').as_bytes().to_vec(), 2..3),
        ("empty.ndjson.gz", Vec::new(), 0..1),
    ];
    for (name, bytes, n_events) in cases {
        let path = write(&folder, name, &bytes);
        let after = write(&folder, "zz.ndjson", b"{\"a\":\"after\"}\n");
        let (found, summary) = scan(&open(&[&path, &after]).unwrap());
        let broken: Vec<&str> = summary.incomplete.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(broken, [name]);
        assert!(n_events.contains(&(found.len() - 1)), "{name}: {} events", found.len() - 1);
        assert_eq!(found.last().unwrap().0[0], ["after"], "{name}");
        assert!(summary.skipped.is_empty(), "{name}: {:?}", summary.skipped);
    }
}

#[test]
fn lines_that_are_not_events_are_counted_by_file() {
    let folder = TempDir::new().unwrap();
    let b = write(&folder, "b.ndjson", b"{\"a\":1}\noops\n{\"a\":");
    let a = write(&folder, "a.ndjson", b"[1]\n{}\nx\n");
    let (found, summary) = scan(&open(&[&b, &a, &b]).unwrap());
    assert_eq!(found.len(), 2);
    let mut reasons = Vec::new();
    for (reason, count, samples) in summary.skipped.reasons() {
        let samples: Vec<String> = samples.iter().map(|s| format!("{}:{} {}", s.file, s.line, s.text)).collect();
        reasons.push((reason, count, samples.join("|")));
    }
    assert_eq!(
        reasons,
        [
            (SkipReason::Truncated, 1, "b.ndjson:2 {\"a\":".to_owned()),
            (SkipReason::NotJson, 2, "a.ndjson:2 x|b.ndjson:1 oops".to_owned()),
            (SkipReason::NotObject, 1, "a.ndjson:0 [1]".to_owned()),
        ]
    );
}

#[test]
fn files_are_found_once_and_in_one_order() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("sub")).unwrap();
    for (name, a) in [("b.ndjson", 1), ("a.json", 2), ("sub/b.ndjson", 3), ("notes", 4), (".hidden.json", 5)] {
        write(&folder, name, format!("{{\"a\":{a}}}\n").as_bytes());
    }
    write(&folder, "readme.txt", b"hello\n");
    let ids = |paths: &[&Path]| -> Vec<String> {
        let (found, _) = scan(&open(paths).unwrap());
        found.into_iter().map(|(cells, document)| format!("{} {}", cells[0][0], document.key.id.index)).collect()
    };
    let root = folder.path();
    let whole = ids(&[root]);
    let long = |name: &str| root.join(name).display().to_string();
    assert_eq!(
        whole,
        [
            "2 a.json".to_owned(),
            format!("1 {}", long("b.ndjson")),
            "4 notes".to_owned(),
            format!("3 {}", long("sub/b.ndjson"))
        ]
    );
    let patterns = ["sub/*.ndjson", "*.json", "note?"].map(|pattern| root.join(pattern));
    assert_eq!(ids(&[&patterns[0], &root.join("b.ndjson"), &patterns[1], &patterns[2]]), whole);
    assert_eq!(ids(&[&root.join("b.ndjson"), root, &root.join("sub/../b.ndjson")]), whole);
    let (_, summary) = scan(&open(&[root]).unwrap());
    let ignored: Vec<_> = summary.ignored.iter().map(|file| (file.name.clone(), file.reason)).collect();
    assert_eq!(ignored, [(long("readme.txt"), "no events were recognised in it")]);
    // what was asked for by name must be usable
    let errors = open(&[&root.join("readme.txt")]).unwrap_err();
    assert!(errors[0].contains("no events in") && errors[0].contains("docs/input.md"), "{errors:?}");
}

#[test]
fn all_files_that_cannot_be_opened_are_reported_at_once() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let wide = write(&folder, "wide.json", b"\xff\xfe{\0}\0");
    let parquet = write(&folder, "x.parquet", b"PAR1 and no more");
    let paths = [
        folder.path().join("missing.ndjson"),
        folder.path().join("*.nothing"),
        folder.path().join("empty"),
        wide,
        parquet,
    ];
    let errors = open(&paths.iter().map(|path| path.as_path()).collect::<Vec<_>>()).unwrap_err();
    for expected in ["missing.ndjson", "*.nothing", "/empty", "iconv", "x.parquet"] {
        assert!(errors.iter().any(|error| error.contains(expected)), "{expected}: {errors:?}");
    }
    assert_eq!(errors.len(), 5, "{errors:?}");
    // a truncated line is not a reason to refuse a file
    assert!(open(&[&write(&folder, "cut.json", b"{\"a\":\n{\"a\":1}\n")]).is_ok());
}

#[test]
fn a_file_that_cannot_be_read_does_not_stop_the_others() {
    let folder = TempDir::new().unwrap();
    write(&folder, "good.ndjson", b"{\"a\":1}\n");
    write(&folder, "wide.json", b"\xff\xfe{\0}\0");
    write(&folder, "x.parquet", b"PAR1 and no more");
    let (found, summary) = scan(&open(&[folder.path()]).unwrap());
    assert_eq!(found.len(), 1);
    let left_out: Vec<&str> = summary.incomplete.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(left_out, ["wide.json", "x.parquet"].map(|name| folder.path().join(name).display().to_string()));
    assert!(summary.incomplete[0].reason.contains("iconv"), "{:?}", summary.incomplete);
}

#[test]
fn a_changed_file_is_reported() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "f.ndjson", b"{\"a\":1}\n");
    let files = open(&[&path]).unwrap();
    scan(&files);
    fs::write(&path, b"{\"a\":1}\n{\"a\":2}\n").unwrap();
    let document = DocRef { batch: 0, offset: 0, length: 7, line: 0 };
    assert!(matches!(files.fetch(&[document]), Err(SourceError::Changed { .. })));
    let unknown = DocRef { batch: 9, ..document };
    assert!(matches!(files.fetch(&[unknown]), Err(SourceError::UnknownDocument { batch: 9, line: 0 })));
}

#[test]
fn an_interrupt_ends_a_scan() {
    let folder = TempDir::new().unwrap();
    let files = open(&[&write(&folder, "f.ndjson", b"{\"a\":1}\n")]).unwrap();
    let options = ScanOptions::default();
    let failed = files.scan(&projection(), &options, &mut |_| anyhow::bail!("full"));
    assert!(matches!(failed, Err(SourceError::Consumer(error)) if error.to_string() == "full"));
    options.interrupt.raise();
    let cancelled = files.scan(&projection(), &options, &mut |_| panic!("nobody reads"));
    assert!(matches!(cancelled, Err(SourceError::Cancelled)));
}

#[test]
fn streams_are_recognised_by_their_content() {
    let text = lines(&events(10));
    let array = serde_json::to_vec(&events(10)).unwrap();
    for stored in [text.clone().into_bytes(), gzip(text.as_bytes()), zstd(text.as_bytes()), gzip(&array)] {
        let (spool, mut decoder) =
            (Spool::new(&std::env::temp_dir()), Decoder::new(&projection(), Identity::NotWanted));
        let mut blocks = blocks_of(stored).unwrap();
        let mut parsed: Vec<Value> = Vec::new();
        while let Some(block) = blocks.next().unwrap() {
            let batch = block.decode(&mut decoder, &Arc::from("stream")).unwrap();
            let kept = block.keep(&spool).unwrap();
            let read = kept.documents(&InputFile::new(None).unwrap(), &spool, &[]).unwrap();
            parsed.extend(batch.rows.iter().map(|row| {
                let (offset, length, line) = (row.offset_in_batch, row.length, row.line_in_batch);
                serde_json::from_slice::<Value>(&read(DocRef { batch: 0, offset, length, line }).unwrap()).unwrap()
            }));
        }
        assert_eq!(parsed, events(10));
    }
    assert!(blocks_of(b"PAR1....".to_vec()).is_err());
}

fn blocks_of(stored: Vec<u8>) -> std::io::Result<Box<dyn formats::Blocks>> {
    let contents = contents::Contents::of_stream(std::io::Cursor::new(stored), &Arc::default(), &Interrupt::default())?;
    formats::recognised(contents.start(), "").map_err(|_| std::io::Error::other("nothing recognised"))?.open(contents)
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_once() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let files = open(&[&path]).unwrap();
    let writer = std::thread::spawn({
        let path = path.clone();
        move || fs::write(path, lines(&events(3))).unwrap()
    });
    let (found, _) = scan(&files);
    writer.join().unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(serde_json::from_str::<Value>(&found[2].1.text).unwrap(), events(3)[2]);
    let again = files.scan(&projection(), &ScanOptions::default(), &mut |_| Ok(()));
    assert!(matches!(again, Err(SourceError::Format { .. })));
}
