//! Counts of the documents to change.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::elastic::{Block, Class, DocumentId, Fault};
use crate::terminal::{counted, escape_controls};

/// Maximum number of sample reasons kept.
const SAMPLES: usize = 5;

/// Counts of documents; each document to change is in exactly one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Changed documents.
    pub updated: u64,
    /// Outliers added to them, or removed from them.
    pub outliers: u64,
    /// Documents that needed no change.
    pub unchanged: u64,
    /// Documents deleted meanwhile, alone or with their index; nothing is missing.
    pub gone: u64,
    /// Documents given up because others kept changing them.
    pub conflicts: u64,
    /// Documents that the server rejected for reasons of their own.
    pub rejected: u64,
    /// Samples of these reasons: index, id and the server's answer.
    pub rejected_samples: Vec<String>,
    /// Documents in indices that accept no writes, by index.
    pub blocked: BTreeMap<String, u64>,
    /// Reasons why these indices accept no writes.
    pub blocked_reasons: BTreeMap<String, String>,
    /// Documents not written because the run ended first: it was interrupted, or the server stopped
    /// answering.
    pub not_written: u64,
    /// Documents among these that may have been changed all the same: a request was sent, and its
    /// answer was lost.
    pub in_doubt: u64,
}

/// Reason why documents may have been changed.
const LOST: &str = "the answer of the server was lost";

fn changed_perhaps(n_documents: u64) -> String {
    format!("{} may have been changed", counted(n_documents, "document", "documents"))
}

fn were(n_documents: u64) -> String {
    counted(n_documents, "document was", "documents were")
}

impl Written {
    /// Returns one line per reason why documents were not changed; empty if nothing is missing.
    pub fn missing(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.conflicts > 0 {
            lines.push(format!("{} not written: conflicts with other writers; run again", were(self.conflicts)));
        }
        if self.rejected > 0 {
            let sample = self.rejected_samples.first().map_or("", String::as_str);
            // a field below `outliers` has a conflicting type
            let is_mapping = sample.contains("outliers.") && sample.contains("status 400");
            let cure = if is_mapping { "; `ee-outliers setup` gives these fields their types" } else { "" };
            lines.push(format!("{} not written: first {sample}{cure}", were(self.rejected)));
        }
        for (index, n_documents) in &self.blocked {
            let reason = self.blocked_reasons.get(index).map_or("", String::as_str);
            let [one, many] = ["document", "documents"].map(|noun| format!("{noun} of index {index}"));
            let verb = if *n_documents == 1 { "was" } else { "were" };
            lines.push(format!("{} {verb} not written: {reason}", counted(*n_documents, &one, &many)));
        }
        if self.not_written > 0 {
            let doubt = match self.in_doubt {
                0 => String::new(),
                n => format!("; {} all the same, as {LOST}: run again", changed_perhaps(n)),
            };
            lines.push(format!("{} not written: the run ended first{doubt}", were(self.not_written)));
        }
        lines
    }

    /// Adds the counts of another writer.
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
        self.in_doubt += other.in_doubt;
    }

    /// Describes how many documents are known to be changed, may be, and are not, in a run that
    /// ended early; `None` if nothing was written for certain.
    pub fn so_far(&self) -> Option<String> {
        let Written { updated, in_doubt, .. } = *self;
        let n_left = self.not_written.saturating_sub(in_doubt);
        if (updated, in_doubt) == (0, 0) {
            return None;
        }
        let mut parts = Vec::new();
        if updated > 0 {
            parts.push(format!("{} changed", were(updated)));
        }
        if in_doubt > 0 {
            parts.push(format!("{}, as {LOST}", changed_perhaps(in_doubt)));
        }
        if n_left > 0 {
            parts.push(format!("{n_left} {} not", if n_left == 1 { "was" } else { "were" }));
        }
        Some(parts.join(", "))
    }

    /// Counts a rejected document.
    pub fn reject(&mut self, index: &str, id: &str, reason: &str) {
        self.rejected += 1;
        if self.rejected_samples.len() < SAMPLES {
            let name = escape_controls(&format!("{index} {id}"));
            self.rejected_samples.push(format!("{name}: {reason}"));
        }
    }

    /// Counts a document that the server answered with `fault`, which is final for this run.
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
