//! Times in the formats that a mapping names: a run over the index reads them like one over a file
//! with this mapping.

use serde_json::json;

use super::bench::{Bench, Document, assert_same_lines, hits};
use super::kind::Kind;

const INDEX: &str = "times";

/// Day before month, which is read only if somebody says so, or a count of seconds.
const FORMAT: &str = "dd/MM/yyyy HH:mm:ss||epoch_second";

fn documents() -> Vec<Document> {
    let source = |idx: usize| {
        let day = 1 + idx / 2;
        let time = json!(format!("{day:02}/06/2024 10:00:00"));
        // 11 June 2024
        let time = if idx == 20 { json!(1_718_100_000) } else { time };
        let process = if idx < 19 { format!("p{}", idx % 2) } else { "new".to_owned() };
        json!({"seen": {"at": time}, "host": "h", "process": process}).to_string()
    };
    (0..21).map(|idx| Document { id: format!("{idx:02}"), source: source(idx) }).collect()
}

fn check(kind: Kind) {
    let bench = Bench::new(kind);
    let documents = documents();
    let mappings = json!({"properties": {
        "seen": {"properties": {"at": {"type": "date", "format": FORMAT}}},
        "when": {"type": "alias", "path": "seen.at"},
        "host": {"type": "keyword"}, "process": {"type": "keyword"},
    }});
    bench.index(INDEX, &mappings, &documents);
    bench.write_cluster(INDEX, "es_save_results=0\n");
    bench.write("hits.ndjson", &hits(INDEX, &documents));
    bench.write("mapping.json", &json!({INDEX: {"mappings": mappings}}).to_string());
    for field in ["seen.at", "when", "Seen.At"] {
        let use_case = format!(
            "[sudden_appearance_new]\nes_query_filter=*\naggregator=host\ntarget=process\ntimestamp_field={field}\n\
             history_window_days=30\nhistory_window_hours=0\nsliding_window_size=02:00:00\n\
             sliding_window_step_size=00:01:00\noutlier_type=t\noutlier_reason=r\n\
             outlier_summary={{process}} is new\nrun_model=1\n"
        );
        bench.write("use_case.conf", &use_case);
        let line = "run -q --config cluster.conf --use-cases use_case.conf --now 2024-06-12T00:00:00Z";
        // a range over a field whose name differs in case finds nothing on a server
        let is_exact = field != "Seen.At";
        if is_exact {
            bench.run(&format!("{line} -o server.ndjson")).expect_code(0);
        }
        bench.run(&format!("{line} --mapping mapping.json --events hits.ndjson -o file.ndjson")).expect_code(0);
        let what = format!("{} by {field}", bench.name());
        assert_same_lines(&bench.output("file.ndjson"), &bench.output("server.ndjson"), &what);
        // the first event of each process
        let found = bench.output("file.ndjson");
        assert_eq!((found.lines().count(), found.matches("new is new").count()), (3, 1), "{what}: {found}");
    }
}

#[test]
fn in_the_format_of_the_mapping_on_opensearch_3() {
    check(Kind::OpenSearch3);
}

#[test]
fn in_the_format_of_the_mapping_on_elasticsearch_7() {
    check(Kind::Elasticsearch7);
}

#[test]
fn in_the_format_of_the_mapping_on_elasticsearch_8() {
    check(Kind::Elasticsearch8);
}

#[test]
fn in_the_format_of_the_mapping_on_elasticsearch_9() {
    check(Kind::Elasticsearch9);
}
