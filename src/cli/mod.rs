//! The command line.

mod again;
mod backtest;
mod bench;
mod examples;
mod explain;
mod fields;
mod import;
mod kept;
mod list;
mod log;
mod run_command;
mod setup;
mod table;
mod trial;
mod values;
mod whitelist;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use backtest::{BacktestArgs, BacktestFormat, LabelArg, RecordingsHalf};
pub use bench::BenchArgs;
use examples::help_of;
pub use examples::{Example, examples_of};
pub use explain::ExplainArgs;
pub use fields::FieldsArgs;
pub use import::{ImportArgs, ImportCommand};
pub use kept::{ReportArgs, RunsCommand, StateCommand, StatePlace};
pub use list::{ListArgs, NewArgs};
pub use log::{LogArgs, LogFormat};
pub use run_command::RunCommandArgs;
pub use setup::{DashboardsArg, FlavourArg, SetupArgs};
pub use table::{ColorArg, FindingGrouping, FindingOrder, TableArgs};
pub(crate) use values::parse_size;
pub use values::{DeviceChoice, SetKey, Sweep};
use values::{parse_device, parse_threads, parse_time};
pub use whitelist::{PreviewArgs, SuggestArgs, TestedFindings, WhitelistCommand};

/// Finds outliers in security events, for many use cases in one pass.
#[derive(Debug, Parser)]
#[command(name = "ee-outliers", version, long_version = crate::version::long())]
#[command(propagate_version = true, max_term_width = 100)]
#[command(
    after_long_help = "Begin with `ee-outliers fields --events PATH` and `ee-outliers run --events PATH`.\n\nExit codes: 0 \
done; 2 usage; 3 partial (the report says what is missing); 4 reading failed; 69 cluster unavailable; 70 internal error; \
74 local files; 75 interrupted; 77 refused; 78 configuration"
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
    ///
    /// Events come from files (--events) or from the cluster in the configuration. Findings are
    /// printed, the highest scores first, or written to the files that options name.
    #[command(alias = "interactive", after_long_help = help_of("run"))]
    Run(RunCommandArgs),
    /// Find outliers on schedule, until SIGTERM
    ///
    /// The schedule is in the section 'daemon' of the configuration. SIGUSR1 starts a run of all
    /// use cases, SIGHUP reads the configuration again. Exit codes: 0 ended between runs; 75 ended
    /// during one; 78 configuration.
    #[command(after_long_help = help_of("daemon"))]
    Daemon(RunArgs),
    /// Explain why an event is an outlier or not
    ///
    /// And what would turn the verdict. Give the events and the configuration of the run.
    #[command(after_long_help = help_of("explain"))]
    Explain(ExplainArgs),
    /// Report every problem in configuration files, and run nothing
    #[command(after_long_help = help_of("check"))]
    Check(CheckArgs),
    /// Show which fields events have, and which use cases can use them
    #[command(after_long_help = help_of("fields"))]
    Fields(FieldsArgs),
    /// Suggest whitelist entries, and count what entries hide
    #[command(subcommand, after_long_help = help_of("whitelist"))]
    Whitelist(WhitelistCommand),
    /// List use cases: what they find, their state, and what they need
    #[command(after_long_help = help_of("list"))]
    List(ListArgs),
    /// Print a use case to start from
    ///
    /// It is valid as it is, and explains every key of its model.
    #[command(after_long_help = help_of("new"))]
    New(NewArgs),
    /// Remove all outliers from the documents of the cluster
    #[command(after_long_help = help_of("wipe"))]
    Wipe(WipeArgs),
    /// List earlier runs, show one, or compare two
    #[command(subcommand, after_long_help = help_of("runs"))]
    Runs(RunsCommand),
    /// Make a page of a report, or of a run of the history
    #[command(after_long_help = help_of("report"))]
    Report(ReportArgs),
    /// Show, check or export what is kept in state_dir
    #[command(subcommand, after_long_help = help_of("state"))]
    State(StateCommand),
    /// Print or store the component template for outliers
    ///
    /// It tells the cluster how to index them.
    #[command(after_long_help = help_of("setup"))]
    Setup(SetupArgs),
    /// List the channels that tell people, or send a sample through one
    ///
    /// Exit codes of --test: 0 told; 69 not told, another attempt may succeed; 77 the receiver
    /// refuses the sample; 78 the channel cannot be used as it is configured.
    #[command(after_long_help = help_of("notify"))]
    Notify(NotifyArgs),
    /// Measure runs with different settings, and recommend some
    ///
    /// Runs read, judge and describe, but write nothing.
    #[command(after_long_help = help_of("bench"))]
    Bench(BenchArgs),
    /// Make use cases of the rules of other programs
    #[command(subcommand, after_long_help = help_of("import"))]
    Import(ImportCommand),
    /// Run use cases over labelled events, and report how good they are
    #[command(after_long_help = help_of("backtest"))]
    Backtest(BacktestArgs),
    /// Ask the daemon of this machine whether it is well
    ///
    /// Exit with 0 if so, else with 69.
    #[command(after_long_help = help_of("health"))]
    Health(HealthArgs),
    /// Print the completions of commands and options for a shell
    #[command(after_long_help = help_of("completions"))]
    Completions(CompletionsArgs),
    /// Print a manual page, or write all of them to a folder
    #[command(after_long_help = help_of("man"))]
    Man(ManArgs),
}

/// Options that name the configuration files.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// Main configuration; may be repeated
    ///
    /// The files are merged, and later ones win. Default: built-in values.
    #[arg(long, value_name = "FILE", num_args = 1.., action = clap::ArgAction::Append)]
    pub config: Vec<PathBuf>,
    /// Use-case files, such as 'my/**/*.conf'
    ///
    /// Files or patterns, in which `**` matches any number of folders; may be repeated. Default:
    /// the bundled use cases.
    #[arg(long, value_name = "GLOB", num_args = 1.., action = clap::ArgAction::Append)]
    pub use_cases: Vec<String>,
    /// Also run the bundled hunting use cases
    ///
    /// They find more, and more that is harmless.
    #[arg(long, conflicts_with = "use_cases")]
    pub hunting: bool,
    /// Names that fields have in the events
    ///
    /// `auto`, `none`, or names of profiles and files with commas between them. Default: `fields`
    /// of the main configuration, else `auto` for the bundled use cases and `none` for others.
    #[arg(long, value_name = "PROFILE", hide_short_help = true)]
    pub fields: Option<String>,
    /// Field types of the events, as JSON from `GET index/_mapping`
    ///
    /// Without it, strings are keywords.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub mapping: Option<PathBuf>,
}

/// Options of every run.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Configuration files.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Event files, folders or patterns
    ///
    /// Contents decide what a file is; `-` is standard input. Default: the cluster in the
    /// configuration.
    #[arg(long, value_name = "PATH", num_args = 1.., action = clap::ArgAction::Append)]
    pub events: Vec<String>,
    /// Run only the use cases with these names
    ///
    /// A name is that of the section, such as `terms_rare_parent`; patterns such as '*rare*' work,
    /// too.
    #[arg(long, value_name = "NAME_GLOB", num_args = 1.., action = clap::ArgAction::Append)]
    pub only: Vec<String>,
    /// Evaluate as if the current time were TIME
    ///
    /// Such as 2024-05-08T00:00:00Z: history windows end there. Without it, files are evaluated
    /// whole.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub now: Option<DateTime<Utc>>,
    /// Evaluate events from TIME on, instead of the history window of each use case
    #[arg(long, hide_short_help = true, value_name = "TIME", value_parser = parse_time, conflicts_with = "now")]
    pub from: Option<DateTime<Utc>>,
    /// Evaluate events up to TIME, instead of the history window of each use case
    #[arg(long, hide_short_help = true, value_name = "TIME", value_parser = parse_time, conflicts_with = "now")]
    pub to: Option<DateTime<Utc>>,
    /// Find and report outliers, but do not write them
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,
    /// Write documents with their outliers to FILE
    ///
    /// One JSON object per line, or outliers as a table (see --format); `-` is standard output.
    /// Without it, tables of findings and assets are printed.
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Format of the file of -o
    ///
    /// Documents as ndjson, or one row per outlier as csv or parquet. Default: by the ending of its
    /// name, else ndjson.
    #[arg(
        long,
        hide_short_help = true,
        value_enum,
        value_name = "FORMAT",
        requires = "output",
        help_heading = "Output"
    )]
    pub format: Option<OutputFormat>,
    /// Write findings, the highest scores first
    ///
    /// Outliers with the same use case, aggregator and target are one finding. By the ending of its
    /// name, FILE is csv, parquet, or else one JSON object per line; `-` is standard output.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub findings: Option<PathBuf>,
    /// Write a report of the run as JSON
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub report: Option<PathBuf>,
    /// Write a page about the run
    ///
    /// HTML that needs no server and no network: findings with the plots that explain them, assets,
    /// ATT&CK, use cases, what was read; `-` is standard output.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub html: Option<PathBuf>,
    /// Upper limit on memory for events
    ///
    /// For events and statistics, such as 512MiB; the rest is spilled to disk, except for the
    /// distinct values of targets and aggregators.
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = parse_size, help_heading = "Resources")]
    pub memory_limit: usize,
    /// Directory for spilled data (default: the system's directory for temporary files)
    #[arg(long, hide_short_help = true, value_name = "DIR", help_heading = "Resources")]
    pub spill_dir: Option<PathBuf>,
    /// Number of worker threads
    ///
    /// At most 1024. Default: one per processor.
    #[arg(long, value_name = "N", value_parser = parse_threads, help_heading = "Resources")]
    pub threads: Option<NonZeroUsize>,
    /// Device that trains `word2vec` models: auto (a GPU if there is one), cpu, cuda or cuda:N
    #[arg(
        long, hide_short_help = true, value_name = "DEVICE", default_value = "auto", value_parser = parse_device,
        help_heading = "Resources"
    )]
    pub device: DeviceChoice,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Configuration files to check.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Sample of the events: warn of use cases that cannot use them
    #[arg(long, value_name = "PATH", num_args = 1.., action = clap::ArgAction::Append)]
    pub events: Vec<String>,
    /// Form of the result
    ///
    /// Text goes to standard error, a JSON object to standard output.
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
    #[arg(long, hide_short_help = true, value_name = "DIR")]
    pub spill_dir: Option<PathBuf>,
}

/// Options of `notify`.
#[derive(Debug, Args)]
pub struct NotifyArgs {
    /// Main configuration; may be repeated
    ///
    /// The files are merged, and later ones win.
    #[arg(long, value_name = "FILE", num_args = 1.., action = clap::ArgAction::Append)]
    pub config: Vec<PathBuf>,
    /// Send a sample through the channel of this name
    ///
    /// It is a finding that does not exist. What the receiver answers is printed.
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    pub test: Option<String>,
    /// Print the channels of the configuration
    #[arg(long, conflicts_with = "test")]
    pub list: bool,
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
    /// Command whose page is printed (default: that of the program)
    #[arg(conflicts_with = "dir")]
    pub command: Option<String>,
    /// Write the pages of all commands to DIR
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
