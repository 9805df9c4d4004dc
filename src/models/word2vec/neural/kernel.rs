//! Skip-gram kernels as candle operations on a processor: one call learns or scores thousands of
//! pairs.

use std::cell::{Cell, RefCell};

use candle_core::{CpuStorage, CustomOp1, InplaceOp1, Layout, Result, Shape as TensorShape, bail};
use outlier_kernels::skipgram::{
    Adam, Moments, Pair, Parameters, ParametersMut, Shape, Workspace, log_probabilities, logits, train,
};

/// Trains the state of a model in place.
pub(super) struct Train<'a> {
    pub(super) shape: Shape,
    pub(super) adam: &'a Adam,
    pub(super) pairs: &'a [Pair],
    pub(super) batch_size: usize,
    pub(super) workspace: &'a RefCell<Workspace>,
    /// Number of steps so far; updated by the call.
    pub(super) n_steps: &'a Cell<u64>,
    /// Output: mean loss per pair.
    pub(super) loss: &'a Cell<f64>,
}

impl InplaceOp1 for Train<'_> {
    fn name(&self) -> &'static str {
        "skipgram-train"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let CpuStorage::F32(numbers) = storage else { bail!("{} works on f32", self.name()) };
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("{} works on whole tensors", self.name()) };
        let mut thirds = numbers[start..end].chunks_exact_mut(n_parameters(self.shape));
        let (Some(parameters), Some(first), Some(second)) = (thirds.next(), thirds.next(), thirds.next()) else {
            bail!("{}: no state of {:?}", self.name(), self.shape)
        };
        let (first, second) = (parts_mut(self.shape, first), parts_mut(self.shape, second));
        let mut moments = Moments { first, second, n_steps: self.n_steps.get() };
        let mut parameters = parts_mut(self.shape, parameters);
        let workspace = &mut self.workspace.borrow_mut();
        self.loss.set(train(
            self.shape,
            &mut parameters,
            &mut moments,
            self.adam,
            self.pairs,
            self.batch_size,
            workspace,
        ));
        self.n_steps.set(moments.n_steps);
        Ok(())
    }
}

/// Kind of score of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Score {
    /// Natural logarithm of the probability of the context.
    LogProbability,
    /// Logit of the context.
    Logit,
}

/// Scores pairs, one score each. The input tensor holds the parameters.
pub(super) struct ScorePairs<'a> {
    pub(super) shape: Shape,
    pub(super) pairs: &'a [Pair],
    pub(super) score: Score,
    pub(super) workspace: &'a RefCell<Workspace>,
}

impl CustomOp1 for ScorePairs<'_> {
    fn name(&self) -> &'static str {
        "skipgram-score"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, TensorShape)> {
        let CpuStorage::F32(numbers) = storage else { bail!("{} works on f32", self.name()) };
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("{} works on whole tensors", self.name()) };
        let parameters = parts(self.shape, &numbers[start..end]);
        let mut scores = vec![0.0; self.pairs.len()];
        match self.score {
            Score::LogProbability => {
                let workspace = &mut self.workspace.borrow_mut();
                log_probabilities(self.shape, parameters, self.pairs, &mut scores, workspace);
            }
            Score::Logit => logits(self.shape, parameters, self.pairs, &mut scores),
        }
        Ok((CpuStorage::F32(scores), self.pairs.len().into()))
    }
}

/// Number of parameters of a model: embeddings, weights and biases.
pub(super) fn n_parameters(shape: Shape) -> usize {
    shape.n_words * (2 * shape.n_dimensions + 1)
}

/// Splits the parameters of a model.
pub(super) fn parts(shape: Shape, numbers: &[f32]) -> Parameters<'_> {
    let (embeddings, rest) = numbers.split_at(shape.n_words * shape.n_dimensions);
    let (weights, biases) = rest.split_at(shape.n_words * shape.n_dimensions);
    Parameters { embeddings, weights, biases }
}

/// Mutable [`parts`].
pub(super) fn parts_mut(shape: Shape, numbers: &mut [f32]) -> ParametersMut<'_> {
    let (embeddings, rest) = numbers.split_at_mut(shape.n_words * shape.n_dimensions);
    let (weights, biases) = rest.split_at_mut(shape.n_words * shape.n_dimensions);
    ParametersMut { embeddings, weights, biases }
}
