//! JSON in the forms in which people keep it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{ALL, Judged, case, judge};

const USE_CASES: &str = "\
[terms_rare]
es_query_filter=*
aggregator=user
target=name
target_count_method=within_aggregator
trigger_on=low
trigger_method=pct_of_max_value
trigger_sensitivity=30
outlier_type=t
outlier_reason=r
outlier_summary=rare {term}
run_model=1

[simplequery_x]
es_query_filter=name:x.exe
outlier_type=t
outlier_reason=r
outlier_summary=x
run_model=1
";

/// Event number `n` of 20; the last one is rare.
fn event(n: usize) -> String {
    let name = if n == 19 { "x.exe" } else { "cmd.exe" };
    format!(r#"{{"@timestamp":"2024-05-01T10:{n:02}:00Z","user":"ann","name":"{name}"}}"#)
}

fn events(join: &str) -> String {
    (0..20).map(event).collect::<Vec<_>>().join(join)
}

fn pretty(json: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
    serde_json::to_string_pretty(&value).expect("JSON")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("written");
    encoder.finish().expect("written")
}

/// Folder with files and the use cases above.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Folder(tempfile::tempdir().expect("a scratch folder"));
        folder.add(".use_cases.conf", USE_CASES.as_bytes());
        folder
    }

    fn add(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, bytes).expect("written");
        path
    }

    fn judge(&self, events: &[&str]) -> Judged {
        judge(self.0.path(), &self.0.path().join(".use_cases.conf"), events, &[])
    }
}

/// Judges one file with 20 events; the last one is found.
fn check_file(name: &str, text: &[u8]) {
    let folder = Folder::new();
    folder.add(name, text);
    let judged = folder.judge(&[name]);
    assert_eq!(judged.finished.code, 0, "{name}: {}", judged.finished.stderr);
    assert_eq!(judged.n_events(), 20, "{name}: {}", judged.report);
    for use_case in ["terms_rare", "simplequery_x"] {
        assert_eq!(judged.found_by(use_case).len(), 1, "{name}: {:?}", judged.outliers);
    }
}

/// Compares the files of a case with one of them, whose events are lines.
fn check_case(folder: &str, options: &[&str], files: &[&str], n_events: u64, use_cases: &[&str]) {
    let folder = case(folder);
    for file in files {
        let judged = judge(&folder, &folder.join("uc.conf"), &[file], options);
        assert_eq!(judged.finished.code, 0, "{file}: {}", judged.finished.stderr);
        assert_eq!(judged.n_events(), n_events, "{file}");
        for use_case in use_cases {
            assert!(!judged.found_by(use_case).is_empty(), "{file}: {use_case} finds nothing\n{}", judged.report);
        }
    }
}

#[test]
fn arrays_under_a_key_are_unwrapped() {
    let config = case("cloudtrail-records").join("main.conf").display().to_string();
    let files = ["flat.ndjson", "array.json", "jq_c.json", "oneline.json", "pretty.json"];
    let gz = "111122223333_CloudTrail_us-east-2_20240619T0100Z_x.json.gz";
    let files = [&files[..], &[gz]].concat();
    check_case(
        "cloudtrail-records",
        &["--config", &config],
        &files,
        31,
        &["terms_rare_api", "simplequery_stoplogging"],
    );
}

#[test]
fn containers_of_many_kinds_are_unwrapped() {
    let all = events(",");
    let records = format!("{{\"records\":[{all}]}}");
    check_file("records.json", records.as_bytes());
    check_file("records.json", pretty(&records).as_bytes());
    check_file("records.json.gz", &gzip(records.as_bytes()));
    let graph = format!("{{\"@odata.context\":\"x\",\"value\":[{all}],\"@odata.nextLink\":\"y\"}}");
    check_file("graph", graph.as_bytes());
    check_file("logs.json", format!("{{\"events\":[{all}],\"nextToken\":\"x\"}}").as_bytes());
    check_file("any.json", format!("{{\"signInsOfMay\" : [{all}]}}").as_bytes());
    check_file("data.json", format!("{{\"meta\":{{\"n\":20}},\"data\":[{all}],\"errors\":[]}}").as_bytes());
    // one container per line, and one after the other
    let lines: String = (0..20).map(|n| format!("{{\"Records\":[{}]}}\n", event(n))).collect();
    check_file("lines.ndjson", lines.as_bytes());
    let half = |from: usize| (from..from + 10).map(event).collect::<Vec<_>>().join(",");
    for between in ["", "\n"] {
        let two = format!("{{\"Records\":[{}]}}{between}{{\"Records\":[{}]}}", half(0), half(10));
        check_file("two.json", two.as_bytes());
    }
}

#[test]
fn an_event_with_a_list_of_objects_is_an_event() {
    let line =
        |n: usize| event(n).replace("\"user\"", "\"events\":[{\"name\":\"inner\"},{\"name\":\"inner\"}],\"user\"");
    let lines: String = (0..20).map(|n| line(n) + "\n").collect();
    check_file("activities.ndjson", lines.as_bytes());
    let array = (0..20).map(line).collect::<Vec<_>>().join(",");
    check_file("activities.json", format!("[{array}]").as_bytes());
    check_file("activities.json", pretty(&format!("[{array}]")).as_bytes());
}

#[test]
fn objects_with_members_of_their_own_are_events() {
    let detections = |n: usize| if n.is_multiple_of(2) { "[{\"id\":1},{\"id\":2}]" } else { "[]" };
    let line = |n: usize| {
        let name = if n == 19 { "x.exe" } else { "cmd.exe" };
        format!(r#"{{"detections":{},"severity":5,"account":"ann","name":"{name}"}}"#, detections(n))
    };
    let folder = Folder::new();
    let uc = USE_CASES.replace("aggregator=user", "aggregator=account");
    let use_cases = folder.add(".account.conf", uc.as_bytes());
    folder.add("lines.ndjson", (0..20).map(|n| line(n) + "\n").collect::<String>().as_bytes());
    let array = format!("[{}]", (0..20).map(line).collect::<Vec<_>>().join(","));
    folder.add("array.json", array.as_bytes());
    folder.add("records.json", format!("{{\"Records\":{array},\"anything\":1}}").as_bytes());
    for file in ["lines.ndjson", "array.json", "records.json"] {
        let judged = judge(folder.0.path(), &use_cases, &[file], &[]);
        assert_eq!((judged.finished.code, judged.n_events()), (0, 20), "{file}: {}", judged.finished.stderr);
        assert_eq!(judged.found_by("terms_rare").len(), 1, "{file}");
    }
}

#[test]
fn a_single_event_with_a_list_is_doubted() {
    let folder = Folder::new();
    let list = format!("{{\"sensor\":\"s1\",\"entries\":[{}]}}", events(","));
    folder.add("list.json", list.as_bytes());
    folder.add("pretty.json", pretty(&list).as_bytes());
    for file in ["list.json", "pretty.json"] {
        let judged = folder.judge(&[file]);
        assert_eq!(judged.n_events(), 1, "{file}");
        let warning = "`entries` of 20 objects";
        assert!(judged.finished.stderr.contains(warning), "{file}: {}", judged.finished.stderr);
        assert!(judged.report["warnings"].to_string().contains(warning), "{file}: {}", judged.report);
    }
    folder.add("two.ndjson", format!("{list}\n{list}\n").as_bytes());
    assert!(!folder.judge(&["two.ndjson"]).finished.stderr.contains("`entries`"));
}

#[test]
fn answers_of_services_are_unwrapped() {
    let all = events(",");
    for answer in [
        r#"{"stat":"OK","response":{"authlogs":[EVENTS],"metadata":{"total_objects":20}}}"#,
        r#"{"data":{"affected_items":[EVENTS],"total_affected_items":20,"failed_items":[]},"message":"all","error":0}"#,
        r#"{"status":"success","data":{"logs":[EVENTS]}}"#,
        r#"{"took":5,"timed_out":false,"hits":{"total":{"value":20},"events":[EVENTS]}}"#,
        r#"{"took":5,"timed_out":false,"hits":{"sequences":[{"join_keys":["ann"],"events":[EVENTS]}]}}"#,
        r#"{"value":[{"Records":[EVENTS]}],"@odata.context":"x"}"#,
        r#"{"docs":[EVENTS,{"_index":"i","_id":"2","found":false}]}"#,
        r#"{"preview":false,"messages":[],"fields":[{"name":"user"}],"results":[EVENTS],"highlighted":{}}"#,
    ] {
        let answer = answer.replace("EVENTS", &all);
        check_file("answer.json", answer.as_bytes());
        check_file("answer.json", pretty(&answer).as_bytes());
    }
}

#[test]
fn lines_with_anything_behind_their_events_are_skipped() {
    let folder = Folder::new();
    let noise = "May  1 10:00:00 host sshd: started\n".repeat(60);
    let forged = "May  1 10:00:00 host sshd: Failed password for invalid user {\"user\":\"x\"} from 192.0.2.1\n";
    let two = format!("May  1 10:00:00 host app: {} {}\n", event(18), event(19));
    let lines: String = (0..18).map(|n| format!("May  1 10:00:00 host app: {}\n", event(n))).collect();
    folder.add("syslog", format!("{noise}{lines}{forged}{two}").as_bytes());
    let judged = folder.judge(&["syslog"]);
    assert_eq!((judged.finished.code, judged.n_events()), (3, 20), "{}", judged.finished.stderr);
    assert_eq!(judged.report["source"]["skipped_lines"]["not JSON"]["lines"], 61, "{}", judged.report);
    assert_eq!(judged.found_by("terms_rare").len(), 1);
}

#[test]
fn parts_of_lines_of_kubernetes_are_joined() {
    let parts = |n: usize| {
        let event = event(n);
        let (start, end) = event.split_at(30);
        format!("2024-05-01T10:00:00.1Z stdout P {start}\n2024-05-01T10:00:00.1Z stdout F {end}\n")
    };
    check_file("0.log", (0..20).map(parts).collect::<String>().as_bytes());
}

#[test]
fn what_was_decompressed_before_a_fault_is_read() {
    let text = events("\n") + "\n";
    let packed = gzip(text.as_bytes());
    check_file("padded.ndjson.gz", &[&packed[..], &[0; 4096]].concat());
    check_file("apart.ndjson.gz", &[&packed[..], &[0; 512], &gzip(b"")].concat());
    let mut wrong_sum = packed.clone();
    let sum = wrong_sum.len() - 8;
    wrong_sum[sum] ^= 1;
    let folder = Folder::new();
    folder.add("sum.ndjson.gz", &wrong_sum);
    folder.add("garbage.ndjson.gz", &[&packed[..], b"garbage"].concat());
    for file in ["sum.ndjson.gz", "garbage.ndjson.gz"] {
        let judged = folder.judge(&[file]);
        assert_eq!((judged.finished.code, judged.n_events()), (3, 20), "{file}: {}", judged.finished.stderr);
        assert!(judged.finished.stderr.contains("was not read to its end"), "{}", judged.finished.stderr);
    }
    folder.add("nothing.ndjson.gz", b"\x1f\x8b and no more");
    let judged = folder.judge(&["sum.ndjson.gz", "nothing.ndjson.gz"]);
    assert_eq!((judged.finished.code, judged.n_events()), (3, 20), "{}", judged.finished.stderr);
}

#[test]
fn byte_order_marks_between_lines_are_dropped() {
    let text: String = (0..20).map(|n| format!("\u{feff}{}\r\n", event(n))).collect();
    check_file("joined.ndjson", text.as_bytes());
}

#[test]
fn appended_arrays_are_read_to_their_end() {
    let files = [
        "array.jsonl",
        "array_lines.ndjson",
        "array_then_lines.json",
        "two_arrays_lines.json",
        "two_arrays_pretty.json",
        "value_wrapper.json",
    ];
    check_case("appended-arrays", &[], &files, 20, &["terms_rare_app"]);
}

#[test]
fn values_may_stand_next_to_each_other_in_any_way() {
    let part = |from: usize, to: usize, join: &str| (from..to).map(event).collect::<Vec<_>>().join(join);
    check_file("glued.json", events("").as_bytes());
    check_file("apart.json", events("\n\n").as_bytes());
    check_file("pretty.json", (0..20).map(|n| pretty(&event(n)) + "\n").collect::<String>().as_bytes());
    check_file("pretty_glued.json", (0..20).map(|n| pretty(&event(n))).collect::<String>().as_bytes());
    check_file("sequence.json-seq", (0..20).map(|n| format!("\u{1e}{}\n", event(n))).collect::<String>().as_bytes());
    check_file("crlf.json", format!("[\r\n{}\r\n]\r\n", events(",\r\n")).as_bytes());
    let [lines, array] = [part(0, 10, "\n"), part(10, 20, ",")];
    check_file("lines_then_array.ndjson", format!("{lines}\n[{array}]\n").as_bytes());
    check_file("lines_then_pretty.ndjson", format!("{lines}\n{}\n", pretty(&format!("[{array}]"))).as_bytes());
    check_file("lines_then_records.ndjson", format!("{lines}\n{{\"Records\": [{array}]}}\n").as_bytes());
    check_file("arrays_then_lines", format!("[{array}][]\n{lines}").as_bytes());
}

#[test]
fn answers_of_searches_give_their_hits() {
    let files = ["response_oneline.json", "response_pretty.json", "bulk.ndjson", "bulk_create.ndjson"];
    check_case("search-response-and-bulk", &[], &files, 20, &["terms_rare_host", "simplequery_all", "simplequery_not"]);
    let folder = case("search-response-and-bulk");
    for file in &files[..3] {
        let judged = judge(&folder, &folder.join("uc.conf"), &[file], &[]);
        assert_eq!(judged.found_by("terms_rare_host"), ["logs-2024/id19"], "{file}");
    }
}

#[test]
fn hits_with_fields_only_and_updates_are_events() {
    let folder = Folder::new();
    let hit = |n: usize| {
        let name = if n == 19 { "x.exe" } else { "cmd.exe" };
        format!(
            r#"{{"_index":"logs","_id":"id{n}","fields":{{"@timestamp":["2024-05-01T10:00:00Z"],"user":["ann"],"name":["{name}"]}}}}"#
        )
    };
    let hits: Vec<String> = (0..20).map(hit).collect();
    folder.add("lines.ndjson", hits.join("\n").as_bytes());
    folder.add(
        "answer.json",
        format!(r#"{{"took":1,"timed_out":false,"hits":{{"hits":[{}]}}}}"#, hits.join(",")).as_bytes(),
    );
    let answers = format!(r#"{{"responses":[{{"took":1,"hits":{{"hits":[{}]}},"status":200}}]}}"#, hits.join(","));
    folder.add("answers.json", pretty(&answers).as_bytes());
    let update = |n: usize| {
        format!(
            "{{\"update\":{{\"_index\":\"logs\",\"_id\":\"id{n}\"}}}}\n{{\"doc\":{}}}\n{{\"delete\":{{\"_id\":\"z\"}}}}\n",
            event(n)
        )
    };
    folder.add("updates.ndjson", (0..20).map(update).collect::<String>().as_bytes());
    for file in ["lines.ndjson", "answer.json", "answers.json", "updates.ndjson"] {
        let judged = folder.judge(&[file]);
        assert_eq!((judged.finished.code, judged.n_events()), (0, 20), "{file}: {}", judged.finished.stderr);
        assert_eq!(judged.found_by("terms_rare"), ["logs/id19"], "{file}");
    }
}

#[test]
fn events_inside_of_other_lines_are_found() {
    let escaped = |n: usize| serde_json::to_string(&(event(n) + "\n")).expect("JSON");
    let docker =
        |n: usize| format!("{{\"log\":{},\"stream\":\"stdout\",\"time\":\"2024-06-01T00:00:00Z\"}}\n", escaped(n));
    check_file("x-json.log", (0..20).map(docker).collect::<String>().as_bytes());
    let syslog = |n: usize| format!("May  1 10:{n:02}:00 host app[12]: {}\n", event(n));
    check_file("syslog", (0..20).map(syslog).collect::<String>().as_bytes());
    let kubernetes = |n: usize| format!("2024-05-01T10:00:00.1Z stdout F {}\n", event(n));
    check_file("0.log", (0..20).map(kubernetes).collect::<String>().as_bytes());
    let header = format!("# exported on Monday\n{}\n", events("\n"));
    let folder = Folder::new();
    folder.add("header.ndjson", header.as_bytes());
    let judged = folder.judge(&["header.ndjson"]);
    assert_eq!((judged.finished.code, judged.n_events()), (3, 20));
    assert!(judged.finished.stderr.contains("header.ndjson:1"), "{}", judged.finished.stderr);
}

/// Copies the regular files of a folder, except one, and its subfolders.
fn copy(from: &Path, to: &Path, except: &str) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target, except);
        } else if entry.file_name() != except {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

#[test]
fn contents_decide_what_a_file_is_and_others_are_named() {
    let folder = Folder::new();
    let mixed = folder.0.path().join("mixed");
    copy(&case("ignored-files").join("mixed"), &mixed, "csv.csv");
    let all = folder.add(".all.conf", ALL.as_bytes());
    let judge_all = |events: &str| judge(folder.0.path(), &all, &[events], &[]);
    let judged = judge_all("mixed");
    assert_eq!(judged.n_events(), 7 * 50 + 10_000, "{}", judged.report);
    assert_eq!(judged.ignored(), ["mixed/readme.txt: no events were recognised in it"]);
    assert!(judged.finished.stderr.contains("not read: mixed/readme.txt: "), "{}", judged.finished.stderr);
    assert_eq!(judged.finished.code, 0, "{}", judged.finished.stderr);
    let by_pattern = judge_all("mixed/*");
    assert_eq!((by_pattern.n_events(), by_pattern.ignored().len()), (6 * 50 + 10_000, 1));
    let by_name = judge_all("mixed/readme.txt");
    assert_eq!(by_name.finished.code, 74);
    assert!(by_name.finished.stderr.contains("no events were recognised in it"), "{}", by_name.finished.stderr);
}

#[test]
fn what_holds_no_events_is_named_with_its_kind() {
    let folder = Folder::new();
    folder.add("night/app.log-20240501", events("\n").as_bytes());
    folder.add("night/APP.NDJSON.2.GZ", &gzip(events("\n").as_bytes()));
    folder.add("night/logs.mapping.json", br#"{"logs":{"mappings":{"properties":{"a":{"type":"keyword"}}}}}"#);
    folder.add("night/settings", pretty(r#"{"logs":{"settings":{"index":{}}}}"#).as_bytes());
    folder.add("night/actions", b"{\"delete\":{\"_index\":\"i\",\"_id\":\"1\"}}\n");
    folder.add("night/empty_answer.json", br#"{"took":1,"timed_out":false,"hits":{"total":0,"hits":[]}}"#);
    folder.add("night/picture.png", b"\x89PNG\r\n\x1a\n\0\0");
    let judged = folder.judge(&["night"]);
    assert_eq!((judged.finished.code, judged.n_events()), (0, 40), "{}", judged.finished.stderr);
    assert_eq!(
        judged.ignored(),
        [
            "night/actions: it holds actions of a bulk request without sources",
            "night/empty_answer.json: it is the answer of a search without hits",
            "night/logs.mapping.json: it holds the mapping of an index",
            "night/picture.png: no events were recognised in it",
            "night/settings: it holds settings",
        ]
    );
    let by_name = folder.judge(&["night/logs.mapping.json"]);
    assert_eq!(by_name.finished.code, 74);
    assert!(by_name.finished.stderr.contains("give it with --mapping"), "{}", by_name.finished.stderr);
    // what may hold events is missing
    folder.add("night/more.ndjson.xz", b"\xfd7zXZ\0\0");
    let judged = folder.judge(&["night"]);
    assert_eq!((judged.finished.code, judged.n_events()), (3, 40));
    assert!(judged.finished.stderr.contains("`unxz`"), "{}", judged.finished.stderr);
    // reports of earlier runs
    let report = folder.judge(&["night/app.log-20240501"]).report;
    folder.add("earlier/report.json", serde_json::to_string_pretty(&report).expect("JSON").as_bytes());
    folder.add("earlier/a", events("\n").as_bytes());
    assert_eq!(folder.judge(&["earlier"]).ignored(), ["earlier/report.json: it is a report of this program"]);
}

#[test]
fn overlapping_dumps_count_once() {
    let folder = case("duplicate-ids");
    for events in [["a.json", "b.json"], ["b.json", "a.json"]] {
        let judged = judge(&folder, &folder.join("uc.conf"), &events, &[]);
        assert_eq!((judged.finished.code, judged.n_events()), (0, 20), "{}", judged.finished.stderr);
        assert_eq!(judged.report["source"]["repeats"], 10);
        assert!(judged.finished.stderr.contains("repeats: 10 documents"), "{}", judged.finished.stderr);
        assert_eq!(judged.found_by("simplequery_x"), ["logs/i19"]);
        assert_eq!(judged.found_by("terms_rare"), ["logs/i19"]);
    }
}

#[test]
fn a_run_without_room_for_all_ids_says_so() {
    let folder = Folder::new();
    let hit = |n: usize| format!(r#"{{"_index":"i","_id":"{n}","_source":{{"user":"ann","name":"cmd.exe"}}}}"#);
    let hits: Vec<String> = (0..20_000).chain(0..20_000).map(hit).collect();
    folder.add("hits.ndjson", hits.join("\n").as_bytes());
    let use_cases = folder.0.path().join(".use_cases.conf");
    let judged = judge(folder.0.path(), &use_cases, &["hits.ndjson"], &["--memory-limit", "7MiB"]);
    let stderr = &judged.finished.stderr;
    assert!(judged.finished.code == 0 && stderr.contains("documents may be repeats that count"), "{stderr}");
    assert!(judged.report["source"]["forgotten"].as_u64() > Some(0) && judged.n_events() > 20_000);
    let judged = judge(folder.0.path(), &use_cases, &["hits.ndjson"], &[]);
    assert_eq!((judged.finished.code, judged.n_events()), (0, 20_000));
}

#[test]
fn the_first_of_several_versions_counts_in_every_form() {
    let folder = Folder::new();
    let hit =
        |n: usize, name: &str| format!(r#"{{"_index":"i","_id":"{n}","_source":{{"user":"ann","name":"{name}"}}}}"#);
    let first: Vec<String> = (0..20).map(|n| hit(n, if n == 19 { "x.exe" } else { "cmd.exe" })).collect();
    let second: Vec<String> = (0..20).map(|n| hit(n, "later.exe")).collect();
    folder.add("1.json", format!(r#"{{"took":1,"hits":{{"hits":[{}]}}}}"#, first.join(",")).as_bytes());
    folder.add("2.ndjson.gz", &gzip(second.join("\n").as_bytes()));
    folder.add("3.ndjson", second.join("\n").as_bytes());
    // events without ids are never repeats, nor are equal ids of other indices
    folder.add("4.ndjson", format!("{0}\n{0}\n", r#"{"user":"bob","name":"same"}"#).as_bytes());
    folder.add("5.ndjson", br#"{"_index":"j","_id":"1","_source":{"user":"cid","name":"same"}}"#);
    let judged = folder.judge(&["3.ndjson", "2.ndjson.gz", "1.json", "4.ndjson", "5.ndjson"]);
    assert_eq!((judged.n_events(), &judged.report["source"]["repeats"]), (23, &40.into()), "{}", judged.report);
    // ids that are empty or null are none
    for id in ["null", "\"\""] {
        let hit = format!(r#"{{"_index":"i","_id":{id},"_source":{{"user":"eve","name":"same"}}}}"#);
        folder.add("6.ndjson", [hit.as_str(); 3].join("\n").as_bytes());
        let judged = folder.judge(&["6.ndjson"]);
        assert_eq!(
            (judged.n_events(), &judged.report["source"]["repeats"]),
            (3, &serde_json::Value::Null),
            "{}",
            judged.report
        );
    }
    let judged = folder.judge(&["3.ndjson", "2.ndjson.gz", "1.json", "4.ndjson", "5.ndjson"]);
    assert_eq!(judged.found_by("simplequery_x"), ["i/19"]);
}

#[test]
fn ids_are_numbers_of_events_or_lines() {
    let folder = Folder::new();
    folder.add("array.json", pretty(&format!("{{\"Records\":[{}]}}", events(","))).as_bytes());
    folder.add("bulk", (0..20).map(|n| format!("{{\"index\":{{}}}}\n{}\n", event(n))).collect::<String>().as_bytes());
    for (file, id) in [("array.json", "array.json/000000000019"), ("bulk", "bulk/000000000039")] {
        assert_eq!(folder.judge(&[file]).found_by("simplequery_x"), [id]);
    }
}

#[test]
fn damaged_values_are_counted_and_the_others_read() {
    let folder = Folder::new();
    let damaged = format!("[{}]\n{{\"a\":\"cut\n{}\n", event(0), event(19));
    folder.add("damaged.json", damaged.as_bytes());
    let judged = folder.judge(&["damaged.json"]);
    assert_eq!((judged.finished.code, judged.n_events()), (3, 2), "{}", judged.finished.stderr);
    assert!(judged.finished.stderr.contains("damaged.json:2"), "{}", judged.finished.stderr);
    folder.add("cut.json", format!("{{\"Records\":[{}", events(",")).as_bytes());
    let judged = folder.judge(&["cut.json"]);
    assert_eq!((judged.finished.code, judged.n_events()), (3, 20), "{}", judged.finished.stderr);
    assert!(judged.finished.stderr.contains("truncated"), "{}", judged.finished.stderr);
}
