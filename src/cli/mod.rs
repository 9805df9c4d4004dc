//! The command line.

mod again;
mod import;
mod backtest;
mod fields;
mod explain;
mod kept;
mod list;
mod log;
mod run_command;
mod table;
mod trial;
mod values;
mod whitelist;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use backtest::{BacktestArgs, BacktestFormat, LabelArg, RecordingsHalf};
pub use explain::ExplainArgs;
pub use fields::FieldsArgs;
pub use import::{ImportArgs, ImportCommand};
pub use kept::{ReportArgs, RunsCommand, StateCommand, StatePlace};
pub use list::{ListArgs, NewArgs};
pub use log::{LogArgs, LogFormat};
pub use run_command::RunCommandArgs;
pub use table::{ColorArg, FindingGrouping, FindingOrder, TableArgs};
pub(crate) use values::parse_size;
pub use values::{DeviceChoice, SetKey, Sweep};
use values::{parse_device, parse_sweep, parse_threads, parse_time};
pub use whitelist::{PreviewArgs, SuggestArgs, TestedFindings, WhitelistCommand};

/// Finds outliers in security events, for many use cases in one pass.
#[derive(Debug, Parser)]
#[command(name = "ee-outliers", version, long_version = crate::version::long())]
#[command(propagate_version = true, max_term_width = 100)]
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
    Run(RunCommandArgs),
    /// Find outliers on schedule, until SIGTERM
    #[command(
        after_help = "The schedule is in the section 'daemon' of the configuration. SIGUSR1 starts a run of all use \
cases, SIGHUP reads the configuration again. Exit codes: 0 ended between runs; 75 ended during one; 78 configuration"
    )]
    Daemon(RunArgs),
    /// Explain why an event is an outlier or not, and what would turn the verdict
    #[command(
        after_long_help = "Give the events and the configuration of the run. Examples: ee-outliers explain 3f9a2c \
--events events/ and ee-outliers explain --document events.ndjson/000000000017 --events events.ndjson"
    )]
    Explain(ExplainArgs),
    /// Report every problem in every configuration file, without running anything
    Check(CheckArgs),
    /// Show which fields events have, and which use cases can use them
    #[command(after_help = "Example: ee-outliers fields --events logs/ --suggest > mine.conf")]
    Fields(FieldsArgs),
    /// Suggest whitelist entries, and count what entries hide
    #[command(subcommand)]
    Whitelist(WhitelistCommand),
    /// List use cases: what they find, their state, and what they need
    List(ListArgs),
    /// Print a use case to start from, with every key of its model explained
    New(NewArgs),
    /// Remove all outliers from the documents of the cluster
    Wipe(WipeArgs),
    /// List earlier runs, show one, or compare two
    #[command(subcommand)]
    Runs(RunsCommand),
    /// Make a page of a report, or of a run of the history
    #[command(after_help = "Examples: ee-outliers report report.json --html report.html; ee-outliers report 7 \
--state-dir state --html run-7.html")]
    Report(ReportArgs),
    /// Show, check or export what is kept in state_dir
    #[command(subcommand)]
    State(StateCommand),
    /// Print or store the component template that tells the cluster how to index outliers
    Setup(SetupArgs),
    /// List the channels through which people are told, or send a sample through one
    #[command(after_help = "Exit codes of --test: 0 told; 69 not told, another attempt may succeed; 77 the receiver \
refuses the sample; 78 the channel cannot be used as it is configured")]
    Notify(NotifyArgs),
    /// Measure runs with different settings, and recommend some
    #[command(after_help = "Runs read, judge and describe, but write nothing. Example: ee-outliers bench \
--generate 1000000 --sweep threads=1,2,4 --repeat 5 --json bench.json")]
    Bench(BenchArgs),
    /// Make use cases of the rules of other programs
    #[command(subcommand)]
    Import(ImportCommand),
    /// Run use cases over labelled events, and report how good they are
    #[command(after_help = "Example: ee-outliers backtest --events recordings/ --label labels.attack=attack \
--recording labels.dataset --curves -o backtest.html")]
    Backtest(BacktestArgs),
    /// Ask the daemon of this machine whether it is well: exit with 0 if so, else with 69
    Health(HealthArgs),
    /// Print the completions of commands and options for a shell
    Completions(CompletionsArgs),
    /// Print a manual page, or write all of them to a folder
    Man(ManArgs),
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
    /// Also run the bundled use cases for hunting: they find more, and more that is harmless
    #[arg(long, conflicts_with = "use_cases")]
    pub hunting: bool,
    /// Names that fields have in the events: `auto`, `none`, or names of profiles and files with
    /// commas between them (default: `fields` of the main configuration, else `auto` for the
    /// bundled use cases and `none` for others)
    #[arg(long, value_name = "PROFILE")]
    pub fields: Option<String>,
    /// Field types of the events, as JSON from `GET index/_mapping`; without it, strings are
    /// keywords
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
}

/// Options of every run.
#[derive(Debug, Clone, Args)]
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
    /// Write a page about the run to FILE, as HTML that needs no server and no network: findings
    /// with the plots that explain them, assets, ATT&CK, use cases, what was read; `-` is standard
    /// output
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
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
    /// Print saved objects for this program instead: an index pattern, a search and a dashboard for
    /// the events of es_index_pattern and their outliers
    #[arg(long, value_enum, value_name = "PROGRAM", conflicts_with_all = ["print", "apply", "flavour"])]
    pub saved_objects: Option<DashboardsArg>,
}

/// Options of `notify`.
#[derive(Debug, Args)]
pub struct NotifyArgs {
    /// Main configuration file; may be repeated, and later files win
    #[arg(long, value_name = "FILE", num_args = 1.., action = clap::ArgAction::Append)]
    pub config: Vec<PathBuf>,
    /// Send a finding that does not exist through the channel of this name, and print what the
    /// receiver answers
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    pub test: Option<String>,
    /// Print the channels of the configuration
    #[arg(long, conflicts_with = "test")]
    pub list: bool,
}

/// Options of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Configuration files.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Files, folders or patterns of events, as for `run` (default: the cluster)
    #[arg(long, value_name = "PATH", num_args = 1.., action = clap::ArgAction::Append)]
    pub events: Vec<String>,
    /// Generate this number of events instead: processes and connections of a company's hosts
    #[arg(long, value_name = "N", conflicts_with = "events", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub generate: Option<u64>,
    /// Seed of the generated events
    #[arg(long, value_name = "N", default_value_t = 1, requires = "generate")]
    pub seed: u64,
    /// Setting to vary, and its values: threads=1,2,4, memory-limit=512MiB,2GiB, device=cpu,cuda,
    /// or a key of the section 'general' such as es_scan_size=1000,5000; may be repeated, and the
    /// best value of one is kept for the next (default: threads and memory-limit)
    #[arg(long, value_name = "KEY=VALUE,...", value_parser = parse_sweep)]
    pub sweep: Vec<Sweep>,
    /// Number of runs of each setting
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub repeat: u32,
    /// Write the measurements to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Compare with an earlier file of --json: exit with 3 if a setting is slower by more than 3 %
    /// and than three times the noise
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// Draw the events per second of each setting, as SVG
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Directory for temporary files and spilled data (default: the system's directory for
    /// temporary files)
    #[arg(long, value_name = "DIR")]
    pub spill_dir: Option<PathBuf>,
}

/// Options of `health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Address to ask
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9597/healthz")]
    pub url: String,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Shell that reads the completions
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Options of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Command whose page is printed (default: the page of the program)
    #[arg(conflicts_with = "dir")]
    pub command: Option<String>,
    /// Write the pages of all commands to DIR, which is made if there is none
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
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

/// Programs that show what is in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DashboardsArg {
    /// Kibana 8 and later.
    Kibana,
    /// OpenSearch Dashboards 2 and later.
    #[value(name = "opensearch")]
    OpenSearch,
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
