//! CSV, TSV and logs of Zeek, from the command line.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program;

const USE_CASE: &str = "\
[terms_rare_service]
es_query_filter=id.resp_p:<1024 AND _exists_:service
aggregator=id.orig_h
target=service
target_count_method=within_aggregator
trigger_on=low
trigger_method=pct_of_max_value
trigger_sensitivity=50
outlier_type=network
outlier_reason=rare service
outlier_summary={service} on {id.resp_p} by {id.orig_h}
run_model=1
";

/// The same connections in every format; in the last one, the service is rare.
const CONNECTIONS: [[&str; 4]; 4] = [
    ["1715126400.000001", "10.0.0.1", "53", "dns"],
    ["1715126401.000001", "10.0.0.1", "53", "dns"],
    ["1715126402.000001", "10.0.0.1", "53", "dns"],
    ["1715126403.000001", "10.0.0.1", "22", "ssh, \"2.0\""],
];

const FIELDS: [&str; 4] = ["ts", "id.orig_h", "id.resp_p", "service"];

fn table(separator: &str, cell: impl Fn(&str) -> String) -> String {
    let record = |cells: [&str; 4]| cells.map(&cell).join(separator) + "\n";
    std::iter::once(FIELDS).chain(CONNECTIONS).map(record).collect()
}

fn zeek() -> String {
    let records: String = CONNECTIONS.iter().map(|cells| cells.join("\t") + "\n").collect();
    format!(
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#fields\t{}\n\
         #types\ttime\taddr\tport\tstring\n{records}#close\t2024-05-08-01-00-00\n",
        FIELDS.join("\t")
    )
}

fn json_lines() -> String {
    let event = |[ts, host, port, service]: [&str; 4]| {
        format!("{{\"ts\":{ts},\"id.orig_h\":\"{host}\",\"id.resp_p\":{port},\"service\":{}}}\n", Value::from(service))
    };
    CONNECTIONS.map(event).concat()
}

/// Runs the use case on a file and returns the documents found.
fn found(name: &str, text: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::write(folder.path().join(name), text).expect("written");
    fs::write(folder.path().join("a.conf"), USE_CASE).expect("written");
    let arguments = ["run", "--use-cases", "a.conf", "-o", "-", "--events", name];
    let finished = program::run(folder.path(), &arguments).expect_code(0);
    assert!(finished.stderr.contains("4 events"), "{name}: {}", finished.stderr);
    finished.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn tables_give_the_verdicts_of_json_lines() {
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let expected = found("conn.ndjson", &json_lines());
    assert_eq!(expected.len(), 1);
    for (name, text) in [
        ("conn.csv", table(",", quoted)),
        ("conn.tsv", table("\t", str::to_owned)),
        ("conn.txt", table(";", quoted)),
        ("conn.CSV", format!("\u{feff}{}", table("|", quoted).replace('\n', "\r\n"))),
        ("conn.log", zeek()),
        ("conn.log.1", zeek()),
    ] {
        let mut documents = found(name, &text);
        assert_eq!(documents.len(), 1, "{name}");
        let source = documents[0]["_source"].as_object_mut().expect("an object");
        assert_eq!(source.remove("_path"), name.starts_with("conn.log").then(|| "conn".into()), "{name}");
        assert_eq!(documents[0]["_source"], expected[0]["_source"], "{name}");
        assert_eq!(documents[0]["_index"], *name);
    }
}

#[test]
fn records_that_cannot_be_used_make_the_run_partial() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let run = |name: &str, bytes: &[u8], code: i32| {
        fs::write(folder.path().join(name), bytes).expect("written");
        fs::write(folder.path().join("a.conf"), USE_CASE).expect("written");
        let arguments = ["run", "--use-cases", "a.conf", "--events", name];
        program::run(folder.path(), &arguments).expect_code(code).stderr
    };
    let text = table("\t", str::to_owned);
    let stderr = run("short.tsv", format!("{text}1\t2\n1\t2\t3\t\"open\n").as_bytes(), 3);
    assert!(stderr.contains("1 line skipped: not as many cells as the header has columns"), "{stderr}");
    assert!(stderr.contains("1 line skipped: quoted cell without an end"), "{stderr}");
    let stderr = run("cut.tsv", &text.as_bytes()[..text.len() - 15], 3);
    assert!(stderr.contains("1 line skipped: truncated last line"), "{stderr}");
    let stderr = run("latin1.tsv", &[text.as_bytes(), b"1\t2\t3\t\xfcber\n"].concat(), 3);
    assert!(stderr.contains("1 line skipped: not UTF-8"), "{stderr}");
    let stderr = run("wide.csv", &vec![b','; 100_001], 74);
    assert!(stderr.contains("its header has more than 100000 columns"), "{stderr}");
    assert!(Path::new(&folder.path().join("wide.csv")).exists());
}
