//! Entries of whitelists: what each accepted, and which accept nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tracing::info;

use super::Report;
use crate::config::{Location, MainConfig, UseCase, WhitelistNote};
use crate::spelling::named_values;
use crate::terminal::counted;

/// Upper limit on the entries of a report: those that accepted the most.
const MOST_ENTRIES: usize = 1_000;

named_values! {
    /// Use of a whitelist entry.
    EntryStatus {
        /// It accepted outliers.
        Used = "used",
        /// It accepted nothing.
        Unused = "unused",
        /// Its time is over, so it accepts nothing.
        Expired = "expired",
    }
}

/// A whitelist entry, and what it accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryReport {
    /// Its name: that of its section, or its label.
    pub name: String,
    /// Its place: file, line and column.
    pub place: String,
    /// Its use.
    pub status: EntryStatus,
    /// Outliers that it accepted; others may have accepted them, too.
    pub accepted: u64,
    /// Time from which on it accepts nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<DateTime<Utc>>,
    /// Person who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Reason why what it accepts is harmless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip)]
    location: Location,
}

impl EntryReport {
    /// An entry that has accepted nothing yet.
    pub fn new(note: &WhitelistNote, now: DateTime<Utc>) -> Self {
        EntryReport {
            name: note.name.clone(),
            place: note.location.to_string(),
            status: if note.is_expired(now) { EntryStatus::Expired } else { EntryStatus::Unused },
            accepted: 0,
            expires: note.expires,
            owner: note.owner.clone(),
            reason: note.reason.clone(),
            location: note.location.clone(),
        }
    }
}

/// Returns the entries that apply to use cases, each once, in the order of their places.
pub(crate) fn entries_of<'a>(main: &'a MainConfig, use_cases: &'a [Arc<UseCase>]) -> Vec<&'a Arc<WhitelistNote>> {
    let of_use_cases = use_cases.iter().flat_map(|use_case| use_case.whitelist.notes());
    let notes = main.whitelist.notes().chain(of_use_cases);
    let by_place: BTreeMap<&Location, &Arc<WhitelistNote>> = notes.map(|note| (&note.location, note)).collect();
    by_place.into_values().collect()
}

impl Report {
    /// Notes the entries that apply to the use cases of the run.
    pub(crate) fn whitelist(&mut self, main: &MainConfig, use_cases: &[Arc<UseCase>], now: DateTime<Utc>) {
        self.whitelist = entries_of(main, use_cases).into_iter().map(|note| EntryReport::new(note, now)).collect();
    }

    /// Adds what entries accepted for a use case.
    pub(super) fn accepted(&mut self, accepted_by: &BTreeMap<Location, u64>) {
        for (location, n) in accepted_by {
            if let Ok(idx) = self.whitelist.binary_search_by(|entry| entry.location.cmp(location)) {
                let entry = &mut self.whitelist[idx];
                entry.accepted += n;
                entry.status = EntryStatus::Used;
            }
        }
    }

    /// Tells how many entries accepted nothing, and leaves out what is too much for a report.
    pub(super) fn finish_whitelist(&mut self) {
        let n_with = |wanted| self.whitelist.iter().filter(|entry| entry.status == wanted).count() as u64;
        let n_unused = n_with(EntryStatus::Unused);
        if n_unused > 0 && !self.use_cases.is_empty() {
            let entries = counted(n_unused, "whitelist entry", "whitelist entries");
            info!("{entries} accepted nothing: `whitelist` of the report lists them");
        }
        if self.whitelist.len() > MOST_ENTRIES {
            self.whitelist.sort_by(|a, b| b.accepted.cmp(&a.accepted).then_with(|| a.location.cmp(&b.location)));
            self.whitelist.truncate(MOST_ENTRIES);
        }
    }
}
