//! Plans of models can be executed elsewhere: they hold nothing but plain data and names of
//! functions, from which another session makes a plan that finds the same.

use std::io::Cursor;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::Utc;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{MemTable, Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::{QueryPlanner, SessionContext, SessionState};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use ee_outliers::config;
use ee_outliers::engine::{Compute, functions};
use ee_outliers::models::word2vec::neural::TrainingDevice;
use ee_outliers::outlier::{DocumentOutliers, Gathered, Withheld};
use ee_outliers::plan::{Period, plan};
use ee_outliers::runtime::Limits;
use ee_outliers::scan_group::{self, ScanGroup};
use ee_outliers::sources::ScanOptions;
use ee_outliers::sources::files::{EventFiles, FileOptions};
use ee_outliers::table::{EventTable, Population, View, ViewColumns};
use serde_json::{Value, json};

use crate::properties::{Bench, USE_CASES, events};

/// Rebuilds each plan for a session of its own, from nothing but plain data and names.
#[derive(Debug, Default)]
struct Elsewhere {
    /// Event tables, which the other side has too; plans name them by number.
    tables: Mutex<Vec<Arc<EventTable>>>,
    n_plans: AtomicUsize,
}

#[async_trait]
impl QueryPlanner for Elsewhere {
    async fn create_physical_plan(&self, plan: &LogicalPlan, state: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let there = SessionStateBuilder::new_with_default_features()
            .with_config(state.config().clone())
            .with_runtime_env(Arc::clone(state.runtime_env()));
        let there = SessionContext::new_with_state(there.build());
        functions::register_all(&there);
        let functions = there.state();
        let plan = plan.clone().transform_up(|node| match node {
            LogicalPlan::Extension(node) => Err(DataFusionError::Plan(format!("{node:?} cannot be sent"))),
            LogicalPlan::TableScan(mut scan) => {
                scan.source = provider_as_source(self.sent(&*source_as_provider(&scan.source)?)?);
                Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
            }
            node => node.map_expressions(|expression| expression.transform_up(|part| sent_function(part, &functions))),
        })?;
        self.n_plans.fetch_add(1, Ordering::Relaxed);
        DefaultPhysicalPlanner::default().create_physical_plan(&plan.data, &functions).await
    }
}

/// Looks up a function by its name.
fn sent_function(expression: Expr, there: &SessionState) -> Result<Transformed<Expr>> {
    Ok(Transformed::yes(match expression {
        Expr::AggregateFunction(mut call) => {
            call.func = there.udaf(call.func.name())?;
            Expr::AggregateFunction(call)
        }
        Expr::ScalarFunction(mut call) => {
            call.func = there.udf(call.func.name())?;
            Expr::ScalarFunction(call)
        }
        Expr::WindowFunction(call) => return Err(DataFusionError::Plan(format!("{call:?} cannot be sent"))),
        other => return Ok(Transformed::no(other)),
    }))
}

impl Elsewhere {
    /// Makes a table from what can be sent of `table`.
    fn sent(&self, table: &dyn TableProvider) -> Result<Arc<dyn TableProvider>> {
        if let Some(view) = table.downcast_ref::<View>() {
            return Ok(Arc::new(self.received_view(&self.sent_view(view))));
        }
        let Some(batches) = table.downcast_ref::<MemTable>() else {
            return Err(DataFusionError::Plan(format!("{table:?} cannot be sent")));
        };
        let schema = batches.schema();
        let mut bytes = StreamWriter::try_new(Vec::new(), &schema)?;
        for partition in &batches.batches {
            partition.try_read().expect("nobody writes").iter().try_for_each(|batch| bytes.write(batch))?;
        }
        let received = StreamReader::try_new(Cursor::new(bytes.into_inner()?), None)?;
        let received = received.collect::<std::result::Result<Vec<RecordBatch>, _>>()?;
        Ok(Arc::new(MemTable::try_new(schema, vec![received])?))
    }

    fn sent_view(&self, view: &View) -> String {
        let mut tables = self.tables.lock().expect("no panic");
        let known = tables.iter().position(|table| Arc::ptr_eq(table, view.table()));
        let table = known.unwrap_or_else(|| {
            tables.push(Arc::clone(view.table()));
            tables.len() - 1
        });
        let ViewColumns { aggregator, target, value, time, tie, size, source, destination, peer, label } =
            view.columns();
        let Population { without, only } = view.population();
        json!({
            "table": table, "mask": view.mask_idx(), "tie": tie, "without": without, "only": only,
            "keys": [aggregator, target, value, time, size, source, destination, peer, label],
        })
        .to_string()
    }

    fn received_view(&self, sent: &str) -> View {
        let sent: Value = serde_json::from_str(sent).expect("it was sent");
        let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
        let numbers = |value: &Value| -> Option<Vec<u64>> { value.as_array()?.iter().map(Value::as_u64).collect() };
        let key = |idx: usize| number(&sent["keys"][idx]);
        let columns = ViewColumns {
            aggregator: key(0),
            target: key(1),
            value: key(2),
            time: key(3),
            size: key(4),
            source: key(5),
            destination: key(6),
            peer: key(7),
            label: key(8),
            tie: sent["tie"] == true,
        };
        let rank = |rank: u64| u32::try_from(rank).expect("a rank");
        let population = Population {
            without: numbers(&sent["without"]).expect("elements").into_iter().collect(),
            only: numbers(&sent["only"]).map(|only| only.into_iter().map(rank).collect()),
        };
        let table = Arc::clone(&self.tables.lock().expect("no panic")[number(&sent["table"]).expect("a table")]);
        View::new(table, number(&sent["mask"]).expect("a mask"), columns).with_population(population)
    }
}

/// Outliers by document.
type Found = Vec<(String, Vec<(usize, String)>)>;

/// Judges the events in `folder` with its use cases.
fn found(folder: &Path, planner: Option<Arc<Elsewhere>>) -> Found {
    let configuration = config::load(&[], &[folder.join("use_cases.conf").display().to_string()]);
    let use_cases: Vec<_> = configuration.use_cases.iter().cloned().map(Arc::new).collect();
    let spill_dir = folder.to_owned();
    let limits =
        Limits { memory: 64 << 20, threads: NonZeroUsize::MIN.saturating_add(1), spill_dir: spill_dir.clone() };
    let compute = Compute::new(limits).expect("set up").with_resource(TrainingDevice::CPU);
    let compute = planner.map_or(compute.clone(), |planner| compute.with_planner(planner));
    let events = [folder.join("events.ndjson").display().to_string()];
    let source = EventFiles::open(&events, FileOptions { spill_dir }).expect("readable");
    let gathered = Gathered::new(folder);
    let group = ScanGroup {
        plan: Arc::new(plan(use_cases, &configuration.main.field_names, None, Period::Everything, Utc::now()).0),
        source: &source,
        main: &configuration.main,
        compute: &compute,
        options: ScanOptions::default(),
        period: Period::Everything,
        now: Utc::now(),
        gathered: &gathered,
        n_before: 0,
        store: None,
        explains: false,
        explained: None,
    };
    let judged = tokio::task::block_in_place(|| scan_group::judge(&group)).expect("judged");
    for (result, use_case) in judged.use_cases.iter().zip(&configuration.use_cases) {
        assert!(result.outcome.as_ref().expect("judged").outliers > 0, "{} finds nothing", use_case.id());
    }
    let stored = gathered.store().expect("stored");
    let documents = stored.documents(Withheld::default()).expect("gathered").next_block(|_| true).expect("readable");
    let outliers = |document: DocumentOutliers| {
        (document.document.id.id, document.outliers.into_iter().map(|found| (found.use_case_idx, found.json)).collect())
    };
    documents.into_iter().map(outliers).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_find_the_same_elsewhere() {
    let bench = Bench::new(USE_CASES);
    bench.write("events.ndjson", &events(600, 1));
    let here = found(bench.path(), None);
    let elsewhere = Arc::new(Elsewhere::default());
    assert_eq!(found(bench.path(), Some(Arc::clone(&elsewhere))), here);
    let n_models = config::ModelType::ALL.len();
    assert!(elsewhere.n_plans.load(Ordering::Relaxed) > n_models, "models do not use the planner");
}
