#![doc = include_str!("ARCHITECTURE.md")]

// Modules are in reading order, the order in which events flow through them: a module uses only the
// modules before it.

// ground: not a word of security
pub mod version;
pub mod python;
pub mod spelling;
pub mod paths;
pub mod terminal;
pub mod plots;
pub mod runtime;
pub mod spill;
// what an event is
pub mod event;
// what was asked, and of which events
pub mod cli;
pub mod config;
pub mod importers;
pub mod telemetry;
pub mod query;
pub mod elastic;
pub mod state;
// the engine
pub mod table;
pub mod engine;
pub mod models;
pub mod doubts;
pub mod plan;
pub mod sources;
pub mod ingest;
pub mod usability;
pub mod inventory;
pub mod outlier;
pub mod whitelist;
pub mod detection;
pub mod findings;
pub mod delivery;
pub mod scan_group;
pub mod sinks;
pub mod notifiers;
pub mod outbox;
pub mod housekeeping;
pub mod report;
pub mod html;
pub mod http;
pub mod commands;
