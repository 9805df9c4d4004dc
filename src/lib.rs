#![doc = include_str!("ARCHITECTURE.md")]

pub mod cli;
pub mod compute;
pub mod config;
pub mod detection;
pub mod elastic;
pub mod event;
pub mod functions;
pub mod models;
pub mod outlier;
pub mod pipeline;
pub mod plan;
pub mod query;
pub mod run;
pub mod sinks;
pub mod sources;
pub mod whitelist;
