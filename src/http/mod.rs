//! HTTP of the daemon: metrics, health, runs and pages.
//!
//! `server` answers requests, `access` decides which, `connections` bounds their number and their
//! time. `metrics` and `pages` write the answers from the state in `status` and the history in the
//! state store.

mod access;
mod connections;
pub mod metrics;
mod pages;
mod server;
mod status;

pub use server::{HttpServer, HttpService};
pub use status::{ChannelStatus, DaemonStatus, EndedRun, RunInProgress, RunReason, SharedStatus, UseCaseStatus};
