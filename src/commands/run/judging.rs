//! The steps that every run takes, wherever its events come from: judge scan groups, then deliver
//! what they found.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};

use super::super::error::RunError;
use super::outputs;
use super::progress::Progress;
use crate::cli::{DeviceChoice, RunArgs};
use crate::config::{MainConfig, Model, UseCase};
use crate::delivery::{Delivery, Sink, deliver};
use crate::engine::Compute;
use crate::models::word2vec::neural::TrainingDevice;
use crate::outlier::Gathered;
use crate::plan::{Period, ScanPlan};
use crate::query::TimeWindow;
use crate::report::{NOTHING_WRITTEN, Report};
use crate::runtime::{Interrupt, Limits};
use crate::scan_group::{self, GroupResult, ScanGroup};
use crate::sinks::console::Findings;
use crate::sinks::files::DocumentFile;
use crate::sinks::log::OutlierLog;
use crate::sources::{Documents, EventSource, ScanOptions, ScanProgress};
use crate::spill;

/// A run under way.
pub(super) struct Judging<'a> {
    pub(super) interrupt: &'a Interrupt,
    pub(super) main: &'a MainConfig,
    pub(super) compute: Compute,
    pub(super) period: Period,
    quiet: bool,
    /// The file for documents with outliers; without one, a table is printed.
    output: Option<DocumentFile>,
    gathered: Gathered,
    /// Names of the use cases that ran.
    names: Vec<String>,
    groups: Vec<(Arc<ScanPlan>, GroupResult)>,
}

impl<'a> Judging<'a> {
    /// Nothing is read yet.
    pub(super) fn new(
        args: &RunArgs,
        quiet: bool,
        interrupt: &'a Interrupt,
        main: &'a MainConfig,
        use_cases: &[Arc<UseCase>],
    ) -> Result<Self, RunError> {
        let device = device(args, use_cases)?;
        let compute = compute(args)?.with_resource(device);
        let gathered = Gathered::new(&compute.limits().spill_dir);
        Ok(Judging {
            interrupt,
            main,
            compute,
            period: period(args),
            quiet,
            output: outputs::open(args)?,
            gathered,
            names: Vec::new(),
            groups: Vec::new(),
        })
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
        let options = ScanOptions {
            threads: self.compute.limits().threads.get(),
            interrupt: self.interrupt.clone(),
            progress: Arc::clone(&progress),
            ..ScanOptions::default()
        };
        let group = ScanGroup {
            plan: Arc::clone(plan),
            source,
            main: self.main,
            compute: &self.compute,
            options,
            period: self.period,
            gathered: &self.gathered,
            n_before: self.names.len(),
        };
        let bar = Progress::start(self.quiet, total_bytes, progress);
        let result = tokio::task::block_in_place(|| scan_group::judge(&group));
        bar.stop();
        self.names.extend(plan.use_cases.iter().map(|planned| planned.use_case.id()));
        self.groups.push((Arc::clone(plan), result?));
        Ok(())
    }

    /// Reports what was judged so far, in a run that ends early.
    pub(super) fn report(self, report: &mut Report) {
        self.groups.into_iter().for_each(|(plan, result)| report.group(&plan, result));
    }

    /// Delivers what all groups found to the outputs of the run and to `cluster`.
    pub(super) fn deliver(
        mut self,
        documents: &dyn Documents,
        cluster: Option<Box<dyn Sink>>,
        report: &mut Report,
    ) -> Result<(), RunError> {
        let started = Instant::now();
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if self.main.general.print_outliers_to_console {
            sinks.push(Box::new(OutlierLog::new(&self.names)));
        }
        sinks.push(match self.output.take() {
            Some(file) => Box::new(file),
            None => Box::new(Findings::new(&self.names)),
        });
        sinks.extend(cluster);
        let mut delivery = Delivery { n_documents: vec![0; self.names.len()], ..Delivery::default() };
        let gathered = std::mem::replace(&mut self.gathered, Gathered::new(&self.compute.limits().spill_dir));
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
        use_cases.zip(delivery.n_documents).for_each(|(use_case, n_documents)| use_case.documents = n_documents);
        match &mut report.written {
            Some(written) => written.add(delivery.lost),
            None if result.is_ok() => report.missing.extend(delivery.lost.missing()),
            None => {}
        }
        let interrupt = self.interrupt;
        self.report(report);
        report.phases.write += started.elapsed().as_secs_f64();
        if let Some(ended) = ended {
            return Err(ended.into());
        }
        result?;
        if interrupt.is_raised() {
            return Err(RunError::Interrupted(NOTHING_WRITTEN.to_owned()));
        }
        Ok(sinks.into_iter().try_for_each(Sink::finish)?)
    }
}

fn period(args: &RunArgs) -> Period {
    match (args.now, args.from, args.to) {
        (Some(now), _, _) => Period::HistoryUntil(now),
        (None, None, None) => Period::Everything,
        (None, from, to) => {
            let micros = |time: DateTime<Utc>| time.timestamp_micros();
            Period::Between(TimeWindow { from: from.map_or(i64::MIN, micros), to: to.map_or(i64::MAX, micros) })
        }
    }
}

fn limits(args: &RunArgs) -> Result<Limits, RunError> {
    let processors = std::thread::available_parallelism().map_err(|error| RunError::Internal(error.to_string()))?;
    Ok(Limits {
        memory: args.memory_limit,
        threads: args.threads.unwrap_or(processors),
        spill_dir: args.spill_dir.clone().unwrap_or_else(std::env::temp_dir),
    })
}

/// Returns the device on which models are trained. A GPU that was asked for must exist; `auto` does
/// not look for one unless there is a model to train.
fn device(args: &RunArgs, use_cases: &[Arc<UseCase>]) -> Result<TrainingDevice, RunError> {
    let learns = |use_case: &Arc<UseCase>| matches!(&use_case.model, Model::Word2vec(model) if !model.use_prob_model);
    match args.device {
        DeviceChoice::Auto if !use_cases.iter().any(learns) => Ok(TrainingDevice::CPU),
        choice => TrainingDevice::open(choice).map_err(|error| RunError::Configuration(error.to_string())),
    }
}

fn compute(args: &RunArgs) -> Result<Compute, RunError> {
    let limits = limits(args)?;
    spill::check_folder(&limits.spill_dir)?;
    Compute::new(limits).map_err(|error| RunError::Internal(error.to_string()))
}
