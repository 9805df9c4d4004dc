//! Patterns that other engines match in exponential time.

use super::*;

#[test]
fn sloppy_phrases_with_repeated_words_end() {
    let cases = case("sloppy-phrase");
    let folder = tempfile::tempdir().expect("a scratch folder");
    for conf in ["uc.conf", "uc3.conf"] {
        for events in ["t200", "t400", "t800"] {
            let path = |name: &str| cases.join(name).display().to_string();
            let (conf_path, mapping, events) = (path(conf), path("map.json"), path(&format!("{events}.ndjson")));
            let line = format!("run --use-cases {conf_path} --mapping {mapping} --events {events}");
            let (finished, report) = run(folder.path(), &line);
            finished.expect_code(0);
            // `zzz` is nowhere
            assert_eq!(report["use_cases"][0]["outliers"], u64::from(conf == "uc.conf"), "{conf} {events}");
        }
    }
}

#[test]
fn a_long_text_is_searched_for_repeated_words_to_its_end() {
    let filler = "a b a c ".repeat(20_000);
    let events = format!("{{\"m\":\"{filler}\"}}\n{{\"m\":\"{filler} a x a b a\"}}\n");
    let conf = ALL.replace("=*", "=m:\"a a x a b\"~3");
    let mapping = r#"{"i": {"mappings": {"properties": {"m": {"type": "text"}}}}}"#;
    let folder = folder(&[("use_case.conf", &conf), ("events.ndjson", &events), ("map.json", mapping)]);
    let line = "run --use-cases use_case.conf --mapping map.json --events events.ndjson -o out.ndjson";
    run(folder.path(), line).0.expect_code(0);
    let ids: Vec<Value> = written(folder.path()).iter().map(|document| document["_id"].clone()).collect();
    assert_eq!(ids, ["000000000001"]);
}

#[test]
fn wildcards_and_fuzzy_terms_do_not_backtrack() {
    let long = "a".repeat(200_000);
    let conf = format!("{ALL}\n")
        .replace("=*", &format!("=m:*{}b OR m:{}~2 OR m:/(a*)*(a|aa)*b/", "a*".repeat(50), "a".repeat(900)));
    let folder = folder(&[("use_case.conf", &conf), ("events.ndjson", &format!("{{\"m\":\"{long}\"}}\n"))]);
    let (finished, report) = run(folder.path(), "run --use-cases use_case.conf --events events.ndjson");
    finished.expect_code(0);
    assert_eq!(report["use_cases"][0]["outliers"], 0);
}

#[test]
fn expressions_that_are_too_large_are_refused_with_their_place() {
    let nested = "((a{1,100}){1,100}){1,100}";
    let query = ALL.replace("=*", &format!("=m:/{nested}/"));
    let derived = format!("{ALL}use_derived_fields=1\n[derivedfields]\nm=%{{WORD:w}} {nested}{nested}\n");
    let whitelist = format!("{ALL}[whitelist_regexps]\nw={nested}{nested}\n");
    for (conf, place) in [(query, "use_case.conf:2:"), (derived, "use_case.conf:9:"), (whitelist, "use_case.conf:8:")] {
        let folder = folder(&[("use_case.conf", &conf)]);
        let finished = program::run(folder.path(), &["check", "--use-cases", "use_case.conf"]).expect_code(78);
        let said = finished.stdout + &finished.stderr;
        assert!(said.contains(place), "{place}\n{said}");
    }
}

#[test]
fn nested_repetitions_have_a_step_limit() {
    let event = json!({"m": "a".repeat(112_000), "u": "x"});
    let conf = format!("{ALL}use_derived_fields=1\n[derivedfields]\nm=((a{{1,30}}){{1,30}}){{1,10}}b(?P<w>x)\n");
    let folder = folder(&[("use_case.conf", &conf), ("events.ndjson", &format!("{event}\n{event}\n"))]);
    let (finished, report) = run(folder.path(), "run --use-cases use_case.conf --events events.ndjson");
    let said = finished.expect_code(3).stderr;
    assert!(said.contains("took too many steps on 1 text"), "{said}");
    assert_eq!(report["use_cases"][0]["grok_given_up"][0]["texts"], 1);
}
