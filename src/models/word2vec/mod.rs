//! Texts whose words do not belong together.
//!
//! Per aggregator, a model learns how probable a word is near another one, and texts or words are judged by the scores that it gives:
//!
//! 1. A plan counts the distinct texts of each aggregator; they come sorted, so that one aggregator is held at a time per thread.
//! 2. [`bucket`] judges an aggregator: [`corpus`] splits the texts (`words`) and numbers the words, [`pairs`] counts what stands near what,
//!    `counted` or `neural` says how probable that is, `scores` and `means` make scores of it, and [`judge`] (`word_focus` for words) compares them with
//!    their frontier.
//! 3. The rows of the texts that were flagged are the candidates.
//!
//! Nothing depends on the order of the rows: texts come by rank, words are numbered by count and text, pairs are sorted.

pub mod bucket;
pub mod corpus;
mod counted;
pub mod judge;
mod means;
pub mod neural;
pub mod pairs;
mod scores;
#[cfg(test)]
mod tests;
mod word_focus;
mod words;

use std::collections::hash_map::Entry;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, UInt32Type, UInt64Type};
use datafusion::common::JoinType;
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{col, lit};
use futures::stream::{FuturesUnordered, StreamExt, TryStreamExt};
use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};

use super::{Candidate, Evaluation, Finding, Settings, column, places, rows, rows_of, table};
use crate::compute::on_rayon;
use crate::config::Word2vec;
use crate::event::View;
use bucket::{Judged, judge_texts};
use corpus::Text;
use judge::{Seen, Verdict};
use neural::TrainingDevice;

/// Why a model could not be trained or used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The GPU that was asked for cannot be used.
    #[error("--device cuda:{ordinal}: {reason}, or use --device cpu")]
    Device {
        /// Its number.
        ordinal: usize,
        /// What is wrong, and what helps.
        reason: String,
    },
    /// The loss grew beyond all numbers.
    #[error("training does not converge with learning_rate={learning_rate}: write a smaller one, such as 0.001")]
    Diverged {
        /// The learning rate.
        learning_rate: f64,
    },
    /// The device failed.
    #[error("training on this device failed: {0}: try --device cpu or a smaller embedding_size")]
    Candle(#[from] candle_core::Error),
}

pub(super) async fn evaluate(
    word2vec: &Word2vec,
    view: &View,
    settings: Settings<'_>,
) -> Result<Evaluation, DataFusionError> {
    let mut judged = judge_aggregators(word2vec, view, settings).await?;
    judged.sort_unstable_by_key(|(aggregator, _)| *aggregator);
    let mut evaluation = Evaluation::default();
    let mut flagged = FlaggedTexts::default();
    for (aggregator, (targets, judged)) in judged {
        evaluation.regexps_given_up += judged.n_given_up;
        for text in judged.flagged {
            flagged.push(aggregator, targets[text.text_idx], evaluation.texts.len() as u32);
            evaluation.texts.push(text.seen);
        }
    }
    add_candidates(word2vec, view, flagged, &mut evaluation, settings).await?;
    Ok(evaluation)
}

pub(super) fn observations(word2vec: &Word2vec, evaluation: &Evaluation, candidate: &Candidate) -> Map<String, Value> {
    let mut seen = Map::new();
    let Finding::Text(idx) = candidate.finding else { return seen };
    match evaluation.texts.get(idx as usize) {
        Some(Seen::Text(verdict)) => seen.extend(numbers(verdict)),
        Some(Seen::Words(words)) => {
            let texts: Vec<&str> = words.iter().map(|word| &*word.word).collect();
            seen.insert("outlier_words".to_owned(), json!(texts));
            seen.insert("words".to_owned(), words.iter().map(word_object).collect());
        }
        None => {}
    }
    seen.insert("size_window".to_owned(), word2vec.size_window.into());
    seen.insert("score_type".to_owned(), word2vec.trigger_score.as_str().into());
    seen
}

/// Words stand as values and never as names of fields: an index has a limited number of those, and not every text can be one.
fn word_object(seen: &judge::SeenWord) -> Value {
    let mut object = Map::from_iter([("word".to_owned(), Value::from(&*seen.word))]);
    object.extend(numbers(&seen.verdict));
    object.extend(seen.expected.as_deref().map(|word| ("expected_word".to_owned(), Value::from(word))));
    let window: Vec<&str> = seen.expected_window.iter().map(|word| &**word).collect();
    object.insert("expected_window_words".to_owned(), json!(window));
    Value::Object(object)
}

fn numbers(verdict: &Verdict) -> [(String, Value); 3] {
    let Verdict { score, frontier } = *verdict;
    [("score", score), ("decision_frontier", frontier), ("confidence", (frontier - score).abs())]
        .map(|(name, number)| (name.to_owned(), number.into()))
}

/// Targets of an aggregator, and what was found in their texts.
type OfAggregator = (Vec<u32>, Judged);

/// All aggregators with enough texts, as many at once as the settings allow.
async fn judge_aggregators(
    word2vec: &Word2vec,
    view: &View,
    settings: Settings<'_>,
) -> Result<Vec<(u32, OfAggregator)>, DataFusionError> {
    let mut texts = rows(view, &settings)?
        .aggregate(vec![col("aggregator"), col("target")], vec![count(lit(1)).alias("n")])?
        .sort(vec![col("aggregator").sort(true, false), col("target").sort(true, false)])?
        .execute_stream()
        .await?;
    let word2vec = Arc::new(word2vec.clone());
    let mut judged = Vec::new();
    let mut under_way = FuturesUnordered::new();
    let mut next = Aggregator::default();
    loop {
        let batch = texts.try_next().await?;
        let is_last = batch.is_none();
        for aggregator in next.cut(batch)? {
            let is_judged =
                !aggregator.targets.is_empty() && aggregator.n_texts(&word2vec) >= word2vec.min_target_buckets;
            if !is_judged {
                continue;
            }
            if under_way.len() >= settings.n_partitions
                && let Some(done) = under_way.next().await
            {
                judged.push(done?);
            }
            let (word2vec, view, device) = (Arc::clone(&word2vec), view.clone(), settings.device.clone());
            under_way.push(on_rayon(move || aggregator.judge(&word2vec, &view, &device)));
        }
        if is_last {
            break;
        }
    }
    while let Some(done) = under_way.next().await {
        judged.push(done?);
    }
    Ok(judged)
}

/// The distinct texts of an aggregator.
#[derive(Default)]
struct Aggregator {
    rank: u32,
    targets: Vec<u32>,
    counts: Vec<u64>,
}

impl Aggregator {
    /// Adds the rows of `batch`, which go on where the last one ended, and gives back what is complete; without a batch, everything.
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

    /// How many rows have text `idx`, as far as equal ones count.
    fn n(&self, word2vec: &Word2vec, idx: usize) -> u64 {
        if word2vec.drop_duplicates { 1 } else { self.counts[idx] }
    }

    fn n_texts(&self, word2vec: &Word2vec) -> u64 {
        (0..self.counts.len()).map(|idx| self.n(word2vec, idx)).sum()
    }

    fn judge(
        self,
        word2vec: &Word2vec,
        view: &View,
        device: &TrainingDevice,
    ) -> Result<(u32, OfAggregator), DataFusionError> {
        let key_idx =
            view.columns().target.ok_or_else(|| DataFusionError::Internal("a view without a target".to_owned()))?;
        let dictionary = view.table().dictionary(key_idx);
        let texts: Vec<Text<'_>> = self
            .targets
            .iter()
            .enumerate()
            .map(|(idx, &target)| Text { text: dictionary.text(target), n: self.n(word2vec, idx) })
            .collect();
        let judged =
            judge_texts(word2vec, &texts, device).map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok((self.rank, (self.targets, judged)))
    }
}

/// Aggregator and target of every flagged text, and its place among what was seen.
#[derive(Default)]
struct FlaggedTexts {
    aggregators: Vec<u32>,
    targets: Vec<u32>,
    seen: Vec<u32>,
}

impl FlaggedTexts {
    fn push(&mut self, aggregator: u32, target: u32, seen: u32) {
        self.aggregators.push(aggregator);
        self.targets.push(target);
        self.seen.push(seen);
    }

    fn into_batch(self) -> Result<RecordBatch, DataFusionError> {
        let schema = Arc::new(Schema::new(vec![
            Field::new("flagged_aggregator", DataType::UInt32, false),
            Field::new("flagged_target", DataType::UInt32, false),
            Field::new("seen", DataType::UInt32, false),
        ]));
        let columns: Vec<arrow::array::ArrayRef> = vec![
            Arc::new(UInt32Array::from(self.aggregators)),
            Arc::new(UInt32Array::from(self.targets)),
            Arc::new(UInt32Array::from(self.seen)),
        ];
        Ok(RecordBatch::try_new(schema, columns)?)
    }
}

/// The rows of the flagged texts; where duplicates are dropped, one row for each.
async fn add_candidates(
    word2vec: &Word2vec,
    view: &View,
    flagged: FlaggedTexts,
    evaluation: &mut Evaluation,
    settings: Settings<'_>,
) -> Result<(), DataFusionError> {
    if flagged.targets.is_empty() {
        return Ok(());
    }
    let aggregators = flagged.aggregators.iter().copied().collect();
    let found = rows_of(view, aggregators, &settings)?
        .join(
            table(flagged.into_batch()?, &settings)?,
            JoinType::Inner,
            &["aggregator", "target"],
            &["flagged_aggregator", "flagged_target"],
            None,
        )?
        .collect()
        .await?;
    let mut first: FxHashMap<u32, (u64, Candidate)> = FxHashMap::default();
    for batch in &found {
        let targets = column::<UInt32Type>(batch, "target")?;
        let seen = column::<UInt32Type>(batch, "seen")?;
        let ties = if word2vec.drop_duplicates { Some(column::<UInt64Type>(batch, "tie")?) } else { None };
        for (row, (element, aggregator)) in places(batch)?.enumerate() {
            let finding = Finding::Text(seen.value(row));
            let candidate = Candidate { element, aggregator, target: targets.value(row), finding };
            let Some(ties) = ties else {
                evaluation.candidates.push(candidate);
                continue;
            };
            let tie = ties.value(row);
            match first.entry(seen.value(row)) {
                Entry::Vacant(entry) => drop(entry.insert((tie, candidate))),
                Entry::Occupied(mut entry) => {
                    let (known_tie, known) = *entry.get();
                    if (tie, element) < (known_tie, known.element) {
                        entry.insert((tie, candidate));
                    }
                }
            }
        }
    }
    evaluation.candidates.extend(first.into_values().map(|(_, candidate)| candidate));
    Ok(())
}
