//! `fields`: what events can tell. One pass takes an inventory of their fields, and asks the use
//! cases whether they can use them (`exploration`). It is shown as text or JSON (`text`, `json`),
//! or as use cases to begin with (`suggestion`), for which fields have `roles`.

mod exploration;
mod json;
mod roles;
mod suggestion;
mod text;

use tracing::warn;

use super::error::RunError;
use super::run::Audience;
use super::{load, log_problems, printed, told};
use crate::cli::FieldsArgs;
use crate::report::Exit;
use crate::runtime::Interrupt;
use crate::sinks::console::{print_json, print_text};
use crate::telemetry;
use exploration::Exploration;
use text::Extent;

/// Shows the fields of events. `quiet` shows no progress.
pub async fn fields(args: &FieldsArgs, quiet: bool, interrupt: Interrupt) -> Exit {
    let audience = if quiet { Audience::QuietTerminal } else { Audience::Terminal };
    show(args, audience, &interrupt).await.unwrap_or_else(told)
}

async fn show(args: &FieldsArgs, audience: Audience, interrupt: &Interrupt) -> Result<Exit, RunError> {
    let settings = load(&args.config);
    telemetry::follow(&settings.main.log, false);
    super::tell_problems(&settings)?;
    let exploration = Exploration::of(args, &settings, audience, interrupt).await?;
    log_problems(&exploration.problems);
    let suggestions = suggestion::suggest(&exploration);
    if args.json {
        printed(print_json(&json::value(&exploration, &suggestions)))?;
    } else if args.suggest {
        if suggestions.is_empty() {
            warn!("no use case is suggested: no field has values that a model could compare");
        }
        printed(print_text(&suggestion::file(&suggestions, args)))?;
    } else {
        let extent = if args.all { Extent::Everything } else { Extent::Summary };
        printed(print_text(&text::text(&exploration, &suggestions, extent)))?;
    }
    Ok(if exploration.problems.is_empty() { Exit::Done } else { Exit::Partial })
}
