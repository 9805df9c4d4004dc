//! Collects the texts of a view by aggregator and judges them.

use std::future::ready;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringViewArray, UInt32Array};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{col, lit};
use futures::stream::{self, StreamExt, TryStreamExt};

use super::ModelError;
use super::bucket::{JudgedTexts, judge_texts};
use super::corpus::Text;
use super::neural::TrainingDevice;
use super::neural::training::{SavedModel, Training};
use crate::config::Word2vec;
use crate::event::FieldPath;
use crate::models::{Inputs, column, rows, stream_with_texts};
use crate::runtime::on_rayon;
use crate::table::View;

/// Results for one aggregator.
pub(super) struct JudgedAggregator {
    /// Rank of the aggregator's text.
    pub(super) rank: u32,
    /// The aggregator's text.
    pub(super) text: String,
    /// Results for its texts.
    pub(super) judged: JudgedTexts,
    /// Ranks of the flagged texts.
    pub(super) targets: Vec<u32>,
}

/// Judges all aggregators with enough texts; the result is sorted by rank.
pub(super) async fn judge_aggregators(
    word2vec: &Word2vec,
    view: &View,
    inputs: Inputs<'_>,
) -> Result<Vec<JudgedAggregator>, DataFusionError> {
    let mut judged = each_aggregator(word2vec, view, inputs, |learner, aggregator| {
        let Aggregator { rank, text, targets, .. } = aggregator;
        let judged = judge_texts(&learner.word2vec, &aggregator.distinct(), &learner.training(text))?;
        let targets = judged.flagged.iter().map(|flagged| targets[flagged.text_idx]).collect();
        Ok(JudgedAggregator { rank: *rank, text: text.clone(), judged, targets })
    })
    .await?;
    judged.sort_unstable_by_key(|aggregator| aggregator.rank);
    Ok(judged)
}

/// Calls `work` with each aggregator that has enough texts, at most `n_partitions` at any time.
/// Results are in no order.
pub(super) async fn each_aggregator<R: Send + 'static>(
    word2vec: &Word2vec,
    view: &View,
    inputs: Inputs<'_>,
    work: impl Fn(&Learner, &Aggregator) -> Result<R, ModelError> + Send + Sync + 'static,
) -> Result<Vec<R>, DataFusionError> {
    let n = if word2vec.drop_duplicates { lit(1_i64) } else { col("n") };
    let counted = rows(view, &inputs)?
        .aggregate(vec![col("aggregator"), col("target")], vec![count(lit(1)).alias("n")])?
        .with_column("n", n)?
        .sort(vec![col("aggregator").sort(true, false), col("target").sort(true, false)])?;
    let keys = [("aggregator", view.columns().aggregator), ("target", view.columns().target)];
    let batches = stream_with_texts(counted, view, keys).await?;
    let device = inputs.context.copied_config().get_extension::<TrainingDevice>();
    let learner = Learner {
        word2vec: word2vec.clone(),
        device: device.ok_or_else(|| DataFusionError::Internal("a session without a training device".to_owned()))?,
        memory_limit: inputs.memory_limit,
        use_case: inputs.use_case.to_owned(),
    };
    let shared = Arc::new((learner, work));
    let mut next = Aggregator::default();
    batches
        .map_ok(Some)
        .chain(stream::iter([Ok(None)]))
        .and_then(|batch| ready(next.cut(batch)))
        .map_ok(|complete| stream::iter(complete).map(Ok))
        .try_flatten()
        .try_filter(|aggregator| ready(aggregator.has_enough_texts(word2vec)))
        .map_ok(|aggregator| {
            let shared = Arc::clone(&shared);
            on_rayon(move || {
                let (learner, work) = &*shared;
                work(learner, &aggregator).map_err(|error| DataFusionError::External(Box::new(error)))
            })
        })
        .try_buffer_unordered(inputs.n_partitions)
        .try_collect()
        .await
}

/// Distinct texts of an aggregator.
#[derive(Default)]
pub(super) struct Aggregator {
    pub(super) rank: u32,
    pub(super) text: String,
    /// Ranks of the texts.
    pub(super) targets: Vec<u32>,
    texts: Vec<StringViewArray>,
    counts: Vec<u64>,
}

impl Aggregator {
    /// Adds the rows of `batch`, which continue the previous batch, and returns the aggregators
    /// that are complete. Without a batch, returns the last one.
    fn cut(&mut self, batch: Option<RecordBatch>) -> Result<Vec<Aggregator>, DataFusionError> {
        let Some(batch) = batch else { return Ok(vec![std::mem::take(self)]) };
        let mut complete = Vec::new();
        let aggregator_texts = column::<StringViewArray>(&batch, "aggregator_text")?;
        let targets = column::<UInt32Array>(&batch, "target")?.values();
        let texts = column::<StringViewArray>(&batch, "target_text")?;
        let counts = column::<Int64Array>(&batch, "n")?.values();
        let mut start = 0;
        for run in column::<UInt32Array>(&batch, "aggregator")?.values().chunk_by(|a, b| a == b) {
            let (rank, range) = (run[0], start..start + run.len());
            if rank != self.rank || self.targets.is_empty() {
                let text = aggregator_texts.value(start).to_owned();
                complete.push(std::mem::replace(self, Aggregator { rank, text, ..Aggregator::default() }));
            }
            self.targets.extend(&targets[range.clone()]);
            self.texts.push(texts.slice(start, run.len()));
            self.counts.extend(counts[range.clone()].iter().map(|&n| n as u64));
            start = range.end;
        }
        Ok(complete)
    }

    /// The texts, each once.
    pub(super) fn distinct(&self) -> Vec<Text<'_>> {
        let texts = self.texts.iter().flatten().flatten().zip(&self.counts);
        texts.map(|(text, &n)| Text { text, n }).collect()
    }

    fn has_enough_texts(&self, word2vec: &Word2vec) -> bool {
        let n_texts = self.counts.iter().sum::<u64>();
        n_texts > 0 && n_texts >= word2vec.min_target_buckets
    }
}

/// Inputs for learning from an aggregator, usable on any thread.
pub(super) struct Learner {
    pub(super) word2vec: Word2vec,
    device: Arc<TrainingDevice>,
    memory_limit: usize,
    use_case: String,
}

impl Learner {
    /// Training for the aggregator with this text.
    pub(super) fn training(&self, aggregator: &str) -> Training<'_> {
        Training { device: &self.device, memory_limit: self.memory_limit, saved: self.saved_model(aggregator) }
    }

    /// Saved model of the aggregator with this text.
    fn saved_model(&self, aggregator: &str) -> Option<SavedModel> {
        let word2vec = &self.word2vec;
        let folder = word2vec.model_cache_dir.as_deref()?;
        let names = |fields: &[FieldPath]| fields.iter().map(|field| field.as_str().to_owned()).collect::<Vec<_>>();
        let identity = serde_json::json!({
            "use_case": self.use_case,
            "aggregator": names(&word2vec.aggregator),
            "aggregator_value": aggregator,
            "target": names(&word2vec.target),
            "separators": word2vec.separators.pattern(),
            "size_window": word2vec.size_window,
            "min_uniq_word_occurrence": word2vec.min_uniq_word_occurrence,
            "drop_duplicates": word2vec.drop_duplicates,
            "embedding_size": word2vec.embedding_size,
        });
        Some(SavedModel::of(folder, identity.to_string()))
    }
}
