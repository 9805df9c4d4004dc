//! Options of `bench`.

use std::path::PathBuf;

use clap::Args;

use super::values::parse_sweep;
use super::{ConfigArgs, Sweep};

/// Options of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Configuration files.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Event files, folders or patterns
    ///
    /// As for `run`. Default: the cluster in the configuration.
    #[arg(long, value_name = "PATH", num_args = 1.., action = clap::ArgAction::Append)]
    pub events: Vec<String>,
    /// Generate this number of events instead
    ///
    /// They are processes and connections of a company's hosts.
    #[arg(long, value_name = "N", conflicts_with = "events", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub generate: Option<u64>,
    /// Seed of the generated events
    #[arg(long, value_name = "N", default_value_t = 1, requires = "generate")]
    pub seed: u64,
    /// Setting to vary, such as threads=1,2,4
    ///
    /// Also memory-limit=512MiB,2GiB, device=cpu,cuda, or a key of the section 'general' such as
    /// es_scan_size=1000,5000. May be repeated: the best value of one is kept for the next.
    /// Default: threads and memory-limit.
    #[arg(long, value_name = "KEY=VALUE,...", value_parser = parse_sweep)]
    pub sweep: Vec<Sweep>,
    /// Number of runs of each setting
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub repeat: u32,
    /// Write the measurements as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Compare with an earlier file of --json
    ///
    /// Exit with 3 if a setting is slower by more than 3 % and than three times the noise.
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// Draw the events per second as SVG
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Directory for temporary files and spilled data (default: the system's directory for
    /// temporary files)
    #[arg(long, hide_short_help = true, value_name = "DIR")]
    pub spill_dir: Option<PathBuf>,
}
