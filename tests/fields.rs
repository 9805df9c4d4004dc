//! `fields`: what events can tell, however they are stored and whatever they hold.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use arrow::json::ReaderBuilder;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use crate::program::{self, Finished};
use crate::site::Site;

fn site() -> Site {
    Site::new("", "")
}

impl Site {
    fn fields(&self, more: &[&str]) -> Finished {
        program::run(self.path(), &[&["fields"], more].concat())
    }

    fn fields_json(&self, more: &[&str]) -> Value {
        let text = self.fields(&[more, &["--json"]].concat()).expect_code(0).stdout;
        serde_json::from_str(&text).expect("JSON")
    }
}

fn field<'a>(found: &'a Value, name: &str) -> &'a Value {
    let mut fields = found["fields"].as_array().expect("fields").iter();
    fields.find(|field| field["name"] == name).unwrap_or_else(|| panic!("no field {name}: {found}"))
}

fn logon(n: usize) -> Value {
    let time = format!("2024-05-{:02}T10:{:02}:00Z", 1 + n / 60, n % 60);
    let user = if n == 77 { "mallory".to_owned() } else { format!("user{}", n % 5) };
    json!({"@timestamp": time, "host": {"name": format!("h{}", n % 3)}, "user": {"name": user}, "port": n % 7,
        "source": {"ip": format!("10.0.0.{}", n % 9)}, "ok": n.is_multiple_of(2), "tags": ["a", "b"]})
}

fn lines(events: impl Iterator<Item = Value>) -> String {
    events.map(|event| format!("{event}\n")).collect()
}

#[test]
fn fields_are_described() {
    let site = site();
    site.write("events.ndjson", &lines((0..120).map(logon)));
    let found = site.fields_json(&["--events", "events.ndjson"]);
    assert_eq!((&found["events"], &found["names"]), (&120.into(), &7.into()));
    assert_eq!(found["time"]["fields"], json!(["@timestamp"]));
    assert_eq!(
        (&found["time"]["first"], &found["time"]["last"]),
        (&"2024-05-01T10:00:00Z".into(), &"2024-05-02T10:59:00Z".into())
    );
    assert_eq!(found["time"]["gaps"], json!([{"from": "2024-05-01T11:00:00Z", "to": "2024-05-02T10:00:00Z"}]));
    let user = field(&found, "user.name");
    assert_eq!((&user["type"], &user["distinct"], &user["median_length"]), (&"text".into(), &6.into(), &5.into()));
    assert_eq!(field(&found, "source.ip")["type"], "IP address");
    assert_eq!(field(&found, "ok")["type"], "boolean");
    let port = field(&found, "port");
    assert_eq!((&port["type"], &port["least"], &port["most"]), (&"integer".into(), &0.0.into(), &6.0.into()));
    assert_eq!((&field(&found, "tags")["lists"], &field(&found, "tags")["values"]), (&120.into(), &240.into()));
    let text = site.fields(&["--events", "events.ndjson"]).expect_code(0).stdout;
    for expected in
        ["120 events in 1 file", "no events: 2024-05-01T11:00:00Z to", "user.name", "10.0.0.0", "use cases: "]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

/// Writes events as a file of columns, in several row groups.
fn write_parquet(site: &Site, name: &str, lines: &str) {
    let column = |name: &str, data_type: DataType| Field::new(name, data_type, true);
    let columns = vec![column("user", DataType::Utf8), column("port", DataType::Int64), column("ip", DataType::Utf8)];
    let schema = Arc::new(Schema::new(columns));
    let file = fs::File::create(site.path().join(name)).expect("writable");
    let groups = WriterProperties::builder().set_max_row_group_row_count(Some(700)).build();
    let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(groups)).expect("writable");
    let batches = ReaderBuilder::new(schema).build(lines.as_bytes()).expect("readable");
    batches.for_each(|batch| writer.write(&batch.expect("events")).expect("written"));
    writer.close().expect("written");
}

#[test]
fn order_and_form_do_not_matter() {
    let site = site();
    let flat = |n: usize| format!("u{},{},10.0.0.{}\n", n % 6, n % 50, n % 9);
    let objects = |n: usize| json!({"user": format!("u{}", n % 6), "port": n % 50, "ip": format!("10.0.0.{}", n % 9)});
    site.write("a.ndjson", &lines((0..3_000).map(objects)));
    site.write("b.ndjson", &lines((0..3_000).rev().map(objects)));
    site.write("c.csv", &format!("user,port,ip\n{}", (0..3_000).map(flat).collect::<String>()));
    let zeek = |n: usize| format!("u{}\t{}\t10.0.0.{}\n", n % 6, n % 50, n % 9);
    let head = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tx\n\
                #fields\tuser\tport\tip\n#types\tstring\tport\taddr\n";
    site.write("d.log", &format!("{head}{}", (0..3_000).map(zeek).collect::<String>()));
    let packed = zstd::encode_all(fs::read(site.path().join("b.ndjson")).unwrap().as_slice(), 1).unwrap();
    fs::File::create(site.path().join("e.ndjson.zst")).unwrap().write_all(&packed).unwrap();
    write_parquet(&site, "f.parquet", &lines((0..3_000).map(objects)));
    let expected = site.fields_json(&["--events", "a.ndjson"]);
    for name in ["b.ndjson", "c.csv", "d.log", "e.ndjson.zst", "f.parquet"] {
        let found = site.fields_json(&["--events", name]);
        let known: Vec<&Value> = ["user", "port", "ip"].iter().map(|name| field(&expected, name)).collect();
        let fields: Vec<&Value> = ["user", "port", "ip"].iter().map(|name| field(&found, name)).collect();
        assert_eq!(fields, known, "{name}");
    }
}

#[test]
fn samples_are_cut_where_they_should_be() {
    let site = site();
    site.write("a.ndjson", &lines((0..100).map(logon)));
    site.write("b.ndjson", &lines((0..100).map(|_| json!({"late": 1}))));
    let found = site.fields_json(&["--events", "a.ndjson", "b.ndjson", "--limit-events", "42"]);
    assert_eq!((&found["events"], &found["origin"]["read"]), (&42.into(), &"first events".into()));
    assert_eq!(found["names"], 7);
    let found = site.fields_json(&["--events", "a.ndjson", "b.ndjson", "--limit-events", "150"]);
    assert_eq!(field(&found, "late")["events"], 50);
    let text = site.fields(&["--events", "a.ndjson", "--limit-events", "42"]).expect_code(0).stdout;
    assert!(text.starts_with("the first 42 events of 1 file\n"), "{text}");
}

#[test]
fn hostile_events_are_shown_and_do_no_harm() {
    let site = site();
    let evil = "x\u{1b}[2J\u{202e}]\r\n[simplequery_a]";
    let many: serde_json::Map<String, Value> = (0..30_000).map(|n| (format!("k{n}"), json!(n))).collect();
    let deep = format!("{}1{}", "{\"d\":".repeat(100), "}".repeat(100));
    let events = [
        json!({evil: evil, "user": {"name": evil}, "host": {"name": "h"}}).to_string(),
        json!({"mixed": 1, "many": many}).to_string(),
        json!({"mixed": [true, "x", 2.5, {"a": null}, []], "huge": "y".repeat(3 << 20)}).to_string(),
        format!("{{\"deep\": {deep}, \"{}\": 1, \"\": 2, \"mixed\": null}}", "n".repeat(5_000)),
    ];
    site.write("events.ndjson", &events.join("\n"));
    for more in [&[][..], &["--all"], &["--suggest"]] {
        let shown = site.fields(&[&["--events", "events.ndjson"], more].concat()).expect_code(0);
        for text in [&shown.stdout, &shown.stderr] {
            assert!(!text.contains(['\u{1b}', '\u{202e}', '\r']), "{more:?}");
        }
    }
    let found = site.fields_json(&["--events", "events.ndjson"]);
    assert_eq!((&found["events"], &found["too_long_names"]), (&4.into(), &1.into()));
    assert!(found["names"].as_u64().unwrap() > 30_000);
    assert_eq!(found["fields"].as_array().expect("a list").len(), 2_000);
    assert_eq!(found["left_out"].as_array().expect("a list").len(), 3);
    let mixed = field(&found, "mixed");
    assert_eq!((&mixed["events"], mixed["kinds"].as_array().expect("a list").len()), (&2.into(), 4));
    let text = site.fields(&["--events", "events.ndjson"]).expect_code(0).stdout;
    assert!(text.contains("fields in the fewest events left out, such as"), "{text}");
}

#[test]
fn nothing_to_read_is_told() {
    let site = site();
    let stderr = site.fields(&[]).expect_code(2).stderr;
    assert!(stderr.contains("no events were named"), "{stderr}");
    site.write("events.ndjson", "\n");
    site.fields(&["--events", "events.ndjson"]).expect_code(4);
    site.write("events.ndjson", "{\"a\": 1}\nnot json\n");
    let finished = site.fields(&["--events", "events.ndjson"]).expect_code(3);
    assert!(finished.stderr.contains("1 line skipped"), "{}", finished.stderr);
}

/// Suggestions for `events` pass `check`, and run over them without a fault.
fn check_suggestions(events: &Path, least: usize) -> String {
    let site = site();
    let events = events.to_str().expect("UTF-8");
    let suggested = site.fields(&["--events", events, "--suggest"]).expect_code(0).stdout;
    site.write("mine.conf", &suggested);
    let n_suggested = suggested.lines().filter(|line| line.starts_with('[')).count();
    assert!(n_suggested >= least, "{suggested}");
    if n_suggested == 0 {
        return suggested;
    }
    let checked = ["check", "--use-cases", "mine.conf", "--deny-warnings"];
    program::run(site.path(), &checked).expect_code(0);
    let args = ["run", "--use-cases", "mine.conf", "--events", events, "--report", "report.json", "-o", "out.ndjson"];
    program::run(site.path(), &args).expect_code(0);
    for use_case in site.report()["use_cases"].as_array().expect("use cases") {
        assert_eq!(
            (&use_case["status"], use_case["rows"].as_u64() > Some(0)),
            (&"complete".into(), true),
            "{use_case}"
        );
    }
    suggested
}

#[test]
fn suggestions_run_over_the_shipped_recordings() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let windows = check_suggestions(&data.join("recordings/windows.ndjson.zst"), 6);
    assert!(windows.contains("aggregator=Hostname"), "{windows}");
    let zeek = check_suggestions(&data.join("recordings/zeek.ndjson.zst"), 5);
    assert!(zeek.contains("[beacon_id_orig_h_calls_id_resp_h]") && !zeek.contains("labels."), "{zeek}");
    check_suggestions(&data.join("evtx/new-user-security.evtx"), 0);
}

#[test]
fn sources_and_use_cases_of_the_shipped_recordings_are_recognised() {
    let site = site();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let recognised = |path: &str| {
        let path = data.join(path);
        let found = site.fields_json(&["--events", path.to_str().expect("UTF-8")]);
        let names: Vec<String> = found["sources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|source| source["name"].as_str().expect("a text").to_owned())
            .collect();
        (names, found)
    };
    let (names, found) = recognised("recordings/zeek.ndjson.zst");
    assert_eq!(names, ["Zeek"]);
    let use_case = |name: &str| {
        let mut use_cases = found["use_cases"].as_array().expect("a list").iter();
        use_cases.find(|use_case| use_case["name"] == name).unwrap()["usability"].clone()
    };
    assert_eq!(
        (use_case("beacon_callback"), use_case("simplequery_encoded_powershell")),
        ("usable".into(), "not_applicable".into())
    );
    let (names, _) = recognised("evtx/new-user-security.evtx");
    assert!(names.contains(&"Windows Security log".to_owned()) && !names.contains(&"Sysmon".to_owned()), "{names:?}");
}
