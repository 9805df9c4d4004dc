//! Notices of a run, by what became of them.

use serde::Serialize;

use super::Report;
use crate::outbox::{Telling, Waiting};
use crate::state::{RunOutcome, RunRecord};
use crate::terminal::counted;

/// Notices during a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct NoticeReport {
    /// Notices of its outliers.
    pub queued: u64,
    /// Notices that channels told, also those of earlier runs.
    pub told: u64,
    /// Notices that were given up.
    pub given_up: u64,
    /// Notices that wait at its end.
    pub waiting: u64,
}

impl Report {
    /// Adds the run's number in the history.
    pub(crate) fn recorded(&mut self, run: &RunRecord) {
        self.run = Some(run.id.clone());
    }

    /// Warns of something about the state of earlier runs.
    pub(crate) fn doubtful_state(&mut self, line: String) {
        self.warning(line);
    }

    /// Adds notices of the run's outliers.
    pub(crate) fn queued(&mut self, n_notices: u64) {
        self.notices.get_or_insert_default().queued += n_notices;
    }

    /// Adds what became of notices. Nothing remembers those that wait if the run has no memory.
    pub(crate) fn told(&mut self, telling: &Telling, waiting: &[Waiting], memory: NoticeMemory) {
        let n_waiting: u64 = waiting.iter().map(|waiting| waiting.n_notices).sum();
        if telling == &Telling::default() && n_waiting == 0 {
            return;
        }
        let notices = self.notices.get_or_insert_default();
        notices.told += telling.n_told();
        notices.given_up += telling.given_up.len() as u64;
        notices.waiting = n_waiting;
        self.missing.extend(telling.given_up.iter().cloned());
        for waiting in waiting {
            match memory {
                NoticeMemory::Kept => self.waits(waiting),
                NoticeMemory::None => self.missing.push(lost(waiting)),
            }
        }
    }

    fn waits(&mut self, waiting: &Waiting) {
        let n_notices = counted(waiting.n_notices, "notice waits", "notices wait");
        let since = waiting.since.format("%Y-%m-%dT%H:%M:%SZ");
        let why = match &waiting.reason {
            _ if !waiting.is_configured => "the configuration has no channel of this name",
            Some(reason) => reason,
            None => return,
        };
        self.warning(format!("{n_notices} for the channel {} since {since}: {why}", waiting.channel));
    }

    /// Way in which the run ended.
    pub(crate) fn outcome(&self, exit: super::Exit) -> RunOutcome {
        match exit {
            super::Exit::Done => RunOutcome::Complete,
            super::Exit::Partial => RunOutcome::Partial,
            super::Exit::Interrupted => RunOutcome::Interrupted,
            _ => RunOutcome::Failed,
        }
    }
}

/// Fate of notices that wait when the run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoticeMemory {
    /// They wait in the state store.
    Kept,
    /// They are gone with the run.
    None,
}

fn lost(waiting: &Waiting) -> String {
    let n_notices = counted(waiting.n_notices, "notice", "notices");
    let reason = waiting.reason.as_deref().unwrap_or("there was no time left");
    let cure = "with state_dir in [general], they would wait for the next run";
    format!("{n_notices} for the channel {} could not be told: {reason}; {cure}", waiting.channel)
}
