//! Skip-gram model: an embedding and a linear layer, trained with Adam.

use std::cell::{Cell, RefCell};

use candle_core::{DType, Tensor, Var};
use outlier_kernels::skipgram::{Adam, Pair, Shape, Workspace};

use super::super::ModelError;
use super::TrainingDevice;
use super::kernel::{Score, ScorePairs, Train, n_parameters};
use super::random::Random;
use super::tensors::{self, Batch, View};

/// Implementation that runs a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Skip-gram kernels; on processors only.
    Kernel,
    /// Operations of candle; on any device.
    Tensors,
}

impl Engine {
    /// Faster engine on `device`.
    pub fn of(device: &TrainingDevice) -> Self {
        if device.candle().is_cpu() { Engine::Kernel } else { Engine::Tensors }
    }
}

/// Model in training: parameters and the moments of Adam.
///
/// The state is one tensor of three rows: parameters, first moments, second moments. Each row holds
/// embeddings `E` (words x dimensions), weights `W` (words x dimensions) and biases `b` (words) of
/// the model in [`outlier_kernels::skipgram`].
#[derive(Debug)]
pub struct SkipGram {
    shape: Shape,
    engine: Engine,
    state: Var,
    n_steps: u64,
    workspace: RefCell<Workspace>,
}

/// Purposes of random numbers.
const EMBEDDINGS: u64 = 1;
const LINEAR: u64 = 2;

impl SkipGram {
    /// Creates an untrained model: embeddings with mean 0 and standard deviation 1, weights and
    /// biases between ±1 / sqrt(dimensions).
    ///
    /// # Errors
    /// If the device does not have enough memory.
    pub fn new(shape: Shape, seed: i64, engine: Engine, device: &TrainingDevice) -> Result<Self, ModelError> {
        Self::with_parameters(shape, initial_parameters(shape, seed), engine, device)
    }

    /// Creates a model with these parameters and no steps made.
    ///
    /// # Errors
    /// If the number of parameters does not match `shape`, or the device does not have enough
    /// memory.
    pub fn with_parameters(
        shape: Shape,
        parameters: Vec<f32>,
        engine: Engine,
        device: &TrainingDevice,
    ) -> Result<Self, ModelError> {
        let n = n_parameters(shape);
        let device = device.candle();
        let parameters = Tensor::from_vec(parameters, (1, n), device)?;
        let moments = Tensor::zeros((2, n), DType::F32, device)?;
        let state = Var::from_tensor(&Tensor::cat(&[parameters, moments], 0)?)?;
        Ok(SkipGram { shape, engine, state, n_steps: 0, workspace: RefCell::new(Workspace::new()) })
    }

    /// Embeddings, weights and biases, back to back.
    ///
    /// # Errors
    /// If the device fails.
    pub fn parameters(&self) -> Result<Vec<f32>, ModelError> {
        Ok(self.state.get(0)?.to_vec1()?)
    }

    /// Trains on `pairs`, `batch_size` per step, and returns their mean loss in nats. The loss of
    /// each batch is taken before its step.
    ///
    /// # Errors
    /// If the device fails.
    pub fn train(&mut self, pairs: &[Pair], batch_size: usize, adam: &Adam) -> Result<f64, ModelError> {
        match self.engine {
            Engine::Kernel => self.train_by_kernel(pairs, batch_size, adam),
            Engine::Tensors => self.train_by_tensors(pairs, batch_size, adam),
        }
    }

    fn train_by_kernel(&mut self, pairs: &[Pair], batch_size: usize, adam: &Adam) -> Result<f64, ModelError> {
        let (n_steps, loss) = (Cell::new(self.n_steps), Cell::new(0.0));
        let (shape, workspace) = (self.shape, &self.workspace);
        self.state.inplace_op1(&Train { shape, adam, pairs, batch_size, workspace, n_steps: &n_steps, loss: &loss })?;
        self.n_steps = n_steps.get();
        Ok(loss.get())
    }

    fn train_by_tensors(&mut self, pairs: &[Pair], batch_size: usize, adam: &Adam) -> Result<f64, ModelError> {
        let mut losses = Vec::with_capacity(pairs.len().div_ceil(batch_size));
        for pairs in pairs.chunks(batch_size) {
            let view = View::new(self.shape, &self.state.get(0)?)?;
            let (loss, gradient) = Batch::new(self.shape, pairs).loss_and_gradient(self.shape, &view)?;
            self.n_steps += 1;
            self.state.set(&tensors::adam_step(&self.state, &gradient, adam, self.n_steps)?)?;
            losses.push(loss);
        }
        if losses.is_empty() {
            return Ok(0.0);
        }
        // read only once, so that the device does not wait after each step
        let losses = Tensor::stack(&losses, 0)?.to_vec1::<f32>()?;
        Ok(losses.into_iter().map(f64::from).sum::<f64>() / pairs.len() as f64)
    }

    /// Natural logarithm of the probability of each pair's context, given its centre.
    ///
    /// # Errors
    /// If the device fails.
    pub fn log_probabilities(&self, pairs: &[Pair]) -> Result<Vec<f32>, ModelError> {
        self.scores(pairs, Score::LogProbability)
    }

    /// Logit of each pair's context, given its centre.
    ///
    /// # Errors
    /// If the device fails.
    pub fn logits(&self, pairs: &[Pair]) -> Result<Vec<f32>, ModelError> {
        self.scores(pairs, Score::Logit)
    }

    fn scores(&self, pairs: &[Pair], score: Score) -> Result<Vec<f32>, ModelError> {
        let (shape, parameters) = (self.shape, self.state.get(0)?);
        match self.engine {
            Engine::Kernel => {
                let scoring = ScorePairs { shape, pairs, score, workspace: &self.workspace };
                Ok(parameters.apply_op1_no_bwd(&scoring)?.to_vec1()?)
            }
            Engine::Tensors => Ok(tensors::scores(shape, &View::new(shape, &parameters)?, pairs, score)?),
        }
    }
}

/// Untrained parameters for [`SkipGram::with_parameters`]; see [`SkipGram::new`] for their
/// distribution.
pub fn initial_parameters(shape: Shape, seed: i64) -> Vec<f32> {
    let n = shape.n_words * shape.n_dimensions;
    let mut parameters = Vec::with_capacity(n_parameters(shape) + 1);
    let mut random = Random::new(seed, EMBEDDINGS);
    while parameters.len() < n {
        parameters.extend(random.normal());
    }
    parameters.truncate(n);
    let mut random = Random::new(seed, LINEAR);
    let width = 1.0 / (shape.n_dimensions as f64).sqrt();
    parameters.extend((0..n + shape.n_words).map(|_| random.uniform(width)));
    parameters
}
