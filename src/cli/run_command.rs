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
    /// Other value of a key; needs --only
    ///
    /// For this run, the use cases of --only have it instead of that in the files. May be repeated.
    #[arg(long, value_name = "KEY=VALUE", requires = "only", value_parser = parse_set, help_heading = "Trying")]
    pub set: Vec<SetKey>,
    /// Findings by value of a key; needs --only
    ///
    /// Shows what the use cases of --only find with each value, such as
    /// trigger_sensitivity=1..20 or trigger_sensitivity=0.01,0.05,0.1, from one pass over the
    /// events, and writes nothing.
    #[arg(
        long, value_name = "KEY=VALUES", requires = "only", value_parser = parse_range,
        conflicts_with_all = ["output", "findings"], help_heading = "Trying"
    )]
    pub sweep: Option<Sweep>,
}
