//! Answer to a search, parsed without copying: the sources of the hits stay text.

use std::borrow::Cow;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::error::{Fault, ItemError};

const ENDED_EARLY: &str = "the search ended before it had seen all documents";

/// Complete page of hits.
#[derive(Debug)]
pub struct Page<'a> {
    /// Number of matching documents, if they were counted.
    pub total: Option<u64>,
    /// Number of shards searched.
    pub shards: u64,
    /// The hits.
    pub hits: Vec<Hit<'a>>,
}

/// Hit of a search; values that are not ours stay JSON text.
#[derive(Debug, Deserialize)]
pub struct Hit<'a> {
    /// Concrete index.
    #[serde(borrow, rename = "_index")]
    pub index: &'a RawValue,
    /// Id.
    #[serde(borrow, rename = "_id")]
    pub id: &'a RawValue,
    /// Routing, if the document was stored with one.
    #[serde(borrow, default, rename = "_routing")]
    pub routing: Option<Cow<'a, str>>,
    /// The document, or the requested part of it.
    #[serde(borrow, default, rename = "_source")]
    pub source: Option<&'a RawValue>,
    /// Sort values, from which the next page continues.
    #[serde(borrow, default)]
    pub sort: Option<&'a RawValue>,
    /// Matching parts by field, if they were requested.
    #[serde(borrow, default)]
    pub highlight: Option<&'a RawValue>,
    /// Names of the queries that match.
    #[serde(borrow, default)]
    pub matched_queries: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    timed_out: bool,
    terminated_early: Option<bool>,
    #[serde(borrow, rename = "_shards")]
    shards: Shards<'a>,
    #[serde(default, rename = "_clusters")]
    clusters: Clusters,
    #[serde(borrow)]
    hits: Hits<'a>,
}

#[derive(Deserialize)]
struct Shards<'a> {
    total: u64,
    failed: u64,
    #[serde(borrow, default)]
    failures: Vec<&'a RawValue>,
}

/// Remote clusters of a search.
#[derive(Default, Deserialize)]
struct Clusters {
    #[serde(default)]
    skipped: u64,
}

#[derive(Deserialize)]
struct Hits<'a> {
    total: Option<Total>,
    #[serde(borrow)]
    hits: Vec<Hit<'a>>,
}

#[derive(Deserialize)]
struct Total {
    value: u64,
    relation: Cow<'static, str>,
}

impl<'a> Page<'a> {
    /// Parses the answer to a search.
    ///
    /// # Errors
    /// Failed shards, a search that ran out of time, text that is not an answer.
    pub fn read(answer: &'a [u8]) -> Result<Self, String> {
        let envelope = Envelope::read(answer)?;
        if envelope.terminated_early == Some(true) {
            return Err(ENDED_EARLY.to_owned());
        }
        envelope.into_page()
    }

    /// Parses the second or a later page of a scroll. There each shard stops once the page is full,
    /// and Elasticsearch 7 reports this as `terminated_early`, which is therefore ignored.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_scrolled(answer: &'a [u8]) -> Result<Self, String> {
        Envelope::read(answer)?.into_page()
    }
}

impl<'a> Envelope<'a> {
    fn read(answer: &'a [u8]) -> Result<Self, String> {
        serde_json::from_slice(answer).map_err(|error| error.to_string())
    }

    fn into_page(self) -> Result<Page<'a>, String> {
        let Envelope { timed_out, shards, clusters, hits, .. } = self;
        if shards.failed > 0 {
            let failure = shards.failures.first().map_or("{}", |failure| failure.get());
            return Err(format!("{} of {} shards failed: {}", shards.failed, shards.total, shard_failure(failure)));
        }
        if clusters.skipped > 0 {
            return Err(format!("remote clusters skipped: {}", clusters.skipped));
        }
        if timed_out {
            return Err(ENDED_EARLY.to_owned());
        }
        let total = hits.total.filter(|total| total.relation == "eq").map(|total| total.value);
        Ok(Page { total, shards: shards.total, hits: hits.hits })
    }
}

/// Returns the id of the point in time or scroll in an answer. It comes first, so even an answer
/// that broke off or is incomplete says what must be closed.
pub(super) fn context_id(answer: &[u8]) -> Option<String> {
    struct Start<'a>(&'a mut Option<String>);

    impl<'de> Visitor<'de> for Start<'_> {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the answer to a search")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut answer: A) -> Result<(), A::Error> {
            while let Some(key) = answer.next_key::<String>()? {
                if ["pit_id", "_scroll_id"].contains(&key.as_str()) {
                    *self.0 = answer.next_value()?;
                    break;
                }
                answer.next_value::<IgnoredAny>()?;
            }
            Ok(())
        }
    }

    let mut id = None;
    // the rest is not read, which serde reports as an error
    drop(serde_json::Deserializer::from_slice(answer).deserialize_map(Start(&mut id)));
    id
}

/// Returns the reason in `{"shard":0,"index":"a","reason":{"type":"t","reason":"r"}}`.
fn shard_failure(failure: &str) -> String {
    #[derive(Deserialize)]
    struct Failure {
        #[serde(default)]
        reason: ItemError,
    }
    match serde_json::from_str(failure) {
        Ok(Failure { reason: ItemError { error_type, reason: Some(reason) } }) => {
            format!("{error_type}: {}", Fault::new(0, "", &reason).reason)
        }
        _ => Fault::new(0, "", failure).reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &str, hits: &str) -> String {
        format!(r#"{{"took":1,{more}"hits":{{"max_score":null,{hits}}}}}"#)
    }

    #[test]
    fn hits_are_parsed() {
        let answer = read(
            r#""pit_id":"p","timed_out":false,"_shards":{"total":2,"successful":2,"skipped":0,"failed":0},"#,
            r#""total":{"value":2,"relation":"eq"},"hits":[
                {"_index":"a","_id":"1\"","_score":null,"_source":{"x": 1,
                "y":"é"},"matched_queries":["u:0","\u0075:1"],"sort":[4294967296]},
                {"_index":"b","_id":"2","_routing":"r","sort":[7]}]"#,
        );
        let page = Page::read(answer.as_bytes()).unwrap();
        assert_eq!((page.total, page.shards), (Some(2), 2));
        let [first, second] = &page.hits[..] else { panic!("two hits") };
        assert_eq!(first.matched_queries, ["u:0", "u:1"]);
        assert_eq!((first.id.get(), first.sort.unwrap().get()), (r#""1\"""#, "[4294967296]"));
        assert!(first.source.unwrap().get().starts_with(r#"{"x": 1,"#));
        assert_eq!((second.routing.as_deref(), second.source.is_none()), (Some("r"), true));
    }

    #[test]
    fn contexts_are_found_in_answers_of_any_length() {
        let answer = read(r#""pit_id":"p\u0031","timed_out":true,"#, r#""hits":[]"#);
        assert_eq!(context_id(answer.as_bytes()).as_deref(), Some("p1"));
        let answer = r#"{"_scroll_id":"abc","took":1,"hits":{"hits":[{"_scroll_id":"no"}]}}"#;
        for len in 0..=answer.len() {
            let expected = (len > r#"{"_scroll_id":"abc"#.len()).then_some("abc");
            assert_eq!(context_id(&answer.as_bytes()[..len]).as_deref(), expected, "{len}");
        }
        for answer in ["", "{}", "[]", "<html>", r#"{"_scroll_id":7}"#, r#"{"hits":{"_scroll_id":"no"}}"#] {
            assert_eq!(context_id(answer.as_bytes()), None, "{answer}");
        }
    }

    #[test]
    fn full_pages_of_a_scroll_may_end_early() {
        let answer = read(
            r#""_scroll_id":"s","timed_out":false,"terminated_early":true,"_shards":{"total":1,"failed":0},"#,
            r#""hits":[{"_index":"a","_id":"1"}]"#,
        );
        assert_eq!(Page::read_scrolled(answer.as_bytes()).unwrap().hits.len(), 1);
        assert!(Page::read(answer.as_bytes()).is_err());
        let timed_out = answer.replace(r#""timed_out":false"#, r#""timed_out":true"#);
        assert!(Page::read_scrolled(timed_out.as_bytes()).is_err());
    }

    #[test]
    fn an_incomplete_answer_is_an_error() {
        let whole = r#""timed_out":false,"_shards":{"total":1,"failed":0},"#;
        assert!(Page::read(read(whole, r#""hits":[]"#).as_bytes()).unwrap().hits.is_empty());
        let capped = read(whole, r#""total":{"value":10000,"relation":"gte"},"hits":[]"#);
        assert_eq!(Page::read(capped.as_bytes()).unwrap().total, None);
        for (more, expected) in [
            (r#""timed_out":true,"_shards":{"total":1,"failed":0},"#, "before it had seen all"),
            (
                r#""timed_out":false,"terminated_early":true,"_shards":{"total":1,"failed":0},"#,
                "before it had seen all",
            ),
            (
                r#""timed_out":false,"_shards":{"total":3,"failed":1,"failures":[{"shard":0,"reason":{"type":"t","reason":"r"}}]},"#,
                "1 of 3 shards failed: t: r",
            ),
            (r#""timed_out":false,"_shards":{"total":3,"failed":3},"#, "3 of 3 shards failed"),
            (
                r#""timed_out":false,"_shards":{"total":1,"failed":0},"_clusters":{"total":2,"skipped":1},"#,
                "remote clusters skipped: 1",
            ),
            ("", "missing field"),
        ] {
            let error = Page::read(read(more, r#""hits":[]"#).as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        for answer in ["", "{}", "null", "[]", "{\"hits\":", "<html>"] {
            assert!(Page::read(answer.as_bytes()).is_err(), "{answer}");
        }
    }
}
