//! Scores of pairs, with one softmax per distinct centre.

use std::ops::Range;

use rayon::prelude::*;

use super::slot::{BLOCK, Model};
use super::{MAX_SLOTS, Memory, panels, slots};
use crate::skipgram::{Pair, Parameters, Shape};

/// Pairs sorted by centre.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// End of the pairs of each word as a centre.
    ends: Vec<usize>,
    /// Indices of the pairs, sorted by centre.
    places: Vec<u32>,
    /// Distinct centres, each with its range of `places`.
    centres: Vec<(u32, Range<usize>)>,
    /// Scores in the order of `places`.
    scores: Vec<f32>,
}

impl Order {
    /// Sorts `pairs` by centre with a counting sort.
    fn fill(&mut self, shape: Shape, pairs: &[Pair]) {
        self.ends.clear();
        self.ends.resize(shape.n_words + 1, 0);
        for pair in pairs {
            self.ends[pair.centre as usize + 1] += 1;
        }
        let mut end = 0;
        self.centres.clear();
        for (word, count) in self.ends[1..].iter().enumerate() {
            if *count > 0 {
                self.centres.push((word as u32, end..end + count));
                end += count;
            }
        }
        for word in 0..shape.n_words {
            self.ends[word + 1] += self.ends[word];
        }
        self.places.clear();
        self.places.resize(pairs.len(), 0);
        for (place, pair) in pairs.iter().enumerate() {
            let next = &mut self.ends[pair.centre as usize];
            self.places[*next] = place as u32;
            *next += 1;
        }
        self.scores.resize(pairs.len(), 0.0);
    }
}

/// Like [`crate::skipgram::log_probabilities`], for checked arguments and fewer than 2^32 pairs.
pub(crate) fn log_probabilities(
    shape: Shape,
    parameters: Parameters<'_>,
    pairs: &[Pair],
    scores: &mut [f32],
    memory: &mut Memory,
) {
    panels::pack(shape, parameters.weights, parameters.biases, f32::NEG_INFINITY, &mut memory.panels);
    memory.order.fill(shape, pairs);
    let Order { places, centres, scores: sorted, .. } = &mut memory.order;
    let model = Model { set: memory.set, shape, embeddings: parameters.embeddings, panels: &memory.panels };
    let n_blocks = centres.len().div_ceil(BLOCK);
    let n_slots = n_blocks.clamp(1, MAX_SLOTS);
    let mut rest = &mut sorted[..];
    let mut tasks = Vec::with_capacity(n_slots);
    for (slot_idx, slot) in slots(&mut memory.slots, n_slots).iter_mut().enumerate() {
        let first_of = |slot: usize| centres.len().min(slot * n_blocks / n_slots * BLOCK);
        let centres = &centres[first_of(slot_idx)..first_of(slot_idx + 1)];
        let start = centres.first().map_or(0, |(_, range)| range.start);
        let n = centres.last().map_or(0, |(_, range)| range.end) - start;
        let (scores, others) = std::mem::take(&mut rest).split_at_mut(n);
        rest = others;
        tasks.push((slot, centres, start, scores));
    }
    tasks.into_par_iter().for_each(|(slot, centres, start, scores)| {
        for block in centres.chunks(BLOCK) {
            let context = |i: usize| pairs[places[i] as usize].context;
            slot.log_probabilities(model, block, context, |i, score| scores[i - start] = score);
        }
    });
    for (&place, &score) in places.iter().zip(&*sorted) {
        scores[place as usize] = score;
    }
}

/// Like [`crate::skipgram::logits`], for checked arguments.
pub(crate) fn logits(shape: Shape, parameters: Parameters<'_>, pairs: &[Pair], scores: &mut [f32]) {
    let row = |numbers: &'_ [f32], word: u32| word as usize * shape.n_dimensions..numbers.len();
    for (pair, score) in pairs.iter().zip(scores) {
        let embedding = &parameters.embeddings[row(parameters.embeddings, pair.centre)][..shape.n_dimensions];
        let weights = &parameters.weights[row(parameters.weights, pair.context)][..shape.n_dimensions];
        let products = embedding.iter().zip(weights).map(|(&e, &w)| f64::from(e) * f64::from(w));
        *score = (products.sum::<f64>() + f64::from(parameters.biases[pair.context as usize])) as f32;
    }
}
