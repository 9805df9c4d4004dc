//! The only place that knows how a plan runs: sessions, their memory, and our functions.

pub mod functions;
mod session;

pub use datafusion::prelude::SessionContext as Session;
pub use session::{Compute, UseCaseMemory};
