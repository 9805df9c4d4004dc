//! Turns the outputs for pairs into scores of words and texts.

use outlier_kernels::skipgram::Pair;

use super::means::{Mean, mean_of};
use super::pairs::{PairTable, for_each_pair};
use crate::config::TriggerScore;

/// Output of the model for each pair: the probability of its context, or a raw value.
#[derive(Debug)]
pub(super) struct Outputs {
    table: PairTable,
    values: Vec<f64>,
}

impl Outputs {
    /// Takes one value per pair of `table`, in the same order.
    pub(super) fn new(table: PairTable, values: Vec<f64>) -> Self {
        debug_assert_eq!(table.pairs().len(), values.len());
        Outputs { table, values }
    }

    fn of(&self, centre: u32, context: u32) -> f64 {
        self.values[self.table.place(Pair { centre, context })]
    }
}

/// Scores of one text and of its words. Texts of one word have none.
#[derive(Debug)]
pub(super) struct Scores<M> {
    /// Sums for each position, as centre and as context.
    sums: Vec<[M; 2]>,
    n_pairs: Vec<u64>,
    words: Vec<[f64; 2]>,
    mean: f64,
}

impl<M: Mean> Scores<M> {
    pub(super) fn new() -> Self {
        Scores { sums: Vec::new(), n_pairs: Vec::new(), words: Vec::new(), mean: f64::NAN }
    }

    /// Scores `words`; there must be at least two.
    pub(super) fn fill(&mut self, outputs: &Outputs, words: &[u32], window: usize) {
        self.sums.clear();
        self.sums.resize(words.len(), [M::EMPTY; 2]);
        self.n_pairs.clear();
        self.n_pairs.resize(words.len(), 0);
        let mut all = M::EMPTY;
        for_each_pair(words.len(), window, |centre, context| {
            let output = outputs.of(words[centre], words[context]);
            self.sums[centre][0].push(output);
            self.sums[context][1].push(output);
            self.n_pairs[centre] += 1;
            all.push(output);
        });
        self.mean = all.of(self.n_pairs.iter().sum());
        self.words.clear();
        // a word is a context as often as it is a centre
        self.words.extend(self.sums.iter().zip(&self.n_pairs).map(|(sums, &n)| sums.map(|sum| sum.of(n))));
    }

    /// Score of the word at `position`. Words have no [`TriggerScore::Mean`] of their own; they get
    /// that of the text.
    pub(super) fn word(&self, position: usize, score: TriggerScore) -> f64 {
        let [center, context] = self.words[position];
        match score {
            TriggerScore::Center => center,
            TriggerScore::Context => context,
            TriggerScore::Total => mean_of::<M>([center, context].into_iter()),
            TriggerScore::Mean => self.mean,
        }
    }

    /// Score of the text: the mean over its positions, or over its pairs.
    pub(super) fn text(&self, score: TriggerScore) -> f64 {
        match score {
            TriggerScore::Mean => self.mean,
            _ => mean_of::<M>((0..self.words.len()).map(|position| self.word(position, score))),
        }
    }
}
