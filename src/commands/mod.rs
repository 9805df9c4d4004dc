//! The commands of the program, one file each, and what they share.

mod backtest;
mod bench;
mod check;
mod daemon;
mod error;
mod fields;
mod explain;
mod open_state;
mod notify;
mod health;
mod import;
mod list;
mod man;
mod new;
mod report;
mod run;
mod runs;
mod sample;
mod setup;
mod state;
mod whitelist;
mod wipe;

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use tracing::{error, info, warn};

use crate::cli::ConfigArgs;
use crate::config::{Configuration, General, KeyOverride, LoadOptions, MainConfig, Problem, Severity, load_with};
use crate::delivery::SinkError;
use crate::elastic::Client;
use crate::engine::Compute;
use crate::query::Mapping;
use crate::report::Exit;
use crate::runtime::{Interrupt, Limits};
use crate::sources::files::{EventFiles, FileOptions};
use crate::spill;
use error::RunError;

pub use backtest::backtest;
pub use bench::bench;
pub use check::check;
pub use daemon::{Daemon, daemon};
pub use explain::explain;
pub use fields::fields;
pub use health::health;
pub use import::import;
pub use list::list;
pub use man::{completions, man};
pub use new::new;
pub use notify::notify;
pub use report::report;
pub use run::run;
pub use runs::runs;
pub use setup::setup;
pub use state::state;
pub use whitelist::whitelist;
pub use wipe::wipe;

async fn connect(main: &MainConfig, interrupt: &Interrupt) -> Result<Client, RunError> {
    let client = Client::connect(&main.elastic, interrupt).await?;
    info!(server = %client.server(), cluster = client.server().cluster, "connected");
    Ok(client)
}

/// Logs why a command ended early. Returns its exit code.
fn told(run_error: RunError) -> Exit {
    error!("{run_error}");
    run_error.exit()
}

/// Adds standard output to an error.
fn printed(result: io::Result<()>) -> Result<(), RunError> {
    result.map_err(|source| SinkError { path: PathBuf::from("standard output"), source }.into())
}

fn load(args: &ConfigArgs) -> Configuration {
    load_setting(args, &[])
}

/// As [`load`], with keys that have other values than in the files.
fn load_setting(args: &ConfigArgs, set: &[KeyOverride]) -> Configuration {
    let options = LoadOptions { fields: args.fields.as_deref(), hunting: args.hunting, set };
    load_with(&args.config, &args.use_cases, &options)
}

/// Tells all problems; an error when the main configuration has any.
fn tell_problems(settings: &Configuration) -> Result<(), RunError> {
    log_problems(&settings.problems);
    if settings.main_errors > 0 {
        return Err(RunError::Configuration("the main configuration has errors: nothing was run".to_owned()));
    }
    Ok(())
}

fn log_problems(problems: &[Problem]) {
    for problem in problems {
        match problem.severity {
            Severity::Error => error!("{}", problem.without_severity()),
            Severity::Warning => warn!("{}", problem.without_severity()),
        }
    }
}

/// Returns the limits of a run; without a number, one thread per processor.
fn limits(memory: usize, threads: Option<NonZeroUsize>, spill: Option<&Path>) -> Result<Limits, RunError> {
    let processors = std::thread::available_parallelism().map_err(|error| RunError::Internal(error.to_string()))?;
    Ok(Limits { memory, threads: threads.unwrap_or(processors), spill_dir: spill_dir(spill)? })
}

/// Opens the files of `--events`.
fn open_files(events: &[String], compute: &Compute) -> Result<EventFiles, RunError> {
    let options = FileOptions { spill_dir: compute.limits().spill_dir.clone() };
    EventFiles::open(events, options).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        RunError::Events(lines.join("\n"))
    })
}

/// Returns the directory for temporary files.
fn spill_dir(given: Option<&Path>) -> Result<PathBuf, RunError> {
    let folder = given.map_or_else(std::env::temp_dir, Path::to_owned);
    spill::check_folder(&folder)?;
    Ok(folder)
}

/// Returns the reason if there are use cases, but none that is active.
fn none_active(settings: &Configuration) -> Option<&'static str> {
    if settings.use_cases.is_empty() || settings.use_cases.iter().any(|use_case| use_case.active) {
        return None;
    }
    let General { run_models, test_models, .. } = settings.main.general;
    Some(if run_models || test_models {
        "no use case is active: set run_model = 1 in some"
    } else {
        "no use case is active: `run_models = 0` in [general] switches all of them off"
    })
}

fn read_mapping(path: Option<&Path>) -> Result<Option<Mapping>, RunError> {
    let Some(path) = path else { return Ok(None) };
    let text = std::fs::read(path).map_err(|source| RunError::Unreadable { path: path.to_owned(), source })?;
    Mapping::parse(&text)
        .map(Some)
        .map_err(|error| RunError::Configuration(format!("--mapping {}: {error}", path.display())))
}
