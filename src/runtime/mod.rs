//! Limits and interrupt of a run, clocks, the bridge between waiting and computing threads, and
//! panics of libraries.

mod clock;
mod interrupt;
mod limits;
mod panics;
mod threads;

pub use clock::{Clock, SystemClock, VirtualClock};
pub use interrupt::{Interrupt, Interrupted};
pub use limits::Limits;
pub use panics::contained;
pub use threads::{InOrder, on_own_thread, on_rayon, side_by_side};
