//! One slice of a search, page by page, ahead of those who decode.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::elastic::{Class, Client, Cursor, ElasticError, PitDialect, PointInTime, SearchTarget};

/// Bytes of an answer that are aimed at: enough to keep a connection busy, little enough for many at once, as each slice and thread holds
/// some.
const PAGE_BYTES: usize = 4 << 20;

/// Documents of the first page, before their size is known.
const FIRST_PAGE: usize = 1000;

/// Fewest documents of a page.
const SMALLEST_PAGE: usize = 10;

/// What all slices of a search have in common.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) client: Client,
    pub(super) target: SearchTarget,
    pub(super) query: Value,
    /// `_source` of the hits.
    pub(super) source: Value,
    /// Order of the hits: by a place that no two have in common.
    pub(super) sort: Value,
    pub(super) n_slices: usize,
    /// Most documents per page.
    pub(super) max_page: usize,
    pub(super) keep_alive: String,
    pub(super) contexts: Contexts,
}

/// What is open on the server and must be closed.
#[derive(Debug)]
pub(super) enum Contexts {
    /// One point in time for all slices; its newest id.
    PointInTime(Mutex<PointInTime>),
    /// The scrolls that each slice has opened; the last one is read.
    Scrolls(Mutex<Vec<Vec<String>>>),
}

/// A page on its way to those who decode.
#[derive(Debug)]
pub(super) struct SlicePage {
    pub(super) body: Vec<u8>,
    pub(super) cursor: Cursor,
    pub(super) slice: usize,
    /// Takes what the page says about the next one.
    pub(super) next: oneshot::Sender<NextPage>,
}

/// What a page says about the next one; owned, because the page stays with those who decode.
#[derive(Debug)]
pub(super) struct NextPage {
    pub(super) n_hits: usize,
    pub(super) sort: Option<Value>,
    pub(super) total: Option<u64>,
}

/// What a slice gave at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SliceEnd {
    /// Documents that it gave.
    pub(super) seen: u64,
    /// Documents that the server counted, where it did.
    pub(super) total: Option<u64>,
}

/// Order of the hits of a search over `n_shards` shards: by a place that no two documents share, so that none is lost
/// between two pages.
///
/// OpenSearch numbers shards within their index: documents of several indices may have the same `_shard_doc`.
pub(super) fn sort(dialect: Option<PitDialect>, n_shards: u64) -> Value {
    match dialect {
        None => json!(["_doc"]),
        Some(PitDialect::OpenSearch) if n_shards > 1 => json!([{"_shard_doc": "asc"}, {"_index": "asc"}]),
        Some(_) => json!([{"_shard_doc": "asc"}]),
    }
}

/// Reads a slice to its end, or to an error of its own; ends early when nobody takes its pages.
pub(super) async fn read(
    search: Arc<Search>,
    slice: usize,
    pages: mpsc::Sender<SlicePage>,
) -> Result<SliceEnd, ElasticError> {
    let mut end = SliceEnd::default();
    let mut size = first_size(&search).await?;
    let mut after = None;
    loop {
        let (body, cursor, asked) = page(&search, slice, &mut size, after.as_ref(), end.seen == 0).await?;
        let n_bytes = body.len();
        let (sender, receiver) = oneshot::channel();
        if pages.send(SlicePage { body, cursor, slice, next: sender }).await.is_err() {
            return Ok(end);
        }
        // an incomplete page is reported by those who decode it
        let Ok(next) = receiver.await else { return Ok(end) };
        end.seen += next.n_hits as u64;
        end.total = end.total.or(next.total);
        // a server that gives more than it counted would never come to an end
        let is_complete = end.total.is_some_and(|total| end.seen >= total);
        let is_last = match search.contexts {
            Contexts::PointInTime(_) => next.n_hits < asked,
            Contexts::Scrolls(_) => next.n_hits == 0,
        };
        if is_complete || is_last {
            return Ok(end);
        }
        size = page_size(n_bytes, next.n_hits, search.max_page);
        after = next.sort;
    }
}

/// A page, where it came from, and how many documents it was asked for.
async fn page(
    search: &Search,
    slice: usize,
    size: &mut usize,
    after: Option<&Value>,
    is_first: bool,
) -> Result<(Vec<u8>, Cursor, usize), ElasticError> {
    loop {
        let cursor = search.contexts.cursor(slice);
        let body = search.body(slice, *size, after, is_first);
        let keep = |id| search.contexts.keep(slice, &cursor, id);
        match search.client.page(&search.target, &cursor, &search.keep_alive, &body, keep).await {
            Ok(answer) => return Ok((answer.body, cursor, *size)),
            // one page may be too much for a node that has room for half of it
            Err(error) if is_too_large(&error) && *size > SMALLEST_PAGE && !matches!(cursor, Cursor::Scrolled(_)) => {
                *size = (*size / 2).max(SMALLEST_PAGE);
                tracing::warn!(size, "{error}: asking for smaller pages");
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_too_large(error: &ElasticError) -> bool {
    error.fault().is_some_and(|fault| {
        fault.error_type == "circuit_breaking_exception" || (fault.class() == Class::Poison && fault.status == 413)
    })
}

/// A scroll keeps the size of its first page, so it is measured first.
async fn first_size(search: &Search) -> Result<usize, ElasticError> {
    const SAMPLE: usize = 100;
    if matches!(search.contexts, Contexts::PointInTime(_)) {
        return Ok(FIRST_PAGE.min(search.max_page));
    }
    let body = json!({"size": SAMPLE, "query": search.query, "_source": search.source, "track_total_hits": false});
    let sample = search.client.sample(&search.target, &body).await?;
    Ok(page_size(sample.len(), SAMPLE, search.max_page))
}

/// How many documents make a page of the wanted bytes, if the next are like the last.
fn page_size(n_bytes: usize, n_hits: usize, most: usize) -> usize {
    let per_hit = n_bytes / n_hits.max(1) + 1;
    (PAGE_BYTES / per_hit).clamp(SMALLEST_PAGE, most.max(SMALLEST_PAGE)).min(most)
}

impl Search {
    fn body(&self, slice: usize, size: usize, after: Option<&Value>, is_first: bool) -> Value {
        let mut body = json!({
            "size": size,
            "query": self.query,
            "_source": self.source,
            "sort": self.sort,
            "track_total_hits": is_first,
        });
        if self.n_slices > 1 {
            body["slice"] = json!({"id": slice, "max": self.n_slices});
        }
        if let Contexts::PointInTime(pit) = &self.contexts {
            let pit = pit.lock().unwrap_or_else(PoisonError::into_inner);
            body["pit"] = json!({"id": pit.id, "keep_alive": self.keep_alive});
        }
        if let Some(after) = after {
            body["search_after"] = after.clone();
        }
        body
    }
}

impl Contexts {
    fn cursor(&self, slice: usize) -> Cursor {
        match self {
            Self::PointInTime(_) => Cursor::PointInTime,
            Self::Scrolls(scrolls) => match scrolls.lock().unwrap_or_else(PoisonError::into_inner)[slice].last() {
                Some(id) => Cursor::Scrolled(id.clone()),
                None => Cursor::Scroll,
            },
        }
    }

    /// Notes the context that an answer at `cursor` names.
    fn keep(&self, slice: usize, cursor: &Cursor, id: String) {
        match self {
            Self::PointInTime(pit) => pit.lock().unwrap_or_else(PoisonError::into_inner).id = id,
            Self::Scrolls(scrolls) => {
                let opened = &mut scrolls.lock().unwrap_or_else(PoisonError::into_inner)[slice];
                // a page may come with another id of the same scroll
                if matches!(cursor, Cursor::Scrolled(_)) {
                    opened.pop();
                }
                opened.push(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_aim_at_their_bytes() {
        for (n_bytes, n_hits, most, expected) in [
            (1_000_000, 1000, 10_000, 4190),
            (100_000, 1000, 10_000, 10_000),
            (1_000_000_000, 1000, 10_000, SMALLEST_PAGE),
            (0, 0, 10_000, 10_000),
            (1_000_000, 1000, 5, 5),
        ] {
            assert_eq!(page_size(n_bytes, n_hits, most), expected, "{n_bytes} {n_hits} {most}");
        }
    }
}
