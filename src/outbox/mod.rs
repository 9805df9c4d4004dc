//! The outbox: gives the notices that wait in the state store to their channels.
//!
//! A notice leaves the store when its channel has told it, so that a program which is killed in
//! between tells at most that one again. Channels do not wait for each other. A channel that fails
//! pauses, longer each time, and goes on with the notice that it tried least often, so that one
//! which its receiver cannot digest does not hold up the others. A notice that is older than
//! `notify_give_up_hours` has one more attempt, and is given up.

mod backoff;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use tokio::sync::Notify;
use tracing::{debug, error, warn};

use crate::config::Notifiers;
use crate::delivery::Notice;
use crate::notifiers::{Notifier, NotifyError, Told};
use crate::runtime::{Clock, Interrupt};
use crate::state::{ChannelCounts, PendingNotice, StateError, StateStore};
use backoff::pause_after;

/// Longest sleep of [`Outbox::serve`]: the time of day may step meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Time that an attempt has left after the interrupt.
const GRACE: Duration = Duration::from_secs(10);

/// The outbox of a process.
#[derive(Debug)]
pub struct Outbox {
    store: StateStore,
    channels: Vec<OpenChannel>,
    give_up_after: TimeDelta,
}

#[derive(Debug)]
struct OpenChannel {
    notifier: Box<dyn Notifier>,
    rate_limit: u32,
}

/// Numbers of notices by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Telling {
    /// Number of notices told, by channel.
    pub told: BTreeMap<String, u64>,
    /// Notices that were given up, with the reasons, one line each.
    pub given_up: Vec<String>,
}

impl Telling {
    fn add(&mut self, other: Telling) {
        other.told.into_iter().for_each(|(channel, n_told)| *self.told.entry(channel).or_default() += n_told);
        self.given_up.extend(other.given_up);
    }

    /// Number of notices told.
    pub fn n_told(&self) -> u64 {
        self.told.values().sum()
    }
}

/// Notices of a channel that wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Name of the channel.
    pub channel: String,
    /// Number of notices.
    pub n_notices: u64,
    /// Time since which the first one waits.
    pub since: DateTime<Utc>,
    /// Reason why the last attempt failed, if it did.
    pub reason: Option<String>,
    /// True if the configuration has the channel.
    pub is_configured: bool,
}

impl Outbox {
    /// Gives the notices in `store` to `notifiers`, under their `settings`.
    pub fn new(store: &StateStore, notifiers: Vec<Box<dyn Notifier>>, settings: &Notifiers) -> Self {
        let open = |notifier: Box<dyn Notifier>| {
            let rate_limit = settings.channel(notifier.name()).map_or(u32::MAX, |channel| channel.rate_limit.get());
            OpenChannel { notifier, rate_limit }
        };
        let give_up_after = TimeDelta::from_std(settings.give_up_after).unwrap_or(TimeDelta::MAX);
        Outbox { store: store.clone(), channels: notifiers.into_iter().map(open).collect(), give_up_after }
    }

    /// Tells everything that is due. Must run on a thread of a runtime with several.
    ///
    /// # Errors
    /// A store that cannot be used, and the interrupt.
    pub async fn tell_due(&self, clock: &dyn Clock, interrupt: &Interrupt) -> Result<Telling, StateError> {
        self.pass(clock, interrupt, Duration::MAX).await
    }

    /// Tells what is due. No attempt begins after `end` on the `clock`.
    async fn pass(&self, clock: &dyn Clock, interrupt: &Interrupt, end: Duration) -> Result<Telling, StateError> {
        let mut all = self.give_up_orphans(clock.now())?;
        let passes = self.channels.iter().map(|channel| self.tell_channel(channel, clock, interrupt, end));
        for telling in join_all(passes).await {
            all.add(telling?);
        }
        Ok(all)
    }

    /// Tells what is due; no attempt begins after `limit`. If the store is gone with the program,
    /// it also waits until then for what becomes due.
    ///
    /// # Errors
    /// A store that cannot be used.
    pub async fn tell_within(
        &self,
        limit: Duration,
        clock: &dyn Clock,
        interrupt: &Interrupt,
    ) -> Result<Telling, StateError> {
        let end = clock.passed() + limit;
        let mut all = Telling::default();
        while !interrupt.is_raised() {
            all.add(self.pass(clock, interrupt, end).await?);
            let left = end.saturating_sub(clock.passed());
            match self.next_due()? {
                Some(due) if !left.is_zero() && !self.store.remembers() => {
                    let wait = (due - clock.now()).to_std().unwrap_or_default().min(left);
                    let wait = wait.max(Duration::from_millis(10));
                    tokio::select! {
                        () = interrupt.raised() => {}
                        () = clock.beside_work(wait) => {}
                    }
                }
                _ => break,
            }
        }
        Ok(all)
    }

    /// Tells what is due until the interrupt, and passes on what became of it. `queued` says that
    /// there are new notices. Faults of the store are logged, and it goes on.
    pub async fn serve(
        &self,
        clock: &dyn Clock,
        queued: &Notify,
        interrupt: &Interrupt,
        mut tell: impl FnMut(Telling),
    ) {
        while !interrupt.is_raised() {
            let due = match self.tell_due(clock, interrupt).await {
                Ok(telling) => {
                    tell(telling);
                    self.next_due().ok().flatten()
                }
                Err(state_error) => {
                    error!("notices: {state_error}");
                    None
                }
            };
            let sleep = due.map_or(LONGEST_SLEEP, |due| (due - clock.now()).to_std().unwrap_or_default());
            let sleep = sleep.clamp(Duration::from_millis(100), LONGEST_SLEEP);
            tokio::select! {
                () = interrupt.raised() => {}
                () = queued.notified() => {}
                () = clock.beside_work(sleep) => {}
            }
        }
    }

    /// Notices that wait, by channel.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn waiting(&self) -> Result<Vec<Waiting>, StateError> {
        let mut waiting: BTreeMap<String, Waiting> = BTreeMap::new();
        for PendingNotice { channel, since, reason, .. } in self.store.pending()? {
            let is_configured = self.channels.iter().any(|open| open.notifier.name() == channel);
            let entry = waiting.entry(channel.clone()).or_insert(Waiting {
                channel,
                n_notices: 0,
                since,
                reason: None,
                is_configured,
            });
            entry.n_notices += 1;
            entry.since = entry.since.min(since);
            entry.reason = reason.or(entry.reason.take());
        }
        Ok(waiting.into_values().collect())
    }

    /// Time when the next attempt of any channel is due.
    fn next_due(&self) -> Result<Option<DateTime<Utc>>, StateError> {
        let pending = self.store.pending()?;
        let mut next: Option<DateTime<Utc>> = None;
        for channel in &self.channels {
            let name = channel.notifier.name();
            let Some(first) = pending.iter().filter(|pending| pending.channel == name).map(|one| one.since).min()
            else {
                continue;
            };
            let counts = self.store.channel(name)?;
            let is_full = counts.told_in_minute >= channel.rate_limit;
            let due = [counts.paused_until, counts.next_minute().filter(|_| is_full)].into_iter().flatten().max();
            let due = due.unwrap_or(first);
            next = Some(next.map_or(due, |next| next.min(due)));
        }
        Ok(next)
    }

    /// Tells what is due in one channel, until it fails.
    async fn tell_channel(
        &self,
        channel: &OpenChannel,
        clock: &dyn Clock,
        interrupt: &Interrupt,
        end: Duration,
    ) -> Result<Telling, StateError> {
        let mut telling = Telling::default();
        let name = channel.notifier.name();
        let mut pending = self.store.pending()?;
        pending.retain(|pending| pending.channel == name);
        // what is stored meanwhile is told by the next pass
        pending.sort_by_key(|pending| (pending.attempts, pending.number));
        for next in pending {
            if interrupt.is_raised() || clock.passed() >= end {
                break;
            }
            let now = clock.now();
            let counts = self.store.channel(name)?;
            if counts.is_paused(now) || counts.room(now, channel.rate_limit) == 0 {
                break;
            }
            // one that is cut off may have been told, and is told again
            let Ok(attempt) = interrupt.within(GRACE, self.attempt(channel, &next)).await else { break };
            let attempt = attempt?;
            let goes_on = self.note(channel, &next, &counts, attempt, clock.now(), &mut telling)?;
            if !goes_on {
                break;
            }
        }
        Ok(telling)
    }

    async fn attempt(
        &self,
        channel: &OpenChannel,
        pending: &PendingNotice,
    ) -> Result<Result<Told, NotifyError>, StateError> {
        let stored = self.store.notice(pending.number)?;
        let notice = stored.as_deref().map(serde_json::from_str::<Notice>).transpose();
        Ok(match notice {
            Ok(Some(notice)) => channel.notifier.tell(&notice).await,
            Ok(None) => Err(NotifyError::Permanent { reason: "the store has lost it".to_owned() }),
            Err(error) => Err(NotifyError::Permanent { reason: format!("it cannot be read: {error}") }),
        })
    }

    /// Stores what became of an attempt; true if the channel can go on.
    fn note(
        &self,
        channel: &OpenChannel,
        pending: &PendingNotice,
        counts: &ChannelCounts,
        attempt: Result<Told, NotifyError>,
        now: DateTime<Utc>,
        telling: &mut Telling,
    ) -> Result<bool, StateError> {
        let name = channel.notifier.name();
        let is_old = now - pending.since >= self.give_up_after;
        match attempt {
            Ok(told) => {
                debug!(channel = name, key = pending.key, ?told, "told");
                self.store.told(pending, now)?;
                *telling.told.entry(name.to_owned()).or_default() += 1;
                Ok(true)
            }
            Err(NotifyError::Temporary { reason, retry_after }) if !is_old => {
                let pause = pause_after(counts.failures_in_row, retry_after);
                warn!(channel = name, key = pending.key, seconds = pause.num_seconds(), "not told: {reason}: retrying");
                self.store.failed_to_tell(pending, now, now + pause, &reason)?;
                Ok(false)
            }
            Err(NotifyError::Temporary { reason, .. } | NotifyError::Permanent { reason }) => {
                self.give_up(pending, now, &reason, telling)?;
                Ok(true)
            }
        }
    }

    fn give_up(
        &self,
        pending: &PendingNotice,
        now: DateTime<Utc>,
        reason: &str,
        telling: &mut Telling,
    ) -> Result<(), StateError> {
        let PendingNotice { channel, key, since, attempts, .. } = pending;
        let attempts = attempts + 1;
        let line = format!(
            "notice {key} of {} was given up after {attempts} attempts: the channel {channel} did not tell it: {reason}",
            since.format("%Y-%m-%dT%H:%M:%SZ"),
        );
        error!("{line}");
        self.store.give_up(pending, now, reason)?;
        telling.given_up.push(line);
        Ok(())
    }

    /// Gives up old notices of channels that the configuration no longer has.
    fn give_up_orphans(&self, now: DateTime<Utc>) -> Result<Telling, StateError> {
        let mut telling = Telling::default();
        for pending in self.store.pending()? {
            let is_known = self.channels.iter().any(|open| open.notifier.name() == pending.channel);
            if !is_known && now - pending.since >= self.give_up_after {
                self.give_up(&pending, now, "the configuration has no channel of this name", &mut telling)?;
            }
        }
        Ok(telling)
    }
}

#[cfg(test)]
mod tests;
