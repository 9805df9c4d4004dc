//! `wipe`: all outliers leave their documents.

use chrono::Utc;
use tracing::error;

use super::error::RunError;
use super::tell_problems;
use crate::cli::WipeArgs;
use crate::housekeeping::{Cleaned, Housekeeping};
use crate::report::{Exit, NOTHING_WRITTEN, summary};
use crate::runtime::Interrupt;
use crate::telemetry;

/// Removes all outliers from the documents of all indices that the configuration and its use cases
/// name. `quiet` leaves the summary out.
pub async fn wipe(args: &WipeArgs, quiet: bool, interrupt: Interrupt) -> Exit {
    let mut cleaned = Cleaned::default();
    let result = clean(args, &interrupt, &mut cleaned).await;
    let missing = cleaned.missing();
    if !quiet {
        summary::print_cleaned(&cleaned, &missing);
    }
    match result {
        Err(_) if interrupt.is_raised() => {
            error!("interrupted: {}", cleaned.written.so_far().unwrap_or_else(|| NOTHING_WRITTEN.to_owned()));
            Exit::Interrupted
        }
        Err(run_error) => {
            error!("{run_error}");
            run_error.exit()
        }
        Ok(()) if missing.is_empty() => Exit::Done,
        Ok(()) => Exit::Partial,
    }
}

async fn clean(args: &WipeArgs, interrupt: &Interrupt, cleaned: &mut Cleaned) -> Result<(), RunError> {
    let settings = super::load(&args.config);
    telemetry::follow(&settings.main.log, false);
    tell_problems(&settings)?;
    let spill_dir = super::spill_dir(args.spill_dir.as_deref())?;
    let client = super::connect(&settings.main, interrupt).await?;
    let housekeeping = Housekeeping {
        client: &client,
        main: &settings.main,
        use_cases: &settings.use_cases,
        spill_dir: &spill_dir,
        interrupt,
        dry_run: args.dry_run,
        now: Utc::now(),
    };
    // use cases that cannot be used may name indices that nobody looks at
    if settings.has_rejected() {
        cleaned.incomplete.push("use cases with errors may name more indices: correct them and wipe again".to_owned());
    }
    Ok(housekeeping.wipe(cleaned).await?)
}
