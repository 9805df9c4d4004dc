//! Events from Elasticsearch and OpenSearch: one scan for all use cases of a scan group.
//!
//! The server evaluates queries and windows: each use case is a named query, only documents that
//! match one of them are read, and each hit names the queries that it matches. Slices of a point in
//! time are read concurrently if the server supports it, else sliced scrolls; see `slice.rs`. If
//! the server loses the search context, another pass reads what is missing. Whole documents are
//! read by id, once in a run.

mod documents;
mod fields;
mod ids;
mod queries;
mod sample;
mod scan;
mod slice;
mod tagged;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rayon::prelude::*;
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use super::{DocRef, DocumentKey, EventSource, OnBatch, RawDocument, ScanOptions, ScanSummary, SourceError};
use crate::config::ElasticSettings;
use crate::elastic::{
    Attempts, Class, Client, DocumentId, ElasticError, Fault, Lookup, MappedFields, SearchTarget, StoredDocument,
    Survey,
};
use crate::event::MappedNames;
use crate::event::decode::{Projection, with_valid_surrogates};
use crate::plan::ScanPlan;
use crate::query::Mapping;
use ids::ScannedIds;
use queries::Queries;
use scan::{Ended, Pass};
use slice::{Contexts, SliceEnd, SlicedSearch};

pub use documents::DocumentCache;
pub use sample::{MOST_SAMPLED, SampledEvents, sample_events};

/// Maximum number of slices read concurrently.
const MAX_SLICES: u64 = 8;

/// Minimum number of slices of a point in time. It can be cut anywhere; a scroll cannot without
/// looking at every id.
const MIN_PIT_SLICES: u64 = 2;

/// Maximum number of passes.
const MAX_PASSES: u32 = 6;

/// Time-out for closing a search context, which soon expires anyway.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(20);

/// Search of the indices, with the queries of some use cases.
#[derive(Clone, Debug)]
pub struct Search {
    /// Queries in the server's form.
    queries: Queries,
    /// Per use case, its whole query, of which the server may evaluate only a part.
    whole: Vec<Value>,
    /// Per use case, the tag by which earlier outliers exclude a document.
    tags: Vec<Option<tagged::Tag>>,
}

impl Search {
    /// The documents for the use cases of `plan`.
    pub fn of_plan(plan: &ScanPlan) -> Self {
        let whole: Vec<Value> = plan.use_cases.iter().map(queries::of_use_case).collect();
        let queries = Queries::new(queries::asked(plan, &whole));
        Search { queries, whole, tags: plan.use_cases.iter().map(tagged::tag_of).collect() }
    }

    /// The same documents, with those that a use case tagged before.
    #[must_use]
    pub fn with_tagged(self) -> Self {
        let tags = vec![None; self.tags.len()];
        Search { tags, ..self }
    }

    /// The documents within the windows of the use cases of `plan`, whatever their queries are.
    pub fn of_windows(plan: &ScanPlan) -> Self {
        let whole: Vec<Value> = plan.use_cases.iter().map(queries::of_window).collect();
        Search { queries: Queries::new(whole.iter().cloned()), whole, tags: vec![None; plan.use_cases.len()] }
    }

    /// Counts the documents of the indices `es_index` that match.
    ///
    /// # Errors
    /// As [`Client::survey`].
    pub async fn count(&self, client: &Client, es_index: &str) -> Result<u64, ElasticError> {
        Ok(client.survey(&SearchTarget::new(es_index), &self.queries.any()).await?.documents)
    }

    /// The documents that match `query`, a `bool`.
    pub fn of_query(query: Value) -> Self {
        Search { queries: Queries::new([query.clone()]), whole: vec![query], tags: vec![None] }
    }
}

/// Some indices of a cluster.
#[derive(Debug)]
pub struct ElasticIndices {
    client: Client,
    documents: Arc<DocumentCache>,
    target: SearchTarget,
    fields: Arc<MappedFields>,
    /// Maximum number of documents per page.
    max_page: usize,
    keep_alive: String,
    runtime: Handle,
    spill_dir: PathBuf,
}

/// Documents of some indices that match a search.
#[derive(Debug)]
pub struct ElasticEvents {
    indices: Arc<ElasticIndices>,
    search: Search,
    scanned: ScannedIds,
}

impl ElasticIndices {
    /// Opens the indices `es_index` without reading documents yet. Whole documents come from
    /// `documents`. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// A server that does not answer, an index that does not exist ([`Class::Gone`]) or belongs to
    /// another cluster.
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
                cure: "run against that cluster itself: documents of remote clusters cannot be read by id or written",
            });
        }
        // a wildcard that matches nothing has no fields; a missing name is an error
        let fields = client.mapped_fields(&target).await?;
        Ok(Self {
            client: client.clone(),
            documents: Arc::clone(documents),
            target,
            fields: Arc::new(fields),
            max_page: settings.es_scan_size,
            keep_alive: settings.es_scroll_time.clone(),
            runtime: Handle::current(),
            spill_dir: spill_dir.to_owned(),
        })
    }

    /// Returns what the names of fields mean in the indices.
    pub fn names(&self) -> Arc<dyn MappedNames> {
        Arc::<MappedFields>::clone(&self.fields)
    }

    /// Returns what the queries of use cases mean in the indices, if documents say so by
    /// themselves; `None` if there are fields of the server's making, or parts of documents that
    /// are not kept.
    ///
    /// # Errors
    /// A server that does not answer.
    pub async fn mapping(&self) -> Result<Option<Mapping>, ElasticError> {
        self.client.mapping(&self.target).await
    }

    /// Returns the source of the documents that match `search`.
    pub fn events(self, search: Search) -> ElasticEvents {
        let scanned = ScannedIds::new(&self.spill_dir);
        ElasticEvents { indices: Arc::new(self), search, scanned }
    }

    /// Returns, per use case, the error with which the server refuses its query, or `None`.
    ///
    /// # Errors
    /// A server that does not answer.
    pub async fn refused_queries(&self, search: &Search) -> Result<Vec<Option<Fault>>, ElasticError> {
        let queries = &search.queries;
        let refused = self.client.refused_queries(&self.target, &queries.distinct).await?;
        Ok(queries.of_use_cases.iter().map(|&idx| refused[idx].clone()).collect())
    }

    /// Returns the error with which the server refuses all queries together although it accepts
    /// each alone: there is a limit to the size of a search.
    ///
    /// # Errors
    /// A server that does not answer.
    pub async fn refused_together(&self, search: &Search) -> Result<Option<Fault>, ElasticError> {
        Ok(self.client.refused_queries(&self.target, &[search.queries.any()]).await?.pop().flatten())
    }
}

impl ElasticEvents {
    /// Resolves references to documents, in the order of `documents`.
    ///
    /// # Errors
    /// References that did not come from a scan of this source.
    pub fn ids(&self, documents: &[DocRef]) -> Result<Vec<DocumentId>, SourceError> {
        self.scanned.find(documents)
    }

    async fn open_search(&self, survey: Survey, source: Value) -> Result<SlicedSearch, ElasticError> {
        let dialect = self.indices.client.server().pit_dialect();
        let (contexts, n_slices) = match dialect {
            Some(dialect) => {
                let pit = self.indices.client.open_pit(dialect, &self.indices.target, &self.indices.keep_alive).await?;
                (Contexts::PointInTime(Mutex::new(pit)), survey.shards.clamp(MIN_PIT_SLICES, MAX_SLICES))
            }
            None => {
                let n_slices = survey.shards.clamp(1, MAX_SLICES);
                (Contexts::Scrolls(Mutex::new(vec![Vec::new(); n_slices as usize])), n_slices)
            }
        };
        Ok(SlicedSearch {
            indices: Arc::clone(&self.indices),
            query: self.search.queries.any(),
            source,
            sort: slice::sort(dialect, survey.shards),
            n_slices: n_slices as usize,
            contexts,
        })
    }

    /// Closes the search contexts of a pass. A context that cannot be closed expires.
    async fn close(&self, search: &SlicedSearch) {
        let closing = async {
            match &search.contexts {
                Contexts::PointInTime(pit) => {
                    let pit = pit.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    self.indices.client.close_pit(&pit).await
                }
                Contexts::Scrolls(scrolls) => {
                    let open = scrolls.lock().unwrap_or_else(PoisonError::into_inner).concat();
                    if open.is_empty() { Ok(()) } else { self.indices.client.clear_scrolls(&open).await }
                }
            }
        };
        match tokio::time::timeout(CLOSE_TIMEOUT, closing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("{error}: the search context expires after {}", self.indices.keep_alive),
            Err(_) => {
                tracing::warn!("closing a search context timed out: it expires after {}", self.indices.keep_alive)
            }
        }
    }
}

impl EventSource for ElasticEvents {
    fn scan(
        &self,
        projection: &Projection,
        options: &ScanOptions,
        on_batch: &mut OnBatch<'_>,
    ) -> Result<ScanSummary, SourceError> {
        self.scanned.clear();
        let ElasticIndices { client, runtime, target, fields, .. } = &*self.indices;
        let mut summary = ScanSummary::default();
        let source = fields::source_filter(projection.specs(), fields);
        let mut attempts = Attempts::new(client.deadline());
        for pass in 1.. {
            let n_before = summary.events;
            let survey = runtime.block_on(client.survey(target, &self.search.queries.any()))?;
            if survey.documents == 0 {
                break;
            }
            let search = Arc::new(runtime.block_on(self.open_search(survey, source.clone()))?);
            let outcome =
                Pass { source: self, search: &search, projection, options, summary: &mut summary, on_batch }.run();
            runtime.block_on(self.close(&search));
            let (error, may_help) = match outcome {
                Ok(ends) => match short(target.as_str(), &ends) {
                    None => break,
                    Some(error) => (error, pass == 1 || summary.events > n_before),
                },
                Err(Ended::Failed(error)) => return Err(error),
                Err(Ended::Lost(error)) => {
                    let may_help = may_go_on(&error);
                    (error, may_help)
                }
            };
            // the deadline counts from the last progress
            if summary.events > n_before {
                attempts = Attempts::new(client.deadline());
            }
            match attempts.next_wait(Class::Retry, None) {
                Some(wait) if may_help && pass < MAX_PASSES => {
                    tracing::warn!(
                        pass,
                        seconds = wait.as_secs_f32(),
                        "{error}: reading the missing documents in another pass"
                    );
                    runtime.block_on(client.interrupt().wait(wait))?;
                }
                _ => return Err(error.into()),
            }
        }
        Ok(summary)
    }

    fn fetch(&self, documents: &[DocRef]) -> Result<Vec<Option<RawDocument>>, SourceError> {
        let ids = self.ids(documents)?;
        let found = self.indices.runtime.block_on(self.indices.documents.read_by_id(&ids))?;
        let raw = |(found, id): (Lookup, _)| Ok(found.into_found(id)?.map(raw));
        found.into_par_iter().zip(&ids).map(raw).collect()
    }

    fn document_ids(&self, documents: &[DocRef]) -> Result<Vec<Option<DocumentId>>, SourceError> {
        Ok(self.ids(documents)?.into_iter().map(Some).collect())
    }

    fn count_in_windows(&self, plan: &ScanPlan) -> Result<Option<Vec<u64>>, SourceError> {
        let ElasticIndices { client, runtime, target, .. } = &*self.indices;
        let windows = Search::of_windows(plan).queries;
        let count = |query| Ok(runtime.block_on(client.survey(target, query))?.documents);
        let counts = windows.distinct.iter().map(count).collect::<Result<Vec<u64>, ElasticError>>()?;
        Ok(Some(windows.of_use_cases.iter().map(|&idx| counts[idx]).collect()))
    }

    fn mapped_fields(&self) -> Option<&MappedFields> {
        Some(self.indices.fields.as_ref())
    }

    fn highlights(&self, mask_idx: usize, documents: &[DocRef]) -> Result<Vec<Map<String, Value>>, SourceError> {
        let query = &self.search.whole[mask_idx];
        Ok(self.indices.runtime.block_on(self.indices.client.highlights(&self.ids(documents)?, query))?)
    }
}

fn raw(document: StoredDocument) -> RawDocument {
    let text = with_valid_surrogates(&document.source).into_owned();
    RawDocument { key: DocumentKey { id: document.id, place: None }, text }
}

/// True if another pass may succeed: the search context or an index behind a wildcard is gone, an
/// answer was lost, or shards failed.
fn may_go_on(error: &ElasticError) -> bool {
    matches!(error.class(), Class::Retry | Class::BackPressure | Class::Gone)
}

/// Returns an error if slices did not return as many documents as the server counted.
fn short(name: &str, ends: &[SliceEnd]) -> Option<ElasticError> {
    let (seen, total) =
        ends.iter().fold((0, 0), |(seen, total), end| (seen + end.seen, total + end.total.unwrap_or(end.seen)));
    let is_short = ends.iter().any(|end| end.total.is_some_and(|total| total != end.seen));
    is_short.then(|| ElasticError::Incomplete {
        what: format!("reading {name}"),
        reason: format!("{seen} of {total} documents were returned"),
    })
}

#[cfg(test)]
mod tests;
