//! The loop of the daemon: waits until something is due, then runs it.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::Notify;
use tracing::{debug, error, info, warn};

use super::super::error::RunError;
use super::super::open_state::OpenState;
use super::super::run::{Audience, Once, Selection};
use super::super::{load, log_problems, tell_problems, told};
use super::agenda::Agenda;
use super::ended::{folder_bytes, log_end, newest_runs, panicked};
use super::retries::Retries;
use super::service;
use super::telling::{ReadyOutbox, TellingTask};
use super::watch::Watch;
use crate::cli::RunArgs;
use crate::config::{Configuration, Severity};
use crate::http::{DaemonStatus, RunReason, SharedStatus};
use crate::report::{Exit, Report};
use crate::runtime::{Clock, Interrupt, on_own_thread};
use crate::state::StateStore;
use crate::telemetry;

/// Time that a run has to end after a signal.
pub(super) const GRACE: Duration = Duration::from_secs(30);

/// Longest sleep: the time of day may step meanwhile, and files may change unnoticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Time for an editor to write the rest of a change.
const SETTLING: Duration = Duration::from_millis(500);

/// The daemon: its configuration, and what it is about to do.
#[derive(Debug)]
pub struct Daemon {
    args: Arc<RunArgs>,
    settings: Arc<Configuration>,
    clock: Arc<dyn Clock>,
    interrupt: Interrupt,
    status: SharedStatus,
    run_requests: Arc<Notify>,
    reload_requests: Arc<Notify>,
    agenda: Agenda,
    retries: Retries,
    watch: Watch,
    /// The state, if the configuration has one: open as long as the daemon works.
    state: Option<OpenState>,
    /// Tells the notices in the state.
    telling: Option<TellingTask>,
    /// True until the first run has begun.
    is_first: bool,
    /// True if somebody has asked for a run.
    is_requested: bool,
    /// True if somebody has asked to read the configuration again.
    is_reload_requested: bool,
}

/// Occasion on which the configuration is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occasion {
    /// Its files were edited, or somebody asked for it: what comes of it is told.
    Edit,
    /// A run is due, and files that it names, such as those of secrets, may be others.
    Run,
}

/// A run that is due.
#[derive(Debug)]
struct Job {
    reason: RunReason,
    selection: Selection,
}

impl Daemon {
    /// Reads the configuration; nothing runs yet.
    ///
    /// # Errors
    /// The exit code, after the reason was logged: arguments of single runs, errors in the main
    /// configuration, and one without a schedule.
    pub fn new(args: &RunArgs, clock: Arc<dyn Clock>, interrupt: &Interrupt) -> Result<Self, Exit> {
        Daemon::open(args, clock, interrupt).map_err(told)
    }

    fn open(args: &RunArgs, clock: Arc<dyn Clock>, interrupt: &Interrupt) -> Result<Self, RunError> {
        if args.now.or(args.from).or(args.to).is_some() {
            let why = "--now, --from and --to are for single runs: the history windows of a daemon end now";
            return Err(RunError::Usage(why.to_owned()));
        }
        let watch = Watch::new(&args.config);
        let settings = load(&args.config);
        telemetry::follow(&settings.main.log, settings.main.general.print_outliers_to_console);
        tell_problems(&settings)?;
        log_problems(&settings.main.daemon.mistakes);
        if !settings.main.daemon.mistakes.is_empty() {
            return Err(RunError::Configuration("[daemon] has errors: see above".to_owned()));
        }
        let now = clock.now();
        let agenda = Agenda::new(&settings, now);
        if agenda.is_empty() {
            let why = "there is no schedule: write one in [daemon], such as schedule=0 0 * * *";
            return Err(RunError::Configuration(why.to_owned()));
        }
        let state = OpenState::open(&settings.main)?;
        let mut status = DaemonStatus::new(now);
        status.last_reload = Some(now);
        if let Some(state) = &state {
            status.recall(&newest_runs(&state.store)?);
            status.keep_use_cases(&settings.use_cases);
            status.state_bytes = Some(folder_bytes(state.folder.path()));
        }
        let status = SharedStatus::new(status);
        let telling = match &state {
            None => None,
            Some(state) => {
                let outbox = ReadyOutbox::open(&state.store, &settings.main, interrupt)?;
                Some(outbox.start(Arc::clone(&clock), status.clone()))
            }
        };
        Ok(Daemon {
            state,
            telling,
            args: Arc::new(args.clone()),
            is_first: true,
            is_requested: false,
            is_reload_requested: false,
            settings: Arc::new(settings),
            clock,
            interrupt: interrupt.clone(),
            status,
            run_requests: Arc::default(),
            reload_requests: Arc::default(),
            agenda,
            retries: Retries::default(),
            watch,
        })
    }

    /// The configuration in use.
    pub fn settings(&self) -> &Configuration {
        &self.settings
    }

    /// State for metrics and pages.
    pub fn status(&self) -> SharedStatus {
        self.status.clone()
    }

    /// History of the runs, if the configuration has a `state_dir`.
    pub fn store(&self) -> Option<StateStore> {
        self.state.as_ref().map(|state| state.store.clone())
    }

    /// Requests for a run of all use cases. Several requests before it begins are one.
    pub fn run_requests(&self) -> Arc<Notify> {
        Arc::clone(&self.run_requests)
    }

    /// Requests to read the configuration again.
    pub fn reload_requests(&self) -> Arc<Notify> {
        Arc::clone(&self.reload_requests)
    }

    /// Runs what is due until the interrupt. Returns [`Exit::Interrupted`] if it ended a run.
    pub async fn work(mut self) -> Exit {
        let mut exit = Exit::Done;
        // the first run may take hours
        self.status.lock().next_run = self.agenda.next();
        if self.settings.main.daemon.run_at_start {
            exit = self.run(Job { reason: RunReason::Start, selection: Selection::All }).await;
        }
        while !self.interrupt.is_raised() {
            self.tell_alive();
            exit = match self.take_due().await {
                Some(job) => self.run(job).await,
                None => {
                    self.wait().await;
                    Exit::Done
                }
            };
        }
        self.status.lock().is_stopping = true;
        service::stopping();
        if let Some(telling) = self.telling.take() {
            telling.stop().await;
        }
        if exit == Exit::Interrupted { exit } else { Exit::Done }
    }

    /// Takes the next run that is due. It has the newest configuration.
    async fn take_due(&mut self) -> Option<Job> {
        self.agenda.look_at_clock(self.clock.now());
        let is_edit = self.watch.has_changed() | std::mem::take(&mut self.is_reload_requested);
        if is_edit || self.is_anything_due() {
            self.reload(if is_edit { Occasion::Edit } else { Occasion::Run }).await;
        }
        let (now, passed) = (self.clock.now(), self.clock.passed());
        let job = if std::mem::take(&mut self.is_requested) {
            while self.run_requests.notified().now_or_never().is_some() {}
            Some(Job { reason: RunReason::Request, selection: Selection::All })
        } else if let Some(due) = self.agenda.take_due(&self.settings, now) {
            debug!(since = %due.since, "due");
            Some(Job { reason: RunReason::Schedule, selection: due.use_cases })
        } else {
            self.retries.due(&self.settings, passed).map(|selection| Job { reason: RunReason::Retry, selection })
        };
        self.status.lock().next_run = self.agenda.next();
        job
    }

    /// A sign of life, for the service manager and for `/healthz`.
    fn tell_alive(&self) {
        service::alive();
        self.status.lock().alive = self.clock.passed();
    }

    fn is_anything_due(&self) -> bool {
        let is_scheduled = self.agenda.next().is_some_and(|next| next <= self.clock.now());
        self.is_requested || is_scheduled || self.retries.next().is_some_and(|next| next <= self.clock.passed())
    }

    /// Sleeps until something is due, or happens.
    async fn wait(&mut self) {
        let until_run = self.agenda.next().map(|next| (next - self.clock.now()).to_std().unwrap_or_default());
        let until_retry = self.retries.next().map(|next| next.saturating_sub(self.clock.passed()));
        let longest = LONGEST_SLEEP.min(service::interval());
        let sleep = [until_run, until_retry].into_iter().flatten().fold(longest, Duration::min);
        service::status(self.next_run_line());
        tokio::select! {
            biased;
            () = self.interrupt.raised() => {}
            () = self.run_requests.notified() => self.is_requested = true,
            () = self.reload_requests.notified() => self.is_reload_requested = true,
            () = self.watch.told() => self.clock.sleep(SETTLING).await,
            () = self.clock.sleep(sleep) => {}
        }
    }

    fn next_run_line(&self) -> String {
        self.agenda.next().map_or_else(String::new, |next| format!("next run at {}", next.format("%Y-%m-%dT%H:%M:%SZ")))
    }

    /// Reads the configuration. One with errors is not used: the old one is.
    async fn reload(&mut self, occasion: Occasion) {
        let settings = load(&self.args.config);
        let outbox = match self.usable(&settings) {
            Ok(outbox) => outbox,
            Err(lines) => {
                let is_news = std::mem::replace(&mut self.status.lock().refused_edit, lines.clone()) != lines;
                if is_news || occasion == Occasion::Edit {
                    lines.iter().for_each(|line| error!("{line}"));
                    error!("the configuration has mistakes: the one that was read before is used");
                }
                return;
            }
        };
        if occasion == Occasion::Edit {
            log_problems(&settings.problems);
            info!(use_cases = settings.use_cases.len(), "the configuration was read again");
        }
        let (main, old) = (&settings.main, &self.settings.main);
        for (section, is_other) in
            [("[http]", main.http != old.http), ("state_dir", main.general.state_dir != old.general.state_dir)]
        {
            if is_other {
                warn!("{section} has changed: restart the daemon to use it");
            }
        }
        telemetry::follow(&settings.main.log, settings.main.general.print_outliers_to_console);
        if let Some(outbox) = outbox {
            // two that tell at the same time would repeat each other
            if let Some(telling) = self.telling.take() {
                telling.stop().await;
            }
            self.telling = Some(outbox.start(Arc::clone(&self.clock), self.status.clone()));
        }
        let now = self.clock.now();
        self.agenda.follow(&settings, now);
        self.retries.follow(&settings);
        self.settings = Arc::new(settings);
        let mut status = self.status.lock();
        status.refused_edit.clear();
        status.last_reload = Some(now);
        status.keep_use_cases(&self.settings.use_cases);
    }

    /// Returns the mistakes of a configuration, one line each; if there are none, its channels if
    /// they are not those in use. Mistakes with which the daemon was started are none.
    fn usable(&self, settings: &Configuration) -> Result<Option<ReadyOutbox>, Vec<String>> {
        let mistakes = settings.problems.iter().chain(&settings.main.daemon.mistakes);
        let mistakes = mistakes.filter(|problem| problem.severity == Severity::Error);
        let lines: Vec<String> = mistakes.map(ToString::to_string).collect();
        let is_as_started = self.settings.problems == settings.problems && settings.main.daemon.mistakes.is_empty();
        if !lines.is_empty() && !is_as_started {
            return Err(lines);
        }
        let is_told = self.telling.as_ref().is_some_and(|telling| telling.follows(&settings.main));
        match &self.state {
            Some(state) if !is_told => ReadyOutbox::open(&state.store, &settings.main, &self.interrupt)
                .map(Some)
                .map_err(|run_error| vec![run_error.to_string()]),
            _ => Ok(None),
        }
    }

    async fn run(&mut self, job: Job) -> Exit {
        let (started, started_passed) = (self.clock.now(), self.clock.passed());
        info!(reason = job.reason.as_str(), "the run begins");
        service::status("running".to_owned());
        self.status.lock().begin(started, job.reason);
        let (report, exit) = self.run_once(&job, started_passed).await;
        let (ended, passed) = (self.clock.now(), self.clock.passed());
        let duration = passed.saturating_sub(started_passed);
        if let Some(telling) = &self.telling {
            telling.wake();
        }
        let retry_after = self.settings.main.daemon.retry_after;
        self.retries.note(&job.selection, &report, exit, retry_after, passed);
        let state_bytes = self.state.as_ref().map(|state| folder_bytes(state.folder.path()));
        {
            let mut status = self.status.lock();
            status.end(ended, duration, exit, &report);
            status.state_bytes = state_bytes;
        }
        log_end(&report, exit, duration);
        exit
    }

    /// Runs on a thread of its own, so that this task can watch it: the time, the interrupt, and
    /// signs of life.
    async fn run_once(&mut self, job: &Job, started_passed: Duration) -> (Report, Exit) {
        let run_interrupt = self.interrupt.of_run();
        let may_wipe = std::mem::take(&mut self.is_first);
        let (args, settings) = (Arc::clone(&self.args), Arc::clone(&self.settings));
        let (clock, interrupt, selection) = (Arc::clone(&self.clock), run_interrupt.clone(), job.selection.clone());
        let state = self.state.clone();
        let running = on_own_thread(move || async move {
            let once = Once {
                args: &args,
                settings: &settings,
                selection: &selection,
                may_wipe,
                audience: Audience::Log,
                table: None,
                set: &[],
                sweep: None,
                state: state.as_ref(),
                onlooker: None,
            };
            once.run(&*clock, &interrupt).await
        });
        tokio::pin!(running);
        let deadline = self.settings.main.daemon.run_deadline;
        let (mut is_in_time, mut is_told) = (true, false);
        loop {
            let left = deadline.map(|deadline| (started_passed + deadline).saturating_sub(self.clock.passed()));
            tokio::select! {
                biased;
                ended = &mut running => return ended.unwrap_or_else(|_| panicked(self.clock.now())),
                () = self.interrupt.raised(), if !is_told => {
                    is_told = true;
                    run_interrupt.raise();
                }
                () = self.clock.beside_work(left.unwrap_or_default()), if is_in_time && left.is_some() => {
                    warn!("run_deadline has passed: what was judged is delivered, the rest is left out");
                    is_in_time = false;
                    run_interrupt.end_of_time();
                }
                () = tokio::time::sleep(service::interval()) => self.tell_alive(),
            }
        }
    }
}
