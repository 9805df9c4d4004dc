//! Times at which use cases are due.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::super::run::Selection;
use super::selection::with_required;
use crate::config::{Configuration, Schedule};

/// A time of day that is set back by more than this was wrong before: schedules begin anew. Times
/// that come twice because of a smaller step count once.
const LARGE_STEP: TimeDelta = TimeDelta::hours(3);

/// Schedules with the use cases that follow them.
#[derive(Debug)]
pub(super) struct Agenda {
    entries: Vec<Entry>,
}

/// A schedule with the use cases that follow it.
#[derive(Debug)]
struct Entry {
    schedule: Schedule,
    followers: Followers,
    /// Everything up to this time is done.
    done: DateTime<Utc>,
}

/// Use cases that follow a schedule.
#[derive(Debug)]
enum Followers {
    /// All that have none of their own.
    Others,
    /// Those with these names, whose own it is.
    Named(BTreeSet<String>),
}

/// Use cases that are due.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// Time since which it is due.
    pub(super) since: DateTime<Utc>,
    pub(super) use_cases: Selection,
}

impl Agenda {
    /// The agenda of a configuration, from `now` on.
    pub(super) fn new(settings: &Configuration, now: DateTime<Utc>) -> Self {
        let main = settings.main.daemon.schedule.clone();
        let main = main.map(|schedule| Entry { schedule, followers: Followers::Others, done: now });
        let mut entries: Vec<Entry> = main.into_iter().collect();
        for use_case in settings.use_cases.iter().filter(|use_case| use_case.active) {
            let Some(schedule) = &use_case.schedule else { continue };
            let known = entries.iter_mut().find_map(|entry| match &mut entry.followers {
                Followers::Named(names) if entry.schedule == *schedule => Some(names),
                _ => None,
            });
            match known {
                Some(names) => drop(names.insert(use_case.id())),
                None => {
                    let followers = Followers::Named(BTreeSet::from([use_case.id()]));
                    entries.push(Entry { schedule: schedule.clone(), followers, done: now });
                }
            }
        }
        Agenda { entries }
    }

    /// True if nothing is ever due.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes over another configuration. What was due by a schedule that it still has remains due.
    pub(super) fn follow(&mut self, settings: &Configuration, now: DateTime<Utc>) {
        let mut agenda = Agenda::new(settings, now);
        for entry in &mut agenda.entries {
            let known = self.entries.iter().find(|known| known.schedule == entry.schedule);
            entry.done = known.map_or(now, |known| known.done);
        }
        *self = agenda;
    }

    /// Returns the next time at which something is due.
    pub(super) fn next(&self) -> Option<DateTime<Utc>> {
        self.entries.iter().filter_map(Entry::next).min()
    }

    /// Takes note of the time: after a large step back, schedules begin anew.
    pub(super) fn look_at_clock(&mut self, now: DateTime<Utc>) {
        for entry in &mut self.entries {
            if entry.done - now > LARGE_STEP {
                entry.done = now;
            }
        }
    }

    /// Takes everything that is due. What was missed several times is due once.
    pub(super) fn take_due(&mut self, settings: &Configuration, now: DateTime<Utc>) -> Option<Due> {
        let (mut since, mut is_main_due) = (None::<DateTime<Utc>>, false);
        let (mut named, mut waiting) = (BTreeSet::new(), BTreeSet::new());
        for entry in &mut self.entries {
            let due = entry.next().filter(|next| *next <= now);
            match (&entry.followers, due) {
                (Followers::Others, due) => is_main_due = due.is_some(),
                (Followers::Named(names), Some(_)) => named.extend(names.iter().cloned()),
                (Followers::Named(names), None) => waiting.extend(names.iter().cloned()),
            }
            if let Some(due) = due {
                since = Some(since.map_or(due, |since| since.min(due)));
                entry.done = now;
            }
        }
        let use_cases = if is_main_due {
            let due = settings.use_cases.iter().map(|use_case| use_case.id()).filter(|name| !waiting.contains(name));
            let required = with_required(settings, due.collect());
            Selection::AllBut(waiting.difference(&required).cloned().collect())
        } else {
            Selection::Named(with_required(settings, named))
        };
        Some(Due { since: since?, use_cases })
    }
}

impl Entry {
    fn next(&self) -> Option<DateTime<Utc>> {
        self.schedule.next_after(self.done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USE_CASES: &str = "[simplequery_a]\nSAME\n[simplequery_b]\nschedule=0 * * * *\nSAME\n\
                             [simplequery_c]\nschedule=30 6 * * *\nSAME\nrequires=simplequery_d\n[simplequery_d]\nSAME\n";

    fn settings(schedule: &str) -> Configuration {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let same = "run_model=1\nes_query_filter=a:b\noutlier_type=t\noutlier_reason=r\noutlier_summary=s";
        let use_cases = write("u.conf", &USE_CASES.replace("SAME", same));
        let main = write("main.conf", &format!("[daemon]\ntimezone=UTC\nschedule={schedule}\n"));
        let settings = crate::config::load(&[main], &[use_cases.display().to_string()]);
        assert_eq!((settings.use_cases.len(), settings.problems.len()), (4, 0), "{:?}", settings.problems);
        settings
    }

    fn time(text: &str) -> DateTime<Utc> {
        format!("2024-05-{text}:00Z").parse().unwrap()
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| format!("simplequery_{name}")).collect()
    }

    #[track_caller]
    fn check(agenda: &mut Agenda, settings: &Configuration, now: &str, expected: Option<(&str, Selection)>) {
        let expected = expected.map(|(since, use_cases)| Due { since: time(since), use_cases });
        assert_eq!(agenda.take_due(settings, time(now)), expected, "{now}");
    }

    #[test]
    fn use_cases_are_due_by_their_own_schedule_or_that_of_all() {
        let settings = settings("0 6 * * *");
        let mut agenda = Agenda::new(&settings, time("08T04:30"));
        assert_eq!(agenda.next(), Some(time("08T05:00")));
        check(&mut agenda, &settings, "08T04:59", None);
        check(&mut agenda, &settings, "08T05:00", Some(("08T05:00", Selection::Named(names(&["b"])))));
        check(&mut agenda, &settings, "08T05:00", None);
        // both schedules: c waits
        check(&mut agenda, &settings, "08T06:01", Some(("08T06:00", Selection::AllBut(names(&["c"])))));
        // c with the use case that it requires
        check(&mut agenda, &settings, "08T06:30", Some(("08T06:30", Selection::Named(names(&["c", "d"])))));
    }

    #[test]
    fn what_was_missed_is_due_once() {
        let settings = settings("0 6 * * *");
        let mut agenda = Agenda::new(&settings, time("08T05:30"));
        check(&mut agenda, &settings, "11T12:10", Some(("08T06:00", Selection::AllBut(names(&[])))));
        check(&mut agenda, &settings, "11T12:10", None);
        assert_eq!(agenda.next(), Some(time("11T13:00")));
    }

    #[test]
    fn a_clock_that_is_set_back_repeats_nothing_unless_it_was_wrong() {
        let settings = settings("0 6 * * *");
        let mut agenda = Agenda::new(&settings, time("08T05:30"));
        check(&mut agenda, &settings, "08T06:00", Some(("08T06:00", Selection::AllBut(names(&["c"])))));
        agenda.look_at_clock(time("08T05:00"));
        check(&mut agenda, &settings, "08T06:00", None);
        // a clock that was a year ahead
        check(&mut agenda, &settings, "30T06:00", Some(("08T06:30", Selection::AllBut(names(&[])))));
        agenda.look_at_clock(time("08T12:10"));
        assert_eq!(agenda.next(), Some(time("08T13:00")));
    }

    #[test]
    fn what_is_due_remains_due_when_the_configuration_changes() {
        let mut agenda = Agenda::new(&settings("0 6 * * *"), time("08T05:59"));
        let changed = settings("0 6 * * *");
        agenda.follow(&changed, time("08T06:00"));
        check(&mut agenda, &changed, "08T06:00", Some(("08T06:00", Selection::AllBut(names(&["c"])))));
        let later = settings("0 7 * * *");
        agenda.follow(&later, time("08T06:10"));
        assert_eq!(agenda.next(), Some(time("08T06:30")));
        assert!(!agenda.is_empty() && Agenda::new(&settings(""), time("08T06:10")).next().is_some());
    }
}
