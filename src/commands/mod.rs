//! The commands of the program, one file each, and what they share.

mod check;
mod error;
mod run;
mod setup;
mod wipe;

use std::path::{Path, PathBuf};

use tracing::{error, info, warn};

use crate::cli::ConfigArgs;
use crate::config::{Configuration, MainConfig, Problem, Severity};
use crate::elastic::Client;
use crate::query::Mapping;
use crate::runtime::Interrupt;
use crate::spill;
use error::RunError;

pub use check::check;
pub use run::run;
pub use setup::setup;
pub use wipe::wipe;

async fn connect(main: &MainConfig, interrupt: &Interrupt) -> Result<Client, RunError> {
    let client = Client::connect(&main.elastic, interrupt).await?;
    info!(server = %client.server(), cluster = client.server().cluster, "connected");
    Ok(client)
}

fn load(args: &ConfigArgs) -> Configuration {
    crate::config::load(&args.config, &args.use_cases)
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

/// Returns the directory for temporary files.
fn spill_dir(given: Option<&Path>) -> Result<PathBuf, RunError> {
    let folder = given.map_or_else(std::env::temp_dir, Path::to_owned);
    spill::check_folder(&folder)?;
    Ok(folder)
}

fn read_mapping(path: Option<&Path>) -> Result<Option<Mapping>, RunError> {
    let Some(path) = path else { return Ok(None) };
    let text = std::fs::read(path).map_err(|source| RunError::Unreadable { path: path.to_owned(), source })?;
    Mapping::parse(&text)
        .map(Some)
        .map_err(|error| RunError::Configuration(format!("--mapping {}: {error}", path.display())))
}
