//! Windows event logs (EVTX), and a writer of small ones.
//!
//! The writer follows the published format: a file header, chunks of 64 KiB, records whose XML is
//! binary. The first record of a chunk brings the template, the others refer to it.

use std::fs;
use std::path::Path;

use ee_outliers::event::FieldPath;
use ee_outliers::event::decode::{ColumnKind, ColumnSpec, Projection, SkipReason};
use ee_outliers::sources::files::{EventFiles, FileOptions};
use ee_outliers::sources::{DocRef, EventSource, ScanOptions, ScanSummary};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::program;

const CHUNK_BYTES: usize = 1 << 16;
const HEADER_BYTES: usize = 512;

/// 2024-05-08T00:00:00Z in steps of 100 ns since 1601.
const FILE_TIME: u64 = (1_715_126_400 + 11_644_473_600) * 10_000_000;

/// A process that Sysmon saw start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Started<'a> {
    pub(crate) computer: &'a str,
    pub(crate) image: &'a str,
    pub(crate) command_line: &'a str,
}

const SHELL: Started<'static> = Started {
    computer: "ws1",
    image: "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
    command_line: "powershell.exe -enc SQBFAFgA \"\u{fc}\"",
};

const EDITOR: Started<'static> =
    Started { computer: "ws1", image: "C:\\Windows\\notepad.exe", command_line: "notepad.exe" };

/// Types of values.
const TEXT: u8 = 0x01;
const BYTE: u8 = 0x04;
const SHORT: u8 = 0x06;
const INT: u8 = 0x08;
const LONG: u8 = 0x0a;
const TIME: u8 = 0x11;

/// Binary XML at a place in a chunk.
struct BinaryXml {
    bytes: Vec<u8>,
    place: usize,
}

impl BinaryXml {
    fn at(&self) -> u32 {
        (self.place + self.bytes.len()) as u32
    }

    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn name(&mut self, name: &str) -> &mut Self {
        let place = self.at() + 4;
        let units = utf16(name);
        self.put(&place.to_le_bytes()).put(&[0; 6]).put(&((units.len() / 2) as u16).to_le_bytes());
        self.put(&units).put(&[0; 2])
    }

    fn text(&mut self, text: &str) -> &mut Self {
        let units = utf16(text);
        self.put(&[0x05, TEXT]).put(&((units.len() / 2) as u16).to_le_bytes()).put(&units)
    }

    fn value(&mut self, number: u16, kind: u8) -> &mut Self {
        self.put(&[0x0d]).put(&number.to_le_bytes()).put(&[kind])
    }

    /// Opens an element of a template.
    fn open(&mut self, name: &str) -> &mut Self {
        self.put(&[0x01, 0xff, 0xff, 0, 0, 0, 0]).name(name).put(&[0x02])
    }

    /// Opens an element with one attribute, whose value `write` writes.
    fn open_with(&mut self, name: &str, attribute: &str, write: impl FnOnce(&mut Self) -> &mut Self) -> &mut Self {
        self.put(&[0x41, 0xff, 0xff, 0, 0, 0, 0]).name(name).put(&[0; 4]).put(&[0x06]).name(attribute);
        write(self);
        self.put(&[0x02])
    }

    fn close(&mut self) -> &mut Self {
        self.put(&[0x04])
    }

    fn element(&mut self, name: &str, number: u16, kind: u8) -> &mut Self {
        self.open(name).value(number, kind).close()
    }

    /// The template of all records.
    fn template(&mut self) {
        self.put(&[0x0f, 1, 1, 0]).open("Event").open("System");
        self.open_with("Provider", "Name", |xml| xml.text("Microsoft-Windows-Sysmon")).close();
        self.element("EventID", 0, SHORT).element("Level", 1, BYTE);
        self.open_with("TimeCreated", "SystemTime", |xml| xml.value(2, TIME)).close();
        self.element("EventRecordID", 3, LONG);
        self.open_with("Execution", "ProcessID", |xml| xml.value(4, INT)).close();
        self.open("Channel").text("Microsoft-Windows-Sysmon/Operational").close();
        self.element("Computer", 5, TEXT).close();
        self.open("EventData");
        for (number, name) in (6..).zip(["Image", "CommandLine", "Computer"]) {
            self.open_with("Data", "Name", |xml| xml.text(name)).value(number, TEXT).close();
        }
        self.close().close().put(&[0x00]);
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A chunk of records whose numbers begin at `first`.
fn chunk(events: &[Started<'_>], first: u64) -> Vec<u8> {
    let mut chunk = vec![0; HEADER_BYTES];
    let (mut template, mut last) = (None, HEADER_BYTES);
    for (number, event) in (first..).zip(events) {
        last = chunk.len();
        let mut xml = BinaryXml { bytes: vec![0x0f, 1, 1, 0], place: chunk.len() + 24 };
        xml.put(&[0x0c, 0x01, 1, 0, 0, 0]);
        let definition = template.unwrap_or(xml.at() + 4);
        xml.put(&definition.to_le_bytes());
        if template.is_none() {
            template = Some(definition);
            xml.put(&[0; 4]).put(&[7; 16]);
            let size_at = xml.bytes.len();
            xml.put(&[0; 4]).template();
            let size = (xml.bytes.len() - size_at - 4) as u32;
            xml.bytes[size_at..size_at + 4].copy_from_slice(&size.to_le_bytes());
        }
        let Started { computer, image, command_line } = event;
        let values: [(u8, Vec<u8>); 9] = [
            (SHORT, 1u16.to_le_bytes().to_vec()),
            (BYTE, vec![4]),
            (TIME, (FILE_TIME + number * 10_000_000).to_le_bytes().to_vec()),
            (LONG, number.to_le_bytes().to_vec()),
            (INT, 4711u32.to_le_bytes().to_vec()),
            (TEXT, utf16(computer)),
            (TEXT, utf16(image)),
            (TEXT, utf16(command_line)),
            (TEXT, utf16("forged")),
        ];
        xml.put(&(values.len() as u32).to_le_bytes());
        for (kind, bytes) in &values {
            xml.put(&(bytes.len() as u16).to_le_bytes()).put(&[*kind, 0]);
        }
        let bytes: Vec<u8> = values.into_iter().flat_map(|(_, bytes)| bytes).collect();
        xml.put(&bytes).put(&[0x00]);
        let size = ((24 + xml.bytes.len() + 4) as u32).to_le_bytes();
        for part in [b"**\0\0", &size[..], &number.to_le_bytes(), &FILE_TIME.to_le_bytes(), &xml.bytes, &size] {
            chunk.extend_from_slice(part);
        }
    }
    let end = chunk.len() as u32;
    assert!(chunk.len() <= CHUNK_BYTES, "too many events for a chunk");
    let numbers = [first, first + events.len() as u64 - 1];
    let header = [b"ElfChnk\0".to_vec(), [numbers, numbers].concat().into_iter().flat_map(u64::to_le_bytes).collect()];
    let header = header.into_iter().chain([128, last as u32, end].map(|number| number.to_le_bytes().to_vec()));
    for (at, byte) in header.flatten().enumerate() {
        chunk[at] = byte;
    }
    chunk.resize(CHUNK_BYTES, 0);
    chunk
}

/// A file of chunks.
pub(crate) fn event_log(chunks: &[&[Started<'_>]]) -> Vec<u8> {
    let mut file = b"ElfFile\0".to_vec();
    file.resize(4096, 0);
    let mut first = 1;
    for events in chunks {
        file.extend(chunk(events, first));
        first += events.len() as u64;
    }
    // the system enlarges files before it writes to them
    file.resize(file.len() + CHUNK_BYTES, 0);
    file
}

/// Documents with their ids, and the counts of the scan.
fn read(path: &Path) -> (Vec<(String, Value)>, ScanSummary) {
    let options = FileOptions { spill_dir: std::env::temp_dir() };
    let files = EventFiles::open(&[path.display().to_string()], options).expect("it can be opened");
    let field = ColumnSpec::new("c", &FieldPath::new("CommandLine"), ColumnKind::Elements);
    let mut places = Vec::new();
    let summary = files.scan(&Projection::new(vec![field]), &ScanOptions::default(), &mut |batch| {
        places.extend(batch.rows.iter().map(|row| DocRef {
            batch: batch.number,
            offset: row.offset_in_batch,
            length: row.length,
            line: row.line_in_batch,
        }));
        Ok(())
    });
    let documents = files.fetch(&places).expect("documents").into_iter().flatten();
    let event = |text: &str| serde_json::from_str(text).expect("JSON");
    let documents = documents.map(|document| (document.key.id.id, event(&document.text))).collect();
    (documents, summary.expect("a scan"))
}

fn read_bytes(bytes: &[u8]) -> (Vec<(String, Value)>, ScanSummary) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("Sysmon.evtx");
    fs::write(&path, bytes).expect("written");
    read(&path)
}

#[test]
fn events_have_their_fields_at_the_top_level() {
    let (events, summary) = read_bytes(&event_log(&[&[SHELL, EDITOR], &[EDITOR]]));
    assert!(summary.skipped.is_empty() && summary.incomplete.is_empty(), "{summary:?}");
    assert_eq!(events.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["1", "2", "3"]);
    let expected = json!({
        "@timestamp": "2024-05-08T00:00:01.0000000Z", "SourceName": "Microsoft-Windows-Sysmon", "ExecutionProcessID": 4711,
        "EventID": 1, "Level": 4, "RecordNumber": 1, "Channel": "Microsoft-Windows-Sysmon/Operational",
        "Computer": "ws1", "Hostname": "ws1", "Image": SHELL.image, "CommandLine": SHELL.command_line,
        "EventData.Computer": "forged",
    });
    assert_eq!(events[0].1, expected);
}

/// A log as Windows writes it: templates with every kind of value, events of several providers.
#[test]
fn real_logs_are_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/evtx/new-user-security.evtx");
    let (events, summary) = read(&path);
    assert!(summary.skipped.is_empty() && summary.incomplete.is_empty(), "{summary:?}");
    let numbers: Vec<(&str, &Value)> = events.iter().map(|(id, event)| (id.as_str(), &event["RecordNumber"])).collect();
    assert_eq!(numbers, [("1", &json!(111)), ("2", &json!(112)), ("3", &json!(113)), ("4", &json!(116))]);
    for (_, event) in &events {
        assert_eq!(event["Channel"], "Security", "{event}");
        assert_eq!(event["Computer"], event["Hostname"]);
        assert!(event["EventID"].is_u64() && event["SourceName"].is_string(), "{event}");
        assert!(event["@timestamp"].as_str().expect("text").starts_with("2013-10-23T16:22:"), "{event}");
        let is_flat = |(name, value): (&String, &Value)| !value.is_object() && !name.starts_with('#');
        assert!(event.as_object().expect("an object").iter().all(is_flat), "{event}");
    }
}

#[test]
fn shipped_use_cases_find_their_events_in_an_event_log() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let use_cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("use_cases/windows/commands.conf");
    let encoded = Started { command_line: "powershell.exe -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBi", ..SHELL };
    fs::write(folder.path().join("sysmon.1"), event_log(&[&[EDITOR, encoded]])).expect("written");
    let arguments =
        ["run", "--fields", "auto", "--only", "*encoded_powershell", "-o", "-", "--events", "sysmon.1", "--use-cases"];
    let arguments: Vec<&Path> = arguments.iter().map(Path::new).chain([use_cases.as_path()]).collect();
    let finished = program::run(folder.path(), &arguments).expect_code(0);
    let found: Value = serde_json::from_str(&finished.stdout).expect("one document");
    assert_eq!((&found["_index"], &found["_id"]), (&json!("sysmon.1"), &json!("2")));
    assert!(found["_source"]["outliers"]["summary"][0].as_str().expect("text").ends_with(" on ws1"), "{found}");
}

#[test]
fn a_damaged_chunk_costs_that_chunk() {
    let mut bytes = event_log(&[&[SHELL], &[EDITOR, EDITOR], &[SHELL]]);
    bytes[4096 + CHUNK_BYTES] = b'x';
    let (events, summary) = read_bytes(&bytes);
    assert_eq!(events.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["1", "4"]);
    let (reason, count, samples) = summary.skipped.reasons().next().expect("counted");
    assert_eq!((reason, count, samples[0].line), (SkipReason::Damaged, 1, 1));
    // so does one that lost its header only
    let mut bytes = event_log(&[&[SHELL], &[EDITOR, EDITOR], &[SHELL]]);
    bytes[4096 + CHUNK_BYTES..][..512].fill(0);
    let (events, summary) = read_bytes(&bytes);
    assert_eq!((events.len(), summary.skipped.total()), (2, 1));
    // the rest of a chunk that is cut off is read, and reported
    let (events, summary) = read_bytes(&event_log(&[&[SHELL], &[EDITOR; 100]])[..4096 + CHUNK_BYTES + 6000]);
    assert!((2..101).contains(&events.len()), "{}", events.len());
    assert_eq!(summary.incomplete[0].reason, "the event log is truncated");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn damage_anywhere_ends_without_a_panic(
        flips in prop::collection::vec((0..3000usize, any::<u8>()), 1..6),
        cut in 0..80_000usize,
    ) {
        let mut bytes = event_log(&[&[SHELL, EDITOR, SHELL]]);
        for (at, byte) in flips {
            bytes[4096 + at] = byte;
        }
        let (events, _) = read_bytes(&bytes);
        prop_assert!(events.len() <= 3);
        bytes.truncate(8 + cut);
        read_bytes(&bytes);
    }
}
