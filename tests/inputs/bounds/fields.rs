//! Fields with more parts than events have.

use super::*;

#[test]
fn fields_with_hundreds_of_parts_are_refused_with_their_place() {
    let folder = folder(&[("events.ndjson", "{}\n")]);
    for n_parts in [100, 200, 400, 800] {
        let conf = case("dotted-fields").join(format!("q{n_parts}.conf"));
        for rest in ["check", "run --events events.ndjson"] {
            let (finished, _) = run_or_check(folder.path(), rest, &conf);
            let said = finished.stdout + &finished.stderr;
            assert!(said.contains(&format!("q{n_parts}.conf:2:17: ")), "{said}");
            assert!(said.contains(&format!("a field of {n_parts} parts; at most 32 are possible")), "{said}");
        }
    }
}

fn run_or_check(folder: &Path, command: &str, conf: &Path) -> (Finished, Value) {
    let mut args: Vec<&str> = command.split_whitespace().collect();
    let conf = conf.display().to_string();
    args.extend(["--use-cases", &conf]);
    (program::run(folder, &args).expect_code(78), Value::Null)
}

#[test]
fn every_key_that_names_fields_has_the_limit() {
    let long = vec!["a"; 1000].join(".");
    let metrics = "[metrics_m]\nes_query_filter=*\naggregator=b\ntarget=c\nmetric=length\ntrigger_on=high\n\
                   trigger_method=float\ntrigger_sensitivity=1\noutlier_type=t\noutlier_reason=r\n\
                   outlier_summary=s\nrun_model=1\n";
    for (conf, place) in [
        (metrics.replace("aggregator=b", &format!("aggregator=b,{long}")), "use_case.conf:3:"),
        (metrics.replace("target=c", &format!("target={long}")), "use_case.conf:4:"),
        (format!("{metrics}timestamp_field={long}\n"), "use_case.conf:13:"),
        (metrics.replace("summary=s", &format!("summary={{b}} {{{long}}}")), "use_case.conf:11:"),
        (format!("{metrics}es_dsl_filter={{\"query\":{{\"term\":{{\"{long}\":1}}}}}}\n"), "use_case.conf:13:"),
        (format!("{metrics}[derivedfields]\n{long}=%{{WORD:w}}\n"), "use_case.conf:14:"),
    ] {
        let folder = folder(&[("use_case.conf", &conf)]);
        let (finished, _) = run_or_check(folder.path(), "check", Path::new("use_case.conf"));
        let said = finished.stdout + &finished.stderr;
        assert!(said.contains(place) && said.contains("a field of 1000 parts"), "{place}\n{said}");
    }
    let main = format!("[assets]\n{long}=host\n");
    let folder = folder(&[("use_case.conf", metrics), ("main.conf", &main)]);
    let (finished, _) = run_or_check(folder.path(), "check --config main.conf", Path::new("use_case.conf"));
    let said = finished.stdout + &finished.stderr;
    assert!(said.contains("main.conf:2:1: ") && said.contains("a field of 1000 parts"), "{said}");
}

#[test]
fn a_field_of_32_parts_is_found_in_every_notation() {
    let long: Vec<String> = (0..32).map(|n| format!("p{n}")).collect();
    let nested = long.iter().rev().fold(json!("x"), |value, part| json!({ part: value }));
    let dotted = json!({ long.join("."): "x" });
    let half =
        json!({ long[..20].join("."): long[20..].iter().rev().fold(json!("x"), |value, part| json!({ part: value })) });
    let events: String = [nested, dotted, half].iter().map(|event| format!("{event}\n")).collect();
    let conf = ALL.replace("=*", &format!("={}:x", long.join(".")));
    let folder = folder(&[("use_case.conf", &conf), ("events.ndjson", &events)]);
    let (finished, report) = run(folder.path(), "run --use-cases use_case.conf --events events.ndjson");
    finished.expect_code(0);
    assert_eq!(report["use_cases"][0]["outliers"], 3);
}
