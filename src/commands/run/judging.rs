//! The steps that every run takes, wherever its events come from: judge scan groups, then deliver
//! what they found.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use tracing::info_span;

use super::super::error::RunError;
use super::onlooker::Onlooker;
use super::outputs::FindingsOutputs;
use super::page::Page;
use super::progress::Progress;
use super::recording::{Found, Noting, Recording};
use super::request::{Output, Request, device};
use super::{Audience, Once, out_of_time};
use crate::config::{MainConfig, OnUnusable, UseCase};
use crate::delivery::{Delivery, Sink, SinkError, deliver};
use crate::detection::Explained;
use crate::engine::Compute;
use crate::findings::{Findings, RollUp, RolledUp, StableId};
use crate::models::Evidence;
use crate::outlier::{FindingKey, Gathered, GatheredDocuments, StoredOutliers};
use crate::plan::{Period, ScanPlan};
use crate::report::{NOTHING_WRITTEN, Report};
use crate::runtime::Interrupt;
use crate::scan_group::{self, GroupResult, ScanGroup};
use crate::sinks::console::TableLook;
use crate::sinks::files::{self, FindingsFile, OutlierFile, Timestamps};
use crate::sinks::log::OutlierLog;
use crate::sources::{Documents, EventSource, ScanOptions, ScanProgress};
use crate::state::{Memories, MemoryUse, StateFolder};
use crate::telemetry;
use crate::usability::Usability;

/// A run under way.
pub(super) struct Judging<'a> {
    pub(super) interrupt: &'a Interrupt,
    pub(super) main: &'a MainConfig,
    pub(super) compute: Compute,
    pub(super) period: Period,
    pub(super) now: DateTime<Utc>,
    audience: Audience,
    /// Memory of earlier runs, if the configuration has one.
    store: Option<Memories>,
    /// Record of the run in the state store, if it leaves one.
    recording: Option<&'a Recording<'a>>,
    /// The file for outliers.
    output: Option<OutlierFile>,
    /// The file for findings.
    findings_file: Option<FindingsFile>,
    /// Look of the table of findings, if one is printed.
    table: Option<TableLook>,
    /// Options that name the events and the use cases, for another command.
    source_options: String,
    gathered: Gathered,
    /// Evidence about its findings, if something shows that.
    explained: Option<Explained>,
    page: Option<&'a Page>,
    /// Names of the use cases that ran.
    names: Vec<String>,
    groups: Vec<(Arc<ScanPlan>, GroupResult)>,
    pub(super) onlooker: Option<&'a dyn Onlooker>,
}

impl<'a> Judging<'a> {
    /// Nothing is read yet.
    pub(super) fn new(
        request: &Request,
        once: Once<'a>,
        interrupt: &'a Interrupt,
        use_cases: &[Arc<UseCase>],
        recording: Option<&'a Recording<'a>>,
    ) -> Result<Self, RunError> {
        let main = &once.settings.main;
        let compute = compute(request, use_cases)?;
        let store = open_store(request, main, use_cases, recording)?;
        let spill_dir = &compute.limits().spill_dir;
        let gathered = Gathered::new(spill_dir);
        let create = |output: &Output| files::create(&output.path, output.format, spill_dir);
        let output = request.output.as_ref().map(create).transpose()?;
        let create_findings = |path: &PathBuf| files::create_findings(path, spill_dir);
        let findings_file = request.findings.as_ref().map(create_findings).transpose()?;
        let prints_table = output.is_none() && !request.findings.as_deref().is_some_and(files::is_standard_output);
        Ok(Judging {
            findings_file,
            table: once.table.filter(|_| prints_table),
            source_options: once.args.source_options(),
            interrupt,
            main,
            compute,
            period: request.period,
            now: request.now,
            audience: once.audience,
            store,
            recording,
            output,
            gathered,
            explained: (request.explains || recording.is_some_and(Recording::remembers)).then(Explained::default),
            page: None,
            names: Vec::new(),
            groups: Vec::new(),
            onlooker: once.onlooker,
        })
    }

    /// Lists what is found on `page`, too.
    pub(super) fn with_page(self, page: Option<&'a Page>) -> Self {
        let is_printed = page.is_some_and(Page::is_printed);
        Judging { page, table: self.table.filter(|_| !is_printed), ..self }
    }

    /// Reads a scan group and judges it with its use cases. `total_bytes`: size of the source, if
    /// it is known.
    pub(super) fn judge(
        &mut self,
        plan: &Arc<ScanPlan>,
        source: &dyn EventSource,
        total_bytes: Option<u64>,
    ) -> Result<(), RunError> {
        let progress = Arc::new(ScanProgress::default());
        let options = scan_options(&self.compute, self.interrupt, &progress);
        let group = ScanGroup {
            plan: Arc::clone(plan),
            source,
            main: self.main,
            compute: &self.compute,
            options,
            period: self.period,
            now: self.now,
            gathered: &self.gathered,
            n_before: self.names.len(),
            store: self.store.as_ref(),
            explains: self.onlooker.is_some(),
            explained: self.explained.as_ref(),
        };
        let bar = Progress::start(self.audience != Audience::Terminal, total_bytes, progress);
        let result = tokio::task::block_in_place(|| self.judge_group(&group));
        bar.stop();
        if result.is_err() {
            // what was judged of other groups may still be delivered
            (0..plan.use_cases.len()).for_each(|idx| self.gathered.withdraw_use_case(self.names.len() + idx));
        }
        self.names.extend(plan.use_cases.iter().map(|planned| planned.use_case.id()));
        self.groups.push((Arc::clone(plan), result?));
        Ok(())
    }

    fn judge_group(&self, group: &ScanGroup<'_>) -> Result<GroupResult, RunError> {
        let read = scan_group::read(group)?;
        let result = scan_group::judge_read(group, &read)?;
        self.onlooker.map_or(Ok(()), |onlooker| onlooker.judged(group, &read, &result))?;
        Ok(result)
    }

    /// Reports those of `use_cases` for which no time was left.
    pub(super) fn leave_out(&self, use_cases: &[Arc<UseCase>], report: &mut Report) {
        for use_case in use_cases {
            let name = use_case.id();
            let is_reported = report.use_cases.iter().any(|known| known.name == name);
            if !is_reported && !self.names.contains(&name) {
                report.skip(use_case, "run_deadline passed before it was judged");
            }
        }
    }

    /// Memory of earlier runs, if the configuration has one.
    pub(super) fn store(&self) -> Option<&Memories> {
        self.store.as_ref()
    }

    /// Reports what was judged so far, in a run that ends early.
    pub(super) fn report(self, report: &mut Report) {
        let on_unusable = self.main.general.on_unusable;
        self.groups.into_iter().for_each(|(plan, result)| report.group(&plan, result, on_unusable));
    }

    /// Refuses to deliver what was found if use cases cannot use the events and the configuration
    /// says that the run fails then.
    fn refuse_unusable(&self) -> Result<(), RunError> {
        let results = self.groups.iter().flat_map(|(_, result)| &result.use_cases);
        let unusable =
            results.zip(&self.names).filter(|(result, _)| result.assessment.usability == Usability::Unusable);
        let names: Vec<&str> = unusable.map(|(_, name)| name.as_str()).collect();
        if names.is_empty() || self.main.general.on_unusable != OnUnusable::Fail {
            return Ok(());
        }
        let why = "cannot use the events, and [general] has unusable = fail";
        Err(RunError::Reading(format!("{} {why}: {NOTHING_WRITTEN}", names.join(", "))))
    }

    /// True if no event was read so far.
    pub(super) fn has_no_events(&self) -> bool {
        self.groups.iter().all(|(_, result)| result.summary.events == 0)
    }

    /// Plans of the scan groups read so far.
    pub(super) fn plans(&self) -> impl Iterator<Item = &ScanPlan> {
        self.groups.iter().map(|(plan, _)| &**plan)
    }

    /// Reports what was judged, and fails because no event was read. `why` is given unless the
    /// report has a better reason: lines that were skipped, files that could not be read.
    pub(super) fn fail_without_events(self, why: &str, report: &mut Report) -> RunError {
        self.report(report);
        let reasons = if report.missing.is_empty() { why.to_owned() } else { report.missing.join("\n") };
        RunError::Reading(format!("no event was read: {reasons}"))
    }

    /// Delivers what all groups found to the outputs of the run and to what `cluster` returns. A
    /// sink that writes by itself must not be made earlier: it would see that the time is up.
    pub(super) fn deliver(
        mut self,
        documents: &dyn Documents,
        cluster: impl FnOnce() -> Option<Box<dyn Sink>>,
        report: &mut Report,
    ) -> Result<(), RunError> {
        if self.interrupt.lift_time_limit() && self.groups.is_empty() {
            return Err(out_of_time());
        }
        if let Err(refused) = self.refuse_unusable() {
            self.report(report);
            return Err(refused);
        }
        let _span = info_span!(target: telemetry::SPANS, "deliver").entered();
        let mut started = Instant::now();
        let prepared = tokio::task::block_in_place(|| self.prepare(report));
        let Prepared { findings, outliers, gathered, noting, mut sinks } = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                self.report(report);
                return Err(error);
            }
        };
        report.phases.roll_up = started.elapsed().as_secs_f64();
        started = Instant::now();
        sinks.extend(cluster());
        let outputs = self.findings_outputs();
        let mut delivery = Delivery::of(self.names.len());
        let (result, ended) = tokio::task::block_in_place(|| {
            let result = deliver(gathered, documents, &mut sinks, self.interrupt, &mut delivery);
            let closed = sinks.iter_mut().map(|sink| sink.close());
            let ended = closed.fold(None, |ended, closed| {
                report.written = closed.written.or(report.written.take());
                ended.or(closed.ended)
            });
            (result, ended)
        });
        let use_cases = self.groups.iter_mut().flat_map(|(_, result)| &mut result.use_cases);
        for (use_case, counts) in use_cases.zip(delivery.n_documents.into_iter().zip(delivery.n_repeated)) {
            (use_case.documents, use_case.counts.left_out.same_summary) = counts;
        }
        match &mut report.written {
            Some(written) => written.add(delivery.lost),
            None if result.is_ok() => report.missing.extend(delivery.lost.missing()),
            None => {}
        }
        let (interrupt, store, recording) = (self.interrupt, self.store.take(), self.recording);
        let spill_dir = self.compute.limits().spill_dir.clone();
        self.report(report);
        report.phases.write += started.elapsed().as_secs_f64();
        if let Some(ended) = ended {
            return Err(ended.into());
        }
        result?;
        if interrupt.is_raised() {
            return Err(RunError::Interrupted(NOTHING_WRITTEN.to_owned()));
        }
        sinks.into_iter().try_for_each(Sink::finish)?;
        outputs.write(&findings)?;
        if let (Some(recording), Some(noting)) = (recording, noting) {
            let found = Found { findings: &findings, outliers: &outliers, documents, spill_dir: &spill_dir };
            tokio::task::block_in_place(|| recording.store(&noting, &found, report))?;
        }
        // last: what a run that fails saw is not remembered, as the next one reports it
        Ok(store.map_or(Ok(()), |store| store.commit())?)
    }

    /// Rolls up what was gathered, and opens the sinks for it.
    fn prepare(&mut self, report: &mut Report) -> Result<Prepared, RunError> {
        let spill_dir = &self.compute.limits().spill_dir;
        let gathered = std::mem::replace(&mut self.gathered, Gathered::new(spill_dir)).store()?;
        let planned = self.groups.iter().flat_map(|(plan, _)| &plan.use_cases);
        let use_cases: Vec<Arc<UseCase>> = planned.map(|planned| Arc::clone(&planned.use_case)).collect();
        let (general, interrupt) = (&self.main.general, self.interrupt);
        let keeps_scores = self.recording.is_some_and(Recording::has_channels);
        let roll_up = RollUp { use_cases: &use_cases, general, spill_dir, interrupt, keeps_scores };
        let RolledUp { findings, withheld, use_cases: counts } = roll_up.run(&gathered)?;
        let results = self.groups.iter_mut().flat_map(|(_, result)| &mut result.use_cases);
        results.zip(counts).for_each(|(result, counts)| result.counts = counts);
        let explained = self.explained.take().into_iter().flat_map(Explained::into_evidence);
        let by_id = |(idx, finding, evidence): (usize, FindingKey, Evidence)| {
            (StableId::of_finding(&self.names[idx], &finding), evidence)
        };
        let evidence: HashMap<StableId, Evidence> = explained.map(by_id).collect();
        report.rank(&findings, &evidence)?;
        self.page.map_or(Ok(()), |page| page.list(&findings, &evidence))?;
        self.onlooker.map_or(Ok(()), |onlooker| onlooker.found(&findings, &gathered))?;
        self.tell_failed_requirements(report);
        let noting = self.recording.map(|recording| recording.note(use_cases, &findings, spill_dir)).transpose()?;
        let (noting, mut sinks) = noting.map_or((None, Vec::new()), |(noting, sinks)| (Some(noting), sinks));
        let documents = gathered.documents(withheld)?;
        sinks.extend(self.open_sinks()?);
        Ok(Prepared { findings, outliers: gathered, gathered: documents, noting, sinks })
    }

    /// Reports use cases whose outliers are left out because a required use case failed.
    fn tell_failed_requirements(&self, report: &mut Report) {
        let judged = self.groups.iter().flat_map(|(plan, result)| plan.use_cases.iter().zip(&result.use_cases));
        let judged: Vec<_> = judged.map(|(planned, result)| (&planned.use_case, result.outcome.is_ok())).collect();
        let is_failed = |name: &str| {
            let mut named = judged.iter().filter(|(use_case, _)| use_case.id() == name);
            report.is_failed(name) || named.any(|(_, is_judged)| !is_judged)
        };
        let mut lines = Vec::new();
        for (use_case, _) in &judged {
            let failed = use_case.requires.iter().filter(|name| is_failed(name));
            let why = "which it requires, was not judged";
            lines.extend(failed.map(|name| format!("{}: its outliers are left out: {name}, {why}", use_case.id())));
        }
        report.missing.extend(lines);
    }

    /// Takes the outputs of the run that hold findings.
    fn findings_outputs(&mut self) -> FindingsOutputs {
        let source_options = std::mem::take(&mut self.source_options);
        FindingsOutputs { file: self.findings_file.take(), table: self.table, source_options }
    }

    /// Opens the sinks that every run has.
    fn open_sinks(&mut self) -> Result<Vec<Box<dyn Sink>>, SinkError> {
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if self.main.general.print_outliers_to_console {
            sinks.push(Box::new(OutlierLog::new(&self.names)));
        }
        if let Some(file) = self.output.take() {
            sinks.push(file.into_sink(self.timestamps())?);
        }
        Ok(sinks)
    }

    /// Fields of times, with the meaning that their names had while events were read.
    fn timestamps(&self) -> Timestamps {
        let of_plan = |(plan, _): &(Arc<ScanPlan>, GroupResult)| {
            let names = Arc::clone(&plan.names);
            let use_cases: Vec<Arc<UseCase>> =
                plan.use_cases.iter().map(|planned| Arc::clone(&planned.use_case)).collect();
            use_cases
                .into_iter()
                .map(move |use_case| (use_case.id(), use_case.timestamp_field.clone(), Arc::clone(&names)))
        };
        Timestamps::new(self.groups.iter().flat_map(of_plan))
    }
}

/// Findings, the outliers to deliver, and where they go.
struct Prepared {
    findings: Findings,
    /// Outliers of the run, to be read again.
    outliers: StoredOutliers,
    gathered: GatheredDocuments,
    /// Notes for the state store, if any are taken.
    noting: Option<Noting>,
    sinks: Vec<Box<dyn Sink>>,
}

/// Threads, memory and devices for a run with `use_cases`.
pub(super) fn compute(request: &Request, use_cases: &[Arc<UseCase>]) -> Result<Compute, RunError> {
    let compute = Compute::new(request.limits.clone()).map_err(|error| RunError::Internal(error.to_string()))?;
    Ok(compute.with_resource(device(request.device, use_cases)?))
}

/// Options for reading events within the limits of a run.
pub(super) fn scan_options(compute: &Compute, interrupt: &Interrupt, progress: &Arc<ScanProgress>) -> ScanOptions {
    ScanOptions {
        threads: compute.limits().threads.get(),
        memory_for_ids: compute.limits().memory / 8,
        interrupt: interrupt.clone(),
        progress: Arc::clone(progress),
        ..ScanOptions::default()
    }
}

/// Opens the memory of earlier runs, if the configuration has one.
fn open_store(
    request: &Request,
    main: &MainConfig,
    use_cases: &[Arc<UseCase>],
    recording: Option<&Recording<'_>>,
) -> Result<Option<Memories>, RunError> {
    let usage = if request.writes { MemoryUse::ReadAndAdd } else { MemoryUse::ReadOnly };
    let Some(path) = &main.general.state_dir else { return Ok(None) };
    let locked = recording.and_then(Recording::folder).cloned();
    let folder = locked.map_or_else(|| StateFolder::lock(path, usage), Ok)?;
    Ok(Some(Memories::open(&folder, use_cases.iter().map(Arc::as_ref), &request.limits.spill_dir)?))
}
