//! Training steps, and gradients without a step.

use std::ops::Range;

use rayon::prelude::*;

use super::batch::Batch;
use super::lanes::Line;
use super::products::{AdamOfSums, Move};
use super::rows::{Row, RowStep};
use super::slot::{BLOCK, Model, Slot};
use super::tiles::AdamFactors;
use super::{MAX_SLOTS, Memory, panels, slots};
use crate::scalar::skipgram::Adam;
use crate::skipgram::{Moments, Pair, Parameters, ParametersMut, Shape};

/// Minimum number of blocks per slot: every slot costs a pass over all weights.
pub(crate) const MIN_BLOCKS: usize = 4;

/// Number of panels per pass in a small batch: their weights stay in cache between the two
/// gradients.
const SMALL_PANELS: usize = 32;

/// Number of panels per task when Adam runs over all of them.
const PANELS_PER_TASK: usize = 32;

/// Like [`crate::skipgram::train`], for checked arguments.
pub(crate) fn train(
    shape: Shape,
    parameters: &mut ParametersMut<'_>,
    moments: &mut Moments<'_>,
    adam: &Adam,
    pairs: &[Pair],
    batch_size: usize,
    memory: &mut Memory,
) -> f64 {
    let (first, second) = (&mut moments.first, &mut moments.second);
    panels::pack(shape, parameters.weights, parameters.biases, f32::NEG_INFINITY, &mut memory.panels);
    panels::pack(shape, first.weights, first.biases, 0.0, &mut memory.first);
    panels::pack(shape, second.weights, second.biases, 0.0, &mut memory.second);
    memory.clock.start(adam, moments.n_steps, first.embeddings, second.embeddings, shape.n_dimensions);
    let mut rows = Rows {
        n_dimensions: shape.n_dimensions,
        parameters: parameters.embeddings,
        first: first.embeddings,
        second: second.embeddings,
    };
    let mut loss = 0.0;
    for pairs in pairs.chunks(batch_size) {
        memory.batch.fill(pairs);
        loss += step(shape, &mut rows, adam, memory);
    }
    for word in 0..shape.n_words {
        if memory.clock.is_behind(word) {
            memory.set.run(memory.clock.missed(adam, word, rows.row(word)));
        }
    }
    panels::unpack(shape, &memory.panels, parameters.weights, parameters.biases);
    panels::unpack(shape, &memory.first, first.weights, first.biases);
    panels::unpack(shape, &memory.second, second.weights, second.biases);
    moments.n_steps = memory.clock.n_steps();
    loss
}

/// Embeddings and their moments, in row-major order.
struct Rows<'a> {
    n_dimensions: usize,
    parameters: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Rows<'_> {
    fn row(&mut self, word: usize) -> Row<'_> {
        let range = word * self.n_dimensions..(word + 1) * self.n_dimensions;
        Row {
            parameters: &mut self.parameters[range.clone()],
            first: &mut self.first[range.clone()],
            second: &mut self.second[range],
        }
    }
}

/// Runs one step with the current batch; returns the loss summed over its pairs, not divided by
/// their number.
fn step(shape: Shape, rows: &mut Rows<'_>, adam: &Adam, memory: &mut Memory) -> f64 {
    for centre in &memory.batch.centres {
        let word = centre.word as usize;
        memory.set.run(memory.clock.missed(adam, word, rows.row(word)));
    }
    let factors = memory.clock.next_step(adam);
    let is_small = memory.batch.centres.len() <= BLOCK;
    let n_slots =
        if is_small { small_step(shape, rows, factors, memory) } else { large_step(shape, rows, factors, memory) };
    let slots = &memory.slots[..n_slots];
    let gradients = slots.iter().flat_map(|slot| slot.by_embeddings.chunks_exact(shape.n_dimensions.max(1)));
    for (centre, gradient) in memory.batch.centres.iter().zip(gradients) {
        let word = centre.word as usize;
        memory.set.run(RowStep { row: rows.row(word), adam: factors, gradient });
        memory.clock.saw(word);
    }
    slots.iter().map(|slot| slot.loss).sum()
}

/// Step with a batch of one block: weights move as soon as their gradient is known, so it is never
/// stored.
fn small_step(shape: Shape, rows: &Rows<'_>, adam: AdamFactors, memory: &mut Memory) -> usize {
    let Memory { set, batch, panels, first, second, slots: all_slots, .. } = memory;
    let set = *set;
    let slot = &mut slots(all_slots, 1)[0];
    slot.start();
    slot.forward(Model { set, shape, embeddings: rows.parameters, panels }, batch, &batch.centres);
    let n_panels = panels::n_panels(shape);
    for start in (0..n_panels).step_by(SMALL_PANELS) {
        let range = start..n_panels.min(start + SMALL_PANELS);
        slot.add_by_embeddings(Model { set, shape, embeddings: rows.parameters, panels }, range.clone());
        slot.use_by_weights(set, shape, range, Move::new(adam, panels, first, second));
    }
    slot.finish_by_embeddings(shape, batch.centres.len());
    1
}

/// Step with a batch of many blocks: each slot sums up a gradient, then all weights move.
fn large_step(shape: Shape, rows: &Rows<'_>, adam: AdamFactors, memory: &mut Memory) -> usize {
    let Memory { set, batch, panels, first, second, slots: all_slots, .. } = memory;
    let set = *set;
    let slots = run_slots(Model { set, shape, embeddings: rows.parameters, panels }, batch, all_slots);
    let per_task = PANELS_PER_TASK * panels::depth(shape);
    let moments = first.par_chunks_mut(per_task).zip(second.par_chunks_mut(per_task));
    panels.par_chunks_mut(per_task).zip(moments).enumerate().for_each(|(task, (panels, (first, second)))| {
        let range = task * per_task..task * per_task + panels.len();
        let mut gradients: [&[Line]; MAX_SLOTS] = [&[]; MAX_SLOTS];
        for (gradient, slot) in gradients.iter_mut().zip(slots) {
            *gradient = &slot.by_weights[range.clone()];
        }
        set.run(AdamOfSums { adam, gradients: &gradients[..slots.len()], panels, first, second });
    });
    slots.len()
}

/// Computes loss and gradients of a batch in as many slots as its size justifies.
fn run_slots<'a>(model: Model<'_>, batch: &Batch, all_slots: &'a mut Vec<Slot>) -> &'a [Slot] {
    let n_centres = batch.centres.len();
    let n_blocks = n_centres.div_ceil(BLOCK);
    let n_slots = (n_blocks / MIN_BLOCKS).clamp(1, MAX_SLOTS);
    let first_of = |slot: usize| n_centres.min(slot * n_blocks / n_slots * BLOCK);
    let range = |slot: usize| -> Range<usize> { first_of(slot)..first_of(slot + 1) };
    let slots = slots(all_slots, n_slots);
    slots.par_iter_mut().enumerate().for_each(|(i, slot)| slot.run(model, batch, range(i)));
    slots
}

/// Like [`crate::skipgram::loss_and_gradients`], for checked arguments; the loss is not divided by
/// the number of pairs.
pub(crate) fn loss_and_gradients(
    shape: Shape,
    parameters: Parameters<'_>,
    pairs: &[Pair],
    gradients: &mut ParametersMut<'_>,
    memory: &mut Memory,
) -> f64 {
    memory.batch.fill(pairs);
    panels::pack(shape, parameters.weights, parameters.biases, f32::NEG_INFINITY, &mut memory.panels);
    let model = Model { set: memory.set, shape, embeddings: parameters.embeddings, panels: &memory.panels };
    let slots = run_slots(model, &memory.batch, &mut memory.slots);
    let sums = &mut memory.first;
    sums.clear();
    sums.extend_from_slice(&slots[0].by_weights);
    for slot in &slots[1..] {
        for (sum, gradient) in sums.iter_mut().zip(&slot.by_weights) {
            sum.0.iter_mut().zip(gradient.0).for_each(|(sum, gradient)| *sum += gradient);
        }
    }
    panels::unpack(shape, sums, gradients.weights, gradients.biases);
    gradients.embeddings.fill(0.0);
    let n = shape.n_dimensions;
    let rows = slots.iter().flat_map(|slot| slot.by_embeddings.chunks_exact(n.max(1)));
    for (centre, row) in memory.batch.centres.iter().zip(rows) {
        gradients.embeddings[centre.word as usize * n..][..n].copy_from_slice(row);
    }
    slots.iter().map(|slot| slot.loss).sum()
}
