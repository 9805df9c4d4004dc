//! Notices that wait until their channels have told them.

use chrono::{DateTime, TimeDelta, Utc};
use redb::{ReadableTable, Table, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::super::error::StateError;
use super::StateStore;
use super::tables::{CHANNELS, NOTICES, PENDING};
use super::values::{decompress, from_json, to_json};

/// State of a notice that is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingNotice {
    /// Its number.
    pub number: u64,
    /// Name of the channel that tells it.
    pub channel: String,
    /// Key of the notice.
    pub key: String,
    /// Time when it was stored.
    pub since: DateTime<Utc>,
    /// Attempts that failed.
    pub attempts: u32,
    /// Time of the last attempt.
    pub tried: Option<DateTime<Utc>>,
    /// Reason why the last attempt failed.
    pub reason: Option<String>,
}

impl PendingNotice {
    pub(super) fn new(number: u64, channel: &str, key: &str, now: DateTime<Utc>) -> Self {
        let (channel, key) = (channel.to_owned(), key.to_owned());
        PendingNotice { number, channel, key, since: now, attempts: 0, tried: None, reason: None }
    }
}

/// Counts of a channel since the store began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChannelCounts {
    /// Notices that it told.
    pub told: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Notices that were given up.
    pub given_up: u64,
    /// Time of the last notice that it told.
    pub last_told: Option<DateTime<Utc>>,
    /// Reason of the last failure, until a notice is told.
    pub reason: Option<String>,
    /// Failures since a notice was told.
    pub failures_in_row: u32,
    /// Time of the last failure.
    pub last_failed: Option<DateTime<Utc>>,
    /// Time of the next attempt after it.
    pub paused_until: Option<DateTime<Utc>>,
    /// Beginning of the minute whose notices count for the rate limit.
    pub minute: Option<DateTime<Utc>>,
    /// Notices of this minute.
    pub told_in_minute: u32,
}

impl ChannelCounts {
    /// True if the channel pauses after a failure. A clock that was set back ends the pause.
    pub fn is_paused(&self, now: DateTime<Utc>) -> bool {
        self.last_failed.is_some_and(|failed| failed <= now) && self.paused_until.is_some_and(|until| now < until)
    }

    fn count_failure(&mut self, now: DateTime<Utc>, until: Option<DateTime<Utc>>, reason: &str) {
        self.count_attempt(now);
        self.failed += 1;
        self.reason = Some(reason.to_owned());
        if until.is_some() {
            self.failures_in_row = self.failures_in_row.saturating_add(1);
            (self.last_failed, self.paused_until) = (Some(now), until);
        }
    }

    /// Number of notices that may be told at the time `now` without exceeding `rate_limit` per
    /// minute.
    pub fn room(&self, now: DateTime<Utc>, rate_limit: u32) -> u32 {
        if self.is_in_minute(now) { rate_limit.saturating_sub(self.told_in_minute) } else { rate_limit }
    }

    /// Time when the next minute begins, if there is no room in this one.
    pub fn next_minute(&self) -> Option<DateTime<Utc>> {
        self.minute.map(|minute| minute + TimeDelta::minutes(1))
    }

    fn is_in_minute(&self, now: DateTime<Utc>) -> bool {
        self.minute.is_some_and(|minute| minute <= now && now < minute + TimeDelta::minutes(1))
    }

    fn count_attempt(&mut self, now: DateTime<Utc>) {
        if !self.is_in_minute(now) {
            (self.minute, self.told_in_minute) = (Some(now), 0);
        }
        self.told_in_minute += 1;
    }
}

pub(super) fn put_pending(
    store: &StateStore,
    table: &mut Table<'_, u64, &'static [u8]>,
    pending: &PendingNotice,
) -> Result<(), StateError> {
    let value = to_json(pending).map_err(store.bad_value())?;
    table.insert(pending.number, value.as_slice()).map_err(store.failed())?;
    Ok(())
}

impl StateStore {
    /// Notices that wait, in the order in which they were stored.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn pending(&self) -> Result<Vec<PendingNotice>, StateError> {
        let transaction = self.begin_read()?;
        let Some(table) = self.table(&transaction, PENDING)? else { return Ok(Vec::new()) };
        let mut pending = Vec::new();
        for entry in table.iter().map_err(self.failed())? {
            let (_, value) = entry.map_err(self.failed())?;
            pending.push(from_json(value.value()).map_err(self.bad_value())?);
        }
        Ok(pending)
    }

    /// A notice that waits, as JSON; `None` if it does not.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn notice(&self, number: u64) -> Result<Option<String>, StateError> {
        let transaction = self.begin_read()?;
        let Some(table) = self.table(&transaction, NOTICES)? else { return Ok(None) };
        let Some(value) = table.get(number).map_err(self.failed())? else { return Ok(None) };
        let text = decompress(value.value()).map_err(self.bad_value())?;
        String::from_utf8(text).map(Some).map_err(|error| self.bad(error.to_string()))
    }

    /// Records that a notice was told: it no longer waits.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn told(&self, pending: &PendingNotice, now: DateTime<Utc>) -> Result<(), StateError> {
        self.change(|transaction| {
            self.remove_notice(transaction, pending.number)?;
            self.count(transaction, &pending.channel, |counts| {
                counts.count_attempt(now);
                counts.told += 1;
                (counts.last_told, counts.reason) = (Some(now), None);
                (counts.failures_in_row, counts.paused_until) = (0, None);
            })
        })
    }

    /// Records that an attempt failed, and that the channel pauses `until` then.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn failed_to_tell(
        &self,
        pending: &PendingNotice,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        reason: &str,
    ) -> Result<(), StateError> {
        self.change(|transaction| {
            let mut table = transaction.open_table(PENDING).map_err(self.failed())?;
            let attempts = pending.attempts + 1;
            let failed =
                PendingNotice { attempts, tried: Some(now), reason: Some(reason.to_owned()), ..pending.clone() };
            put_pending(self, &mut table, &failed)?;
            drop(table);
            self.count(transaction, &pending.channel, |counts| counts.count_failure(now, Some(until), reason))
        })
    }

    /// Gives a notice up: it no longer waits, and nobody was told.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn give_up(&self, pending: &PendingNotice, now: DateTime<Utc>, reason: &str) -> Result<(), StateError> {
        self.change(|transaction| {
            self.remove_notice(transaction, pending.number)?;
            self.count(transaction, &pending.channel, |counts| {
                counts.count_failure(now, None, reason);
                counts.given_up += 1;
            })
        })
    }

    /// Counts of the channels, by name.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn channels(&self) -> Result<Vec<(String, ChannelCounts)>, StateError> {
        let transaction = self.begin_read()?;
        let Some(table) = self.table(&transaction, CHANNELS)? else { return Ok(Vec::new()) };
        let mut channels = Vec::new();
        for entry in table.iter().map_err(self.failed())? {
            let (name, value) = entry.map_err(self.failed())?;
            channels.push((name.value().to_owned(), from_json(value.value()).map_err(self.bad_value())?));
        }
        Ok(channels)
    }

    /// Counts of one channel.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn channel(&self, name: &str) -> Result<ChannelCounts, StateError> {
        let transaction = self.begin_read()?;
        let Some(table) = self.table(&transaction, CHANNELS)? else { return Ok(ChannelCounts::default()) };
        self.counts(&table, name)
    }

    fn counts(
        &self,
        table: &impl ReadableTable<&'static str, &'static [u8]>,
        name: &str,
    ) -> Result<ChannelCounts, StateError> {
        let known = table.get(name).map_err(self.failed())?.map(|value| from_json(value.value()));
        Ok(known.transpose().map_err(self.bad_value())?.unwrap_or_default())
    }

    fn remove_notice(&self, transaction: &WriteTransaction, number: u64) -> Result<(), StateError> {
        transaction.open_table(PENDING).map_err(self.failed())?.remove(number).map_err(self.failed())?;
        transaction.open_table(NOTICES).map_err(self.failed())?.remove(number).map_err(self.failed())?;
        Ok(())
    }

    fn count(
        &self,
        transaction: &WriteTransaction,
        channel: &str,
        change: impl FnOnce(&mut ChannelCounts),
    ) -> Result<(), StateError> {
        let mut table = transaction.open_table(CHANNELS).map_err(self.failed())?;
        let mut counts = self.counts(&table, channel)?;
        change(&mut counts);
        let value = to_json(&counts).map_err(self.bad_value())?;
        table.insert(channel, value.as_slice()).map_err(self.failed())?;
        Ok(())
    }
}
