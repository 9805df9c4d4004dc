//! One aggregator from its texts to what was seen of its outliers.

use super::ModelError;
use super::corpus::{Corpus, Text};
use super::counted;
use super::judge::{Flagged, judge};
use super::neural::{self, TrainingDevice};
use super::pairs::PairTable;
use super::scores::Outputs;
use crate::config::Word2vec;

/// What was found in an aggregator.
#[derive(Debug, Default)]
pub struct Judged {
    /// Its outliers, in the order of the texts.
    pub flagged: Vec<Flagged>,
    /// Texts that were not split because that took too many steps.
    pub n_given_up: u64,
}

/// Learns what words stand near each other in the distinct `texts` of an aggregator, and judges them by it.
///
/// # Errors
/// When the neural form cannot be trained.
pub fn judge_texts(word2vec: &Word2vec, texts: &[Text<'_>], device: &TrainingDevice) -> Result<Judged, ModelError> {
    let corpus = Corpus::new(word2vec, texts);
    let mut judged = Judged { flagged: Vec::new(), n_given_up: corpus.n_given_up() };
    let table = PairTable::new(&corpus, word2vec.size_window);
    if table.pairs().is_empty() {
        return Ok(judged);
    }
    let values = if word2vec.use_prob_model {
        counted::outputs(word2vec, &table)
    } else {
        neural::outputs(word2vec, corpus.vocabulary().len(), &table, device)?
    };
    let outputs = Outputs::new(table, values);
    judged.flagged = judge(word2vec, &corpus, &outputs);
    Ok(judged)
}
