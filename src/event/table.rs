//! The event table: what statistics need of every event of a scan group, in Arrow, under the memory limit.
//!
//! One [`RecordBatch`] per batch that was read; its columns are the document's place, key codes, metric values, times and one mask per
//! use case (see [`TableLayout`]). Batches beyond the table's share of the memory limit go to a spill file and are read back one at
//! a time.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, UInt32Type};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};

use super::dictionary::{Dictionary, DictionaryBuilder};
use super::spill::{Segment, SpillFile};
use crate::config::{FieldPath, Metric};

/// Which sentences a key makes of an event whose fields hold several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Values {
    /// One sentence per combination of values.
    Each,
    /// One sentence, of the smallest value of each field: what an Elasticsearch script sees of a multi-valued field.
    Smallest,
}

/// A field as a use case sees it: from the event, or derived from another field's text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldSource {
    /// The field's path in the event.
    pub path: FieldPath,
    /// Derived rules that can give this field, as (rule set, key): when a rule matches, its value hides the event's own field.
    pub derived: Option<(usize, String)>,
}

/// Fields whose combined values form a bucket key or a term.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeySpec {
    /// The fields, in the order of the configuration.
    pub fields: Vec<FieldSource>,
    /// What several values per field mean.
    pub values: Values,
}

/// A number computed from the text of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricSpec {
    /// The field.
    pub field: FieldSource,
    /// The metric.
    pub metric: Metric,
}

/// What the table holds: fixed before reading.
#[derive(Debug, Clone, Default)]
pub struct TableLayout {
    /// Keys, shared by all use cases that name the same fields.
    pub keys: Vec<KeySpec>,
    /// Metrics, shared likewise.
    pub metrics: Vec<MetricSpec>,
    /// Timestamp fields.
    pub times: Vec<FieldPath>,
    /// Number of use cases: one mask each.
    pub n_masks: usize,
    /// Whether ties between events need their documents' ids.
    pub tie_break: bool,
}

/// One batch of events, reduced to what the layout names; codes are local to the batch.
#[derive(Debug)]
pub struct PreparedBatch {
    /// The source's number of this batch.
    pub batch: u32,
    /// Place of each event in its batch: offset, length, line.
    pub places: [UInt32Array; 3],
    /// Per key: the sentences of each event, as local codes.
    pub keys: Vec<LocalKey>,
    /// Per metric: Float64, null where the event has no such number.
    pub metrics: Vec<ArrayRef>,
    /// Per timestamp field: Int64 microseconds, null where missing.
    pub times: Vec<ArrayRef>,
    /// Per use case: whether the event matches.
    pub masks: Vec<BooleanArray>,
    /// Order-free tie-break of each event, if the layout asks for it.
    pub ties: Option<ArrayRef>,
}

/// Sentences of a batch: per event a list of local codes, and the text of each code.
#[derive(Debug)]
pub struct LocalKey {
    /// Event `r` has the sentences `codes[offsets[r]..offsets[r + 1]]`.
    pub offsets: Vec<u32>,
    /// Local codes.
    pub codes: Vec<u32>,
    /// Text of each local code.
    pub texts: StringArray,
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
}

/// A filled table; read-only and shared by the use cases of its scan group.
#[derive(Debug)]
pub struct EventTable {
    layout: TableLayout,
    schema: SchemaRef,
    keys: Vec<Dictionary>,
    chunks: Vec<Chunk>,
    spill: SpillFile,
    n_spilled: usize,
    _memory: [MemoryReservation; 2],
}

#[derive(Debug)]
struct Chunk {
    batch: u32,
    rows: usize,
    columns: ChunkColumns,
}

#[derive(Debug)]
enum ChunkColumns {
    Memory(RecordBatch),
    Spilled(Segment),
}

impl TableBuilder {
    /// An empty table. Its batches stay in memory up to `chunk_budget` bytes and as long as `pool` has room, later ones go to `spill`.
    pub fn new(layout: TableLayout, pool: &Arc<dyn MemoryPool>, chunk_budget: usize, spill: SpillFile) -> Self {
        TableBuilder {
            schema: schema(&layout),
            keys: layout.keys.iter().map(|_| DictionaryBuilder::default()).collect(),
            chunks: Vec::new(),
            spill,
            chunk_memory: MemoryConsumer::new("event table").register(pool),
            dictionary_memory: MemoryConsumer::new("texts of keys").register(pool),
            chunk_budget,
            layout,
        }
    }

    /// Adds a batch; batches come in the order of the source.
    pub fn append(&mut self, prepared: PreparedBatch) -> Result<(), TableError> {
        let rows = prepared.places[0].len();
        if rows == 0 {
            return Ok(());
        }
        let mut columns: Vec<ArrayRef> = prepared.places.into_iter().map(|place| Arc::new(place) as ArrayRef).collect();
        for (builder, local) in self.keys.iter_mut().zip(prepared.keys) {
            columns.push(Arc::new(global_codes(builder, local)));
        }
        columns.extend(prepared.metrics);
        columns.extend(prepared.times);
        columns.extend(prepared.ties);
        columns.extend(prepared.masks.into_iter().map(|mask| Arc::new(mask) as ArrayRef));
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        self.reserve_dictionaries()?;
        let columns = self.place(batch)?;
        self.chunks.push(Chunk { batch: prepared.batch, rows, columns });
        Ok(())
    }

    /// Ends reading.
    pub fn finish(self) -> EventTable {
        let n_spilled = self.chunks.iter().filter(|chunk| matches!(chunk.columns, ChunkColumns::Spilled(_))).count();
        EventTable {
            keys: self.keys.into_iter().map(DictionaryBuilder::freeze).collect(),
            layout: self.layout,
            schema: self.schema,
            chunks: self.chunks,
            spill: self.spill,
            n_spilled,
            _memory: [self.chunk_memory, self.dictionary_memory],
        }
    }

    fn place(&mut self, batch: RecordBatch) -> Result<ChunkColumns, TableError> {
        let bytes = batch.get_array_memory_size();
        let fits = self.chunk_memory.size() + bytes <= self.chunk_budget && self.chunk_memory.try_grow(bytes).is_ok();
        if fits { Ok(ChunkColumns::Memory(batch)) } else { Ok(ChunkColumns::Spilled(self.spill.write(&batch)?)) }
    }

    /// Dictionaries cannot be spilled: when they leave no room, batches in memory make room.
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

/// Why a table could not be filled or read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The distinct texts of all keys do not fit.
    #[error(
        "the distinct texts of the targets and aggregators need {bytes} bytes, more than the memory limit leaves: raise --memory-limit or run fewer use cases at once"
    )]
    TooManyTexts {
        /// What they need so far.
        bytes: usize,
    },
    /// Writing or reading the spill file failed.
    #[error("cannot spill events to disk: {0}: free space or choose another folder with --spill-dir")]
    Spill(#[from] std::io::Error),
    /// Arrow refused a batch: a fault of this program.
    #[error("event table: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
}

impl EventTable {
    /// What the table holds.
    pub fn layout(&self) -> &TableLayout {
        &self.layout
    }

    /// Number of batches.
    pub fn n_chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Number of batches that are on disk.
    pub fn n_spilled(&self) -> usize {
        self.n_spilled
    }

    /// Number of events of batch `chunk_idx`.
    pub fn n_rows(&self, chunk_idx: usize) -> usize {
        self.chunks[chunk_idx].rows
    }

    /// Texts of key `key_idx`.
    pub fn dictionary(&self, key_idx: usize) -> &Dictionary {
        &self.keys[key_idx]
    }

    /// The columns of batch `chunk_idx`, read back from disk where they were spilled.
    pub fn chunk(&self, chunk_idx: usize) -> Result<ChunkView<'_>, TableError> {
        let chunk = &self.chunks[chunk_idx];
        let batch = match &chunk.columns {
            ChunkColumns::Memory(batch) => batch.clone(),
            ChunkColumns::Spilled(segment) => self.spill.read(segment, &self.schema)?,
        };
        Ok(ChunkView { table: self, batch: chunk.batch, columns: batch })
    }
}

/// One batch of a table, with its columns by role.
#[derive(Debug)]
pub struct ChunkView<'a> {
    table: &'a EventTable,
    /// The source's number of this batch.
    pub batch: u32,
    columns: RecordBatch,
}

impl ChunkView<'_> {
    /// Number of events.
    pub fn n_rows(&self) -> usize {
        self.columns.num_rows()
    }

    /// Offset, length and line of event `row` in its batch.
    pub fn place(&self, row: usize) -> [u32; 3] {
        [0, 1, 2].map(|column_idx| self.columns.column(column_idx).as_primitive::<UInt32Type>().value(row))
    }

    /// Sentences of key `key_idx`: codes of the builder, to be ranked by the key's dictionary.
    pub fn key(&self, key_idx: usize) -> KeyColumn<'_> {
        let list = self.columns.column(3 + key_idx).as_list::<i32>();
        KeyColumn {
            list,
            codes: list.values().as_primitive::<UInt32Type>().values(),
            dictionary: &self.table.keys[key_idx],
        }
    }

    /// Numbers of metric `metric_idx`.
    pub fn metric(&self, metric_idx: usize) -> &arrow::array::Float64Array {
        self.columns.column(3 + self.table.layout.keys.len() + metric_idx).as_primitive::<Float64Type>()
    }

    /// Times of timestamp field `time_idx`, in microseconds.
    pub fn time(&self, time_idx: usize) -> &arrow::array::Int64Array {
        let layout = &self.table.layout;
        self.columns.column(3 + layout.keys.len() + layout.metrics.len() + time_idx).as_primitive::<Int64Type>()
    }

    /// Order-free tie-breaks, if the layout has them.
    pub fn ties(&self) -> Option<&arrow::array::UInt64Array> {
        let layout = &self.table.layout;
        let column_idx = 3 + layout.keys.len() + layout.metrics.len() + layout.times.len();
        layout.tie_break.then(|| self.columns.column(column_idx).as_primitive())
    }

    /// Which events match use case `mask_idx`.
    pub fn mask(&self, mask_idx: usize) -> &BooleanArray {
        let first = self.columns.num_columns() - self.table.layout.n_masks;
        self.columns.column(first + mask_idx).as_boolean()
    }
}

/// The sentences of one key in one batch.
#[derive(Debug, Clone, Copy)]
pub struct KeyColumn<'a> {
    list: &'a ListArray,
    codes: &'a [u32],
    dictionary: &'a Dictionary,
}

impl<'a> KeyColumn<'a> {
    /// Ranks of the sentences of event `row`, in the order of its values.
    pub fn ranks(&self, row: usize) -> impl ExactSizeIterator<Item = u32> + Clone + use<'a> {
        let offsets = self.list.value_offsets();
        let dictionary = self.dictionary;
        self.codes[offsets[row] as usize..offsets[row + 1] as usize].iter().map(move |&code| dictionary.rank(code))
    }
}

fn schema(layout: &TableLayout) -> SchemaRef {
    let codes = DataType::List(Arc::new(Field::new_list_field(DataType::UInt32, false)));
    let mut fields: Vec<Field> =
        ["offset", "length", "line"].iter().map(|name| Field::new(*name, DataType::UInt32, false)).collect();
    fields.extend((0..layout.keys.len()).map(|i| Field::new(format!("key {i}"), codes.clone(), false)));
    fields.extend((0..layout.metrics.len()).map(|i| Field::new(format!("metric {i}"), DataType::Float64, true)));
    fields.extend((0..layout.times.len()).map(|i| Field::new(format!("time {i}"), DataType::Int64, true)));
    if layout.tie_break {
        fields.push(Field::new("tie", DataType::UInt64, false));
    }
    fields.extend((0..layout.n_masks).map(|i| Field::new(format!("mask {i}"), DataType::Boolean, false)));
    Arc::new(Schema::new(fields))
}

/// Only texts that some event uses are interned: a batch's dictionary may hold more.
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
        arrow::buffer::OffsetBuffer::new(offsets.into()),
        Arc::new(UInt32Array::from(codes)),
        None,
    )
}
