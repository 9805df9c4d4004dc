//! Weights and biases in panels of 16 words, so that 16 logits are computed at once.
//!
//! Panel `p` has one [`Line`] per dimension with the weights of words `16 p` to `16 p + 15`, then
//! one line with their biases: the biases are the weights of a dimension in which every embedding
//! is 1. Lanes past the last word have the weight 0 and the bias -infinity. Their exponentials are
//! 0, so they never have a gradient.

use super::lanes::{LANES, Line};
use crate::skipgram::Shape;

/// Number of lines in a panel.
pub(crate) fn depth(shape: Shape) -> usize {
    shape.n_dimensions + 1
}

/// Number of panels for the vocabulary.
pub(crate) fn n_panels(shape: Shape) -> usize {
    shape.n_words.div_ceil(LANES)
}

/// Fills `panels` from weights and biases, or from their moments. `bias_beyond` is the bias of
/// lanes past the last word.
pub(crate) fn pack(shape: Shape, weights: &[f32], biases: &[f32], bias_beyond: f32, panels: &mut Vec<Line>) {
    let (depth, n_dimensions) = (depth(shape), shape.n_dimensions);
    panels.resize(n_panels(shape) * depth, Line::default());
    for (p, panel) in panels.chunks_exact_mut(depth).enumerate() {
        for lane in 0..LANES {
            let word = p * LANES + lane;
            let Some(&bias) = biases.get(word) else {
                panel.iter_mut().for_each(|line| line.0[lane] = 0.0);
                panel[n_dimensions].0[lane] = bias_beyond;
                continue;
            };
            let row = &weights[word * n_dimensions..][..n_dimensions];
            row.iter().zip(panel.iter_mut()).for_each(|(&weight, line)| line.0[lane] = weight);
            panel[n_dimensions].0[lane] = bias;
        }
    }
}

/// Inverse of [`pack`].
pub(crate) fn unpack(shape: Shape, panels: &[Line], weights: &mut [f32], biases: &mut [f32]) {
    let (depth, n_dimensions) = (depth(shape), shape.n_dimensions);
    for (word, bias) in biases.iter_mut().enumerate() {
        let (panel, lane) = (&panels[word / LANES * depth..][..depth], word % LANES);
        let row = &mut weights[word * n_dimensions..][..n_dimensions];
        row.iter_mut().zip(panel).for_each(|(weight, line)| *weight = line.0[lane]);
        *bias = panel[n_dimensions].0[lane];
    }
}
