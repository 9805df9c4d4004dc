//! Sinks of outliers.

pub mod console;
pub mod elasticsearch;
pub mod files;
pub mod history;
pub mod log;
pub mod notices;
