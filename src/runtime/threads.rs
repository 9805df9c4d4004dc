//! Threads that wait and threads that compute: the only bridge between tokio and rayon.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

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
