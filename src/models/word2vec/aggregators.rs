//! Collects the texts of a view by aggregator and judges them.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Int64Type, UInt32Type};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{col, lit};
use futures::stream::{FuturesUnordered, StreamExt, TryStreamExt};

use super::bucket::{JudgedTexts, judge_texts};
use super::corpus::Text;
use super::neural::TrainingDevice;
use super::training::{SavedModel, Training};
use crate::config::{FieldPath, Word2vec};
use crate::models::{Inputs, column, rows, text_of};
use crate::runtime::on_rayon;
use crate::table::View;

/// Results for one aggregator.
pub(super) struct JudgedAggregator {
    /// Rank of the aggregator's text.
    pub(super) rank: u32,
    /// Results for its texts.
    pub(super) judged: JudgedTexts,
    /// Ranks of the flagged texts.
    pub(super) targets: Vec<u32>,
}

/// Judges all aggregators with enough texts; the result is sorted by rank. At most `n_partitions`
/// aggregators are being judged at any time.
pub(super) async fn judge_aggregators(
    word2vec: &Word2vec,
    view: &View,
    inputs: Inputs<'_>,
) -> Result<Vec<JudgedAggregator>, DataFusionError> {
    let mut texts = rows(view, &inputs)?
        .aggregate(vec![col("aggregator"), col("target")], vec![count(lit(1)).alias("n")])?
        .sort(vec![col("aggregator").sort(true, false), col("target").sort(true, false)])?
        .execute_stream()
        .await?;
    let judge = Arc::new(Judge {
        word2vec: word2vec.clone(),
        view: view.clone(),
        device: inputs.device.clone(),
        memory_limit: inputs.memory_limit,
        use_case: inputs.use_case.to_owned(),
    });
    let mut judged = Vec::new();
    let mut under_way = FuturesUnordered::new();
    let mut next = Aggregator::default();
    loop {
        let batch = texts.try_next().await?;
        let is_last = batch.is_none();
        for aggregator in next.cut(batch)? {
            let n_texts = aggregator.n_texts(word2vec);
            if n_texts == 0 || n_texts < word2vec.min_target_buckets {
                continue;
            }
            if under_way.len() >= inputs.n_partitions
                && let Some(done) = under_way.next().await
            {
                judged.push(done?);
            }
            let judge = Arc::clone(&judge);
            under_way.push(on_rayon(move || judge.run(aggregator)));
        }
        if is_last {
            break;
        }
    }
    while let Some(done) = under_way.next().await {
        judged.push(done?);
    }
    judged.sort_unstable_by_key(|aggregator: &JudgedAggregator| aggregator.rank);
    Ok(judged)
}

/// Distinct texts of an aggregator.
#[derive(Default)]
struct Aggregator {
    rank: u32,
    targets: Vec<u32>,
    counts: Vec<u64>,
}

impl Aggregator {
    /// Adds the rows of `batch`, which continue the previous batch, and returns the aggregators
    /// that are complete. Without a batch, returns the last one.
    fn cut(&mut self, batch: Option<RecordBatch>) -> Result<Vec<Aggregator>, DataFusionError> {
        let Some(batch) = batch else { return Ok(vec![std::mem::take(self)]) };
        let mut complete = Vec::new();
        let targets = column::<UInt32Type>(&batch, "target")?.values();
        let counts = column::<Int64Type>(&batch, "n")?.values();
        for (row, &rank) in column::<UInt32Type>(&batch, "aggregator")?.values().iter().enumerate() {
            if rank != self.rank {
                complete.push(std::mem::replace(self, Aggregator { rank, ..Aggregator::default() }));
            }
            self.targets.push(targets[row]);
            self.counts.push(counts[row] as u64);
        }
        Ok(complete)
    }

    /// Number of rows with text `idx`; 1 if duplicates are dropped.
    fn n(&self, word2vec: &Word2vec, idx: usize) -> u64 {
        if word2vec.drop_duplicates { 1 } else { self.counts[idx] }
    }

    fn n_texts(&self, word2vec: &Word2vec) -> u64 {
        (0..self.counts.len()).map(|idx| self.n(word2vec, idx)).sum()
    }
}

/// Inputs for judging an aggregator, usable on any thread.
struct Judge {
    word2vec: Word2vec,
    view: View,
    device: TrainingDevice,
    memory_limit: usize,
    use_case: String,
}

impl Judge {
    fn run(&self, aggregator: Aggregator) -> Result<JudgedAggregator, DataFusionError> {
        let key_idx = self.view.columns().target;
        let key_idx = key_idx.ok_or_else(|| DataFusionError::Internal("a view without a target".to_owned()))?;
        let dictionary = self.view.table().dictionary(key_idx);
        let text = |(idx, &target): (usize, &u32)| Text {
            text: dictionary.text(target),
            n: aggregator.n(&self.word2vec, idx),
        };
        let texts: Vec<Text<'_>> = aggregator.targets.iter().enumerate().map(text).collect();
        let training = Training {
            device: &self.device,
            memory_limit: self.memory_limit,
            saved: self.saved_model(aggregator.rank),
        };
        let judged = judge_texts(&self.word2vec, &texts, &training)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        let targets = judged.flagged.iter().map(|flagged| aggregator.targets[flagged.text_idx]).collect();
        Ok(JudgedAggregator { rank: aggregator.rank, judged, targets })
    }

    fn saved_model(&self, rank: u32) -> Option<SavedModel> {
        let word2vec = &self.word2vec;
        let folder = word2vec.model_cache_dir.as_deref()?;
        let names = |fields: &[FieldPath]| fields.iter().map(|field| field.as_str().to_owned()).collect::<Vec<_>>();
        let identity = serde_json::json!({
            "use_case": self.use_case,
            "aggregator": names(&word2vec.aggregator),
            "aggregator_value": text_of(&self.view, self.view.columns().aggregator, rank),
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
