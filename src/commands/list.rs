//! `list`: use cases with their state and what they need.

use std::collections::BTreeMap;

use glob::Pattern;

use super::error::RunError;
use super::{load, printed, read_mapping, sample, tell_problems, told};
use crate::cli::ListArgs;
use crate::config::Configuration;
use crate::report::{Exit, ListedUseCase, listing};
use crate::sinks::console::{print_json, print_text};

/// Lists the use cases of a configuration.
pub fn list(args: &ListArgs) -> Exit {
    listed(args).unwrap_or_else(told)
}

fn listed(args: &ListArgs) -> Result<Exit, RunError> {
    let settings = load(&args.config);
    tell_problems(&settings)?;
    let only = args.only.iter().map(|pattern| Pattern::new(pattern));
    let only = only.collect::<Result<Vec<_>, _>>().map_err(|error| RunError::Usage(format!("--only: {error}")))?;
    let missing = match args.events.as_slice() {
        [] => BTreeMap::new(),
        events => {
            let mapping = read_mapping(args.config.mapping.as_deref())?;
            sample::read(events, &settings, mapping.as_ref())?.missing
        }
    };
    let mut found = of(&settings, &missing);
    found.retain(|use_case| only.is_empty() || only.iter().any(|pattern| pattern.matches(&use_case.name)));
    if args.json {
        let json = serde_json::to_value(&found).map_err(|error| RunError::Internal(error.to_string()))?;
        printed(print_json(&json))?;
    } else {
        printed(print_text(&listing(&found)))?;
    }
    Ok(if settings.has_rejected() { Exit::Configuration } else { Exit::Done })
}

/// Use cases of `settings`, those that are `missing` fields with a message about them.
fn of(settings: &Configuration, missing: &BTreeMap<String, String>) -> Vec<ListedUseCase> {
    let mut found: Vec<ListedUseCase> =
        settings.use_cases.iter().map(|use_case| ListedUseCase::of(use_case, missing.get(&use_case.id()))).collect();
    found.extend(settings.rejected.iter().map(ListedUseCase::rejected));
    found
}
