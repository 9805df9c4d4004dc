//! Threads that wait and threads that compute: the only bridge between tokio and rayon. What is
//! logged on the other side is logged in the same span.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

use tracing::Span;

/// Computes items on rayon's threads and returns the results in the order of the items, with a
/// bounded number in flight.
#[derive(Debug)]
pub struct InOrder<T> {
    under_way: VecDeque<Receiver<std::thread::Result<T>>>,
    most: usize,
}

impl<T: Send + 'static> InOrder<T> {
    /// Allows at most `most` items in flight.
    pub fn new(most: usize) -> Self {
        InOrder { under_way: VecDeque::new(), most: most.max(1) }
    }

    /// Starts an item; returns the oldest result if too many are in flight. Blocks, so it must not
    /// run on tokio's threads.
    pub fn start(&mut self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (sender, receiver) = sync_channel(1);
        let span = Span::current();
        rayon::spawn(move || {
            let result = span.in_scope(|| catch_unwind(AssertUnwindSafe(work)));
            // the receiver is gone if the run has failed; then the result is not needed
            drop(sender.send(result));
        });
        self.under_way.push_back(receiver);
        if self.under_way.len() > self.most { self.finish_one() } else { None }
    }

    /// Waits for the oldest result; `None` if nothing is in flight. Panics if the work did.
    pub fn finish_one(&mut self) -> Option<T> {
        match self.under_way.pop_front()?.recv() {
            Ok(Ok(result)) => Some(result),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => None,
        }
    }
}

/// Computes on a rayon thread while the caller, a tokio task, waits. The work starts at once.
/// Panics if the work did.
pub fn on_rayon<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> impl Future<Output = T> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let span = Span::current();
    rayon::spawn(move || {
        let result = span.in_scope(|| catch_unwind(AssertUnwindSafe(work)));
        // the receiver is gone if the run was interrupted; then the result is not needed
        drop(sender.send(result));
    });
    async {
        match receiver.await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => resume_unwind(panic),
            // the sender is dropped only after sending a result
            Err(_) => unreachable!("rayon ends what it was given"),
        }
    }
}

/// Runs work that computes and waits on a thread of its own while the caller, a tokio task, waits.
/// The work starts at once. If the caller stops waiting, it goes on.
///
/// # Errors
/// The panic of the work.
pub fn on_own_thread<T, Fut>(
    work: impl FnOnce() -> Fut + Send + 'static,
) -> impl Future<Output = std::thread::Result<T>>
where
    T: Send + 'static,
    Fut: Future<Output = T>,
{
    let runtime = tokio::runtime::Handle::current();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work())));
        // the receiver is gone if nobody waits any more; then the result is not needed
        drop(sender.send(result));
    });
    async { receiver.await.unwrap_or_else(|lost| Err(Box::new(lost))) }
}

/// Runs `n_items` pieces of work that compute and wait, at most `n_at_once` concurrently, each on a
/// thread of its own; returns the results in the order of the items. Blocks, so it must not run on
/// tokio's threads. Panics if the work did.
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
    fn work_runs_concurrently_and_results_keep_their_order() {
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

    #[tokio::test(flavor = "multi_thread")]
    async fn a_thread_of_its_own_may_block_and_panic() {
        let blocked = on_own_thread(|| async { tokio::task::block_in_place(|| 7) }).await;
        assert_eq!(blocked.ok(), Some(7));
        let panicked = on_own_thread(|| async {
            if true {
                panic!("a bug")
            }
        })
        .await;
        assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"a bug"));
    }

    #[test]
    fn results_keep_the_order_of_the_items() {
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
