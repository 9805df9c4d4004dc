//! What a run is allowed to do and when it has to stop.

mod interrupt;

pub use interrupt::{Interrupt, Interrupted};
