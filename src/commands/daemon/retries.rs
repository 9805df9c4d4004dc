//! Runs of what failed, at growing intervals.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::run::Selection;
use super::selection::{with_dependents, with_required};
use crate::config::Configuration;
use crate::report::{Exit, Report, Status};

/// Upper limit on the time between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Use cases that failed, and the times at which they are run again.
#[derive(Debug, Default)]
pub(super) struct Retries {
    /// Use cases that failed.
    use_cases: BTreeMap<String, Failure>,
    /// A run that failed as a whole.
    whole: Option<(Selection, Failure)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failure {
    /// Number of failures in a row.
    n: u32,
    /// Time of the next attempt, as passed on the clock.
    next: Duration,
}

impl Failure {
    /// Returns the next failure in a row after `known`.
    fn after(known: Option<Failure>, first_wait: Duration, passed: Duration) -> Self {
        let n = known.map_or(0, |known| known.n).saturating_add(1);
        let wait = first_wait.saturating_mul(2_u32.saturating_pow(n - 1)).min(LONGEST_WAIT.max(first_wait));
        Failure { n, next: passed + wait }
    }
}

impl Retries {
    /// Takes note of how a run of `selection` ended. Mistakes in the configuration are not run
    /// again: only an edit helps. Without `first_wait`, nothing is run again.
    pub(super) fn note(
        &mut self,
        selection: &Selection,
        report: &Report,
        exit: Exit,
        first_wait: Option<Duration>,
        passed: Duration,
    ) {
        let Some(first_wait) = first_wait else {
            *self = Retries::default();
            return;
        };
        for use_case in &report.use_cases {
            match use_case.status {
                Status::Failed => {
                    let known = self.use_cases.get(&use_case.name).copied();
                    self.use_cases.insert(use_case.name.clone(), Failure::after(known, first_wait, passed));
                }
                _ => drop(self.use_cases.remove(&use_case.name)),
            }
        }
        match exit {
            Exit::Interrupted => {}
            Exit::Done | Exit::Partial | Exit::Usage | Exit::Configuration => {
                self.whole = self.whole.take().filter(|(failed, _)| !selection.covers(failed));
            }
            _ => {
                let (failed, known) = self.whole.take().unzip();
                let selection = match failed {
                    // neither is forgotten
                    Some(failed) if !selection.covers(&failed) => Selection::All,
                    _ => selection.clone(),
                };
                self.whole = Some((selection, Failure::after(known, first_wait, passed)));
            }
        }
    }

    /// Forgets use cases that `settings` do not have.
    pub(super) fn follow(&mut self, settings: &Configuration) {
        let active: BTreeSet<String> =
            settings.use_cases.iter().filter(|use_case| use_case.active).map(|use_case| use_case.id()).collect();
        self.use_cases.retain(|name, _| active.contains(name));
    }

    /// Returns the time of the next attempt, as passed on the clock.
    pub(super) fn next(&self) -> Option<Duration> {
        let whole = self.whole.as_ref().map(|(_, failure)| failure.next);
        self.use_cases.values().map(|failure| failure.next).chain(whole).min()
    }

    /// Returns what is to be run again by now: those that failed, those that require them, and
    /// those that these require.
    pub(super) fn due(&self, settings: &Configuration, passed: Duration) -> Option<Selection> {
        if let Some((selection, _)) = self.whole.as_ref().filter(|(_, failure)| failure.next <= passed) {
            return Some(selection.clone());
        }
        let due = self.use_cases.iter().filter(|(_, failure)| failure.next <= passed);
        let failed: BTreeSet<String> = due.map(|(name, _)| name.clone()).collect();
        let names = with_required(settings, with_dependents(settings, failed));
        (!names.is_empty()).then_some(Selection::Named(names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_an_hour() {
        let minute = Duration::from_secs(60);
        let mut failure = None;
        let mut waits = Vec::new();
        for _ in 0..8 {
            let next = Failure::after(failure, minute, Duration::ZERO);
            waits.push(next.next.as_secs() / 60);
            failure = Some(next);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        let much = Failure { n: u32::MAX, next: Duration::ZERO };
        assert_eq!(Failure::after(Some(much), minute, Duration::ZERO).next, LONGEST_WAIT);
        // whoever asks for longer waits gets them
        assert_eq!(Failure::after(None, 120 * minute, Duration::ZERO).next, 120 * minute);
    }

    #[test]
    fn use_cases_that_failed_run_with_those_that_need_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("u.conf");
        let same = "run_model=1\nes_query_filter=a:b\noutlier_type=t\noutlier_reason=r\noutlier_summary=s\n";
        let use_case = |name: &str, more: &str| format!("[simplequery_{name}]\n{same}{more}");
        let texts = [
            use_case("base", ""),
            use_case("failed", "requires=simplequery_base\n"),
            use_case("dependent", "requires=simplequery_failed\n"),
            use_case("other", ""),
        ];
        std::fs::write(&path, texts.concat()).unwrap();
        let settings = crate::config::load(&[], &[path.display().to_string()]);
        let [minute, second] = [60, 1].map(Duration::from_secs);
        let mut retries = Retries::default();
        let mut failed = Report::new(chrono::DateTime::UNIX_EPOCH);
        failed.skip(&settings.use_cases[1], "no index");
        retries.note(&Selection::All, &failed, Exit::Partial, Some(minute), Duration::ZERO);
        assert_eq!(retries.due(&settings, minute - second), None);
        let names = ["simplequery_base", "simplequery_dependent", "simplequery_failed"].map(str::to_owned);
        let again = Selection::Named(BTreeSet::from(names));
        assert_eq!(retries.due(&settings, minute), Some(again.clone()));
        retries.note(&again, &failed, Exit::Partial, Some(minute), minute);
        assert_eq!(retries.next(), Some(3 * minute));
        // a use case that is gone does not matter, nor does one that was judged
        let mut without = settings.clone();
        without.use_cases.remove(1);
        retries.follow(&without);
        assert_eq!(retries.next(), None);
    }

    #[test]
    fn a_run_that_failed_is_repeated_until_one_like_it_ends() {
        let report = Report::new(chrono::DateTime::UNIX_EPOCH);
        let minute = Duration::from_secs(60);
        let named = Selection::Named(BTreeSet::from(["a".to_owned()]));
        let mut retries = Retries::default();
        let note = |retries: &mut Retries, selection: &Selection, exit| {
            retries.note(selection, &report, exit, Some(minute), Duration::ZERO);
            retries.next()
        };
        assert_eq!(note(&mut retries, &Selection::All, Exit::Unavailable), Some(minute));
        assert_eq!(note(&mut retries, &Selection::All, Exit::Interrupted), Some(minute));
        assert_eq!(note(&mut retries, &named, Exit::Done), Some(minute));
        assert_eq!(note(&mut retries, &Selection::All, Exit::Reading), Some(2 * minute));
        assert_eq!(note(&mut retries, &Selection::All, Exit::Partial), None);
        // a part that fails does not hide that all failed
        assert_eq!(note(&mut retries, &Selection::All, Exit::Unavailable), Some(minute));
        assert_eq!(note(&mut retries, &named, Exit::Unavailable), Some(2 * minute));
        assert_eq!(note(&mut retries, &named, Exit::Done), Some(2 * minute));
        assert_eq!(note(&mut retries, &Selection::All, Exit::Done), None);
        // mistakes in the configuration wait for an edit
        assert_eq!(note(&mut retries, &Selection::All, Exit::Configuration), None);
        retries.note(&named, &report, Exit::Reading, None, Duration::ZERO);
        assert_eq!(retries.next(), None);
    }
}
