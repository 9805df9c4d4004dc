//! Whitelist: outliers that match one of its entries are not reported.
//!
//! A part of an entry is tested against every value of the event and of the outlier, or against the
//! values of the field that it names. These values are the event's fields except its earlier
//! `outliers`, the derived fields, and the outlier's texts, assets, parameters and observations.
//! The summary is tested both wrapped and unwrapped. `_index` and `_id` are not matched. Entries
//! that have expired accept nothing.

mod tested;
mod values;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::config::{WhitelistEntries, WhitelistNote};
use crate::event::Document;
use crate::outlier::Outlier;
use tested::TestedEntries;
use values::Values;

/// Entries that apply to a use case.
#[derive(Debug)]
pub struct Whitelist {
    /// Those of the main configuration and those of the use case's file.
    origins: [Arc<WhitelistEntries>; 2],
    /// Time at which entries may have expired.
    now: Option<DateTime<Utc>>,
}

/// A whitelist as it applies to the outliers of one event: what depends on the event alone is found
/// out once for all of them.
#[derive(Debug)]
pub struct EventWhitelist<'a> {
    event: Values<'a>,
    /// By origin.
    entries: Vec<TestedEntries<'a>>,
    /// The same as older versions read them.
    former: Vec<TestedEntries<'a>>,
}

/// Result of a test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    /// True if the outlier is accepted.
    pub whitelisted: bool,
    /// Number of times that a regexp was stopped because a value made it too slow. It then counts
    /// as not matching that value.
    pub regexps_given_up: u64,
    /// True if the outlier is not accepted, but was by versions in which `field:value` was a value
    /// as a whole.
    pub formerly_accepted: bool,
}

impl Whitelist {
    /// Combines the entries of the main configuration with those of the use case's file.
    pub fn new(global: Arc<WhitelistEntries>, per_file: Arc<WhitelistEntries>) -> Self {
        Whitelist { origins: [global, per_file], now: None }
    }

    /// Leaves out the entries that have expired at the time `now`. Without a time, all hold.
    pub fn at(self, now: DateTime<Utc>) -> Self {
        Whitelist { now: Some(now), ..self }
    }

    /// True if there are no entries.
    pub fn is_empty(&self) -> bool {
        self.origins.iter().all(|entries| entries.is_empty())
    }

    /// Returns the whitelist for the outliers of a document. Derived fields replace the document's
    /// own.
    pub fn of_event<'a>(&'a self, document: &'a Document) -> EventWhitelist<'a> {
        let origins = self.origins.iter().filter(|entries| !entries.is_empty());
        EventWhitelist {
            event: Values::of_event(document),
            entries: origins.clone().map(|entries| TestedEntries::new(entries, self.now)).collect(),
            former: origins
                .filter_map(|entries| entries.former())
                .map(|former| TestedEntries::new(former, self.now))
                .collect(),
        }
    }
}

impl EventWhitelist<'_> {
    /// Tests an outlier of the event.
    pub fn matches(&mut self, outlier: &Outlier) -> Verdict {
        let EventWhitelist { event, entries, former } = self;
        let mut outlier = Values::of_outlier(outlier);
        let mut verdict = Verdict::default();
        let n_given_up = &mut verdict.regexps_given_up;
        verdict.whitelisted = entries.iter_mut().any(|entries| entries.match_literal(event, &mut outlier))
            || entries.iter_mut().any(|entries| entries.match_regexp(event, &mut outlier, n_given_up));
        verdict.formerly_accepted = !verdict.whitelisted
            && former.iter_mut().any(|former| {
                former.match_literal(event, &mut outlier) || former.match_regexp(event, &mut outlier, n_given_up)
            });
        verdict
    }

    /// Notes of all entries that accept an outlier of the event.
    pub fn accepting(&mut self, outlier: &Outlier) -> Vec<Arc<WhitelistNote>> {
        let EventWhitelist { event, entries, .. } = self;
        let mut outlier = Values::of_outlier(outlier);
        entries.iter_mut().flat_map(|entries| entries.accepting(event, &mut outlier)).collect()
    }
}

#[cfg(test)]
mod tests;
