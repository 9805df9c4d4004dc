//! Notes of an entry about itself: its name, who answers for it, and how long it holds.

use chrono::{DateTime, Days, NaiveDate, Utc};

use crate::config::ini::Entry;
use crate::config::problem::{Location, Problem, quoted};

/// Facts about a whitelist entry besides what it accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhitelistNote {
    /// Its name: that of its section, or its label.
    pub name: String,
    /// The section that it is in, or that it is.
    pub section: String,
    /// Place of the entry in its file, which identifies it.
    pub location: Location,
    /// Time from which on it accepts nothing.
    pub expires: Option<DateTime<Utc>>,
    /// Person who answers for it.
    pub owner: Option<String>,
    /// Reason why what it accepts is harmless.
    pub reason: Option<String>,
}

impl WhitelistNote {
    /// Note of an entry that is one line of a section.
    pub(super) fn of_line(entry: &Entry, section: &str) -> Self {
        let (name, location) = (entry.key.clone(), entry.location.clone());
        WhitelistNote { name, section: section.to_owned(), location, expires: None, owner: None, reason: None }
    }

    /// True if the entry no longer accepts anything at the time `now`.
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Warning that the entry has expired, if it has at the time `now`.
    pub fn expiry_warning(&self, now: DateTime<Utc>) -> Option<Problem> {
        let expires = self.expires.filter(|expires| *expires <= now)?;
        let owner = self.owner.as_ref().map(|owner| format!("; its owner is {}", quoted(owner))).unwrap_or_default();
        let message = format!("the whitelist entry expired at {expires:?} and accepts nothing{owner}");
        let help = "remove it, or set a later `expires` if what it accepts is still harmless";
        Some(Problem::warning(message).at(self.location.clone()).in_section(&self.section).help(help))
    }
}

/// Reads the time from which on an entry has expired: a time with its zone, or the end of a day in
/// UTC.
pub(super) fn parse_expiry(text: &str) -> Option<DateTime<Utc>> {
    let of_day = |day: NaiveDate| Some(day.checked_add_days(Days::new(1))?.and_time(chrono::NaiveTime::MIN).and_utc());
    match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(day) => of_day(day),
        Err(_) => DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_hold_to_their_end() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(parse_expiry(text).map(|time| time.to_rfc3339()).as_deref(), expected, "{text}");
        };
        check("2026-12-31", Some("2027-01-01T00:00:00+00:00"));
        check("2024-02-29", Some("2024-03-01T00:00:00+00:00"));
        check("2026-12-31T12:00:00+02:00", Some("2026-12-31T10:00:00+00:00"));
        for wrong in ["", "2026-02-30", "31.12.2026", "2026-12-31 12:00", "tomorrow", "2026-12"] {
            check(wrong, None);
        }
    }
}
