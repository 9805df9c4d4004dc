//! Times of events that cannot be used, where they decide.

use serde_json::{Map, Value};

use super::names::OccurringNames;
use super::{Assessing, excerpt};
use crate::event::decode::timestamp;
use crate::event::time::TimeFormats;
use crate::ingest::{FirstEvents, Usage};
use crate::table::TimeSpec;
use crate::terminal::{counted, quoted, thousands};

/// Reason for skipping an event if windows end at the newest event: one such event would move them
/// away from all others.
pub const IN_FUTURE: &str = "later than a day from now";

/// True if no event is left for want of those that have not happened yet.
pub fn is_all_in_future(usage: &Usage) -> bool {
    usage.in_future > 0 && (usage.events == 0 || usage.in_future + usage.without_time == usage.matching)
}

impl Assessing<'_> {
    /// Reason why times cannot be used: they decide, and fewer than half can be read.
    pub(super) fn unread_times(&self) -> Option<String> {
        let time = &self.plan.layout.times[self.planned.time_idx?];
        let Usage { matching, without_time, .. } = *self.usage;
        if without_time * 2 <= matching {
            return None;
        }
        let n_read = match matching - without_time {
            0 => "none".to_owned(),
            n => format!("only {}", thousands(n)),
        };
        let have = if matching - without_time > 1 { "have" } else { "has" };
        let matching = counted(matching, "event that matches", "events that match");
        let field = quoted(time.field.as_str());
        let unread = Unread::of(self, time);
        Some(format!("{n_read} of the {matching} {have} a time in {field} that can be read{}", unread.cure(self)))
    }

    /// Reason why no event can be judged: those that match have not happened yet.
    pub(super) fn future_times(&self) -> Option<String> {
        if !is_all_in_future(self.usage) {
            return None;
        }
        let Usage { matching, in_future, .. } = *self.usage;
        let (late, others) = match (in_future, matching) {
            (1, 1) => ("the only event that matches is".to_owned(), ""),
            _ if in_future == matching => (format!("all of the {} events that match are", thousands(matching)), ""),
            _ => (
                format!("of the {} events that match, {} are", thousands(matching), thousands(in_future)),
                ", and none of the others has a time that counts",
            ),
        };
        Some(format!("{late} {IN_FUTURE}{others}: use --now or --to if their times are right"))
    }
}

/// Events without a readable time, among those that are read again.
struct Unread {
    /// A value that is not a time, if there is one.
    failed: Option<Value>,
    n_failed: usize,
    /// Events without a value.
    lacking: Vec<Map<String, Value>>,
    /// Events that were read again, for a message; `None` if they are not those that match.
    read: Option<String>,
}

impl Unread {
    /// Looks among the events that match; a window leaves out those without a time, so that others
    /// have to do.
    fn of(assessing: &Assessing<'_>, time: &TimeSpec) -> Self {
        let matching = &assessing.ingested.first_matching[assessing.use_case_idx];
        let read = match usize::try_from(assessing.usage.matching) {
            Ok(n_matching) if n_matching == matching.places().len() => "of them".to_owned(),
            _ => format!("of the first {}", thousands(matching.places().len() as u64)),
        };
        let unread = Unread::among(matching, Some(read), assessing, time);
        if unread.failed.is_some() || !unread.lacking.is_empty() {
            return unread;
        }
        // many of these may be events of other kinds, which have no such field
        let others = Unread::among(&assessing.ingested.first, None, assessing, time);
        if others.failed.is_some() { Unread { lacking: Vec::new(), ..others } } else { others }
    }

    fn among(events: &FirstEvents, read: Option<String>, assessing: &Assessing<'_>, time: &TimeSpec) -> Self {
        let mut unread = Unread { failed: None, n_failed: 0, lacking: Vec::new(), read };
        for event in assessing.read(events) {
            match assessing.value_of(&event, &time.field) {
                None => unread.lacking.push(event),
                Some(value) if !is_time(&value, &time.formats) => {
                    unread.n_failed += 1;
                    unread.failed.get_or_insert(value);
                }
                Some(_) => {}
            }
        }
        unread
    }

    /// Returns the cure, as the end of a sentence.
    fn cure(&self, assessing: &Assessing<'_>) -> String {
        let Unread { failed, n_failed, lacking, read } = self;
        let cure_of_format = match assessing.planned.use_case.timestamp_format.is_empty() {
            true => "give its form with timestamp_format",
            false => "correct timestamp_format",
        };
        let failed = failed.as_ref().map(|value| format!("; {} cannot: {cure_of_format}", excerpt(value)));
        let field_is_wrong = lacking.len() > *n_failed;
        let is_none_read = assessing.usage.without_time == assessing.usage.matching;
        let mut cure = String::new();
        if let Some(read) = read
            && !lacking.is_empty()
            && (!is_none_read || failed.is_some())
        {
            let have = if lacking.len() == 1 { "has" } else { "have" };
            cure.push_str(&format!("; {} {read} {have} no value there", thousands(lacking.len() as u64)));
        }
        if field_is_wrong {
            cure.push_str(&OccurringNames::of(lacking).with_times());
        }
        match (cure.is_empty(), failed) {
            (true, None) => ": check timestamp_field and timestamp_format".to_owned(),
            (_, failed) => cure + &failed.unwrap_or_default(),
        }
    }
}

fn is_time(value: &Value, formats: &TimeFormats) -> bool {
    timestamp(&value.to_string(), formats, &mut String::new()).is_some()
}
