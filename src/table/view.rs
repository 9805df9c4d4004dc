//! View of the event table for one use case: its rows (one event x one target sentence x one
//! aggregator sentence), as a DataFusion table.
//!
//! The first column is `element` (UInt64), which identifies the row (see [`Element`]). The view may
//! add `aggregator` and `target` (UInt32 ranks of the key's dictionary), `value` (Float64), `time`
//! (Int64 microseconds), `tie` (UInt64), `size` (Float64, NaN without one), and `source`,
//! `destination`, `peer` and `label` (UInt32 ranks, null without one). Partition `p` of `n` streams
//! the batches `p, p + n, ...`; results of models must not depend on the partitioning.
//!
//! In a plan, a view is a table provider of its own. Besides the event table, it is plain data, so
//! a plan can be sent to where a part of that table is.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use rustc_hash::FxHashSet;

use super::chunk::{ChunkView, KeyColumn};
use super::element::Element;
use super::{EventTable, TableError};

/// Upper limit on the rows of one event. Longer lists are an attack or an accident; the event is
/// skipped and counted.
pub const MAX_ROWS_PER_EVENT: usize = 1 << 16;

/// Columns of the table that a model reads.
#[derive(Debug, Clone, Copy, Default)]
pub struct ViewColumns {
    /// Key of the aggregator.
    pub aggregator: Option<usize>,
    /// Key of the target.
    pub target: Option<usize>,
    /// Metric of the target.
    pub value: Option<usize>,
    /// Timestamp field; events without a time are skipped.
    pub time: Option<usize>,
    /// True if ties between events are broken; the table's layout must then have tie-breaks.
    pub tie: bool,
    /// Metric of the size; events without one are kept.
    pub size: Option<usize>,
    /// Key of the source.
    pub source: Option<usize>,
    /// Key of the destination.
    pub destination: Option<usize>,
    /// Key of the peer group.
    pub peer: Option<usize>,
    /// Key of the label.
    pub label: Option<usize>,
}

impl ViewColumns {
    /// Keys that the model reads.
    pub fn keys(&self) -> impl Iterator<Item = usize> {
        let ViewColumns { aggregator, target, source, destination, peer, label, .. } = *self;
        [aggregator, target, source, destination, peer, label].into_iter().flatten()
    }

    /// Metrics that the model reads.
    pub fn metrics(&self) -> impl Iterator<Item = usize> {
        [self.value, self.size].into_iter().flatten()
    }
}

/// Rows that are excluded, and the aggregators to evaluate.
#[derive(Debug, Clone, Default)]
pub struct Population {
    /// Whitelisted rows, which are excluded.
    pub without: FxHashSet<u64>,
    /// Ranks of the aggregators to evaluate; `None` means all.
    pub only: Option<FxHashSet<u32>>,
}

/// Rows of one use case.
#[derive(Debug, Clone)]
pub struct View {
    table: Arc<EventTable>,
    mask_idx: usize,
    columns: ViewColumns,
    population: Arc<Population>,
    schema: SchemaRef,
}

impl View {
    /// Returns the rows of use case `mask_idx` with `columns`.
    pub fn new(table: Arc<EventTable>, mask_idx: usize, columns: ViewColumns) -> Self {
        let schema = schema(&columns);
        View { table, mask_idx, columns, population: Arc::default(), schema }
    }

    /// Returns the same view over a smaller population.
    pub fn with_population(&self, population: Population) -> Self {
        View { population: Arc::new(population), ..self.clone() }
    }

    /// Population of the view.
    pub fn population(&self) -> &Population {
        &self.population
    }

    /// Population of the view, for what outlives it.
    pub fn population_shared(&self) -> Arc<Population> {
        Arc::clone(&self.population)
    }

    /// Table behind the view.
    pub fn table(&self) -> &Arc<EventTable> {
        &self.table
    }

    /// Index of the use case whose rows these are.
    pub fn mask_idx(&self) -> usize {
        self.mask_idx
    }

    /// Columns of the view.
    pub fn columns(&self) -> ViewColumns {
        self.columns
    }

    /// Splits the view into `n_partitions` partitions, or fewer if there are fewer batches.
    fn partitioned(&self, n_partitions: usize) -> Result<StreamingTable, DataFusionError> {
        let n_partitions = n_partitions.clamp(1, self.table.n_chunks().max(1));
        let partitions = (0..n_partitions)
            .map(|first| {
                Arc::new(ViewPartition { view: self.clone(), first, step: n_partitions }) as Arc<dyn PartitionStream>
            })
            .collect();
        StreamingTable::try_new(Arc::clone(&self.schema), partitions)
    }

    /// Returns the elements of the rows of one batch.
    pub fn elements(&self, chunk_idx: usize) -> Result<Vec<u64>, TableError> {
        let chunk = self.table.chunk(chunk_idx, &self.columns, self.mask_idx)?;
        let mut rows = Rows::new(self, &chunk);
        chunk.mask.values().set_indices().for_each(|row| rows.push_event(chunk_idx, row));
        Ok(rows.elements)
    }

    /// Returns the rows of one batch.
    pub fn batch(&self, chunk_idx: usize) -> Result<RecordBatch, DataFusionError> {
        let chunk = self
            .table
            .chunk(chunk_idx, &self.columns, self.mask_idx)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let mut rows = Rows::new(self, &chunk);
        for row in chunk.mask.values().set_indices() {
            rows.push_event(chunk_idx, row);
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), rows.finish())?)
    }
}

#[async_trait]
impl TableProvider for View {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let partitioned = self.partitioned(state.config().target_partitions())?;
        partitioned.scan(state, projection, filters, limit).await
    }
}

#[derive(Debug)]
struct ViewPartition {
    view: View,
    first: usize,
    step: usize,
}

impl PartitionStream for ViewPartition {
    fn schema(&self) -> &SchemaRef {
        &self.view.schema
    }

    fn execute(&self, _ctx: Arc<TaskContext>) -> SendableRecordBatchStream {
        let view = self.view.clone();
        let chunks = (self.first..view.table.n_chunks()).step_by(self.step);
        let batches = chunks
            .filter({
                let view = view.clone();
                move |&chunk_idx| view.table.has_events_of(chunk_idx, view.mask_idx)
            })
            .map(move |chunk_idx| view.batch(chunk_idx));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.view.schema), futures::stream::iter(batches)))
    }
}

fn schema(columns: &ViewColumns) -> SchemaRef {
    let mut fields = vec![Field::new("element", DataType::UInt64, false)];
    let mut add = |wanted: bool, name: &str, data_type: DataType| {
        if wanted {
            fields.push(Field::new(name, data_type, false));
        }
    };
    add(columns.aggregator.is_some(), "aggregator", DataType::UInt32);
    add(columns.target.is_some(), "target", DataType::UInt32);
    add(columns.value.is_some(), "value", DataType::Float64);
    add(columns.time.is_some(), "time", DataType::Int64);
    add(columns.tie, "tie", DataType::UInt64);
    add(columns.size.is_some(), "size", DataType::Float64);
    let ranks = [
        ("source", columns.source),
        ("destination", columns.destination),
        ("peer", columns.peer),
        ("label", columns.label),
    ];
    let ranks = ranks.into_iter().filter(|(_, key_idx)| key_idx.is_some());
    fields.extend(ranks.map(|(name, _)| Field::new(name, DataType::UInt32, true)));
    Arc::new(Schema::new(fields))
}

/// Columns of a batch of rows under construction.
struct Rows<'a> {
    population: &'a Population,
    chunk: &'a ChunkView<'a>,
    aggregator_of: Sentences<'a>,
    target_of: Sentences<'a>,
    elements: Vec<u64>,
    aggregators: Vec<u32>,
    targets: Vec<u32>,
    values: Vec<f64>,
    times: Vec<i64>,
    ties: Vec<u64>,
    sizes: Vec<f64>,
    sources: FirstRanks<'a>,
    destinations: FirstRanks<'a>,
    peers: FirstRanks<'a>,
    labels: FirstRanks<'a>,
}

impl<'a> Rows<'a> {
    fn new(view: &'a View, chunk: &'a ChunkView<'a>) -> Self {
        let capacity = chunk.mask.true_count();
        let room = |wanted: bool| if wanted { capacity } else { 0 };
        Rows {
            population: &view.population,
            chunk,
            aggregator_of: Sentences::new(chunk.aggregator.as_ref()),
            target_of: Sentences::new(chunk.target.as_ref()),
            elements: Vec::with_capacity(capacity),
            aggregators: Vec::with_capacity(room(chunk.aggregator.is_some())),
            targets: Vec::with_capacity(room(chunk.target.is_some())),
            values: Vec::with_capacity(room(chunk.value.is_some())),
            times: Vec::with_capacity(room(chunk.time.is_some())),
            ties: Vec::with_capacity(room(chunk.tie.is_some())),
            sizes: Vec::with_capacity(room(chunk.size.is_some())),
            sources: FirstRanks::new(chunk.source.as_ref(), capacity),
            destinations: FirstRanks::new(chunk.destination.as_ref(), capacity),
            peers: FirstRanks::new(chunk.peer.as_ref(), capacity),
            labels: FirstRanks::new(chunk.label.as_ref(), capacity),
        }
    }

    /// Adds the rows of one event; target sentences vary in the outer loop, aggregator sentences in
    /// the inner one.
    fn push_event(&mut self, chunk_idx: usize, row: usize) {
        let chunk = self.chunk;
        if chunk.value.as_ref().is_some_and(|values| values.is_null(row))
            || chunk.time.as_ref().is_some_and(|times| times.is_null(row))
        {
            return;
        }
        let (targets, aggregators) = (self.target_of.range(row), self.aggregator_of.range(row));
        if targets.len() * aggregators.len() > MAX_ROWS_PER_EVENT {
            return;
        }
        let size_of = |sizes: &Float64Array| if sizes.is_null(row) { f64::NAN } else { sizes.value(row) };
        let size = chunk.size.as_ref().map(size_of);
        let mut sentence_idx = 0;
        for target in targets {
            for aggregator in aggregators.clone() {
                let element = Element::new(chunk_idx, row, sentence_idx);
                sentence_idx += 1;
                let aggregator = self.aggregator_of.ranks.get(aggregator).copied();
                if self.takes_part(element, aggregator) {
                    self.elements.push(element.0);
                    self.aggregators.extend(aggregator);
                    self.targets.extend(self.target_of.ranks.get(target));
                    self.values.extend(chunk.value.as_ref().map(|values| values.value(row)));
                    self.times.extend(chunk.time.as_ref().map(|times| times.value(row)));
                    self.ties.extend(chunk.tie.as_ref().map(|ties| ties.value(row)));
                    self.sizes.extend(size);
                    [&mut self.sources, &mut self.destinations, &mut self.peers, &mut self.labels]
                        .into_iter()
                        .for_each(|ranks| ranks.push(row));
                }
            }
        }
    }

    fn takes_part(&self, element: Element, aggregator: Option<u32>) -> bool {
        let wanted = match (&self.population.only, aggregator) {
            (Some(only), Some(aggregator)) => only.contains(&aggregator),
            _ => true,
        };
        wanted && (self.population.without.is_empty() || !self.population.without.contains(&element.0))
    }

    fn finish(self) -> Vec<ArrayRef> {
        let chunk = self.chunk;
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(UInt64Array::from(self.elements))];
        let mut add = |wanted: bool, array: ArrayRef| {
            if wanted {
                arrays.push(array);
            }
        };
        add(chunk.aggregator.is_some(), Arc::new(UInt32Array::from(self.aggregators)));
        add(chunk.target.is_some(), Arc::new(UInt32Array::from(self.targets)));
        add(chunk.value.is_some(), Arc::new(Float64Array::from(self.values)));
        add(chunk.time.is_some(), Arc::new(Int64Array::from(self.times)));
        add(chunk.tie.is_some(), Arc::new(UInt64Array::from(self.ties)));
        add(chunk.size.is_some(), Arc::new(Float64Array::from(self.sizes)));
        add(chunk.source.is_some(), Arc::new(UInt32Array::from(self.sources.found)));
        add(chunk.destination.is_some(), Arc::new(UInt32Array::from(self.destinations.found)));
        add(chunk.peer.is_some(), Arc::new(UInt32Array::from(self.peers.found)));
        add(chunk.label.is_some(), Arc::new(UInt32Array::from(self.labels.found)));
        arrays
    }
}

/// Ranks of a key with at most one sentence per event.
struct FirstRanks<'a> {
    sentences: Sentences<'a>,
    is_wanted: bool,
    found: Vec<Option<u32>>,
}

impl<'a> FirstRanks<'a> {
    fn new(key: Option<&'a KeyColumn<'a>>, capacity: usize) -> Self {
        let found = Vec::with_capacity(if key.is_some() { capacity } else { 0 });
        FirstRanks { sentences: Sentences::new(key), is_wanted: key.is_some(), found }
    }

    fn push(&mut self, row: usize) {
        if self.is_wanted {
            let ranks = self.sentences.ranks.get(self.sentences.range(row));
            self.found.push(ranks.and_then(<[u32]>::first).copied());
        }
    }
}

/// Sentences of one key. Without a key, each event has one sentence without a rank.
struct Sentences<'a> {
    ranks: Vec<u32>,
    offsets: Option<&'a [i32]>,
}

impl<'a> Sentences<'a> {
    fn new(key: Option<&'a KeyColumn<'a>>) -> Self {
        match key.map(KeyColumn::ranks) {
            None => Sentences { ranks: Vec::new(), offsets: None },
            Some((ranks, offsets)) => Sentences { ranks, offsets: Some(offsets) },
        }
    }

    fn range(&self, row: usize) -> std::ops::Range<usize> {
        self.offsets.map_or(0..1, |offsets| offsets[row] as usize..offsets[row + 1] as usize)
    }
}
