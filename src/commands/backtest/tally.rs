//! Outliers that stand, compared with the labels of their events.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rustc_hash::FxHashMap;

use super::super::error::RunError;
use super::super::run::variants::Judged;
use super::census::{Census, unreadable};
use super::counts::{Counts, Kind};
use super::labels::LabelledEvents;
use super::ranking::Ranking;
use crate::findings::Finding;
use crate::outlier::FindingKey;
use crate::runtime::Interrupt;
use crate::sources::SourceError;
use crate::table::Element;

/// Findings of a use case, or of all of them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Documents with outliers.
    pub(super) documents: Counts,
    pub(super) findings: Counts,
    /// Recordings that were found, by the rank of their names, and the time of the first event that
    /// found them.
    pub(super) recordings: BTreeMap<u32, Option<i64>>,
    /// Attack events that were found, by their numbers; empty if there are recordings.
    attack_events: Vec<u64>,
    pub(super) ranking: Ranking,
}

impl Tally {
    /// Recordings that were found, or attack events if there are no recordings; in ascending order.
    pub(super) fn items(&self) -> Vec<u64> {
        let recordings = self.recordings.keys().map(|rank| u64::from(*rank));
        let mut items: Vec<u64> = recordings.chain(self.attack_events.iter().copied()).collect();
        items.sort_unstable();
        items
    }
}

/// Findings of all use cases of a run.
#[derive(Debug)]
pub(super) struct Tallies {
    pub(super) in_all: Tally,
    /// By the name of the use case.
    pub(super) use_cases: BTreeMap<String, Tally>,
}

/// Documents of a finding.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) outliers: Counts,
    /// Recordings of its documents.
    pub(super) recordings: BTreeSet<u32>,
    /// Recordings with attack events among its documents, or these events if there are no
    /// recordings.
    items: BTreeSet<u64>,
}

impl Seen {
    pub(super) fn kind(&self) -> Kind {
        match self.outliers {
            Counts { attack: 1.., .. } => Kind::Attack,
            Counts { background: 1.., .. } => Kind::Background,
            _ => Kind::Neither,
        }
    }
}

/// Outliers after the roll-up, and what they are compared with.
pub(super) struct Comparing<'a> {
    pub(super) judged: &'a Judged,
    pub(super) census: &'a Census,
    pub(super) interrupt: &'a Interrupt,
}

type SeenFindings = FxHashMap<(usize, FindingKey), Seen>;

impl Comparing<'_> {
    /// Compares outliers and findings with the labels, and calls `each` with every finding that
    /// has a document that counts, the highest scores first. Outliers that were not written to
    /// their documents do not count.
    pub(super) fn tally(
        &self,
        events: &mut LabelledEvents<'_>,
        mut each: impl FnMut(Finding, &Seen),
    ) -> Result<Tallies, RunError> {
        let mut tallies: Vec<Tally> = self.judged.names.iter().map(|_| Tally::default()).collect();
        let mut in_all = Tally::default();
        let seen = self.documents(events, &mut tallies, &mut in_all)?;
        let rows = self.rows();
        let mut findings = self.judged.rolled_up.findings.read()?;
        while let Some(finding) = findings.next_if(|_| true)? {
            self.interrupt.check().map_err(SourceError::from)?;
            let Some(row) = rows.get(finding.use_case.as_str()) else { continue };
            let key = FindingKey { aggregator: finding.aggregator.clone(), target: finding.target.clone() };
            let Some(seen) = seen.get(&(*row, key)) else { continue };
            for tally in [&mut in_all, &mut tallies[*row]] {
                tally.findings.add(seen.kind());
                tally.ranking.add(seen.kind(), seen.items.iter().copied());
            }
            each(finding, seen);
        }
        let use_cases = self.judged.names.iter().cloned().zip(tallies);
        // of use cases with the same name, the first one has the results of all
        let mut named = BTreeMap::new();
        for (name, tally) in use_cases {
            named.entry(name).or_insert(tally);
        }
        Ok(Tallies { in_all, use_cases: named })
    }

    /// Counts documents; returns those of each finding.
    fn documents(
        &self,
        events: &mut LabelledEvents<'_>,
        tallies: &mut [Tally],
        in_all: &mut Tally,
    ) -> Result<SeenFindings, RunError> {
        let rows = self.rows();
        let mut seen = SeenFindings::default();
        // all outliers of an event come one after the other
        let mut last_event = vec![None; tallies.len() + 1];
        let mut outliers = self.judged.outliers.read()?;
        while let Some((number, outlier)) = outliers.next_outlier()? {
            self.interrupt.check().map_err(SourceError::from)?;
            let element = Element(outlier.element);
            if self.judged.rolled_up.withheld.contains(number) {
                continue;
            }
            let Some(event) = events.of(element).map_err(unreadable)? else { continue };
            let row =
                rows.get(self.judged.names[outlier.use_case_idx].as_str()).copied().unwrap_or(outlier.use_case_idx);
            let census = event.recording.and_then(|rank| Some((rank, self.census.recordings.get(&rank)?)));
            for (last_idx, tally) in [(0, &mut *in_all), (row + 1, &mut tallies[row])] {
                if last_event[last_idx].replace(element.event()) == Some(element.event()) {
                    continue;
                }
                tally.documents.add(event.kind);
                match census {
                    Some((rank, census)) if census.is_found_by(event.kind) => {
                        let first = tally.recordings.entry(rank).or_insert(event.time);
                        *first = (*first).into_iter().chain(event.time).min();
                    }
                    None if self.census.recordings.is_empty() && event.kind == Kind::Attack => {
                        tally.attack_events.push(element.event());
                    }
                    _ => {}
                }
            }
            let seen = seen.entry((row, outlier.finding)).or_default();
            seen.outliers.add(event.kind);
            seen.recordings.extend(event.recording);
            if event.kind == Kind::Attack {
                seen.items.insert(match census {
                    Some((rank, _)) => u64::from(rank),
                    None if self.census.recordings.is_empty() => element.event(),
                    None => continue,
                });
            }
        }
        Ok(seen)
    }

    /// Number of the first use case with a name.
    fn rows(&self) -> HashMap<&str, usize> {
        let mut rows = HashMap::new();
        for (idx, name) in self.judged.names.iter().enumerate() {
            rows.entry(name.as_str()).or_insert(idx);
        }
        rows
    }
}
