//! Parts: files of tallies. A part never changes: a new one replaces it.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, DictionaryArray, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, SchemaRef, UInt64Type};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::super::error::StateError;
use super::stretch::{Counted, Stretch};
use super::tally::Tally;
use crate::event::text::FNV1A;
use crate::spill::io_error_of;

/// Tallies that are read or encoded together.
const BATCH_ROWS: usize = 8192;

/// Upper limit on the encoded size of a row group, which is kept in memory until it is complete.
const GROUP_BYTES: usize = 32 << 20;

/// Odd factor that spreads bits over a hash: that of FNV-1a.
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// Start of the names of files that are not complete yet.
pub(super) const TEMPORARY: &str = ".ee-outliers-";

/// A part, as the manifest describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Name of the file.
    pub(super) file: String,
    /// Size of the file.
    pub(super) bytes: u64,
    /// Hash of its bytes, as 16 hexadecimal digits.
    pub(super) hash: String,
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

    /// Checks that the file has the bytes that were written.
    pub(super) fn check(&self, folder: &Path) -> Result<(), StateError> {
        let path = folder.join(&self.file);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StateError::damaged(&path, "it is missing"));
            }
            Err(error) => return Err(StateError::reading(&path)(error)),
        };
        let (bytes, hash) = hash_of(&mut file).map_err(StateError::reading(&path))?;
        if bytes != self.bytes {
            return Err(StateError::damaged(&path, format!("{bytes} bytes instead of {}", self.bytes)));
        }
        if hash != self.hash {
            return Err(StateError::damaged(&path, "its bytes are not those that were written"));
        }
        Ok(())
    }

    /// Calls `visit` with all tallies, batch by batch.
    pub(super) fn read<E: From<StateError>>(
        &self,
        folder: &Path,
        wanted: TallyColumns,
        mut visit: impl FnMut(&Tallies) -> Result<(), E>,
    ) -> Result<(), E> {
        for batch in self.batches(folder, wanted)? {
            visit(&batch?)?;
        }
        Ok(())
    }

    /// All tallies one by one, in the order in which they were written: that of [`Tally`].
    pub(super) fn tallies(&self, folder: &Path) -> Result<PartTallies, StateError> {
        let batches = self.batches(folder, TallyColumns::All)?;
        Ok(PartTallies { batches: Box::new(batches), current: None })
    }

    fn batches(
        &self,
        folder: &Path,
        wanted: TallyColumns,
    ) -> Result<impl Iterator<Item = Result<Tallies, StateError>> + Send + use<>, StateError> {
        let path = folder.join(&self.file);
        let file = File::open(&path).map_err(StateError::reading(&path))?;
        let options = ArrowReaderOptions::new().with_schema(read_schema());
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options);
        let place = self.only_place();
        let reader = builder.and_then(|builder| {
            let indices = wanted.indices().iter().copied().filter(|idx| *idx != PLACE_IDX || place.is_none());
            let mask = ProjectionMask::leaves(builder.parquet_schema(), indices);
            builder.with_projection(mask).with_batch_size(BATCH_ROWS).build()
        });
        let reader = reader.map_err(|error| StateError::damaged(&path, error))?;
        Ok(reader.map(move |batch| match batch {
            Ok(batch) => Ok(Tallies::of(&batch, place)),
            Err(error) => Err(StateError::damaged(&path, error)),
        }))
    }
}

/// Tallies of a part, read batch by batch.
pub(super) struct PartTallies {
    batches: Box<dyn Iterator<Item = Result<Tallies, StateError>> + Send>,
    /// The current batch, and the next row of it.
    current: Option<(Tallies, usize)>,
}

impl Iterator for PartTallies {
    type Item = Result<Tally, StateError>;

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

/// Index of the column of places.
const PLACE_IDX: usize = 2;

/// Columns that a reader of tallies wants beside their texts and places.
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
            Self::All => &[0, 1, PLACE_IDX, 3, 4, 5],
            Self::Counts => &[0, 1, PLACE_IDX, 3],
            Self::Times => &[0, 1, PLACE_IDX, 4, 5],
        }
    }
}

/// Tallies of one batch, column by column. Columns that nobody wants are empty.
#[derive(Debug)]
pub struct Tallies {
    /// Texts of the aggregators.
    pub aggregators: DictionaryArray<Int32Type>,
    /// Texts of the targets.
    pub targets: DictionaryArray<Int32Type>,
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
    /// The columns of a batch with some of those of [`read_schema`]; `only_place` is the place of
    /// all tallies, if they have the same one.
    fn of(batch: &RecordBatch, only_place: Option<i64>) -> Self {
        let times = |name: &str| {
            let column = batch.column_by_name(name).map(|column| column.as_primitive::<Int64Type>().clone());
            column.unwrap_or_else(|| Int64Array::new_null(0))
        };
        let counts = batch.column_by_name("count").map(|column| column.as_primitive::<UInt64Type>().clone());
        Tallies {
            aggregators: batch.column(0).as_dictionary().clone(),
            targets: batch.column(1).as_dictionary().clone(),
            places: only_place.map_or_else(|| times("place"), |place| Int64Array::from_value(place, batch.num_rows())),
            counts: counts.unwrap_or_else(|| UInt64Array::new_null(0)),
            firsts: times("first"),
            lasts: times("last"),
        }
    }

    /// Number of tallies.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Text of the target of tally `row`.
    pub fn target(&self, row: usize) -> &str {
        text(&self.targets, row)
    }

    /// The tallies one by one.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = Tally> + use<'_> {
        (0..self.len()).map(|row| self.tally(row))
    }

    fn tally(&self, row: usize) -> Tally {
        Tally {
            aggregator: text(&self.aggregators, row).to_owned(),
            target: text(&self.targets, row).to_owned(),
            place: self.places.value(row),
            count: self.counts.value(row),
            seen: Stretch { start: self.firsts.value(row), end: self.lasts.value(row) },
        }
    }
}

fn text(texts: &DictionaryArray<Int32Type>, row: usize) -> &str {
    texts.values().as_string::<i32>().value(texts.keys().value(row) as usize)
}

fn schema_with(text: DataType) -> SchemaRef {
    let field = |name: &str, data_type: &DataType| Field::new(name, data_type.clone(), false);
    Arc::new(Schema::new(vec![
        field("aggregator", &text),
        field("target", &text),
        field("place", &DataType::Int64),
        field("count", &DataType::UInt64),
        field("first", &DataType::Int64),
        field("last", &DataType::Int64),
    ]))
}

/// Schema in which parts are read: each distinct text of a batch is looked up once.
fn read_schema() -> SchemaRef {
    schema_with(DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)))
}

/// Properties of the files. Hardly any time occurs twice, so a dictionary of them costs much and
/// saves nothing.
fn properties() -> WriterProperties {
    let builder = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()));
    let times = ["first", "last"].map(ColumnPath::from);
    let builder = times.into_iter().fold(builder, |builder, column| {
        let builder = builder.set_column_dictionary_enabled(column.clone(), false);
        builder.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED)
    });
    builder.build()
}

/// A part on its way to disk.
pub(super) struct PartWriter {
    writer: ArrowWriter<NamedTempFile>,
    schema: SchemaRef,
    tallies: Vec<Tally>,
    n_tallies: u64,
}

impl PartWriter {
    /// Starts a file in `folder`.
    pub(super) fn start(folder: &Path) -> io::Result<Self> {
        let file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
        let schema = schema_with(DataType::Utf8);
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties())).map_err(io_error_of)?;
        Ok(PartWriter { writer, schema, tallies: Vec::new(), n_tallies: 0 })
    }

    /// Adds a tally.
    pub(super) fn push(&mut self, tally: Tally) -> io::Result<()> {
        self.n_tallies += 1;
        self.tallies.push(tally);
        if self.tallies.len() < BATCH_ROWS { Ok(()) } else { self.encode() }
    }

    fn encode(&mut self) -> io::Result<()> {
        let tallies = std::mem::take(&mut self.tallies);
        let texts =
            |text: fn(&Tally) -> &str| Arc::new(StringArray::from_iter_values(tallies.iter().map(text))) as ArrayRef;
        let times = |time: fn(&Tally) -> i64| Arc::new(Int64Array::from_iter_values(tallies.iter().map(time)));
        let counts = UInt64Array::from_iter_values(tallies.iter().map(|tally| tally.count));
        let columns = vec![
            texts(|tally| &tally.aggregator),
            texts(|tally| &tally.target),
            times(|tally| tally.place),
            Arc::new(counts),
            times(|tally| tally.seen.start),
            times(|tally| tally.seen.end),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(io::Error::other)?;
        self.writer.write(&batch).map_err(io_error_of)?;
        if self.writer.in_progress_size() > GROUP_BYTES { self.writer.flush().map_err(io_error_of) } else { Ok(()) }
    }

    /// Completes the file. Its name says the time that it covers, and has the hash of its bytes.
    pub(super) fn finish(mut self, stretches: Vec<Stretch>, kind: PartKind) -> io::Result<(Part, NamedTempFile)> {
        self.encode()?;
        let mut file = self.writer.into_inner().map_err(io_error_of)?;
        file.rewind()?;
        let (bytes, hash) = hash_of(file.as_file_mut())?;
        let date = |time: i64| chrono::DateTime::from_timestamp_micros(time).unwrap_or_default().format("%Y-%m-%d");
        let days = match (kind, stretches.first(), stretches.last()) {
            (PartKind::Closed, Some(first), Some(last)) => format!("{}_{}", date(first.start), date(last.end)),
            (_, first, _) => date(first.map_or(0, |first| first.start)).to_string(),
        };
        let part = Part {
            file: format!("{days}_{hash}.parquet"),
            bytes,
            hash,
            tallies: self.n_tallies,
            stretches,
            closed: kind == PartKind::Closed,
        };
        Ok((part, file))
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

/// Size and hash of a file from here to its end. It is for accidents, not for attackers, so whole
/// words are hashed at a time.
fn hash_of(file: &mut File) -> io::Result<(u64, String)> {
    const BLOCK: u64 = 1 << 16;
    let mut block = Vec::with_capacity(BLOCK as usize);
    let (mut bytes, mut hash) = (0, FNV1A);
    loop {
        block.clear();
        let n_read = file.take(BLOCK).read_to_end(&mut block)?;
        if n_read == 0 {
            return Ok((bytes, format!("{hash:016x}")));
        }
        bytes += n_read as u64;
        let (words, rest) = block.as_chunks();
        let word = |hash: u64, word: u64| (hash ^ word).wrapping_mul(FNV_PRIME).rotate_left(29);
        hash = words.iter().fold(hash, |hash, bytes| word(hash, u64::from_le_bytes(*bytes)));
        hash = rest.iter().fold(hash, |hash, byte| word(hash, u64::from(*byte)));
    }
}
