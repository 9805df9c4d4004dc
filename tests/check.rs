//! What `check` and `run` say about files that are honoured, but probably not as they were meant.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{self, Finished};

const TERMS: &str = "\
[terms_rare_child]
es_query_filter=*
aggregator=parent
target=child
target_count_method=within_aggregator
trigger_on=low
trigger_method=pct_of_max_value
trigger_sensitivity=5
outlier_type=process
outlier_reason=rare child
outlier_summary={aggregator} rarely starts {term}
run_model=1
";

const EVENTS: &str = "{\"EventID\":4688,\"Image\":\"cmd.exe\",\"bytes\":7,\"parent\":\"a\",\"child\":\"b\"}\n\
                      {\"EventID\":1,\"Image\":\"sh\",\"bytes\":3,\"parent\":\"a\",\"child\":\"c\"}\n";

/// Creates a folder with the given files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn run(folder: &Path, line: &str) -> Finished {
    program::run(folder, &line.split_whitespace().collect::<Vec<_>>())
}

/// The use case with other lines: a line replaces the one with the same key, or is added.
fn with(lines: &[&str]) -> String {
    let key = |line: &str| line.split('=').next().unwrap_or_default().to_owned();
    let is_kept = |line: &&str| !lines.iter().any(|changed| key(changed) == key(line));
    let kept = TERMS.lines().filter(is_kept).chain(lines.iter().copied().filter(|line| !line.ends_with("=-")));
    kept.collect::<Vec<_>>().join("\n") + "\n"
}

/// Result of `check --format json` for one file of use cases and a main configuration.
fn report(use_cases: &str, main: &str) -> Value {
    let folder = folder(&[("u.conf", use_cases), ("main.conf", main)]);
    let finished = run(folder.path(), "check --config main.conf --use-cases u.conf --format json");
    let report: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(report["summary"]["exit_code"], finished.code, "{report:#}");
    report
}

/// `LINE SEVERITY KEY: MESSAGE; HELP` of each problem.
fn problems(use_cases: &str, main: &str) -> Vec<String> {
    let report = report(use_cases, main);
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let shown = |problem: &Value| {
        let [severity, key, message, help] = ["severity", "key", "message", "help"].map(|name| text(&problem[name]));
        format!("{} {severity} {key}: {message}; {help}", problem["line"])
    };
    report["problems"].as_array().expect("a list").iter().map(shown).collect()
}

/// Checks that `use_cases` has one warning, which contains all `words`, and no error.
fn check_warning(use_cases: &str, main: &str, words: &[&str]) {
    let found = problems(use_cases, main);
    assert_eq!(found.len(), 1, "{use_cases}\n{found:#?}");
    for word in ["warning"].iter().chain(words) {
        assert!(found[0].contains(word), "no `{word}` in {found:#?}\n{use_cases}");
    }
}

#[test]
fn queries_in_other_languages_are_doubted_in_check_and_run() {
    for (query, place, help) in [
        ("EventID:4688 and Image:*cmd*", "`and` is a word to search for, not an operator at character 14", "write AND"),
        ("EventID:4688 or EventID:1", "`or` is a word to search for, not an operator at character 14", "write OR"),
        ("not EventID:1", "`not` is a word to search for, not an operator at character 1", "write NOT"),
        ("EventID = 4688", "`=` is part of words to search for, not a comparison at character 9", "`EventID:4688`"),
        ("bytes >= 5", "`>=` is part of words to search for, not a comparison at character 7", "`bytes:>=5`"),
        ("bytes != 5", "`!=` is part of words to search for, not a comparison at character 8", "`NOT bytes:5`"),
        (
            "bytes:>= 5",
            "`>=` finds what is after the text `=`: no bound stands directly behind it at character 7",
            "`bytes:>=5`",
        ),
        (
            "EventID:1 OR NOT Image:x",
            "NOT excludes, so `OR NOT Image:x` means `AND NOT Image:x` at character 14",
            "write `(NOT Image:x)`, in parentheses, if one or the other is meant",
        ),
        (
            "EventID:1 AND Image:x OR Image:y",
            "`Image:y` decides nothing: Lucene requires what stands beside AND, and ignores OR at character 23",
            "write `(EventID:1 AND Image:x) OR Image:y` or `EventID:1 AND (Image:x OR Image:y)`, whichever is meant",
        ),
        ("Image:cmd.exe # shells", "a comment cannot follow a value: `#`", "a line of its own"),
        (
            "Image:/C:\\\\Windows\\\\/",
            "only because no other `/` follows, `\\\\/` ends the regular expression at character 7",
            "`[\\\\]/`",
        ),
    ] {
        let use_case = with(&[&format!("es_query_filter={query}")]);
        check_warning(&use_case, "", &["es_query_filter", place, help]);
        let folder = folder(&[("u.conf", &use_case), ("events.ndjson", EVENTS)]);
        let finished = run(folder.path(), "run --use-cases u.conf --events events.ndjson --report report.json");
        let report = fs::read_to_string(folder.path().join("report.json")).expect("written");
        assert!(finished.stderr.contains(place) && finished.stderr.contains(help), "{}", finished.stderr);
        assert!(report.contains("es_query_filter: "), "{report}");
    }
}

/// Doubts are warnings: the words are searched for, as a server does.
#[test]
fn doubted_queries_keep_their_meaning() {
    for (query, n_events) in [
        ("EventID:4688 and Image:*cmd*", 1),
        ("EventID:4688 or EventID:1", 2),
        ("EventID = 4688", 0),
        ("EventID:4688 OR NOT Image:nothing", 1),
        ("EventID:4688 AND Image:*cmd* OR EventID:1", 1),
        ("bytes >= 5", 0),
        ("Image:/cmd\\\\/ OR EventID:1", 1),
    ] {
        let use_case = with(&[&format!("es_query_filter={query}")]);
        let folder = folder(&[("u.conf", &use_case), ("events.ndjson", EVENTS)]);
        run(folder.path(), "run --use-cases u.conf --events events.ndjson --report report.json");
        let report = program::Report::read(&folder.path().join("report.json"));
        assert_eq!(report.numbers("terms_rare_child").events, n_events, "{query}");
    }
}

#[test]
fn query_strings_inside_the_dsl_are_doubted_at_their_place() {
    let dsl = r#"es_dsl_filter={"query": {"bool": {"filter": [{"query_string": {"query": "a:1 and b:2"}}]}}}"#;
    let words = ["es_dsl_filter", "`and`", "at character 5 at [0].bool.filter[0].query_string.query"];
    check_warning(&with(&["es_query_filter=-", dsl]), "", &words);
}

#[test]
fn ignored_parts_of_a_dsl_body_are_named() {
    let body = r#"es_dsl_filter={"query": {"match_all": {}}, "aggs": {}, "size": 0, "sort": [], "_source": false}"#;
    check_warning(&with(&["es_query_filter=-", body]), "", &["es_dsl_filter", "`_source`, `aggs`, `size`, `sort`"]);
    let list = r#"es_dsl_filter=[{"query": {"match_all": {}}}, {"query": {"match_all": {}}, "from": 10}]"#;
    check_warning(&with(&["es_query_filter=-", list]), "", &["ignored beside `query`: `from`"]);
}

#[test]
fn errors_name_the_filter_they_are_in() {
    let dsl = r#"es_dsl_filter={"query": {"regexp": {"a": "x("}}}"#;
    let found = problems(&with(&["es_query_filter=a:1", dsl]), "");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("error es_dsl_filter"), "{found:#?}");
}

#[test]
fn comments_behind_values_are_noticed() {
    for (line, key) in [
        ("target=child ; what is started", "target"),
        ("target=child #what", "target"),
        ("outlier_reason=rare child ; to be tuned", "outlier_reason"),
        ("mitre=T1059 # execution", "mitre"),
        (r#"es_dsl_filter={"query": {"match_all": {}}}"#, ""),
        ("outlier_reason=C# and F#; more", ""),
    ] {
        match key {
            "" => assert_eq!(problems(&with(&[line]), ""), Vec::<String>::new(), "{line}"),
            key => check_warning(&with(&[line]), "", &[key, "not a comment", "a line of its own"]),
        }
    }
    for (line, message) in [
        ("run_model=1 ; on", "not a switch"),
        ("trigger_sensitivity=5 # percent", "not a number"),
        (r#"es_dsl_filter={"query": {"match_all": {}}} # all"#, "not JSON"),
    ] {
        let found = problems(&with(&[line]), "");
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].contains(message) && found[0].contains("a comment cannot follow a value"), "{found:#?}");
    }
    check_warning(TERMS, "[general]\nes_index_pattern=logs-* ; all\n", &["es_index_pattern"]);
    check_warning(TERMS, "[assets]\nuser=user # who\n", &["user", "`#`"]);
    assert_eq!(problems(TERMS, "[general]\nes_username=u\nes_password=a #b ; c\n"), Vec::<String>::new());
}

#[test]
fn whitelist_values_of_several_lines_are_noticed() {
    let list = |value: &str| format!("{TERMS}[whitelist_literals]\nx={value}\n");
    check_warning(&list("a.exe\n  b.exe"), "", &["14 ", "x: ", "a line break inside a part"]);
    check_warning(&list("a.exe,\n  b.exe"), "", &["all of its parts must match", "a label of its own"]);
    check_warning(&list("a.exe ; ours"), "", &["not a comment"]);
    assert_eq!(problems(&list("a.exe, b.exe\ny=c.exe"), ""), Vec::<String>::new());
}

#[test]
fn a_use_case_that_never_runs_is_noticed() {
    check_warning(&with(&["run_model=-"]), "", &["1 ", "run_model", "never runs", "run_model=1"]);
    assert_eq!(problems(&with(&["run_model=0"]), ""), Vec::<String>::new());
    assert_eq!(problems(&with(&["run_model=-", "test_model=1"]), ""), Vec::<String>::new());
}

#[test]
fn a_file_without_a_use_case_is_an_error() {
    for (section, help) in [
        ("[term_foo]", "[term_foo]: did you mean [terms_foo]?"),
        ("[Metrics_foo]", "[Metrics_foo]: did you mean [metrics_foo]?"),
        ("[sudden_apearance_x]", "[sudden_apearance_x]: did you mean [sudden_appearance_x]?"),
        ("[whitelist_literal]", "[whitelist_literal]: did you mean [whitelist_literals]?"),
        ("[beacn_x]", "[beacn_x]: did you mean [beacon_x]?"),
        ("[general]", "--config"),
        ("[rule_1]", "begin one with [MODEL_name]"),
    ] {
        let text = TERMS.replace("[terms_rare_child]", section);
        let found = problems(&text, "");
        let error = found.iter().find(|problem| problem.contains("error")).expect("an error");
        assert!(error.contains("all of its sections are ignored") && error.contains(help), "{found:#?}");
        let folder = folder(&[("u.conf", &text), ("good.conf", TERMS), ("events.ndjson", EVENTS)]);
        run(folder.path(), "check --use-cases u.conf").expect_code(78);
        run(folder.path(), "run --use-cases u.conf --events events.ndjson").expect_code(78);
        run(folder.path(), "run --use-cases u.conf good.conf --events events.ndjson").expect_code(3);
    }
    check_warning("# nothing yet\n", "", &["the file has no use case"]);
    check_warning("[whitelist_literals]\nx=a\n", "", &["the file has no use case"]);
}

#[test]
fn derived_fields_that_are_not_switched_on_are_noticed() {
    let main = "[derivedfields]\nmessage=%{IP:client} took %{NUMBER:seconds}\n";
    check_warning(&with(&["target=client"]), main, &["target", "`client` is a derived field", "use_derived_fields=1"]);
    check_warning(&with(&["aggregator=Client"]), main, &["aggregator", "`client`"]);
    check_warning(&with(&["outlier_summary=from {client}"]), main, &["outlier_summary", "`client`"]);
    check_warning(&with(&["es_query_filter=client:10.0.0.1"]), main, &["es_query_filter", "its source, `message`"]);
    let switched_on = with(&["es_query_filter=client:10.0.0.1", "use_derived_fields=1"]);
    check_warning(&switched_on, main, &["queries look at fields of the event only"]);
    for decided in ["use_derived_fields=1", "use_derived_fields=0"] {
        assert_eq!(problems(&with(&["target=client", decided]), main), Vec::<String>::new());
    }
    check_warning(&with(&["target=client.keyword"]), main, &["target", "`client`"]);
    check_warning(&with(&["outlier_reason=from {CLIENT.caseless}"]), main, &["outlier_reason", "`client`"]);
    check_warning(
        &with(&["es_query_filter=client.keyword:10.0.0.1"]),
        main,
        &["queries look at", "its source, `message`"],
    );
    let of_time = with(&["timestamp_field=client"]);
    check_warning(&of_time, main, &["timestamp_field", "`client` is a derived field", "fields of the event only"]);
    let own = with(&["target=client"]) + "[derivedfields]\nmessage=%{IP:client}\n";
    check_warning(&own, "", &["target", "`client`"]);
}

#[test]
fn derived_fields_of_whitelists_and_assets_are_noticed() {
    let main = |more: &str| format!("[derivedfields]\nmessage=%{{IP:client}}\n{more}");
    let two = |keys: &[&str]| with(keys) + &TERMS.replace("rare_child", "other");
    let whitelist = "[whitelist_literals]\nx=client:10.0.0.1\n";
    let off = ["is a derived field, and use_derived_fields is off", "write use_derived_fields=1"];
    for (more, in_section) in [
        (whitelist, "`client` in [whitelist_literals]"),
        ("[whitelist_regexps]\nx=Client.raw:^10\n", "`client` in [whitelist_regexps]"),
        ("[assets]\nclient.keyword=ip\n", "`client` in [assets]"),
    ] {
        check_warning(&two(&[]), &main(more), &[in_section, off[0], off[1]]);
        for decided in ["use_derived_fields=1", "use_derived_fields=0"] {
            assert_eq!(problems(&two(&[decided]), &main(more)), Vec::<String>::new());
        }
    }
    check_warning(&(two(&[]) + whitelist), &main(""), &["`client` in [whitelist_literals]", off[0]]);
    let of_time = main("[general]\ntimestamp_field=client.raw\n");
    check_warning(&two(&[]), &of_time, &["`client`", "times are read from fields of the event only"]);
}

#[test]
fn the_json_form_has_one_object_per_problem_and_counts() {
    let text = with(&["trigger_on=up", "es_query_filter=a:1 and b:2"]);
    let report = report(
        &(text + &TERMS.replace("rare_child", "two").replace("es_query_filter=*", "es_query_filter=a:1 or b:2")),
        "",
    );
    assert_eq!(report["schema"], 1);
    assert_eq!(report["summary"], serde_json::json!({"use_cases": 2, "errors": 1, "warnings": 1, "exit_code": 78}));
    let error = &report["problems"][0];
    let expected = ("error", "u.conf", "terms_rare_child", "trigger_on", "unknown value `up`");
    let text = |key: &str| error[key].as_str().unwrap_or_default();
    assert_eq!((text("severity"), text("file"), text("section"), text("key"), text("message")), expected);
    assert!(error["line"].is_u64() && error["column"].is_u64() && error["help"].is_string(), "{error}");
}

#[test]
fn warnings_can_be_denied() {
    let folder = folder(&[("u.conf", &with(&["run_model=-"])), ("good.conf", TERMS)]);
    run(folder.path(), "check --use-cases u.conf").expect_code(0);
    run(folder.path(), "check --use-cases u.conf --deny-warnings").expect_code(78);
    run(folder.path(), "check --use-cases good.conf --deny-warnings").expect_code(0);
    run(folder.path(), "check --deny-warnings").expect_code(0);
}

#[test]
fn a_run_without_events_or_cluster_says_so_at_once() {
    let folder = folder(&[("u.conf", TERMS)]);
    let finished = run(folder.path(), "run --use-cases u.conf").expect_code(2);
    for word in ["no events were named", "--events", "--config", "es_url"] {
        assert!(finished.stderr.contains(word), "{}", finished.stderr);
    }
}

#[test]
fn names_that_match_no_use_case_are_corrected() {
    let second = TERMS.replace("[terms_rare_child]", "[terms_failed_logins]");
    let folder = folder(&[("a.conf", TERMS), ("b.conf", &second), ("events.ndjson", EVENTS)]);
    for (name, meant) in [
        ("failed_logins", Some("terms_failed_logins")),
        ("rare", Some("terms_rare_child")),
        ("failed_lognis", Some("terms_failed_logins")),
        ("terms_failed_login", Some("terms_failed_logins")),
        ("nothing_like_it", None),
    ] {
        let finished =
            run(folder.path(), &format!("run --use-cases a.conf b.conf --only {name} --events events.ndjson"));
        let finished = finished.expect_code(78);
        let why = format!("--only {name} matches no use case");
        let why = meant.map_or(why.clone(), |meant| format!("{why}: did you mean {meant}?"));
        assert!(finished.stderr.contains(&why), "{}", finished.stderr);
    }
    let line = "run --use-cases a.conf b.conf --only terms_rare* logins --events events.ndjson";
    let finished = run(folder.path(), line).expect_code(0);
    assert!(finished.stderr.contains("--only logins matches no use case: did you mean terms_failed_logins?"));
}

#[test]
fn repeated_clauses_and_labels_like_fields_are_told() {
    let twice =
        r#"es_dsl_filter={"query": {"bool": {"must": {"term": {"EventID": 99}}, "must": {"term": {"child": "b"}}}}}"#;
    let use_case = with(&[twice, "es_query_filter=-"]);
    check_warning(&use_case, "", &["es_dsl_filter", "`must` occurs twice in one object", "as a list"]);
    for section in ["whitelist_literals", "whitelist_regexps"] {
        let entry = |entry: &str| format!("[{section}]\n{entry}\n");
        for unbound in ["process.name:scan.exe", "process.name=scan.exe"] {
            check_warning(TERMS, &entry(unbound), &["`process.name` is only a label", "LABEL=process.name:VALUE"]);
        }
        for fine in ["scanner=process.name:scan.exe", "process.name=process.name:scan.exe", "v1.2 tool=scan.exe"] {
            assert_eq!(problems(TERMS, &entry(fine)), [""; 0], "{fine}");
        }
    }
}

#[test]
fn use_cases_that_are_all_inactive_are_told() {
    let main = "[general]\nrun_models=0\n";
    let why = "no use case is active: `run_models = 0` in [general] switches all of them off";
    check_warning(TERMS, main, &[why]);
    let folder = folder(&[("u.conf", TERMS), ("main.conf", main), ("events.ndjson", EVENTS)]);
    let finished = run(folder.path(), "run --config main.conf --use-cases u.conf --events events.ndjson");
    assert!(finished.code == 78 && finished.stderr.contains(why), "{}", finished.stderr);
}

#[test]
fn a_sample_names_the_files_that_are_not_read() {
    let folder = folder(&[("u.conf", TERMS)]);
    fs::create_dir(folder.path().join("logs")).expect("a folder");
    fs::write(folder.path().join("logs/events.ndjson"), EVENTS).expect("written");
    fs::write(folder.path().join("logs/mapping.json"), "{\"i\":{\"mappings\":{\"properties\":{}}}}").expect("written");
    let finished = run(folder.path(), "check --use-cases u.conf --events logs").expect_code(0);
    assert!(finished.stderr.contains("not read: logs/mapping.json: it holds the mapping"), "{}", finished.stderr);
}

#[test]
fn quiet_runs_say_what_is_missing() {
    let folder = folder(&[("u.conf", TERMS), ("events.ndjson", &format!("{EVENTS}oops\n"))]);
    let finished = run(folder.path(), "run -q --use-cases u.conf --events events.ndjson").expect_code(3);
    assert!(
        finished.stderr.contains("missing: 1 line skipped: not JSON, first events.ndjson:3"),
        "{}",
        finished.stderr
    );
    fs::write(folder.path().join("events.ndjson"), EVENTS).expect("written");
    assert_eq!(run(folder.path(), "run -q --use-cases u.conf --events events.ndjson").expect_code(0).stderr, "");
}
