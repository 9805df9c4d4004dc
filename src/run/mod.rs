//! A run from command line to exit status: configuration, plan, scan group, report.

mod cluster;
mod outputs;
mod report;
mod resources;
mod setup;
mod summary;
mod wipe;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use tracing::{error, info, warn};

use crate::cli::{CheckArgs, ConfigArgs, DeviceChoice, RunArgs};
use crate::compute::{Compute, Limits};
use crate::config::{MainConfig, Model, Problem, Settings, Severity, UseCase};
use crate::detection::DetectionError;
use crate::elastic::{Class, Client, ElasticError};
use crate::event::TableError;
use crate::models::EvaluationError;
use crate::models::word2vec::neural::TrainingDevice;
use crate::pipeline::{self, GroupError, ScanGroup};
use crate::plan::{self, Period};
use crate::query::{Mapping, TimeWindow};
use crate::runtime::Interrupt;
use crate::sinks::SinkError;
use crate::sinks::elasticsearch::Ended;
use crate::sources::files::{EventFiles, FileOptions};
use crate::sources::{ScanOptions, ScanProgress, SourceError};
use crate::spill::{self, SpillError};
use crate::telemetry;

pub use report::{Report, Status};
pub use resources::Resources;
pub use setup::setup;
pub use wipe::wipe;

/// What an interrupted run has done that has not begun to write.
const NOTHING_WRITTEN: &str = "nothing was written";

/// How a run ended, as the program's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything that was asked for is done.
    Done = 0,
    /// The command line contradicts itself.
    Usage = 2,
    /// Something was skipped or not written; the report says what.
    Partial = 3,
    /// Events could not be read.
    Reading = 4,
    /// The cluster does not answer.
    Unavailable = 69,
    /// The program is at fault.
    Internal = 70,
    /// A local file could not be read or written.
    LocalFile = 74,
    /// The user or the system ended the run.
    Interrupted = 75,
    /// The cluster refuses the credentials, or they may not do this.
    Refused = 77,
    /// The configuration cannot be used.
    Configuration = 78,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Configuration(String),
    #[error("{0}")]
    Reading(String),
    #[error("{0}")]
    Events(String),
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    Refused(String),
    #[error("interrupted: {0}")]
    Interrupted(String),
    #[error(transparent)]
    LocalFile(#[from] SinkError),
    #[error(transparent)]
    Spill(#[from] SpillError),
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("internal error: {0}")]
    Internal(String),
}

impl RunError {
    fn exit(&self) -> Exit {
        match self {
            RunError::Usage(_) => Exit::Usage,
            RunError::Configuration(_) => Exit::Configuration,
            RunError::Reading(_) => Exit::Reading,
            RunError::Unavailable(_) => Exit::Unavailable,
            RunError::Refused(_) => Exit::Refused,
            RunError::Interrupted(_) => Exit::Interrupted,
            RunError::LocalFile(_) | RunError::Spill(_) | RunError::Unreadable { .. } | RunError::Events(_) => {
                Exit::LocalFile
            }
            RunError::Internal(_) => Exit::Internal,
        }
    }
}

impl From<GroupError> for RunError {
    fn from(group_error: GroupError) -> Self {
        match group_error {
            GroupError::Source(error) => error.into(),
            GroupError::Sink(error) => RunError::LocalFile(error),
            GroupError::Detection(DetectionError::Source(error)) => error.into(),
            GroupError::Detection(
                DetectionError::Spill(error)
                | DetectionError::Table(TableError::Spill(error))
                | DetectionError::Model(EvaluationError::Spill(error)),
            ) => error.into(),
            GroupError::Detection(error) => RunError::Reading(error.to_string()),
        }
    }
}

impl From<SourceError> for RunError {
    fn from(source_error: SourceError) -> Self {
        match source_error {
            SourceError::Cancelled => RunError::Interrupted(NOTHING_WRITTEN.to_owned()),
            SourceError::Server(error) => error.into(),
            SourceError::Spill(error) => error.into(),
            SourceError::Consumer(error) => match error.downcast() {
                Ok(TableError::Spill(error)) => error.into(),
                Ok(error) => RunError::Reading(error.to_string()),
                Err(error) => RunError::Reading(format!("{error:#}")),
            },
            other => RunError::Reading(other.to_string()),
        }
    }
}

impl From<Ended> for RunError {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Interrupted => RunError::Interrupted(NOTHING_WRITTEN.to_owned()),
            Ended::Server(error) => error.into(),
        }
    }
}

impl From<ElasticError> for RunError {
    fn from(error: ElasticError) -> Self {
        let message = error.to_string();
        match error {
            ElasticError::Unreachable { .. } => RunError::Unavailable(message),
            ElasticError::Refused { .. } => RunError::Refused(message),
            ElasticError::Setting { .. } => RunError::Configuration(message),
            ElasticError::Interrupted(_) => RunError::Interrupted(NOTHING_WRITTEN.to_owned()),
            _ if matches!(error.class(), Class::Retry | Class::BackPressure) && error.fault().is_some() => {
                RunError::Unavailable(message)
            }
            _ => RunError::Reading(message),
        }
    }
}

/// Checks every configuration file and prints all problems.
pub fn check(args: &CheckArgs) -> Exit {
    let settings = load(&args.config);
    let mapping = read_mapping(args.config.mapping.as_deref());
    let mut problems = settings.problems.clone();
    match &mapping {
        Ok(mapping) => problems.extend(plan::check(&settings, mapping.as_ref(), Utc::now())),
        Err(error) => problems.push(Problem::error(error.to_string())),
    }
    let n_errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    summary::print_problems(&problems);
    summary::print_checked(settings.use_cases.len() + settings.rejected.len(), n_errors, problems.len() - n_errors);
    if n_errors > 0 { Exit::Configuration } else { Exit::Done }
}

/// Runs once. `quiet` leaves progress and summary out.
pub async fn run(args: &RunArgs, quiet: bool, interrupt: Interrupt) -> Exit {
    let started = Instant::now();
    let mut report = Report::new(Utc::now());
    let result = detect(args, quiet, &interrupt, &mut report).await;
    let result = match result {
        Err(_) if interrupt.is_raised() => Err(RunError::Interrupted(report.written_so_far())),
        other => other,
    };
    report.finish(started.elapsed());
    let exit = match &result {
        Ok(()) => report.exit(),
        Err(run_error) => {
            error!("{run_error}");
            if report.written.is_some() && !matches!(run_error, RunError::Interrupted(_)) {
                error!("{}", report.written_so_far());
            }
            report.fail(run_error.to_string(), run_error.exit());
            run_error.exit()
        }
    };
    if !quiet && result.is_ok() {
        summary::print(&report);
    }
    // where the report would go may be what must not be replaced
    let report_path = args.report.as_deref().filter(|_| exit != Exit::Usage);
    match outputs::write_report(report_path, &report) {
        Ok(()) => exit,
        Err(report_error) => {
            error!("{report_error}");
            if exit == Exit::Done { Exit::LocalFile } else { exit }
        }
    }
}

async fn detect(args: &RunArgs, quiet: bool, interrupt: &Interrupt, report: &mut Report) -> Result<(), RunError> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        return Err(RunError::Usage(format!("--from {from} is later than --to {to}: no event is between them")));
    }
    let settings = load(&args.config);
    telemetry::follow(&settings.main.log, settings.main.print_outliers_to_console);
    outputs::check(args, &settings)?;
    let mapping = read_mapping(args.config.mapping.as_deref())?;
    let use_cases = choose(&settings, args, report)?;
    if args.events.is_empty() {
        return cluster::detect(args, quiet, interrupt, &settings, use_cases, report).await;
    }
    let device = device(args, &use_cases)?;
    let period = period(args);
    let (plan, refused) = plan::plan(use_cases, mapping.as_ref(), period, args.now.unwrap_or_else(Utc::now));
    report.refuse(refused);
    if plan.use_cases.is_empty() {
        return Err(RunError::Configuration("no use case can run: see the problems above".to_owned()));
    }
    let compute = compute(args)?;
    let source = open(args, &compute)?;
    let mut outputs = outputs::open(args)?;
    let progress = Arc::new(ScanProgress::default());
    let options = ScanOptions {
        threads: compute.limits().threads.get(),
        interrupt: interrupt.clone(),
        progress: Arc::clone(&progress),
        ..ScanOptions::default()
    };
    let plan = Arc::new(plan);
    let group = ScanGroup {
        plan: Arc::clone(&plan),
        source: &source,
        main: &settings.main,
        compute: &compute,
        options,
        period,
        device: &device,
    };
    info!(use_cases = plan.use_cases.len(), files = source.len(), "reading events");
    let bar = summary::Progress::start(quiet, source.total_bytes(), progress);
    let result = pipeline::run(&group, &mut outputs).await;
    bar.stop();
    report.group(&plan, result?);
    if interrupt.is_raised() {
        return Err(RunError::Interrupted(NOTHING_WRITTEN.to_owned()));
    }
    outputs::finish(outputs, &plan.use_cases.iter().map(|planned| planned.use_case.id()).collect::<Vec<_>>())
}

async fn connect(main: &MainConfig, interrupt: &Interrupt) -> Result<Client, RunError> {
    let client = Client::connect(&main.elastic, interrupt).await?;
    info!(server = %client.server(), cluster = client.server().cluster, "connected");
    Ok(client)
}

fn load(args: &ConfigArgs) -> Settings {
    crate::config::load(&args.config, &args.use_cases)
}

/// Tells all problems; active use cases that pass `--only`.
fn choose(settings: &Settings, args: &RunArgs, report: &mut Report) -> Result<Vec<Arc<UseCase>>, RunError> {
    report.problems(&settings.problems);
    tell_problems(settings)?;
    if settings.ignored_batch_sizes {
        info!("batch sizes are ignored: statistics cover the whole history window");
    }
    let patterns = only_patterns(&args.only)?;
    let is_wanted = |name: &str| patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(name));
    report.reject(settings.rejected.iter().filter(|rejected| is_wanted(&rejected.section)), settings.rejected_files);
    report.reject_entries(settings.rejected_entries);
    let mut chosen = Vec::new();
    for use_case in settings.use_cases.iter().filter(|use_case| is_wanted(&use_case.id())) {
        if use_case.active {
            chosen.push(Arc::new(use_case.clone()));
        } else {
            report.inactive(use_case);
        }
    }
    if chosen.is_empty() {
        let why = if !settings.rejected.is_empty() || settings.rejected_files > 0 {
            "no use case can run: see the problems above"
        } else if settings.use_cases.is_empty() {
            "no use case was found: name files with --use-cases"
        } else if args.only.is_empty() {
            "no use case is active: set run_model = 1 in some"
        } else {
            "no active use case has a name that --only asks for"
        };
        return Err(RunError::Configuration(why.to_owned()));
    }
    Ok(chosen)
}

/// Tells all problems; an error when the main configuration has any.
fn tell_problems(settings: &Settings) -> Result<(), RunError> {
    for problem in &settings.problems {
        match problem.severity {
            Severity::Error => error!("{}", problem.without_severity()),
            Severity::Warning => warn!("{}", problem.without_severity()),
        }
    }
    if settings.main_errors > 0 {
        return Err(RunError::Configuration("the main configuration has errors: nothing was run".to_owned()));
    }
    Ok(())
}

fn only_patterns(only: &[String]) -> Result<Vec<glob::Pattern>, RunError> {
    only.iter()
        .map(|pattern| {
            glob::Pattern::new(pattern)
                .map_err(|error| RunError::Configuration(format!("--only {pattern}: not a pattern: {error}")))
        })
        .collect()
}

fn read_mapping(path: Option<&Path>) -> Result<Option<Mapping>, RunError> {
    let Some(path) = path else { return Ok(None) };
    let text = std::fs::read(path).map_err(|source| RunError::Unreadable { path: path.to_owned(), source })?;
    Mapping::parse(&text)
        .map(Some)
        .map_err(|error| RunError::Configuration(format!("--mapping {}: {error}", path.display())))
}

fn period(args: &RunArgs) -> Period {
    match (args.now, args.from, args.to) {
        (Some(now), _, _) => Period::HistoryUntil(now),
        (None, None, None) => Period::Everything,
        (None, from, to) => {
            let micros = |time: DateTime<Utc>| time.timestamp_micros();
            Period::Between(TimeWindow { from: from.map_or(i64::MIN, micros), to: to.map_or(i64::MAX, micros) })
        }
    }
}

fn limits(args: &RunArgs) -> Result<Limits, RunError> {
    let processors = std::thread::available_parallelism().map_err(|error| RunError::Internal(error.to_string()))?;
    Ok(Limits {
        memory: args.memory_limit,
        threads: args.threads.unwrap_or(processors),
        spill_dir: args.spill_dir.clone().unwrap_or_else(std::env::temp_dir),
    })
}

/// Where models are trained. A GPU that was asked for must be there; without a model to train, none is looked for.
fn device(args: &RunArgs, use_cases: &[Arc<UseCase>]) -> Result<TrainingDevice, RunError> {
    let learns = |use_case: &Arc<UseCase>| matches!(&use_case.model, Model::Word2vec(model) if !model.use_prob_model);
    match args.device {
        DeviceChoice::Auto if !use_cases.iter().any(learns) => Ok(TrainingDevice::CPU),
        choice => TrainingDevice::open(choice).map_err(|error| RunError::Configuration(error.to_string())),
    }
}

fn compute(args: &RunArgs) -> Result<Compute, RunError> {
    let limits = limits(args)?;
    spill::check_folder(&limits.spill_dir)?;
    Compute::new(limits).map_err(|error| RunError::Internal(error.to_string()))
}

fn open(args: &RunArgs, compute: &Compute) -> Result<EventFiles, RunError> {
    let options = FileOptions { spill_dir: compute.limits().spill_dir.clone() };
    EventFiles::open(&args.events, options).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        RunError::Events(lines.join("\n"))
    })
}
