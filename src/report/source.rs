//! Counts of what was read.

use std::collections::BTreeMap;

use serde::Serialize;
use tracing::{error, info, warn};

use super::Report;
use crate::event::decode::{SkipReason, SkippedSample};
use crate::sources::ScanSummary;
use crate::terminal::{counted, quoted};

/// Counts of the data read.
#[derive(Debug, Default, Serialize)]
pub struct SourceReport {
    /// Events.
    pub events: u64,
    /// Bytes as stored.
    pub bytes: u64,
    /// Batches of the event table that were spilled to disk.
    pub spilled_batches: usize,
    /// Memory used by the largest event table, in bytes.
    pub table_bytes: usize,
    /// Lines that were not events, by reason.
    pub skipped_lines: BTreeMap<&'static str, SkippedReport>,
    /// Files that could not be read to their end, with the reason.
    pub incomplete: Vec<String>,
    /// Files of folders and patterns that hold no events, with what they hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// Names under which fields occur, by the names that use cases write, where these differ.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Vec<String>>,
    /// Documents that were left out because an earlier one has the same `_index` and `_id`.
    #[serde(skip_serializing_if = "is_zero")]
    pub repeats: u64,
    /// Documents whose `_index` and `_id` did not fit into memory, so that repeats of them count.
    #[serde(skip_serializing_if = "is_zero")]
    pub forgotten: u64,
}

/// Lines that were not events, for one reason.
#[derive(Debug, Default, Serialize)]
pub struct SkippedReport {
    /// Number of lines.
    pub lines: u64,
    /// Samples: file, line number counted from 1, start of the line.
    pub samples: Vec<String>,
}

impl Report {
    /// Notes the names under which fields occur.
    pub(super) fn fields(&mut self, fields: BTreeMap<String, Vec<String>>) {
        for (name, others) in fields {
            info!(
                "{} is {} here",
                quoted(&name),
                others.iter().map(|other| quoted(other)).collect::<Vec<_>>().join(", ")
            );
            let known = self.source.fields.entry(name).or_default();
            let new: Vec<String> = others.into_iter().filter(|other| !known.contains(other)).collect();
            known.extend(new);
        }
    }

    pub(super) fn source(&mut self, summary: &ScanSummary, n_spilled: usize) {
        self.source.events += summary.events;
        self.source.bytes += summary.bytes;
        self.source.spilled_batches += n_spilled;
        for (reason, lines, samples) in summary.skipped.reasons() {
            warn!(lines, reason = reason.as_str(), "lines were skipped");
            self.missing.push(skipped_lines(reason, lines, samples));
            let place = |sample: &SkippedSample| format!("{}:{}: {}", sample.file, sample.line + 1, sample.text);
            let samples = samples.iter().map(place).collect();
            self.source.skipped_lines.insert(reason.as_str(), SkippedReport { lines, samples });
        }
        for part in &summary.incomplete {
            error!("{}: {}", part.name, part.reason);
            self.missing.push(format!("{} was not read to its end: {}", part.name, part.reason));
            self.source.incomplete.push(format!("{}: {}", part.name, part.reason));
        }
        let ignored = summary.ignored.iter().map(|file| format!("{}: {}", file.name, file.reason));
        self.source.ignored.extend(ignored);
        for doubt in &summary.doubts {
            // each scan group reads the files
            if !self.warnings.contains(doubt) {
                self.warning(doubt.clone());
            }
        }
        self.source.repeats += summary.repeats;
        self.source.forgotten += summary.forgotten;
    }
}

/// Describes lines that were skipped for one reason: how many, the first of them, and the cure.
pub(crate) fn skipped_lines(reason: SkipReason, lines: u64, samples: &[SkippedSample]) -> String {
    let first = samples.first().map(|sample| format!(", first {}:{}", sample.file, sample.line + 1));
    let lines = counted(lines, "line", "lines");
    format!("{lines} skipped: {}{}; {}", reason.as_str(), first.unwrap_or_default(), reason.cure())
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}
