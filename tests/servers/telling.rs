//! Who is told of outliers in a cluster, when runs are killed: what a killed run wrote is in the
//! documents when the next one looks at them.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value, json};

use super::bench::{Bench, Document};
use super::kind::Kind;
use crate::program;
use crate::random::Random;
use crate::receiver::Receiver;
use crate::site::rare_processes;

const N_DOCUMENTS: usize = 900;

const RUN: &str = "run -q --config cluster.conf --use-cases use_cases.conf --from 2024-01-01T00:00:00Z";

#[test]
fn killed_runs_lose_no_notice_on_opensearch_3() {
    const N_KILLED: usize = 25;
    let index = "telling";
    let bench = Bench::new(Kind::OpenSearch3);
    let mapping = json!({"properties": {"@timestamp": {"type": "date"}, "host": {"type": "keyword"}, "process": {"type": "keyword"}}});
    let document = |n: usize| Document {
        id: format!("{n:04}"),
        source: json!({"@timestamp": "2024-05-01T00:00:00Z", "host": "web", "process": format!("p{n}")}).to_string(),
    };
    bench.index(index, &mapping, &[document(0)]);
    let receiver = Receiver::start();
    let channel = format!(
        "state_dir=state\n[notifier_hook]\ntype=webhook\nurl={}\nnotify_digest_above=1000\nrate_limit=100000\n",
        receiver.url
    );
    bench.write_cluster(index, &channel);
    bench.write("use_cases.conf", &(rare_processes(1000) + "notify=hook\n"));
    let started = Instant::now();
    bench.run(RUN).expect_code(0);
    let whole = started.elapsed();
    let documents: Vec<Document> = (1..N_DOCUMENTS).map(document).collect();
    let mut random = Random(16);
    for some in documents.chunks(documents.len().div_ceil(N_KILLED)) {
        bench.fill(index, some);
        bench.stored(index);
        let mut child = program::start(bench.path(), &RUN.split_whitespace().collect::<Vec<_>>());
        // mostly while it writes, or tells
        std::thread::sleep(whole.mul_f64(random.uniform().mul_add(0.8, 0.4)));
        child.kill().expect("killed");
        child.wait().expect("ended");
    }
    bench.run(RUN).expect_code(0);
    let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for notice in receiver.take() {
        let text = |name: &str| notice[name].as_str().expect("a text").to_owned();
        by_key.entry(text("key")).or_default().push(text("target"));
    }
    let mut targets: Vec<&String> = by_key.values().map(|targets| &targets[0]).collect();
    targets.sort();
    targets.dedup();
    assert_eq!((targets.len(), by_key.len()), (N_DOCUMENTS, N_DOCUMENTS), "each is told, under one key");
    let n_repeated = by_key.values().map(Vec::len).sum::<usize>() - N_DOCUMENTS;
    assert!(n_repeated <= N_KILLED, "{n_repeated}");
    for (id, stored) in bench.stored(index) {
        assert_eq!(stored.source["outliers"]["total_outliers"], json!(1), "{id}");
    }
    let runs = bench.run("runs list --json --config cluster.conf").expect_code(0).stdout;
    let runs: Vec<Value> = serde_json::from_str(&runs).expect("JSON");
    let n_interrupted = runs.iter().filter(|run| run["outcome"] == "interrupted").count();
    println!("{n_interrupted} of {N_KILLED} runs were under way; {n_repeated} notices repeated");
    assert!(n_interrupted > 3, "{n_interrupted}");
    bench.run(RUN).expect_code(0);
    assert!(receiver.take().is_empty());
}
