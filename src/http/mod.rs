//! HTTP of the daemon: metrics, health, runs and pages.

pub mod metrics;
mod status;

pub use status::{ChannelStatus, DaemonStatus, RunInProgress, RunOutcome, RunReason, SharedStatus, UseCaseStatus};
