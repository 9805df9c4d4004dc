//! Events from Elasticsearch and OpenSearch: one read for all use cases of a scan group.
//!
//! The server judges the queries and windows: each use case is a named query, only documents that some of them match are read, and each hit
//! says which. Slices of a point in time are read at once where the server has them, sliced scrolls elsewhere; see `slice.rs`. When the
//! server loses its place, a new pass gives what the earlier ones did not. Whole documents are read by their ids, once in a run.

mod documents;
mod fields;
mod ids;
mod queries;
mod scan;
mod slice;
mod tagged;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rayon::prelude::*;
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use super::{DocRef, EventSource, OnBatch, RawDocument, ScanOptions, ScanSummary, SourceError};
use crate::config::ElasticSettings;
use crate::elastic::{
    Attempts, Class, Client, DocumentId, ElasticError, Fault, Lookup, MappedFields, SearchTarget, StoredDocument,
    Survey,
};
use crate::event::decode::{Projection, with_valid_surrogates};
use crate::plan::ScanPlan;
use crate::spill::{Copied, Spool};
use queries::Queries;
use scan::{Decoders, Ended, Pass};
use slice::{Contexts, Search, SliceEnd};

pub use documents::DocumentCache;

/// Slices that are read at once, at most.
const MAX_SLICES: u64 = 8;

/// Slices of one shard: a point in time can be cut anywhere, a scroll cannot without looking at every id.
const MIN_PIT_SLICES: u64 = 2;

/// New passes after the server lost its place.
const MAX_PASSES: u32 = 6;

/// How long a context may take to close: it ends by itself soon.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(20);

/// Documents of some indices that match some use cases.
#[derive(Debug)]
pub struct ElasticEvents {
    client: Client,
    documents: Arc<DocumentCache>,
    target: SearchTarget,
    /// Queries of the use cases of the plan, as the server takes them.
    queries: Queries,
    /// Per use case, the name of earlier outliers that take a document out of it.
    tags: Vec<Option<tagged::Tag>>,
    fields: MappedFields,
    max_page: usize,
    keep_alive: String,
    runtime: Handle,
    spool: Spool,
    pages: Mutex<Vec<Copied>>,
}

impl ElasticEvents {
    /// The indices `es_index`; nothing is read yet. Whole documents come from `documents`. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// A server that does not answer, an index that is not there ([`Class::Gone`]) or one of another cluster.
    pub async fn open(
        client: &Client,
        settings: &ElasticSettings,
        es_index: &str,
        spill_dir: &Path,
        documents: &Arc<DocumentCache>,
    ) -> Result<Self, ElasticError> {
        let target = SearchTarget::new(es_index);
        if target.is_remote() {
            return Err(ElasticError::Setting {
                key: "es_index",
                reason: format!("{} names indices of another cluster", target.as_str()),
                cure: "run against that cluster itself: documents of others cannot be read by their ids or written",
            });
        }
        // a wildcard that matches nothing has no fields; a name that is not there is an error
        let fields = client.mapped_fields(&target).await?;
        Ok(Self {
            client: client.clone(),
            documents: Arc::clone(documents),
            target,
            queries: Queries::default(),
            tags: Vec::new(),
            fields,
            max_page: settings.es_scan_size,
            keep_alive: settings.es_scroll_time.clone(),
            runtime: Handle::current(),
            spool: Spool::new(spill_dir),
            pages: Mutex::default(),
        })
    }

    /// Asks for the documents that the use cases of `plan` look at.
    pub fn set_plan(&mut self, plan: &ScanPlan) {
        self.queries = Queries::new(plan.use_cases.iter().map(queries::of_use_case));
        self.tags = plan.use_cases.iter().map(tagged::tag_of).collect();
    }

    /// Asks for the documents that `query`, a `bool`, matches.
    pub fn set_query(&mut self, query: Value) {
        self.queries = Queries::new([query]);
        self.tags = vec![None];
    }

    /// Per use case, why the server refuses its query; `None` where it takes it.
    ///
    /// # Errors
    /// A server that does not answer.
    pub async fn refused_queries(&self) -> Result<Vec<Option<Fault>>, ElasticError> {
        let refused = self.client.refused_queries(&self.target, &self.queries.distinct).await?;
        Ok(self.queries.of_use_cases.iter().map(|&idx| refused[idx].clone()).collect())
    }

    /// Why the server refuses all queries together, though it takes each alone: there is a limit to what one search may ask.
    ///
    /// # Errors
    /// A server that does not answer.
    pub async fn refused_together(&self) -> Result<Option<Fault>, ElasticError> {
        Ok(self.client.refused_queries(&self.target, &[self.queries.any()]).await?.pop().flatten())
    }

    /// Documents that will be read.
    ///
    /// # Errors
    /// A server that does not answer, or refuses the queries.
    pub async fn survey(&self) -> Result<Survey, ElasticError> {
        self.client.survey(&self.target, &self.queries.any()).await
    }

    /// Which documents are meant, in the order asked.
    ///
    /// # Errors
    /// References that no scan of this source gave.
    pub fn ids(&self, documents: &[DocRef]) -> Result<Vec<DocumentId>, SourceError> {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        ids::find(&self.spool, &pages, documents)
    }

    async fn open_search(&self, survey: Survey, source: Value) -> Result<Search, ElasticError> {
        let dialect = self.client.server().pit_dialect();
        let (contexts, n_slices) = match dialect {
            Some(dialect) => {
                let pit = self.client.open_pit(dialect, &self.target, &self.keep_alive).await?;
                (Contexts::PointInTime(Mutex::new(pit)), survey.shards.clamp(MIN_PIT_SLICES, MAX_SLICES))
            }
            None => {
                let n_slices = survey.shards.clamp(1, MAX_SLICES);
                (Contexts::Scrolls(Mutex::new(vec![Vec::new(); n_slices as usize])), n_slices)
            }
        };
        Ok(Search {
            client: self.client.clone(),
            target: self.target.clone(),
            query: self.queries.any(),
            source,
            sort: slice::sort(dialect, survey.shards),
            n_slices: n_slices as usize,
            max_page: self.max_page,
            keep_alive: self.keep_alive.clone(),
            contexts,
        })
    }

    /// Closes what a pass had open. What cannot be closed ends by itself.
    async fn close(&self, search: &Search) {
        let closing = async {
            match &search.contexts {
                Contexts::PointInTime(pit) => {
                    let pit = pit.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    self.client.close_pit(&pit).await
                }
                Contexts::Scrolls(scrolls) => {
                    let open = scrolls.lock().unwrap_or_else(PoisonError::into_inner).concat();
                    if open.is_empty() { Ok(()) } else { self.client.clear_scrolls(&open).await }
                }
            }
        };
        match tokio::time::timeout(CLOSE_TIMEOUT, closing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("{error}: it ends by itself after {}", self.keep_alive),
            Err(_) => tracing::warn!("closing a search took too long: it ends by itself after {}", self.keep_alive),
        }
    }

    fn decoders(&self, projection: &Projection, options: &ScanOptions) -> Result<Decoders, SourceError> {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let seen: HashSet<ids::Identity> = ids::identities(&self.spool, &pages)?;
        Ok(Decoders {
            projection: projection.clone(),
            id_hash: options.id_hash,
            query_of: self.queries.of_use_cases.clone(),
            n_queries: self.queries.distinct.len(),
            tags: self.tags.clone(),
            name: self.target.as_str().into(),
            seen,
            idle: Mutex::default(),
        })
    }
}

impl EventSource for ElasticEvents {
    fn scan(
        &self,
        projection: &Projection,
        options: &ScanOptions,
        on_batch: &mut OnBatch<'_>,
    ) -> Result<ScanSummary, SourceError> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut summary = ScanSummary::default();
        let source = fields::source_filter(projection.specs(), &self.fields);
        let mut attempts = Attempts::new(self.client.deadline());
        for pass in 1.. {
            let n_before = summary.events;
            let survey = self.runtime.block_on(self.survey())?;
            if survey.documents == 0 {
                break;
            }
            let search = Arc::new(self.runtime.block_on(self.open_search(survey, source.clone()))?);
            let outcome = self.decoders(projection, options).map_err(Ended::from).and_then(|decoders| {
                let mut pass = Pass {
                    search: Arc::clone(&search),
                    runtime: &self.runtime,
                    decoders: Arc::new(decoders),
                    options,
                    spool: &self.spool,
                    pages: &self.pages,
                    summary: &mut summary,
                    on_batch,
                };
                pass.run()
            });
            self.runtime.block_on(self.close(&search));
            let (error, may_help) = match outcome {
                Ok(ends) => match short(self.target.as_str(), &ends) {
                    None => break,
                    Some(error) => (error, pass == 1 || summary.events > n_before),
                },
                Err(Ended::Failed(error)) => return Err(error),
                Err(Ended::Lost(error)) => {
                    let may_help = may_go_on(&error);
                    (error, may_help)
                }
            };
            match attempts.next_wait(Class::Retry, None) {
                Some(wait) if may_help && pass < MAX_PASSES => {
                    tracing::warn!(pass, seconds = wait.as_secs_f32(), "{error}: reading again what is missing");
                    self.runtime.block_on(self.client.interrupt().wait(wait))?;
                }
                _ => return Err(error.into()),
            }
        }
        Ok(summary)
    }

    fn fetch(&self, documents: &[DocRef]) -> Result<Vec<Option<RawDocument>>, SourceError> {
        let ids = self.ids(documents)?;
        let found = self.runtime.block_on(self.documents.read(&ids))?;
        let raw = |(found, id): (Lookup, _)| Ok(found.into_found(id)?.map(raw));
        found.into_par_iter().zip(&ids).map(raw).collect()
    }

    fn highlights(&self, mask_idx: usize, documents: &[DocRef]) -> Result<Vec<Map<String, Value>>, SourceError> {
        let query = &self.queries.distinct[self.queries.of_use_cases[mask_idx]];
        Ok(self.runtime.block_on(self.client.highlights(&self.ids(documents)?, query))?)
    }
}

fn raw(document: StoredDocument) -> RawDocument {
    RawDocument {
        index: document.id.index,
        id: document.id.id,
        bytes: with_valid_surrogates(document.source.get()).into_bytes(),
    }
}

/// Whether another pass may succeed: the search context or an index behind a wildcard is gone, an answer was lost, or shards had failed.
fn may_go_on(error: &ElasticError) -> bool {
    matches!(error.class(), Class::Retry | Class::BackPressure | Class::Gone)
}

/// An error where slices did not give what the server counted.
fn short(name: &str, ends: &[SliceEnd]) -> Option<ElasticError> {
    let (seen, total) =
        ends.iter().fold((0, 0), |(seen, total), end| (seen + end.seen, total + end.total.unwrap_or(end.seen)));
    let is_short = ends.iter().any(|end| end.total.is_some_and(|total| total != end.seen));
    is_short.then(|| ElasticError::Incomplete {
        what: format!("reading {name}"),
        reason: format!("{seen} documents came of {total} that the server counted"),
    })
}

#[cfg(test)]
mod tests;
