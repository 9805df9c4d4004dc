//! Where outliers go.

pub mod console;
pub mod elasticsearch;
pub mod files;
pub mod log;
