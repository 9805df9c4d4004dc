//! Counts of all events, whether they are flagged or not.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::RunError;
use super::counts::{Counts, Kind};
use super::labels::{LabelledEvent, LabelledEvents, Labels};
use crate::event::FieldPath;
use crate::event::time::MICROS_PER_DAY;
use crate::runtime::Interrupt;
use crate::sources::SourceError;
use crate::table::TableError;
use crate::terminal::{counted, quoted};

/// Values of a field that a message shows.
const SHOWN_VALUES: usize = 10;

/// Counts of the events.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// All events.
    pub(super) events: Counts,
    /// Events by the rank of the name of their recording.
    pub(super) recordings: BTreeMap<u32, RecordingCensus>,
    /// Days since 1970, in UTC, with background events.
    days: BTreeSet<i64>,
    /// Per label field and rank, the number of values.
    pub(super) values: Vec<Vec<u64>>,
}

/// Counts of the events of a recording.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RecordingCensus {
    pub(super) events: Counts,
    /// Time of the first event.
    first: Option<i64>,
}

impl RecordingCensus {
    /// Kind of the recording: attack if any of its events is. Without attack events, it may still
    /// hold an attack, unless all events are known to be background.
    pub(super) fn kind(&self) -> Kind {
        match self.events {
            Counts { attack: 1.., .. } => Kind::Attack,
            Counts { neither: 1.., .. } => Kind::Neither,
            _ => Kind::Background,
        }
    }

    /// True if a flagged event of kind `kind` finds the recording.
    pub(super) fn is_found_by(&self, kind: Kind) -> bool {
        match self.kind() {
            Kind::Attack => kind == Kind::Attack,
            Kind::Neither => true,
            Kind::Background => false,
        }
    }

    /// Seconds from the first event to `time`.
    pub(super) fn seconds_to(&self, time: i64) -> Option<f64> {
        Some(time.saturating_sub(self.first?) as f64 / 1e6)
    }
}

impl Census {
    /// Counts all events.
    ///
    /// # Errors
    /// Events that cannot be read back.
    pub(super) fn take(events: &LabelledEvents<'_>, interrupt: &Interrupt) -> Result<Self, RunError> {
        let values = events.kinds.iter().map(|kinds| vec![0; kinds.len()]).collect();
        let mut census = Census { values, ..Census::default() };
        for batch_idx in 0..events.n_batches() {
            interrupt.check().map_err(SourceError::from)?;
            let values = &mut census.values;
            let batch = events.batch(batch_idx, |field_idx, rank| values[field_idx][rank as usize] += 1);
            batch.map_err(unreadable)?.iter().flatten().for_each(|event| census.add(*event));
        }
        Ok(census)
    }

    fn add(&mut self, event: LabelledEvent) {
        let LabelledEvent { kind, recording, time } = event;
        self.events.add(kind);
        if kind == Kind::Background {
            self.days.extend(time.map(|time| time.div_euclid(MICROS_PER_DAY)));
        }
        if let Some(rank) = recording {
            let recording = self.recordings.entry(rank).or_default();
            recording.events.add(kind);
            recording.first = recording.first.into_iter().chain(time).min();
        }
    }

    /// Days with background events; `None` if there are none, or their times are not known.
    pub(super) fn n_days(&self) -> Option<u64> {
        Some(self.days.len() as u64).filter(|n_days| *n_days > 0)
    }

    /// Number of recordings of each kind.
    pub(super) fn recordings(&self) -> Counts {
        let mut counts = Counts::default();
        self.recordings.values().for_each(|recording| counts.add(recording.kind()));
        counts
    }

    /// Checks that every label, and the field of recordings, occurs.
    ///
    /// # Errors
    /// A field or a value that no event has, with the values that occur.
    pub(super) fn check(&self, labels: &Labels, events: &LabelledEvents<'_>) -> Result<(), RunError> {
        for (field_idx, field) in labels.fields.iter().enumerate() {
            if self.values[field_idx].iter().all(|n| *n == 0) {
                return Err(missing("--label", field));
            }
        }
        let named = labels.attack.iter().map(|label| ("--label", label));
        for (option, label) in named.chain(labels.background.iter().map(|label| ("--background", label))) {
            let Some(field_idx) = labels.fields.iter().position(|field| *field == label.field) else { continue };
            let seen = self.seen(field_idx, events);
            if !seen.iter().any(|(_, value)| value.trim() == label.value) {
                let shown =
                    |(n, value): &(u64, &str)| format!("{} ({})", quoted(value), counted(*n, "event", "events"));
                let mut values: Vec<String> = seen.iter().take(SHOWN_VALUES).map(shown).collect();
                values.extend((seen.len() > SHOWN_VALUES).then(|| "others".to_owned()));
                return Err(RunError::Usage(format!(
                    "{option} {}={}: no event has this value; {} has {}",
                    quoted(label.field.as_str()),
                    quoted(&label.value),
                    quoted(label.field.as_str()),
                    values.join(", ")
                )));
            }
        }
        match &labels.recording {
            Some(field) if self.recordings.is_empty() => Err(match labels.half {
                None => missing("--recording", field),
                Some(_) => RunError::Usage(format!(
                    "--half: no event is in this half of the recordings of {}; choose the other half, or leave --half out",
                    quoted(field.as_str())
                )),
            }),
            _ => Ok(()),
        }
    }

    /// Values of a label field with the number of their events, the most frequent first.
    pub(super) fn seen<'a>(&self, field_idx: usize, events: &LabelledEvents<'a>) -> Vec<(u64, &'a str)> {
        let values = self.values[field_idx].iter().enumerate().filter(|(_, n)| **n > 0);
        let mut seen: Vec<(u64, &str)> = values.map(|(rank, n)| (*n, events.value(field_idx, rank))).collect();
        seen.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        seen
    }
}

fn missing(option: &str, field: &FieldPath) -> RunError {
    let field = quoted(field.as_str());
    RunError::Usage(format!("{option}: no event has a value in {field}; name the field as the events do"))
}

/// Batches that were spilled may be unreadable.
pub(super) fn unreadable(error: TableError) -> RunError {
    match error {
        TableError::Spill(error) => error.into(),
        error => RunError::Reading(error.to_string()),
    }
}
