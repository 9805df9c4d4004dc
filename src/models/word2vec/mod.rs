//! Flags texts whose words do not belong together.
//!
//! For each aggregator, a model learns how probable a word is near another one. Texts or words are
//! then judged by their scores:
//!
//! 1. A plan counts the distinct texts of each aggregator. They arrive sorted, so that each thread
//!    holds one aggregator at a time (`aggregators`).
//! 2. [`bucket`] judges an aggregator: [`corpus`] splits the texts (`words`) and numbers the words,
//!    [`pairs`] counts which words occur near each other, `counted` or [`neural`] turns that into
//!    probabilities, `scores` and `means` turn those into scores, and [`judge`] (`word_focus` for
//!    words) compares the scores with their frontier.
//! 3. The rows of the flagged texts are the candidates; [`confusion`] compares them with labels.
//!
//! Nothing depends on the order of the rows: texts are ordered by rank, words are numbered by count
//! and text, and pairs are sorted.

mod aggregators;
pub mod bucket;
pub mod confusion;
pub mod corpus;
mod counted;
mod evidence;
pub mod judge;
mod means;
pub mod neural;
mod one_per_text;
pub mod pairs;
mod score_table;
mod scores;
#[cfg(test)]
mod tests;
mod word_focus;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::error::DataFusionError;
use serde_json::{Map, Value, json};
use tracing::info;

use super::flagged::{Flagged, candidates};
use super::reason::{number, shown, text as stored_text};
use super::{
    Asked, Candidate, Candidates, Columns, Evaluating, Evaluation, Explaining, Inputs, Key, Method, Statistics,
    WholeEvent,
};
use crate::config::Word2vec;
use crate::event::{FieldPath, PerOutlier, StoredKey, StoredKind};
use crate::table::View;
use crate::terminal::escape_controls;
use aggregators::{JudgedAggregator, judge_aggregators};
use confusion::Confusion;
use judge::{Seen, TextVerdict};
use neural::training::Effort;
use one_per_text::one_per_text;

pub(super) const STORED: &[StoredKey] = &[
    StoredKey::new("score", StoredKind::Number, PerOutlier::UpToOne),
    StoredKey::new("decision_frontier", StoredKind::Number, PerOutlier::UpToOne),
    StoredKey::new("confidence", StoredKind::Number, PerOutlier::UpToOne),
    StoredKey::new("outlier_words", StoredKind::Text, PerOutlier::Any),
    StoredKey::new("words", StoredKind::Objects(WORD), PerOutlier::Any),
    StoredKey::new("size_window", StoredKind::Text, PerOutlier::UpToOne),
    StoredKey::new("score_type", StoredKind::Text, PerOutlier::UpToOne),
];

/// Members of the objects in `words`.
const WORD: &[StoredKey] = &[
    StoredKey::new("word", StoredKind::Text, PerOutlier::Any),
    StoredKey::new("expected_word", StoredKind::Text, PerOutlier::Any),
    StoredKey::new("expected_window_words", StoredKind::Text, PerOutlier::Any),
    StoredKey::new("score", StoredKind::Number, PerOutlier::Any),
    StoredKey::new("decision_frontier", StoredKind::Number, PerOutlier::Any),
    StoredKey::new("confidence", StoredKind::Number, PerOutlier::Any),
];

/// Reason why a model could not be trained or used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The requested GPU cannot be used.
    #[error("--device cuda:{ordinal}: {reason}, or use --device cpu")]
    Device {
        /// Number of the GPU.
        ordinal: usize,
        /// The problem, and what to do about it.
        reason: String,
    },
    /// The loss is no longer finite.
    #[error("training does not converge with learning_rate={learning_rate}: write a smaller one, such as 0.001")]
    Diverged {
        /// Learning rate of the use case.
        learning_rate: f64,
    },
    /// A model does not fit in the memory limit.
    #[error(
        "the model of an aggregator needs {bytes} bytes: write a smaller embedding_size or batch_size, or raise --memory-limit"
    )]
    TooLarge {
        /// Memory the model needs, in bytes.
        bytes: usize,
    },
    /// The device failed.
    #[error("training on this device failed: {0}: try --device cpu or a smaller embedding_size")]
    Candle(#[from] candle_core::Error),
}

impl Method for Word2vec {
    fn columns(&self) -> Columns<'_> {
        Columns {
            aggregator: Some(Key::each(&self.aggregator)),
            target: Some(Key { joiner: self.separators.joiner(), ..Key::each(&self.target) }),
            // of several events with the same text, one stands for all
            tie: self.drop_duplicates,
            label: self.print_confusion_matrix.then(|| FieldPath::new(confusion::LABEL)),
            ..Columns::default()
        }
    }

    fn evaluate<'a>(&'a self, view: &'a View, inputs: Inputs<'a>) -> Evaluating<'a> {
        Box::pin(evaluate(self, view, inputs))
    }

    fn reason(&self, stored: &Map<String, Value>) -> Option<String> {
        reason(stored)
    }

    fn evidence<'a>(&'a self, view: &'a View, asked: &'a Asked, inputs: Inputs<'a>) -> Explaining<'a> {
        Box::pin(evidence::evidence(self, view, asked, inputs))
    }
}

async fn evaluate<'a>(
    word2vec: &'a Word2vec,
    view: &'a View,
    inputs: Inputs<'a>,
) -> Result<Evaluation<'a>, DataFusionError> {
    let judged = judge_aggregators(word2vec, view, inputs).await?;
    let mut flagged = Flagged::default();
    let mut texts = Vec::new();
    let mut effort = Effort::default();
    let mut regexps_given_up = 0;
    let mut shown_aggregators: BTreeMap<u32, String> = BTreeMap::new();
    for JudgedAggregator { rank, text, targets, judged } in judged {
        regexps_given_up += judged.n_given_up;
        effort += judged.effort;
        let aggregator = &*shown_aggregators.entry(rank).or_insert(escape_controls(&text));
        for table in judged.score_tables {
            info!(use_case = inputs.use_case, aggregator, "scores of an outlier\n{table}");
        }
        for (text, target) in judged.flagged.into_iter().zip(targets) {
            flagged.push(rank, target, texts.len() as u64);
            texts.push((text.seen, text.surprise));
        }
    }
    let mut members = Map::new();
    if effort != Effort::default() {
        members.insert("training".to_owned(), json!(effort));
    }
    if word2vec.print_confusion_matrix {
        let by_aggregator = confusion::compare(word2vec, view, &flagged.to_set(), inputs).await?;
        let mut total = Confusion::default();
        for (rank, aggregator) in &shown_aggregators {
            let confusion = by_aggregator.get(rank).copied().unwrap_or_default();
            tell(aggregator, &confusion, inputs);
            total += confusion;
        }
        members.insert("confusion_matrix".to_owned(), json!(total));
    }
    let candidates = candidates_in(word2vec, view, flagged, inputs).await?;
    let texts = Arc::new(texts);
    let surprises = Arc::clone(&texts);
    let observe = move |candidate: &Candidate, _: &WholeEvent<'_>| {
        texts.get(candidate.evidence as usize).map(|(text, _)| observations(word2vec, text)).unwrap_or_default()
    };
    let surprise =
        move |candidate: &Candidate| surprises.get(candidate.evidence as usize).map_or(0.0, |(_, surprise)| *surprise);
    let statistics = Statistics { members, regexps_given_up };
    Ok(Evaluation { statistics, ..Evaluation::new(candidates, observe).with_surprise(surprise) })
}

/// Clause that says why a text is an outlier.
fn reason(stored: &Map<String, Value>) -> Option<String> {
    let Some(words) = stored.get("words").and_then(Value::as_array) else {
        let number = |key: &str| number(stored, key).map(shown);
        return Some(format!("score {}; the limit was {}", number("score")?, number("decision_frontier")?));
    };
    let first = words.first()?.as_object()?;
    let expected = stored_text(first, "expected_word").map_or_else(String::new, |word| format!("; `{word}` would"));
    let more = match words.len() - 1 {
        0 => String::new(),
        n => format!(", nor do {n} more"),
    };
    Some(format!("`{}` does not fit among its neighbours{more}{expected}", stored_text(first, "word")?))
}

fn observations(word2vec: &Word2vec, text: &Seen) -> Map<String, Value> {
    let mut seen = Map::new();
    match text {
        Seen::Text(verdict) => seen.extend(numbers(verdict)),
        Seen::Words(words) => {
            let texts: Vec<&str> = words.iter().map(|word| &*word.word).collect();
            seen.insert("outlier_words".to_owned(), json!(texts));
            seen.insert("words".to_owned(), words.iter().map(word_object).collect());
        }
    }
    seen.insert("size_window".to_owned(), word2vec.size_window.into());
    seen.insert("score_type".to_owned(), word2vec.trigger_score.as_str().into());
    seen
}

/// Rows of the flagged texts; one row per text if duplicates are dropped.
async fn candidates_in(
    word2vec: &Word2vec,
    view: &View,
    flagged: Flagged,
    inputs: Inputs<'_>,
) -> Result<Candidates, DataFusionError> {
    if flagged.is_empty() {
        return Ok(Candidates::new(&inputs));
    }
    let mut rows = flagged.rows(view, &inputs)?;
    if word2vec.drop_duplicates {
        rows = one_per_text(rows, &["element", "number"])?;
    }
    candidates(rows, &inputs).await
}

fn tell(aggregator: &str, confusion: &Confusion, inputs: Inputs<'_>) {
    let shown = |share: Option<f64>| share.map_or_else(|| "none".to_owned(), |share| format!("{share:.4}"));
    let Confusion { true_positives, false_positives, false_negatives, true_negatives, unlabelled } = *confusion;
    info!(
        use_case = inputs.use_case,
        aggregator,
        true_positives,
        false_positives,
        false_negatives,
        true_negatives,
        unlabelled,
        precision = shown(confusion.precision()),
        recall = shown(confusion.recall()),
        f_score = shown(confusion.f_score()),
        "outliers compared with labels"
    );
}

/// Words are stored as values, never as field names: an index limits the number of field names, and
/// not every text is a valid one.
fn word_object(seen: &judge::SeenWord) -> Value {
    let mut object = Map::from_iter([("word".to_owned(), Value::from(&*seen.word))]);
    object.extend(numbers(&seen.verdict));
    object.extend(seen.expected.as_deref().map(|word| ("expected_word".to_owned(), Value::from(word))));
    let window: Vec<&str> = seen.expected_window.iter().map(|word| &**word).collect();
    object.insert("expected_window_words".to_owned(), json!(window));
    Value::Object(object)
}

fn numbers(verdict: &TextVerdict) -> [(String, Value); 3] {
    let TextVerdict { score, frontier } = *verdict;
    [("score", score), ("decision_frontier", frontier), ("confidence", (frontier - score).abs())]
        .map(|(name, number)| (name.to_owned(), number.into()))
}
