//! Limits and interrupt of a run, and the bridge between waiting and computing threads.

mod interrupt;
mod limits;
mod threads;

pub use interrupt::{Interrupt, Interrupted};
pub use limits::Limits;
pub use threads::{InOrder, on_rayon, side_by_side};
