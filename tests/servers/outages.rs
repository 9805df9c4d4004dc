//! The daemon with a cluster that is slow, or away: its runs are partial or fail, and the next one
//! makes up for them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::bench::{Bench, Document};
use super::fault::{Fault, Proxy, call};
use super::kind::Kind;
use super::node::Node;
use crate::daemon::process::Process;
use crate::receiver::Receiver;
use crate::site::rare_processes;

/// Longer than any test waits.
const FOR_EVER: Duration = Duration::from_secs(600);

/// A daemon's folder, its cluster behind a proxy, and the receiver of its notices.
struct Place {
    bench: Bench,
    receiver: Receiver,
}

impl Place {
    fn new(bench: Bench) -> Self {
        Place { bench, receiver: Receiver::start() }
    }

    /// Fills an index with documents of an hour ago, one per process.
    fn fill(&self, index: &str, processes: &[&str]) {
        let time = Utc::now() - TimeDelta::hours(1);
        let document = |process: &&str| Document {
            id: (*process).to_owned(),
            source: json!({"@timestamp": time.to_rfc3339(), "host": "web", "process": process}).to_string(),
        };
        self.bench.fill(index, &processes.iter().map(document).collect::<Vec<_>>());
    }

    fn create(&self, index: &str, processes: &[&str]) {
        let mapping = json!({"properties": {"@timestamp": {"type": "date"}, "host": {"type": "keyword"}, "process": {"type": "keyword"}}});
        self.bench.index(index, &mapping, &[]);
        self.fill(index, processes);
    }

    /// Writes the configuration of a daemon that runs when it starts, and when it is asked to.
    fn configure(&self, url: &str, index: &str, daemon: &str) {
        let hook = &self.receiver.url;
        let text = format!(
            "[general]\nes_url={url}\nes_index_pattern={index}\nes_retry_deadline=2\nes_save_results=1\nstate_dir=state\n\
             [daemon]\nschedule=0 0 1 1 *\n{daemon}[http]\nlisten=\n\
             [notifier_hook]\ntype=webhook\nurl={hook}\nrate_limit=100000\n"
        );
        self.bench.write("main.conf", &text);
    }

    fn start(&self) -> Process {
        let arguments = ["-v", "daemon", "--config", "main.conf", "--use-cases", "use_cases.conf"];
        Process::start_in(self.bench.path(), &[], &arguments.map(str::to_owned))
    }

    /// Adds the targets of notices to `told`, until there are `n` of them.
    fn wait_told(&self, told: &mut BTreeMap<String, usize>, n: usize) {
        for _ in 0..600 {
            for (target, n_told) in self.receiver.take_counts("target") {
                *told.entry(target).or_default() += n_told;
            }
            if told.len() >= n {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Summaries of the outliers in each document of an index.
    fn written(&self, index: &str) -> BTreeMap<String, Vec<String>> {
        self.bench.stored(index).into_iter().map(|(id, document)| (id, document.texts("summary"))).collect()
    }

    fn runs(&self) -> Vec<Value> {
        let list = self.bench.run("runs list --json --config main.conf").expect_code(0).stdout;
        serde_json::from_str(&list).expect("JSON")
    }
}

fn once(targets: &[&str]) -> BTreeMap<String, usize> {
    targets.iter().map(|target| ((*target).to_owned(), 1)).collect()
}

fn each_has_its_outlier(processes: &[&str]) -> BTreeMap<String, Vec<String>> {
    processes.iter().map(|process| ((*process).to_owned(), vec![format!("{process} on web")])).collect()
}

/// What was judged by `run_deadline` is delivered; what was not is named, and judged by the next
/// run.
#[test]
fn a_run_that_is_cut_by_its_deadline_is_partial() {
    let place = Place::new(Bench::new(Kind::OpenSearch3));
    place.create("outages-fast", &["a", "b"]);
    place.create("outages-slow", &["c"]);
    let use_case = rare_processes(1000) + "notify=hook\n";
    let slow = use_case.replace("[terms_process]", "[terms_slow]") + "es_index=outages-slow\n";
    place.bench.write("use_cases.conf", &format!("{use_case}{slow}"));
    let proxy = Proxy::start(place.bench.node, |request| {
        if request.line.contains("outages-slow") { Fault::Hang(FOR_EVER) } else { Fault::None }
    });
    place.configure(&proxy.url, "outages-fast", "run_deadline=15s\nretry_after=0\n");
    let mut process = place.start();
    process.wait_for("run_deadline has passed: what was judged is delivered, the rest is left out");
    let missing = process.wait_for("the run is partial: ");
    assert!(missing.contains("terms_slow: run_deadline passed before it was judged"), "{missing}");
    let mut told = BTreeMap::new();
    place.wait_told(&mut told, 2);
    process.end(0);
    assert_eq!(told, once(&["a", "b"]));
    assert_eq!(place.written("outages-fast"), each_has_its_outlier(&["a", "b"]));
    assert_eq!(place.written("outages-slow"), BTreeMap::from([("c".to_owned(), Vec::new())]));
    let runs = place.runs();
    assert_eq!((runs.len(), &runs[0]["outcome"], &runs[0]["exit_code"]), (1, &json!("partial"), &json!(3)));
    let shown = place.bench.run("runs show 1 --config main.conf").expect_code(0).stdout;
    assert!(shown.contains("missing: ") && shown.contains("terms_slow"), "{shown}");
    let shown = place.bench.run("runs show 1 --json --config main.conf").expect_code(0).stdout;
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let statuses = shown["report"]["use_cases"].as_array().expect("use cases");
    let status = |name: &str| statuses.iter().find(|entry| entry["name"] == name).expect("reported")["status"].clone();
    assert_eq!((status("terms_process"), status("terms_slow")), (json!("complete"), json!("failed")));
    // the cluster is fast again
    place.configure(&place.bench.node.url(), "outages-fast", "run_deadline=10m\n");
    let mut process = place.start();
    process.wait_for("the run is complete");
    place.wait_told(&mut told, 3);
    process.end(0);
    assert_eq!(told, once(&["a", "b", "c"]));
    assert_eq!(place.written("outages-slow"), each_has_its_outlier(&["c"]));
}

/// A server is killed when it has done a bulk request and not yet answered. It stays away for
/// another run.
#[test]
fn outages_delay_outliers_but_lose_none() {
    let node = Node::of_its_own(Kind::OpenSearch3);
    let place = Place::new(Bench::on(node));
    place.create("outages", &["a", "b"]);
    place.bench.write("use_cases.conf", &(rare_processes(1000) + "notify=hook\n"));
    static CRASHES: AtomicBool = AtomicBool::new(false);
    let proxy = Proxy::start(node, move |request| {
        if call(request) == "POST /_bulk" && CRASHES.swap(false, Ordering::Relaxed) {
            let body = String::from_utf8(request.body.clone()).expect("UTF-8");
            node.try_send("POST", "/_bulk", Some(body)).expect("an answer");
            node.crash();
            return Fault::Hang(Duration::ZERO);
        }
        Fault::None
    });
    place.configure(&proxy.url, "outages", "retry_after=1s\n");
    let mut process = place.start();
    process.wait_for("the run is complete");
    let mut told = BTreeMap::new();
    place.wait_told(&mut told, 2);
    place.fill("outages", &["c", "d", "e"]);
    CRASHES.store(true, Ordering::Relaxed);
    process.ask_for_run();
    process.wait_for("the run has not come to its end");
    // the daemon tries again by itself
    process.wait_for("reason=\"retry\"");
    process.wait_for("the run has not come to its end");
    place.wait_told(&mut told, 0);
    assert_eq!(told, once(&["a", "b"]), "a run that fails tells nothing");
    node.come_back();
    // by now, the daemon may wait for long before it tries again, or try at this moment
    process.ask_for_run();
    process.wait_for("reason=\"request\"");
    process.wait_for("the run is complete");
    place.wait_told(&mut told, 5);
    process.end(0);
    place.wait_told(&mut told, 0);
    let all = ["a", "b", "c", "d", "e"];
    assert_eq!(told, once(&all));
    assert_eq!(place.written("outages"), each_has_its_outlier(&all));
    let outcomes: Vec<Value> = place.runs().iter().map(|run| run["outcome"].clone()).collect();
    assert_eq!(outcomes[..3], ["complete", "failed", "failed"].map(Value::from), "{outcomes:?}");
    assert_eq!(outcomes.last(), Some(&json!("complete")));
}
