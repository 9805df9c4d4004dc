//! `check`: every problem of every configuration file.

use chrono::Utc;

use super::{load, read_mapping};
use crate::cli::CheckArgs;
use crate::config::{Problem, n_errors};
use crate::plan;
use crate::report::{Exit, summary};

/// Checks every configuration file and prints all problems.
pub fn check(args: &CheckArgs) -> Exit {
    let settings = load(&args.config);
    let mapping = read_mapping(args.config.mapping.as_deref());
    let mut problems = settings.problems.clone();
    match &mapping {
        Ok(mapping) => problems.extend(plan::check(&settings, mapping.as_ref(), Utc::now())),
        Err(error) => problems.push(Problem::error(error.to_string())),
    }
    let n_errors = n_errors(&problems);
    summary::print_problems(&problems);
    summary::print_checked(settings.use_cases.len() + settings.rejected.len(), n_errors, problems.len() - n_errors);
    if n_errors > 0 { Exit::Configuration } else { Exit::Done }
}
