//! Subcommands of `whitelist`.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};

use super::backtest::parse_label;
use super::examples::help_of;
use super::values::{parse_device, parse_size, parse_time};
use super::{ConfigArgs, DeviceChoice, LabelArg, RunArgs};

/// Subcommands of `whitelist`.
#[derive(Debug, Subcommand)]
pub enum WhitelistCommand {
    /// Print the narrowest entry that accepts a finding, with what it would hide
    #[command(after_long_help = help_of("whitelist suggest"))]
    Suggest(SuggestArgs),
    /// Count what each entry of a file, or of the configuration, hides
    #[command(after_long_help = help_of("whitelist preview"))]
    Preview(PreviewArgs),
}

/// Findings that entries are tested against.
#[derive(Debug, Clone, Args)]
pub struct TestedFindings {
    /// Configuration files; `state_dir` is where the history is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Folder of the history
    ///
    /// Default: `state_dir` of the configuration.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Run of the history, by its number or id
    ///
    /// Default: the last one with findings.
    #[arg(long, value_name = "RUN", conflicts_with = "events")]
    pub run: Option<String>,
    /// Run the use cases over these events instead
    ///
    /// As `run` would, without writing anything.
    #[arg(long, value_name = "PATH", num_args = 1.., action = clap::ArgAction::Append)]
    pub events: Vec<String>,
    /// With --events: only the use cases with these names
    ///
    /// Patterns work, too.
    #[arg(long, value_name = "NAME_GLOB", num_args = 1.., action = clap::ArgAction::Append, requires = "events")]
    pub only: Vec<String>,
    /// With --events: evaluate as if the current time were TIME, as for `run`
    #[arg(long, hide_short_help = true, value_name = "TIME", value_parser = parse_time, requires = "events")]
    pub now: Option<DateTime<Utc>>,
    /// With --events: label of attack events
    ///
    /// Entries should not hide these. May be repeated.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = parse_label, requires = "events")]
    pub label: Vec<LabelArg>,
    /// Upper limit on memory, as for `run`
    #[arg(long, hide_short_help = true, value_name = "SIZE", default_value = "2GiB", value_parser = parse_size)]
    pub memory_limit: usize,
    /// Directory for spilled data (default: the system's directory for temporary files)
    #[arg(long, hide_short_help = true, value_name = "DIR")]
    pub spill_dir: Option<PathBuf>,
    /// Device that trains `word2vec` models, as for `run`
    #[arg(long, hide_short_help = true, value_name = "DEVICE", default_value = "auto", value_parser = parse_device)]
    pub device: DeviceChoice,
}

impl TestedFindings {
    /// Returns the arguments of a run over the events that writes nothing.
    pub fn as_run(&self) -> RunArgs {
        RunArgs {
            only: self.only.clone(),
            now: self.now,
            spill_dir: self.spill_dir.clone(),
            ..RunArgs::of_trial(&self.config, &self.events, self.memory_limit, self.device)
        }
    }
}

/// Options of `whitelist suggest`.
#[derive(Debug, Clone, Args)]
pub struct SuggestArgs {
    /// Id of the finding, or its first digits
    ///
    /// Without one, the findings are listed with their ids.
    #[arg(value_name = "FINDING-ID")]
    pub finding: Option<String>,
    /// Findings.
    #[command(flatten)]
    pub tested: TestedFindings,
    /// Day at whose end the entry expires
    ///
    /// Such as 2026-12-31.
    #[arg(long, value_name = "DAY")]
    pub expires: Option<chrono::NaiveDate>,
    /// Person who answers for the entry
    #[arg(long, value_name = "TEXT")]
    pub owner: Option<String>,
    /// Reason why what it hides is harmless
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Options of `whitelist preview`.
#[derive(Debug, Clone, Args)]
pub struct PreviewArgs {
    /// File with whitelist sections
    ///
    /// Default: the entries of the configuration and its use cases, each where it applies.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Findings.
    #[command(flatten)]
    pub tested: TestedFindings,
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
}
