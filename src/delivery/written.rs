//! What became of the documents that were to change.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::elastic::{Block, Class, DocumentId, Fault};

/// Samples of reasons that are kept.
const SAMPLES: usize = 5;

/// Counts of documents; each document that was to change is in one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Changed.
    pub updated: u64,
    /// Outliers that were added to those, or removed from them.
    pub outliers: u64,
    /// Already as they should be.
    pub unchanged: u64,
    /// Deleted meanwhile, or their index was: nothing is missing.
    pub gone: u64,
    /// Changed by others again and again, so that they were given up.
    pub conflicts: u64,
    /// Not taken by the server, which has nothing against other documents.
    pub rejected: u64,
    /// Some of the reasons: index, id and what the server said.
    pub rejected_samples: Vec<String>,
    /// In indices that take no writes, by index.
    pub blocked: BTreeMap<String, u64>,
    /// Why these indices take no writes.
    pub blocked_reasons: BTreeMap<String, String>,
    /// Not written because the run ended before: it was interrupted, or the server did not answer any more.
    pub not_written: u64,
}

impl Written {
    /// Documents that should have changed and did not, one line each reason; empty when nothing is missing.
    pub fn missing(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.conflicts > 0 {
            lines.push(format!("{} documents were not written: others change them all the time", self.conflicts));
        }
        if self.rejected > 0 {
            let sample = self.rejected_samples.first().map_or("", String::as_str);
            // a field under `outliers` whose type does not fit
            let is_mapping = sample.contains("outliers.") && sample.contains("status 400");
            let cure = if is_mapping { "; `ee-outliers setup` gives these fields their types" } else { "" };
            lines.push(format!("{} documents were not written: first {sample}{cure}", self.rejected));
        }
        for (index, n_documents) in &self.blocked {
            let reason = self.blocked_reasons.get(index).map_or("", String::as_str);
            lines.push(format!("{n_documents} documents of index {index} were not written: {reason}"));
        }
        if self.not_written > 0 {
            lines.push(format!("{} documents were not written: the run ended before", self.not_written));
        }
        lines
    }

    /// Counts of two runs of changes together.
    pub fn add(&mut self, other: Written) {
        self.updated += other.updated;
        self.outliers += other.outliers;
        self.unchanged += other.unchanged;
        self.gone += other.gone;
        self.conflicts += other.conflicts;
        self.rejected += other.rejected;
        self.rejected_samples.extend(other.rejected_samples);
        self.rejected_samples.truncate(SAMPLES);
        for (index, n_documents) in other.blocked {
            *self.blocked.entry(index).or_default() += n_documents;
        }
        self.blocked_reasons.extend(other.blocked_reasons);
        self.not_written += other.not_written;
    }

    /// Counts a document that is not taken.
    pub fn reject(&mut self, index: &str, id: &str, reason: &str) {
        self.rejected += 1;
        if self.rejected_samples.len() < SAMPLES {
            let name = crate::terminal::escape_controls(&format!("{index} {id}"));
            self.rejected_samples.push(format!("{name}: {reason}"));
        }
    }

    /// Counts a document for which the server answered `fault`, which stays so during the run.
    pub fn fail(&mut self, id: &DocumentId, fault: &Fault) {
        match fault.class() {
            Class::Gone => self.gone += 1,
            Class::Blocked(Block::Index) => {
                self.block(&id.index);
                self.blocked_reasons.entry(id.index.clone()).or_insert_with(|| fault.to_string());
            }
            _ => self.reject(&id.index, &id.id, &fault.to_string()),
        }
    }

    /// Number of documents counted.
    pub fn n_documents(&self) -> u64 {
        let blocked: u64 = self.blocked.values().sum();
        self.updated + self.unchanged + self.gone + self.conflicts + self.rejected + blocked + self.not_written
    }

    /// Counts a document in an index that takes no writes.
    pub fn block(&mut self, index: &str) {
        *self.blocked.entry(index.to_owned()).or_default() += 1;
    }
}
