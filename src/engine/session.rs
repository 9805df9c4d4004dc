//! DataFusion sessions, and the memory that they share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::DataFusionError;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::functions::register_all;
use crate::runtime::Limits;

/// Rows per record batch that DataFusion works on.
const BATCH_ROWS: usize = 8192;

/// Headroom that a sort needs before it can spill; small, so that small limits work.
const SORT_RESERVATION_BYTES: usize = 1 << 20;

/// Threads, memory and temporary files of a run.
#[derive(Clone, Debug)]
pub struct Compute {
    limits: Limits,
    runtime: Arc<RuntimeEnv>,
    config: SessionConfig,
    /// Executes plans elsewhere; `None` if they run in this process.
    planner: Option<Arc<dyn QueryPlanner + Send + Sync>>,
}

impl Compute {
    /// Sets up what `limits` allow.
    pub fn new(limits: Limits) -> Result<Self, DataFusionError> {
        let pool: Arc<dyn MemoryPool> = Arc::new(FairSpillPool::new(limits.memory));
        let disks =
            DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![limits.spill_dir.clone()]));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).with_disk_manager_builder(disks).build_arc()?;
        Ok(Compute { limits, runtime, config: SessionConfig::new(), planner: None })
    }

    /// Leaves the execution of plans to `planner`, which may send them to other processes: models
    /// cannot tell. A plan is made of [`View`](crate::table::View)s, batches in memory, and
    /// functions that are found by their names.
    #[must_use]
    pub fn with_planner(self, planner: Arc<dyn QueryPlanner + Send + Sync>) -> Self {
        Compute { planner: Some(planner), ..self }
    }

    /// Gives all sessions a resource of the run that one model needs. The model finds it by its
    /// type, with [`SessionConfig::get_extension`].
    #[must_use]
    pub fn with_resource<T: Send + Sync + 'static>(self, resource: T) -> Self {
        Compute { config: self.config.with_extension(Arc::new(resource)), ..self }
    }

    /// Returns the limits of the run.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The pool that everything large is taken from.
    pub fn memory_pool(&self) -> &Arc<dyn MemoryPool> {
        &self.runtime.memory_pool
    }

    /// A session for one use case, with our functions, whose plans share the run's memory and use
    /// `n_partitions` threads.
    ///
    /// # Errors
    /// Passed on from DataFusion; not expected, as building on an existing runtime opens nothing.
    pub fn session(&self, n_partitions: usize) -> Result<SessionContext, DataFusionError> {
        let mut config = self
            .config
            .clone()
            .with_target_partitions(n_partitions)
            .with_batch_size(BATCH_ROWS)
            .with_information_schema(false);
        config.options_mut().execution.sort_spill_reservation_bytes = SORT_RESERVATION_BYTES;
        let memory = UseCaseMemory {
            pool: Arc::clone(&self.runtime.memory_pool),
            limit: self.limits.memory,
            denied: AtomicUsize::new(0),
        };
        let runtime = RuntimeEnvBuilder::from_runtime_env(&self.runtime).with_memory_pool(Arc::new(memory));
        let state = SessionStateBuilder::new_with_default_features().with_config(config);
        let mut state = state.with_runtime_env(runtime.build_arc()?);
        if let Some(planner) = &self.planner {
            state = state.with_query_planner(Arc::clone(planner));
        }
        let context = SessionContext::new_with_state(state.build());
        register_all(&context);
        Ok(context)
    }
}

/// The run's memory as the plans of one use case see it; remembers requests that were denied.
#[derive(Debug)]
pub struct UseCaseMemory {
    pool: Arc<dyn MemoryPool>,
    limit: usize,
    /// Memory limit that would have been enough for the last request that was denied; 0 before the
    /// first one.
    denied: AtomicUsize,
}

impl UseCaseMemory {
    /// Returns the limit that would have been enough for the last denied request, and the current
    /// limit, in bytes; `None` while every request was granted.
    pub fn denied(&self) -> Option<(usize, usize)> {
        let needed = self.denied.load(Ordering::Relaxed);
        (needed > 0).then_some((needed, self.limit))
    }

    /// A consumer that can spill gets a fair share of the limit, which grows with it; others get
    /// what is left. A limit that denies a request is too small, whatever is in use.
    fn enough_for(&self, reservation: &MemoryReservation, additional: usize) -> usize {
        let enough = self.pool.reserved().max(self.limit).saturating_add(additional);
        let size = reservation.size();
        if !reservation.consumer().can_spill() || size == 0 {
            return enough;
        }
        let growth = (size + additional) as f64 / size as f64;
        enough.max((self.limit as f64 * growth) as usize)
    }
}

impl std::fmt::Display for UseCaseMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.pool.fmt(f)
    }
}

impl MemoryPool for UseCaseMemory {
    fn name(&self) -> &str {
        self.pool.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.pool.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.pool.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.pool.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.pool.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<(), DataFusionError> {
        self.pool.try_grow(reservation, additional).inspect_err(|_| {
            self.denied.store(self.enough_for(reservation, additional), Ordering::Relaxed);
        })
    }

    fn reserved(&self) -> usize {
        self.pool.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.pool.memory_limit()
    }
}
