//! `run`: configuration, plan, scan groups, report.

mod cluster;
mod files;
mod judging;
mod outputs;
mod progress;
mod request;

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use tracing::{error, info, warn};

use super::error::RunError;
use super::{load, log_problems, none_active, read_mapping, tell_problems};
use crate::cli::RunArgs;
use crate::config::{Configuration, UseCase};
use crate::doubts::doubts;
use crate::report::{Exit, Report, summary};
use crate::runtime::Interrupt;
use crate::telemetry;
use judging::Judging;
use request::{Request, RequestedSource};

/// Runs once. `quiet` leaves progress and summary out, but for what is missing.
pub async fn run(args: &RunArgs, quiet: bool, interrupt: Interrupt) -> Exit {
    let started = Instant::now();
    let mut report = Report::new(Utc::now());
    let result = detect(args, quiet, &interrupt, &mut report).await;
    report.finish(started.elapsed());
    let exit = match result {
        Ok(()) => {
            if quiet {
                summary::print_missing(&report);
            } else {
                summary::print(&report);
            }
            report.exit()
        }
        Err(_) if interrupt.is_raised() => fail(RunError::Interrupted(report.written_so_far()), &mut report),
        Err(run_error) => fail(run_error, &mut report),
    };
    // where the report would go may be what must not be replaced
    let path = args.report.as_deref().filter(|_| exit != Exit::Usage);
    match outputs::write_report(path, &report) {
        Err(report_error) => {
            error!("{report_error}");
            if exit == Exit::Done { Exit::LocalFile } else { exit }
        }
        Ok(()) => exit,
    }
}

/// Tells and reports why the run failed.
fn fail(run_error: RunError, report: &mut Report) -> Exit {
    error!("{run_error}");
    if report.written.is_some() && !matches!(run_error, RunError::Interrupted(_)) {
        error!("{}", report.written_so_far());
    }
    report.fail(run_error.to_string(), run_error.exit());
    run_error.exit()
}

async fn detect(args: &RunArgs, quiet: bool, interrupt: &Interrupt, report: &mut Report) -> Result<(), RunError> {
    let request = Request::new(args)?;
    let settings = load(&args.config);
    telemetry::follow(&settings.main.log, settings.main.general.print_outliers_to_console);
    outputs::check(args, &request, &settings)?;
    let mapping = read_mapping(args.config.mapping.as_deref())?;
    let use_cases = choose(&settings, &request, report)?;
    outputs::check_report(args.report.as_deref())?;
    let judging = Judging::new(&request, quiet, interrupt, &settings.main, &use_cases)?;
    if let Some(store) = judging.store() {
        report.memory(store);
    }
    match &request.source {
        RequestedSource::Cluster => cluster::detect(&request, judging, &settings, use_cases, report).await,
        RequestedSource::Files(events) => files::detect(events, judging, mapping.as_ref(), use_cases, report),
    }
}

/// Tells all problems; active use cases that pass `--only`.
fn choose(settings: &Configuration, request: &Request, report: &mut Report) -> Result<Vec<Arc<UseCase>>, RunError> {
    report.problems(&settings.problems);
    tell_problems(settings)?;
    if settings.ignored_batch_sizes {
        info!("batch sizes are ignored: statistics cover the whole history window");
    }
    let is_wanted = |name: &str| request.wants(name);
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
    let doubts = doubts(settings, chosen.iter().map(Arc::as_ref));
    report.problems(&doubts);
    log_problems(&doubts);
    let mistaken = request.mistaken_names(settings);
    if chosen.is_empty() {
        let why = if settings.has_rejected() {
            "no use case can run: see the problems above"
        } else if settings.use_cases.is_empty() {
            "no use case was found: name files with --use-cases"
        } else if let Some(mistaken) = mistaken.first() {
            mistaken
        } else {
            none_active(settings).unwrap_or("no active use case has a name that --only asks for")
        };
        return Err(RunError::Configuration(why.to_owned()));
    }
    mistaken.iter().for_each(|mistaken| warn!("{mistaken}"));
    Ok(chosen)
}
