#![doc = include_str!("ARCHITECTURE.md")]

pub mod config;
pub mod event;
pub mod query;
pub mod compute;
pub mod plan;
pub mod sources;
pub mod functions;
pub mod models;
pub mod outlier;
pub mod whitelist;
pub mod detection;
pub mod sinks;
pub mod pipeline;
pub mod run;
pub mod cli;
