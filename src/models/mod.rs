//! How outliers are found: each model is a pure function from a view of the event table to candidates.
//!
//! Models are DataFusion plans over the view's rows with the functions of [`crate::functions`]. They look at the whole window, keep no
//! state, and give the same candidates for the same rows in any order. A model also says what it saw: the observations of a candidate.

mod error;
mod metrics;
mod simplequery;
mod sudden_appearance;
mod terms;
pub mod word2vec;

pub use error::EvaluationError;
pub use simplequery::matched;

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{ArrowPrimitiveType, UInt32Type, UInt64Type};
use datafusion::arrow::array::PrimitiveArray;
use datafusion::catalog::MemTable;
use datafusion::common::JoinType;
use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, SessionContext};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value};

use crate::config::{FieldPath, Model};
use crate::event::{Document, Element, Population, View};

/// A row that a model flags.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The row.
    pub element: Element,
    /// Rank of its aggregator's text; 0 where the model has no aggregator.
    pub aggregator: u32,
    /// Rank of its target's text; 0 where the model has no target key.
    pub target: u32,
    /// What the model says of it.
    pub finding: Finding,
}

/// What a model says of a candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Finding {
    /// It matches the query.
    Match,
    /// Its metric lies beyond the frontier.
    Metric(f64),
    /// Its term occurs this often, or its aggregator has this many terms, which lies beyond the frontier.
    TermCount(u64),
    /// Its target appears anew.
    Appearance {
        /// Start and end of the window, in microseconds.
        window: (i64, i64),
        /// How often the target occurs in the window.
        n_in_window: u64,
    },
    /// Its text, or a word of it, has a score beyond the frontier: place in [`Evaluation::texts`].
    Text(u32),
}

/// What a model found in a view.
#[derive(Debug, Clone, Default)]
pub struct Evaluation {
    /// Flagged rows, in the order of their elements.
    pub candidates: Vec<Candidate>,
    /// Frontier and sample by aggregator rank, for the aggregators of candidates.
    pub buckets: FxHashMap<u32, Bucket>,
    /// What was seen of flagged texts.
    pub texts: Vec<word2vec::judge::Seen>,
    /// What training took.
    pub effort: word2vec::training::Effort,
    /// Flagged rows compared with labels, if that is wanted.
    pub confusion: Option<word2vec::confusion::Confusion>,
    /// Texts that were not split into words because that took too many steps.
    pub regexps_given_up: u64,
}

/// What a model knows of one aggregator with candidates.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// The decision frontier.
    pub frontier: f64,
    /// The most frequent values that are no outliers.
    pub sample: Sample,
}

/// Values of non-outliers.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    /// Ranks of targets.
    Terms(Vec<u32>),
    /// Metrics.
    Values(Vec<f64>),
}

/// Which rows must be judged again when some of an aggregator's rows leave the population.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refinement {
    /// None: the model looks at each event by itself or at its past.
    Never,
    /// Those of the same aggregator.
    SameAggregator,
    /// All of them.
    Everything,
}

/// What a model needs beside its view.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a session has none")]
pub struct Settings<'a> {
    /// The session that plans run in; has our functions.
    pub context: &'a SessionContext,
    /// Number of partitions to work on in parallel.
    pub n_partitions: usize,
    /// End of the history, in microseconds; the newest event if none is given.
    pub end: Option<i64>,
    /// Length of the history, in microseconds.
    pub history: i64,
    /// The use case, by which it is named in logs.
    pub use_case: &'a str,
    /// Bytes for events and statistics.
    pub memory_limit: usize,
    /// Rows of the view.
    pub n_rows: u64,
    /// Where models are trained.
    pub device: &'a word2vec::neural::TrainingDevice,
}

/// Finds the candidates of `model` in `view`.
///
/// # Errors
/// A plan that failed.
pub async fn evaluate(model: &Model, view: &View, settings: Settings<'_>) -> Result<Evaluation, EvaluationError> {
    let evaluation = match model {
        Model::SimpleQuery(_) => simplequery::evaluate(view, settings).await,
        Model::Metrics(metrics) => metrics::evaluate(metrics, view, settings).await,
        Model::Terms(terms) => terms::evaluate(terms, view, settings).await,
        Model::SuddenAppearance(sudden) => sudden_appearance::evaluate(sudden, view, settings).await,
        Model::Word2vec(word2vec) => word2vec::evaluate(word2vec, view, settings).await,
    };
    let mut evaluation = evaluation.map_err(|error| EvaluationError::new(&error, settings.context))?;
    evaluation.candidates.sort_unstable_by_key(|candidate| candidate.element);
    Ok(evaluation)
}

/// What a whitelisted candidate of `model` means for the others.
pub fn refinement(model: &Model) -> Refinement {
    match model {
        Model::Metrics(_) => Refinement::SameAggregator,
        Model::Terms(terms) => terms::refinement(terms),
        Model::SimpleQuery(_) | Model::SuddenAppearance(_) | Model::Word2vec(_) => Refinement::Never,
    }
}

/// What `model` saw of `candidate`, in the order in which it is stored.
pub fn observations(
    model: &Model,
    view: &View,
    evaluation: &Evaluation,
    candidate: &Candidate,
    fields: &Document,
) -> Map<String, Value> {
    match model {
        Model::SimpleQuery(_) => Map::new(),
        Model::Metrics(metrics) => metrics::observations(metrics, view, evaluation, candidate, fields),
        Model::Terms(terms) => terms::observations(terms, view, evaluation, candidate),
        Model::SuddenAppearance(sudden) => sudden_appearance::observations(sudden, view, candidate),
        Model::Word2vec(word2vec) => word2vec::observations(word2vec, evaluation, candidate),
    }
}

/// The rows of `view` as a DataFusion table.
fn rows(view: &View, settings: &Settings<'_>) -> Result<DataFrame, DataFusionError> {
    settings.context.read_table(Arc::new(view.to_table(settings.n_partitions)?))
}

/// The rows of `view` that belong to `aggregators`.
fn rows_of(view: &View, aggregators: FxHashSet<u32>, settings: &Settings<'_>) -> Result<DataFrame, DataFusionError> {
    let without = view.population().without.clone();
    rows(&view.with_population(Population { without, only: Some(aggregators) }), settings)
}

/// The rows whose aggregator and target are `flagged_aggregator` and `flagged_target` of a row of `flagged`, with its other columns.
fn with_flagged(rows: DataFrame, flagged: RecordBatch, settings: &Settings<'_>) -> Result<DataFrame, DataFusionError> {
    let flagged_columns = ["flagged_aggregator", "flagged_target"];
    rows.join(table(flagged, settings)?, JoinType::Inner, &["aggregator", "target"], &flagged_columns, None)
}

/// Record batches as a DataFusion table.
fn table(batch: RecordBatch, settings: &Settings<'_>) -> Result<DataFrame, DataFusionError> {
    settings.context.read_table(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?))
}

/// Column `name` of `batch`, which the plan gives this type.
fn column<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a PrimitiveArray<T>, DataFusionError> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<T>())
        .ok_or_else(|| DataFusionError::Internal(format!("no column {name} of type {}", T::DATA_TYPE)))
}

/// The elements and aggregators of `batch`.
fn places(batch: &RecordBatch) -> Result<impl Iterator<Item = (Element, u32)> + use<'_>, DataFusionError> {
    let elements = column::<UInt64Type>(batch, "element")?.values();
    let aggregators = column::<UInt32Type>(batch, "aggregator")?.values();
    Ok(elements.iter().map(|&element| Element(element)).zip(aggregators.iter().copied()))
}

fn text_of(view: &View, key_idx: Option<usize>, rank: u32) -> Value {
    key_idx.map_or(Value::Null, |key_idx| view.table().dictionary(key_idx).text(rank).into())
}

fn field_names(fields: &[FieldPath]) -> Value {
    fields.iter().map(|field| Value::from(field.as_str())).collect()
}
