//! Explains texts: their scores, the words that fit worst, and what would fit.

use arrow::array::UInt32Array;
use datafusion::error::DataFusionError;
use outlier_kernels::beyond;
use rustc_hash::FxHashMap;

use super::ModelError;
use super::aggregators::{Aggregator, Learner, each_aggregator};
use super::bucket::learn;
use super::corpus::Corpus;
use super::judge::ScoredTexts;
use super::means::{Arithmetic, Geometric, Mean};
use super::scores::Outputs;
use super::word_focus::{PlacedWord, WordFits};
use crate::config::{Trigger, TriggerFocus, Word2vec};
use crate::engine::functions::kernel_side;
use crate::models::evidence::{
    Asked, Change, Counterfactual, Depth, Distribution, Evidence, Settings, WordFit, asked_rows, flipping_setting,
    histogram,
};
use crate::models::{Inputs, column, places, rows, text};
use crate::table::{Population, View};

/// Most words that are listed.
const WORDS: usize = 8;

pub(super) async fn evidence(
    word2vec: &Word2vec,
    view: &View,
    asked: &Asked,
    inputs: Inputs<'_>,
) -> Result<Vec<Evidence>, DataFusionError> {
    let mut wanted: FxHashMap<u32, FxHashMap<u32, Vec<u64>>> = FxHashMap::default();
    let columns = ["element", "aggregator", "target"];
    for batch in &asked_rows(rows(view, &inputs)?, asked, &columns, &inputs).await? {
        let targets = column::<UInt32Array>(batch, "target")?;
        for (row, (element, aggregator)) in places(batch)?.enumerate() {
            wanted.entry(aggregator).or_default().entry(targets.value(row)).or_default().push(element.0);
        }
    }
    let without = view.population().without.clone();
    let groups = view.with_population(Population { without, only: Some(wanted.keys().copied().collect()) });
    let texts: FxHashMap<u32, Vec<u32>> =
        wanted.iter().map(|(&aggregator, targets)| (aggregator, targets.keys().copied().collect())).collect();
    let depth = asked.depth;
    let explain = move |learner: &Learner, aggregator: &Aggregator| explain(learner, aggregator, &texts, depth);
    let mut explained: FxHashMap<(u32, u32), Evidence> =
        each_aggregator(word2vec, &groups, inputs, explain).await?.into_iter().flatten().collect();
    let mut found = Vec::new();
    for (aggregator, targets) in wanted {
        for (target, elements) in targets {
            let explained = explained.remove(&(aggregator, target)).unwrap_or_else(|| unjudged(word2vec));
            found.extend(elements.into_iter().map(|element| {
                let about = asked.about(element);
                let columns = view.columns();
                Evidence {
                    element,
                    flagged: about.flagged,
                    group: text(view, columns.aggregator, aggregator).map(str::to_owned),
                    target: text(view, columns.target, target).map(str::to_owned),
                    ..explained.clone()
                }
            }));
        }
    }
    Ok(found)
}

/// Text of a group that is not judged.
fn unjudged(word2vec: &Word2vec) -> Evidence {
    let least = word2vec.min_target_buckets;
    Evidence {
        measure: "score of the text".to_owned(),
        population: "texts of the group".to_owned(),
        notes: vec![format!("the group is not judged: min_target_buckets asks for {least} texts")],
        ..Evidence::default()
    }
}

/// Explains texts of an aggregator, by aggregator and text.
fn explain(
    learner: &Learner,
    aggregator: &Aggregator,
    wanted: &FxHashMap<u32, Vec<u32>>,
    depth: Depth,
) -> Result<Vec<((u32, u32), Evidence)>, ModelError> {
    let word2vec = &learner.word2vec;
    let (corpus, learned) = learn(word2vec, &aggregator.distinct(), &learner.training(&aggregator.text))?;
    let Some((outputs, _)) = learned else { return Ok(Vec::new()) };
    let texts = if word2vec.output_prob {
        Texts::new::<Geometric>(word2vec, &corpus, &outputs, depth)
    } else {
        Texts::new::<Arithmetic>(word2vec, &corpus, &outputs, depth)
    };
    let targets = wanted.get(&aggregator.rank).map_or(&[][..], Vec::as_slice);
    let of_target = |target: &u32| {
        let text_idx = aggregator.targets.iter().position(|known| known == target)?;
        Some(((aggregator.rank, *target), texts.text(text_idx)))
    };
    Ok(targets.iter().filter_map(of_target).collect())
}

/// Texts of an aggregator, with their scores.
struct Texts<'a> {
    word2vec: &'a Word2vec,
    corpus: &'a Corpus<'a>,
    scores: FxHashMap<usize, f64>,
    distribution: Distribution,
    fits: WordFits,
    depth: Depth,
}

impl<'a> Texts<'a> {
    fn new<M: Mean>(word2vec: &'a Word2vec, corpus: &'a Corpus<'a>, outputs: &Outputs, depth: Depth) -> Self {
        let ScoredTexts { scores, multiset } = ScoredTexts::new::<M>(word2vec, corpus, outputs);
        Texts {
            word2vec,
            corpus,
            scores: scores.into_iter().collect(),
            distribution: Distribution::of(multiset),
            fits: WordFits::new::<M>(word2vec, corpus, outputs),
            depth,
        }
    }

    fn text(&self, text_idx: usize) -> Evidence {
        let Word2vec { trigger, trigger_focus, .. } = self.word2vec;
        let Some(&value) = self.scores.get(&text_idx) else {
            let note = "the text is not judged: a single word has no neighbours".to_owned();
            return Evidence { notes: vec![note], ..unjudged(self.word2vec) };
        };
        let [below, above] = self.distribution.neighbours(value);
        let notes = match trigger_focus {
            TriggerFocus::Text => Vec::new(),
            TriggerFocus::Word => vec!["words are judged, each by its own scores".to_owned()],
        };
        Evidence {
            measure: "score of the text".to_owned(),
            value: Some(value),
            frontier: match trigger_focus {
                TriggerFocus::Text => self.distribution.frontier(trigger),
                TriggerFocus::Word => None,
            },
            side: Some(trigger.on.into()),
            population: "texts of the group".to_owned(),
            n_values: self.distribution.n(),
            rank: Some(self.distribution.rank(value, kernel_side(trigger.on))),
            below,
            above,
            notes,
            plot: histogram(&self.distribution, value),
            words: self.words(text_idx),
            changes: match self.depth {
                Depth::Plots => Vec::new(),
                Depth::Changes => self.changes(text_idx, value),
            },
            ..Evidence::default()
        }
    }

    /// Words of a text, outliers first, then those that fit worst.
    fn words(&self, text_idx: usize) -> Vec<WordFit> {
        let is_judged = self.word2vec.trigger_focus == TriggerFocus::Word;
        let trigger = &self.word2vec.trigger;
        let vocabulary = self.corpus.vocabulary();
        let spelled = |word: u32| vocabulary.text(word).to_owned();
        let fit = |placed: PlacedWord| {
            let PlacedWord { word, score, expected } = placed;
            let frontier = self.fits.frontier(word, trigger).filter(|_| is_judged);
            WordFit {
                word: spelled(word),
                score,
                frontier,
                flagged: frontier.is_some_and(|frontier| beyond(score, frontier, kernel_side(trigger.on))),
                expected: (expected != word).then(|| spelled(expected)),
            }
        };
        let mut words: Vec<WordFit> = self.fits.of_text(self.corpus, text_idx).map(fit).collect();
        words.sort_by(|a, b| b.flagged.cmp(&a.flagged).then(a.score.total_cmp(&b.score)));
        words.truncate(WORDS);
        words
    }

    fn changes(&self, text_idx: usize, value: f64) -> Vec<Counterfactual> {
        let Word2vec { trigger, trigger_focus, .. } = *self.word2vec;
        let side = kernel_side(trigger.on);
        let is_beyond =
            |value: f64, frontier: Option<f64>| frontier.is_some_and(|frontier| beyond(value, frontier, side));
        let at = |sensitivity: f64| {
            let trigger = Trigger { sensitivity, ..trigger };
            match trigger_focus {
                TriggerFocus::Text => is_beyond(value, self.distribution.frontier(&trigger)),
                TriggerFocus::Word => {
                    let mut words = self.fits.of_text(self.corpus, text_idx);
                    words.any(|placed| is_beyond(placed.score, self.fits.frontier(placed.word, &trigger)))
                }
            }
        };
        let flagged = at(trigger.sensitivity);
        let setting = flipping_setting(Settings::of(trigger.method), trigger.sensitivity, flagged, at);
        let change = |value| Change::Key { key: "trigger_sensitivity".to_owned(), value };
        setting.map(change).into_iter().map(|change| Counterfactual { change, flagged: !flagged }).collect()
    }
}
