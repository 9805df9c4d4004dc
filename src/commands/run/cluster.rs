//! A run over a cluster: one scan group per set of indices.

use std::path::Path;
use std::sync::Arc;

use tracing::{info, warn};

use super::super::connect;
use super::super::error::RunError;
use super::Once;
use super::judging::Judging;
use super::request::Request;
use crate::config::{MainConfig, Problem, UseCase};
use crate::delivery::Sink;
use crate::elastic::{Block, Class, Client, ElasticError, Fault};
use crate::housekeeping::{Cleaned, Housekeeping};
use crate::plan::{self, ScanPlan, facts_in_query};
use crate::report::Report;
use crate::sinks::elasticsearch::ClusterSink;
use crate::sources::elasticsearch::{DocumentCache, ElasticIndices, Search};

/// Detects outliers in the configured cluster.
pub(super) async fn detect(
    request: &Request,
    mut judging: Judging<'_>,
    once: Once<'_>,
    use_cases: Vec<Arc<UseCase>>,
    report: &mut Report,
) -> Result<(), RunError> {
    let main = judging.main;
    let client = connect(main, judging.interrupt).await?;
    let saves = main.general.save_results && request.writes;
    let spill_dir = judging.compute.limits().spill_dir.clone();
    let housekeeping = Housekeeping {
        client: &client,
        main,
        use_cases: &once.settings.use_cases,
        spill_dir: &spill_dir,
        interrupt: judging.interrupt,
        dry_run: !saves,
        now: judging.now,
    };
    if main.general.wipe_all_existing_outliers && once.may_wipe {
        let cleaned = report.wiped.insert(Cleaned::default());
        housekeeping.wipe(cleaned).await?;
    }
    let documents = Arc::new(DocumentCache::new(&client, &spill_dir));
    let cluster = Cluster { client: &client, documents: &documents, spill_dir: &spill_dir };
    for (es_index, use_cases) in groups(main, use_cases) {
        match cluster.judge(&mut judging, &es_index, use_cases.clone(), report).await {
            Ok(()) => {}
            Err(_) if judging.interrupt.is_out_of_time() => judging.leave_out(&use_cases, report),
            Err(error) => {
                judging.report(report);
                return Err(error);
            }
        }
    }
    if judging.has_no_events()
        && let Some(why) = no_documents(&client, main, &judging).await?
    {
        return Err(judging.fail_without_events(&why, report));
    }
    let sink = || saves.then(|| Box::new(ClusterSink::new(&client)) as Box<dyn Sink>);
    let is_out_of_time = judging.interrupt.is_out_of_time();
    judging.deliver(&*documents, sink, report)?;
    if main.general.wipe_all_whitelisted_outliers && is_out_of_time {
        report.missing.push("run_deadline passed: outliers that are whitelisted by now were not removed".to_owned());
    } else if main.general.wipe_all_whitelisted_outliers {
        let cleaned = report.housekeeping.insert(Cleaned::default());
        housekeeping.remove_whitelisted(cleaned).await?;
    }
    Ok(())
}

/// Describes why no use case matches any document, if the reason is that there is none; `None` if
/// there are documents, or if no indices could be read, which the report says already.
async fn no_documents(client: &Client, main: &MainConfig, judging: &Judging<'_>) -> Result<Option<String>, RunError> {
    let mut empty = Vec::new();
    for plan in judging.plans() {
        let Some(first) = plan.use_cases.first() else { continue };
        let es_index = es_index(main, &first.use_case);
        if Search::of_windows(plan).count(client, es_index).await? > 0 {
            return Ok(None);
        }
        empty.push(es_index);
    }
    empty.dedup();
    let why = format!("{} has no document in the period of any use case", empty.join(", "));
    let cure = "check es_index, timestamp_field, and whether events still arrive";
    Ok((!empty.is_empty()).then(|| format!("{why}: {cure}")))
}

fn es_index<'a>(main: &'a MainConfig, use_case: &'a UseCase) -> &'a str {
    use_case.es_index.as_deref().unwrap_or(&main.elastic.es_index_pattern)
}

/// Use cases by the indices they look at, in the order in which these come first.
fn groups(main: &MainConfig, use_cases: Vec<Arc<UseCase>>) -> Vec<(String, Vec<Arc<UseCase>>)> {
    let mut groups: Vec<(String, Vec<Arc<UseCase>>)> = Vec::new();
    for use_case in use_cases {
        let es_index = es_index(main, &use_case).to_owned();
        match groups.iter_mut().find(|(known, _)| *known == es_index) {
            Some((_, group)) => group.push(use_case),
            None => groups.push((es_index, vec![use_case])),
        }
    }
    groups
}

/// The cluster from which scan groups are read.
struct Cluster<'a> {
    client: &'a Client,
    documents: &'a Arc<DocumentCache>,
    spill_dir: &'a Path,
}

impl Cluster<'_> {
    /// Judges the use cases of one set of indices.
    async fn judge(
        &self,
        judging: &mut Judging<'_>,
        es_index: &str,
        use_cases: Vec<Arc<UseCase>>,
        report: &mut Report,
    ) -> Result<(), RunError> {
        let elastic = &judging.main.elastic;
        let indices = ElasticIndices::open(self.client, elastic, es_index, self.spill_dir, self.documents).await;
        let indices = match indices {
            Ok(indices) => indices,
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
        let Some(plan) = plan_taken(judging, &indices, use_cases, report).await? else { return Ok(()) };
        let search = search(judging, &plan);
        if plan.use_cases.len() > 1
            && let Some(fault) = indices.refused_together(&search).await?
        {
            if let Some((plan, search)) = narrowed(judging, &indices, &plan).await? {
                let here = plan.use_cases.iter().filter(|planned| planned.is_narrowed_only).count();
                info!(use_cases = here, "{fault}: their queries are evaluated here");
                return read(judging, indices, (&plan, search), es_index, report);
            }
            warn!(use_cases = plan.use_cases.len(), "{fault}: reading in two parts");
            let use_cases: Vec<_> = plan.use_cases.iter().map(|planned| Arc::clone(&planned.use_case)).collect();
            for half in use_cases.chunks(use_cases.len().div_ceil(2)) {
                Box::pin(self.judge(judging, es_index, half.to_vec(), report)).await?;
            }
            return Ok(());
        }
        read(judging, indices, (&plan, search), es_index, report)
    }
}

/// Reads the events of a plan that the server accepts, and judges them.
fn read(
    judging: &mut Judging<'_>,
    indices: ElasticIndices,
    (plan, search): (&Arc<ScanPlan>, Search),
    es_index: &str,
    report: &mut Report,
) -> Result<(), RunError> {
    info!(use_cases = plan.use_cases.len(), index = es_index, "reading events");
    tell_unknown_facts(plan, report);
    judging.judge(plan, &indices.events(search), None)
}

/// Returns the search of a plan. Somebody who looks on may ask about documents that have outliers
/// already.
fn search(judging: &Judging<'_>, plan: &ScanPlan) -> Search {
    let search = Search::of_plan(plan);
    if judging.onlooker.is_some() { search.with_tagged() } else { search }
}

/// Returns a plan of the use cases whose queries the server accepts; `None` if it accepts none.
async fn plan_taken(
    judging: &Judging<'_>,
    indices: &ElasticIndices,
    use_cases: Vec<Arc<UseCase>>,
    report: &mut Report,
) -> Result<Option<Arc<ScanPlan>>, RunError> {
    let names = Arc::new(judging.main.field_names.with_mapping(indices.names()));
    let needs_mapping = use_cases.iter().any(|use_case| !facts_in_query(use_case, &names).is_empty());
    let mapping = if needs_mapping { indices.mapping().await? } else { None };
    let (plan, refused) = plan::plan_search(use_cases, &names, mapping.as_ref(), judging.period, judging.now);
    report.refuse(refused);
    let faults = indices.refused_queries(&Search::of_plan(&plan)).await?;
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
    let (plan, _) = plan::plan_search(taken, &names, mapping.as_ref(), judging.period, judging.now);
    Ok(Some(Arc::new(plan)))
}

/// Tells queries of what databases know that the cluster evaluates, which knows nothing of it.
fn tell_unknown_facts(plan: &ScanPlan, report: &mut Report) {
    for planned in plan.use_cases.iter().filter(|planned| !planned.is_narrowed_only) {
        let facts = facts_in_query(&planned.use_case, &plan.names);
        if !facts.is_empty() {
            let name = planned.use_case.id();
            report.warning(format!(
                "{name}: only the cluster can evaluate its query, and knows {} of documents only that have this \
                 field, not by [geoip]",
                facts.join(", ")
            ));
        }
    }
}

/// Returns a plan of the same use cases, and its search, in which most queries are evaluated here;
/// `None` if the server refuses that too.
async fn narrowed(
    judging: &Judging<'_>,
    indices: &ElasticIndices,
    plan: &ScanPlan,
) -> Result<Option<(Arc<ScanPlan>, Search)>, RunError> {
    let Some(mapping) = indices.mapping().await? else { return Ok(None) };
    let use_cases = plan.use_cases.iter().map(|planned| Arc::clone(&planned.use_case)).collect();
    let (plan, _) = plan::plan_narrowed(use_cases, &plan.names, &mapping, judging.period, judging.now);
    let search = search(judging, &plan);
    let is_refused = indices.refused_together(&search).await?.is_some();
    Ok((!is_refused).then(|| (Arc::new(plan), search)))
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
