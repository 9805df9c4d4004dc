//! Parquet: a run over columns says what a run over the lines of the same events says.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use arrow::json::ReaderBuilder;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use super::{Judged, judge};
use crate::outliers::first_difference;
use crate::random::Random;

const N_EVENTS: usize = 4000;

const ROW_GROUP: usize = 500;

/// One event each minute from 2024-05-01 on.
fn events() -> String {
    let mut random = Random(7);
    let mut lines = String::new();
    for n in 0..N_EVENTS {
        let time = format!("2024-05-{:02}T{:02}:{:02}:00Z", 1 + n / 1440, n / 60 % 24, n % 60);
        let program = format!("p{}.exe", random.below(4) * random.below(9));
        let mut process = json!({"name": program, "pid": random.below(500), "weight": random.below(9) as f64 / 4.0});
        if random.below(9) > 0 {
            let most = if random.below(300) == 0 { 400 } else { 20 };
            let length = 1 + random.below(most) as usize;
            process["command_line"] = json!(format!("{program} {}", "x".repeat(length)));
        }
        let ips: Vec<String> = (0..random.below(3)).map(|_| format!("10.0.0.{}", random.below(40))).collect();
        let kind = ["a", "b", "C"][random.below(3) as usize];
        let host = json!({"name": format!("h{}", random.below(5)), "ip": ips});
        let mut event = json!({"@timestamp": time, "host": host, "kind.of": kind});
        if random.below(5) > 0 {
            event["process"] = process;
        }
        if random.below(3) == 0 {
            let answer = |_| json!({"data": format!("d{}", random.below(60)), "ttl": random.below(3)});
            event["answers"] = (0..2).map(answer).collect();
        }
        lines.push_str(&format!("{event}\n"));
    }
    lines
}

fn schema() -> Schema {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let object = |name: &str, fields: Vec<Field>| Field::new(name, DataType::Struct(Fields::from(fields)), true);
    let answer = object("item", vec![text("data"), Field::new("ttl", DataType::Int32, true)]);
    let process = vec![
        text("name"),
        text("command_line"),
        Field::new("pid", DataType::Int64, true),
        Field::new("weight", DataType::Float64, true),
    ];
    Schema::new(vec![
        Field::new("@timestamp", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), true),
        object("host", vec![text("name"), Field::new("ip", DataType::new_list(DataType::Utf8, true), true)]),
        object("process", process),
        text("kind.of"),
        Field::new("answers", DataType::List(Arc::new(answer)), true),
    ])
}

fn write_parquet(path: &Path, lines: &str, properties: WriterProperties) {
    let schema = Arc::new(schema());
    let batches = ReaderBuilder::new(Arc::clone(&schema)).build(lines.as_bytes()).expect("a schema");
    let mut writer =
        ArrowWriter::try_new(fs::File::create(path).expect("created"), schema, Some(properties)).expect("a writer");
    batches.for_each(|batch| writer.write(&batch.expect("events")).expect("written"));
    writer.close().expect("closed");
}

const USE_CASES: &str = r#"
[DEFAULT]
outlier_type=t
outlier_reason=r
run_model=1

[simplequery_texts]
es_query_filter=process.name:p1*.exe AND NOT host.name:h3
outlier_summary={process.name} {process.pid} {process.weight} {host.ip} {answers.data}

[simplequery_ranges]
es_query_filter=process.pid:[490 TO *] OR process.weight:0.25
outlier_summary={process.name}

[simplequery_arrays]
es_query_filter=answers.data:d7 AND answers.ttl:<2
outlier_summary={answers.data}

[simplequery_anywhere]
es_query_filter=d11
outlier_summary={answers.data}

[simplequery_missing]
es_query_filter=NOT _exists_:process AND host.ip:*
outlier_summary={host.name}

[simplequery_times]
es_query_filter=@timestamp:[2024-05-02T10:00:00Z TO 2024-05-02T11:00:00Z] AND kind.of.keyword:C
outlier_summary={@timestamp}

[terms_programs]
es_query_filter=kind.of:a OR kind.of:b
aggregator=host.name
target=process.name.keyword
target_count_method=within_aggregator
trigger_on=low
trigger_method=pct_of_max_value
trigger_sensitivity=20
outlier_summary={term}

[terms_lists]
es_query_filter=*
aggregator=kind.of
target=host.ip,answers.data
target_count_method=within_aggregator
trigger_on=low
trigger_method=pct_of_max_value
trigger_sensitivity=30
outlier_summary={term}

[metrics_length]
es_query_filter=*
aggregator=process.name
target=process.command_line
metric=length
trigger_on=high
trigger_method=stdev
trigger_sensitivity=3
outlier_summary={metric}

[suddenappearance_hosts]
es_query_filter=*
aggregator=kind.of
target=process.pid
history_window_days=2
history_window_hours=0
sliding_window_size=0:12:0
sliding_window_step_size=0:6:0
outlier_summary={process.pid}
"#;

/// Returns what a run says, without what it cost.
fn said(judged: &Judged) -> Value {
    let mut report = judged.report.clone();
    let members = report.as_object_mut().expect("an object");
    ["started", "seconds", "phases", "resources"].iter().for_each(|key| drop(members.remove(*key)));
    report["source"].as_object_mut().expect("an object").retain(|key, _| !key.ends_with("bytes"));
    for use_case in report["use_cases"].as_array_mut().expect("a list") {
        use_case.as_object_mut().expect("an object").retain(|key, _| !key.starts_with("seconds"));
    }
    let warnings: Vec<&str> = judged.finished.stderr.lines().filter(|line| line.contains("WARN")).collect();
    let warnings: Vec<&str> = warnings.iter().filter_map(|line| Some(line.split_once("WARN")?.1)).collect();
    json!({"report": report, "outliers": format!("{:?}", judged.outliers), "warnings": warnings})
}

#[test]
fn columns_are_judged_as_their_lines_are() {
    let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let lines = events();
    let conf = folders[0].path().join("c.conf");
    fs::write(&conf, USE_CASES).expect("written");
    fs::write(folders[0].path().join("events"), &lines).expect("written");
    let properties = || WriterProperties::builder().set_max_row_group_row_count(Some(ROW_GROUP));
    for properties in [properties().build(), properties().set_dictionary_enabled(false).build()] {
        write_parquet(&folders[1].path().join("events"), &lines, properties);
        for options in [
            &[][..],
            &["--from", "2024-05-01T20:00:00Z", "--to", "2024-05-02T03:00:00Z"],
            &["--now", "2024-05-02T02:00:00Z"],
            &["--from", "2024-06-01T00:00:00Z", "--to", "2024-06-02T00:00:00Z"],
            &["--memory-limit", "64MiB", "--threads", "1"],
        ] {
            let judged = |folder: usize| judge(folders[folder].path(), &conf, &["events"], options);
            let [of_lines, of_columns] = [judged(0), judged(1)];
            let [expected, found] = [&of_lines, &of_columns].map(said);
            assert_eq!(of_lines.n_events(), N_EVENTS as u64, "{}", of_lines.finished.stderr);
            assert_eq!(first_difference("run", &expected, &found), None, "{options:?}");
        }
    }
}

#[test]
fn damage_costs_what_follows_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.parquet");
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(ROW_GROUP)).build();
    write_parquet(&path, &events(), properties);
    let mut bytes = fs::read(&path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xa5);
    fs::write(&path, bytes).expect("written");
    let conf = folder.path().join("c.conf");
    fs::write(&conf, USE_CASES).expect("written");
    let judged = judge(folder.path(), &conf, &["events.parquet"], &[]);
    assert_eq!(judged.finished.code, 3, "{}", judged.finished.stderr);
    let incomplete = judged.report["source"]["incomplete"].as_array().expect("a list");
    assert!(judged.n_events() < N_EVENTS as u64 && judged.n_events() > 0 && incomplete.len() == 1, "{incomplete:?}");
    let second = judge(folder.path(), &conf, &["events.parquet"], &["--threads", "1"]);
    assert_eq!(first_difference("run", &said(&judged), &said(&second)), None);
}
