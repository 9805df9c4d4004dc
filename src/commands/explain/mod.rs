//! `explain`: why an event is an outlier, or why it is not, and what would turn the verdict.
//!
//! The use cases in question are run as always, without writing anything, and looked at from inside
//! (`looking`): once to find the document of a finding, unless a report or the history of runs
//! knows it (`kept`), and once to explain its rows while the events are there. `shown` is the text
//! for people.

mod kept;
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
use crate::telemetry;
use crate::terminal::quoted;
use kept::{ReportedFinding, in_history, in_report};
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
        (None, Some(id)) => match sought(args, settings, &checked_id(id)?, &named, interrupt).await? {
            SoughtFinding::At(FindingPlace { use_case, document, .. }) => {
                (document, vec![glob::Pattern::escape(&use_case)])
            }
            SoughtFinding::Explained(document, explanation) => {
                show(args, &document, &[*explanation])?;
                return Ok(Exit::Done);
            }
            SoughtFinding::Failed(exit) => return Ok(exit),
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
    show(args, &document, &explanations)?;
    Ok(exit)
}

fn show(args: &ExplainArgs, document: &str, explanations: &[Explanation]) -> Result<(), RunError> {
    printed(if args.json {
        print_json(&json!({"document": document, "explanations": explanations}))
    } else {
        print_text(&shown::text(document, explanations))
    })
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

/// A finding that was sought.
enum SoughtFinding {
    /// It is here.
    At(FindingPlace),
    /// A report explains it; with its document.
    Explained(String, Box<Explanation>),
    /// The run that looked for it failed.
    Failed(Exit),
}

fn checked_id(id: &str) -> Result<String, RunError> {
    let id = id.to_lowercase();
    if id.is_empty() || !id.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(RunError::Usage(format!("{} is not the id of a finding: hexadecimal digits", quoted(&id))));
    }
    Ok(id)
}

/// Looks for the finding whose id begins with `id`: in the report that is named, else in the
/// history of runs, else in a run of all use cases.
async fn sought(
    args: &ExplainArgs,
    settings: &Configuration,
    id: &str,
    named: &[String],
    interrupt: &Interrupt,
) -> Result<SoughtFinding, RunError> {
    if let Some(path) = &args.report {
        let ReportedFinding { place, explanation } = only(id, in_report(path, id)?, |found| &found.place.id)?;
        if !args.events.is_empty() || !args.config.config.is_empty() {
            return Ok(SoughtFinding::At(place));
        }
        let Some(explanation) = explanation else {
            let why = "the report holds no evidence about it";
            return Err(RunError::Usage(format!("{}: {why}: name the events with --events", quoted(id))));
        };
        return Ok(SoughtFinding::Explained(place.document, Box::new(explanation)));
    }
    let mut found = in_history(settings, id)?;
    if found.is_empty() {
        let looking = Looking::new(Sought::Finding(id.to_owned()));
        let exit = run(args, settings, named.to_vec(), &looking, interrupt).await;
        if !matches!(exit, Exit::Done | Exit::Partial) {
            return Ok(SoughtFinding::Failed(exit));
        }
        found = looking.into_places();
    }
    only(id, found, |place| &place.id).map(SoughtFinding::At)
}

/// The only one of `found`, whose ids begin with `id`.
fn only<T>(id: &str, mut found: Vec<T>, id_of: impl Fn(&T) -> &str) -> Result<T, RunError> {
    match (found.pop(), found.pop()) {
        (Some(one), None) => Ok(one),
        (Some(one), Some(other)) => {
            let ids = format!("{} and {}", id_of(&other), id_of(&one));
            Err(RunError::Usage(format!("{} begins the ids of several findings: {ids}", quoted(id))))
        }
        (None, _) => Err(RunError::Usage(format!(
            "no finding has the id {}: give the events, files of use cases and times of the run that found it",
            quoted(id)
        ))),
    }
}
