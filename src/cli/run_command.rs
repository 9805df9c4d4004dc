//! Options of `run` that other commands with runs do not have.

use clap::Args;

use super::values::{parse_range, parse_set};
use super::{RunArgs, SetKey, Sweep, TableArgs};

/// Options of `run`, with those of what it prints.
#[derive(Debug, Args)]
pub struct RunCommandArgs {
    /// Options of the run.
    #[command(flatten)]
    pub run: RunArgs,
    /// Options of the table.
    #[command(flatten)]
    pub table: TableArgs,
    /// Value of a key for this run, instead of that in the files, for the use cases of --only; may
    /// be repeated
    #[arg(long, value_name = "KEY=VALUE", requires = "only", value_parser = parse_set, help_heading = "Trying")]
    pub set: Vec<SetKey>,
    /// Show what the use cases of --only find with each value of a key, such as
    /// trigger_sensitivity=1..20 or 0.01,0.05,0.1, from one pass over the events; write nothing
    #[arg(
        long, value_name = "KEY=VALUES", requires = "only", value_parser = parse_range,
        conflicts_with_all = ["output", "findings"], help_heading = "Trying"
    )]
    pub sweep: Option<Sweep>,
}
