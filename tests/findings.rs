//! Findings and assets: what a person sees of the outliers of a run, and the keys that limit them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::outliers;
use crate::program::{self, Finished};

/// Every event of `name` is an outlier, a rare port of a host is one, and so is a rare name.
const USE_CASES: &str = "\
[simplequery_shell]
es_query_filter=name:*sh
outlier_type=process
outlier_reason=shell
outlier_summary={name} run by {user}
run_model=1

[terms_rare_port]
es_query_filter=port:*
target=port
aggregator=host
target_count_method=within_aggregator
trigger_on=low
trigger_method=float
trigger_sensitivity=3
outlier_type=network
outlier_reason=rare port
outlier_summary=port {term} on {aggregator}
run_model=1

[terms_rare_name]
es_query_filter=name:*
target=name
aggregator=host
target_count_method=within_aggregator
trigger_on=low
trigger_method=float
trigger_sensitivity=3
outlier_type=process
outlier_reason=rare name
outlier_summary={term} on {aggregator}
run_model=1
";

const MAIN: &str = "[assets]\nhost=host\nuser=user\n";

/// Hosts h0 to h3, whose ports and names are frequent, but for two events of h1 and one of h2.
fn events() -> String {
    let mut events = String::new();
    for n in 0..40 {
        let (host, minute) = (n % 4, n);
        events.push_str(&format!(
            "{{\"@timestamp\":\"2024-05-01T00:{minute:02}:00Z\",\"host\":\"h{host}\",\"port\":443,\"name\":\"ls\",\
             \"user\":\"ann\"}}\n"
        ));
    }
    let rare = [
        ("2024-05-01T01:00:00Z", "h1", 4444, "zsh", "bob"),
        ("2024-05-01T02:00:00Z", "h1", 4444, "zsh", "bob"),
        ("2024-05-01T03:00:00Z", "h2", 8080, "ls", "cid"),
    ];
    for (time, host, port, name, user) in rare {
        events.push_str(&format!(
            "{{\"@timestamp\":\"{time}\",\"host\":\"{host}\",\"port\":{port},\"name\":\"{name}\",\"user\":\"{user}\"}}\n"
        ));
    }
    events
}

fn folder(use_cases: &str, main: &str, events: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for (name, text) in [("u.conf", use_cases), ("main.conf", main), ("events.ndjson", events)] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn run(folder: &Path, more: &str) -> Finished {
    let line = format!("run --config main.conf --use-cases u.conf --events events.ndjson {more}");
    program::run(folder, &line.split_whitespace().collect::<Vec<_>>())
}

fn json(folder: &Path, name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join(name)).expect("written")).expect("JSON")
}

fn lines(folder: &Path, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(name)).expect("written");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Use case, aggregator, target and number of documents of findings.
fn shown(findings: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let shown =
        |finding: &Value| ["use_case", "aggregator", "target", "documents"].map(|key| text(&finding[key])).join(" ");
    findings.iter().map(shown).collect()
}

/// The use cases, one of them with one more line.
fn with(name: &str, line: &str) -> String {
    USE_CASES.replace(&format!("[{name}]\n"), &format!("[{name}]\n{line}\n"))
}

#[test]
fn findings_and_assets_are_in_the_report_and_on_the_terminal() {
    let scratch = folder(USE_CASES, MAIN, &events());
    let finished = run(scratch.path(), "--report report.json").expect_code(0);
    let report = json(scratch.path(), "report.json");
    let findings = report["findings"].as_array().expect("a list");
    let mut sorted = shown(findings);
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        [
            "simplequery_shell null zsh run by bob 2",
            "terms_rare_name h1 zsh 2",
            "terms_rare_port h1 4444 2",
            "terms_rare_port h2 8080 1",
        ]
    );
    // three use cases flag the same two events
    assert_eq!(findings[3]["aggregator"], "h2");
    let scores: Vec<f64> = findings.iter().map(|finding| finding["score"].as_f64().expect("a number")).collect();
    assert!(
        scores.is_sorted_by(|a, b| a >= b) && scores.iter().all(|score| (0.0..=100.0).contains(score)),
        "{scores:?}"
    );
    let first = &findings[0];
    assert_eq!((&first["first"], &first["last"]), (&"2024-05-01T01:00:00Z".into(), &"2024-05-01T02:00:00Z".into()));
    assert_eq!((&first["index"], &first["id"]), (&"events.ndjson".into(), &"000000000040".into()));
    assert_eq!(first["supported_by"].as_array().expect("a list").len(), 2);
    assert_eq!(first["assets"], serde_json::json!(["host: h1", "user: bob"]));
    assert_eq!((&report["totals"]["findings"], &report["totals"]["outliers"]), (&4.into(), &7.into()));
    assert_eq!(report["totals"].get("left_out"), None);
    let assets: Vec<&str> = report["assets"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|asset| asset["asset"].as_str().expect("text"))
        .collect();
    assert_eq!(assets, ["host: h1", "user: bob", "host: h2", "user: cid"]);
    assert_eq!(report["assets"][0]["use_cases"].as_array().expect("a list").len(), 3);
    let place = |text: &str| finished.stdout.find(text).unwrap_or_else(|| panic!("no {text} in {}", finished.stdout));
    // the others of the same event are named beside the first one
    let [of_first, others] = [first["summary"].as_str().expect("text"), "also "];
    assert!(place(of_first) < place(others) && place(others) < place("port 8080 on h2"));
    assert!(finished.stdout.contains("2 findings about the same events are not repeated"), "{}", finished.stdout);
    let (_, assets) = finished.stdout.split_once("asset, with what contributed").expect("assets");
    let place = |text: &str| assets.find(text).unwrap_or_else(|| panic!("no {text} in {assets}"));
    assert!(place("host: h1: 3 findings") < place("user: cid: 1 finding"), "{assets}");
}

#[test]
fn findings_are_written_in_three_formats() {
    let scratch = folder(USE_CASES, MAIN, &events());
    for name in ["f.ndjson", "f.csv", "f.parquet"] {
        run(scratch.path(), &format!("-o o.ndjson --findings {name}")).expect_code(0);
    }
    let findings = lines(scratch.path(), "f.ndjson");
    assert_eq!(findings.len(), 4);
    let csv = fs::read_to_string(scratch.path().join("f.csv")).expect("written");
    let records: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!(
        records[0],
        "finding_id,score,surprise,own_score,own_surprise,use_case,model,severity,techniques,supported_by,aggregator,\
         target,documents,outliers,first,last,summary,reason,assets,_index,_id"
    );
    assert_eq!(records.len(), 5);
    assert!(records[4].contains(",terms_rare_port,terms,,,,h2,8080,1,1,2024-05-01T03:00:00Z,"), "{}", records[4]);
    let file = fs::File::open(scratch.path().join("f.parquet")).expect("written");
    let mut batches = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet").build().expect("readable");
    let batch = batches.next().expect("a batch").expect("readable");
    let scores = batch.column_by_name("score").expect("a column").as_primitive::<Float64Type>();
    assert_eq!(
        scores.values()[..],
        findings.iter().map(|f| f["score"].as_f64().expect("a number")).collect::<Vec<_>>()
    );
    // standard output, and files that would replace each other
    let finished = run(scratch.path(), "-o o.ndjson --findings -").expect_code(0);
    assert_eq!(finished.stdout, fs::read_to_string(scratch.path().join("f.ndjson")).expect("written"));
    assert_eq!(run(scratch.path(), "--findings -").expect_code(0).stdout, finished.stdout);
    let finished = run(scratch.path(), "-o o.ndjson --findings ./o.ndjson").expect_code(2);
    assert!(finished.stderr.contains("the outliers are written there"), "{}", finished.stderr);
    let finished = run(scratch.path(), "--findings x --report x").expect_code(2);
    assert!(finished.stderr.contains("the findings are written there"), "{}", finished.stderr);
    run(scratch.path(), "--findings nowhere/f.csv").expect_code(74);
    run(scratch.path(), "--dry-run --findings dry.csv").expect_code(0);
    assert!(!scratch.path().join("dry.csv").exists());
}

#[test]
fn hostile_findings_are_escaped() {
    let event = r#"{"host":"h","name":"=1+\u001b[31mred\u202e\nsh","user":"u,\"v"}"#;
    let scratch = folder(USE_CASES, MAIN, &format!("{event}\n"));
    let finished = run(scratch.path(), "--findings f.csv").expect_code(0);
    assert!(finished.stdout.contains("\\u{1b}[31mred\\u{202e}\\nsh"), "{}", finished.stdout);
    assert!(!finished.stdout.contains('\u{1b}') && !finished.stdout.contains('\u{202e}'));
    let csv = fs::read_to_string(scratch.path().join("f.csv")).expect("written");
    assert!(csv.contains("\"'=1+"), "{csv}");
}

/// Writes with `key` in the section of a use case, or in that of the main configuration; returns
/// the number of outliers in documents, and the report.
fn limited(use_cases: &str, general: &str) -> (usize, Value, String) {
    let scratch = folder(use_cases, &format!("[general]\n{general}\n{MAIN}"), &events());
    let finished = run(scratch.path(), "-o o.ndjson --report r.json --findings f.ndjson").expect_code(0);
    let written = outliers::read(&scratch.path().join("o.ndjson")).expect("readable");
    let n_written = written.values().map(|stored| stored["total_outliers"].as_u64().expect("a count") as usize).sum();
    let report = json(scratch.path(), "r.json");
    let total: u64 = lines(scratch.path(), "f.ndjson").iter().map(|f| f["outliers"].as_u64().expect("a count")).sum();
    assert_eq!(report["totals"]["outliers"], total);
    (n_written, report, finished.stderr)
}

#[test]
fn limits_are_applied_before_anything_is_written() {
    let (n_written, report, stderr) = limited(&with("terms_rare_port", "max_outliers=1"), "outlier_budget=4");
    assert_eq!((n_written, &report["totals"]["outliers"]), (4, &4.into()));
    let left_out = &report["totals"]["left_out"];
    assert_eq!((&left_out["beyond_max_outliers"], &left_out["beyond_budget"]), (&2.into(), &1.into()));
    assert!(stderr.contains("left out: 3 outliers: 2 beyond max_outliers, 1 beyond outlier_budget"), "{stderr}");
    let (n_written, report, stderr) = limited(&with("terms_rare_port", "min_score=100"), "");
    assert_eq!((n_written, &report["totals"]["left_out"]["below_min_score"]), (4, &3.into()));
    assert!(stderr.contains("left out: 3 outliers: 3 below min_score"), "{stderr}");
    let (n_written, ..) = limited(USE_CASES, "min_score=100");
    assert_eq!(n_written, 0);
    let (n_written, ..) = limited(&with("terms_rare_port", "min_score=0"), "min_score=100");
    assert_eq!(n_written, 3);
}

#[test]
fn documents_of_a_finding_are_limited() {
    let (n_written, report, stderr) = limited(USE_CASES, "max_documents_per_finding=1");
    assert_eq!((n_written, &report["totals"]["outliers"]), (4, &7.into()));
    assert_eq!(report["totals"]["left_out"]["not_written"], 3);
    assert!(stderr.contains("not written to documents: 3 outliers beyond max_documents_per_finding"), "{stderr}");
}

/// An event with several values has an outlier for each, which its document stores once if their
/// summaries are the same.
#[test]
fn the_report_counts_what_documents_store() {
    let rare = "{\"@timestamp\":\"2024-05-01T04:00:00Z\",\"host\":\"h3\",\"port\":[22,23,23],\"name\":\"ls\"}\n";
    let summary = "outlier_summary=port {term} on {aggregator}";
    for (replaced, n_stored, n_same) in [(summary, 2, 1), ("outlier_summary=rare port on {aggregator}", 1, 2)] {
        let scratch = folder(&USE_CASES.replace(summary, replaced), MAIN, &(events() + rare));
        let finished = run(scratch.path(), "--only terms_rare_port -o o.ndjson --report r.json --findings f.ndjson")
            .expect_code(0);
        let written = outliers::read(&scratch.path().join("o.ndjson")).expect("readable");
        let totals: u64 = written.values().map(|stored| stored["total_outliers"].as_u64().expect("a count")).sum();
        let report = json(scratch.path(), "r.json");
        let ports = &report["use_cases"][0];
        // two of h1 and one of h2 besides
        assert_eq!((totals, &ports["outliers"]), (3 + n_stored, &(3 + n_stored).into()), "{replaced}");
        assert_eq!((&ports["candidates"], &ports["left_out"]["same_summary"]), (&6.into(), &n_same.into()));
        let expected = format!("{n_same} with the summary of another one of the document");
        assert!(finished.stderr.contains(&expected), "{}", finished.stderr);
        // both ports are found, whatever the document says
        let findings = lines(scratch.path(), "f.ndjson");
        let of_h3: Vec<&Value> = findings.iter().filter(|finding| finding["aggregator"] == "h3").collect();
        assert_eq!(of_h3.len(), 2, "{findings:?}");
        assert!(of_h3.iter().all(|finding| (&finding["documents"], &finding["outliers"]) == (&1.into(), &1.into())));
    }
}

#[test]
fn whitelisted_outliers_take_nothing_of_a_limit() {
    let whitelist = "max_outliers=1\n[whitelist_literals]\na=port:8080\n[terms_unused]\nrun_model=0";
    let use_cases = USE_CASES.replace("outlier_reason=rare port\n", "outlier_reason=rare port\nmax_outliers=2\n")
        + &whitelist.replace("max_outliers=1\n", "").replace("\n[terms_unused]\nrun_model=0", "\n");
    let (_, report, _) = limited(&use_cases, "");
    let ports =
        report["use_cases"].as_array().expect("a list").iter().find(|report| report["name"] == "terms_rare_port");
    let ports = ports.expect("it ran");
    assert_eq!((&ports["outliers"], &ports["whitelisted"], ports.get("left_out")), (&2.into(), &1.into(), None));
}

#[test]
fn requirements_look_at_the_same_aggregator() {
    let (n_written, report, stderr) = limited(&with("terms_rare_port", "requires=terms_rare_name"), "");
    assert_eq!((n_written, &report["totals"]["left_out"]["without_required"]), (6, &1.into()));
    assert!(stderr.contains("left out: 1 outlier: 1 without the outliers that requires asks for"), "{stderr}");
    let scratch = folder(&with("terms_rare_port", "requires=terms_rare_name"), MAIN, &events());
    let finished = run(scratch.path(), "--only terms_rare_port --report r.json").expect_code(0);
    let expected = "`terms_rare_name` does not run: no outlier of this use case stands";
    assert!(finished.stderr.contains(expected) && finished.stderr.contains("--only"), "{}", finished.stderr);
    assert_eq!(json(scratch.path(), "r.json")["totals"]["outliers"], 0);
}

#[test]
fn requirements_that_failed_make_the_run_partial() {
    // a derived field that cannot be compiled fails one use case, not its file
    let use_cases = with("terms_rare_port", "requires=terms_rare_name").replace(
        "[terms_rare_name]\nes_query_filter=name:*",
        "[terms_rare_name]\nes_dsl_filter={\"query\":{\"script\":{}}}",
    );
    let scratch = folder(&use_cases, MAIN, &events());
    let finished = run(scratch.path(), "--report r.json").expect_code(3);
    let expected = "terms_rare_port: its outliers are left out: terms_rare_name, which it requires, was not judged";
    assert!(finished.stderr.contains(expected), "{}", finished.stderr);
}

#[test]
fn requirements_that_make_no_sense_are_problems() {
    let check = |use_cases: &str| {
        let scratch = folder(use_cases, MAIN, "");
        let line = "check --config main.conf --use-cases u.conf --format json";
        let finished = program::run(scratch.path(), &line.split(' ').collect::<Vec<_>>());
        let report: Value = serde_json::from_str(&finished.stdout).expect("JSON");
        let text = |problem: &Value| {
            let [severity, key, message, help] = ["severity", "key", "message", "help"].map(|name| &problem[name]);
            format!("{} {severity} {key} {message} {help}", problem["line"]).replace('"', "")
        };
        let problems: Vec<String> = report["problems"].as_array().expect("a list").iter().map(text).collect();
        (finished.code, problems)
    };
    let requires = |name: &str, required: &str| with(name, &format!("requires={required}"));
    let (code, problems) = check(&requires("terms_rare_port", "terms_rare_nam"));
    let expected = "9 error requires no use case is called `terms_rare_nam` did you mean `terms_rare_name`?";
    assert_eq!((code, &problems[..]), (78, &[expected.to_owned()][..]));
    let both = requires("terms_rare_port", "terms_rare_name")
        .replace("[terms_rare_name]\n", "[terms_rare_name]\nrequires=terms_rare_port\n");
    let (code, problems) = check(&both);
    assert_eq!((code, problems.len()), (78, 2), "{problems:?}");
    let circle = "9 error requires the use case requires itself: terms_rare_port requires terms_rare_name requires \
                  terms_rare_port remove one of these requirements";
    assert_eq!(problems[0], circle);
    let (code, problems) = check(&requires("terms_rare_port", "terms_rare_port"));
    assert_eq!((code, problems.len()), (78, 1), "{problems:?}");
    let two_fields = requires("terms_rare_port", "terms_rare_name")
        .replace("target=name\naggregator=host", "target=name\naggregator=host,user");
    let (code, problems) = check(&two_fields);
    let expected = "9 warning requires texts of aggregators are compared: this one has 1 field, that of \
                    `terms_rare_name` has 2 fields give both the same aggregator";
    assert_eq!((code, &problems[..]), (0, &[expected.to_owned()][..]));
    let (_, problems) = check(&requires("simplequery_shell", "terms_rare_port"));
    assert!(problems[0].contains("this one has 0 fields"), "{problems:?}");
    let (code, problems) = check(&requires("terms_rare_port", "a,,b"));
    assert_eq!(code, 78);
    assert!(problems[0].contains("an empty name"), "{problems:?}");
    for (line, expected) in [
        ("max_outliers=0", "not a whole number from 1 on: `0`"),
        ("min_score=101", "not a number from 0 to 100: `101`"),
        ("min_score=nan", "not a number from 0 to 100: `nan`"),
    ] {
        let (code, problems) = check(&with("terms_rare_port", line));
        assert_eq!(code, 78);
        assert!(problems[0].contains(expected), "{problems:?}");
    }
}

/// Texts that identify a finding, for each model.
#[test]
fn models_declare_what_one_finding_is() {
    const TEXTS: &str = "outlier_type=x\noutlier_reason=x\noutlier_summary=found\nrun_model=1\n";
    const TRIGGER: &str = "aggregator=host\ntrigger_on=high\ntrigger_method=float\n";
    let sections = [
        ("metrics_m", "target=name\nmetric=length\ntrigger_sensitivity=5\n"),
        ("terms_within", "target=name\ntarget_count_method=within_aggregator\ntrigger_sensitivity=2\n"),
        ("terms_across", "target=name\ntarget_count_method=across_aggregators\ntrigger_sensitivity=1\n"),
    ];
    let mut use_cases: String =
        sections.iter().map(|(name, keys)| format!("[{name}]\nes_query_filter=*\n{TRIGGER}{keys}{TEXTS}")).collect();
    use_cases.push_str(&format!(
        "[terms_variation]\nes_query_filter=*\naggregator=host\ntarget=name\ntarget_count_method=within_aggregator\n\
         trigger_on=low\ntrigger_method=coeff_of_variation\ntrigger_sensitivity=9\nmin_target_buckets=2\n{TEXTS}\
         [simplequery_s]\nes_query_filter=name:longer*\n{TEXTS}\
         [sudden_appearance_n]\nes_query_filter=*\naggregator=host\ntarget=name\nsliding_window_size=02:00:00\n\
         sliding_window_step_size=00:10:00\n{TEXTS}\
         [word2vec_w]\nes_query_filter=*\naggregator=host\ntarget=name\nuse_prob_model=1\nsize_window=1\n\
         min_uniq_word_occurrence=1\nseparators=\" \"\ntrigger_focus=text\ntrigger_score=mean\ntrigger_on=low\n\
         trigger_method=float\ntrigger_sensitivity=2\ndrop_duplicates=0\noutput_prob=1\n{TEXTS}"
    ));
    let event = |(minute, name): (usize, &str)| {
        format!("{{\"@timestamp\":\"2024-05-01T10:{minute:02}:00Z\",\"host\":\"h\",\"name\":\"{name}\"}}\n")
    };
    let names = ["a b", "a b", "a b", "longer c", "longer c", "longer d"];
    let scratch = folder(&use_cases, "", &names.into_iter().enumerate().map(event).collect::<String>());
    run(scratch.path(), "--findings f.ndjson").expect_code(0);
    let mut findings = shown(&lines(scratch.path(), "f.ndjson"));
    findings.sort_unstable();
    assert_eq!(
        findings,
        [
            "metrics_m h longer c 2",
            "metrics_m h longer d 1",
            "simplequery_s null found 3",
            "sudden_appearance_n h a b 1",
            "sudden_appearance_n h longer c 1",
            "sudden_appearance_n h longer d 1",
            "terms_across h null 6",
            "terms_variation h null 6",
            "terms_within h a b 3",
            "word2vec_w h a b 3",
            "word2vec_w h longer c 2",
            "word2vec_w h longer d 1",
        ]
    );
}

/// More outliers than memory holds, in two orders.
#[test]
fn findings_do_not_depend_on_the_order_of_events() {
    let padding = "x".repeat(300);
    let event = |n: usize| {
        format!(
            "{{\"_index\":\"i\",\"_id\":\"{n}\",\"_source\":{{\"@timestamp\":{},\"host\":\"h{}\",\"name\":\"{padding}{}sh\",\
             \"user\":\"u{}\"}}}}\n",
            1_700_000_000_000_i64 + (n * 7919 % 20_000) as i64,
            n % 50,
            n % 700,
            n % 90
        )
    };
    let main = format!("[general]\nmax_documents_per_finding=3\noutlier_budget=19000\n{MAIN}");
    let result = |events: String| {
        let scratch = folder(USE_CASES, &main, &events);
        run(scratch.path(), "-o o.ndjson --findings f.ndjson --report r.json").expect_code(0);
        let read = |name: &str| fs::read_to_string(scratch.path().join(name)).expect("written");
        let report = json(scratch.path(), "r.json");
        (read("f.ndjson"), read("o.ndjson"), report["assets"].clone(), report["totals"].clone())
    };
    let expected = result((0..20_000).map(event).collect());
    assert_eq!(result((0..20_000).rev().map(event).collect()), expected);
    assert_eq!(expected.3["left_out"]["beyond_budget"], 1_000);
    let findings: Vec<Value> = expected.0.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mut n_by_use_case: BTreeMap<&str, usize> = BTreeMap::new();
    findings.iter().for_each(|f| *n_by_use_case.entry(f["use_case"].as_str().expect("text")).or_default() += 1);
    // names and users come together in 6,300 pairs, each three or four times
    assert_eq!(n_by_use_case, BTreeMap::from([("simplequery_shell", 6300)]));
    assert_eq!((expected.1.lines().count(), &expected.3["left_out"]["not_written"]), (18_900, &100.into()));
}
