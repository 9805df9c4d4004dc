//! Remembered numbers of rows as tables of DataFusion.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use rustc_hash::{FxHashMap, FxHashSet};

use super::texts::{Failed, NO_PAIR, Pair, RanksOfPairs, dictionary, external};
use crate::engine::functions::NO_PLACE;
use crate::models::{Inputs, column};
use crate::spill::{Segment, SpillFile};
use crate::state::{Stretch, TallyColumns, Window};
use crate::table::dictionary::DictionaryBuilder;
use crate::table::{Dictionary, Population, View};

/// Relation of remembered stretches to the events of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// The run may see the same events again.
    Again,
    /// The events lie outside of the time that the run looks at.
    Earlier,
}

fn remembered_schema() -> SchemaRef {
    let field = |name: &str, data_type| Field::new(name, data_type, false);
    Arc::new(Schema::new(vec![
        field("aggregator", DataType::UInt32),
        field("target", DataType::UInt32),
        field("place", DataType::Int64),
        field("n", DataType::Int64),
    ]))
}

/// Remembered numbers that count.
pub(super) struct Wanted<'a> {
    pub(super) time: Stretch,
    /// Places of the stretches within this time.
    pub(super) places: &'a FxHashMap<i64, Seen>,
    pub(super) aggregators: &'a FxHashSet<u32>,
    /// Time of the stretches whose rows are counted by aggregator. A stretch counts if it starts
    /// there; so do stretches that are counted together.
    pub(super) before: Range<i64>,
}

/// Remembered numbers of rows of one batch.
#[derive(Default)]
struct RememberedRows {
    aggregators: Vec<u32>,
    targets: Vec<u32>,
    places: Vec<i64>,
    counts: Vec<i64>,
}

impl RememberedRows {
    /// Rows of a batch of sums.
    const MOST: usize = 8192;

    fn push(&mut self, aggregator: u32, target: u32, place: i64, n: u64) {
        self.aggregators.push(aggregator);
        self.targets.push(target);
        self.places.push(place);
        self.counts.push(n as i64);
    }

    /// Returns the rows as a batch; none if there are none.
    fn finish(self) -> Result<Option<RecordBatch>, DataFusionError> {
        if self.counts.is_empty() {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::from(self.aggregators)),
            Arc::new(UInt32Array::from(self.targets)),
            Arc::new(Int64Array::from(self.places)),
            Arc::new(Int64Array::from(self.counts)),
        ];
        Ok(Some(RecordBatch::try_new(remembered_schema(), columns)?))
    }
}

/// Sums of the numbers of a pair over stretches: a plan takes several times as long for them.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    all: u64,
    /// Those within [`Wanted::before`].
    before: u64,
}

/// Sums by aggregator of numbers that come in order: those of one aggregator follow each other.
#[derive(Default)]
struct SumsOfRuns {
    sums: FxHashMap<u32, u64>,
    aggregator: u32,
    sum: u64,
}

impl SumsOfRuns {
    fn add(&mut self, aggregator: u32, n: u64) {
        if aggregator != self.aggregator {
            self.end_run();
            self.aggregator = aggregator;
        }
        self.sum = self.sum.saturating_add(n);
    }

    fn end_run(&mut self) {
        let sum = std::mem::take(&mut self.sum);
        if sum > 0 {
            let all = self.sums.entry(self.aggregator).or_default();
            *all = all.saturating_add(sum);
        }
    }

    fn finish(mut self) -> FxHashMap<u32, u64> {
        self.end_run();
        self.sums
    }
}

fn write(rows: RememberedRows, file: &mut SpillFile, segments: &mut Vec<Segment>) -> Result<(), DataFusionError> {
    if let Some(batch) = rows.finish()? {
        segments.push(file.write(&batch).map_err(|error| external(error.into()))?);
    }
    Ok(())
}

/// Remembered numbers of rows, on disk.
#[derive(Debug)]
struct Numbers {
    file: SpillFile,
    /// Numbers of stretches in which the run saw events, too.
    seen: Vec<Segment>,
    /// Numbers of other stretches, summed.
    unseen: Vec<Segment>,
}

impl Numbers {
    /// Adds those of a window, whose pairs have the ranks in `pairs`.
    fn read(
        &mut self,
        window: &Window<'_>,
        wanted: &Wanted<'_>,
        pairs: &[Pair],
        n_before: &mut SumsOfRuns,
    ) -> Result<(), DataFusionError> {
        let mut sums = vec![Sums::default(); pairs.len()];
        let read = window.tallies(wanted.time, TallyColumns::Counts, |tallies| {
            let mut seen_rows = RememberedRows::default();
            let (mut last_place, mut seen_at, mut is_before) = (None, None, false);
            let numbers = tallies.pairs.values().iter().zip(tallies.counts.values());
            for ((&number, &n), &place) in numbers.zip(tallies.places.values()) {
                // most parts have one place
                if last_place != Some(place) {
                    (last_place, seen_at) = (Some(place), wanted.places.get(&place).copied());
                    is_before = wanted.before.contains(&place);
                }
                match seen_at {
                    None => {}
                    Some(Seen::Again) if pairs[number as usize] == NO_PAIR => {}
                    Some(Seen::Again) => {
                        let (aggregator, target) = pairs[number as usize];
                        seen_rows.push(aggregator, target, place, n);
                    }
                    Some(Seen::Earlier) => {
                        let sums = &mut sums[number as usize];
                        sums.all = sums.all.saturating_add(n);
                        sums.before = sums.before.saturating_add(if is_before { n } else { 0 });
                    }
                }
            }
            write(seen_rows, &mut self.file, &mut self.seen).map_err(Failed)
        });
        read.map_err(|Failed(error)| error)?;
        let known = pairs.iter().zip(sums).filter(|(pair, sums)| **pair != NO_PAIR && sums.all > 0);
        let mut rows = RememberedRows::default();
        for (&(aggregator, target), sums) in known {
            rows.push(aggregator, target, NO_PLACE, sums.all);
            n_before.add(aggregator, sums.before);
            if rows.counts.len() == RememberedRows::MOST {
                write(std::mem::take(&mut rows), &mut self.file, &mut self.unseen)?;
            }
        }
        write(rows, &mut self.file, &mut self.unseen)
    }

    fn segments(&self, of: Seen) -> &[Segment] {
        match of {
            Seen::Again => &self.seen,
            Seen::Earlier => &self.unseen,
        }
    }
}

/// Remembered numbers of rows, and the texts of their targets.
#[derive(Debug)]
pub(super) struct Remembered {
    numbers: Numbers,
    /// Numbers of all rows of an aggregator from [`Wanted::before`].
    n_before: FxHashMap<u32, u64>,
    /// Number of targets of the view. Codes from here on are those of `texts`.
    n_known: u32,
    /// Targets that no event of the run has.
    texts: Dictionary,
    _reserved: MemoryReservation,
}

impl Remembered {
    /// Reads the numbers of rows that are wanted.
    pub(super) fn read<'m>(
        windows: impl Iterator<Item = Window<'m>>,
        wanted: Wanted<'_>,
        view: &View,
        inputs: &Inputs<'_>,
    ) -> Result<Self, DataFusionError> {
        let columns = view.columns();
        let aggregators = dictionary(view, columns.aggregator)?.ranks();
        let targets = dictionary(view, columns.target)?.ranks();
        let n_known = dictionary(view, columns.target)?.len() as u32;
        let mut more = DictionaryBuilder::default();
        let reserved = MemoryConsumer::new("texts of the memory").register(&inputs.context.runtime_env().memory_pool);
        let mut numbers = Numbers { file: SpillFile::new(inputs.spill_dir), seen: Vec::new(), unseen: Vec::new() };
        let mut n_before = SumsOfRuns::default();
        for window in windows {
            let n_bytes = aggregators.size_bytes() + targets.size_bytes();
            let n_bytes = n_bytes + window.len() * (size_of::<Pair>() + size_of::<Sums>());
            let aggregator = |text: &str| aggregators.rank(text).filter(|rank| wanted.aggregators.contains(rank));
            let mut ranks_of = RanksOfPairs::default();
            let pairs = window.by_pair(NO_PAIR, |pairs, ranks| {
                let target = |text: &str| targets.rank(text).or_else(|| Some(n_known + more.intern(text)));
                ranks_of.of_batch(pairs, aggregator, target, ranks);
                reserved.try_resize(n_bytes + more.size_bytes()).map_err(Failed)
            });
            let pairs = pairs.map_err(|Failed(error)| error)?;
            numbers.read(&window, &wanted, &pairs, &mut n_before)?;
        }
        reserved.try_resize(more.size_bytes())?;
        Ok(Remembered { numbers, n_before: n_before.finish(), n_known, texts: more.freeze(), _reserved: reserved })
    }

    /// Number of rows of an aggregator in the time that was wanted.
    pub(super) fn n_before(&self, aggregator: u32) -> u64 {
        self.n_before.get(&aggregator).copied().unwrap_or(0)
    }

    /// Table of the numbers in stretches where the run saw events, too, or in the others.
    pub(super) fn table(self: &Arc<Self>, of: Seen, view: &View) -> Result<StreamingTable, DataFusionError> {
        let population = view.population_shared();
        let partition = RememberedPartition { remembered: Arc::clone(self), of, population };
        StreamingTable::try_new(remembered_schema(), vec![Arc::new(partition)])
    }

    /// Text of a target that no event of the run has.
    pub(super) fn target(&self, rank: u32) -> Option<&str> {
        rank.checked_sub(self.n_known).map(|rank| self.texts.text(rank))
    }

    fn batch(&self, segment: &Segment, population: &Population) -> Result<RecordBatch, DataFusionError> {
        let read = self.numbers.file.read(segment, &remembered_schema(), &[0, 1, 2, 3]);
        let mut columns = read.map_err(|error| external(error.into()))?;
        let rank = |code: u32| code.checked_sub(self.n_known).map_or(code, |code| self.n_known + self.texts.rank(code));
        let targets: UInt32Array = columns[1].as_primitive::<UInt32Type>().unary(rank);
        columns[1] = Arc::new(targets);
        let batch = RecordBatch::try_new(remembered_schema(), columns)?;
        let Some(only) = &population.only else { return Ok(batch) };
        let aggregators = column::<UInt32Array>(&batch, "aggregator")?.values();
        let is_judged: BooleanArray = aggregators.iter().map(|rank| Some(only.contains(rank))).collect();
        Ok(filter_record_batch(&batch, &is_judged)?)
    }
}

/// The remembered numbers of the judged aggregators, as the one partition of a table of DataFusion.
#[derive(Debug)]
struct RememberedPartition {
    remembered: Arc<Remembered>,
    of: Seen,
    population: Arc<Population>,
}

impl PartitionStream for RememberedPartition {
    fn schema(&self) -> &SchemaRef {
        static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(remembered_schema);
        &SCHEMA
    }

    fn execute(&self, _ctx: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (remembered, population, of) = (Arc::clone(&self.remembered), Arc::clone(&self.population), self.of);
        let segments = 0..remembered.numbers.segments(of).len();
        let batches = segments.map(move |idx| remembered.batch(&remembered.numbers.segments(of)[idx], &population));
        Box::pin(RecordBatchStreamAdapter::new(remembered_schema(), futures::stream::iter(batches)))
    }
}
