//! Judges one aggregator: from its texts to the observations of its outliers.

use super::ModelError;
use super::corpus::{Corpus, Text};
use super::judge::{self, Flagged};
use super::means::{Arithmetic, Geometric, Mean};
use super::neural::training::{Effort, Training};
use super::pairs::PairTable;
use super::score_table::score_table;
use super::scores::Outputs;
use super::{counted, neural, word_focus};
use crate::config::{TriggerFocus, Word2vec};

/// Results for one aggregator.
#[derive(Debug, Default)]
pub struct JudgedTexts {
    /// Outliers, in the order of the texts.
    pub flagged: Vec<Flagged>,
    /// Table of scores for each outlier, if requested.
    pub score_tables: Vec<String>,
    /// Number of texts that were not split because matching took too many steps.
    pub n_given_up: u64,
    /// Effort spent on training.
    pub effort: Effort,
}

/// Learns which words occur near each other in the distinct `texts` of an aggregator, and judges
/// the texts by it.
///
/// # Errors
/// If the neural form cannot be trained.
pub fn judge_texts(
    word2vec: &Word2vec,
    texts: &[Text<'_>],
    training: &Training<'_>,
) -> Result<JudgedTexts, ModelError> {
    let (corpus, learned) = learn(word2vec, texts, training)?;
    let mut judged = JudgedTexts { n_given_up: corpus.n_given_up(), ..JudgedTexts::default() };
    let Some((outputs, effort)) = learned else { return Ok(judged) };
    judged.effort = effort;
    let by_mean = if word2vec.output_prob { flag::<Geometric> } else { flag::<Arithmetic> };
    (judged.flagged, judged.score_tables) = by_mean(word2vec, &corpus, &outputs, texts);
    Ok(judged)
}

/// Splits texts into words, and learns from them; nothing if no word has a neighbour.
pub(super) fn learn<'t>(
    word2vec: &Word2vec,
    texts: &[Text<'t>],
    training: &Training<'_>,
) -> Result<(Corpus<'t>, Option<(Outputs, Effort)>), ModelError> {
    let corpus = Corpus::new(word2vec, texts);
    let table = PairTable::new(&corpus, word2vec.size_window);
    if table.pairs().is_empty() {
        return Ok((corpus, None));
    }
    let (values, effort) = if word2vec.use_prob_model {
        (counted::outputs(word2vec, &table), Effort::default())
    } else {
        neural::outputs(word2vec, corpus.vocabulary(), &table, training)?
    };
    Ok((corpus, Some((Outputs::new(table, values), effort))))
}

/// Flags outliers by scores that are means of the outputs; also returns their score tables.
fn flag<M: Mean>(
    word2vec: &Word2vec,
    corpus: &Corpus<'_>,
    outputs: &Outputs,
    texts: &[Text<'_>],
) -> (Vec<Flagged>, Vec<String>) {
    let flagged = match word2vec.trigger_focus {
        TriggerFocus::Text => judge::judge::<M>(word2vec, corpus, outputs),
        TriggerFocus::Word => word_focus::judge::<M>(word2vec, corpus, outputs),
    };
    let shown = if word2vec.print_score_table { &flagged[..] } else { &[] };
    let tables = shown.iter().map(|text| score_table::<M>(word2vec, corpus, outputs, &texts[text.text_idx], text));
    let tables = tables.collect();
    (flagged, tables)
}
