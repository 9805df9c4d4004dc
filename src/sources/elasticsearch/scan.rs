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
use super::tagged::take_out;
use super::{ElasticEvents, Search};
use crate::elastic::{Cursor, ElasticError, Hit, Page};
use crate::event::decode::{Decoder, EventBatch, HitText, Identity as IdentityHash, Projection};
use crate::runtime::InOrder;
use crate::sources::{OnBatch, ScanOptions, ScanSummary, SourceError};
use crate::spill::Compressed;

/// Pages of a slice that may wait to be decoded.
const PAGES_AHEAD: usize = 2;

/// Grace for slices to learn the ids of the search contexts that they are opening when a pass ends
/// early.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// State of a pass.
pub(super) struct Pass<'a, 'b> {
    pub(super) source: &'a ElasticEvents,
    pub(super) search: &'a Arc<SlicedSearch>,
    pub(super) projection: &'a Projection,
    pub(super) options: &'a ScanOptions,
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
        let runtime = &self.source.indices.runtime;
        let decoders = Arc::new(Decoders::new(self.source, self.projection, self.options)?);
        let (sender, mut receiver) = mpsc::channel(self.search.n_slices * PAGES_AHEAD);
        let mut slices = JoinSet::new();
        for slice in 0..self.search.n_slices {
            slices.spawn_on(slice::read(Arc::clone(self.search), slice, sender.clone()), runtime);
        }
        drop(sender);
        let mut decoding = InOrder::new(2 * self.options.threads.max(1) + 1);
        let outcome = self.take_pages(&mut receiver, &mut decoding, &decoders);
        // once the receiver is dropped, slices end with their next answer
        drop(receiver);
        if let Err(ended) = outcome {
            // those that take longer are aborted
            let last_answers = async { tokio::time::timeout(LAST_ANSWERS, slices.join_all()).await };
            drop(runtime.block_on(last_answers));
            return Err(ended);
        }
        runtime.block_on(slices.join_all()).into_iter().collect::<Result<_, _>>().map_err(Ended::Lost)
    }

    fn take_pages(
        &mut self,
        receiver: &mut mpsc::Receiver<SlicePage>,
        decoding: &mut InOrder<Result<Decoded, Ended>>,
        decoders: &Arc<Decoders>,
    ) -> Result<(), Ended> {
        loop {
            let interrupt = &self.options.interrupt;
            interrupt.check().map_err(SourceError::from)?;
            let received = self.source.indices.runtime.block_on(interrupt.within(Duration::ZERO, receiver.recv()));
            let Some(page) = received.map_err(SourceError::from)? else { break };
            self.options.progress.add_bytes(page.body.len() as u64);
            self.summary.bytes += page.body.len() as u64;
            let decoders = Arc::clone(decoders);
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
        batch.number = self.source.scanned.add(ids).map_err(SourceError::from)?;
        let n_events = batch.rows.len() as u64;
        self.summary.events += n_events;
        self.options.progress.add_events(n_events);
        self.summary.skipped.merge(std::mem::take(&mut batch.skipped));
        (self.on_batch)(batch).map_err(|error| Ended::Failed(SourceError::Consumer(error)))
    }
}

struct Decoded {
    batch: EventBatch,
    ids: Compressed,
}

/// Idle decoders and their shared state.
struct Decoders {
    projection: Projection,
    identity: IdentityHash,
    search: Search,
    /// Name of the source.
    name: Arc<str>,
    /// Documents that an earlier pass delivered.
    seen: HashSet<Identity>,
    idle: Mutex<Vec<Decoder>>,
}

impl Decoders {
    fn new(source: &ElasticEvents, projection: &Projection, options: &ScanOptions) -> Result<Self, SourceError> {
        Ok(Decoders {
            projection: projection.clone(),
            identity: if options.id_hash { IdentityHash::Hashed } else { IdentityHash::NotWanted },
            search: source.search.clone(),
            name: source.indices.target.as_str().into(),
            seen: source.scanned.all()?,
            idle: Mutex::default(),
        })
    }

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
        let mut decoder = idle.unwrap_or_else(|| Decoder::new(&self.projection, self.identity));
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
        let Search { queries, tags, .. } = &self.search;
        let n_queries = queries.distinct.len();
        // a single query has no name; every hit matches it
        let mut matches = vec![vec![n_queries == 1; n_rows]; n_queries];
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
        let mut masks: Vec<BooleanBufferBuilder> = queries.of_use_cases.iter().map(mask_of).collect();
        take_out(&mut masks, tags, &batch.columns);
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
