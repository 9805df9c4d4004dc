//! The command line.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Finds outliers in security events, for many use cases in one pass.
#[derive(Debug, Parser)]
#[command(name = "ee-outliers", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done; 2 usage; 3 partial (the report says what is missing); 4 reading failed; 69 cluster \
unavailable; 70 internal error; 74 local files; 75 interrupted; 77 refused; 78 configuration"
)]
pub struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
    /// Options of the log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find outliers, once
    #[command(alias = "interactive")]
    Run(RunArgs),
    /// Report every problem in every configuration file, without running anything
    Check(CheckArgs),
    /// Remove all outliers from the documents of the cluster
    Wipe(WipeArgs),
    /// Print or store the component template that tells the cluster how to index outliers
    Setup(SetupArgs),
}

/// Options that name the configuration files.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// Main configuration file; may be repeated, and later files win (default: built-in values)
    #[arg(long, value_name = "FILE", num_args = 1.., action = clap::ArgAction::Append)]
    pub config: Vec<PathBuf>,
    /// Use-case files or patterns such as 'use_cases/**/*.conf'; may be repeated (default: the
    /// bundled use cases)
    #[arg(long, value_name = "GLOB", num_args = 1.., action = clap::ArgAction::Append)]
    pub use_cases: Vec<String>,
    /// Field types of the events, as JSON from `GET index/_mapping`; without it, strings are
    /// keywords
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Configuration files.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Event files, directories or patterns; what a file is, its contents decide; `-` is standard
    /// input (default: the cluster in the configuration)
    #[arg(long, value_name = "PATH", num_args = 1.., action = clap::ArgAction::Append)]
    pub events: Vec<String>,
    /// Run only the use cases whose name, such as `terms_rare_parent`, matches one of
    /// these patterns
    #[arg(long, value_name = "NAME_GLOB", num_args = 1.., action = clap::ArgAction::Append)]
    pub only: Vec<String>,
    /// Evaluate as if the current time were TIME, such as 2024-05-08T00:00:00Z: history windows end
    /// there; without it, files are evaluated whole
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub now: Option<DateTime<Utc>>,
    /// Evaluate events from TIME on, instead of the history window of each use case
    #[arg(long, value_name = "TIME", value_parser = parse_time, conflicts_with = "now")]
    pub from: Option<DateTime<Utc>>,
    /// Evaluate events up to TIME, instead of the history window of each use case
    #[arg(long, value_name = "TIME", value_parser = parse_time, conflicts_with = "now")]
    pub to: Option<DateTime<Utc>>,
    /// Find and report outliers, but do not write them
    #[arg(long)]
    pub dry_run: bool,
    /// Write documents with their outliers to FILE, one JSON object per line, or outliers as a
    /// table (see --format); `-` is standard output; without it, a summary of them is printed
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Format of the file of -o: documents as ndjson, or one row per outlier as csv or parquet
    /// (default: by the ending of its name, else ndjson)
    #[arg(long, value_enum, value_name = "FORMAT", requires = "output")]
    pub format: Option<OutputFormat>,
    /// Write findings to FILE, the highest scores first: outliers with the same use case,
    /// aggregator and target are one finding. By the ending of its name, FILE is csv, parquet, or
    /// else one JSON object per line; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub findings: Option<PathBuf>,
    /// Write a report of the run, per use case, to FILE as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Upper limit on memory for events and statistics, such as 512MiB; the rest is spilled to
    /// disk, except for the distinct values of targets and aggregators
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = parse_size)]
    pub memory_limit: usize,
    /// Directory for spilled data (default: the system's directory for temporary files)
    #[arg(long, value_name = "DIR")]
    pub spill_dir: Option<PathBuf>,
    /// Number of worker threads, at most 1024 (default: one per processor)
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    pub threads: Option<NonZeroUsize>,
    /// Device that trains `word2vec` models: auto (a GPU if there is one), cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = parse_device)]
    pub device: DeviceChoice,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Configuration files to check.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Sample of the events, as for `run`: warn of use cases that cannot use them
    #[arg(long, value_name = "PATH", num_args = 1.., action = clap::ArgAction::Append)]
    pub events: Vec<String>,
    /// Form of the result: text on standard error, or a JSON object on standard output
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
    /// Exit with 78 if there are warnings, too
    #[arg(long)]
    pub deny_warnings: bool,
}

/// Form of the result of `check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// Lines for people.
    Text,
    /// One object for programs.
    Json,
}

/// Options of `wipe`.
#[derive(Debug, Args)]
pub struct WipeArgs {
    /// Configuration files that name the cluster and its indices.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Only count the outliers that would be removed
    #[arg(long)]
    pub dry_run: bool,
    /// Directory for spilled data (default: the system's directory for temporary files)
    #[arg(long, value_name = "DIR")]
    pub spill_dir: Option<PathBuf>,
}

/// Options of `setup`.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// Main configuration file; may be repeated, and later files win
    #[arg(long, value_name = "FILE", num_args = 1.., action = clap::ArgAction::Append)]
    pub config: Vec<PathBuf>,
    /// Print the component template to standard output; this is the default
    #[arg(long, conflicts_with = "apply")]
    pub print: bool,
    /// Store the component template in the cluster
    #[arg(long)]
    pub apply: bool,
    /// Print the component template for this kind of cluster, without connecting to one
    #[arg(long, value_enum, conflicts_with = "apply")]
    pub flavour: Option<FlavourArg>,
}

/// Format of a file of outliers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Documents with their outliers, one JSON object per line.
    Ndjson,
    /// One row per outlier, as comma-separated values.
    Csv,
    /// One row per outlier, as a Parquet file.
    Parquet,
}

impl OutputFormat {
    /// Returns the format that the ending of a file's name stands for.
    pub fn of_name(path: &Path) -> Self {
        match path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).as_deref() {
            Some("csv") => Self::Csv,
            Some("parquet") => Self::Parquet,
            _ => Self::Ndjson,
        }
    }
}

/// Kinds of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FlavourArg {
    /// Elasticsearch 8.0 and later, and the default distribution of 7.
    Elasticsearch,
    /// OpenSearch 2.7 and later.
    #[value(name = "opensearch")]
    OpenSearch,
    /// Any other cluster, without a field type for objects with arbitrary keys.
    Other,
}

/// Options of the log.
#[derive(Debug, Clone, Copy, Args)]
pub struct LogArgs {
    /// Increase verbosity (-v, -vv)
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Show errors only, without progress and summary
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Format of the log
    #[arg(long, value_enum, default_value_t = LogFormat::Text, global = true)]
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

/// Device that trains models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A GPU if there is a usable one, otherwise the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU with this number.
    Cuda(usize),
}

fn parse_device(text: &str) -> Result<DeviceChoice, String> {
    let numbered = || text.strip_prefix("cuda:")?.parse().ok();
    match text {
        "auto" => Ok(DeviceChoice::Auto),
        "cpu" => Ok(DeviceChoice::Cpu),
        "cuda" => Ok(DeviceChoice::Cuda(0)),
        _ => numbered()
            .map(DeviceChoice::Cuda)
            .ok_or_else(|| "not a device: write auto, cpu, cuda, or cuda:1 for the second GPU".to_owned()),
    }
}

fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.with_timezone(&Utc));
    }
    let without_zone = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"));
    let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|date| date.and_time(chrono::NaiveTime::MIN));
    without_zone
        .or_else(|_| date())
        .map(|time| time.and_utc())
        .map_err(|_| "not a time: write 2024-05-08T00:00:00Z (without a zone it is UTC)".to_owned())
}

fn parse_threads(text: &str) -> Result<NonZeroUsize, String> {
    const MOST: usize = 1024;
    let threads = text.parse().ok().filter(|threads: &NonZeroUsize| threads.get() <= MOST);
    threads.ok_or_else(|| format!("not a number from 1 to {MOST}"))
}

fn parse_size(text: &str) -> Result<usize, String> {
    const UNITS: [(&str, u64); 10] = [
        ("KIB", 1 << 10),
        ("MIB", 1 << 20),
        ("GIB", 1 << 30),
        ("TIB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("K", 1 << 10),
        ("M", 1 << 20),
        ("G", 1 << 30),
    ];
    let upper = text.trim().to_ascii_uppercase();
    let (number, unit) = UNITS
        .iter()
        .find_map(|&(suffix, unit)| upper.strip_suffix(suffix).map(|number| (number, unit)))
        .unwrap_or((upper.strip_suffix('B').unwrap_or(&upper), 1));
    number
        .trim()
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .and_then(|bytes| usize::try_from(bytes).ok())
        .filter(|&bytes| bytes > 0)
        .ok_or_else(|| "not a size: write 512MiB, 2GiB or a number of bytes".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn devices_are_read() {
        let check = |text: &str, expected: Option<DeviceChoice>| {
            assert_eq!(parse_device(text).ok(), expected, "{text}");
        };
        check("auto", Some(DeviceChoice::Auto));
        check("cpu", Some(DeviceChoice::Cpu));
        check("cuda", Some(DeviceChoice::Cuda(0)));
        check("cuda:3", Some(DeviceChoice::Cuda(3)));
        for wrong in ["cuda:", "cuda:x", "cuda:-1", "gpu", "CPU", ""] {
            check(wrong, None);
        }
    }

    #[test]
    fn sizes_are_read_in_powers_of_two_and_ten() {
        let check = |text: &str, expected: Option<usize>| assert_eq!(parse_size(text).ok(), expected, "{text}");
        check("512MiB", Some(512 << 20));
        check("2GiB", Some(2 << 30));
        check("2 gb", Some(2_000_000_000));
        check("1048576", Some(1 << 20));
        check("64k", Some(64 << 10));
        check("0", None);
        check("-1", None);
        check("99999999999TiB", None);
        check("much", None);
    }

    #[test]
    fn times_without_a_zone_are_utc() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(parse_time(text).ok().map(|time| time.to_rfc3339()).as_deref(), expected, "{text}");
        };
        check("2024-05-08T00:00:00Z", Some("2024-05-08T00:00:00+00:00"));
        check("2024-05-08T02:00:00+02:00", Some("2024-05-08T00:00:00+00:00"));
        check("2024-05-08T00:00:00", Some("2024-05-08T00:00:00+00:00"));
        check("2024-05-08", Some("2024-05-08T00:00:00+00:00"));
        check("yesterday", None);
    }
}
