//! Use cases that cannot use the events say so: a run never calls that "complete, no outliers".

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{self, Finished};

const EVENTS: &str = r#"{"@timestamp":"2024-05-01T00:00:00Z","EventID":4688,"host":{"name":"a"},"process":{"name":"cmd.exe","args":"x"},"when":"13/11/2024 10:00"}
{"@timestamp":"2024-05-01T00:00:10Z","EventID":4688,"host":{"name":"b"},"process":{"name":"cmd.exe"},"when":"13/11/2024 10:00"}
{"@timestamp":"2024-05-01T00:00:20Z","EventID":4624,"host":{"name":"a"},"user":{"name":"bob"}}
"#;

/// Use case with these keys besides those that every use case has.
fn use_case(section: &str, keys: &str) -> String {
    let keys = keys.replace("; ", "\n");
    format!("[{section}]\n{keys}\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\nrun_model=1\n\n")
}

fn terms(name: &str, query: &str, aggregator: &str, target: &str) -> String {
    let keys = format!(
        "es_query_filter={query}; aggregator={aggregator}; target={target}; target_count_method=within_aggregator; \
         trigger_on=low; trigger_method=pct_of_max_value; trigger_sensitivity=5"
    );
    use_case(&format!("terms_{name}"), &keys)
}

fn run(folder: &Path, use_cases: &str, events: &str, line: &str) -> Finished {
    fs::write(folder.join("use_cases.conf"), use_cases).expect("written");
    fs::write(folder.join("events.ndjson"), events).expect("written");
    let line = format!("run --use-cases use_cases.conf --events events.ndjson --report report.json {line}");
    program::run(folder, &line.split_whitespace().collect::<Vec<_>>())
}

fn report(folder: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join("report.json")).expect("a report")).expect("JSON")
}

/// Runs one use case over [`EVENTS`] and compares its status, its notes and the exit code.
fn check(use_case: &str, line: &str, expected: (&str, i32), notes: &[&str]) {
    check_with(&[], EVENTS, use_case, line, expected, notes);
}

/// Same as [`check`], over other events, and with more files.
fn check_with(
    files: &[(&str, &str)],
    events: &str,
    use_case: &str,
    line: &str,
    (status, code): (&str, i32),
    notes: &[&str],
) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).expect("written"));
    let finished = run(folder.path(), use_case, events, line).expect_code(code);
    let report = report(folder.path());
    let found = &report["use_cases"][0];
    assert_eq!(found["status"], status, "{report:#}");
    let found: Vec<&str> =
        found["notes"].as_array().into_iter().flatten().map(|note| note.as_str().expect("text")).collect();
    assert_eq!(found, notes, "{use_case}");
    for note in notes {
        assert!(finished.stderr.contains(note), "{}", finished.stderr);
    }
}

#[test]
fn targets_and_aggregators_that_no_event_has() {
    let none = "none of the 2 events that match can be judged";
    for (aggregator, target, note) in [
        (
            "host.name",
            "process.nmae",
            "the target `process.nmae` has no usable value in any event; did you mean `process.name`?",
        ),
        (
            "hostname",
            "process.name",
            "the aggregator `hostname` has no usable value in any event; did you mean `host.name`?",
        ),
        (
            "host.name",
            "user.name",
            "the target `user.name` has usable values in other events only; correct the query or the target",
        ),
        (
            "host.name",
            "dest",
            "the target `dest` has no usable value in any event; there are `@timestamp`, `EventID`, `host.name`, \
             `process.name`, `when`, for example",
        ),
    ] {
        let note = format!("{none}: {note}");
        check(&terms("x", "EventID:4688", aggregator, target), "", ("unusable", 3), &[&note]);
    }
    let keys = "es_query_filter=EventID:4688; aggregator=host.name; target=process.args; metric=numerical_value; \
                trigger_on=high; trigger_method=float; trigger_sensitivity=1";
    let note = format!("{none}: `process.args`, such as `x`, has no numerical_value: name another target or metric");
    check(&use_case("metrics_x", keys), "", ("unusable", 3), &[&note]);
}

#[test]
fn one_usable_event_is_enough() {
    check(&terms("x", "*", "host.name", "user.name"), "", ("complete", 0), &[]);
    let missing = terms("x", "EventID:4688", "host.name", "process.args");
    check(&missing, "", ("complete", 0), &[]);
}

#[test]
fn fields_of_queries_that_occur_nowhere() {
    let simple = |query: &str| use_case("simplequery_x", &format!("es_query_filter={query}"));
    let excluded = "the query excludes values of `nowhere`, which occurs in no event: it excludes nothing";
    check(&simple("NOT nowhere:x"), "", ("unusable", 3), &[excluded]);
    check(&simple("EventID:4688 -nowhere:x"), "", ("unusable", 3), &[excluded]);
    check(
        &simple("EventID:1 AND NOT nowhere:x"),
        "",
        ("no_events", 0),
        &["the query names `nowhere`, which occurs in no event"],
    );
    let named = "the query names `event_id` (did you mean `EventID`?), which occurs in no event";
    check(&simple("event_id:4688"), "", ("no_events", 0), &[named]);
    check(&simple("event_id:4688 OR EventID:4688"), "", ("complete", 0), &[named]);
    check(&simple("NOT EventID:4688"), "", ("complete", 0), &[]);
    check(&simple("EventID:9"), "", ("no_events", 0), &[]);
}

#[test]
fn optional_clauses_on_fields_that_occur_nowhere() {
    let named = "the query names `nowhere`, which occurs in no event";
    let lucene = |query: &str| use_case("simplequery_x", &format!("es_query_filter={query}"));
    let dsl = |query: &str| use_case("simplequery_x", &format!("es_dsl_filter={query}"));
    for use_case in [
        lucene("+EventID:4688 nowhere:1"),
        lucene("+EventID:4688 (NOT nowhere:1)"),
        lucene("+EventID:4688 AND NOT (+EventID:4624 nowhere:1)"),
        dsl(r#"{"query":{"bool":{"must":{"term":{"EventID":4688}},"should":[{"term":{"nowhere":1}}]}}}"#),
        dsl(
            r#"{"query":{"bool":{"filter":[{"match_all":{}}],"should":[{"match":{"nowhere":"x"}}],"minimum_should_match":"0%"}}}"#,
        ),
    ] {
        check(&use_case, "", ("complete", 0), &[named]);
    }
    check(&lucene("+EventID:4688 host.name:zz"), "", ("complete", 0), &[]);
}

const MAPPED_EVENT: &str =
    r#"{"@timestamp":"2024-05-01T10:00:00Z","msg":"Hello You","user":{"name":"Al","domain":"D"}}"#;

/// Runs one query, of Lucene's language or the query DSL, over [`MAPPED_EVENT`] with a mapping.
fn check_mapped(mapping: &str, query: &str, expected: (&str, i32), notes: &[&str]) {
    let key = if query.starts_with('{') { "es_dsl_filter" } else { "es_query_filter" };
    let use_case = use_case("simplequery_x", &format!("{key}={query}"));
    check_with(&[("mapping.json", mapping)], MAPPED_EVENT, &use_case, "--mapping mapping.json", expected, notes);
}

#[test]
fn mapped_fields_for_which_a_query_stands() {
    let mapping = r#"{"properties":{"@timestamp":{"type":"date"},
        "msg":{"type":"text","fields":{"keyword":{"type":"keyword"}},"copy_to":"all"},"all":{"type":"text"},
        "gone":{"type":"text","copy_to":"none"},"none":{"type":"text"},"user":{"properties":{
        "name":{"type":"keyword"},"domain":{"type":"keyword"},"email":{"type":"keyword"}}}}}"#;
    for query in [
        "hello",
        "user.\\*:Al",
        "\\*:Al",
        "NOT *.exe",
        "hello AND NOT goodbye",
        "msg:hello AND NOT user.\\*:zz",
        "all:hello",
        "NOT all:zz",
        r#"{"query":{"bool":{"must_not":[{"multi_match":{"query":"zz","fields":["user.*","msg"]}}]}}}"#,
        r#"{"query":{"bool":{"must_not":[{"multi_match":{"query":"zz"}}]}}}"#,
        r#"{"query":{"bool":{"must_not":[{"query_string":{"query":"zz"}}]}}}"#,
    ] {
        check_mapped(mapping, query, ("complete", 0), &[]);
    }
    check_mapped(mapping, "user.\\*:zz", ("no_events", 0), &[]);
    let named = |name: &str| format!("the query names `{name}`, which occurs in no event");
    check_mapped(mapping, "hello OR usre.\\*:Al", ("complete", 0), &[&named("usre.*")]);
    check_mapped(mapping, "hello OR user.e\\*:Al", ("complete", 0), &[&named("user.e*")]);
    check_mapped(mapping, "hello OR none:hello", ("complete", 0), &[&named("none")]);
    let excluded = "the query excludes values of `user.e*`, which occurs in no event: it excludes nothing";
    check_mapped(mapping, "NOT user.e\\*:Al", ("unusable", 3), &[excluded]);
    let meant = "the query names `msg.raw` (did you mean `msg.keyword` or `msg`?), which occurs in no event";
    check_mapped(mapping, "hello OR msg.raw:x", ("complete", 0), &[meant]);
}

#[test]
fn fields_of_dynamic_templates_for_which_a_pattern_stands() {
    let template = r#""dynamic_templates":[{"s":{"match_mapping_type":"string","mapping":
        {"type":"text","fields":{"keyword":{"type":"keyword"}}}}}]"#;
    let explicit = r#""gone":{"type":"text","fields":{"keyword":{"type":"keyword"}}}"#;
    let mapped = format!(r#"{{{template},"properties":{{"@timestamp":{{"type":"date"}},{explicit}}}}}"#);
    for query in ["\\*.keyword:\"Hello You\"", "NOT \\*.keyword:x", "user.\\*:al", "NOT user.\\*:zz"] {
        check_mapped(&mapped, query, ("complete", 0), &[]);
    }
    let named = "the query names `gone.*`, which occurs in no event";
    check_mapped(&mapped, "hello OR gone.\\*:x", ("complete", 0), &[named]);
}

#[test]
fn named_values_have_forms_too() {
    let files = [("main.conf", "[namedvalues]\nrole=props[Name=Role].Value\n[assets]\nrole.raw=role\n")];
    let event = |role: &str| {
        format!(r#"{{"@timestamp":"2024-05-01T10:00:00Z","h":"a","props":[{{"Name":"Role","Value":"{role}"}}]}}"#)
    };
    let events: Vec<String> = ["Reader"; 9].into_iter().chain(["ADMIN"]).map(event).collect();
    let whitelist = "[whitelist_literals]\nreaders=Role.Caseless:reader\n";
    for (target, found) in [("role.keyword", "ADMIN"), ("ROLE.caseless", "admin"), ("role.raw", "ADMIN")] {
        let folder = tempfile::tempdir().expect("a scratch folder");
        files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).expect("written"));
        let float =
            |use_case: String| use_case.replace("pct_of_max_value", "float").replace("sensitivity=5", "sensitivity=2");
        let summary = format!("outlier_summary={{{target}}}");
        let use_case = float(terms("x", "*", "h", target)).replace("outlier_summary=s", &summary)
            + &float(terms("y", "*", target, "h"))
            + whitelist;
        let line = "--config main.conf -o out.ndjson";
        run(folder.path(), &use_case, &events.join("\n"), line).expect_code(0);
        let outliers = fs::read_to_string(folder.path().join("out.ndjson")).expect("outliers");
        let documents: Vec<&str> = outliers.lines().collect();
        assert_eq!(documents.len(), 1, "the readers are accepted: {outliers}");
        for part in [r#""total_outliers":2"#, &format!(r#""summary":["{found}","s"]"#), "role: ADMIN"] {
            assert!(outliers.contains(part), "{part} is not in {outliers}");
        }
    }
    let query = |query: &str| use_case("simplequery_x", &format!("es_query_filter={query}"));
    let note = |name: &str| {
        format!(
            "the query names `{name}` (a named value: queries look at fields of events only), which occurs in no event"
        )
    };
    for name in ["role", "ROLE.keyword"] {
        let use_case = query(&format!("{name}:adm"));
        check_with(&files, &event("x"), &use_case, "--config main.conf", ("no_events", 0), &[&note(name)]);
        let folder = tempfile::tempdir().expect("a scratch folder");
        files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).expect("written"));
        fs::write(folder.path().join("use_cases.conf"), use_case).expect("written");
        let stderr = program::run(folder.path(), &["check", "--config", "main.conf", "--use-cases", "use_cases.conf"])
            .expect_code(0)
            .stderr;
        assert!(stderr.contains("queries look at fields of the event only"), "{stderr}");
    }
}

fn sudden(field: &str, query: &str) -> String {
    let keys = format!(
        "es_query_filter={query}; aggregator=host.name; target=process.name; timestamp_field={field}; \
         sliding_window_size=1:0:0; sliding_window_step_size=0:2:0"
    );
    use_case("sudden_appearance_x", &keys)
}

/// An event of each value of its time; without the time if there is none.
fn events_at(times: &[&str]) -> String {
    let time = |time: &str| if time.is_empty() { String::new() } else { format!(r#""@timestamp":{time},"#) };
    let event = |value: &&str| {
        format!(r#"{{{}"host":{{"name":"a"}},"process":{{"name":"b"}},"seen":"2024-05-01 10:00:00"}}"#, time(value))
    };
    times.iter().map(event).collect::<Vec<_>>().join("\n")
}

#[test]
fn messages_show_what_is_wrong_with_times() {
    let (good, bad, none) = (r#""2024-05-01T10:00:00Z""#, r#""19.06.2024""#, "");
    let read = |start: &str| format!("{start} a time in `@timestamp` that can be read");
    let format = "; `19.06.2024` cannot: give its form with timestamp_format";
    let field = ": set timestamp_field; did you mean `seen`?";
    for (times, note) in [
        (vec![good, good, good, bad, bad, bad, bad], read("only 3 of the 7 events that match have") + format),
        (vec![good, bad, bad], read("only 1 of the 3 events that match has") + format),
        (vec![bad, bad], read("none of the 2 events that match has") + format),
        (
            vec![good, good, bad, bad, none],
            read("only 2 of the 5 events that match have") + "; 1 of them has no value there" + format,
        ),
        (
            vec![good, none, none, none],
            read("only 1 of the 4 events that match has") + "; 3 of them have no value there" + field,
        ),
        (
            vec![bad, none, none],
            read("none of the 3 events that match has") + "; 2 of them have no value there" + field + format,
        ),
    ] {
        check_with(&[], &events_at(&times), &sudden("@timestamp", "*"), "", ("unusable", 3), &[&note]);
        // of the events that a window leaves out, values are shown, and not counted
        let windowed = terms("x", "*", "host.name", "process.name");
        let start = note.split([';', ':']).next().expect("a start");
        let first = start.to_owned() + if times.contains(&bad) { format } else { field };
        check_with(&[], &events_at(&times), &windowed, "--now 2024-05-02T00:00:00Z", ("unusable", 3), &[&first]);
    }
    let given = sudden("@timestamp", "*") + "timestamp_format=yyyy/MM/dd\n";
    let note = read("none of the 2 events that match has") + "; `19.06.2024` cannot: correct timestamp_format";
    check_with(&[], &events_at(&[bad, bad]), &given, "", ("unusable", 3), &[&note]);
    check_with(&[], &events_at(&[good, good, bad]), &sudden("@timestamp", "*"), "", ("complete", 3), &[]);
}

#[test]
fn events_that_have_not_happened_yet() {
    let (good, late, none) = (r#""2024-05-01T10:00:00Z""#, r#""2924-05-01T10:00:00Z""#, "");
    let cure = "later than a day from now: use --now or --to if their times are right";
    for (times, note) in [
        (vec![late], format!("the only event that matches is {cure}")),
        (vec![late, late, late], format!("all of the 3 events that match are {cure}")),
        (
            vec![late, late, none],
            "of the 3 events that match, 2 are later than a day from now, and none of the others has a time that \
             counts: use --now or --to if their times are right"
                .to_owned(),
        ),
    ] {
        check_with(&[], &events_at(&times), &sudden("@timestamp", "*"), "", ("unusable", 3), &[&note]);
        // without windows, times do not matter
        check_with(&[], &events_at(&times), &terms("x", "*", "host.name", "process.name"), "", ("complete", 0), &[]);
    }
    check_with(
        &[],
        &events_at(&[late, late]),
        &sudden("@timestamp", "*"),
        "--now 2924-05-02T00:00:00Z",
        ("complete", 0),
        &[],
    );
    let folder = tempfile::tempdir().expect("a scratch folder");
    let stderr = run(folder.path(), &sudden("@timestamp", "*"), &events_at(&[late, good]), "").expect_code(0).stderr;
    assert!(stderr.contains("1 event ignored: later than a day from now; use --now or --to"), "{stderr}");
}

#[test]
fn times_that_cannot_be_read() {
    let unread = "none of the 2 events that match has a time in `when` that can be read; `13/11/2024 10:00` cannot: \
                  give its form with timestamp_format";
    check(&sudden("when", "EventID:4688"), "", ("unusable", 3), &[unread]);
    let missing = "none of the 2 events that match has a time in `timestamp` that can be read: set timestamp_field; \
                   did you mean `@timestamp`?";
    check(&sudden("timestamp", "EventID:4688"), "", ("unusable", 3), &[missing]);
    // a window decides for every model
    let windowed = terms("x", "EventID:4688", "host.name", "process.name") + "timestamp_field=when\n";
    check(&windowed, "", ("complete", 0), &[]);
    check(&windowed, "--now 2024-05-02T00:00:00Z", ("unusable", 3), &[unread]);
    check(&windowed, "--from 2024-05-01T00:00:00Z", ("unusable", 3), &[unread]);
}

#[test]
fn single_times_that_cannot_be_read_make_a_run_partial() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let events = EVENTS.replacen("2024-05-01T00:00:00Z", "yesterday", 1);
    let use_case = terms("x", "*", "host.name", "EventID");
    run(folder.path(), &use_case, &events, "").expect_code(0);
    let stderr = run(folder.path(), &use_case, &events, "--to 2024-06-01T00:00:00Z").expect_code(3).stderr;
    assert!(stderr.contains("missing: terms_x: 1 event left out: no time could be read in `@timestamp`"), "{stderr}");
    assert_eq!(report(folder.path())["use_cases"][0]["status"], "complete");
}

#[test]
fn sites_decide_what_an_unusable_use_case_means() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let use_cases =
        terms("x", "EventID:4688", "host.name", "nowhere") + &use_case("simplequery_y", "es_query_filter=EventID:4624");
    let configured = |value: &str| {
        fs::write(folder.path().join("main.conf"), format!("[general]\nunusable={value}\n")).expect("written");
        run(folder.path(), &use_cases, EVENTS, "--config main.conf -o out.ndjson")
    };
    let lines = || fs::read_to_string(folder.path().join("out.ndjson")).map(|text| text.lines().count()).ok();
    configured("fail").expect_code(4);
    assert_eq!((lines(), report(folder.path())["status"].as_str()), (None, Some("failed")));
    let stderr = configured("warn").expect_code(0).stderr;
    assert!(
        stderr.contains("warning: terms_x: none of the 2 events") && stderr.contains("1 of 2 use cases completed"),
        "{stderr}"
    );
    configured("partial").expect_code(3);
    assert_eq!(lines(), Some(1));
    configured("maybe").expect_code(78);
}

#[test]
fn a_run_without_events_fails() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let use_case = terms("x", "*", "host.name", "EventID");
    let stderr = run(folder.path(), &use_case, "", "").expect_code(4).stderr;
    assert!(stderr.contains("no event was read: the files are empty"), "{stderr}");
    let stderr = run(folder.path(), &use_case, "a\nb\n", "").expect_code(4).stderr;
    let why = "no event was read: 2 lines skipped: not JSON, first events.ndjson:1; write one JSON object per line";
    assert!(stderr.contains(why), "{stderr}");
    assert_eq!(report(folder.path())["status"], "failed");
}

#[test]
fn the_summary_names_the_first_line_that_was_skipped() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let events = format!("{EVENTS}nonsense\n[1]\nmore\n");
    let stderr = run(folder.path(), &terms("x", "*", "host.name", "EventID"), &events, "").expect_code(3).stderr;
    for line in [
        "missing: 2 lines skipped: not JSON, first events.ndjson:4; write one JSON object per line",
        "missing: 1 line skipped: not a JSON object, first events.ndjson:5; write one JSON object per line",
    ] {
        assert!(stderr.contains(line), "{stderr}");
    }
}

#[test]
fn a_check_of_a_sample_says_the_same() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let use_cases =
        terms("x", "EventID:4688", "host.name", "process.nmae") + &terms("y", "EventID:9", "host.name", "EventID");
    fs::write(folder.path().join("use_cases.conf"), use_cases).expect("written");
    fs::write(folder.path().join("events.ndjson"), format!("{EVENTS}nonsense\n")).expect("written");
    fs::write(folder.path().join("empty.ndjson"), "").expect("written");
    let check = |line: &str| {
        let line = format!("check --use-cases use_cases.conf {line}");
        program::run(folder.path(), &line.split_whitespace().collect::<Vec<_>>())
    };
    check("").expect_code(0);
    let stderr = check("--events events.ndjson").expect_code(3).stderr;
    for line in [
        "use_cases.conf:1:1: warning: [terms_x] none of the 2 events that match can be judged: the target `process.nmae` \
         has no usable value in any event; did you mean `process.name`?",
        "warning: [terms_y] none of the 3 events matches its query",
        "warning: 1 line skipped: not JSON, first events.ndjson:4; write one JSON object per line",
    ] {
        assert!(stderr.contains(line), "{stderr}");
    }
    check("--events events.ndjson --deny-warnings").expect_code(78);
    let stdout = check("--events events.ndjson --format json").expect_code(3).stdout;
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((&report["summary"]["warnings"], &report["summary"]["exit_code"]), (&3.into(), &3.into()), "{report:#}");
    let stderr = check("--events empty.ndjson").expect_code(4).stderr;
    assert!(stderr.contains("warning: no event was read: the files are empty"), "{stderr}");
    check("--events nowhere.ndjson").expect_code(74);
}
