//! A run over a cluster: one scan group per set of indices, then the outliers of all of them into their documents.

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use tracing::{info, warn};

use super::super::connect;
use super::super::error::RunError;
use super::outputs;
use super::progress::Progress;
use crate::cli::RunArgs;
use crate::config::{Configuration, MainConfig, Problem, UseCase};
use crate::elastic::{Block, Class, Client, ElasticError, Fault};
use crate::engine::Compute;
use crate::housekeeping::{Cleaned, Housekeeping};
use crate::models::word2vec::neural::TrainingDevice;
use crate::outlier::gathered::Gathered;
use crate::pipeline::cluster::ClusterOutputs;
use crate::pipeline::{GroupResult, Outputs, ScanGroup};
use crate::plan::{Period, ScanPlan};
use crate::report::Report;
use crate::runtime::Interrupt;
use crate::sinks::elasticsearch::{DocumentWriter, Written};
use crate::sources::elasticsearch::{DocumentCache, ElasticEvents};
use crate::sources::{ScanOptions, ScanProgress};
use crate::{pipeline, plan};

/// What all scan groups of a run share.
struct Run<'a> {
    quiet: bool,
    interrupt: &'a Interrupt,
    main: &'a MainConfig,
    client: Client,
    documents: Arc<DocumentCache>,
    compute: Compute,
    period: Period,
    device: TrainingDevice,
}

/// What the scan groups found.
struct Found {
    gathered: Gathered,
    /// Names of the use cases that ran.
    names: Vec<String>,
    groups: Vec<(Arc<ScanPlan>, GroupResult)>,
}

/// Detects in the cluster of the configuration.
pub(super) async fn detect(
    args: &RunArgs,
    quiet: bool,
    interrupt: &Interrupt,
    settings: &Configuration,
    use_cases: Vec<Arc<UseCase>>,
    report: &mut Report,
) -> Result<(), RunError> {
    let main = &settings.main;
    let device = super::device(args, &use_cases)?;
    let compute = super::compute(args)?;
    let spill_dir = compute.limits().spill_dir.clone();
    let mut outputs = outputs::open(args)?;
    let client = connect(main, interrupt).await?;
    // without a window of their own, use cases look back from now
    let period = match super::period(args) {
        Period::Everything => Period::HistoryUntil(Utc::now()),
        given => given,
    };
    let saves = main.general.save_results && !args.dry_run;
    let housekeeping = Housekeeping {
        client: &client,
        main,
        use_cases: &settings.use_cases,
        spill_dir: &spill_dir,
        interrupt,
        dry_run: !saves,
    };
    if main.general.wipe_all_existing_outliers {
        let cleaned = report.wiped.insert(Cleaned::default());
        housekeeping.wipe(cleaned).await?;
    }
    let documents = Arc::new(DocumentCache::new(&client, &spill_dir));
    let run = Run { quiet, interrupt, main, client: client.clone(), documents, compute, period, device };
    let mut found = Found { gathered: Gathered::new(&spill_dir), names: Vec::new(), groups: Vec::new() };
    for (es_index, use_cases) in groups(main, use_cases) {
        if let Err(error) = run.group(&es_index, use_cases, &mut found, report).await {
            found.groups.into_iter().for_each(|(plan, result)| report.group(&plan, result));
            return Err(error);
        }
    }
    let names = found.names.clone();
    run.write(found, &mut outputs, saves, report).await?;
    outputs::finish(outputs, &names)?;
    if main.general.wipe_all_whitelisted_outliers {
        let cleaned = report.housekeeping.insert(Cleaned::default());
        housekeeping.remove_whitelisted(cleaned).await?;
    }
    Ok(())
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
        found: &mut Found,
        report: &mut Report,
    ) -> Result<(), RunError> {
        let spill_dir = &self.compute.limits().spill_dir;
        let (elastic, documents) = (&self.main.elastic, &self.documents);
        let mut source = match ElasticEvents::open(&self.client, elastic, es_index, spill_dir, documents).await {
            Ok(source) => source,
            Err(error) if error.class() == Class::Gone => {
                let why = format!("index {es_index} does not exist");
                use_cases.iter().for_each(|use_case| report.skip(use_case, &why));
                return Ok(());
            }
            Err(error) if matches!(error, ElasticError::Setting { .. }) || is_closed(&error) => {
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
                Box::pin(self.group(es_index, half.to_vec(), found, report)).await?;
            }
            return Ok(());
        }
        let progress = Arc::new(ScanProgress::default());
        let options = ScanOptions {
            threads: self.compute.limits().threads.get(),
            interrupt: self.interrupt.clone(),
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
        let bar = Progress::start(self.quiet, None, progress);
        let result = pipeline::cluster::detect(&group, &source, found.names.len(), &mut found.gathered).await;
        bar.stop();
        found.names.extend(plan.use_cases.iter().map(|planned| planned.use_case.id()));
        found.groups.push((plan, result?));
        Ok(())
    }

    /// Writes what all groups found, and reports it.
    async fn write(
        &self,
        found: Found,
        outputs: &mut Outputs,
        saves: bool,
        report: &mut Report,
    ) -> Result<(), RunError> {
        let started = Instant::now();
        let Found { gathered, names, mut groups } = found;
        let mut n_documents = vec![0; names.len()];
        let mut writer = saves.then(|| DocumentWriter::new(&self.client));
        let logged = self.main.general.print_outliers_to_console.then_some(&names[..]);
        let (documents, interrupt) = (&*self.documents, self.interrupt);
        let mut lost = Written::default();
        let to = ClusterOutputs { documents, interrupt, outputs, logged, writer: writer.as_mut(), lost: &mut lost };
        let result = pipeline::cluster::write(gathered, to, &mut n_documents).await;
        let mut ended = None;
        if let Some(writer) = writer {
            let (mut written, early_end) = writer.finish().await;
            written.add(lost);
            report.written = Some(written);
            ended = early_end;
        } else if result.is_ok() {
            report.missing.extend(lost.missing());
        }
        let all_use_cases = groups.iter_mut().flat_map(|(_, result)| &mut result.use_cases);
        all_use_cases.zip(n_documents).for_each(|(use_case, n_documents)| use_case.documents = n_documents);
        groups.into_iter().for_each(|(plan, result)| report.group(&plan, result));
        report.phases.write += started.elapsed().as_secs_f64();
        match ended {
            Some(ended) => Err(ended.into()),
            None => Ok(result?),
        }
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

/// True if an index that is named takes no requests.
fn is_closed(error: &ElasticError) -> bool {
    error.class() == Class::Blocked(Block::Index)
}

fn problem(use_case: &UseCase, fault: &Fault) -> Problem {
    let key = if use_case.query.lucene.is_some() { "es_query_filter" } else { "es_dsl_filter" };
    let help = "the cluster refuses the query: correct it, or the type of the field it names";
    use_case.problem(key, fault.to_string(), help)
}
