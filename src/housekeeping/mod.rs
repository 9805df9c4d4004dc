//! Removes outliers from documents: all of them (wipe), or those that have since been whitelisted.
//!
//! A field can be removed only by a script, which clusters may forbid, or by storing the whole
//! document anew. So documents are stored anew, in their current state except for `outliers` and
//! `tags`; all other bytes of their text are kept.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use rayon::prelude::*;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::task::block_in_place;

use crate::config::{MainConfig, UseCase, compile_derived};
use crate::delivery::{Written, changed_fields};
use crate::elastic::{
    Block, BulkChange, Class, Client, DocumentId, ElasticError, Lookup, SearchTarget, StoredDocument,
};
use crate::event::decode::{Projection, with_members, with_valid_surrogates};
use crate::event::derived::DerivedFields;
use crate::event::{Document, FieldNames};
use crate::outlier::{StoredOutlier, TAG, take_apart, untagged, without};
use crate::runtime::Interrupt;
use crate::sinks::elasticsearch::{Change, DocumentWriter, Edit, Edited};
use crate::sources::elasticsearch::{DocumentCache, ElasticEvents, ElasticIndices, Search};
use crate::sources::{DocRef, EventSource, ScanOptions, SourceError};
use crate::whitelist::Whitelist;

/// Documents read and written at once.
const BLOCK: usize = 1024;

/// Settings of housekeeping.
#[derive(Debug)]
pub struct Housekeeping<'a> {
    /// The cluster.
    pub client: &'a Client,
    /// The main configuration.
    pub main: &'a MainConfig,
    /// All use cases, including those that do not run.
    pub use_cases: &'a [UseCase],
    /// Directory for temporary files.
    pub spill_dir: &'a Path,
    /// Ends housekeeping early.
    pub interrupt: &'a Interrupt,
    /// Counts only, without writing.
    pub dry_run: bool,
    /// Time at which entries of whitelists may have expired.
    pub now: DateTime<Utc>,
}

/// Counts of housekeeping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cleaned {
    /// True if nothing was written.
    pub dry_run: bool,
    /// Documents with outliers that were checked.
    pub checked: u64,
    /// Documents from which outliers are removed.
    pub documents: u64,
    /// Outliers to remove.
    pub outliers: u64,
    /// Whitelist regexps that were stopped because they were too slow; each counts as not matching.
    pub regexps_given_up: u64,
    /// Counts of the changed documents.
    pub written: Written,
    /// Parts that could not be checked, one line each.
    pub incomplete: Vec<String>,
}

impl Cleaned {
    /// Returns the work that was left undone, one line per reason.
    pub fn missing(&self) -> Vec<String> {
        [self.incomplete.clone(), self.written.missing()].concat()
    }
}

/// Rule that removes outliers from a document; `None` leaves it unchanged.
trait Rule: Send + Sync + 'static {
    fn change(&self, id: &DocumentId, source: &str) -> Result<Option<Change>, String>;
}

impl Housekeeping<'_> {
    /// Removes all outliers from all documents of the configured indices; adds its counts to
    /// `cleaned`.
    ///
    /// # Errors
    /// The reason why it ended early; `cleaned` has the counts until then.
    pub async fn wipe(&self, cleaned: &mut Cleaned) -> Result<(), SourceError> {
        cleaned.dry_run = self.dry_run;
        self.clean(Arc::new(Wipe), cleaned).await?;
        if cleaned.written.updated == 0 {
            return Ok(());
        }
        for es_index in self.indices() {
            if let Err(error) = self.client.refresh(&SearchTarget::new(&es_index)).await
                && error.class() != Class::Gone
            {
                cleaned.incomplete.push(format!("searches may still see wiped outliers: {error}"));
            }
        }
        Ok(())
    }

    /// Removes outliers that have since been whitelisted. Each is judged by its own values and
    /// those of its event. Adds its counts to `cleaned`.
    ///
    /// # Errors
    /// The reason why it ended early; `cleaned` has the counts until then.
    pub async fn remove_whitelisted(&self, cleaned: &mut Cleaned) -> Result<(), SourceError> {
        cleaned.dry_run = self.dry_run;
        let accepted = Arc::new(Accepted::new(self.main, self.use_cases, self.now));
        if !accepted.is_empty() {
            let rule = Arc::clone(&accepted);
            self.clean(rule, cleaned).await?;
        }
        cleaned.regexps_given_up = accepted.regexps_given_up.load(Ordering::Relaxed);
        Ok(())
    }

    /// Returns the names of the indices without duplicates, in the order of the configuration.
    fn indices(&self) -> Vec<String> {
        let mut indices = vec![self.main.elastic.es_index_pattern.clone()];
        for es_index in self.use_cases.iter().filter_map(|use_case| use_case.es_index.as_ref()) {
            if !indices.contains(es_index) {
                indices.push(es_index.clone());
            }
        }
        indices
    }

    async fn clean(&self, rule: Arc<dyn Rule>, cleaned: &mut Cleaned) -> Result<(), SourceError> {
        let documents = Arc::new(DocumentCache::new(self.client, self.spill_dir));
        for es_index in self.indices() {
            let settings = &self.main.elastic;
            let indices = ElasticIndices::open(self.client, settings, &es_index, self.spill_dir, &documents).await;
            let result = match indices {
                Ok(indices) => self.clean_index(indices, &rule, cleaned).await,
                Err(error) => Err(error.into()),
            };
            match result {
                Err(SourceError::Server(error)) if error.class() == Class::Gone => {}
                Err(SourceError::Server(error)) if is_unusable(&error) => cleaned.incomplete.push(error.to_string()),
                other => other?,
            }
        }
        Ok(())
    }

    async fn clean_index(
        &self,
        indices: ElasticIndices,
        rule: &Arc<dyn Rule>,
        cleaned: &mut Cleaned,
    ) -> Result<(), SourceError> {
        let source = indices.events(Search::of_query(json!({"bool": {
            "should": [{"term": {"tags": TAG}}, {"exists": {"field": "outliers.total_outliers"}}],
            "minimum_should_match": 1,
        }})));
        let documents = block_in_place(|| self.scan(&source, cleaned))?;
        let mut writer = DocumentWriter::new(self.client);
        let mut outcome = Ok(true);
        for (idx, block) in documents.chunks(BLOCK).enumerate() {
            outcome = self.clean_block(source.ids(block), rule, &mut writer, cleaned).await;
            if !matches!(outcome, Ok(true)) {
                cleaned.written.not_written += (documents.len() - idx * BLOCK) as u64;
                break;
            }
        }
        let (written, ended) = writer.finish().await;
        cleaned.written.add(written);
        match (ended, outcome) {
            (Some(ended), _) => Err(ended.into()),
            (None, outcome) => outcome.map(drop),
        }
    }

    /// Returns the documents that have outliers.
    fn scan(&self, source: &ElasticEvents, cleaned: &mut Cleaned) -> Result<Vec<DocRef>, SourceError> {
        let options = ScanOptions { interrupt: self.interrupt.clone(), ..ScanOptions::default() };
        let mut documents = Vec::new();
        let summary = source.scan(&Projection::new(Vec::new()), &options, &mut |batch| {
            documents.extend(batch.rows.iter().map(|row| DocRef::new(batch.number, row)));
            Ok(())
        })?;
        let incomplete = summary.incomplete.into_iter().map(|part| format!("{}: {}", part.name, part.reason));
        cleaned.incomplete.extend(incomplete);
        Ok(documents)
    }

    /// Returns false if the writer has ended early.
    async fn clean_block(
        &self,
        ids: Result<Vec<DocumentId>, SourceError>,
        rule: &Arc<dyn Rule>,
        writer: &mut DocumentWriter<Cleaning>,
        cleaned: &mut Cleaned,
    ) -> Result<bool, SourceError> {
        self.interrupt.check()?;
        let ids = ids?;
        let mut stored: Vec<StoredDocument> = Vec::with_capacity(ids.len());
        for (found, id) in self.client.mget(&ids).await?.into_iter().zip(&ids) {
            match found {
                Lookup::Failed(fault) if fault.class() != Class::Refused => cleaned.written.fail(id, &fault),
                found => stored.extend(found.into_found(id)?),
            }
        }
        cleaned.checked += stored.len() as u64;
        let change = |stored: &StoredDocument| rule.change(&stored.id, &stored.source);
        let changes: Vec<_> = block_in_place(|| stored.par_iter().map(change).collect());
        let mut edited = Vec::new();
        for (stored, change) in stored.into_iter().zip(changes) {
            let StoredDocument { id, version, .. } = stored;
            match change {
                Ok(None) => {}
                Ok(Some(change)) => {
                    cleaned.documents += 1;
                    cleaned.outliers += change.n_outliers;
                    let edit = Cleaning { id: id.clone(), rule: Arc::clone(rule) };
                    edited.push(Edited { id, version, change: Some(change), edit });
                }
                Err(reason) => cleaned.written.reject(&id.index, &id.id, &reason),
            }
        }
        if self.dry_run || edited.is_empty() {
            return Ok(true);
        }
        Ok(writer.write(edited).await)
    }
}

/// True if the index is closed, or its name cannot be used.
fn is_unusable(error: &ElasticError) -> bool {
    error.class() == Class::Blocked(Block::Index) || matches!(error, ElasticError::Setting { .. })
}

struct Cleaning {
    id: DocumentId,
    rule: Arc<dyn Rule>,
}

impl Edit for Cleaning {
    fn change(&self, source: &str) -> Result<Option<Change>, String> {
        self.rule.change(&self.id, source)
    }
}

/// Removes all outliers. Without the tag, the field is recognised as ours by `total_outliers` and
/// `summary`.
struct Wipe;

impl Rule for Wipe {
    fn change(&self, _: &DocumentId, source: &str) -> Result<Option<Change>, String> {
        let fields = changed_fields(source)?;
        let tags = fields.get("tags");
        let is_tagged = tags.is_some_and(|tags| untagged(tags).as_ref() != Some(tags));
        let stored = fields.get("outliers").and_then(Value::as_object);
        let is_ours =
            stored.is_some_and(|stored| stored.contains_key("total_outliers") && stored.contains_key("summary"));
        if !is_tagged && !is_ours {
            return Ok(None);
        }
        let n_outliers = stored.map_or(0, |stored| take_apart(stored).map_or(1, |outliers| outliers.len() as u64));
        replaced(source, None, tags, n_outliers).map(Some)
    }
}

/// Removes whitelisted outliers.
struct Accepted {
    /// Applies to outliers of use cases that are no longer configured.
    global: Judge,
    of_use_cases: HashMap<String, Judge>,
    names: Arc<FieldNames>,
    regexps_given_up: AtomicU64,
}

/// Whitelist, and the fields that are derived before it is applied.
type Judge = (Whitelist, Option<DerivedFields>);

impl Accepted {
    /// If several use cases share a name, the last one applies.
    fn new(main: &MainConfig, use_cases: &[UseCase], now: DateTime<Utc>) -> Self {
        let of_use_case = |use_case: &UseCase| {
            let whitelist = Whitelist::new(Arc::clone(&main.whitelist), Arc::clone(&use_case.whitelist)).at(now);
            let derived = (!use_case.derived_fields.is_empty()).then(|| compile_derived(&use_case.derived_fields).0);
            (use_case.id(), (whitelist, derived))
        };
        Accepted {
            global: (Whitelist::new(Arc::clone(&main.whitelist), Arc::default()).at(now), None),
            of_use_cases: use_cases.iter().map(of_use_case).collect(),
            names: Arc::clone(&main.field_names),
            regexps_given_up: AtomicU64::new(0),
        }
    }

    fn is_empty(&self) -> bool {
        self.global.0.is_empty() && self.of_use_cases.values().all(|(whitelist, _)| whitelist.is_empty())
    }

    /// Tells which outliers of a document are whitelisted. Those of one use case are tested
    /// together.
    fn are_accepted(&self, outliers: &[StoredOutlier], document: &Document) -> Vec<bool> {
        let name = |stored: &StoredOutlier| format!("{}_{}", stored.model_type, stored.model_name);
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        outliers.iter().enumerate().for_each(|(idx, stored)| by_name.entry(name(stored)).or_default().push(idx));
        let mut are_accepted = vec![false; outliers.len()];
        for (name, of_use_case) in by_name {
            let (whitelist, derived) = self.of_use_cases.get(&name).unwrap_or(&self.global);
            let mut document = Cow::Borrowed(document);
            if let Some(derived) = derived {
                let derived = derived.derive(&document.source, &self.names);
                document.to_mut().source.extend(derived);
            }
            let mut whitelist = whitelist.of_event(&document);
            for idx in of_use_case {
                let verdict = whitelist.matches(&outliers[idx].outlier);
                self.regexps_given_up.fetch_add(verdict.regexps_given_up, Ordering::Relaxed);
                are_accepted[idx] = verdict.whitelisted;
            }
        }
        are_accepted
    }
}

impl Rule for Accepted {
    fn change(&self, id: &DocumentId, source: &str) -> Result<Option<Change>, String> {
        let source_fields = serde_json::from_str(&with_valid_surrogates(source)).map_err(|error| error.to_string())?;
        let names = Arc::clone(&self.names);
        let document = Document { index: id.index.clone(), id: id.id.clone(), source: source_fields, names };
        let event = &document.source;
        let Some(Value::Object(stored)) = event.get("outliers") else { return Ok(None) };
        let Some(outliers) = take_apart(stored) else { return Ok(None) };
        let is_accepted = self.are_accepted(&outliers, &document);
        let n_accepted = is_accepted.iter().filter(|accepted| **accepted).count() as u64;
        if n_accepted == 0 {
            return Ok(None);
        }
        let left = without(stored, |idx| is_accepted[idx]);
        replaced(source, left, event.get("tags"), n_accepted).map(Some)
    }
}

/// Replaces `outliers` in the document; if none are left, the tag is removed as well.
fn replaced(
    source: &str,
    outliers: Option<Map<String, Value>>,
    tags: Option<&Value>,
    n_outliers: u64,
) -> Result<Change, String> {
    let is_left = outliers.is_some();
    let outliers = outliers.map(|outliers| Value::Object(outliers).to_string());
    let mut changes = vec![("outliers", outliers.as_deref())];
    let tags = tags.filter(|_| !is_left).map(|tags| (tags, untagged(tags)));
    let tags_left = tags.as_ref().and_then(|(_, left)| left.as_ref()).map(Value::to_string);
    // tags that are not ours keep their bytes
    if tags.is_some_and(|(tags, left)| left.as_ref() != Some(tags)) {
        changes.push(("tags", tags_left.as_deref()));
    }
    let json = with_members(source, &changes).into_owned();
    let source = RawValue::from_string(json).map_err(|error| error.to_string())?;
    Ok(Change { bulk: BulkChange::Replace(source), n_outliers })
}

#[cfg(test)]
mod tests;
