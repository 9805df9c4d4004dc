//! Where work runs: the only bridge between tokio, which waits, and rayon, which computes; the memory limit; DataFusion sessions.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};

/// Rows per record batch that DataFusion works on.
const BATCH_ROWS: usize = 8192;

/// Headroom that a sort needs before it can spill; small, so that small limits work.
const SORT_RESERVATION_BYTES: usize = 1 << 20;

/// What a run may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes for the event table, dictionaries and DataFusion's operators.
    pub memory: usize,
    /// Threads that compute.
    pub threads: NonZeroUsize,
    /// Folder of temporary files.
    pub spill_dir: PathBuf,
}

/// Threads, memory and temporary files of a run.
#[derive(Debug)]
pub struct Compute {
    limits: Limits,
    runtime: Arc<RuntimeEnv>,
}

impl Compute {
    /// Sets up what `limits` allow.
    pub fn new(limits: Limits) -> Result<Self, DataFusionError> {
        let pool: Arc<dyn MemoryPool> = Arc::new(FairSpillPool::new(limits.memory));
        let disks =
            DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![limits.spill_dir.clone()]));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).with_disk_manager_builder(disks).build_arc()?;
        Ok(Compute { limits, runtime })
    }

    /// What the run may use.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The pool that everything large is taken from.
    pub fn memory_pool(&self) -> &Arc<dyn MemoryPool> {
        &self.runtime.memory_pool
    }

    /// A session for one use case, whose plans share the run's memory and use `n_partitions` threads.
    ///
    /// # Errors
    /// None that is known: building on a runtime that exists opens nothing.
    pub fn session(&self, n_partitions: usize) -> Result<SessionContext, DataFusionError> {
        let mut config = SessionConfig::new()
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
        Ok(SessionContext::new_with_config_rt(config, runtime.build_arc()?))
    }
}

/// The run's memory as the plans of one use case see it: it remembers what they could not have.
#[derive(Debug)]
pub struct UseCaseMemory {
    pool: Arc<dyn MemoryPool>,
    limit: usize,
    /// Memory limit that would have been enough for the last request that was denied; 0 before the first one.
    denied: AtomicUsize,
}

impl UseCaseMemory {
    /// The limit that would have been enough for the last request that was denied, and the limit that there is, in
    /// bytes; `None` while every request was granted.
    pub fn denied(&self) -> Option<(usize, usize)> {
        let needed = self.denied.load(Ordering::Relaxed);
        (needed > 0).then_some((needed, self.limit))
    }

    /// A consumer that can spill gets a fair share of the limit, which grows with it; any other one gets what is left.
    fn enough_for(&self, reservation: &MemoryReservation, additional: usize) -> usize {
        let in_all = self.pool.reserved().saturating_add(additional);
        let size = reservation.size();
        if !reservation.consumer().can_spill() || size == 0 {
            return in_all;
        }
        let growth = (size + additional) as f64 / size as f64;
        in_all.max((self.limit as f64 * growth) as usize)
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

/// Computes items on rayon's threads and gives the results back in the order of the items, with a bounded number under way.
#[derive(Debug)]
pub struct InOrder<T> {
    under_way: VecDeque<Receiver<std::thread::Result<T>>>,
    most: usize,
}

impl<T: Send + 'static> InOrder<T> {
    /// At most `most` items under way.
    pub fn new(most: usize) -> Self {
        InOrder { under_way: VecDeque::new(), most: most.max(1) }
    }

    /// Starts an item; returns the oldest result when too many are under way. Blocks: not for tokio's threads.
    pub fn start(&mut self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (sender, receiver) = sync_channel(1);
        rayon::spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(work));
            // the receiver is gone when the run has failed: nobody wants the result
            drop(sender.send(result));
        });
        self.under_way.push_back(receiver);
        if self.under_way.len() > self.most { self.finish_one() } else { None }
    }

    /// Waits for the oldest result; `None` when nothing is under way. Panics as the work did.
    pub fn finish_one(&mut self) -> Option<T> {
        match self.under_way.pop_front()?.recv() {
            Ok(Ok(result)) => Some(result),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => None,
        }
    }
}

/// Computes on a thread of rayon while the caller, one of tokio's tasks, waits. The work starts at once. Panics as the work did.
pub fn on_rayon<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = T> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    rayon::spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(work));
        // the receiver is gone when the run was interrupted: nobody wants the result
        drop(sender.send(result));
    });
    async {
        match receiver.await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => resume_unwind(panic),
            // the sender is only dropped with a result in it
            Err(_) => unreachable!("rayon ends what it was given"),
        }
    }
}

/// Runs `n_items` pieces of work that compute and wait, at most `n_at_once` side by side, each on a thread of its own; the results in
/// the order of the items. Blocks: not for tokio's threads. Panics as the work did.
pub fn side_by_side<T, Work, Fut>(n_items: usize, n_at_once: usize, work: Work) -> Vec<T>
where
    T: Send,
    Work: Fn(usize) -> Fut + Sync,
    Fut: Future<Output = T>,
{
    let runtime = tokio::runtime::Handle::current();
    let next = AtomicUsize::new(0);
    let take_turns = || {
        let mut results = Vec::new();
        loop {
            let item = next.fetch_add(1, Ordering::Relaxed);
            if item >= n_items {
                return results;
            }
            results.push((item, runtime.block_on(work(item))));
        }
    };
    let mut results: Vec<(usize, T)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..n_at_once.clamp(1, n_items.max(1))).map(|_| scope.spawn(take_turns)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    results.sort_unstable_by_key(|(item, _)| *item);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_side_by_side_and_its_results_come_in_order() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _entered = runtime.enter();
        let both_run = std::sync::Barrier::new(2);
        let results = side_by_side(10, 2, |item| {
            let both_run = &both_run;
            async move {
                // ends only if two items run at the same time
                both_run.wait();
                tokio::task::yield_now().await;
                item * item
            }
        });
        assert_eq!(results, (0..10).map(|item| item * item).collect::<Vec<_>>());
        assert_eq!(side_by_side(0, 2, async |item| item), Vec::<usize>::new());
    }

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let mut in_order = InOrder::new(4);
        let mut results = Vec::new();
        for item in 0..100u64 {
            results.extend(in_order.start(move || {
                std::thread::sleep(std::time::Duration::from_micros(item * 7919 % 97));
                item
            }));
        }
        while let Some(result) = in_order.finish_one() {
            results.push(result);
        }
        assert_eq!(results, (0..100).collect::<Vec<u64>>());
    }
}
