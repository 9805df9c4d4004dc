//! Options of `explain`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;

use super::values::{parse_device, parse_size, parse_threads, parse_time};
use super::{ConfigArgs, DeviceChoice, RunArgs};

/// Options of `explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// Id of a finding, or its first digits
    ///
    /// As in tables, reports and the history of runs.
    #[arg(value_name = "FINDING-ID", required_unless_present = "document")]
    pub finding: Option<String>,
    /// Explain this event instead, outlier or not
    ///
    /// Its `_index` and `_id`: those of a line in a file are the name of the file and the number of
    /// the line, as outputs have them.
    #[arg(long, value_name = "INDEX/ID", conflicts_with = "finding")]
    pub document: Option<String>,
    /// Explain it for this use case only
    ///
    /// Such as `terms_rare_parent`; may be a pattern.
    #[arg(long, value_name = "NAME")]
    pub use_case: Option<String>,
    /// Look the finding up in a report of `run`
    ///
    /// Only its use case is run again. Without --events and --config, nothing is run: what the
    /// report says is shown.
    #[arg(long, value_name = "FILE", conflicts_with = "document")]
    pub report: Option<PathBuf>,
    /// Print a JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// Configuration files.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Event files, folders or patterns
    ///
    /// As for `run`. Default: the cluster in the configuration.
    #[arg(long, value_name = "PATH", num_args = 1.., action = clap::ArgAction::Append)]
    pub events: Vec<String>,
    /// Evaluate as if the current time were TIME, as for `run`
    #[arg(long, hide_short_help = true, value_name = "TIME", value_parser = parse_time)]
    pub now: Option<DateTime<Utc>>,
    /// Evaluate events from TIME on, as for `run`
    #[arg(long, hide_short_help = true, value_name = "TIME", value_parser = parse_time, conflicts_with = "now")]
    pub from: Option<DateTime<Utc>>,
    /// Evaluate events up to TIME, as for `run`
    #[arg(long, hide_short_help = true, value_name = "TIME", value_parser = parse_time, conflicts_with = "now")]
    pub to: Option<DateTime<Utc>>,
    /// Upper limit on memory, as for `run`
    #[arg(long, hide_short_help = true, value_name = "SIZE", default_value = "2GiB", value_parser = parse_size)]
    pub memory_limit: usize,
    /// Directory for spilled data (default: the system's directory for temporary files)
    #[arg(long, hide_short_help = true, value_name = "DIR")]
    pub spill_dir: Option<PathBuf>,
    /// Number of worker threads, at most 1024 (default: one per processor)
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = parse_threads)]
    pub threads: Option<NonZeroUsize>,
    /// Device that trains `word2vec` models, as for `run`
    #[arg(long, hide_short_help = true, value_name = "DEVICE", default_value = "auto", value_parser = parse_device)]
    pub device: DeviceChoice,
}

impl ExplainArgs {
    /// Returns the arguments of a run of the use cases `only` that writes nothing.
    pub fn as_run(&self, only: Vec<String>) -> RunArgs {
        RunArgs {
            only,
            now: self.now,
            from: self.from,
            to: self.to,
            threads: self.threads,
            spill_dir: self.spill_dir.clone(),
            ..RunArgs::of_trial(&self.config, &self.events, self.memory_limit, self.device)
        }
    }
}
