//! Command line as a user sees it: exit codes, output on stdout and stderr, messages.

use std::fs;
use std::path::Path;

use crate::outliers;
use crate::program::{self, Finished, Report};

const USE_CASE: &str = "\
[simplequery_shell]
es_query_filter=process.name:powershell.exe
outlier_type=process
outlier_reason=shell
outlier_summary=shell run by {user.name}
run_model=1
";

const EVENTS: &str = r#"{"@timestamp":"2024-05-01T00:00:00Z","process":{"name":"powershell.exe"},"user":{"name":"ann"}}
{"@timestamp":"2024-05-01T00:00:01Z","process":{"name":"cmd.exe"},"user":{"name":"bob"}}
{"@timestamp":"2024-05-01T00:00:02Z","process":{"name":"powershell.exe"},"user":{"name":"cid"}}
"#;

/// Creates a folder with the given files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn usual() -> tempfile::TempDir {
    folder(&[("good.conf", USE_CASE), ("events.ndjson", EVENTS)])
}

/// Runs the program with arguments given as one line.
fn run(folder: &Path, line: &str) -> Finished {
    program::run(folder, &line.split_whitespace().collect::<Vec<_>>())
}

/// Command lines and their exit codes.
const EXIT_CODES: &[(&str, i32)] = &[
    ("--help", 0),
    ("--version", 0),
    ("run --help", 0),
    ("run --use-cases good.conf --events events.ndjson", 0),
    ("interactive --use-cases good.conf --events events.ndjson", 0),
    ("check --use-cases good.conf", 0),
    ("setup --flavour elasticsearch", 0),
    ("setup --print --flavour opensearch", 0),
    ("", 2),
    ("walk", 2),
    ("run --no-such-option", 2),
    ("setup --apply --print", 2),
    ("setup --apply --flavour opensearch", 2),
    ("wipe --events events.ndjson", 2),
    ("run --use-cases good.conf --events events.ndjson --threads none", 2),
    ("run --use-cases good.conf --use-cases bad.conf --events events.ndjson", 3),
    ("run --use-cases good.conf --events bad.ndjson", 3),
    ("run --use-cases good.conf --events no-such-file.ndjson", 74),
    ("run --use-cases good.conf --events events.ndjson -o no-such-folder/out.ndjson", 74),
    ("run --config cluster.conf --use-cases good.conf", 69),
    ("wipe --config cluster.conf --use-cases good.conf", 69),
    ("wipe --dry-run --config cluster.conf --use-cases good.conf", 69),
    ("setup --config cluster.conf", 69),
    ("setup --apply --config cluster.conf", 69),
    ("wipe --config half-a-login.conf --use-cases good.conf", 78),
    ("setup --config half-a-login.conf", 78),
    ("run --config half-a-login.conf --use-cases good.conf", 78),
    ("run --use-cases good.conf no-such.conf --events events.ndjson", 3),
    ("run --config bad-entry.conf --use-cases good.conf --events events.ndjson", 3),
    ("check --config bad-entry.conf --use-cases good.conf", 78),
    ("run --use-cases good.conf --events events.ndjson -o events.ndjson", 2),
    ("run --use-cases good.conf --events events.ndjson --report good.conf", 2),
    ("run --use-cases good.conf --events events.ndjson -o out.json --report ./out.json", 2),
    ("run --use-cases good.conf --events events.ndjson -o /dev/null --report /dev/null", 0),
    ("run --use-cases good.conf --events events.ndjson --from 2024-05-02 --to 2024-05-01", 2),
    ("run --use-cases good.conf --events events.ndjson --threads 100000", 2),
    ("run --use-cases good.conf --events events.ndjson --spill-dir good.conf", 74),
    ("run --use-cases good.conf --events events.ndjson --spill-dir no-such-folder", 74),
    ("run --use-cases good.conf --events empty.parquet", 74),
    ("check --config bad-derived.conf --use-cases good.conf", 78),
    ("check", 0),
    ("run --config no-such.conf --use-cases good.conf --events events.ndjson", 78),
    ("run --use-cases bad.conf --events events.ndjson", 78),
    ("check --use-cases good.conf --use-cases bad.conf", 78),
];

#[test]
fn exit_codes_match_the_outcome() {
    let bad_line = format!("{EVENTS}{{\"not\": json\n");
    let folder = folder(&[
        ("good.conf", USE_CASE),
        ("bad.conf", "[metrics_x]\nes_query_filter=*\nmetric=lenght\n"),
        ("events.ndjson", EVENTS),
        ("bad.ndjson", &bad_line),
        ("cluster.conf", "[general]\nes_url=http://127.0.0.1:1\nes_retry_deadline=0\n"),
        ("bad-entry.conf", "[whitelist_regexps]\nx=a(\n"),
        ("bad-derived.conf", "[derivedfields]\nmessage=%{NOPE:x}\n"),
        ("empty.parquet", ""),
        ("half-a-login.conf", "[general]\nes_url=http://127.0.0.1:1\nes_password=x\n"),
    ]);
    for &(line, code) in EXIT_CODES {
        let finished = run(folder.path(), line);
        assert_eq!(finished.code, code, "ee-outliers {line}\n{}\n{}", finished.stdout, finished.stderr);
        assert!(code == 0 || !finished.stderr.trim().is_empty(), "ee-outliers {line}: failed without a word");
    }
}

#[test]
fn help_goes_to_stdout_and_usage_errors_to_stderr() {
    let folder = usual();
    let help = run(folder.path(), "run --help").expect_code(0);
    for option in ["--config", "--use-cases", "--events", "--now", "--report", "--memory-limit", "--threads"] {
        assert!(help.stdout.contains(option), "no {option} in\n{}", help.stdout);
    }
    let wrong = run(folder.path(), "run --no-such-option").expect_code(2);
    assert_eq!(wrong.stdout, "");
    assert!(wrong.stderr.contains("--no-such-option"));
}

#[test]
fn setup_prints_a_component_template_for_each_flavour() {
    let folder = folder(&[]);
    for (flavour, object) in [("elasticsearch", "flattened"), ("opensearch", "flat_object"), ("other", "object")] {
        let finished = run(folder.path(), &format!("setup --flavour {flavour}")).expect_code(0);
        let template: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
        let outliers = &template["template"]["mappings"]["properties"]["outliers"]["properties"];
        assert_eq!(
            (&outliers["summary"]["type"], &outliers["matched_fields"]["type"]),
            (&"keyword".into(), &object.into())
        );
    }
}

#[test]
fn outliers_are_written_and_stdout_stays_empty() {
    let folder = usual();
    let line = "run --use-cases good.conf --events events.ndjson -o out.ndjson --report report.json";
    let finished = run(folder.path(), line).expect_code(0);
    assert_eq!(finished.stdout, "");

    let written = outliers::read(&folder.path().join("out.ndjson")).expect("well-formed output");
    let ids: Vec<&str> = written.keys().map(|(_, id)| id.as_str()).collect();
    assert_eq!(ids, ["000000000000", "000000000002"]);
    let numbers = Report::read(&folder.path().join("report.json")).numbers("simplequery_shell");
    assert_eq!((numbers.documents, numbers.outliers, numbers.whitelisted), (2, 2, 0));

    let mut left: Vec<String> = fs::read_dir(folder.path())
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("ASCII"))
        .collect();
    left.sort();
    assert_eq!(left, ["events.ndjson", "good.conf", "out.ndjson", "report.json"], "temporary files are left behind");
}

#[test]
fn without_an_output_file_a_table_goes_to_stdout() {
    let folder = usual();
    let finished = run(folder.path(), "run --use-cases good.conf --events events.ndjson").expect_code(0);
    assert!(finished.stdout.contains("shell run by ann"), "{}", finished.stdout);
    assert!(finished.stdout.contains("shell run by cid"), "{}", finished.stdout);
    assert!(!finished.stdout.contains("shell run by bob"), "{}", finished.stdout);
    assert!(finished.stderr.contains("simplequery"), "no summary on stderr:\n{}", finished.stderr);
}

#[test]
fn events_come_from_standard_input() {
    let folder = usual();
    let args = ["run", "--use-cases", "good.conf", "--events", "-"];
    let finished = program::run_with_input(folder.path(), &args, EVENTS).expect_code(0);
    assert!(finished.stdout.contains("shell run by cid"), "{}", finished.stdout);
}

#[test]
fn use_cases_are_selected_by_name() {
    let second = USE_CASE.replace("shell]", "other]");
    let folder = folder(&[("a.conf", USE_CASE), ("b.conf", &second), ("events.ndjson", EVENTS)]);
    let line = "run --use-cases *.conf --only *other* --events events.ndjson -o out.ndjson --report report.json";
    run(folder.path(), line).expect_code(0);
    let written = outliers::read(&folder.path().join("out.ndjson")).expect("well-formed output");
    assert!(written.values().all(|stored| stored["model_name"] == serde_json::json!(["other"])));
    assert_eq!(written.len(), 2);
}

#[test]
fn check_lists_every_problem_of_every_file() {
    let first = "[metrics_x]\nes_query_filter=*\ntarget=a\naggregator=b\nmetric=lenght\ntrigger_on=up\ntrigger_method=stdev\n\
                 trigger_sensitivity=many\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\n";
    let second = "[simplequery_y]\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\n";
    let third =
        "[simplequery_z]\nes_query_filter=a:(b\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\n";
    let folder = folder(&[("first.conf", first), ("second.conf", second), ("third.conf", third)]);
    let finished = run(folder.path(), "check --use-cases first.conf --use-cases second.conf --use-cases third.conf")
        .expect_code(78);
    let text = format!("{}{}", finished.stdout, finished.stderr);
    for place in ["first.conf:5:", "first.conf:6:", "first.conf:8:", "second.conf:1:", "third.conf:2:"] {
        assert!(text.contains(place), "no problem at {place} in\n{text}");
    }
    for word in ["metric", "trigger_on", "trigger_sensitivity", "es_query_filter"] {
        assert!(text.contains(word), "no word of {word} in\n{text}");
    }
}

#[test]
fn a_bad_use_case_does_not_stop_the_others() {
    let folder = folder(&[
        ("good.conf", USE_CASE),
        ("bad.conf", "[simplequery_bad]\noutlier_type=t\n"),
        ("broken.conf", "no section here\n"),
        ("events.ndjson", EVENTS),
    ]);
    let line = "run --use-cases *.conf --events events.ndjson -o out.ndjson --report report.json";
    let finished = run(folder.path(), line).expect_code(3);
    assert_eq!(outliers::read(&folder.path().join("out.ndjson")).expect("well-formed").len(), 2);
    for file in ["bad.conf", "broken.conf"] {
        assert!(finished.stderr.contains(file), "no word of {file} in\n{}", finished.stderr);
    }
}

#[test]
fn a_bad_line_is_skipped_counted_and_reported() {
    let events = format!("{{\"broken\": \n{EVENTS}[1,2]\n");
    let folder = folder(&[("good.conf", USE_CASE), ("events.ndjson", &events)]);
    let line = "run --use-cases good.conf --events events.ndjson -o out.ndjson --report report.json";
    run(folder.path(), line).expect_code(3);
    let written = outliers::read(&folder.path().join("out.ndjson")).expect("well-formed output");
    let ids: Vec<&str> = written.keys().map(|(_, id)| id.as_str()).collect();
    assert_eq!(ids, ["000000000001", "000000000003"], "ids are line numbers, skipped lines counted");
    let report = Report::read(&folder.path().join("report.json"));
    assert!(report.json().to_string().contains("skipped"), "{}", report.json());
}

#[test]
fn an_event_with_too_many_combinations_is_skipped_and_named() {
    let values: Vec<String> = (0..5000).map(|value| value.to_string()).collect();
    let many = serde_json::json!({"process": {"name": "powershell.exe"}, "user": {"name": values}});
    let terms = "[terms_x]\nes_query_filter=*\ntarget=user.name\naggregator=process.name\ntarget_count_method=within_aggregator\n\
        trigger_on=low\ntrigger_method=float\ntrigger_sensitivity=2\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\n";
    let folder = folder(&[("terms.conf", terms), ("events.ndjson", &format!("{EVENTS}{many}\n"))]);
    let line = "run --use-cases terms.conf --events events.ndjson -o out.ndjson --report report.json";
    run(folder.path(), line).expect_code(3);
    let report = Report::read(&folder.path().join("report.json"));
    let missing = "terms_x: 1 event skipped: too many combinations of values";
    assert_eq!(report.json()["missing"], serde_json::json!([missing]));
    let skipped = &report.json()["use_cases"][0]["skipped_events"];
    assert_eq!(skipped["too many combinations of values"], 1, "{skipped}");
}

#[test]
fn the_log_follows_the_configuration() {
    let main = "[general]\nlog_level=INFO\nlog_file=run.log\nprint_outliers_to_console=1\n";
    let line = "run --config main.conf --use-cases good.conf --events events.ndjson -o out.ndjson";
    let folder = folder(&[("good.conf", USE_CASE), ("events.ndjson", EVENTS), ("main.conf", main)]);
    let finished = run(folder.path(), line).expect_code(0);
    let log = || fs::read_to_string(folder.path().join("run.log")).expect("the log is written");
    for text in [&finished.stderr, &log()] {
        for expected in ["outlier - shell run by ann", "outlier - shell run by cid", "reading events"] {
            assert!(text.contains(expected), "no `{expected}` in {text}");
        }
    }
    let quiet = run(folder.path(), &format!("{line} -q")).expect_code(0);
    assert_eq!(quiet.stderr, "", "errors only");
    assert_eq!(log().matches("reading events").count(), 2, "the file is appended to, whatever the terminal shows");

    fs::write(folder.path().join("main.conf"), "[general]\nlog_file=no-such-folder/run.log\n").expect("written");
    let unwritable = run(folder.path(), line).expect_code(0);
    assert!(unwritable.stderr.contains("change log_file"), "{}", unwritable.stderr);
    assert!(!unwritable.stderr.contains("reading events"), "only warnings unless asked: {}", unwritable.stderr);
}

/// Events whose statistics do not fit into a few MiB.
fn many_events() -> String {
    let event = |n: usize| {
        let (host, process) = (n % 20_000, n % 50_000);
        format!("{{\"host\":{{\"name\":\"h{host}\"}},\"process\":{{\"name\":\"p{process}.exe\"}}}}\n")
    };
    (0..100_000).map(event).collect()
}

const RARE: &str = "\
[terms_rare]
es_query_filter=*
aggregator=host.name
target=process.name
target_count_method=within_aggregator
trigger_on=low
trigger_method=float
trigger_sensitivity=10
outlier_type=rare
outlier_reason=rare
outlier_summary={term}
run_model=1
";

#[test]
fn a_memory_limit_that_is_too_small_is_reported_with_the_required_size() {
    let folder = folder(&[("rare.conf", RARE), ("events.ndjson", &many_events())]);
    let line = "run --use-cases rare.conf --events events.ndjson -o out.ndjson --report report.json --memory-limit";
    let finished = run(folder.path(), &format!("{line} 6MiB")).expect_code(3);
    assert!(!finished.stderr.contains("Resources exhausted"), "{}", finished.stderr);
    let report = Report::read(&folder.path().join("report.json"));
    let missing = report.json()["missing"][0].as_str().expect("a line").to_owned();
    assert!(missing.starts_with("terms_rare: it needs at least "), "{missing}");
    assert!(missing.contains("the memory limit is 6 MiB: raise --memory-limit"), "{missing}");
    run(folder.path(), &format!("{line} 64MiB")).expect_code(0);
}

#[test]
fn a_full_disk_for_temporary_files_is_named_once() {
    let folder = folder(&[("rare.conf", RARE), ("events.ndjson", &many_events())]);
    let more = RARE.replace("terms_rare", "terms_too");
    fs::write(folder.path().join("more.conf"), more).expect("written");
    let spill = folder.path().join("spill");
    fs::create_dir(&spill).expect("created");
    let spill = spill.to_str().expect("UTF-8");
    let line = format!(
        "run -q --use-cases rare.conf more.conf --events events.ndjson -o /dev/null --memory-limit 16MiB --spill-dir {spill}"
    );
    let args: Vec<&str> = line.split_whitespace().collect();
    // files may not grow beyond 50 KiB
    let finished = program::run_after(folder.path(), "trap '' XFSZ; ulimit -f 100", &args).expect_code(74);
    assert_eq!(finished.stderr.matches(spill).count(), 1, "{}", finished.stderr);
    assert!(finished.stderr.contains("--spill-dir"), "{}", finished.stderr);
}

#[test]
fn files_of_a_killed_run_are_removed_by_the_next() {
    let folder = usual();
    let temporary = || {
        let entries = fs::read_dir(folder.path()).expect("readable");
        let names = entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned());
        names.filter(|name| name.contains("ee-outliers-")).collect::<Vec<_>>()
    };
    let args = ["run", "--use-cases", "good.conf", "--events", "-", "-o", "out.ndjson"];
    let mut child = program::start(folder.path(), &args);
    while temporary().is_empty() {
        assert!(child.try_wait().expect("it can be asked").is_none(), "it ended before it was killed");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    program::signal(&child, "KILL");
    program::finish(child);
    assert_eq!(temporary().len(), 1);
    run(folder.path(), "run --use-cases good.conf --events events.ndjson -o out.ndjson").expect_code(0);
    assert_eq!(temporary(), Vec::<String>::new());
    assert!(folder.path().join("out.ndjson").exists());
}

#[test]
fn a_password_on_a_line_that_cannot_be_parsed_is_never_shown() {
    const SECRET: &str = "hunter2-of-the-analyst";
    for line in [
        format!("[general]\nes_password {SECRET}\n"),
        format!("[general]\nes_password\t{SECRET} and more\n"),
        format!("[general]\nes_password=\n{SECRET}\n"),
        format!("[general\nes_password={SECRET}\n"),
        format!("es_password {SECRET}\n"),
        format!("es_password={SECRET}\n[general]\n"),
        format!("[general]\n=es_password {SECRET}\n"),
    ] {
        let folder = folder(&[("good.conf", USE_CASE), ("secret.conf", &line)]);
        for command in [
            "run -vv --config secret.conf --use-cases good.conf --report report.json",
            "check --config secret.conf --use-cases good.conf",
            "setup --config secret.conf",
            "wipe --config secret.conf --use-cases good.conf",
        ] {
            let finished = run(folder.path(), command).expect_code(78);
            let report = fs::read_to_string(folder.path().join("report.json")).unwrap_or_default();
            for text in [&finished.stdout, &finished.stderr, &report] {
                assert!(!text.contains(SECRET), "{command}: {line:?}: {text}");
            }
            assert!(finished.stderr.contains("secret.conf:"), "{}", finished.stderr);
        }
    }
}

#[test]
fn texts_on_which_a_grok_pattern_took_too_long_are_reported() {
    let hostile = "a".repeat(500);
    let event = format!("{{\"message\":\"{hostile}\",\"user\":\"ann\"}}\n");
    let use_case = "\
[terms_rare]
es_query_filter=*
aggregator=user
target=x
target_count_method=within_aggregator
trigger_on=low
trigger_method=float
trigger_sensitivity=10
outlier_type=rare
outlier_reason=rare
outlier_summary={term}
run_model=1
use_derived_fields=1
";
    let folder = folder(&[
        ("rare.conf", use_case),
        ("main.conf", "[derivedfields]\nmessage=(?<x>(?:(a+)+\\2)+b)\n"),
        ("events.ndjson", &(event.clone() + &event)),
    ]);
    let line = "run --config main.conf --use-cases rare.conf --events events.ndjson --report report.json";
    let stderr = run(folder.path(), line).expect_code(3).stderr;
    assert!(stderr.contains("no pattern derives the target `x` from any of them"), "{stderr}");
    let report = Report::read(&folder.path().join("report.json"));
    let given_up = &report.json()["use_cases"][0]["grok_given_up"][0];
    assert_eq!((&given_up["field"], &given_up["texts"]), (&"message".into(), &1.into()), "{}", report.json());
}

#[test]
fn text_from_events_cannot_drive_the_terminal() {
    let hostile =
        r#"{"process":{"name":"powershell.exe"},"user":{"name":"\u001b[31mred\u0007\u009b2J\r\nforged line\u202e"}}"#;
    let folder = folder(&[("good.conf", USE_CASE), ("events.ndjson", &format!("{hostile}\n"))]);
    for line in
        ["run --use-cases good.conf --events events.ndjson", "run -v --use-cases good.conf --events events.ndjson"]
    {
        let finished = run(folder.path(), line).expect_code(0);
        for (stream, text) in [("stdout", &finished.stdout), ("stderr", &finished.stderr)] {
            let control =
                text.chars().find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
            assert_eq!(control, None, "{stream} of {line} carries a control character:\n{}", text.escape_debug());
            assert!(!text.lines().any(|line| line.starts_with("forged line")), "{stream} of {line} has a forged line");
        }
        assert!(finished.stdout.contains("red"), "{}", finished.stdout);
    }
}
