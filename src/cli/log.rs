//! Options of the log.

use clap::{Args, ValueEnum};

use super::table::ColorArg;

/// Options of the log.
#[derive(Debug, Clone, Copy, Args)]
pub struct LogArgs {
    /// Increase verbosity (-v, -vv)
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Show errors only, no progress, no summary
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Use of colours
    #[arg(
        long, hide_short_help = true, value_enum, value_name = "WHEN", default_value_t = ColorArg::Auto, global = true
    )]
    pub color: ColorArg,
    /// Format of the log
    #[arg(
        long, hide_short_help = true, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text, global = true
    )]
    pub log_format: LogFormat,
}

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Plain text.
    Text,
    /// One JSON object per line.
    Json,
}
