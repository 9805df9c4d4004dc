//! What a run may use, when it has to stop, and where it waits and computes.

mod interrupt;
mod limits;
mod threads;

pub use interrupt::{Interrupt, Interrupted};
pub use limits::Limits;
pub use threads::{InOrder, on_rayon, side_by_side};
