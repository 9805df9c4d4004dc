//! Slice of a search: reads page after page, ahead of the decoders.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::ElasticIndices;
use crate::elastic::{Class, Cursor, ElasticError, PitDialect, PointInTime};

/// Target size of an answer in bytes: large enough to keep a connection busy, small enough for many
/// at once, as each slice and thread holds some.
const PAGE_BYTES: usize = 4 << 20;

/// Documents of the first page, before their size is known.
const FIRST_PAGE: usize = 1000;

/// Minimum number of documents per page.
const SMALLEST_PAGE: usize = 10;

/// Search that is shared by its slices.
#[derive(Debug)]
pub(super) struct SlicedSearch {
    pub(super) indices: Arc<ElasticIndices>,
    pub(super) query: Value,
    /// `_source` filter of the hits.
    pub(super) source: Value,
    /// Order of the hits, by a place that no two documents share.
    pub(super) sort: Value,
    pub(super) n_slices: usize,
    pub(super) contexts: Contexts,
}

/// Open search contexts, which must be closed.
#[derive(Debug)]
pub(super) enum Contexts {
    /// Point in time of all slices, with its latest id.
    PointInTime(Mutex<PointInTime>),
    /// Scrolls opened by each slice; the last one is in use.
    Scrolls(Mutex<Vec<Vec<String>>>),
}

/// Page on its way to the decoders.
#[derive(Debug)]
pub(super) struct SlicePage {
    pub(super) body: Vec<u8>,
    pub(super) cursor: Cursor,
    pub(super) slice: usize,
    /// Receives the data needed to request the next page.
    pub(super) next: oneshot::Sender<NextPage>,
}

/// Data of a page needed to request the next one; owned, because the page stays with the decoders.
#[derive(Debug)]
pub(super) struct NextPage {
    pub(super) n_hits: usize,
    pub(super) sort: Option<Value>,
    pub(super) total: Option<u64>,
}

/// Counts at the end of a slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SliceEnd {
    /// Number of documents read.
    pub(super) seen: u64,
    /// Number of documents that the server counted, if it did.
    pub(super) total: Option<u64>,
}

/// Returns the order of the hits of a search over `n_shards` shards: by a place that no two
/// documents share, so that no document is lost between two pages.
///
/// OpenSearch numbers shards per index, so documents of different indices may have the same
/// `_shard_doc`.
pub(super) fn sort(dialect: Option<PitDialect>, n_shards: u64) -> Value {
    match dialect {
        None => json!(["_doc"]),
        Some(PitDialect::OpenSearch) if n_shards > 1 => json!([{"_shard_doc": "asc"}, {"_index": "asc"}]),
        Some(_) => json!([{"_shard_doc": "asc"}]),
    }
}

/// Reads a slice to its end or its first error. Ends early once the receiver of its pages is
/// dropped.
pub(super) async fn read(
    search: Arc<SlicedSearch>,
    slice: usize,
    pages: mpsc::Sender<SlicePage>,
) -> Result<SliceEnd, ElasticError> {
    let mut end = SliceEnd::default();
    let mut size = first_size(&search).await?;
    let mut after = None;
    loop {
        let (body, cursor) = page(&search, slice, &mut size, after.as_ref()).await?;
        let n_bytes = body.len();
        let (sender, receiver) = oneshot::channel();
        if pages.send(SlicePage { body, cursor, slice, next: sender }).await.is_err() {
            return Ok(end);
        }
        // an incomplete page is reported by the decoders
        let Ok(next) = receiver.await else { return Ok(end) };
        end.seen += next.n_hits as u64;
        end.total = end.total.or(next.total);
        // a server that returns more documents than it counted would never end
        let is_complete = end.total.is_some_and(|total| end.seen >= total);
        let is_last = match search.contexts {
            Contexts::PointInTime(_) => next.n_hits < size,
            Contexts::Scrolls(_) => next.n_hits == 0,
        };
        if is_complete || is_last {
            return Ok(end);
        }
        size = page_size(n_bytes, next.n_hits, search.indices.max_page);
        after = next.sort;
    }
}

/// Returns a page and its cursor. Lowers `size`, the number of documents requested, if the server
/// cannot return so many at once.
async fn page(
    search: &SlicedSearch,
    slice: usize,
    size: &mut usize,
    after: Option<&Value>,
) -> Result<(Vec<u8>, Cursor), ElasticError> {
    let SlicedSearch { indices, contexts, .. } = search;
    loop {
        let cursor = contexts.cursor(slice);
        let body = search.body(slice, *size, after);
        let keep = |id| contexts.keep(slice, &cursor, id);
        match indices.client.page(&indices.target, &cursor, &indices.keep_alive, &body, keep).await {
            Ok(page) => return Ok((page, cursor)),
            // a node may lack the memory for a page but have enough for half of it
            Err(error) if is_too_large(&error) && *size > SMALLEST_PAGE && !matches!(cursor, Cursor::Scrolled(_)) => {
                *size = (*size / 2).max(SMALLEST_PAGE);
                tracing::warn!(size, "{error}: requesting smaller pages");
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

/// Returns the size of the first page. A scroll keeps it for all pages, so a sample is measured
/// first.
async fn first_size(search: &SlicedSearch) -> Result<usize, ElasticError> {
    const SAMPLE: usize = 100;
    if matches!(search.contexts, Contexts::PointInTime(_)) {
        return Ok(FIRST_PAGE.min(search.indices.max_page));
    }
    let body = json!({"size": SAMPLE, "query": search.query, "_source": search.source, "track_total_hits": false});
    let sample = search.indices.client.sample(&search.indices.target, &body).await?;
    Ok(page_size(sample.len(), SAMPLE, search.indices.max_page))
}

/// Returns the number of documents in a page of the target size, if they are as large as the last
/// ones.
fn page_size(n_bytes: usize, n_hits: usize, most: usize) -> usize {
    let per_hit = n_bytes / n_hits.max(1) + 1;
    (PAGE_BYTES / per_hit).clamp(SMALLEST_PAGE, most.max(SMALLEST_PAGE)).min(most)
}

impl SlicedSearch {
    /// Returns the request for the page after the sort values `after`, or for the first page.
    fn body(&self, slice: usize, size: usize, after: Option<&Value>) -> Value {
        let mut body = json!({
            "size": size,
            "query": self.query,
            "_source": self.source,
            "sort": self.sort,
            "track_total_hits": after.is_none(),
        });
        if self.n_slices > 1 {
            body["slice"] = json!({"id": slice, "max": self.n_slices});
        }
        if let Contexts::PointInTime(pit) = &self.contexts {
            let pit = pit.lock().unwrap_or_else(PoisonError::into_inner);
            body["pit"] = json!({"id": pit.id, "keep_alive": self.indices.keep_alive});
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

    /// Remembers the context named by an answer at `cursor`.
    fn keep(&self, slice: usize, cursor: &Cursor, id: String) {
        match self {
            Self::PointInTime(pit) => pit.lock().unwrap_or_else(PoisonError::into_inner).id = id,
            Self::Scrolls(scrolls) => {
                let opened = &mut scrolls.lock().unwrap_or_else(PoisonError::into_inner)[slice];
                // a page may name another id for the same scroll
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
    fn pages_have_about_the_target_size() {
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
