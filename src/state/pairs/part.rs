//! Parts: files of tallies, which know pairs by their numbers. A part never changes: a new one
//! replaces it.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Int64Type, SchemaRef, UInt32Type, UInt64Type};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::super::error::StateError;
use super::file::{BATCH_ROWS, FileWriter, MemoryFile, read_batches, schema_of};
use super::stretch::{Counted, Stretch};
use super::tally::Numbered;

/// A part, as the manifest describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    #[serde(flatten)]
    pub(super) file: MemoryFile,
    /// Number of tallies.
    pub(super) tallies: u64,
    /// Stretches of time that it covers, in order; they may be without events.
    pub(super) stretches: Vec<Stretch>,
    /// True if its stretches are counted together: runs are no longer expected to see their events.
    pub(super) closed: bool,
}

impl Part {
    /// Stretch from its first instant to its last one.
    pub(super) fn extent(&self) -> Option<Stretch> {
        Some(self.stretches.first()?.hull(*self.stretches.last()?))
    }

    /// The stretches, and the place of their tallies.
    pub(super) fn counted(&self) -> impl Iterator<Item = Counted> + use<'_> {
        let first = self.stretches.first().filter(|_| self.closed);
        let place = move |stretch: Stretch| first.map_or(stretch.start, |first| first.start);
        self.stretches.iter().map(move |&stretch| Counted { stretch, place: place(stretch) })
    }

    /// Place of all tallies, if they have the same one.
    fn only_place(&self) -> Option<i64> {
        let first = self.counted().next()?.place;
        self.counted().all(|counted| counted.place == first).then_some(first)
    }

    /// Calls `visit` with the tallies of the pairs in `numbers`, batch by batch.
    pub(super) fn read<E: From<StateError>>(
        &self,
        folder: &Path,
        wanted: TallyColumns,
        numbers: &Range<u32>,
        mut visit: impl FnMut(&Tallies) -> Result<(), E>,
    ) -> Result<(), E> {
        for batch in self.batches(folder.join(&self.file.name), wanted)? {
            visit(&batch?.within(numbers))?;
        }
        Ok(())
    }

    /// Numbers of the pairs that have a tally, batch by batch. `path` is that of the file.
    pub(super) fn pairs(
        &self,
        path: PathBuf,
    ) -> Result<impl Iterator<Item = Result<UInt32Array, StateError>>, StateError> {
        let batches = read_batches(path, part_schema(), [PAIR_IDX])?;
        Ok(batches.map(|batch| Ok(batch?.column(0).as_primitive::<UInt32Type>().clone())))
    }

    /// All tallies one by one, in the order in which they were written: that of [`Numbered`].
    pub(super) fn tallies(&self, path: PathBuf) -> Result<PartTallies, StateError> {
        let batches = self.batches(path, TallyColumns::All)?;
        Ok(PartTallies { batches: Box::new(batches), current: None })
    }

    fn batches(
        &self,
        path: PathBuf,
        wanted: TallyColumns,
    ) -> Result<impl Iterator<Item = Result<Tallies, StateError>> + Send + use<>, StateError> {
        let place = self.only_place();
        let indices = wanted.indices().iter().copied().filter(move |idx| *idx != PLACE_IDX || place.is_none());
        let batches = read_batches(path, part_schema(), indices)?;
        Ok(batches.map(move |batch| Ok(Tallies::of(&batch?, place))))
    }
}

/// Tallies of a part, read batch by batch.
pub(super) struct PartTallies {
    batches: Box<dyn Iterator<Item = Result<Tallies, StateError>> + Send>,
    /// The current batch, and the next row of it.
    current: Option<(Tallies, usize)>,
}

impl Iterator for PartTallies {
    type Item = Result<Numbered, StateError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((tallies, row)) = self.current.as_mut().filter(|(tallies, row)| *row < tallies.len()) {
                *row += 1;
                return Some(Ok(tallies.tally(*row - 1)));
            }
            match self.batches.next()? {
                Ok(tallies) => self.current = Some((tallies, 0)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Index of the column of pairs.
const PAIR_IDX: usize = 0;

/// Index of the column of places.
const PLACE_IDX: usize = 1;

fn part_schema() -> SchemaRef {
    schema_of([
        ("pair", DataType::UInt32),
        ("place", DataType::Int64),
        ("count", DataType::UInt64),
        ("first", DataType::Int64),
        ("last", DataType::Int64),
    ])
}

/// Columns that a reader of tallies wants beside their pairs and places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TallyColumns {
    /// All of them.
    All,
    /// Numbers of rows.
    Counts,
    /// Times of the first and last rows.
    Times,
}

impl TallyColumns {
    fn indices(self) -> &'static [usize] {
        match self {
            Self::All => &[PAIR_IDX, PLACE_IDX, 2, 3, 4],
            Self::Counts => &[PAIR_IDX, PLACE_IDX, 2],
            Self::Times => &[PAIR_IDX, PLACE_IDX, 3, 4],
        }
    }
}

/// Tallies of one batch, column by column. Columns that nobody wants are empty.
#[derive(Debug)]
pub struct Tallies {
    /// Numbers of the pairs; in a window, they are counted from its first one.
    pub pairs: UInt32Array,
    /// Starts of their stretches, or of the first ones that are counted together with them.
    pub places: Int64Array,
    /// Numbers of rows.
    pub counts: UInt64Array,
    /// Times of the first rows.
    pub firsts: Int64Array,
    /// Times of the last rows.
    pub lasts: Int64Array,
}

impl Tallies {
    /// The columns of a batch with some of those of [`part_schema`]; `only_place` is the place of
    /// all tallies, if they have the same one.
    fn of(batch: &RecordBatch, only_place: Option<i64>) -> Self {
        let times = |name: &str| {
            let column = batch.column_by_name(name).map(|column| column.as_primitive::<Int64Type>().clone());
            column.unwrap_or_else(|| Int64Array::new_null(0))
        };
        let counts = batch.column_by_name("count").map(|column| column.as_primitive::<UInt64Type>().clone());
        Tallies {
            pairs: batch.column(PAIR_IDX).as_primitive::<UInt32Type>().clone(),
            places: only_place.map_or_else(|| times("place"), |place| Int64Array::from_value(place, batch.num_rows())),
            counts: counts.unwrap_or_else(|| UInt64Array::new_null(0)),
            firsts: times("first"),
            lasts: times("last"),
        }
    }

    /// The tallies of the pairs in `numbers`, which are counted from the first of them.
    fn within(self, numbers: &Range<u32>) -> Self {
        let pairs = self.pairs.values();
        // most memories have one window
        if numbers.start == 0 && pairs.last().is_none_or(|last| *last < numbers.end) {
            return self;
        }
        let start = pairs.partition_point(|pair| *pair < numbers.start);
        let len = pairs.partition_point(|pair| *pair < numbers.end) - start;
        let times = |times: &Int64Array| if times.is_empty() { times.clone() } else { times.slice(start, len) };
        Tallies {
            pairs: self.pairs.slice(start, len).unary(|pair| pair - numbers.start),
            places: times(&self.places),
            counts: if self.counts.is_empty() { self.counts } else { self.counts.slice(start, len) },
            firsts: times(&self.firsts),
            lasts: times(&self.lasts),
        }
    }

    /// Number of tallies.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tallies one by one.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = Numbered> + use<'_> {
        (0..self.len()).map(|row| self.tally(row))
    }

    fn tally(&self, row: usize) -> Numbered {
        Numbered {
            pair: self.pairs.value(row),
            place: self.places.value(row),
            count: self.counts.value(row),
            seen: Stretch { start: self.firsts.value(row), end: self.lasts.value(row) },
        }
    }
}

/// A part on its way to disk.
pub(super) struct PartWriter {
    writer: FileWriter,
    schema: SchemaRef,
    tallies: Vec<Numbered>,
    n_tallies: u64,
}

impl PartWriter {
    /// Starts a file in `folder`.
    pub(super) fn start(folder: &Path) -> io::Result<Self> {
        let schema = part_schema();
        let writer = FileWriter::start(folder, Arc::clone(&schema), &["pair", "first", "last"])?;
        Ok(PartWriter { writer, schema, tallies: Vec::new(), n_tallies: 0 })
    }

    /// Adds a tally.
    pub(super) fn push(&mut self, tally: Numbered) -> io::Result<()> {
        self.n_tallies += 1;
        self.tallies.push(tally);
        if self.tallies.len() < BATCH_ROWS { Ok(()) } else { self.encode() }
    }

    fn encode(&mut self) -> io::Result<()> {
        let tallies = std::mem::take(&mut self.tallies);
        let times = |time: fn(&Numbered) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(tallies.iter().map(time)))
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::from_iter_values(tallies.iter().map(|tally| tally.pair))),
            times(|tally| tally.place),
            Arc::new(UInt64Array::from_iter_values(tallies.iter().map(|tally| tally.count))),
            times(|tally| tally.seen.start),
            times(|tally| tally.seen.end),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(io::Error::other)?;
        self.writer.write(&batch)
    }

    /// Completes the file. Its name says the time that it covers.
    pub(super) fn finish(mut self, stretches: Vec<Stretch>, kind: PartKind) -> io::Result<(Part, NamedTempFile)> {
        self.encode()?;
        let date = |time: i64| chrono::DateTime::from_timestamp_micros(time).unwrap_or_default().format("%Y-%m-%d");
        let days = match (kind, stretches.first(), stretches.last()) {
            (PartKind::Closed, Some(first), Some(last)) => format!("{}_{}", date(first.start), date(last.end)),
            (_, first, _) => date(first.map_or(0, |first| first.start)).to_string(),
        };
        let (file, on_disk) = self.writer.finish(&days)?;
        Ok((Part { file, tallies: self.n_tallies, stretches, closed: kind == PartKind::Closed }, on_disk))
    }
}

/// Kind of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    /// One day, whose stretches are apart.
    Day,
    /// Joined days.
    Closed,
}
