//! Work on a contiguous part of a batch's centres, block by block.

use std::ops::Range;

use super::batch::{Batch, Centre};
use super::lanes::{InstructionSet, LANES, Line, max_of, sum_of};
use super::panels;
use super::products::{Accumulate, ByEmbeddings, ByWeights, Exponentials, GradientUse, Logits};
use crate::skipgram::Shape;

/// Number of centres in a block. Their rows of logits (24 KB each for 6000 words) stay in the L2
/// cache from one product to the next, and each product reads all weights once per block. Block
/// sizes from 24 to 96 were within 10 % of each other on a core with 2 MB of L2 cache.
pub(crate) const BLOCK: usize = 32;

/// Number of panels per pass over the gradient with respect to the embeddings: the weights of a
/// tile stay in the L1 cache.
const PANELS_AT_A_TIME: usize = 64;

/// Read-only view of the packed model.
#[derive(Clone, Copy)]
pub(crate) struct Model<'a> {
    pub(crate) set: InstructionSet,
    pub(crate) shape: Shape,
    /// V x D, in row-major order.
    pub(crate) embeddings: &'a [f32],
    pub(crate) panels: &'a [Line],
}

/// Scratch memory for one part of a batch, and its results.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// One line per panel and centre of the block: logits, then exponentials.
    x: Vec<Line>,
    /// Embeddings of the block, each followed by 1.
    embeddings: Vec<f32>,
    /// The embeddings times `n_c / (B S_c)`, where `S_c` is the sum of the exponentials. Multiplied
    /// by an exponential, this is a gradient.
    scaled: Vec<f32>,
    scratch: Vec<f32>,
    /// One line per centre: largest logits.
    maxima: Vec<Line>,
    /// One line per centre: 16 partial sums of the exponentials.
    exponentials: Vec<Line>,
    /// Logits of the requested contexts.
    picked: Vec<f32>,
    /// Gradient with respect to the embeddings of the block, as 16 partial sums per number.
    sums: Vec<Line>,
    /// Gradient with respect to the embeddings, one row per centre of the slot.
    pub(crate) by_embeddings: Vec<f32>,
    /// Gradient with respect to weights and biases, panel by panel.
    pub(crate) by_weights: Vec<Line>,
    /// Loss summed over the slot's pairs, not divided by their number.
    pub(crate) loss: f64,
}

impl Slot {
    /// Computes loss and gradients of the centres in `range`.
    pub(crate) fn run(&mut self, model: Model<'_>, batch: &Batch, range: Range<usize>) {
        self.start();
        let n_panels = panels::n_panels(model.shape);
        self.by_weights.clear();
        self.by_weights.resize(model.panels.len(), Line::default());
        for block in batch.centres[range].chunks(BLOCK) {
            self.forward(model, batch, block);
            for start in (0..n_panels).step_by(PANELS_AT_A_TIME) {
                self.add_by_embeddings(model, start..n_panels.min(start + PANELS_AT_A_TIME));
            }
            self.finish_by_embeddings(model.shape, block.len());
            let mut by_weights = std::mem::take(&mut self.by_weights);
            self.use_by_weights(model.set, model.shape, 0..n_panels, Accumulate(&mut by_weights));
            self.by_weights = by_weights;
        }
    }

    /// Clears the results of the previous run.
    pub(crate) fn start(&mut self) {
        self.loss = 0.0;
        self.by_embeddings.clear();
    }

    /// Adds to the loss, and prepares the exponentials of one block and their factors.
    ///
    /// The pairs enter here: `k_ct S_c / n_c` is subtracted from the exponential of context `t`,
    /// which amounts to `k_ct / B` in the gradient.
    pub(crate) fn forward(&mut self, model: Model<'_>, batch: &Batch, block: &[Centre]) {
        self.logits(model, block.iter().map(|centre| centre.word));
        for (row, centre) in block.iter().enumerate() {
            for context in batch.contexts(centre) {
                self.loss -= f64::from(context.n_pairs) * f64::from(number(&self.x, block.len(), row, context.word));
            }
        }
        self.exponentials(model.set);
        let depth = panels::depth(model.shape);
        self.scaled.clear();
        for (row, centre) in block.iter().enumerate() {
            let (max, sum) = self.max_sum(row);
            let n_pairs = f64::from(centre.n_pairs);
            self.loss += n_pairs * (f64::from(max) + f64::from(sum).ln());
            for context in batch.contexts(centre) {
                let share = f64::from(context.n_pairs) * f64::from(sum) / n_pairs;
                let word = context.word as usize;
                self.x[word / LANES * block.len() + row].0[word % LANES] -= share as f32;
            }
            let factor = (n_pairs / (batch.n_pairs as f64 * f64::from(sum))) as f32;
            self.scaled.extend(self.embeddings[row * depth..][..depth].iter().map(|e| e * factor));
        }
        self.sums.clear();
        self.sums.resize(block.len() * model.shape.n_dimensions, Line::default());
    }

    /// Adds the contribution of some panels to the gradient with respect to the embeddings of the
    /// block.
    pub(crate) fn add_by_embeddings(&mut self, model: Model<'_>, range: Range<usize>) {
        let depth = panels::depth(model.shape);
        model.set.run(ByEmbeddings { x: &self.x, panels: model.panels, depth, range, sums: &mut self.sums });
    }

    /// Appends the gradient with respect to the embeddings of the block.
    pub(crate) fn finish_by_embeddings(&mut self, shape: Shape, n_rows: usize) {
        let depth = panels::depth(shape);
        for row in 0..n_rows {
            let factor = self.scaled[row * depth + shape.n_dimensions];
            let sums = &self.sums[row * shape.n_dimensions..][..shape.n_dimensions];
            self.by_embeddings.extend(sums.iter().map(|line| sum_of(line) * factor));
        }
    }

    /// Passes the gradients of weights and biases of some panels to `gradient_use`.
    pub(crate) fn use_by_weights<U: GradientUse>(
        &self,
        set: InstructionSet,
        shape: Shape,
        range: Range<usize>,
        gradient_use: U,
    ) {
        let depth = panels::depth(shape);
        set.run(ByWeights { x: &self.x, factors: &self.scaled, depth, range, gradient_use });
    }

    /// Writes log-probabilities of contexts for at most [`BLOCK`] centres. Each centre comes with
    /// the range of its contexts.
    pub(crate) fn log_probabilities(
        &mut self,
        model: Model<'_>,
        centres: &[(u32, Range<usize>)],
        contexts: impl Fn(usize) -> u32,
        mut write: impl FnMut(usize, f32),
    ) {
        self.logits(model, centres.iter().map(|&(word, _)| word));
        self.picked.clear();
        for (row, (_, range)) in centres.iter().enumerate() {
            self.picked.extend(range.clone().map(|i| number(&self.x, centres.len(), row, contexts(i))));
        }
        self.exponentials(model.set);
        let mut picked = self.picked.iter();
        for (row, (_, range)) in centres.iter().enumerate() {
            let (max, sum) = self.max_sum(row);
            let log_sum = f64::from(max) + f64::from(sum).ln();
            range.clone().zip(&mut picked).for_each(|(i, &logit)| write(i, (f64::from(logit) - log_sum) as f32));
        }
    }

    /// Computes the rows of logits of `words`.
    fn logits(&mut self, model: Model<'_>, words: impl Iterator<Item = u32>) {
        let (depth, n_dimensions) = (panels::depth(model.shape), model.shape.n_dimensions);
        self.embeddings.clear();
        for word in words {
            self.embeddings.extend_from_slice(&model.embeddings[word as usize * n_dimensions..][..n_dimensions]);
            self.embeddings.push(1.0);
        }
        self.scratch.resize(self.embeddings.len(), 0.0);
        let n_rows = self.embeddings.len() / depth;
        self.maxima.resize(n_rows, Line::default());
        self.x.resize(n_rows * panels::n_panels(model.shape), Line::default());
        model.set.run(Logits {
            embeddings: &self.embeddings,
            scratch: &mut self.scratch,
            panels: model.panels,
            depth,
            x: &mut self.x,
            maxima: &mut self.maxima,
        });
    }

    /// Turns the logits into exponentials.
    fn exponentials(&mut self, set: InstructionSet) {
        self.maxima.iter_mut().for_each(|line| *line = Line([max_of(line); LANES]));
        self.exponentials.resize(self.maxima.len(), Line::default());
        set.run(Exponentials { x: &mut self.x, maxima: &self.maxima, sums: &mut self.exponentials });
    }

    /// Allocated bytes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        let lines = [&self.x, &self.maxima, &self.exponentials, &self.sums, &self.by_weights];
        let numbers = [&self.embeddings, &self.scaled, &self.scratch, &self.picked, &self.by_embeddings];
        let n_lines: usize = lines.iter().map(|lines| lines.capacity()).sum();
        let n_numbers: usize = numbers.iter().map(|numbers| numbers.capacity()).sum();
        n_lines * size_of::<Line>() + n_numbers * size_of::<f32>()
    }

    /// Largest logit `max` of a centre, and the sum of `exp(z - max)` over its logits `z`.
    fn max_sum(&self, row: usize) -> (f32, f32) {
        (self.maxima[row].0[0], sum_of(&self.exponentials[row]))
    }
}

/// Value in `x` for one word and one of `n_rows` centres.
fn number(x: &[Line], n_rows: usize, row: usize, word: u32) -> f32 {
    let word = word as usize;
    x[word / LANES * n_rows + row].0[word % LANES]
}
