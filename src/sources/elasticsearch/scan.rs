//! One pass over a search: slices read ahead, pages are decoded on rayon's threads and delivered in the order they came.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::{BooleanArray, BooleanBufferBuilder};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::ids::{Identity, PageIds};
use super::queries::query_idx;
use super::slice::{self, NextPage, Search, SliceEnd, SlicePage};
use super::tagged::take_out;
use crate::compute::InOrder;
use crate::elastic::{ElasticError, Hit, Page};
use crate::event::decode::{Decoder, EventBatch, HitText, Identity as IdentityHash, Projection};
use crate::sources::spool::{Copied, Spool};
use crate::sources::{OnBatch, ScanOptions, ScanSummary, SourceError};

/// Pages of a slice that wait to be decoded.
const PAGES_AHEAD: usize = 2;

/// How often a scan looks whether it was cancelled while it waits.
const LOOK_AT_CANCEL: Duration = Duration::from_millis(100);

/// What a pass needs and adds to.
pub(super) struct Pass<'a, 'b> {
    pub(super) search: Arc<Search>,
    pub(super) runtime: &'a tokio::runtime::Handle,
    pub(super) decoders: Arc<Decoders>,
    pub(super) options: &'a ScanOptions,
    pub(super) spool: &'a Spool,
    /// Where the ids of each page are; the number of a batch is its place here.
    pub(super) pages: &'a Mutex<Vec<Copied>>,
    pub(super) summary: &'a mut ScanSummary,
    pub(super) on_batch: &'a mut OnBatch<'b>,
}

/// Why a pass ended early.
pub(super) enum Ended {
    /// The server lost its place, or a page: another pass can go on.
    Lost(ElasticError),
    /// For good.
    Failed(SourceError),
}

impl From<SourceError> for Ended {
    fn from(error: SourceError) -> Self {
        Ended::Failed(error)
    }
}

impl Pass<'_, '_> {
    /// Reads all slices; what each gave.
    pub(super) fn run(&mut self) -> Result<Vec<SliceEnd>, Ended> {
        let (sender, mut receiver) = mpsc::channel(self.search.n_slices * PAGES_AHEAD);
        let mut slices = JoinSet::new();
        for slice in 0..self.search.n_slices {
            slices.spawn_on(slice::read(Arc::clone(&self.search), slice, sender.clone()), self.runtime);
        }
        drop(sender);
        let mut decoding = InOrder::new(2 * self.options.threads.max(1) + 1);
        let outcome = self.take_pages(&mut receiver, &mut decoding);
        drop(receiver);
        // slices end by themselves when nobody takes their pages, but may be waiting for an answer
        if outcome.is_err() {
            slices.abort_all();
        }
        let mut ends = Vec::new();
        let mut lost = None;
        while let Some(joined) = self.runtime.block_on(slices.join_next()) {
            match joined {
                Ok(Ok(end)) => ends.push(end),
                Ok(Err(error)) => lost = Some(error),
                Err(join_error) if join_error.is_panic() => std::panic::resume_unwind(join_error.into_panic()),
                Err(_) => {}
            }
        }
        outcome?;
        lost.map_or(Ok(ends), |error| Err(Ended::Lost(error)))
    }

    fn take_pages(
        &mut self,
        receiver: &mut mpsc::Receiver<SlicePage>,
        decoding: &mut InOrder<Result<Decoded, Ended>>,
    ) -> Result<(), Ended> {
        loop {
            if self.options.cancel.load(Ordering::Relaxed) {
                return Err(SourceError::Cancelled.into());
            }
            let waited = async { tokio::time::timeout(LOOK_AT_CANCEL, receiver.recv()).await };
            let page = match self.runtime.block_on(waited) {
                Err(_) => continue,
                Ok(None) => break,
                Ok(Some(page)) => page,
            };
            self.options.progress.add_bytes(page.body.len() as u64);
            self.summary.bytes += page.body.len() as u64;
            let decoders = Arc::clone(&self.decoders);
            if let Some(decoded) = decoding.start(move || decoders.decode(page)) {
                self.deliver(decoded?)?;
            }
        }
        while let Some(decoded) = decoding.finish_one() {
            self.deliver(decoded?)?;
        }
        Ok(())
    }

    fn deliver(&mut self, decoded: Decoded) -> Result<(), Ended> {
        let Decoded { mut batch, ids: (packed, n_bytes) } = decoded;
        let spool_error = |source| SourceError::Spool { name: self.search.target.as_str().to_owned(), source };
        let place = self.spool.append(&packed, n_bytes).map_err(spool_error)?;
        {
            let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
            batch.number = pages.len() as u32;
            pages.push(place);
        }
        let n_events = batch.rows.len() as u64;
        self.summary.events += n_events;
        self.options.progress.add_events(n_events);
        self.summary.skipped.merge(std::mem::take(&mut batch.skipped));
        (self.on_batch)(batch).map_err(|error| Ended::Failed(SourceError::Consumer(error)))
    }
}

/// A decoded page.
pub(super) struct Decoded {
    batch: EventBatch,
    /// Its ids, compressed, and their length before.
    ids: (Vec<u8>, usize),
}

/// Decoders that wait for work, and what they need to know.
pub(super) struct Decoders {
    pub(super) projection: Projection,
    pub(super) id_hash: bool,
    /// Distinct queries.
    pub(super) n_queries: usize,
    /// Per use case, which of them is its own.
    pub(super) query_of: Vec<usize>,
    /// Per use case, the name of earlier outliers that take a document out of it.
    pub(super) tags: Vec<Option<String>>,
    /// Name of what is read.
    pub(super) name: Arc<str>,
    /// Documents that an earlier pass gave.
    pub(super) seen: HashSet<Identity>,
    pub(super) idle: Mutex<Vec<Decoder>>,
}

impl Decoders {
    /// Takes a page apart, lets its slice go on, and decodes it.
    fn decode(&self, page: SlicePage) -> Result<Decoded, Ended> {
        let SlicePage { body, slice, next } = page;
        let what = || format!("reading {} (slice {slice})", self.name);
        let page =
            Page::read(&body).map_err(|reason| Ended::Lost(ElasticError::Incomplete { what: what(), reason }))?;
        // the slice is gone when the scan has failed: nobody wants to go on
        drop(next.send(next_page(&page)));
        let mut hits = page.hits;
        if !self.seen.is_empty() {
            hits.retain(|hit| !self.seen.contains(&(hit.index.get().to_owned(), hit.id.get().to_owned())));
        }
        let batch =
            self.columns(&hits).map_err(|source| SourceError::Columns { name: self.name.to_string(), source })?;
        let spool_error = |source| SourceError::Spool { name: self.name.to_string(), source };
        let ids = PageIds::new(&hits).pack().map_err(spool_error)?;
        Ok(Decoded { batch, ids })
    }

    fn columns(&self, hits: &[Hit<'_>]) -> Result<EventBatch, arrow::error::ArrowError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let identity = if self.id_hash { IdentityHash::Hashed } else { IdentityHash::NotWanted };
        let mut decoder = idle.unwrap_or_else(|| Decoder::new(&self.projection, identity));
        let wants_source = !self.projection.specs().is_empty();
        let texts = hits.iter().map(|hit| HitText {
            index: hit.index.get(),
            id: hit.id.get(),
            // a document without _source is none: it is skipped and counted
            source: hit.source.map_or(if wants_source { "" } else { "{}" }, |source| source.get()),
        });
        let mut batch = decoder.decode_hits(texts, &self.name)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(decoder);
        batch.matched = Some(self.masks(hits, &batch));
        Ok(batch)
    }

    /// Per use case, which rows its query matches.
    fn masks(&self, hits: &[Hit<'_>], batch: &EventBatch) -> Vec<BooleanArray> {
        let n_rows = batch.rows.len();
        // a single query has no name, and every hit matches it
        let mut matches = vec![vec![self.n_queries == 1; n_rows]; self.n_queries];
        for (row, place) in batch.rows.iter().enumerate() {
            let names = hits[place.line_in_batch as usize].matched_queries.iter();
            for idx in names.filter_map(|name| query_idx(name)) {
                if let Some(matches) = matches.get_mut(idx) {
                    matches[row] = true;
                }
            }
        }
        let mask_of = |idx: &usize| {
            let mut mask = BooleanBufferBuilder::new(n_rows);
            mask.append_slice(&matches[*idx]);
            mask
        };
        let mut masks: Vec<BooleanBufferBuilder> = self.query_of.iter().map(mask_of).collect();
        take_out(&mut masks, &self.tags, &batch.columns);
        masks.iter_mut().map(|mask| BooleanArray::new(mask.finish(), None)).collect()
    }
}

fn next_page(page: &Page<'_>) -> NextPage {
    let sort = page.hits.last().and_then(|hit| hit.sort);
    NextPage {
        n_hits: page.hits.len(),
        sort: sort.and_then(|sort| serde_json::from_str(sort.get()).ok()),
        context_id: page.pit_id.as_deref().or(page.scroll_id.as_deref()).map(str::to_owned),
        total: page.total,
    }
}
