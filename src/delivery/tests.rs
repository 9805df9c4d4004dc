use serde_json::json;

use super::*;
use crate::config::ElasticSettings;
use crate::elastic::Client;
use crate::elastic::script::{Reply, Script};
use crate::outlier::{FindingKey, Gathered, GatheredOutlier, Withheld};
use crate::sinks::elasticsearch::ClusterSink;
use crate::sources::elasticsearch::DocumentCache;

fn outlier(summary: &str, metric: Value) -> Value {
    json!({"fields": {"summary": summary, "metric": metric}, "unwrapped_summary": summary})
}

/// Returns a document as the cluster answers it.
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

fn gathered() -> GatheredDocuments {
    let gathered = Gathered::new(&std::env::temp_dir());
    // two scan groups; the documents of the second come in another order
    for (use_case_idx, ids) in [(0, ["new", "gone", "known"]), (1, ["known", "new", "gone"])] {
        for id in ids {
            let routing = (id == "new").then(|| "r".to_owned());
            let id = DocumentId { index: "i".to_owned(), id: id.to_owned(), routing };
            let summary = if use_case_idx == 0 { "s" } else { "t" };
            let outlier = outlier(summary, json!(1)).to_string();
            let document = DocumentKey { id, place: None };
            let (finding, surprise, time) = (FindingKey::default(), 1.0, None);
            let found = GatheredOutlier {
                document,
                use_case_idx,
                element: 0,
                outlier,
                aggregator: 0,
                round: 0,
                finding,
                surprise,
                time,
            };
            gathered.extend([found]).unwrap();
        }
    }
    gathered.store().unwrap().documents(Withheld::default()).unwrap()
}

async fn connect(server: &Script) -> (Client, DocumentCache) {
    let settings = ElasticSettings { es_urls: vec![server.url.clone()], ..ElasticSettings::default() };
    let client = Client::connect(&settings, &Interrupt::default()).await.unwrap();
    let documents = DocumentCache::new(&client, &std::env::temp_dir());
    (client, documents)
}

/// Delivers [`gathered`] outliers of two use cases.
fn deliver_to(
    documents: &dyn Documents,
    sinks: &mut [Box<dyn Sink + '_>],
    interrupt: &Interrupt,
) -> (Result<(), DeliveryError>, Delivery) {
    let mut delivery = Delivery::of(2);
    let result = tokio::task::block_in_place(|| deliver(gathered(), documents, sinks, interrupt, &mut delivery));
    (result, delivery)
}

/// Notes what is new and what is known, as `ID: new; known`.
#[derive(Debug)]
struct Notes<'a>(&'a mut Vec<String>);

impl Sink for Notes<'_> {
    fn deliver(&mut self, documents: &[Delivered]) -> Result<(), DeliveryError> {
        let summaries = |outliers: &[NumberedOutlier]| {
            outliers.iter().map(|found| found.outlier().unwrap().summary().to_owned()).collect::<Vec<_>>().join(" ")
        };
        let note = |document: &Delivered| {
            format!("{}: {}; {}", document.id.id, summaries(&document.new), summaries(&document.known))
        };
        self.0.extend(documents.iter().map(note));
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_changes_once_with_the_outliers_of_all_scan_groups() {
    let server = cluster();
    let (client, documents) = connect(&server).await;
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(ClusterSink::new(&client))];
    let (result, Delivery { n_documents, lost, .. }) = deliver_to(&documents, &mut sinks, &Interrupt::default());
    result.unwrap();
    let Closed { written, ended } = tokio::task::block_in_place(|| sinks[0].close());
    assert!(ended.is_none());
    let written = written.unwrap();
    assert_eq!((written.updated, written.outliers, lost.gone, &n_documents[..]), (2, 3, 1, &[2, 2][..]));
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
}

#[tokio::test(flavor = "multi_thread")]
async fn sinks_learn_which_outliers_are_new_to_a_document() {
    let server = cluster();
    let (_, documents) = connect(&server).await;
    let mut notes = Vec::new();
    let mut sinks: Vec<Box<dyn Sink + '_>> = vec![Box::new(Notes(&mut notes))];
    deliver_to(&documents, &mut sinks, &Interrupt::default()).0.unwrap();
    drop(sinks);
    assert_eq!(notes, ["known: t; s", "new: s t; "]);
}

#[test]
fn outliers_with_one_summary_are_one_in_their_document() {
    let found = |use_case_idx: usize, summary: &str| NumberedOutlier {
        number: 0,
        use_case_idx,
        json: outlier(summary, json!(use_case_idx)).to_string(),
        finding: FindingKey::default(),
        surprise: 1.0,
        time: None,
    };
    let document = |new: Vec<NumberedOutlier>, known: Vec<NumberedOutlier>| {
        let id = DocumentId { index: "i".to_owned(), id: "d".to_owned(), routing: None };
        let (version, changed, text) = (DocumentVersion::NONE, Vec::new(), String::new());
        Delivered { id, version, changed, text, new, known }
    };
    let mut delivery = Delivery::of(3);
    delivery.count(&document(vec![found(2, "s"), found(0, "s"), found(0, "t")], vec![found(0, "s"), found(0, "s")]));
    // of another use case, and in another document
    delivery.count(&document(vec![found(1, "s"), found(0, "s")], vec![found(2, "s")]));
    assert_eq!((delivery.n_documents, delivery.n_repeated), (vec![2, 1, 2], vec![2, 0, 0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_sinks_nothing_is_written_and_an_interrupted_run_counts_what_is_left() {
    let server = cluster();
    let interrupt = Interrupt::default();
    let (client, documents) = connect(&server).await;
    let (result, Delivery { n_documents, .. }) = deliver_to(&documents, &mut [], &interrupt);
    result.unwrap();
    assert_eq!((&n_documents[..], server.lines()), (&[2, 2][..], vec!["POST /_mget".to_owned()]));
    interrupt.raise();
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(ClusterSink::new(&client))];
    let (result, Delivery { lost, .. }) = deliver_to(&documents, &mut sinks, &interrupt);
    assert!(matches!(result, Err(DeliveryError::Source(SourceError::Cancelled))));
    let closed = tokio::task::block_in_place(|| sinks[0].close());
    assert_eq!((closed.written, lost.not_written), (Some(Written::default()), 3));
}
