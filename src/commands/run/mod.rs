//! `run`: configuration, plan, scan groups, report.

mod cluster;
mod outputs;
mod progress;

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use tracing::{error, info};

use super::error::RunError;
use super::{load, read_mapping, tell_problems};
use crate::cli::{DeviceChoice, RunArgs};
use crate::config::{Configuration, Model, UseCase};
use crate::engine::Compute;
use crate::models::word2vec::neural::TrainingDevice;
use crate::pipeline::{self, ScanGroup};
use crate::plan::{self, Period};
use crate::query::TimeWindow;
use crate::report::{Exit, NOTHING_WRITTEN, Report, summary};
use crate::runtime::{Interrupt, Limits};
use crate::sources::files::{EventFiles, FileOptions};
use crate::sources::{ScanOptions, ScanProgress};
use crate::spill;
use crate::telemetry;
use progress::Progress;

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
    telemetry::follow(&settings.main.log, settings.main.general.print_outliers_to_console);
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
    let bar = Progress::start(quiet, source.total_bytes(), progress);
    let result = pipeline::run(&group, &mut outputs).await;
    bar.stop();
    report.group(&plan, result?);
    if interrupt.is_raised() {
        return Err(RunError::Interrupted(NOTHING_WRITTEN.to_owned()));
    }
    outputs::finish(outputs, &plan.use_cases.iter().map(|planned| planned.use_case.id()).collect::<Vec<_>>())
}

/// Tells all problems; active use cases that pass `--only`.
fn choose(settings: &Configuration, args: &RunArgs, report: &mut Report) -> Result<Vec<Arc<UseCase>>, RunError> {
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

fn only_patterns(only: &[String]) -> Result<Vec<glob::Pattern>, RunError> {
    only.iter()
        .map(|pattern| {
            glob::Pattern::new(pattern)
                .map_err(|error| RunError::Configuration(format!("--only {pattern}: not a pattern: {error}")))
        })
        .collect()
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
