use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::config;
use crate::elastic::script::{HELLO, Received, Reply, Script};

const USE_CASES: &str = "\
[terms_known]
es_query_filter=*
aggregator=host
target=user
target_count_method=within_aggregator
trigger_on=low
trigger_method=float
trigger_sensitivity=1
outlier_type=t
outlier_reason=r
outlier_summary=s
run_model=0
use_derived_fields=1
es_index=more

[whitelist_literals]
of_file=backup user

[derivedfields]
message=from %{WORD:origin}
";

/// Loads a main configuration with whitelists, and use cases.
fn settings(main: &str) -> config::Configuration {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let use_cases = write("use_cases.conf", USE_CASES);
    let settings = config::load(&[write("main.conf", main)], &[use_cases.display().to_string()]);
    assert!(settings.use_cases.len() == 1 && settings.main_errors == 0, "{:?}", settings.problems);
    settings
}

/// Document with two outliers.
const TWO: &str = r#"{"user":"ann" , "message":"from paris","n":1.50,"tags":["a","outlier"],"outliers":{"summary":["one","two"],"model_name":["known","other"],"model_type":["terms","metrics"],"term":["x"],"metric":[5],"type":["T","U"],"total_outliers":2},"z":[1, 2]}"#;

fn id() -> DocumentId {
    DocumentId { index: "i".to_owned(), id: "1".to_owned(), routing: None }
}

fn text(change: Option<Change>) -> Option<(String, u64)> {
    change.map(|change| match change.bulk {
        BulkChange::Replace(json) => (json.get().to_owned(), change.n_outliers),
        BulkChange::Merge(json) => panic!("{json}"),
    })
}

/// Applies a whitelist to a document; returns what is left of it and the number of removed
/// outliers.
fn left(main: &str, source: &str) -> Option<(String, u64)> {
    let settings = settings(main);
    text(Accepted::new(&settings.main, &settings.use_cases, DateTime::UNIX_EPOCH).change(&id(), source).unwrap())
}

#[test]
fn outliers_are_judged_individually() {
    let only_second = r#"{"user":"ann" , "message":"from paris","n":1.50,"tags":["a","outlier"],"outliers":{"summary":["two"],"model_name":["other"],"model_type":["metrics"],"metric":[5],"type":["U"],"total_outliers":1},"z":[1, 2]}"#;
    let only_first = r#"{"user":"ann" , "message":"from paris","n":1.50,"tags":["a","outlier"],"outliers":{"summary":["one"],"model_name":["known"],"model_type":["terms"],"term":["x"],"type":["T"],"total_outliers":1},"z":[1, 2]}"#;
    let none = r#"{"user":"ann" , "message":"from paris","n":1.50,"tags":["a"],"z":[1, 2]}"#;
    for (entry, expected) in [
        ("one", Some((only_second, 1))),
        ("two", Some((only_first, 1))),
        ("x", Some((only_second, 1))),
        ("T", Some((only_second, 1))),
        ("metrics", Some((only_first, 1))),
        // fields of the event belong to all outliers
        ("ann", Some((none, 2))),
        ("two, ann", Some((only_first, 1))),
        ("one, two", None),
        // derived fields apply only to use cases that use them
        ("paris", Some((only_second, 1))),
        ("three", None),
    ] {
        let found = left(&format!("[whitelist_literals]\na={entry}\n"), TWO);
        assert_eq!(found.as_ref().map(|(json, n)| (json.as_str(), *n)), expected, "{entry}");
    }
}

#[test]
fn the_whitelist_of_a_file_applies_to_its_use_cases_and_the_global_one_to_all() {
    let source = TWO.replace("ann", "backup user");
    let (json, n_removed) = left("", &source).unwrap();
    assert_eq!(n_removed, 1, "{json}");
    assert!(json.contains(r#""model_name":["other"]"#), "{json}");
    // use cases that are no longer configured have the global whitelist
    assert!(left("[whitelist_regexps]\na=^tw\n", TWO).unwrap().0.contains(r#""model_name":["known"]"#));
}

#[test]
fn outliers_that_are_not_ours_are_left_alone() {
    let main = "[whitelist_literals]\na=ann\n";
    for source in [
        r#"{"user":"ann"}"#,
        r#"{"user":"ann","tags":["outlier"]}"#,
        r#"{"user":"ann","tags":["outlier"],"outliers":7}"#,
        r#"{"user":"ann","tags":["outlier"],"outliers":{}}"#,
        r#"{"user":"ann","tags":["outlier"],"outliers":{"summary":["s"],"model_name":["a","b"],"model_type":["terms"]}}"#,
    ] {
        assert_eq!(left(main, source), None, "{source}");
    }
}

#[test]
fn wiping_keeps_all_other_bytes() {
    let wiped = |source: &str| text(Wipe.change(&id(), source).unwrap());
    let expected = r#"{"user":"ann" , "message":"from paris","n":1.50,"tags":["a"],"z":[1, 2]}"#;
    assert_eq!(wiped(TWO), Some((expected.to_owned(), 2)));
    for (source, expected) in [
        (r#"{"a":"\ud800","tags":["outlier"],"outliers":{"total_outliers":1}}"#, Some((r#"{"a":"\ud800"}"#, 1))),
        (r#"{"a": 1,"tags":"outlier"}"#, Some((r#"{"a": 1}"#, 0))),
        (
            r#"{"tags":["x" , "y"],"outliers":{"total_outliers":1,"summary":["s"]}}"#,
            Some((r#"{"tags":["x" , "y"]}"#, 1)),
        ),
        (r#"{"outliers":{"total_outliers":1}}"#, None),
        (r#"{"outliers":5,"tags":["outliers"]}"#, None),
        (r#"{"tags":null}"#, None),
    ] {
        let expected = expected.map(|(json, n_outliers)| (json.to_owned(), n_outliers));
        assert_eq!(wiped(source), expected, "{source}");
    }
}

/// Cluster whose index `events` contains the document [`TWO`] three times, and which has no index
/// `more`.
struct Cluster {
    sources: Mutex<Vec<(i64, String)>>,
    /// Changes by others that come first at the first attempt.
    is_busy: bool,
}

impl Cluster {
    fn start(is_busy: bool) -> (Arc<Self>, Script) {
        let sources = (0..3).map(|seq_no| (seq_no, TWO.to_owned())).collect();
        let cluster = Arc::new(Cluster { sources: Mutex::new(sources), is_busy });
        let shared = Arc::clone(&cluster);
        let server = Script::start(move |request| shared.answer(request));
        (cluster, server)
    }

    fn answer(&self, request: &Received) -> Reply {
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let ok = |body: Value| Reply::Json(200, body.to_string());
        let hits: Vec<Value> = (0..3)
            .map(|n| json!({"_index": "events", "_id": n.to_string(), "sort": [n], "matched_queries": ["~0"]}))
            .collect();
        let page = |hits: &[Value]| {
            let hits = json!({"total": {"value": 3, "relation": "eq"}, "hits": hits});
            json!({"pit_id": "p", "timed_out": false, "_shards": {"total": 1, "failed": 0}, "hits": hits})
        };
        match request.line.split('?').next().unwrap() {
            "GET /" => Reply::Json(200, HELLO.to_owned()),
            line if line.contains("/more") => Reply::Json(
                404,
                r#"{"error":{"type":"index_not_found_exception","reason":"no such index [more]"}}"#.to_owned(),
            ),
            "GET /events/_field_caps" | "GET /events/_mapping" | "POST /events/_refresh" | "DELETE /_pit" => {
                ok(json!({}))
            }
            "POST /events/_pit" => ok(json!({"id": "p"})),
            "POST /events/_search" => {
                let should = body["query"]["bool"]["filter"][0]["bool"]["should"].to_string();
                assert!(should.contains(r#"{"term":{"tags":"outlier"}}"#), "{should}");
                ok(page(&[]))
            }
            "POST /_search" if body["slice"]["id"] == 0 => ok(page(&hits)),
            "POST /_search" => ok(json!({"pit_id": "p", "timed_out": false, "_shards": {"total": 1, "failed": 0},
                "hits": {"total": {"value": 0, "relation": "eq"}, "hits": []}})),
            "POST /_mget" => {
                let docs: Vec<String> = body["docs"].as_array().unwrap().iter().map(|doc| self.get(doc)).collect();
                Reply::Json(200, format!(r#"{{"docs":[{}]}}"#, docs.join(",")))
            }
            "POST /_bulk" => {
                let lines: Vec<&str> = request.body.lines().collect();
                ok(json!({"items": lines.chunks(2).map(|pair| self.put(pair[0], pair[1])).collect::<Vec<_>>()}))
            }
            other => panic!("{other}"),
        }
    }

    fn get(&self, wanted: &Value) -> String {
        let id = &wanted["_id"];
        let (seq_no, source) = &self.sources.lock().unwrap()[id.as_str().unwrap().parse::<usize>().unwrap()];
        format!(
            r#"{{"_index":"events","_id":{id},"found":true,"_seq_no":{seq_no},"_primary_term":1,"_source":{source}}}"#
        )
    }

    fn put(&self, head: &str, source: &str) -> Value {
        let head: Value = serde_json::from_str(head).unwrap();
        if head["update"]["require_alias"] == true {
            let error = json!({"type": "index_not_found_exception", "reason": "events is not an alias"});
            return json!({"update": {"_index": "events", "_id": "0", "status": 404, "error": error}});
        }
        let head = head["index"].clone();
        let n: usize = head["_id"].as_str().unwrap().parse().unwrap();
        let mut sources = self.sources.lock().unwrap();
        if self.is_busy && n == 1 && sources[n].0 < 10 {
            sources[n] = (10, TWO.replace("ann", "bob"));
        }
        let outcome = if head["if_seq_no"] == sources[n].0 {
            sources[n] = (sources[n].0 + 100, source.to_owned());
            json!({"_index": "events", "_id": head["_id"], "status": 200, "result": "updated"})
        } else {
            let error = json!({"type": "version_conflict_engine_exception", "reason": "conflict"});
            json!({"_index": "events", "_id": head["_id"], "status": 409, "error": error})
        };
        json!({"index": outcome})
    }

    fn sources(&self) -> Vec<String> {
        self.sources.lock().unwrap().iter().map(|(_, source)| source.clone()).collect()
    }
}

async fn clean(server: &Script, main: &str, dry_run: bool, is_wipe: bool) -> Cleaned {
    let mut settings = settings(main);
    settings.main.elastic.es_urls = vec![server.url.clone()];
    settings.main.elastic.es_index_pattern = "events".to_owned();
    settings.main.elastic.es_retry_deadline = Duration::from_secs(5);
    let interrupt = Interrupt::default();
    let client = Client::connect(&settings.main.elastic, &interrupt).await.unwrap();
    let housekeeping = Housekeeping {
        client: &client,
        main: &settings.main,
        use_cases: &settings.use_cases,
        spill_dir: &std::env::temp_dir(),
        interrupt: &interrupt,
        dry_run,
        now: DateTime::UNIX_EPOCH,
    };
    let mut cleaned = Cleaned::default();
    if is_wipe {
        housekeeping.wipe(&mut cleaned).await.unwrap();
    } else {
        housekeeping.remove_whitelisted(&mut cleaned).await.unwrap();
    }
    assert!(cleaned.missing().is_empty(), "{cleaned:?}");
    cleaned
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_wiped_in_their_current_state() {
    let (cluster, server) = Cluster::start(true);
    let cleaned = clean(&server, "", false, true).await;
    assert_eq!((cleaned.checked, cleaned.documents, cleaned.outliers), (3, 3, 6));
    assert_eq!((cleaned.written.updated, cleaned.written.outliers), (3, 6));
    let expected = r#"{"user":"ann" , "message":"from paris","n":1.50,"tags":["a"],"z":[1, 2]}"#;
    assert_eq!(cluster.sources(), [expected, &expected.replace("ann", "bob"), expected]);
    assert!(server.lines().contains(&"POST /events/_refresh".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_only() {
    let (cluster, server) = Cluster::start(false);
    let cleaned = clean(&server, "", true, true).await;
    assert_eq!((cleaned.dry_run, cleaned.documents, cleaned.outliers), (true, 3, 6));
    assert_eq!(cleaned.written, Written::default());
    let cleaned = clean(&server, "[whitelist_literals]\na=one\n", true, false).await;
    assert_eq!((cleaned.checked, cleaned.documents, cleaned.outliers), (3, 3, 3));
    assert_eq!(cluster.sources(), [TWO; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn outliers_that_are_whitelisted_by_now_are_removed() {
    let (cluster, server) = Cluster::start(true);
    let cleaned = clean(&server, "[whitelist_literals]\na=one, ann\n", false, false).await;
    // by the time it is written, the second document belongs to another user
    assert_eq!((cleaned.documents, cleaned.written.updated, cleaned.written.unchanged), (3, 2, 1));
    let sources = cluster.sources();
    assert!(sources[0].contains(r#""model_name":["other"]"#), "{sources:?}");
    assert_eq!(sources[1], TWO.replace("ann", "bob"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_whitelists_nothing_is_read() {
    let (_, server) = Cluster::start(false);
    let mut settings = settings("");
    settings.main.elastic.es_urls = vec![server.url.clone()];
    let client = Client::connect(&settings.main.elastic, &Interrupt::default()).await.unwrap();
    let housekeeping = Housekeeping {
        client: &client,
        main: &settings.main,
        use_cases: &[],
        spill_dir: &std::env::temp_dir(),
        interrupt: &Interrupt::default(),
        dry_run: false,
        now: DateTime::UNIX_EPOCH,
    };
    let mut cleaned = Cleaned::default();
    housekeeping.remove_whitelisted(&mut cleaned).await.unwrap();
    assert_eq!((cleaned, server.received().len()), (Cleaned::default(), 0));
}
