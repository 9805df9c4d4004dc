//! Skip-gram kernels with distinct centres, packed weights, register tiles and fused Adam.
//!
//! * [`lanes`] and `x86` provide vectors of 16 numbers on each instruction set. [`tiles`] is
//!   written in them, and [`products`] cuts the work into tiles.
//! * [`batch`] finds the distinct centres and pairs, [`panels`] defines the layout of the weights,
//!   and [`rows`] updates the embeddings.
//! * [`slot`] takes a group of centres from logits to gradients; [`training`] and [`scoring`] drive
//!   it.

pub(crate) mod batch;
pub(crate) mod lanes;
pub(crate) mod panels;
pub(crate) mod products;
pub(crate) mod rows;
pub(crate) mod scoring;
pub(crate) mod slot;
pub(crate) mod tiles;
pub(crate) mod training;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::mem::size_of;

use self::batch::Batch;
use self::lanes::{InstructionSet, Line};
use self::rows::RowClock;
use self::scoring::Order;
use self::slot::{BLOCK, Slot};
use crate::skipgram::Shape;

/// See [`crate::skipgram::Workspace`].
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) set: InstructionSet,
    batch: Batch,
    /// Weights and biases as panels, followed by their moments.
    panels: Vec<Line>,
    first: Vec<Line>,
    second: Vec<Line>,
    clock: RowClock,
    slots: Vec<Slot>,
    order: Order,
}

/// Maximum number of slots: the parts of a large batch, each with its own gradient and worked on by
/// one thread. The number is fixed because the order of additions depends on it.
const MAX_SLOTS: usize = 8;

/// Returns the first `n` slots, creating those that are missing.
fn slots(slots: &mut Vec<Slot>, n: usize) -> &mut [Slot] {
    if slots.len() < n {
        slots.resize_with(n, Slot::default);
    }
    &mut slots[..n]
}

/// Like [`crate::skipgram::workspace_bytes`], without the limit of `usize`.
pub(crate) fn workspace_bytes(shape: Shape, batch_size: usize) -> u128 {
    let [n_words, n_dimensions, batch_size] =
        [shape.n_words, shape.n_dimensions, batch_size].map(|n| u128::try_from(n).unwrap_or(u128::MAX));
    let n_panels = n_words.div_ceil(lanes::LANES as u128);
    let n_centres = batch_size.min(n_words);
    let line = size_of::<Line>() as u128;
    let weights = n_panels * (n_dimensions + 1) * line;
    let block = n_panels * BLOCK as u128 * line;
    let row = (n_dimensions + 1) * size_of::<f32>() as u128;
    // embeddings of a block, plain and scaled, with scratch; then the sums, as lines
    let of_block = BLOCK as u128 * (3 * row + n_dimensions * line + 2 * line);
    let n_slots = n_centres.div_ceil(BLOCK as u128).clamp(1, MAX_SLOTS as u128);
    let n_gradients = (n_centres.div_ceil(BLOCK as u128) / training::MIN_BLOCKS as u128).clamp(1, MAX_SLOTS as u128);
    let gradients = if n_centres > BLOCK as u128 { n_gradients * weights } else { 0 };
    // vectors that grow by themselves may have twice the capacity they need
    let of_batch = 2 * (Batch::bytes_of(batch_size, n_centres) + n_centres * row);
    3 * weights + n_slots * (block + of_block) + gradients + of_batch + n_words * 2 * size_of::<u64>() as u128
}

#[cfg(test)]
impl Memory {
    /// Allocated bytes, except those for pairs to score and for step counts.
    pub(crate) fn bytes(&self) -> usize {
        let n_lines = self.panels.capacity() + self.first.capacity() + self.second.capacity();
        let slots: usize = self.slots.iter().map(Slot::bytes).sum();
        n_lines * size_of::<Line>() + slots + self.batch.bytes()
    }
}
