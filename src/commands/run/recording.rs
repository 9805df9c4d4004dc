//! Record of a run in the state store: its report and findings, and the notices of its outliers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tracing::error;

use super::super::error::RunError;
use super::super::open_state::{OpenState, open_outbox};
use super::Once;
use super::request::Request;
use crate::config::{General, MainConfig, UseCase};
use crate::delivery::{DeliveryError, Sink};
use crate::findings::Findings;
use crate::outbox::Outbox;
use crate::outlier::StoredOutliers;
use crate::report::{Exit, NoticeMemory, Report};
use crate::runtime::{Clock, Interrupt};
use crate::sinks::history::{ExampleSink, Examples, keep_findings};
use crate::sinks::notices::{Noted, NoticeSink, Notices, Route};
use crate::sources::Documents;
use crate::state::{HistoryLimits, RunEnd, RunRecord, StateFolder, StateStore};

/// Time for telling notices at the end of a run.
const TELLING: Duration = Duration::from_secs(60);

/// A run that is recorded.
#[derive(Debug)]
pub(super) struct Recording<'a> {
    main: &'a MainConfig,
    clock: &'a dyn Clock,
    /// `None` if nothing is remembered.
    folder: Option<StateFolder>,
    store: StateStore,
    run: RunRecord,
    /// `None` if somebody else tells the notices.
    outbox: Option<Outbox>,
}

impl<'a> Recording<'a> {
    /// Records the beginning of a run. `None` if the run writes nothing, or if there is neither a
    /// state nor a channel.
    ///
    /// # Errors
    /// A state or channels that cannot be used.
    pub(super) fn begin(
        request: &Request,
        once: Once<'a>,
        clock: &'a dyn Clock,
        interrupt: &Interrupt,
        report: &mut Report,
    ) -> Result<Option<Self>, RunError> {
        let main = &once.settings.main;
        if !request.writes || once.settings.main_errors > 0 {
            return Ok(None);
        }
        let own = if once.state.is_none() { OpenState::open(main)? } else { None };
        let state = once.state.or(own.as_ref());
        let store = match state {
            Some(state) => state.store.clone(),
            None if main.notifiers.channels.is_empty() => return Ok(None),
            None => StateStore::in_memory()?,
        };
        own.iter().filter_map(|own| own.store.set_aside()).for_each(|line| report.doubtful_state(line.to_owned()));
        if !store.remembers() {
            let cure = "set state_dir in [general]";
            report.doubtful_state(format!("nobody remembers who was told of what: notices may be repeated; {cure}"));
        }
        let outbox = if once.state.is_none() { Some(open_outbox(&store, main, interrupt)?) } else { None };
        let run = store.begin_run(clock.now())?;
        if store.remembers() {
            report.recorded(&run);
        }
        let folder = state.map(|state| state.folder.clone());
        Ok(Some(Recording { main, clock, folder, store, run, outbox }))
    }

    /// The folder of the state, locked.
    pub(super) fn folder(&self) -> Option<&StateFolder> {
        self.folder.as_ref()
    }

    /// True if the run is kept in the history.
    pub(super) fn remembers(&self) -> bool {
        self.store.remembers()
    }

    /// True if the run may make notices.
    pub(super) fn has_channels(&self) -> bool {
        !self.main.notifiers.channels.is_empty()
    }

    /// Starts to note what is delivered: the sinks come before all that change documents.
    ///
    /// # Errors
    /// A store or temporary files that cannot be used.
    pub(super) fn note(
        &self,
        use_cases: Vec<Arc<UseCase>>,
        findings: &Findings,
        spill_dir: &Path,
    ) -> Result<(Noting, Vec<Box<dyn Sink>>), DeliveryError> {
        let names: Vec<String> = use_cases.iter().map(|use_case| use_case.id()).collect();
        let noting = Noting {
            routes: self.routes(&use_cases),
            use_cases,
            noted: Noted::new(spill_dir),
            examples: Examples::default(),
        };
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if !noting.routes.is_empty() {
            let (number, now) = (self.run.number, self.clock.now());
            let sink = NoticeSink::new(&self.store, number, now, &names, &noting.routes, &noting.noted)?;
            sinks.push(Box::new(sink));
        }
        if self.store.remembers() {
            sinks.push(Box::new(ExampleSink::new(&names, findings, &noting.examples)?));
        }
        Ok((noting, sinks))
    }

    fn routes(&self, use_cases: &[Arc<UseCase>]) -> Vec<Route> {
        let route = |channel: &crate::config::ChannelSettings| Route {
            channel: channel.name.clone(),
            min_score: channel.min_score.unwrap_or_default(),
            digest_above: channel.digest_above,
            use_cases: use_cases.iter().map(|use_case| use_case.notifies(&channel.name)).collect(),
        };
        self.main.notifiers.channels.iter().map(route).collect()
    }

    /// Stores what was noted, in one step.
    ///
    /// # Errors
    /// A store or temporary files that cannot be used.
    pub(super) fn store(&self, noting: &Noting, found: &Found<'_>, report: &mut Report) -> Result<(), DeliveryError> {
        let now = self.clock.now();
        let mut delivery = self.store.deliver(self.run.number, now)?;
        if !noting.routes.is_empty() {
            let notices = Notices {
                store: &self.store,
                run: &self.run,
                now,
                routes: &noting.routes,
                use_cases: &noting.use_cases,
                findings: found.findings,
                outliers: found.outliers,
                documents: found.documents,
                spill_dir: found.spill_dir,
            };
            report.queued(notices.store(&noting.noted, &mut delivery)?);
        }
        if self.store.remembers() {
            keep_findings(found.findings, &noting.examples, &mut delivery)?;
        }
        Ok(delivery.commit()?)
    }

    /// Tells the notices that are due, unless somebody else does.
    pub(super) async fn tell(&self, interrupt: &Interrupt, report: &mut Report) {
        let Some(outbox) = &self.outbox else { return };
        let told = outbox.tell_within(TELLING, self.clock, interrupt).await;
        let told = told.and_then(|telling| Ok((telling, outbox.waiting()?)));
        match told {
            Ok((telling, waiting)) => {
                let memory = if self.store.remembers() { NoticeMemory::Kept } else { NoticeMemory::None };
                report.told(&telling, &waiting, memory);
            }
            Err(state_error) => {
                error!("notices: {state_error}");
                report.missing.push(format!("notices could not be told: {state_error}"));
            }
        }
    }

    /// Records the end of the run.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub(super) fn end(self, report: &Report, exit: Exit) -> Result<(), RunError> {
        if !self.store.remembers() {
            return Ok(());
        }
        let text = serde_json::to_string(report).map_err(|error| RunError::Internal(error.to_string()))?;
        let end = RunEnd {
            ended: self.clock.now(),
            outcome: report.outcome(exit),
            exit_code: exit as u8,
            n_events: report.source.events,
            n_outliers: report.totals.outliers,
            n_findings: report.totals.findings,
            report: text,
        };
        Ok(self.store.end_run(self.run.number, &end, limits(&self.main.general))?)
    }
}

/// Notes that are taken of a run while its outliers are delivered.
#[derive(Debug)]
pub(super) struct Noting {
    routes: Vec<Route>,
    /// Use cases by their number in the run.
    use_cases: Vec<Arc<UseCase>>,
    noted: Noted,
    examples: Examples,
}

/// Outliers and findings of a run.
#[derive(Debug)]
pub(super) struct Found<'f> {
    pub(super) findings: &'f Findings,
    pub(super) outliers: &'f StoredOutliers,
    pub(super) documents: &'f dyn Documents,
    pub(super) spill_dir: &'f Path,
}

fn limits(general: &General) -> HistoryLimits {
    HistoryLimits { days: general.history_days, bytes: general.history_bytes }
}
