//! The skip-gram model with distinct centres, packed weights, register tiles and Adam fused into them.
//!
//! * [`lanes`] and `x86` are vectors of 16 numbers on each instruction set; [`tiles`] is written in them, and [`products`] cuts the
//!   work into tiles.
//! * [`batch`] finds the distinct centres and pairs, [`panels`] is the layout of the weights, [`rows`] moves the embeddings.
//! * [`slot`] takes some centres from logits to gradients; [`training`] and [`scoring`] put it together.

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

use self::batch::Batch;
use self::lanes::{InstructionSet, Line};
use self::rows::RowClock;
use self::scoring::Order;
use self::slot::Slot;

/// See [`crate::skipgram::Workspace`].
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) set: InstructionSet,
    batch: Batch,
    /// Weights and biases, and their moments.
    panels: Vec<Line>,
    first: Vec<Line>,
    second: Vec<Line>,
    clock: RowClock,
    slots: Vec<Slot>,
    order: Order,
}

/// Parts into which the centres of a large batch are cut, each with a gradient of its own: at most so many threads work on it. The
/// number is fixed, because the order of additions depends on it.
const MAX_SLOTS: usize = 8;

/// The first `n` slots.
fn slots(slots: &mut Vec<Slot>, n: usize) -> &mut [Slot] {
    if slots.len() < n {
        slots.resize_with(n, Slot::default);
    }
    &mut slots[..n]
}
