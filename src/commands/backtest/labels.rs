//! Labels of events: which are attack, which background, and which recording they belong to.
//!
//! An event is an attack event if a value of a label field is one of `--label`. Otherwise it is a
//! background event if a value is one of `--background`; without that option, if a label field has
//! any value but those of [`UNKNOWN`]. All other events are neither.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use super::counts::Kind;
use crate::cli::{BacktestArgs, LabelArg, RecordingsHalf};
use crate::event::FieldPath;
use crate::plan::{KeptColumns, ScanPlan};
use crate::query::TimeWindow;
use crate::table::{Element, EventTable, TableError, ViewColumns};

/// Values by which people say that they do not know, compared without case.
const UNKNOWN: [&str; 6] = ["", "-", "n/a", "unknown", "unlabelled", "unlabeled"];

/// Upper limit on the batches whose labels are in memory.
const CACHED_BATCHES: usize = 64;

/// Fields and values that label events.
#[derive(Debug)]
pub(super) struct Labels {
    pub(super) attack: Vec<LabelArg>,
    pub(super) background: Vec<LabelArg>,
    /// Fields of labels, each once.
    pub(super) fields: Vec<FieldPath>,
    /// Field with the name of the recording.
    pub(super) recording: Option<FieldPath>,
    pub(super) half: Option<RecordingsHalf>,
}

impl Labels {
    pub(super) fn of(args: &BacktestArgs) -> Self {
        let mut fields: Vec<FieldPath> =
            args.label.iter().chain(&args.background).map(|label| label.field.clone()).collect();
        fields.sort_unstable();
        fields.dedup();
        Labels {
            attack: args.label.clone(),
            background: args.background.clone(),
            fields,
            recording: args.recording.as_deref().map(FieldPath::new),
            half: args.half,
        }
    }

    /// Fields to keep of every event: those of labels, then that of recordings.
    pub(super) fn kept(&self) -> Vec<FieldPath> {
        self.fields.iter().chain(&self.recording).cloned().collect()
    }

    pub(super) fn kind(&self, field: &FieldPath, value: &str) -> Kind {
        let is_one_of =
            |labels: &[LabelArg]| labels.iter().any(|label| label.field == *field && label.value == value.trim());
        let is_background = match self.background.as_slice() {
            [] => !UNKNOWN.contains(&value.trim().to_lowercase().as_str()),
            background => is_one_of(background),
        };
        match is_background {
            _ if is_one_of(&self.attack) => Kind::Attack,
            true => Kind::Background,
            false => Kind::Neither,
        }
    }
}

/// Half that a recording belongs to.
fn half_of(recording: &str) -> RecordingsHalf {
    let is_even = Sha256::digest(recording.as_bytes()).first().is_some_and(|byte| byte.is_multiple_of(2));
    if is_even { RecordingsHalf::A } else { RecordingsHalf::B }
}

/// An event, reduced to its labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LabelledEvent {
    pub(super) kind: Kind,
    /// Rank of the name of its recording.
    pub(super) recording: Option<u32>,
    /// Time in microseconds since 1970, if it is known.
    pub(super) time: Option<i64>,
}

/// A batch of events: `None` for those that do not count, because they are outside of all windows
/// or in the other half.
type Batch = Arc<Vec<Option<LabelledEvent>>>;

/// Labels of the events of a table.
pub(super) struct LabelledEvents<'a> {
    table: &'a EventTable,
    columns: &'a KeptColumns,
    /// Windows of the use cases; all times count if there are none.
    windows: Vec<TimeWindow>,
    /// Per label field, the kind of each value by its rank.
    pub(super) kinds: Vec<Vec<Kind>>,
    /// Key of the names of recordings.
    recording: Option<usize>,
    /// By the rank of its name, true if a recording is in the wanted half; all are if there is no
    /// half.
    is_in_half: Option<Vec<bool>>,
    cached: FxHashMap<usize, Batch>,
}

impl<'a> LabelledEvents<'a> {
    pub(super) fn new(labels: &Labels, table: &'a EventTable, columns: &'a KeptColumns, plan: &ScanPlan) -> Self {
        let kinds_of = |(field, key): (&FieldPath, &usize)| {
            let dictionary = table.dictionary(*key);
            (0..dictionary.len() as u32).map(|rank| labels.kind(field, dictionary.text(rank))).collect()
        };
        let recording = labels.recording.as_ref().and_then(|_| columns.keys.last().copied());
        let half = labels.half.zip(recording).map(|(half, key)| {
            let dictionary = table.dictionary(key);
            (0..dictionary.len() as u32).map(|rank| half_of(dictionary.text(rank)) == half).collect()
        });
        let windows = plan.use_cases.iter().map(|planned| planned.window).collect::<Option<Vec<TimeWindow>>>();
        LabelledEvents {
            kinds: labels.fields.iter().zip(&columns.keys).map(kinds_of).collect(),
            windows: windows.unwrap_or_default(),
            is_in_half: half,
            cached: FxHashMap::default(),
            table,
            columns,
            recording,
        }
    }

    /// Text of a value of label field `field_idx`.
    pub(super) fn value(&self, field_idx: usize, rank: usize) -> &'a str {
        self.table.dictionary(self.columns.keys[field_idx]).text(rank as u32)
    }

    /// Name of the recording with this rank.
    pub(super) fn recording(&self, rank: u32) -> &'a str {
        self.recording.map_or("", |key| self.table.dictionary(key).text(rank))
    }

    /// Number of batches.
    pub(super) fn n_batches(&self) -> usize {
        self.table.n_chunks()
    }

    /// Labels of the event of a row; `None` if the event does not count.
    pub(super) fn of(&mut self, element: Element) -> Result<Option<LabelledEvent>, TableError> {
        let batch_idx = element.chunk_idx();
        if !self.cached.contains_key(&batch_idx) {
            if self.cached.len() >= CACHED_BATCHES {
                self.cached.clear();
            }
            let batch = self.batch(batch_idx, |_, _| {})?;
            self.cached.insert(batch_idx, batch);
        }
        Ok(self.cached.get(&batch_idx).and_then(|batch| batch.get(element.row()).copied().flatten()))
    }

    /// Reads a batch, and calls `count` with the label field and the rank of each value of the
    /// events within windows, whatever half they are in.
    pub(super) fn batch(&self, batch_idx: usize, mut count: impl FnMut(usize, u32)) -> Result<Batch, TableError> {
        let columns = ViewColumns { time: Some(self.columns.time), label: self.recording, ..ViewColumns::default() };
        let chunk = self.table.chunk(batch_idx, &columns, 0)?;
        let times = chunk.time.iter().flatten();
        let mut events: Vec<Option<LabelledEvent>> = times.map(|time| self.within_windows(time)).collect();
        for (field_idx, key) in self.columns.keys.iter().take(self.kinds.len()).enumerate() {
            let columns = ViewColumns { label: Some(*key), ..ViewColumns::default() };
            let Some(values) = self.table.chunk(batch_idx, &columns, 0)?.label else { continue };
            let (ranks, offsets) = values.ranks();
            for (event, ends) in events.iter_mut().zip(offsets.windows(2)) {
                let Some(event) = event else { continue };
                for rank in &ranks[ends[0] as usize..ends[1] as usize] {
                    count(field_idx, *rank);
                    event.kind = event.kind.or(self.kinds[field_idx][*rank as usize]);
                }
            }
        }
        if let Some(names) = chunk.label {
            let (ranks, offsets) = names.ranks();
            for (event, ends) in events.iter_mut().zip(offsets.windows(2)) {
                let of_event = &ranks[ends[0] as usize..ends[1] as usize];
                event.iter_mut().for_each(|event| event.recording = of_event.iter().min().copied());
            }
        }
        events.iter_mut().for_each(|event| *event = event.filter(|event| self.is_in_half(*event)));
        Ok(Arc::new(events))
    }

    fn within_windows(&self, time: Option<i64>) -> Option<LabelledEvent> {
        let is_inside = |window: &TimeWindow| time.is_some_and(|time| (window.from..=window.to).contains(&time));
        let counts = self.windows.is_empty() || self.windows.iter().any(is_inside);
        counts.then_some(LabelledEvent { kind: Kind::Neither, recording: None, time })
    }

    fn is_in_half(&self, event: LabelledEvent) -> bool {
        let is_wanted = |halves: &Vec<bool>| event.recording.is_some_and(|rank| halves[rank as usize]);
        self.is_in_half.as_ref().is_none_or(is_wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(field: &str, value: &str) -> LabelArg {
        LabelArg { field: FieldPath::new(field), value: value.to_owned() }
    }

    fn labels(background: Vec<LabelArg>) -> Labels {
        let fields = vec![FieldPath::new("a"), FieldPath::new("b")];
        Labels { attack: vec![label("a", "evil"), label("b", "1")], background, fields, recording: None, half: None }
    }

    #[test]
    fn values_are_attack_background_or_neither() {
        let check = |labels: &Labels, field: &str, value: &str, expected: Kind| {
            assert_eq!(labels.kind(&FieldPath::new(field), value), expected, "{field}={value}");
        };
        let by_default = labels(Vec::new());
        check(&by_default, "a", "evil", Kind::Attack);
        check(&by_default, "a", "Evil", Kind::Background);
        check(&by_default, "a", "1", Kind::Background);
        check(&by_default, "b", "1", Kind::Attack);
        for unknown in ["unknown", "Unknown ", "", "-", "N/A", "unlabelled"] {
            check(&by_default, "a", unknown, Kind::Neither);
        }
        let named = labels(vec![label("a", "good")]);
        check(&named, "a", "evil", Kind::Attack);
        check(&named, "a", "good", Kind::Background);
        check(&named, "a", "other", Kind::Neither);
        check(&named, "b", "good", Kind::Neither);
    }

    #[test]
    fn halves_are_fixed() {
        // the first bytes of the SHA-256 of these names are 0xca, 0x3e, 0x2e, 0x18 and 0x3f
        let halves = ["a", "b", "c", "d", "e"].map(half_of);
        use RecordingsHalf::{A, B};
        assert_eq!(halves, [A, A, A, A, B]);
    }
}
