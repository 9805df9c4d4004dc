//! A run over a cluster: one scan group per set of indices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::Utc;
use tracing::{info, warn};

use super::report::Report;
use super::{RunError, finish, limits, outputs, summary};
use crate::cli::RunArgs;
use crate::compute::Compute;
use crate::config::{MainConfig, Problem, UseCase};
use crate::elastic::{Class, Client, ElasticError, Fault};
use crate::models::word2vec::neural::TrainingDevice;
use crate::pipeline::{self, Outputs, ScanGroup};
use crate::plan::{self, Period, ScanPlan};
use crate::sources::elasticsearch::ElasticEvents;
use crate::sources::{ScanOptions, ScanProgress};

/// What all scan groups of a run share.
struct Run<'a> {
    quiet: bool,
    interrupted: &'a Arc<AtomicBool>,
    main: &'a MainConfig,
    client: Client,
    compute: Compute,
    period: Period,
    device: TrainingDevice,
}

/// Detects in the cluster of the configuration.
pub(super) async fn detect(
    args: &RunArgs,
    quiet: bool,
    interrupted: &Arc<AtomicBool>,
    main: &MainConfig,
    use_cases: Vec<Arc<UseCase>>,
    report: &mut Report,
) -> Result<(), RunError> {
    let device = super::device(args, &use_cases)?;
    let compute = Compute::new(limits(args)?).map_err(|error| RunError::Internal(error.to_string()))?;
    pipeline::check_spill_dir(&compute.limits().spill_dir)?;
    let mut outputs = outputs(args)?;
    let client = Client::connect(&main.elastic, Arc::clone(interrupted)).await?;
    info!(server = %client.server(), cluster = client.server().cluster, "connected");
    // without a window of their own, use cases look back from now
    let period = match super::period(args) {
        Period::Everything => Period::HistoryUntil(Utc::now()),
        given => given,
    };
    let run = Run { quiet, interrupted, main, client, compute, period, device };
    let mut names = Vec::new();
    for (es_index, use_cases) in groups(main, use_cases) {
        run.group(&es_index, use_cases, &mut outputs, &mut names, report).await?;
        if interrupted.load(Ordering::Relaxed) {
            return Err(RunError::Interrupted);
        }
    }
    finish(outputs, &names)
}

/// Use cases by the indices they look at, in the order in which these come first.
fn groups(main: &MainConfig, use_cases: Vec<Arc<UseCase>>) -> Vec<(String, Vec<Arc<UseCase>>)> {
    let mut groups: Vec<(String, Vec<Arc<UseCase>>)> = Vec::new();
    for use_case in use_cases {
        let es_index = use_case.es_index.clone().unwrap_or_else(|| main.elastic.es_index_pattern.clone());
        match groups.iter_mut().find(|(known, _)| *known == es_index) {
            Some((_, group)) => group.push(use_case),
            None => groups.push((es_index, vec![use_case])),
        }
    }
    groups
}

impl Run<'_> {
    async fn group(
        &self,
        es_index: &str,
        use_cases: Vec<Arc<UseCase>>,
        outputs: &mut Outputs,
        names: &mut Vec<String>,
        report: &mut Report,
    ) -> Result<(), RunError> {
        let spill_dir = &self.compute.limits().spill_dir;
        let mut source = match ElasticEvents::open(&self.client, &self.main.elastic, es_index, spill_dir).await {
            Ok(source) => source,
            Err(error) if error.class() == Class::Gone => {
                let why = format!("index {es_index} does not exist");
                use_cases.iter().for_each(|use_case| report.skip(use_case, &why));
                return Ok(());
            }
            Err(error @ ElasticError::Setting { .. }) => {
                use_cases.iter().for_each(|use_case| report.skip(use_case, &error.to_string()));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let Some(plan) = self.plan(&mut source, use_cases, report).await? else { return Ok(()) };
        if plan.use_cases.len() > 1
            && let Some(fault) = source.refused_together().await?
        {
            warn!(use_cases = plan.use_cases.len(), "{fault}: reading in two parts");
            let use_cases: Vec<_> = plan.use_cases.iter().map(|planned| Arc::clone(&planned.use_case)).collect();
            for half in use_cases.chunks(use_cases.len().div_ceil(2)) {
                Box::pin(self.group(es_index, half.to_vec(), outputs, names, report)).await?;
            }
            return Ok(());
        }
        if let Some(findings) = &mut outputs.findings {
            findings.start_group(names.len());
        }
        names.extend(plan.use_cases.iter().map(|planned| planned.use_case.id()));
        let progress = Arc::new(ScanProgress::default());
        let options = ScanOptions {
            threads: self.compute.limits().threads.get(),
            cancel: Arc::clone(self.interrupted),
            progress: Arc::clone(&progress),
            ..ScanOptions::default()
        };
        let group = ScanGroup {
            plan: Arc::clone(&plan),
            source: &source,
            main: self.main,
            compute: &self.compute,
            options,
            period: self.period,
            device: &self.device,
        };
        info!(use_cases = plan.use_cases.len(), index = es_index, "reading events");
        let bar = summary::Progress::start(self.quiet, None, progress);
        let result = pipeline::run(&group, outputs).await;
        bar.stop();
        report.group(&plan, result?);
        Ok(())
    }

    /// A plan of the use cases whose queries the server takes; `None` when it takes none.
    async fn plan(
        &self,
        source: &mut ElasticEvents,
        use_cases: Vec<Arc<UseCase>>,
        report: &mut Report,
    ) -> Result<Option<Arc<ScanPlan>>, RunError> {
        let (plan, refused) = plan::plan_search(use_cases, self.period);
        report.refuse(refused);
        source.set_plan(&plan);
        let faults = source.refused_queries().await?;
        let mut taken = Vec::new();
        for (planned, fault) in plan.use_cases.iter().zip(faults) {
            match fault {
                None => taken.push(Arc::clone(&planned.use_case)),
                Some(fault) if fault.class() == Class::Poison => {
                    report.refuse(vec![(Arc::clone(&planned.use_case), vec![problem(&planned.use_case, &fault)])]);
                }
                Some(fault) => report.skip(&planned.use_case, &fault.to_string()),
            }
        }
        if taken.is_empty() {
            return Ok(None);
        }
        let (plan, _) = plan::plan_search(taken, self.period);
        source.set_plan(&plan);
        Ok(Some(Arc::new(plan)))
    }
}

fn problem(use_case: &UseCase, fault: &Fault) -> Problem {
    let key = if use_case.query.lucene.is_some() { "es_query_filter" } else { "es_dsl_filter" };
    let help = "the cluster refuses the query: correct it, or the type of the field it names";
    use_case.problem(key, fault.to_string(), help)
}
