//! Use cases made of Sigma rules: every server finds with them what they find in files.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::bench::{Bench, Document, hits};
use super::kind::Kind;

on_every_server!(check);

const INDEX: &str = "imported";

/// Searches of rules, and the numbers of the events that they find.
const SEARCHES: &[(&str, &[u64])] = &[
    ("line|endswith: '\\cmd.exe'", &[0]),
    ("line|contains|all: ['powershell', ' -enc ']", &[1]),
    ("line|contains|cased: 'PowerShell'", &[1]),
    ("line|windash|contains: ' -x '", &[2]),
    ("line: 'a?c\\*'", &[3]),
    ("line|re: '\\d{3}-\\w+'", &[4]),
    ("line|re: '(?i)whoami$'", &[5]),
    ("line|contains: '\"{}[]()/:^~&|#;%'", &[6]),
    ("line|base64offset|contains: secret", &[7]),
    ("src|cidr: 10.16.0.0/12", &[8]),
    ("src|startswith: '192.168.'", &[9]),
    ("count|gte: 100", &[10]),
    ("count: 7", &[8, 9]),
    ("flag: true", &[11]),
    ("a.b: 4688", &[12]),
    ("a.b: null\n    line|contains: 'whoami'", &[5]),
];

fn events() -> Vec<Value> {
    vec![
        json!({"line": "C:\\Windows\\CMD.exe"}),
        json!({"line": ["x", "PowerShell.exe -ENC abc"]}),
        json!({"line": "a /X b"}),
        json!({"line": "aXc*"}),
        json!({"line": "x123-ab c"}),
        json!({"line": "run WhoAmI"}),
        json!({"line": "a\"{}[]()/:^~&|#;%b"}),
        json!({"line": "eHNlY3JldA=="}),
        json!({"src": "10.31.2.3", "count": 7}),
        json!({"src": ["192.168.7.7", "172.16.1.1"], "count": 7}),
        json!({"src": "10.32.2.3", "count": 100}),
        json!({"flag": true}),
        json!({"a": {"b": "4688"}, "line": "whoami /all"}),
        json!({"line": "powershell", "count": 8, "flag": false}),
    ]
}

fn mappings() -> Value {
    json!({
        "properties": {"src": {"type": "ip"}, "count": {"type": "long"}, "flag": {"type": "boolean"}},
        "dynamic_templates": [{"texts": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}}],
    })
}

fn check(kind: Kind) {
    let bench = Bench::new(kind);
    let numbered = events().into_iter().enumerate().map(|(number, mut event)| {
        event["number"] = json!(number);
        event["@timestamp"] = json!("2024-05-01T12:00:00Z");
        Document { id: format!("{number:06}"), source: event.to_string() }
    });
    let documents: Vec<Document> = numbered.collect();
    bench.index(INDEX, &mappings(), &documents);
    bench.write_cluster(INDEX, "es_save_results=0\n");
    let rules = SEARCHES.iter().enumerate().fold(String::new(), |mut rules, (idx, (search, _))| {
        let detection = format!("detection:\n  selection:\n    {search}\n  condition: selection");
        write!(rules, "---\ntitle: case {idx}.\n{detection}\n").expect("a text grows");
        rules
    });
    bench.write("rules.yml", &rules);
    bench.run("import sigma -o made.conf rules.yml").expect_code(0);
    bench.write("hits.ndjson", &hits(INDEX, &documents));
    let mapped = bench.node.ask("GET", &format!("/{INDEX}/_mapping"), None);
    bench.write("mapped.json", &mapped.to_string());
    let line =
        "run -q --config cluster.conf --use-cases made.conf --from 2024-05-01T00:00:00Z --to 2024-05-02T00:00:00Z";
    let of_server = bench.same_as_in_files(line, "--mapping mapped.json --events hits.ndjson");
    let found: Vec<Value> = of_server.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for (idx, (search, expected)) in SEARCHES.iter().enumerate() {
        let reason = json!(format!("case {idx}."));
        let has = |source: &Value| source["outliers"]["reason"].as_array().expect("a list").contains(&reason);
        let sources = found.iter().map(|document| &document["_source"]).filter(|source| has(source));
        let mut numbers: Vec<u64> = sources.map(|source| source["number"].as_u64().expect("a number")).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, *expected, "{}: {search}", bench.name());
    }
}
