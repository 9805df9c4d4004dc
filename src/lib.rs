#![doc = include_str!("ARCHITECTURE.md")]

// Modules are in reading order, the order in which events flow through them: a module uses only the
// modules before it.
pub mod cli;
pub mod runtime;
pub mod spill;
pub mod config;
pub mod telemetry;
pub mod event;
pub mod query;
pub mod compute;
pub mod elastic;
pub mod plan;
pub mod sources;
pub mod functions;
pub mod models;
pub mod outlier;
pub mod whitelist;
pub mod detection;
pub mod sinks;
pub mod pipeline;
pub mod housekeeping;
pub mod run;
