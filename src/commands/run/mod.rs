//! `run`: configuration, plan, scan groups, report.

mod cluster;
mod files;
mod judging;
mod onlooker;
mod outputs;
mod page;
mod progress;
mod recording;
mod request;
mod trial;
pub(super) mod variants;

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::{Instrument, error, info, info_span, warn};

use super::error::RunError;
use super::open_state::OpenState;
use super::{load_setting, log_problems, none_active, read_mapping, tell_problems};
use crate::cli::{LogArgs, RunArgs, RunCommandArgs, Sweep};
use crate::config::{Configuration, KeyOverride, UseCase};
use crate::doubts::doubts;
use crate::report::{Exit, NOTHING_WRITTEN, Report, summary};
use crate::runtime::{Clock, Interrupt, SystemClock};
use crate::sinks::console::TableLook;
use crate::telemetry;
use judging::Judging;
use page::Page;
use recording::Recording;
use request::RequestedSource;

pub(super) use onlooker::Onlooker;
pub(super) use outputs::check as check_outputs;
pub(super) use page::write_page;
pub(super) use progress::Progress;
pub(super) use request::Request;

/// Runs once. A quiet log leaves progress and summary out, but for what is missing.
pub async fn run(args: &RunCommandArgs, log: LogArgs, interrupt: Interrupt) -> Exit {
    let RunCommandArgs { run: args, table, set, sweep } = args;
    let (quiet, look) = (log.quiet, TableLook { args: *table, colours: log.color.wanted() });
    let set: Vec<KeyOverride> = set.iter().map(|set| request::override_of(&set.key, &set.value, args)).collect();
    let mut settings = load_setting(&args.config, &set);
    telemetry::follow(&settings.main.log, settings.main.general.print_outliers_to_console);
    let args = &RunArgs { dry_run: args.dry_run || sweep.is_some(), ..args.clone() };
    if sweep.is_some() {
        // what is remembered of earlier runs is not judged again for each value
        settings.main.general.state_dir = None;
    }
    let clock = SystemClock::start();
    let audience = if quiet { Audience::QuietTerminal } else { Audience::Terminal };
    let selection = &Selection::All;
    let (settings, table, sweep) = (&settings, Some(look), sweep.as_ref());
    let once = Once {
        args,
        settings,
        selection,
        may_wipe: true,
        audience,
        table,
        set: &set,
        sweep,
        state: None,
        onlooker: None,
    };
    let (report, exit) = once.run(&clock, &interrupt).await;
    match exit {
        Exit::Done | Exit::Partial if quiet => summary::print_missing(&report),
        Exit::Done | Exit::Partial => summary::print(&report),
        _ => {}
    }
    exit
}

/// Audience of a run: who is shown what it does and finds, besides its outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// A person who looks on.
    Terminal,
    /// A person who wants no progress.
    QuietTerminal,
    /// The log only.
    Log,
}

/// The use cases of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    /// All of them.
    All,
    /// All but those with these names.
    AllBut(BTreeSet<String>),
    /// Those with these names.
    Named(BTreeSet<String>),
}

impl Selection {
    /// True if the use case `name` is to be run.
    fn wants(&self, name: &str) -> bool {
        match self {
            Selection::All => true,
            Selection::AllBut(names) => !names.contains(name),
            Selection::Named(names) => names.contains(name),
        }
    }

    /// True if all use cases of `other` are among these.
    pub(super) fn covers(&self, other: &Selection) -> bool {
        match (self, other) {
            (Selection::All, _) => true,
            (Selection::AllBut(out), Selection::AllBut(others_out)) => out.is_subset(others_out),
            (Selection::AllBut(out), Selection::Named(names)) => out.is_disjoint(names),
            (Selection::AllBut(out), Selection::All) => out.is_empty(),
            (Selection::Named(names), Selection::Named(others)) => others.is_subset(names),
            (Selection::Named(_), _) => false,
        }
    }
}

/// One run with a configuration that is loaded. A process may have any number of them, one after
/// another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Once<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) settings: &'a Configuration,
    /// The use cases of those that the arguments ask for.
    pub(super) selection: &'a Selection,
    /// False if existing outliers stay, whatever the configuration says.
    pub(super) may_wipe: bool,
    pub(super) audience: Audience,
    /// Look of the table of findings, if there is somebody to read it.
    pub(super) table: Option<TableLook>,
    /// Keys of use cases that have other values than in their files.
    pub(super) set: &'a [KeyOverride],
    /// Values of a key to be tried.
    pub(super) sweep: Option<&'a Sweep>,
    /// The state, if the process has it open. The process also tells the notices, then.
    pub(super) state: Option<&'a OpenState>,
    /// Onlooker that sees the run from inside.
    pub(super) onlooker: Option<&'a dyn Onlooker>,
}

impl Once<'_> {
    /// Runs, and writes the report if one is wanted.
    pub(super) async fn run(self, clock: &dyn Clock, interrupt: &Interrupt) -> (Report, Exit) {
        let started = clock.passed();
        let mut report = Report::new(clock.now());
        let mut recording = None;
        let page = Page::wanted(self.args);
        let span = info_span!(target: telemetry::SPANS, "run", started = report.started);
        let result = self.detect(clock, interrupt, &mut report, (&mut recording, page.as_ref()));
        let result = result.instrument(span.clone()).await;
        if let Some(recording) = &recording {
            recording.tell(interrupt, &mut report).await;
        }
        report.finish(clock.passed().saturating_sub(started));
        let exit = match result {
            Ok(()) => report.exit(),
            Err(_) if interrupt.is_out_of_time() => fail(out_of_time(), &mut report),
            Err(_) if interrupt.is_raised() => fail(RunError::Interrupted(report.written_so_far()), &mut report),
            Err(run_error) => fail(run_error, &mut report),
        };
        let seconds = clock.passed().saturating_sub(started).as_secs_f64();
        span.in_scope(|| info!(exit_code = exit as i32, seconds, "run ended"));
        let recorded = recording.map_or(Ok(()), |recording| recording.end(&report, exit));
        // where the report would go may be what must not be replaced
        let path = self.args.report.as_deref().filter(|_| exit != Exit::Usage);
        let page = page.filter(|_| exit != Exit::Usage).map_or(Ok(()), |page| page.write(&report));
        match outputs::write_report(path, &report).and(page).and(recorded) {
            Err(report_error) => {
                error!("{report_error}");
                let exit = if exit == Exit::Done { Exit::LocalFile } else { exit };
                (report, exit)
            }
            Ok(()) => (report, exit),
        }
    }

    async fn detect<'c>(
        self,
        clock: &'c dyn Clock,
        interrupt: &Interrupt,
        report: &mut Report,
        (recording, page): (&mut Option<Recording<'c>>, Option<&Page>),
    ) -> Result<(), RunError>
    where
        Self: 'c,
    {
        let Once { args, settings, .. } = self;
        let request = Request::new(args, clock.now())?;
        let [documents, findings] = [request.output.as_ref().map(|output| &output.path), request.findings.as_ref()];
        let outputs = [("-o", documents), ("--findings", findings), ("--report", args.report.as_ref())];
        let outputs = [&outputs[..], &[("--html", args.html.as_ref())]].concat();
        outputs::check(args, settings, &outputs)?;
        let mapping = read_mapping(args.config.mapping.as_deref())?;
        *recording = Recording::begin(&request, self, clock, interrupt, report)?;
        let use_cases = self.choose(&request, report)?;
        outputs::check_report(args.report.as_deref())?;
        outputs::check_report(args.html.as_deref())?;
        let recording = recording.as_ref();
        let trial = self.trial(&request, &use_cases, interrupt)?;
        let onlooker = trial.as_ref().map(|trial| trial as &dyn Onlooker).or(self.onlooker);
        let once = Once { onlooker, ..self };
        let judging = Judging::new(&request, once, interrupt, &use_cases, recording)?;
        let judging = judging.with_page(page);
        if let Some(store) = judging.store() {
            report.memory(store);
        }
        match &request.source {
            RequestedSource::Cluster => cluster::detect(&request, judging, once, use_cases, report).await,
            RequestedSource::Files(events) => files::detect(events, judging, mapping.as_ref(), use_cases, report),
        }?;
        trial.map_or(Ok(()), |trial| trial.tell(report))
    }

    /// Tells all problems; active use cases that pass `--only` and are selected.
    pub(super) fn choose(self, request: &Request, report: &mut Report) -> Result<Vec<Arc<UseCase>>, RunError> {
        let settings = self.settings;
        report.problems(&settings.problems);
        tell_problems(settings)?;
        if settings.ignored_batch_sizes {
            info!("batch sizes are ignored: statistics cover the whole history window");
        }
        let is_wanted = |name: &str| request.wants(name) && self.selection.wants(name);
        report
            .reject(settings.rejected.iter().filter(|rejected| is_wanted(&rejected.section)), settings.rejected_files);
        report.reject_entries(settings.rejected_entries);
        let mut chosen = Vec::new();
        for use_case in settings.use_cases.iter().filter(|use_case| is_wanted(&use_case.id())) {
            if use_case.active {
                chosen.push(Arc::new(use_case.clone()));
            } else {
                report.inactive(use_case);
            }
        }
        let doubts = doubts(settings, chosen.iter().map(Arc::as_ref), request.now);
        report.problems(&doubts);
        report.whitelist(&settings.main, &chosen, request.now);
        log_problems(&doubts);
        let mistaken = request.mistaken_names(settings);
        if chosen.is_empty() {
            let why = if settings.has_rejected() {
                "no use case can run: see the problems above"
            } else if settings.use_cases.is_empty() {
                "no use case was found: name files with --use-cases"
            } else if let Some(mistaken) = mistaken.first() {
                mistaken
            } else {
                none_active(settings).unwrap_or("no active use case has a name that --only asks for")
            };
            return Err(RunError::Configuration(why.to_owned()));
        }
        mistaken.iter().for_each(|mistaken| warn!("{mistaken}"));
        Ok(chosen)
    }
}

/// Error of a run that has judged nothing in its time.
fn out_of_time() -> RunError {
    RunError::Reading(format!("run_deadline passed before any use case was judged: {NOTHING_WRITTEN}"))
}

/// Tells and reports why the run failed.
fn fail(run_error: RunError, report: &mut Report) -> Exit {
    error!("{run_error}");
    if report.written.is_some() && !matches!(run_error, RunError::Interrupted(_)) {
        error!("{}", report.written_so_far());
    }
    report.fail(run_error.to_string(), run_error.exit());
    run_error.exit()
}
