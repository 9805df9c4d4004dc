//! Events that are read once, and the outliers of use cases in them.

use std::sync::Arc;

use tracing::info;

use super::super::error::RunError;
use super::super::open_files;
use super::Audience;
use super::judging::{compute, scan_options};
use super::progress::Progress;
use super::request::Request;
use crate::config::{General, MainConfig, UseCase};
use crate::engine::Compute;
use crate::event::FieldPath;
use crate::findings::{RollUp, RolledUp};
use crate::outlier::{Gathered, StoredOutliers};
use crate::plan::{KeptFields, ScanPlan, plan, plan_keeping};
use crate::query::Mapping;
use crate::report::Report;
use crate::runtime::Interrupt;
use crate::scan_group::{GroupResult, ReadGroup, ScanGroup, judge_as, judge_read, read};
use crate::sources::ScanProgress;
use crate::sources::files::EventFiles;

/// Settings with which events are judged.
pub(in crate::commands) struct Settings<'a> {
    pub(in crate::commands) main: &'a MainConfig,
    pub(in crate::commands) mapping: Option<&'a Mapping>,
    pub(in crate::commands) request: &'a Request,
    pub(in crate::commands) audience: Audience,
    pub(in crate::commands) interrupt: &'a Interrupt,
}

/// Events in the event table.
pub(in crate::commands) struct Events<'a> {
    settings: &'a Settings<'a>,
    pub(in crate::commands) plan: Arc<ScanPlan>,
    pub(in crate::commands) source: EventFiles,
    compute: Compute,
    pub(in crate::commands) read: ReadGroup,
}

/// Outliers of use cases that are rolled up.
pub(in crate::commands) struct Judged {
    /// Names of the use cases, by their numbers.
    pub(in crate::commands) names: Vec<String>,
    pub(in crate::commands) outliers: StoredOutliers,
    pub(in crate::commands) rolled_up: RolledUp,
}

impl<'a> Events<'a> {
    /// Reads `events`. All of them are kept, with some of their fields, if these are named. Fails
    /// if there are none.
    pub(in crate::commands) fn read(
        settings: &'a Settings<'a>,
        events: &[String],
        kept: Option<&[FieldPath]>,
        use_cases: Vec<Arc<UseCase>>,
        report: &mut Report,
    ) -> Result<Self, RunError> {
        let Settings { main, mapping, request, audience, interrupt } = *settings;
        let compute = compute(request, &use_cases)?;
        let (names, period, now) = (&main.field_names, request.period, request.now);
        let (plan, refused) = match kept {
            None => plan(use_cases, names, mapping, period, now),
            Some(fields) => {
                let (timestamp_field, timestamp_format) =
                    (&main.general.timestamp_field, &main.general.timestamp_format);
                let kept = KeptFields { fields, timestamp_field, timestamp_format };
                plan_keeping(use_cases, names, mapping, kept, period, now)
            }
        };
        report.refuse(refused);
        if plan.use_cases.is_empty() {
            return Err(RunError::Configuration("no use case can run: see the problems above".to_owned()));
        }
        let (plan, source) = (Arc::new(plan), open_files(events, &compute)?);
        info!(use_cases = plan.use_cases.len(), files = source.len(), "reading events");
        let progress = Arc::new(ScanProgress::default());
        let bar = Progress::start(audience != Audience::Terminal, source.total_bytes(), Arc::clone(&progress));
        let gathered = Gathered::new(&compute.limits().spill_dir);
        let read = read(&ScanGroup {
            plan: Arc::clone(&plan),
            source: &source,
            main,
            options: scan_options(&compute, interrupt, &progress),
            compute: &compute,
            period: request.period,
            now: request.now,
            gathered: &gathered,
            n_before: 0,
            store: None,
            explains: false,
            explained: None,
        });
        bar.stop();
        let read = read?;
        if read.ingested.summary.events == 0 {
            return Err(RunError::Reading("no event was read: the files are empty".to_owned()));
        }
        Ok(Events { settings, plan, read, source, compute })
    }

    /// Judges the events with all use cases, and rolls the outliers up.
    pub(in crate::commands) fn judge(&self) -> Result<(Judged, GroupResult), RunError> {
        let (gathered, mut result) = self.judge_alone()?;
        let use_cases: Vec<Arc<UseCase>> = self.use_cases().cloned().collect();
        let judged = self.roll_up(gathered, &use_cases, &self.settings.main.general)?;
        let counts = &judged.rolled_up.use_cases;
        result.use_cases.iter_mut().zip(counts).for_each(|(result, counts)| result.counts = *counts);
        Ok((judged, result))
    }

    /// Judges the events with all use cases.
    pub(in crate::commands) fn judge_alone(&self) -> Result<(Gathered, GroupResult), RunError> {
        let gathered = self.gathered();
        let result = judge_read(&self.group(&gathered, 0), &self.read)?;
        Ok((gathered, result))
    }

    /// Judges the events with `variants` of use cases, each without the `outlier_budget` of the
    /// run. The use cases that they require are those of `judged`. Returns the numbers of the
    /// variants that failed, and why.
    pub(in crate::commands) fn judge_variants(
        &self,
        variants: &[(usize, Arc<UseCase>)],
        judged: &Judged,
    ) -> Result<(Judged, Vec<(usize, String)>), RunError> {
        let mut use_cases: Vec<Arc<UseCase>> = self.use_cases().cloned().collect();
        let (gathered, n_before) = (self.gathered(), use_cases.len());
        let outcomes = judge_as(&self.group(&gathered, n_before), &self.read, variants)?;
        let is_required =
            |use_case: &Arc<UseCase>| variants.iter().any(|(_, variant)| variant.requires.contains(&use_case.id()));
        let required: Vec<bool> = use_cases.iter().map(is_required).collect();
        if required.contains(&true) {
            let mut outliers = judged.outliers.read()?;
            while let Some((_, outlier)) = outliers.next_outlier()? {
                if required[outlier.use_case_idx] {
                    gathered.extend([outlier])?;
                }
            }
        }
        use_cases.extend(variants.iter().map(|(_, variant)| Arc::clone(variant)));
        let failed = outcomes.iter().enumerate().filter_map(|(idx, outcome)| Some((idx, outcome.as_ref().err()?)));
        let failed = failed.map(|(idx, error)| (idx, error.to_string())).collect();
        Ok((self.roll_up_alone(gathered, &use_cases)?, failed))
    }

    /// Rolls up the outliers of `judged` again, without the `outlier_budget` of the run.
    pub(in crate::commands) fn without_budget(&self, judged: &Judged) -> Result<Judged, RunError> {
        let gathered = self.gathered();
        let mut outliers = judged.outliers.read()?;
        while let Some((_, outlier)) = outliers.next_outlier()? {
            gathered.extend([outlier])?;
        }
        self.roll_up_alone(gathered, &self.use_cases().cloned().collect::<Vec<_>>())
    }

    /// Use cases, by their numbers.
    pub(in crate::commands) fn use_cases(&self) -> impl Iterator<Item = &Arc<UseCase>> {
        self.plan.use_cases.iter().map(|planned| &planned.use_case)
    }

    fn roll_up_alone(&self, gathered: Gathered, use_cases: &[Arc<UseCase>]) -> Result<Judged, RunError> {
        let general = General { outlier_budget: None, ..self.settings.main.general.clone() };
        self.roll_up(gathered, use_cases, &general)
    }

    fn roll_up(&self, gathered: Gathered, use_cases: &[Arc<UseCase>], general: &General) -> Result<Judged, RunError> {
        let outliers = gathered.store()?;
        let (spill_dir, interrupt) = (&*self.compute.limits().spill_dir, self.settings.interrupt);
        let rolled_up = RollUp { use_cases, general, spill_dir, interrupt, keeps_scores: false }.run(&outliers)?;
        Ok(Judged { names: use_cases.iter().map(|use_case| use_case.id()).collect(), outliers, rolled_up })
    }

    fn gathered(&self) -> Gathered {
        Gathered::new(&self.compute.limits().spill_dir)
    }

    /// Returns the scan group. The events are all that is known: memory of earlier runs is not
    /// read.
    fn group<'g>(&'g self, gathered: &'g Gathered, n_before: usize) -> ScanGroup<'g> {
        ScanGroup {
            plan: Arc::clone(&self.plan),
            source: &self.source,
            main: self.settings.main,
            options: scan_options(&self.compute, self.settings.interrupt, &Arc::default()),
            compute: &self.compute,
            period: self.settings.request.period,
            now: self.settings.request.now,
            gathered,
            n_before,
            store: None,
            explains: false,
            explained: None,
        }
    }
}
