//! Models: each is a pure function from a view of the event table to candidates.
//!
//! Models are DataFusion plans over the rows of a view that use the aggregate functions of
//! [`crate::engine::functions`]. They cover the whole history window, and give the same candidates
//! for the same rows and the same [`Recall`] of earlier runs in any order.
//!
//! A model is one file, which declares everything the model contributes: see [`Method`]. A new one
//! needs its line in the list.

mod beacon;
mod candidates;
mod columns;
mod error;
mod evidence;
mod finding;
mod flagged;
mod largest;
mod metrics;
mod peers;
mod population;
mod reason;
mod recall;
mod season;
mod simplequery;
mod sudden_appearance;
mod terms;
mod travel;
pub mod word2vec;

pub use candidates::{Candidate, Candidates, SortedCandidates};
pub use columns::{Columns, Key};
pub use error::EvaluationError;
pub use evidence::{
    Asked, Bar, Counterfactual, Depth, Evidence, Neighbour, OutlierSide, Plot, PlotBin, VerdictChange, WordFit,
};
pub use finding::{FindingTarget, FindingTexts, finding_texts, reason};
pub use largest::{GroupSize, LargestGroups, largest_groups};
pub use population::FirstRound;
pub use recall::Recall;

use std::any::type_name;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, UInt32Array, UInt64Array};
use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, SessionContext};
use futures::future::BoxFuture;
use futures::stream::{Stream, StreamExt};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::{Model, ModelType};
use crate::event::metric::stored_by_metrics;
use crate::event::{Document, FieldPath, StoredKey};
use crate::spill::SpillError;
use crate::table::{Element, Population, View};

/// Contribution of a model, implemented in the model's file for its settings.
pub trait Method: Sync {
    /// Columns of the event table that the model reads.
    fn columns(&self) -> Columns<'_>;

    /// Finds the candidates in `view`, in any order. The keys of their observations are among the
    /// model's [`stored_keys`].
    fn evaluate<'a>(&'a self, view: &'a View, inputs: Inputs<'a>) -> Evaluating<'a>;

    /// Explains rows of `view`, in any order. Whitelisted rows have left the view, unless they are
    /// asked for.
    fn evidence<'a>(&'a self, view: &'a View, asked: &'a Asked, inputs: Inputs<'a>) -> Explaining<'a>;

    /// Effect of a whitelisted candidate on the other rows.
    fn refinement(&self) -> Refinement {
        Refinement::Never
    }

    /// True if the observations need [`WholeEvent::highlights`].
    fn wants_highlights(&self) -> bool {
        false
    }

    /// Text that outliers of one finding have in common besides their aggregator.
    fn finding_target(&self) -> FindingTarget {
        FindingTarget::Target
    }

    /// Clause that says why an outlier is one, from what it stores and nothing else; `None` if it
    /// lacks what the model stores. Parts of it may be texts of events.
    fn reason(&self, stored: &Map<String, Value>) -> Option<String>;

    /// True if an event of a cluster that already has an outlier of the use case is not judged
    /// again.
    fn skips_tagged(&self) -> bool {
        false
    }
}

/// Future result of [`Method::evaluate`].
pub type Evaluating<'a> = BoxFuture<'a, Result<Evaluation<'a>, DataFusionError>>;

/// Future result of [`Method::evidence`].
pub type Explaining<'a> = BoxFuture<'a, Result<Vec<Evidence>, DataFusionError>>;

macro_rules! methods {
    ($($model:ident in $module:ident,)+) => {
        /// Contribution of `model`.
        pub fn method(model: &Model) -> &dyn Method {
            match model {
                $(Model::$model(settings) => &**settings,)+
            }
        }

        fn own_keys(model_type: ModelType) -> &'static [StoredKey] {
            match model_type {
                $(ModelType::$model => $module::STORED,)+
            }
        }
    };
}

methods! {
    SimpleQuery in simplequery,
    Metrics in metrics,
    Terms in terms,
    SuddenAppearance in sudden_appearance,
    Beacon in beacon,
    Travel in travel,
    Word2vec in word2vec,
}

/// Keys that outliers of a model have, besides those that all outliers have.
pub fn stored_keys(model_type: ModelType) -> impl Iterator<Item = &'static StoredKey> {
    let by_metrics = (model_type == ModelType::Metrics).then(stored_by_metrics);
    let (by_season, by_peers): (&[StoredKey], &[StoredKey]) = match model_type {
        ModelType::Metrics | ModelType::Terms => (&season::STORED, &peers::STORED),
        ModelType::SuddenAppearance => (&[], &peers::STORED),
        ModelType::SimpleQuery | ModelType::Word2vec | ModelType::Beacon | ModelType::Travel => (&[], &[]),
    };
    own_keys(model_type).iter().chain(by_metrics.into_iter().flatten()).chain(by_season).chain(by_peers)
}

/// Candidates of a model in a view, and what the model saw.
#[expect(missing_debug_implementations, reason = "a function has none")]
pub struct Evaluation<'a> {
    /// Flagged rows.
    pub candidates: Candidates,
    /// Observations about a candidate, in the order in which they are stored.
    pub observe: Observe<'a>,
    /// Surprise of a candidate; `None` if the model has no population to compare it with.
    pub surprise: Option<Surprise<'a>>,
    /// Numbers for the report.
    pub statistics: Statistics,
}

/// Observations of a model about a candidate of an evaluation.
pub type Observe<'a> =
    Box<dyn Fn(&Candidate, &WholeEvent<'_>) -> Result<Map<String, Value>, SpillError> + Send + Sync + 'a>;

/// Surprise of a candidate of an evaluation, in bits: -log2 of an upper bound on the probability of
/// an event that is at least as extreme if the model's population is ordinary.
pub type Surprise<'a> = Box<dyn Fn(&Candidate) -> Result<f64, SpillError> + Send + Sync + 'a>;

impl<'a> Evaluation<'a> {
    /// Candidates, and a model's observations about them.
    fn new(
        candidates: Candidates,
        observe: impl Fn(&Candidate, &WholeEvent<'_>) -> Map<String, Value> + Send + Sync + 'a,
    ) -> Self {
        let observe = Box::new(move |candidate: &Candidate, event: &WholeEvent<'_>| Ok(observe(candidate, event)));
        Evaluation { candidates, observe, surprise: None, statistics: Statistics::default() }
    }

    fn with_surprise(self, surprise: impl Fn(&Candidate) -> f64 + Send + Sync + 'a) -> Self {
        Evaluation { surprise: Some(Box::new(move |candidate| Ok(surprise(candidate)))), ..self }
    }

    /// The same with more observations and the surprise, both by what candidates are compared with.
    fn compared_with<C: Send + Sync + 'a>(
        self,
        compared: C,
        more: impl Fn(&C, &Candidate) -> Vec<(String, Value)> + Send + Sync + 'a,
        surprise: impl Fn(&C, &Candidate) -> f64 + Send + Sync + 'a,
    ) -> Self {
        let compared = Arc::new(compared);
        let of_surprise = Arc::clone(&compared);
        let Evaluation { candidates, observe, statistics, .. } = self;
        let observe: Observe<'a> = Box::new(move |candidate, event| {
            let mut seen = observe(candidate, event)?;
            seen.extend(more(&compared, candidate));
            Ok(seen)
        });
        let evaluation = Evaluation { candidates, observe, surprise: None, statistics };
        evaluation.with_surprise(move |candidate| surprise(&of_surprise, candidate))
    }

    fn without_candidates(inputs: &Inputs<'_>) -> Self {
        Evaluation::new(Candidates::new(inputs), |_, _| Map::new())
    }
}

/// Numbers of a model in the report, beyond those of every use case.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Statistics {
    /// Members of the use case in the report.
    #[serde(flatten)]
    pub members: Map<String, Value>,
    /// Number of texts on which a regexp was given up because matching took too many steps. The
    /// report adds it to the regexps of the whitelist.
    #[serde(skip)]
    pub regexps_given_up: u64,
}

/// Frontier and sample of one aggregator with candidates.
struct Bucket<V> {
    /// The decision frontier.
    frontier: f64,
    /// The most frequent values that are not outliers.
    sample: Vec<V>,
}

/// Buckets by rank of the aggregator, for aggregators with candidates.
type Buckets<V> = FxHashMap<u32, Bucket<V>>;

/// A sample as one text; an empty list without values.
fn sample_text<V>(sample: &[V], text: impl Fn(&V) -> String) -> Value {
    match sample {
        [] => Value::Array(Vec::new()),
        values => values.iter().map(text).collect::<Vec<_>>().join(",").into(),
    }
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

/// Event with candidates, read whole.
#[derive(Debug, Clone, Copy)]
pub struct WholeEvent<'a> {
    /// The document; derived fields replace its own.
    pub document: &'a Document,
    /// Fragments by field in which the query matches, with [`crate::elastic::MARKS`] around what
    /// matches; empty unless the model wants them.
    pub highlights: &'a Map<String, Value>,
}

/// Extent of the history of a run, whose times are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// All events.
    Everything,
    /// A history that ends here.
    Until(i64),
    /// A history that ends with the newest event.
    UntilNewest,
}

/// Inputs of a model besides its view.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a session has none")]
pub struct Inputs<'a> {
    /// Session in which plans run, with the aggregate functions registered.
    pub context: &'a SessionContext,
    /// Number of partitions to work on in parallel.
    pub n_partitions: usize,
    /// Extent of the history.
    pub span: Span,
    /// Length of the history in microseconds, or the least one if it spans everything.
    pub history: i64,
    /// Name of the use case in logs.
    pub use_case: &'a str,
    /// Memory limit in bytes for events and statistics.
    pub memory_limit: usize,
    /// Directory for temporary files.
    pub spill_dir: &'a Path,
    /// Population of the first evaluation.
    pub first_round: &'a FirstRound,
    /// Number of rows in the view.
    pub n_rows: u64,
    /// Number of events in the window, whether they match the query or not.
    pub n_events: u64,
    /// Memory of what earlier runs saw; `None` if nothing is remembered.
    pub recall: Option<&'a Recall<'a>>,
}

/// Finds the candidates of `model` in `view`.
///
/// # Errors
/// A plan that failed.
pub async fn evaluate<'a>(
    model: &'a Model,
    view: &'a View,
    inputs: Inputs<'a>,
) -> Result<Evaluation<'a>, EvaluationError> {
    let evaluation = method(model).evaluate(view, inputs).await;
    evaluation.map_err(|error| EvaluationError::new(&error, inputs.context))
}

/// Explains rows of `view`, in the order of their elements.
///
/// # Errors
/// A plan that failed.
pub async fn explain<'a>(
    model: &'a Model,
    view: &'a View,
    asked: &'a Asked,
    inputs: Inputs<'a>,
) -> Result<Vec<Evidence>, EvaluationError> {
    let found = method(model).evidence(view, asked, inputs).await;
    let mut found = found.map_err(|error| EvaluationError::new(&error, inputs.context))?;
    found.sort_by_key(|evidence| evidence.element);
    Ok(found.into_iter().map(Evidence::settled).collect())
}

/// Observations of `model` about `candidate`, in the order in which they are stored.
///
/// # Errors
/// A temporary file that cannot be read.
pub fn observations(
    model: &Model,
    observe: &Observe<'_>,
    candidate: &Candidate,
    event: &WholeEvent<'_>,
) -> Result<Map<String, Value>, SpillError> {
    let seen = observe(candidate, event)?;
    let is_declared = |name: &String| stored_keys(model.model_type()).any(|key| key.name == name);
    debug_assert!(seen.keys().all(is_declared), "{:?} stores undeclared keys: {seen:?}", model.model_type());
    Ok(seen)
}

/// Rows of `view` as a DataFusion table.
fn rows(view: &View, inputs: &Inputs<'_>) -> Result<DataFrame, DataFusionError> {
    inputs.context.read_table(Arc::new(view.clone()))
}

/// Rows of `view` that belong to `aggregators`.
fn rows_of(view: &View, aggregators: FxHashSet<u32>, inputs: &Inputs<'_>) -> Result<DataFrame, DataFusionError> {
    let without = view.population().without.clone();
    rows(&view.with_population(Population { without, only: Some(aggregators) }), inputs)
}

/// Runs `plan` and adds the texts of keys to its result: for each of `keys`, a column of ranks such
/// as `target`, the column `target_text` of type Utf8View. No other plan of a model sees texts, so
/// this is the only place that depends on where the event table is. Texts are not copied.
async fn stream_with_texts<'v, const N: usize>(
    plan: DataFrame,
    view: &'v View,
    keys: [(&'static str, Option<usize>); N],
) -> Result<impl Stream<Item = Result<RecordBatch, DataFusionError>> + Send + use<'v, N>, DataFusionError> {
    let with_texts = move |batch: RecordBatch| {
        let texts = keys.map(|(key, key_idx)| {
            let key_idx = key_idx.ok_or_else(|| DataFusionError::Internal(format!("a view without a {key}")))?;
            let texts = view.table().dictionary(key_idx).texts(column(&batch, key)?)?;
            Ok::<_, DataFusionError>((format!("{key}_text"), texts))
        });
        let schema = batch.schema();
        let columns = schema.fields().iter().map(|field| field.name().clone()).zip(batch.columns().iter().cloned());
        let columns = columns.map(Ok).chain(texts).collect::<Result<Vec<_>, _>>()?;
        Ok(RecordBatch::try_from_iter(columns)?)
    };
    Ok(plan.execute_stream().await?.map(move |batch| batch.and_then(&with_texts)))
}

/// Column `name` of `batch`, which the plan gives type `A`.
fn column<'a, A: Array + 'static>(batch: &'a RecordBatch, name: &str) -> Result<&'a A, DataFusionError> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_any().downcast_ref())
        .ok_or_else(|| DataFusionError::Internal(format!("no column {name} of type {}", type_name::<A>())))
}

/// Elements and aggregators in `batch`.
fn places(batch: &RecordBatch) -> Result<impl Iterator<Item = (Element, u32)> + use<'_>, DataFusionError> {
    let elements = column::<UInt64Array>(batch, "element")?.values();
    let aggregators = column::<UInt32Array>(batch, "aggregator")?.values();
    Ok(elements.iter().map(|&element| Element(element)).zip(aggregators.iter().copied()))
}

fn text(view: &View, key_idx: Option<usize>, rank: u32) -> Option<&str> {
    key_idx.map(|key_idx| view.table().dictionary(key_idx).text(rank))
}

fn text_of(view: &View, key_idx: Option<usize>, rank: u32) -> Value {
    text(view, key_idx, rank).into()
}

fn field_names(fields: &[FieldPath]) -> Value {
    fields.iter().map(|field| Value::from(field.as_str())).collect()
}
