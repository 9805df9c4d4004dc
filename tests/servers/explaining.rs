//! Documents and findings of a cluster are explained, and use cases tried, as those of files are.

use serde_json::{Value, json};

use super::bench::{Bench, Document, hits};
use super::kind::Kind;

on_every_server!(check);

const INDEX: &str = "explaining";

const USE_CASES: &str = "\
[terms_rare]
es_query_filter=_exists_:port
target=port
aggregator=host
target_count_method=within_aggregator
trigger_on=low
trigger_method=float
trigger_sensitivity=3
outlier_type=t
outlier_reason=r
outlier_summary=rare port {port} on {host}
run_model=1

[simplequery_command]
es_query_filter=command:curl
outlier_type=t
outlier_reason=r
outlier_summary=curl on {host}
run_model=1

[whitelist_literals]
accepted=host:bravo, port:1
";

/// Port N occurs N times on both hosts.
fn documents() -> Vec<Document> {
    let mut documents = Vec::new();
    for (host, port) in ["alpha", "bravo"].into_iter().flat_map(|host| (1..8).map(move |port| (host, port))) {
        for second in 0..port {
            let time = format!("2024-05-01T00:{port:02}:{second:02}Z");
            let command = if port == 4 && second == 0 { "run Curl now" } else { "run other" };
            let source = json!({"@timestamp": time, "host": host, "port": port, "command": command});
            documents.push(Document { id: format!("{host}-{port}-{second}"), source: source.to_string() });
        }
    }
    documents
}

fn json_of(bench: &Bench, line: &str) -> Value {
    serde_json::from_str(&bench.run(line).expect_code(0).stdout).expect("JSON")
}

fn check(kind: Kind) {
    let bench = Bench::new(kind);
    let keyword = json!({"type": "keyword"});
    let fields =
        json!({"@timestamp": {"type": "date"}, "host": keyword, "command": {"type": "text"}, "port": {"type": "long"}});
    let mappings = json!({"properties": fields});
    bench.index(INDEX, &mappings, &documents());
    bench.write("use_cases.conf", USE_CASES);
    bench.write("events.ndjson", &hits(INDEX, &documents()));
    bench.write("mapping.json", &json!({INDEX: {"mappings": mappings}}).to_string());
    let fixed = "--use-cases use_cases.conf --from 2024-01-01T00:00:00Z";
    let files = format!("{fixed} --events events.ndjson --mapping mapping.json");
    bench.write_cluster(INDEX, "es_save_results=0\n");
    let cluster = format!("{fixed} --config cluster.conf");

    check_documents(&bench, &cluster, &files);
    check_findings(&bench, &cluster);
    check_trial(&bench, &cluster, &files);
    check_written(&bench, &cluster);
}

/// Outliers that were written to their documents are explained and tried as before.
fn check_written(bench: &Bench, cluster: &str) {
    let findings = bench.report("report.json").json()["findings"].as_array().expect("a list").clone();
    let explanations = || -> Vec<Value> {
        let ids = findings.iter().map(|finding| finding["finding_id"].as_str().expect("an id"));
        ids.map(|id| json_of(bench, &format!("explain {id} --json {cluster}"))).collect()
    };
    let before = explanations();
    bench.write_cluster(INDEX, "");
    bench.run(&format!("run -q {cluster}")).expect_code(0);
    assert_eq!(bench.stored(INDEX).values().filter(|stored| !stored.texts("summary").is_empty()).count(), 7);
    assert_eq!(explanations(), before, "{}", bench.name());
    let tried = bench.run(&format!("run -q --only simplequery_command --dry-run {cluster}")).expect_code(0).stdout;
    assert!(tried.contains("\nsimplequery_command: 2 of 56 events match: 2 findings in 2 documents\n"), "{tried}");
}

/// Any document, outlier or not.
fn check_documents(bench: &Bench, cluster: &str, files: &str) {
    for (id, use_case, verdict) in [
        ("alpha-1-0", "terms_rare", "outlier"),
        ("alpha-5-2", "terms_rare", "ordinary"),
        ("bravo-1-0", "terms_rare", "whitelisted"),
        ("alpha-4-0", "simplequery_command", "outlier"),
    ] {
        let explain = |options: &str| {
            json_of(bench, &format!("explain --document {INDEX}/{id} --use-case {use_case} --json {options}"))
        };
        let (of_cluster, of_files) = (explain(cluster), explain(files));
        let [found] = &of_cluster["explanations"].as_array().expect("a list")[..] else { panic!("{of_cluster}") };
        assert_eq!(found["verdict"], verdict, "{}: {found}", bench.name());
        // the server tells what its query found as highlights, which numbers do not have
        let without_matched = |explained: &Value| {
            let mut members = explained.as_object().expect("an object").clone();
            members.shift_remove("matched");
            members
        };
        assert_eq!(without_matched(found), without_matched(&of_files["explanations"][0]), "{}", bench.name());
        if use_case == "simplequery_command" {
            assert_eq!(found["matched"], json!([{"field": "command", "values": ["Curl"]}]), "{}", bench.name());
        }
    }
    let unknown = bench.run(&format!("explain --document {INDEX}/nothing {cluster}")).expect_code(2);
    assert!(unknown.stderr.contains("is not among the events"), "{}", unknown.stderr);
}

/// Findings, by their ids.
fn check_findings(bench: &Bench, cluster: &str) {
    bench.run(&format!("run -q {cluster} --report report.json"));
    let report = bench.report("report.json").json().clone();
    let findings = report["findings"].as_array().expect("a list");
    assert_eq!(findings.len(), 5, "{}: {findings:?}", bench.name());
    for finding in findings {
        let id = finding["finding_id"].as_str().expect("an id");
        let explained = json_of(bench, &format!("explain {id} --json {cluster}"));
        assert_eq!(explained["explanations"][0]["finding"]["id"], id, "{}", bench.name());
        let known = json_of(bench, &format!("explain {id} --json --report report.json {cluster}"));
        assert_eq!(known, explained, "{}", bench.name());
    }
}

fn check_trial(bench: &Bench, cluster: &str, files: &str) {
    let trial = |options: &str| {
        let shown = bench.run(&format!("run -q --only terms_rare --dry-run {options}")).expect_code(0).stdout;
        let (_, trial) = shown.split_once("\nterms_rare: ").expect("a trial");
        trial.to_owned()
    };
    let tried = trial(cluster);
    assert_eq!(tried, trial(files), "{}", bench.name());
    assert!(tried.starts_with("56 of 56 events match: 3 findings in 5 documents\n"), "{tried}");
    for expected in ["below 3       alpha", "nearly outliers:", "some of the events:", "explaining/"] {
        assert!(tried.contains(expected), "{expected}: {tried}");
    }
    let swept = bench.run(&format!("run -q --only terms_rare --sweep trigger_sensitivity=2,3 {cluster}"));
    assert!(swept.expect_code(0).stdout.contains("  2                           1          1\n"));
}
