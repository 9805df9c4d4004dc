//! Models: each is a pure function from a view of the event table to candidates.
//!
//! Models are DataFusion plans over the rows of a view that use the aggregate functions of
//! [`crate::functions`]. They cover the whole history window, keep no state, and give the same
//! candidates for the same rows in any order. A model also provides the observations of each
//! candidate: what it saw.

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
use crate::event::Document;
use crate::table::{Element, Population, View};

/// A row flagged by a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Flagged row.
    pub element: Element,
    /// Rank of the aggregator's text; 0 if the model has no aggregator.
    pub aggregator: u32,
    /// Rank of the target's text; 0 if the model has no target key.
    pub target: u32,
    /// Reason why the model flagged the row.
    pub evidence: Evidence,
}

/// Reason why a model flagged a candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Evidence {
    /// The event matches the query.
    Match,
    /// The metric lies beyond the frontier.
    Metric(f64),
    /// The count lies beyond the frontier: occurrences of the term, or distinct terms of the
    /// aggregator.
    TermCount(u64),
    /// The target appears for the first time in a window.
    Appearance {
        /// Start and end of the window, in microseconds.
        window: (i64, i64),
        /// Number of occurrences of the target in the window.
        n_in_window: u64,
    },
    /// The text, or a word in it, has a score beyond the frontier. Holds the index into
    /// [`Evaluation::texts`].
    Text(u32),
}

/// Findings of a model in a view.
#[derive(Debug, Clone, Default)]
pub struct Evaluation {
    /// Flagged rows, sorted by element.
    pub candidates: Vec<Candidate>,
    /// Frontier and sample by rank of the aggregator, for aggregators with candidates.
    pub buckets: FxHashMap<u32, Bucket>,
    /// Observations of flagged texts.
    pub texts: Vec<word2vec::judge::Seen>,
    /// Effort spent on training.
    pub effort: word2vec::training::Effort,
    /// Comparison of flagged rows with labels, if requested.
    pub confusion: Option<word2vec::confusion::Confusion>,
    /// Number of texts that were not split into words because matching took too many steps.
    pub regexps_given_up: u64,
}

/// Frontier and sample of one aggregator with candidates.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// The decision frontier.
    pub frontier: f64,
    /// The most frequent values that are not outliers.
    pub sample: Sample,
}

/// Sample of non-outlier values.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    /// Ranks of targets.
    Terms(Vec<u32>),
    /// Metrics.
    Values(Vec<f64>),
}

/// Rows that must be judged again after some of an aggregator's rows leave the population.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refinement {
    /// None: the model judges each event alone or against its past.
    Never,
    /// Rows of the same aggregator.
    SameAggregator,
    /// All rows.
    Everything,
}

/// Inputs of a model besides its view.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a session has none")]
pub struct Inputs<'a> {
    /// Session in which plans run, with the aggregate functions registered.
    pub context: &'a SessionContext,
    /// Number of partitions to work on in parallel.
    pub n_partitions: usize,
    /// End of the history in microseconds; if `None`, the time of the newest event.
    pub end: Option<i64>,
    /// Length of the history in microseconds.
    pub history: i64,
    /// Name of the use case in logs.
    pub use_case: &'a str,
    /// Memory limit in bytes for events and statistics.
    pub memory_limit: usize,
    /// Number of rows in the view.
    pub n_rows: u64,
    /// Device on which models are trained.
    pub device: &'a word2vec::neural::TrainingDevice,
}

/// Finds the candidates of `model` in `view`.
///
/// # Errors
/// A plan that failed.
pub async fn evaluate(model: &Model, view: &View, inputs: Inputs<'_>) -> Result<Evaluation, EvaluationError> {
    let evaluation = match model {
        Model::SimpleQuery(_) => simplequery::evaluate(view, inputs).await,
        Model::Metrics(metrics) => metrics::evaluate(metrics, view, inputs).await,
        Model::Terms(terms) => terms::evaluate(terms, view, inputs).await,
        Model::SuddenAppearance(sudden) => sudden_appearance::evaluate(sudden, view, inputs).await,
        Model::Word2vec(word2vec) => word2vec::evaluate(word2vec, view, inputs).await,
    };
    let mut evaluation = evaluation.map_err(|error| EvaluationError::new(&error, inputs.context))?;
    evaluation.candidates.sort_unstable_by_key(|candidate| candidate.element);
    Ok(evaluation)
}

/// Effect of a whitelisted candidate of `model` on the other rows.
pub fn refinement(model: &Model) -> Refinement {
    match model {
        Model::Metrics(_) => Refinement::SameAggregator,
        Model::Terms(terms) => terms::refinement(terms),
        Model::SimpleQuery(_) | Model::SuddenAppearance(_) | Model::Word2vec(_) => Refinement::Never,
    }
}

/// Observations of `model` about `candidate`, in the order in which they are stored.
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

/// Rows of `view` as a DataFusion table.
fn rows(view: &View, inputs: &Inputs<'_>) -> Result<DataFrame, DataFusionError> {
    inputs.context.read_table(Arc::new(view.to_table(inputs.n_partitions)?))
}

/// Rows of `view` that belong to `aggregators`.
fn rows_of(view: &View, aggregators: FxHashSet<u32>, inputs: &Inputs<'_>) -> Result<DataFrame, DataFusionError> {
    let without = view.population().without.clone();
    rows(&view.with_population(Population { without, only: Some(aggregators) }), inputs)
}

/// Joins `rows` with `flagged`: aggregator and target must equal `flagged_aggregator` and
/// `flagged_target`.
fn with_flagged(rows: DataFrame, flagged: RecordBatch, inputs: &Inputs<'_>) -> Result<DataFrame, DataFusionError> {
    let flagged_columns = ["flagged_aggregator", "flagged_target"];
    rows.join(table(flagged, inputs)?, JoinType::Inner, &["aggregator", "target"], &flagged_columns, None)
}

/// Wraps a record batch as a DataFusion table.
fn table(batch: RecordBatch, inputs: &Inputs<'_>) -> Result<DataFrame, DataFusionError> {
    inputs.context.read_table(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?))
}

/// Column `name` of `batch`, which the plan gives type `T`.
fn column<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a PrimitiveArray<T>, DataFusionError> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<T>())
        .ok_or_else(|| DataFusionError::Internal(format!("no column {name} of type {}", T::DATA_TYPE)))
}

/// Elements and aggregators in `batch`.
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
