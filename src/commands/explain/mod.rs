//! `explain`: why an event is an outlier, or why it is not, and what would turn the verdict.
//!
//! The use cases in question are run as always, without writing anything, and looked at from inside
//! (`looking`): once to find the document of a finding, unless the history of runs knows it, and
//! once to explain its rows while the events are there. `shown` is the text for people.

mod looking;
mod shown;

use std::collections::BTreeSet;

use serde_json::json;

use super::error::RunError;
use super::run::{Audience, Once, Selection};
use super::{load, printed, told};
use crate::cli::ExplainArgs;
use crate::config::Configuration;
use crate::report::Exit;
use crate::runtime::{Interrupt, SystemClock};
use crate::sinks::console::{print_json, print_text};
use crate::state::StateStore;
use crate::telemetry;
use crate::terminal::quoted;
use looking::{Explanation, FindingPlace, Looking, Sought};

/// Explains a finding or a document.
pub async fn explain(args: &ExplainArgs, interrupt: Interrupt) -> Exit {
    let settings = load(&args.config);
    telemetry::follow(&settings.main.log, false);
    match explained(args, &settings, &interrupt).await {
        Ok(exit) => exit,
        Err(error) => told(error),
    }
}

async fn explained(args: &ExplainArgs, settings: &Configuration, interrupt: &Interrupt) -> Result<Exit, RunError> {
    let named: Vec<String> = args.use_case.iter().cloned().collect();
    let (document, shown) = match (&args.document, &args.finding) {
        (Some(document), _) => (document.clone(), named),
        (None, Some(id)) => match place_of_finding(args, settings, id, &named, interrupt).await? {
            Ok(FindingPlace { use_case, document, .. }) => (document, vec![glob::Pattern::escape(&use_case)]),
            Err(exit) => return Ok(exit),
        },
        (None, None) => return Err(RunError::Usage("name a finding, or a document with --document".to_owned())),
    };
    let looking = Looking::new(Sought::Document(document.clone()));
    let exit = run(args, settings, with_required(settings, &shown), &looking, interrupt).await;
    if !matches!(exit, Exit::Done | Exit::Partial) {
        return Ok(exit);
    }
    let mut explanations = looking.into_explanations();
    explanations.retain(|explanation| shown.is_empty() || is_named(&explanation.use_case, &shown));
    if let (Some(id), None) = (&args.finding, &args.document) {
        // other rows of the document belong to other findings
        let is_meant = |explanation: &Explanation| {
            let finding = explanation.finding.as_ref();
            finding.is_none_or(|finding| finding.id.starts_with(&id.to_lowercase()))
        };
        explanations.retain(is_meant);
    }
    if explanations.is_empty() {
        let why = "is not among the events that the use cases look at";
        let cure = "write `_index` and `_id` as outputs have them, with a slash between them; an event that \
                    matches no query, has none of the fields, or is outside of the period, is not judged";
        return Err(RunError::Usage(format!("document {} {why}: {cure}", quoted(&document))));
    }
    let result = if args.json {
        print_json(&json!({"document": document, "explanations": explanations}))
    } else {
        print_text(&shown::text(&document, &explanations))
    };
    printed(result)?;
    Ok(exit)
}

async fn run(
    args: &ExplainArgs,
    settings: &Configuration,
    only: Vec<String>,
    looking: &Looking,
    interrupt: &Interrupt,
) -> Exit {
    let once = Once {
        args: &args.as_run(only),
        settings,
        selection: &Selection::All,
        may_wipe: false,
        audience: Audience::Log,
        table: None,
        set: &[],
        sweep: None,
        state: None,
        onlooker: Some(looking),
    };
    once.run(&SystemClock::start(), interrupt).await.1
}

/// True if the name matches one of these patterns. Those that are none were refused by the run.
fn is_named(name: &str, patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(name)))
}

/// Patterns of the use cases that match `patterns`, and of those that they require: without these,
/// their outliers are left out.
fn with_required(settings: &Configuration, patterns: &[String]) -> Vec<String> {
    let mut all = patterns.to_vec();
    let mut idx = 0;
    while idx < all.len() {
        let matching = settings.use_cases.iter().filter(|use_case| is_named(&use_case.id(), &all[idx..=idx]));
        let required: Vec<&String> = matching.flat_map(|use_case| &use_case.requires).collect();
        let required = required.into_iter().map(|name| glob::Pattern::escape(name));
        let new: BTreeSet<String> = required.filter(|pattern| !all.contains(pattern)).collect();
        all.extend(new);
        idx += 1;
    }
    all
}

/// Place of the finding whose id begins with `id`: the history of runs knows it, or all use cases
/// are run. The exit code of that run if it failed.
async fn place_of_finding(
    args: &ExplainArgs,
    settings: &Configuration,
    id: &str,
    named: &[String],
    interrupt: &Interrupt,
) -> Result<Result<FindingPlace, Exit>, RunError> {
    let id = id.to_lowercase();
    if id.is_empty() || !id.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(RunError::Usage(format!("{} is not the id of a finding: hexadecimal digits", quoted(&id))));
    }
    let mut found = kept_places(settings, &id)?;
    if found.is_empty() {
        let looking = Looking::new(Sought::Finding(id.clone()));
        let exit = run(args, settings, named.to_vec(), &looking, interrupt).await;
        if !matches!(exit, Exit::Done | Exit::Partial) {
            return Ok(Err(exit));
        }
        found = looking.into_places();
    }
    match (found.pop(), found.pop()) {
        (Some(place), None) => Ok(Ok(place)),
        (Some(one), Some(other)) => {
            let ids = format!("{} and {}", other.id, one.id);
            Err(RunError::Usage(format!("{} begins the ids of several findings: {ids}", quoted(&id))))
        }
        (None, _) => Err(RunError::Usage(format!(
            "no finding has the id {}: give the events, files of use cases and times of the run that found it",
            quoted(&id)
        ))),
    }
}

/// Findings of the newest run in the history that knows some.
fn kept_places(settings: &Configuration, id: &str) -> Result<Vec<FindingPlace>, RunError> {
    let Some(folder) = &settings.main.general.state_dir else { return Ok(Vec::new()) };
    let Some(store) = StateStore::open_to_read(folder)? else { return Ok(Vec::new()) };
    let mut runs = store.runs()?;
    runs.sort_by_key(|run| std::cmp::Reverse(run.number));
    for run in runs {
        let kept = store.findings(run.number)?.into_iter().filter(|finding| finding.id.starts_with(id));
        let place = |finding: crate::state::KeptFinding| FindingPlace {
            document: format!("{}/{}", finding.index, finding.document),
            id: finding.id,
            use_case: finding.use_case,
        };
        let places: Vec<FindingPlace> = kept.map(place).collect();
        if !places.is_empty() {
            return Ok(places);
        }
    }
    Ok(Vec::new())
}
