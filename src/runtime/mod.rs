//! Limits and interrupt of a run, the bridge between waiting and computing threads, and panics of
//! libraries.

mod interrupt;
mod limits;
mod panics;
mod threads;

pub use interrupt::{Interrupt, Interrupted};
pub use limits::Limits;
pub use panics::contained;
pub use threads::{InOrder, on_rayon, side_by_side};
