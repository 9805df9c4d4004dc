//! One pass over a search: slices read ahead; pages are decoded on rayon's threads and delivered in
//! the order in which they arrived.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::{BooleanArray, BooleanBufferBuilder};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::ids::{Identity, PageIds};
use super::queries::query_idx;
use super::slice::{self, NextPage, SliceEnd, SlicePage, SlicedSearch};
use super::tagged::{Tag, take_out};
use crate::elastic::{Cursor, ElasticError, Hit, Page};
use crate::event::decode::{Decoder, EventBatch, HitText, Identity as IdentityHash, Projection};
use crate::runtime::InOrder;
use crate::sources::{OnBatch, ScanOptions, ScanSummary, SourceError};
use crate::spill::{Compressed, Copied, Spool};

/// Pages of a slice that may wait to be decoded.
const PAGES_AHEAD: usize = 2;

/// Grace for slices to learn the ids of the search contexts that they are opening when a pass ends
/// early.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// State of a pass.
pub(super) struct Pass<'a, 'b> {
    pub(super) search: Arc<SlicedSearch>,
    pub(super) runtime: &'a tokio::runtime::Handle,
    pub(super) decoders: Arc<Decoders>,
    pub(super) options: &'a ScanOptions,
    pub(super) spool: &'a Spool,
    /// Places of the stored ids of each page; the number of a batch is its position here.
    pub(super) pages: &'a Mutex<Vec<Copied>>,
    pub(super) summary: &'a mut ScanSummary,
    pub(super) on_batch: &'a mut OnBatch<'b>,
}

/// Reasons why a pass ended early.
pub(super) enum Ended {
    /// The server lost the search context or a page: another pass can continue.
    Lost(ElasticError),
    /// Final error.
    Failed(SourceError),
}

impl From<SourceError> for Ended {
    fn from(error: SourceError) -> Self {
        Ended::Failed(error)
    }
}

impl Pass<'_, '_> {
    /// Reads all slices and returns the end of each.
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
        // once the receiver is dropped, slices end with their next answer
        let patience = if outcome.is_err() { LAST_ANSWERS } else { Duration::MAX };
        let ends = self.runtime.block_on(ends(&mut slices, patience));
        outcome?;
        ends.map_err(Ended::Lost)
    }

    fn take_pages(
        &mut self,
        receiver: &mut mpsc::Receiver<SlicePage>,
        decoding: &mut InOrder<Result<Decoded, Ended>>,
    ) -> Result<(), Ended> {
        loop {
            let interrupt = &self.options.interrupt;
            interrupt.check().map_err(SourceError::from)?;
            let received = self.runtime.block_on(interrupt.within(Duration::ZERO, receiver.recv()));
            let Some(page) = received.map_err(SourceError::from)? else { break };
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
        let Decoded { mut batch, ids } = decoded;
        let place = self.spool.append(ids).map_err(SourceError::from)?;
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

/// Collects the ends of the slices; those that take longer than `patience` are aborted.
async fn ends(
    slices: &mut JoinSet<Result<SliceEnd, ElasticError>>,
    patience: Duration,
) -> Result<Vec<SliceEnd>, ElasticError> {
    let mut ends = Vec::new();
    let mut lost = None;
    let mut is_over = std::pin::pin!(tokio::time::sleep(patience));
    loop {
        let joined = tokio::select! {
            joined = slices.join_next() => joined,
            () = &mut is_over => break,
        };
        match joined {
            None => break,
            Some(Ok(Ok(end))) => ends.push(end),
            Some(Ok(Err(error))) => lost = Some(error),
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Some(Err(_)) => {}
        }
    }
    slices.abort_all();
    lost.map_or(Ok(ends), Err)
}

pub(super) struct Decoded {
    batch: EventBatch,
    ids: Compressed,
}

/// Idle decoders and their shared state.
pub(super) struct Decoders {
    pub(super) projection: Projection,
    pub(super) id_hash: bool,
    /// Number of distinct queries.
    pub(super) n_queries: usize,
    /// Index of each use case's query.
    pub(super) query_of: Vec<usize>,
    /// Per use case, the tag by which earlier outliers exclude a document.
    pub(super) tags: Vec<Option<Tag>>,
    /// Name of the source.
    pub(super) name: Arc<str>,
    /// Documents that an earlier pass delivered.
    pub(super) seen: HashSet<Identity>,
    pub(super) idle: Mutex<Vec<Decoder>>,
}

impl Decoders {
    /// Parses a page, lets its slice continue, and decodes the page.
    fn decode(&self, page: SlicePage) -> Result<Decoded, Ended> {
        let SlicePage { body, cursor, slice, next } = page;
        let what = || format!("reading {} (slice {slice})", self.name);
        let read = if matches!(cursor, Cursor::Scrolled(_)) { Page::read_scrolled } else { Page::read };
        let page = read(&body).map_err(|reason| Ended::Lost(ElasticError::Incomplete { what: what(), reason }))?;
        // the slice no longer waits if the scan has failed
        drop(next.send(next_page(&page)));
        let mut hits = page.hits;
        if !self.seen.is_empty() {
            hits.retain(|hit| !self.seen.contains(&(hit.index.get().to_owned(), hit.id.get().to_owned())));
        }
        let batch =
            self.columns(&hits).map_err(|source| SourceError::Columns { name: self.name.to_string(), source })?;
        Ok(Decoded { batch, ids: PageIds::new(&hits).pack() })
    }

    fn columns(&self, hits: &[Hit<'_>]) -> Result<EventBatch, arrow::error::ArrowError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let identity = if self.id_hash { IdentityHash::Hashed } else { IdentityHash::NotWanted };
        let mut decoder = idle.unwrap_or_else(|| Decoder::new(&self.projection, identity));
        let wants_source = !self.projection.specs().is_empty();
        let texts = hits.iter().map(|hit| HitText {
            index: hit.index.get(),
            id: hit.id.get(),
            // a hit without _source is skipped and counted
            source: hit.source.map_or(if wants_source { "" } else { "{}" }, |source| source.get()),
        });
        let mut batch = decoder.decode_hits(texts, &self.name)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(decoder);
        batch.matched = Some(self.masks(hits, &batch));
        Ok(batch)
    }

    /// Returns, per use case, the rows that its query matches.
    fn masks(&self, hits: &[Hit<'_>], batch: &EventBatch) -> Vec<BooleanArray> {
        let n_rows = batch.rows.len();
        // a single query has no name; every hit matches it
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
        total: page.total,
    }
}
