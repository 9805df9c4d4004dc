//! Files of outliers: their formats, their places and their permissions.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::program::{self, Finished};

const USE_CASES: &str = "\
[simplequery_shell]
es_query_filter=name:*sh
outlier_type=process, shell
outlier_reason=shell
outlier_summary={name} run by {user}
run_model=1

[metrics_long_name]
es_query_filter=name:*
target=name
aggregator=host
metric=length
trigger_on=high
trigger_method=float
trigger_sensitivity=4
outlier_type=process
outlier_reason=long name
outlier_summary={metric} characters
run_model=1
";

const EVENTS: &str = r#"{"@timestamp":"2024-05-01T00:00:00Z","name":"zsh","user":"ann","host":"h"}
{"@timestamp":"2024-05-01T00:00:01Z","name":"=cmd|' /C calc'!A0,\n\"sh","user":"bob","host":"h"}
{"@timestamp":"2024-05-01T00:00:02Z","name":"ls","user":"cid","host":"h"}
"#;

const HEADER: &str = "_index,_id,timestamp,use_case,model_type,model_name,type,reason,summary,assets,metric,score,\
                      surprise,decision_frontier,confidence,observations";

fn folder(events: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for (name, text) in [("a.conf", USE_CASES), ("main.conf", "[assets]\nuser=user\n"), ("events.ndjson", events)] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

const RUN: &str = "run --config main.conf --use-cases a.conf --events events.ndjson";

fn arguments(more: &str) -> Vec<String> {
    format!("{RUN} {more}").split_whitespace().map(str::to_owned).collect()
}

fn run(folder: &Path, more: &str) -> Finished {
    program::run(folder, &arguments(more))
}

/// Events of which every one is an outlier.
fn many_events() -> String {
    let event = |idx: usize| format!("{{\"name\":\"{idx:0100}sh\",\"user\":\"u\",\"host\":\"h\"}}\n");
    (0..5_000).map(event).collect()
}

#[test]
fn a_hyphen_is_standard_output() {
    let scratch = folder(EVENTS);
    let finished = run(scratch.path(), "-o -").expect_code(0);
    run(scratch.path(), "-o out.ndjson").expect_code(0);
    assert_eq!(finished.stdout, fs::read_to_string(scratch.path().join("out.ndjson")).expect("written"));
    assert_eq!(finished.stdout.lines().count(), 2);
    assert!(finished.stderr.contains("3 outliers"), "{}", finished.stderr);
    assert!(!scratch.path().join("-").exists());
    let finished = run(scratch.path(), "-o - --report -").expect_code(2);
    assert!(finished.stderr.contains("the outliers are written there"), "{}", finished.stderr);
    let finished = run(scratch.path(), "--report - -o out.csv").expect_code(0);
    serde_json::from_str::<Value>(&finished.stdout).expect("a report");
}

#[test]
fn a_closed_pipe_ends_the_run_quietly() {
    let scratch = folder(&many_events());
    for more in ["-o -", "-o - --format csv", "-o - --format parquet", "--report -", ""] {
        let mut child = program::start(scratch.path(), &arguments(more));
        drop((child.stdin.take(), child.stdout.take()));
        let finished = program::finish(child).expect_code(0);
        assert!(!finished.stderr.contains("cannot write") && !finished.stderr.contains("panic"), "{}", finished.stderr);
        // both streams
        let mut child = program::start(scratch.path(), &arguments(more));
        drop((child.stdin.take(), child.stdout.take(), child.stderr.take()));
        program::finish(child).expect_code(0);
    }
}

#[test]
fn files_have_the_mode_that_the_user_wants() {
    let scratch = folder(EVENTS);
    let path = |name: &str| scratch.path().join(name);
    let mode = |name: &str| fs::metadata(path(name)).expect("written").permissions().mode() & 0o7777;
    for (umask, expected) in [("022", 0o644), ("027", 0o640), ("077", 0o600), ("000", 0o666)] {
        let arguments = arguments(&format!("-o out{umask}.csv --report report{umask}.json"));
        program::run_after(scratch.path(), &format!("umask {umask}"), &arguments).expect_code(0);
        assert_eq!(mode(&format!("out{umask}.csv")), expected);
        assert_eq!(mode(&format!("report{umask}.json")), expected);
    }
    fs::set_permissions(path("out077.csv"), fs::Permissions::from_mode(0o604)).expect("permitted");
    program::run_after(scratch.path(), "umask 077", &arguments("-o out077.csv")).expect_code(0);
    assert_eq!(mode("out077.csv"), 0o604);
}

#[test]
fn tables_have_a_row_per_outlier() {
    let scratch = folder(EVENTS);
    run(scratch.path(), "-o out.csv").expect_code(0);
    let text = fs::read_to_string(scratch.path().join("out.csv")).expect("written");
    let records: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(records[0], HEADER);
    assert_eq!(records.len(), 1 + 3 + 1);
    assert_eq!(
        &records[1][..records[1].find("\"{").expect("observations")],
        "events.ndjson,000000000000,2024-05-01T00:00:00Z,simplequery_shell,simplequery,shell,\"process, shell\",shell,\
         zsh run by ann,\"[\"\"user: ann\"\"]\",,4.9,0.58,,,"
    );
    let formula = text.matches("'=cmd|' /C calc'!A0,\n\"\"sh run by bob").count();
    assert_eq!(formula, 1, "{text}");
    assert!(text.contains("metrics_long_name,metrics,long_name,process,long name,23 characters,"), "{text}");

    let script = "exec >piped.parquet";
    program::run_after(scratch.path(), script, &arguments("-o - --format parquet")).expect_code(0);
    run(scratch.path(), "-o out.Parquet").expect_code(0);
    let bytes = |name: &str| fs::read(scratch.path().join(name)).expect("written");
    assert!(bytes("piped.parquet") == bytes("out.Parquet"), "a pipe and a file get the same bytes");
    let rows = parquet_rows(&scratch.path().join("out.Parquet"));
    assert_eq!(rows.len(), 3);
    assert_eq!(
        rows[0].join("|").split('{').next().expect("text"),
        "events.ndjson|000000000000|2024-05-01T00:00:00Z|\
        simplequery_shell|simplequery|shell|process, shell|shell|zsh run by ann|[\"user: ann\"]|-|4.9|0.58|-|-|"
    );
    // only spreadsheets read formulas
    assert!(rows.iter().any(|row| row[8].starts_with("=cmd|")), "{rows:?}");
    let metrics = rows.iter().find(|row| row[3] == "metrics_long_name").expect("found");
    assert_eq!(metrics[10..15], ["23", "4.9", "0.58", "4", "19"]);
    let observations: Value = serde_json::from_str(&metrics[15]).expect("JSON");
    assert_eq!(observations["aggregator"], "h");
    assert!(observations.get("metric").is_none() && observations.get("summary").is_none(), "{observations}");
}

/// Cells of a Parquet file as text.
fn parquet_rows(path: &Path) -> Vec<Vec<String>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).expect("there")).expect("Parquet");
    let batches: Vec<RecordBatch> = reader.build().expect("Parquet").map(|batch| batch.expect("rows")).collect();
    let names: Vec<String> = batches[0].schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names.join(","), HEADER);
    let cell = |column: &dyn Array, row: usize| match column.as_string_opt::<i32>() {
        _ if column.is_null(row) => "-".to_owned(),
        Some(texts) => texts.value(row).to_owned(),
        None => column.as_primitive::<Float64Type>().value(row).to_string(),
    };
    let rows = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    rows.map(|(batch, row)| batch.columns().iter().map(|column| cell(column, row)).collect()).collect()
}

#[test]
fn tables_are_the_same_however_they_were_made() {
    let scratch = folder(&many_events());
    let written = |name: &str, more: &str| {
        run(scratch.path(), &format!("-o {name} {more}")).expect_code(0);
        fs::read(scratch.path().join(name)).expect("written")
    };
    for format in ["csv", "parquet"] {
        let expected = written("a", &format!("--threads 1 --format {format}"));
        assert_eq!(written(&format!("b.{format}"), "--threads 4"), expected);
        let by_name = run(scratch.path(), &format!("-o x.{format} --format ndjson")).expect_code(0);
        assert!(by_name.stdout.is_empty());
        assert!(fs::read(scratch.path().join(format!("x.{format}"))).expect("written").starts_with(b"{\"_index\""));
    }
    assert_eq!(parquet_rows(&scratch.path().join("b.parquet")).len(), 10_000);
    // the program reads what it wrote
    let arguments = "run --use-cases own.conf -o own.ndjson --events";
    let own = "[simplequery_own]\nes_query_filter=use_case:metrics_long_name AND metric:>=100\noutlier_type=t\noutlier_reason=r\n\
               outlier_summary={_id} {metric}\nrun_model=1\n";
    fs::write(scratch.path().join("own.conf"), own).expect("written");
    for table in ["b.csv", "b.parquet"] {
        program::run(scratch.path(), &arguments.split_whitespace().chain([table]).collect::<Vec<_>>()).expect_code(0);
        let own = fs::read_to_string(scratch.path().join("own.ndjson")).expect("written");
        assert_eq!(own.lines().count(), 5_000, "{table}");
    }
}

#[test]
fn a_format_needs_a_file() {
    let scratch = folder(EVENTS);
    run(scratch.path(), "--format csv").expect_code(2);
    run(scratch.path(), "--format xml -o out").expect_code(2);
    // a dry run writes nothing
    run(scratch.path(), "-o out.csv --dry-run").expect_code(0);
    assert!(!scratch.path().join("out.csv").exists());
}

#[test]
fn tables_have_the_times_that_use_cases_read() {
    let scratch = folder(concat!(
        r#"{"props":[{"Name":"made","Value":"2024-05-01T00:00:00Z"}],"name":"zsh","user":"ann","host":"h"}"#,
        "\n",
        r#"{"created":{"$date":"2024-05-02T00:00:00Z"},"name":"bash","user":"bob","host":"h"}"#,
        "\n"
    ));
    let main = "[general]\ntimestamp_field=created\n[namedvalues]\ncreated=props[Name=made].Value\n";
    fs::write(scratch.path().join("main.conf"), main).expect("written");
    run(scratch.path(), "-o out.csv").expect_code(0);
    let text = fs::read_to_string(scratch.path().join("out.csv")).expect("written");
    let times: Vec<&str> = text.lines().skip(1).filter_map(|row| row.split(',').nth(2)).collect();
    assert_eq!(times, ["2024-05-01T00:00:00Z", "2024-05-02T00:00:00Z"], "{text}");
}
