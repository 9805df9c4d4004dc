//! Options of `fields`.

use std::path::PathBuf;

use clap::Args;

use super::ConfigArgs;

/// Options of `fields`.
#[derive(Debug, Clone, Args)]
pub struct FieldsArgs {
    /// Configuration files; use cases are those that are asked whether they can use the events.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Event files, folders or patterns
    ///
    /// As for `run`; `-` is standard input. Default: a sample of the cluster in the configuration.
    #[arg(long, value_name = "PATH", num_args = 1.., action = clap::ArgAction::Append)]
    pub events: Vec<String>,
    /// Upper limit on the events to read
    ///
    /// From files the first ones, in the order of their names and lines; from a cluster a random
    /// sample, the same in each call. Default: files whole, and 10,000 events of a cluster, which
    /// is the maximum.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit_events: Option<u64>,
    /// List all fields, and what each use case lacks
    #[arg(long)]
    pub all: bool,
    /// Print use cases for these fields instead
    ///
    /// They are a file to begin with.
    #[arg(long, conflicts_with = "json")]
    pub suggest: bool,
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
    /// Directory for spilled data (default: the system's directory for temporary files)
    #[arg(long, hide_short_help = true, value_name = "DIR")]
    pub spill_dir: Option<PathBuf>,
}
