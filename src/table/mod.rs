//! Event table: the data that statistics need of every event of a scan group, in Arrow, within the
//! memory limit.
//!
//! It holds one [`RecordBatch`] per batch read. The columns are the document's position, key codes,
//! metric values, times and one mask per use case (see [`TableLayout`]). Batches beyond the table's
//! share of the memory limit go to a spill file and are read back one at a time.

mod chunk;
pub mod dictionary;
mod element;
mod layout;
mod view;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, RecordBatch, UInt32Array, new_null_array,
};
use arrow::buffer::{BooleanBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};

use crate::event::sentences::LocalKey;
use crate::event::time::yearless;
use crate::spill::{Segment, SpillError, SpillFile};
use dictionary::DictionaryBuilder;
use layout::schema;

pub use chunk::{ChunkView, KeyColumn, Places};
pub use dictionary::Dictionary;
pub use element::Element;
pub use layout::{DerivedSource, FieldSource, KeySpec, MetricSpec, TableLayout, TimeSpec};
pub use view::{MAX_ROWS_PER_EVENT, Population, View, ViewColumns};

/// One batch of events, reduced to the columns of the layout. Codes are local to the batch.
#[derive(Debug)]
pub struct PreparedBatch {
    /// Number that the source gave this batch.
    pub batch: u32,
    /// Position of each event in its batch: offset, length, line.
    pub places: [UInt32Array; 3],
    /// Per key: the sentences of each event, as local codes.
    pub keys: Vec<LocalKey>,
    /// Per metric: Float64, null if the event has no value for it.
    pub metrics: Vec<ArrayRef>,
    /// Per time: Int64 microseconds, null if missing. Those without a year may be
    /// [`yearless`] until [`TableBuilder::set_newest`] is called.
    pub times: Vec<ArrayRef>,
    /// Per use case: mask of the events that match.
    pub masks: Vec<BooleanArray>,
    /// Tie-break of each event, independent of the order of events; present if the layout asks for
    /// it.
    pub ties: Option<ArrayRef>,
}

/// A table that is being filled.
#[derive(Debug)]
pub struct TableBuilder {
    layout: TableLayout,
    schema: SchemaRef,
    keys: Vec<DictionaryBuilder>,
    chunks: Vec<Chunk>,
    spill: SpillFile,
    chunk_memory: MemoryReservation,
    dictionary_memory: MemoryReservation,
    chunk_budget: usize,
    newest: Vec<i64>,
}

/// A filled table: read-only, shared by the use cases of its scan group.
#[derive(Debug)]
pub struct EventTable {
    layout: TableLayout,
    schema: SchemaRef,
    keys: Vec<Dictionary>,
    chunks: Vec<Chunk>,
    spill: SpillFile,
    memory: [MemoryReservation; 2],
    newest: Vec<i64>,
}

#[derive(Debug)]
struct Chunk {
    batch: u32,
    n_rows: usize,
    /// Columns of the layout that have a value, in ascending order: events have few of the fields
    /// that many use cases want, so most columns of most batches would hold nothing.
    present: Vec<usize>,
    /// Schema of these columns.
    schema: SchemaRef,
    columns: ChunkColumns,
}

#[derive(Debug)]
enum ChunkColumns {
    Memory(RecordBatch),
    Spilled(Segment),
}

impl TableBuilder {
    /// Returns an empty table. Batches stay in memory up to `chunk_budget` bytes and while `pool`
    /// has room; later ones go to `spill`.
    pub fn new(layout: TableLayout, pool: &Arc<dyn MemoryPool>, chunk_budget: usize, spill: SpillFile) -> Self {
        TableBuilder {
            schema: schema(&layout),
            keys: layout.keys.iter().map(|_| DictionaryBuilder::default()).collect(),
            chunks: Vec::new(),
            spill,
            chunk_memory: MemoryConsumer::new("event table").register(pool),
            dictionary_memory: MemoryConsumer::new("texts of keys").register(pool),
            chunk_budget,
            newest: Vec::new(),
            layout,
        }
    }

    /// Adds a batch. Batches must come in the order of the source.
    pub fn append(&mut self, prepared: PreparedBatch) -> Result<(), TableError> {
        if prepared.places[0].is_empty() {
            return Ok(());
        }
        let n_rows = prepared.places[0].len();
        let places = prepared.places.into_iter().map(|place| Some(Arc::new(place) as ArrayRef));
        let mut columns: Vec<Option<ArrayRef>> = places.collect();
        for (builder, local) in self.keys.iter_mut().zip(prepared.keys) {
            columns.push((!local.codes.is_empty()).then(|| Arc::new(global_codes(builder, local)) as ArrayRef));
        }
        let has_value = |column: &ArrayRef| column.null_count() < column.len();
        columns.extend(prepared.metrics.into_iter().chain(prepared.times).map(|column| Some(column).filter(has_value)));
        columns.extend(prepared.ties.map(Some));
        let mask = |mask: BooleanArray| (mask.true_count() > 0).then(|| Arc::new(mask) as ArrayRef);
        columns.extend(prepared.masks.into_iter().map(mask));
        let present: Vec<usize> = (0..columns.len()).filter(|&idx| columns[idx].is_some()).collect();
        let schema = Arc::new(self.schema.project(&present)?);
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns.into_iter().flatten().collect())?;
        self.reserve_dictionaries()?;
        let columns = self.place(batch)?;
        self.chunks.push(Chunk { batch: prepared.batch, n_rows, present, schema, columns });
        Ok(())
    }

    /// Says, per time, up to when events without a year have happened, if that was not known while
    /// they were read.
    pub fn set_newest(&mut self, newest: Vec<i64>) {
        self.newest = newest;
    }

    /// Freezes the table once everything is read.
    pub fn finish(self) -> EventTable {
        EventTable {
            keys: self.keys.into_iter().map(DictionaryBuilder::freeze).collect(),
            layout: self.layout,
            schema: self.schema,
            chunks: self.chunks,
            spill: self.spill,
            memory: [self.chunk_memory, self.dictionary_memory],
            newest: self.newest,
        }
    }

    fn place(&mut self, batch: RecordBatch) -> Result<ChunkColumns, TableError> {
        let bytes = batch.get_array_memory_size();
        let fits = self.chunk_memory.size() + bytes <= self.chunk_budget && self.chunk_memory.try_grow(bytes).is_ok();
        if fits { Ok(ChunkColumns::Memory(batch)) } else { Ok(ChunkColumns::Spilled(self.spill.write(&batch)?)) }
    }

    /// Reserves memory for the dictionaries. They cannot be spilled, so batches are spilled to make
    /// room for them.
    fn reserve_dictionaries(&mut self) -> Result<(), TableError> {
        let bytes: usize = self.keys.iter().map(DictionaryBuilder::size_bytes).sum();
        while self.dictionary_memory.try_resize(bytes).is_err() {
            if !self.spill_one()? {
                return Err(TableError::TooManyTexts { bytes });
            }
        }
        Ok(())
    }

    fn spill_one(&mut self) -> Result<bool, TableError> {
        for chunk in self.chunks.iter_mut().rev() {
            if let ChunkColumns::Memory(batch) = &chunk.columns {
                let bytes = batch.get_array_memory_size();
                chunk.columns = ChunkColumns::Spilled(self.spill.write(batch)?);
                self.chunk_memory.shrink(bytes.min(self.chunk_memory.size()));
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Error from filling or reading a table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The distinct texts of all keys do not fit in memory.
    #[error(
        "the distinct texts of the targets and aggregators need {bytes} bytes, more than the memory limit leaves: raise --memory-limit or run fewer use cases at once"
    )]
    TooManyTexts {
        /// Bytes needed so far.
        bytes: usize,
    },
    /// Events could not be spilled, or read back.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// Arrow refused a batch: a bug in this program.
    #[error("event table: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl EventTable {
    /// Returns the layout that the table was built with.
    pub fn layout(&self) -> &TableLayout {
        &self.layout
    }

    /// Number of batches.
    pub fn n_chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Number of batches that were spilled to disk.
    pub fn n_spilled(&self) -> usize {
        self.chunks.iter().filter(|chunk| matches!(chunk.columns, ChunkColumns::Spilled(_))).count()
    }

    /// Bytes of memory in use: texts, and batches that were not spilled.
    pub fn memory_bytes(&self) -> usize {
        self.memory.iter().map(MemoryReservation::size).sum()
    }

    /// Dictionary of the texts of key `key_idx`.
    pub fn dictionary(&self, key_idx: usize) -> &Dictionary {
        &self.keys[key_idx]
    }

    /// Returns the columns of batch `chunk_idx` that a use case reads; spilled batches are read
    /// back from disk.
    pub fn chunk(&self, chunk_idx: usize, columns: &ViewColumns, mask_idx: usize) -> Result<ChunkView<'_>, TableError> {
        let layout = &self.layout;
        let wanted = [
            Some(layout.mask_column(mask_idx)),
            columns.aggregator.map(|key_idx| layout.key_column(key_idx)),
            columns.target.map(|key_idx| layout.key_column(key_idx)),
            columns.value.map(|metric_idx| layout.metric_column(metric_idx)),
            columns.time.map(|time_idx| layout.time_column(time_idx)),
            columns.tie.then(|| layout.tie_column()),
            columns.size.map(|metric_idx| layout.metric_column(metric_idx)),
            columns.source.map(|key_idx| layout.key_column(key_idx)),
            columns.destination.map(|key_idx| layout.key_column(key_idx)),
            columns.peer.map(|key_idx| layout.key_column(key_idx)),
            columns.label.map(|key_idx| layout.key_column(key_idx)),
        ];
        let mut arrays = self.columns(chunk_idx, &wanted.iter().copied().flatten().collect::<Vec<_>>())?.into_iter();
        let mut next = |idx: usize| wanted[idx].and_then(|_| arrays.next());
        let key = |column: Option<ArrayRef>, key_idx: Option<usize>| {
            Some(KeyColumn { list: column?.as_list::<i32>().clone(), dictionary: &self.keys[key_idx?] })
        };
        Ok(ChunkView {
            mask: next(0).map_or_else(|| BooleanArray::new_null(0), |column| column.as_boolean().clone()),
            aggregator: key(next(1), columns.aggregator),
            target: key(next(2), columns.target),
            value: next(3).map(|column| column.as_primitive().clone()),
            time: next(4).zip(columns.time).map(|(column, time_idx)| self.dated(column.as_primitive(), time_idx)),
            tie: next(5).map(|column| column.as_primitive().clone()),
            size: next(6).map(|column| column.as_primitive().clone()),
            source: key(next(7), columns.source),
            destination: key(next(8), columns.destination),
            peer: key(next(9), columns.peer),
            label: key(next(10), columns.label),
        })
    }

    /// Returns the positions of the events of batch `chunk_idx` in the source.
    pub fn places(&self, chunk_idx: usize) -> Result<Places, TableError> {
        let columns = self.columns(chunk_idx, &[0, 1, 2])?;
        Ok(Places {
            batch: self.chunks[chunk_idx].batch,
            columns: columns.iter().map(|column| column.as_primitive().clone()).collect(),
        })
    }

    /// Gives times the year that they lack.
    fn dated(&self, times: &Int64Array, time_idx: usize) -> Int64Array {
        match self.newest.get(time_idx) {
            Some(newest) if times.values().iter().any(|time| yearless::is(*time)) => {
                times.unary(|time| yearless::resolve(time, *newest))
            }
            _ => times.clone(),
        }
    }

    /// True if events of batch `chunk_idx` match use case `mask_idx`.
    fn has_events_of(&self, chunk_idx: usize, mask_idx: usize) -> bool {
        self.chunks[chunk_idx].present.binary_search(&self.layout.mask_column(mask_idx)).is_ok()
    }

    fn columns(&self, chunk_idx: usize, wanted: &[usize]) -> Result<Vec<ArrayRef>, TableError> {
        let chunk = &self.chunks[chunk_idx];
        let places: Vec<Option<usize>> = wanted.iter().map(|idx| chunk.present.binary_search(idx).ok()).collect();
        let present: Vec<usize> = places.iter().copied().flatten().collect();
        let mut arrays = match &chunk.columns {
            ChunkColumns::Memory(batch) => present.iter().map(|&idx| Arc::clone(batch.column(idx))).collect(),
            ChunkColumns::Spilled(segment) => self.spill.read(segment, &chunk.schema, &present)?,
        }
        .into_iter();
        let absent = |idx: usize| without_values(self.schema.field(idx).data_type(), chunk.n_rows);
        let column =
            |(place, &idx): (Option<usize>, &usize)| place.and_then(|_| arrays.next()).unwrap_or_else(|| absent(idx));
        Ok(places.into_iter().zip(wanted).map(column).collect())
    }
}

/// A column in which no event has a value: masks match nothing, keys have no sentences.
fn without_values(data_type: &DataType, n_rows: usize) -> ArrayRef {
    match data_type {
        DataType::Boolean => Arc::new(BooleanArray::new(BooleanBuffer::new_unset(n_rows), None)),
        _ => new_null_array(data_type, n_rows),
    }
}

/// Maps local codes to codes of the whole table. Only texts that some event uses are interned; a
/// batch's dictionary may hold more.
fn global_codes(builder: &mut DictionaryBuilder, local: LocalKey) -> ListArray {
    const UNSEEN: u32 = u32::MAX;
    let mut global = vec![UNSEEN; local.texts.len()];
    let codes: Vec<u32> = local
        .codes
        .iter()
        .map(|&code| {
            let slot = &mut global[code as usize];
            if *slot == UNSEEN {
                *slot = builder.intern(local.texts.value(code as usize));
            }
            *slot
        })
        .collect();
    let offsets: Vec<i32> = local.offsets.iter().map(|&offset| offset as i32).collect();
    ListArray::new(
        Arc::new(Field::new_list_field(DataType::UInt32, false)),
        OffsetBuffer::new(offsets.into()),
        Arc::new(UInt32Array::from(codes)),
        None,
    )
}
