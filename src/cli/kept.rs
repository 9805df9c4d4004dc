//! Subcommands that look at what is kept between runs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::examples::help_of;

/// Options that name the folder of the state.
#[derive(Debug, Clone, Args)]
pub struct StatePlace {
    /// Main configuration, whose state_dir is meant
    ///
    /// May be repeated: the files are merged, and later ones win.
    #[arg(long, value_name = "FILE", num_args = 1.., action = clap::ArgAction::Append)]
    pub config: Vec<PathBuf>,
    /// The folder itself
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub state_dir: Option<PathBuf>,
}

/// Options of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// File of `run --report`, or the number or id of a run of the history
    #[arg(value_name = "REPORT")]
    pub report: String,
    /// Write the page to FILE; `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub html: PathBuf,
    /// The history.
    #[command(flatten)]
    pub place: StatePlace,
}

/// Subcommands of `state`.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// Show what the folder holds: runs, notices that wait, memories of use cases
    #[command(after_long_help = help_of("state show"))]
    Show {
        /// The folder.
        #[command(flatten)]
        place: StatePlace,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Check every file of the folder; exit with 74 if one is damaged
    #[command(after_long_help = help_of("state verify"))]
    Verify {
        /// The folder.
        #[command(flatten)]
        place: StatePlace,
    },
    /// Print everything in the folder, one JSON object per line
    #[command(after_long_help = help_of("state export"))]
    Export {
        /// The folder.
        #[command(flatten)]
        place: StatePlace,
    },
}

/// Subcommands of `runs`.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List the runs of the history, the latest last
    #[command(after_long_help = help_of("runs list"))]
    List {
        /// The folder.
        #[command(flatten)]
        place: StatePlace,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show a run: how it ended, and its findings
    #[command(after_long_help = help_of("runs show"))]
    Show {
        /// Number or id of the run
        #[arg(value_name = "RUN")]
        run: String,
        /// The folder.
        #[command(flatten)]
        place: StatePlace,
        /// Print a JSON object, with the report
        #[arg(long)]
        json: bool,
    },
    /// Compare the findings of two runs: which are new, which are gone, which are in both
    #[command(after_long_help = help_of("runs diff"))]
    Diff {
        /// Number or id of the earlier run
        #[arg(value_name = "FROM")]
        from: String,
        /// Number or id of the later run
        #[arg(value_name = "TO")]
        to: String,
        /// The folder.
        #[command(flatten)]
        place: StatePlace,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
}
