use serde_json::{Value, json};

use super::*;
use crate::config::ElasticSettings;
use crate::elastic::script::{Reply, Script};
use crate::runtime::Interrupt;

/// Cluster that has every document except `lost`.
fn cluster() -> Script {
    Script::behind_hello(|request| {
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let found = |wanted: &Value| {
            let mut found = wanted.clone();
            found["found"] = json!(wanted["_id"] != "lost");
            (found["_seq_no"], found["_primary_term"]) = (json!(7), json!(2));
            found["_source"] = json!({"of": wanted["_id"]});
            found
        };
        let docs: Vec<Value> = body["docs"].as_array().unwrap().iter().map(found).collect();
        Reply::Json(200, json!({"docs": docs}).to_string())
    })
}

fn id(index: &str, id: &str) -> DocumentId {
    DocumentId { index: index.to_owned(), id: id.to_owned(), routing: (id == "r").then(|| "x".to_owned()) }
}

async fn client(server: &Script) -> Client {
    let settings = ElasticSettings { es_urls: vec![server.url.clone()], ..ElasticSettings::default() };
    Client::connect(&settings, &Interrupt::default()).await.unwrap()
}

/// Returns the ids in each request.
fn asked(server: &Script) -> Vec<Vec<String>> {
    let ids = |body: &str| {
        let body: Value = serde_json::from_str(body).unwrap();
        body["docs"].as_array().unwrap().iter().map(|doc| doc["_id"].as_str().unwrap().to_owned()).collect()
    };
    server.received().iter().map(|request| ids(&request.body)).collect()
}

fn check(documents: &[Lookup], ids: &[DocumentId]) {
    assert_eq!(documents.len(), ids.len());
    for (document, id) in documents.iter().zip(ids) {
        let Lookup::Found(StoredDocument { id: of, version, source }) = document else { panic!("{id:?}") };
        let version = (version.seq_no, version.primary_term);
        assert_eq!((of, version, source.as_str()), (id, (7, 2), &*json!({"of": id.id}).to_string()));
    }
}

#[tokio::test]
async fn a_document_is_read_once() {
    let server = cluster();
    let cache = DocumentCache::new(&client(&server).await, &std::env::temp_dir());
    let ids = [id("a", "1"), id("b", "1"), id("a", "r"), id("a", "ä\n\"")];
    check(&cache.read_by_id(&ids[..3]).await.unwrap(), &ids[..3]);
    let again = [ids[3].clone(), ids[2].clone(), ids[0].clone(), ids[1].clone()];
    check(&cache.read_by_id(&again).await.unwrap(), &again);
    assert_eq!(asked(&server), [vec!["1", "1", "r"], vec!["ä\n\""]]);
    // a missing document is requested again
    for _ in 0..2 {
        assert!(matches!(cache.read_by_id(&[id("a", "lost")]).await.unwrap()[..], [Lookup::Gone]));
    }
    assert_eq!(asked(&server).len(), 4);
}

#[tokio::test]
async fn documents_beyond_the_limit_are_read_again() {
    let server = cluster();
    let ids: Vec<DocumentId> = (10..20).map(|n| id("a", &n.to_string())).collect();
    let mut record = Vec::new();
    let source = json!({"of": "10"}).to_string();
    let version = DocumentVersion { seq_no: 7, primary_term: 2 };
    encode(&StoredDocument { id: ids[0].clone(), version, source }, &mut record).unwrap();
    for n_kept in [0, 3, 10] {
        let room = (record.len() * n_kept + record.len() / 2) as u64;
        let n_before = asked(&server).len();
        let cache = DocumentCache::keeping(&client(&server).await, &std::env::temp_dir(), room);
        for _ in 0..2 {
            check(&cache.read_by_id(&ids).await.unwrap(), &ids);
        }
        let n_asked: Vec<usize> = asked(&server)[n_before..].iter().map(Vec::len).collect();
        let expected = if n_kept == 10 { vec![10] } else { vec![10, 10 - n_kept] };
        assert_eq!(n_asked, expected);
    }
}

#[test]
fn records_are_complete_and_belong_to_their_id() {
    let source = r#"{"a":"\ud800"}"#.to_owned();
    let version = DocumentVersion { seq_no: i64::MAX, primary_term: -1 };
    let mut record = Vec::new();
    encode(&StoredDocument { id: id("a", "1"), version, source }, &mut record).unwrap();
    let found = decode(&record, &id("a", "1")).unwrap().unwrap();
    assert_eq!((found.version, found.source.as_str()), (version, r#"{"a":"\ud800"}"#));
    // another id with the same hash
    for other in [id("a", "2"), id("b", "1"), id("a", "r")] {
        assert!(decode(&record, &other).unwrap().is_none());
    }
    for len in 0..record.len() {
        assert!(decode(&record[..len], &id("a", "1")).is_err(), "{len}");
    }
}
