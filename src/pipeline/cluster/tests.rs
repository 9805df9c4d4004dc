use serde_json::json;

use super::*;
use crate::config::ElasticSettings;
use crate::elastic::script::{Reply, Script};
use crate::elastic::{BulkChange, Client};

fn outlier(summary: &str, metric: Value) -> Value {
    json!({"fields": {"summary": summary, "metric": metric}, "unwrapped_summary": summary})
}

fn enrichment(outliers: &[Value]) -> Enrichment {
    Enrichment { outliers: outliers.iter().map(|outlier| to_raw_value(outlier).unwrap()).collect() }
}

fn text(change: Result<Option<Change>, String>) -> Option<(String, u64)> {
    change.unwrap().map(|change| match change.bulk {
        BulkChange::Merge(json) => (json.get().to_owned(), change.n_outliers),
        BulkChange::Replace(json) => panic!("{json}"),
    })
}

#[test]
fn changes_are_made_from_what_the_document_is_now() {
    let edit = enrichment(&[outlier("s", json!(5.5)), outlier("t", json!(5))]);
    let whole = r#"{"outliers":{"summary":["s","t"],"metric":[5.5,5],"total_outliers":2},"tags":["outlier"]}"#;
    assert_eq!(text(edit.change(r#"{"a":1}"#)), Some((whole.to_owned(), 2)));
    let step = r#"{"outliers":{"summary":["s"],"metric":[5.5],"total_outliers":1},"tags":["outlier"]}"#;
    assert_eq!(text(edit.step(r#"{"a":1}"#)), Some((step.to_owned(), 1)));
    let rest = r#"{"outliers":{"summary":["s","t"],"metric":[5.5,5],"total_outliers":2}}"#;
    assert_eq!(text(edit.change(step)), Some((rest.to_owned(), 1)));
    assert_eq!(text(edit.step(step)), Some((rest.to_owned(), 1)));
    assert_eq!(text(edit.change(whole)), None);
    let untagged = r#"{"outliers":{"summary":["s","t"],"total_outliers":2},"tags":["x"],"b":"\ud800"}"#;
    assert_eq!(text(edit.change(untagged)), Some((r#"{"tags":["x","outlier"]}"#.to_owned(), 0)));
    assert!(edit.change("7").is_err());
}

/// What a document of the cluster is.
fn stored(index: &str, id: &str) -> Value {
    let mut stored = json!({"_index": index, "_id": id, "found": id != "gone", "_seq_no": 3, "_primary_term": 1});
    stored["_source"] = match id {
        "known" => json!({"outliers": {"summary": ["s"], "total_outliers": 1}, "tags": ["outlier"]}),
        _ => json!({"user": "ann"}),
    };
    stored
}

fn cluster() -> Script {
    Script::behind_hello(|request| {
        if request.line == "POST /_mget" {
            let body: Value = serde_json::from_str(&request.body).unwrap();
            let documents = body["docs"].as_array().unwrap().iter();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let docs: Vec<Value> = documents.map(|doc| stored(&text(&doc["_index"]), &text(&doc["_id"]))).collect();
            return Reply::Json(200, json!({"docs": docs}).to_string());
        }
        let heads = request.body.lines().step_by(2).map(|line| serde_json::from_str::<Value>(line).unwrap());
        let items: Vec<Value> = heads
            .map(|head| {
                let head = &head["update"];
                json!({"update": {"_index": head["_index"], "_id": head["_id"], "status": 200, "result": "updated"}})
            })
            .collect();
        Reply::Json(200, json!({"items": items}).to_string())
    })
}

fn gathered() -> Gathered {
    let mut gathered = Gathered::new(&std::env::temp_dir());
    // two scan groups; the documents of the second come in another order
    for (use_case_idx, ids) in [(0, ["new", "gone", "known"]), (1, ["known", "new", "gone"])] {
        for id in ids {
            let routing = (id == "new").then(|| "r".to_owned());
            let id = DocumentId { index: "i".to_owned(), id: id.to_owned(), routing };
            let summary = if use_case_idx == 0 { "s" } else { "t" };
            gathered.push(id, vec![(use_case_idx, outlier(summary, json!(1)).to_string())]).unwrap();
        }
    }
    gathered
}

async fn connect(server: &Script, interrupt: &Interrupt) -> (Client, DocumentCache) {
    let settings = ElasticSettings { es_urls: vec![server.url.clone()], ..ElasticSettings::default() };
    let client = Client::connect(&settings, interrupt).await.unwrap();
    let documents = DocumentCache::new(&client, &std::env::temp_dir());
    (client, documents)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_changes_once_with_the_outliers_of_all_scan_groups() {
    let server = cluster();
    let interrupt = Interrupt::default();
    let (client, documents) = connect(&server, &interrupt).await;
    let mut writer = DocumentWriter::new(&client);
    let mut lost = Written::default();
    let mut outputs = Outputs { findings: Some(crate::sinks::console::Findings::default()), ..Outputs::default() };
    let to = ClusterOutputs {
        documents: &documents,
        interrupt: &interrupt,
        outputs: &mut outputs,
        logged: None,
        writer: Some(&mut writer),
        lost: &mut lost,
    };
    let mut n_documents = [0; 2];
    write(gathered(), to, &mut n_documents).await.unwrap();
    let (written, ended) = writer.finish().await;
    assert!(ended.is_none());
    assert_eq!((written.updated, written.outliers, lost.gone, n_documents), (2, 3, 1, [2, 2]));
    let bulk = server.received().into_iter().find(|request| request.line.contains("_bulk")).unwrap();
    let lines: Vec<Value> = bulk.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let guard = |id: &str| json!({"update": {"_index": "i", "_id": id, "if_seq_no": 3, "if_primary_term": 1}});
    let mut routed = guard("new");
    routed["update"]["routing"] = json!("r");
    assert_eq!((&lines[0], &lines[2], lines.len()), (&guard("known"), &routed, 6));
    assert_eq!(lines[1]["doc"]["outliers"]["summary"], json!(["s", "t"]));
    assert_eq!(
        lines[3]["doc"],
        json!({"outliers": {"summary": ["s", "t"], "metric": [1, 1], "total_outliers": 2}, "tags": ["outlier"]})
    );
    assert!(outputs.findings.unwrap().table(|idx| format!("u{idx}")).contains("u1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_writer_nothing_is_written_and_an_interrupted_run_counts_what_is_left() {
    let server = cluster();
    let interrupt = Interrupt::default();
    let (client, documents) = connect(&server, &interrupt).await;
    let mut outputs = Outputs::default();
    let to = ClusterOutputs {
        documents: &documents,
        interrupt: &interrupt,
        outputs: &mut outputs,
        logged: None,
        writer: None,
        lost: &mut Written::default(),
    };
    let mut n_documents = [0; 2];
    write(gathered(), to, &mut n_documents).await.unwrap();
    assert_eq!((n_documents, server.lines()), ([2, 2], vec!["POST /_mget".to_owned()]));
    interrupt.raise();
    let mut writer = DocumentWriter::new(&client);
    let mut lost = Written::default();
    let to = ClusterOutputs {
        documents: &documents,
        interrupt: &interrupt,
        outputs: &mut outputs,
        logged: None,
        writer: Some(&mut writer),
        lost: &mut lost,
    };
    let error = write(gathered(), to, &mut n_documents).await.unwrap_err();
    assert!(matches!(error, GroupError::Source(SourceError::Cancelled)));
    assert_eq!((writer.finish().await.0, lost.not_written), (Written::default(), 3));
}
