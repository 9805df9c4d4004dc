//! Use cases, run anew over events.

use std::sync::Arc;

use serde_json::Value;

use super::super::error::RunError;
use super::super::read_mapping;
use super::super::run::variants::{Events, Settings};
use super::super::run::{Audience, Once, Request, Selection};
use super::trial::Trial;
use crate::cli::{LabelArg, TestedFindings};
use crate::config::Configuration;
use crate::elastic::Lookup;
use crate::event::Document;
use crate::findings::StableId;
use crate::outlier::{Gathered, GatheredOutlier, Outlier};
use crate::plan::ScanPlan;
use crate::report::{Report, summary};
use crate::runtime::{Clock, Interrupt, SystemClock};
use crate::sources::Documents;
use crate::terminal::counted;

/// Outliers whose documents are read together.
const BLOCK: usize = 256;

/// Runs the use cases of `settings`, and calls `each` with their outliers. Returns what these are,
/// for people. Blocks: not for tokio's own threads.
///
/// # Errors
/// Events that cannot be read, and those of `each`.
pub(super) fn trials(
    args: &TestedFindings,
    settings: &Configuration,
    audience: Audience,
    interrupt: &Interrupt,
    mut each: impl FnMut(Trial) -> Result<(), RunError>,
) -> Result<String, RunError> {
    let run_args = args.as_run();
    let clock = SystemClock::start();
    let request = Request::new(&run_args, clock.now())?;
    let mapping = read_mapping(args.config.mapping.as_deref())?;
    let selection = Selection::All;
    let once = Once {
        args: &run_args,
        settings,
        selection: &selection,
        may_wipe: false,
        audience,
        table: None,
        set: &[],
        sweep: None,
        state: None,
        onlooker: None,
    };
    let mut report = Report::new(clock.now());
    let use_cases = once.choose(&request, &mut report)?;
    let reading = Settings { main: &settings.main, mapping: mapping.as_ref(), request: &request, audience, interrupt };
    let events = Events::read(&reading, &args.events, None, use_cases, &mut report)?;
    let (gathered, judged) = events.judge_alone()?;
    let n_events = judged.summary.events;
    report.group(&events.plan, judged, settings.main.general.on_unusable);
    summary::print_missing(&report);
    in_blocks(gathered, |block| of_block(block, &events.source, &events.plan, &args.label, &mut each))?;
    Ok(counted(n_events, "event", "events"))
}

/// Calls `each` with all outliers.
fn in_blocks(
    gathered: Gathered,
    mut each: impl FnMut(Vec<GatheredOutlier>) -> Result<(), RunError>,
) -> Result<(), RunError> {
    let outliers = gathered.store()?;
    let mut read = outliers.read()?;
    let mut block = Vec::new();
    while let Some((_, outlier)) = read.next_outlier()? {
        block.push(outlier);
        if block.len() == BLOCK {
            each(std::mem::take(&mut block))?;
        }
    }
    each(block)
}

fn of_block(
    outliers: Vec<GatheredOutlier>,
    source: &dyn Documents,
    plan: &ScanPlan,
    labels: &[LabelArg],
    each: &mut impl FnMut(Trial) -> Result<(), RunError>,
) -> Result<(), RunError> {
    let keys: Vec<_> = outliers.iter().map(|outlier| outlier.document.clone()).collect();
    let found = if keys.is_empty() { Vec::new() } else { source.read(&keys)? };
    let internal = |error: serde_json::Error| RunError::Internal(format!("an outlier cannot be read: {error}"));
    for (gathered, found) in outliers.into_iter().zip(found) {
        let Lookup::Found(stored) = found else { continue };
        let planned = &plan.use_cases[gathered.use_case_idx];
        let fields = serde_json::from_str(&stored.source).map_err(internal)?;
        let id = gathered.document.id;
        let mut event = Document { index: id.index, id: id.id, source: fields, names: Arc::clone(&plan.names) };
        let is_labelled = |LabelArg { field, value }: &LabelArg| {
            event.value(field).is_some_and(|found| found.elements().iter().any(|found| found.trim() == value))
        };
        let is_attack = labels.iter().any(is_labelled);
        let derived = planned.derived.as_deref().map(|rules| rules.derive(&event.source, &plan.names));
        // whitelists see derived fields in place of the event's own, as in a run
        event.source.extend::<Vec<(String, Value)>>(derived.unwrap_or_default());
        let outlier: Outlier = serde_json::from_str(&gathered.outlier).map_err(internal)?;
        let use_case = planned.use_case.id();
        each(Trial {
            finding: StableId::of_finding(&use_case, &gathered.finding).to_string(),
            use_case,
            aggregator: gathered.finding.aggregator,
            target: gathered.finding.target,
            outlier,
            event,
            is_event_known: true,
            outliers: 1,
            documents: 1,
            is_attack,
        })?;
    }
    Ok(())
}
