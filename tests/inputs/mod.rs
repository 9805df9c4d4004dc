//! Inputs as people and attackers write them, and what comes of them.

mod bounds;
mod event_log;
mod tables;
