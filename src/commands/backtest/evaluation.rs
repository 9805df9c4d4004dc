//! One configuration, judged by the labels of the events.

use std::collections::BTreeMap;
use std::time::Instant;

use super::super::error::RunError;
use super::super::run::variants::{Events, Settings};
use super::super::run::{Audience, Once, Request, Selection, check_outputs};
use super::super::{log_problems, read_mapping};
use super::census::Census;
use super::counts::Kind;
use super::curves::{Truth, curves};
use super::labels::{LabelledEvents, Labels};
use super::leaks::leaks;
use super::measures::Measures;
use super::result::{BacktestResult, Body, LabelValue, Point, RecordingResult, SCHEMA, Suggestion, UseCaseResult};
use super::suggestion::suggest;
use super::tally::{Comparing, Seen, Tallies, Tally};
use crate::cli::BacktestArgs;
use crate::config::Configuration;
use crate::findings::Finding;
use crate::report::{Exit, Report, Status, summary};
use crate::runtime::{Clock, Interrupt, SystemClock};

/// Values of each label field that the result lists.
const LISTED_VALUES: usize = 20;

/// Inputs with which a configuration is judged.
#[derive(Clone, Copy)]
pub(super) struct Evaluation<'a> {
    pub(super) args: &'a BacktestArgs,
    pub(super) settings: &'a Configuration,
    pub(super) audience: Audience,
    pub(super) interrupt: &'a Interrupt,
}

/// A finding, and the recordings of its documents.
pub(super) struct LabelledFinding {
    pub(super) finding: Finding,
    pub(super) kind: Kind,
    pub(super) recordings: Vec<String>,
}

impl Evaluation<'_> {
    /// Judges the events, and calls `each` with every finding, the highest scores first. Prints
    /// what is missing. Blocks: not for tokio's own threads.
    pub(super) fn run(self, each: impl FnMut(LabelledFinding)) -> Result<(BacktestResult, Exit), RunError> {
        let Evaluation { args, settings, audience, interrupt } = self;
        let started = Instant::now();
        let run_args = args.as_run();
        let request = Request::new(&run_args, SystemClock::start().now())?;
        check_outputs(&run_args, settings, &[("-o", args.output.as_ref())])?;
        let mapping = read_mapping(args.config.mapping.as_deref())?;
        let selection = Selection::All;
        let (selection, table) = (&selection, None);
        let once = Once {
            args: &run_args,
            settings,
            selection,
            may_wipe: false,
            audience,
            table,
            set: &[],
            sweep: None,
            state: None,
            onlooker: None,
        };
        let mut report = Report::new(SystemClock::start().now());
        let use_cases = once.choose(&request, &mut report)?;
        let labels = Labels::of(args);
        let judging =
            Settings { main: &settings.main, mapping: mapping.as_ref(), request: &request, audience, interrupt };
        let events = Events::read(&judging, &args.events, Some(&labels.kept()), use_cases, &mut report)?;
        let mut result = self.judge(&events, &labels, &mut report, each)?;
        report.finish(started.elapsed());
        summary::print_missing(&report);
        let exit = report.exit();
        result.missing = report.missing;
        result.warnings.extend(report.warnings);
        Ok((result, exit))
    }

    fn judge(
        self,
        events: &Events<'_>,
        labels: &Labels,
        report: &mut Report,
        mut each: impl FnMut(LabelledFinding),
    ) -> Result<BacktestResult, RunError> {
        let Evaluation { args, settings, interrupt, .. } = self;
        let ingested = &events.read.ingested;
        let Some(kept) = &events.plan.kept else {
            return Err(RunError::Internal("the plan keeps no labels".to_owned()));
        };
        let mut truth = LabelledEvents::new(labels, &ingested.table, kept, &events.plan);
        let census = Census::take(&truth, interrupt)?;
        census.check(labels, &truth)?;
        let leaks = leaks(&events.plan, &labels.kept());
        log_problems(&leaks);
        let (judged, judged_group) = events.judge()?;
        report.group(&events.plan, judged_group, settings.main.general.on_unusable);
        let comparing = Comparing { judged: &judged, census: &census, interrupt };
        let names: BTreeMap<u32, &str> = census.recordings.keys().map(|rank| (*rank, truth.recording(*rank))).collect();
        let tallies = comparing.tally(&mut truth, |finding, seen: &Seen| {
            let mut recordings: Vec<String> =
                seen.recordings.iter().filter_map(|rank| names.get(rank)).map(|name| (*name).to_owned()).collect();
            recordings.sort_unstable();
            each(LabelledFinding { finding, kind: seen.kind(), recordings });
        })?;
        let curves = if args.curves || args.suggest {
            let mut truth = Truth { events: &mut truth, census: &census, interrupt };
            curves(events, &judged, &mut truth, report)?
        } else {
            BTreeMap::new()
        };
        let use_cases = use_cases(events, report, &tallies, curves, &census);
        let suggestion = args.budget.map(|budget| suggestion(&use_cases, budget, &census)).transpose()?;
        Ok(BacktestResult {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            body: body(&census, labels, &truth),
            in_all: Measures::of(&tallies.in_all, &census),
            recordings: recordings(&census, &tallies, &names),
            use_cases,
            suggestion,
            missing: Vec::new(),
            warnings: leaks.iter().map(|problem| problem.without_severity().to_string()).collect(),
        })
    }
}

fn suggestion(use_cases: &[UseCaseResult], budget: f64, census: &Census) -> Result<Suggestion, RunError> {
    let Some(n_days) = census.n_days() else {
        let why = "--suggest: no background event has a time, so findings per day are unknown; \
                   name background events with --background, and their time with timestamp_field";
        return Err(RunError::Usage(why.to_owned()));
    };
    let of = if census.recordings.is_empty() { "attack events" } else { "recordings" };
    Ok(suggest(use_cases, budget, n_days, of))
}

fn body(census: &Census, labels: &Labels, truth: &LabelledEvents<'_>) -> Body {
    let values = |(field_idx, field): (usize, &crate::event::FieldPath)| {
        let seen = census.seen(field_idx, truth).into_iter().take(LISTED_VALUES);
        let value = |(events, value): (u64, &str)| LabelValue {
            field: field.to_string(),
            value: value.to_owned(),
            events,
            kind: labels.kind(field, value),
        };
        seen.map(value).collect::<Vec<LabelValue>>()
    };
    Body {
        events: census.events,
        background_days: census.n_days(),
        recordings: census.recordings(),
        labels: labels.fields.iter().enumerate().flat_map(values).collect(),
    }
}

/// Results of the use cases that were to be judged, in the order of their names.
fn use_cases(
    events: &Events<'_>,
    report: &Report,
    tallies: &Tallies,
    mut curves: BTreeMap<String, Vec<Point>>,
    census: &Census,
) -> Vec<UseCaseResult> {
    let nothing = Tally::default();
    let sensitivities: BTreeMap<String, Option<f64>> = events
        .use_cases()
        .map(|use_case| (use_case.id(), use_case.model.sensitivity().map(|sensitivity| sensitivity.value)))
        .collect();
    let asked = report.use_cases.iter().filter(|use_case| use_case.status != Status::Inactive);
    let statuses: BTreeMap<&str, Status> = asked.map(|use_case| (use_case.name.as_str(), use_case.status)).collect();
    let result = |(name, status): (&str, Status)| UseCaseResult {
        name: name.to_owned(),
        status,
        sensitivity: sensitivities.get(name).copied().flatten(),
        measures: Measures::of(tallies.use_cases.get(name).unwrap_or(&nothing), census),
        curve: curves.remove(name).unwrap_or_default(),
    };
    statuses.into_iter().map(result).collect()
}

fn recordings(census: &Census, tallies: &Tallies, names: &BTreeMap<u32, &str>) -> Vec<RecordingResult> {
    let result = |(rank, recording): (&u32, &super::census::RecordingCensus)| {
        let found = tallies.use_cases.iter().filter(|(_, tally)| tally.recordings.contains_key(rank));
        let first = tallies.in_all.recordings.get(rank).copied().flatten();
        RecordingResult {
            name: names.get(rank).copied().unwrap_or_default().to_owned(),
            kind: recording.kind(),
            events: recording.events,
            found_by: found.map(|(name, _)| name.clone()).collect(),
            seconds_to_first: first.and_then(|time| recording.seconds_to(time)),
        }
    };
    let mut results: Vec<RecordingResult> = census.recordings.iter().map(result).collect();
    results.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    results
}
