//! Signal that ends a run early, for code that computes and for code that waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::Notify;

/// Upper limit on the delay until a blocked thread sees the interrupt.
const POLL: Duration = Duration::from_millis(100);

/// See [`Interrupt::overdue`].
const POLLS_UNTIL_OVERDUE: usize = 8;

/// Work with a grace period, counted while it is under way.
struct InGrace<'a>(&'a AtomicUsize);

impl<'a> InGrace<'a> {
    fn enter(n_in_grace: &'a AtomicUsize) -> Self {
        n_in_grace.fetch_add(1, Ordering::AcqRel);
        InGrace(n_in_grace)
    }
}

impl Drop for InGrace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Set once, by the first Ctrl-C or SIGTERM; clones share it.
///
/// A run may also be out of time. That interrupts what reads and judges. What was judged until then
/// is delivered: for that, the run lifts the limit on its time, which ends the interrupt.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_raised: AtomicBool,
    /// One of the constants below.
    time: AtomicU8,
    raised: Notify,
    /// Pieces of work that have a grace period, of all runs of the process.
    n_in_grace: Arc<AtomicUsize>,
}

/// There is time left, or no limit yet.
const IN_TIME: u8 = 0;

/// The time is used up.
const OUT_OF_TIME: u8 = 1;

/// The time does not matter.
const LIFTED: u8 = 2;

/// The run was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

impl Interrupt {
    /// Returns an interrupt for one run, which the caller raises. Its work with a grace period also
    /// counts for this one.
    #[must_use]
    pub fn of_run(&self) -> Self {
        let n_in_grace = Arc::clone(&self.0.n_in_grace);
        Interrupt(Arc::new(State { n_in_grace, ..State::default() }))
    }

    /// Interrupts what reads and judges, because the run has used up its time. A run that delivers
    /// already is not interrupted.
    pub fn end_of_time(&self) {
        // fails if the limit was lifted
        if self.0.time.compare_exchange(IN_TIME, OUT_OF_TIME, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.0.raised.notify_waiters();
        }
    }

    /// True if the run is interrupted only because it has used up its time.
    pub fn is_out_of_time(&self) -> bool {
        self.0.time.load(Ordering::Acquire) == OUT_OF_TIME && !self.0.is_raised.load(Ordering::Acquire)
    }

    /// Lifts the limit on the time of the run, so that what was judged can be delivered. Returns
    /// true if the time was used up.
    pub fn lift_time_limit(&self) -> bool {
        self.0.time.swap(LIFTED, Ordering::AcqRel) == OUT_OF_TIME
    }

    /// Asks all holders of a clone to end; wakes those that wait.
    pub fn raise(&self) {
        self.0.is_raised.store(true, Ordering::Release);
        self.0.raised.notify_waiters();
    }

    /// True once the run has been interrupted.
    pub fn is_raised(&self) -> bool {
        self.0.is_raised.load(Ordering::Acquire) || self.0.time.load(Ordering::Acquire) == OUT_OF_TIME
    }

    /// Ends the caller with `?` once the run has been interrupted.
    ///
    /// # Errors
    /// [`Interrupted`] from then on.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.is_raised() { Err(Interrupted) } else { Ok(()) }
    }

    /// Waits for the interrupt.
    pub async fn raised(&self) {
        loop {
            let raised = self.0.raised.notified();
            tokio::pin!(raised);
            // registered before the flag is read, so that an interrupt in between is not missed
            raised.as_mut().enable();
            if self.is_raised() {
                return;
            }
            raised.await;
        }
    }

    /// Sleeps for `duration`, or until the run is interrupted.
    ///
    /// # Errors
    /// [`Interrupted`] if the interrupt came first.
    pub async fn wait(&self, duration: Duration) -> Result<(), Interrupted> {
        tokio::select! {
            () = self.raised() => Err(Interrupted),
            () = tokio::time::sleep(duration) => self.check(),
        }
    }

    /// Blocks until another thread sends something; `None` once all senders are gone.
    ///
    /// # Errors
    /// [`Interrupted`] if nothing was sent before the interrupt.
    pub fn recv<T>(&self, receiver: &Receiver<T>) -> Result<Option<T>, Interrupted> {
        loop {
            match receiver.recv_timeout(POLL) {
                Ok(received) => return Ok(Some(received)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => self.check()?,
            }
        }
    }

    /// Runs `work`; once the run is interrupted, it has `grace` left.
    ///
    /// # Errors
    /// [`Interrupted`] if `work` was dropped unfinished.
    pub async fn within<T>(&self, grace: Duration, work: impl Future<Output = T>) -> Result<T, Interrupted> {
        let grace_is_over = async {
            self.raised().await;
            tokio::time::sleep(grace).await;
        };
        let _in_grace = InGrace::enter(&self.0.n_in_grace);
        tokio::select! {
            done = work => Ok(done),
            () = grace_is_over => Err(Interrupted),
        }
    }

    /// Waits until the run has been interrupted, and no work with a grace period was under way, for
    /// about a second.
    pub async fn overdue(&self) {
        self.raised().await;
        let mut n_polls = 0;
        while n_polls < POLLS_UNTIL_OVERDUE {
            tokio::time::sleep(POLL).await;
            n_polls = if self.0.n_in_grace.load(Ordering::Acquire) > 0 { 0 } else { n_polls + 1 };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn waits_end_in_time_or_with_the_interrupt() {
        let interrupt = Interrupt::default();
        assert_eq!(interrupt.wait(Duration::from_millis(1)).await, Ok(()));
        assert_eq!(interrupt.check(), Ok(()));
        let started = Instant::now();
        let raising = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            interrupt.clone().raise();
        };
        let (waited, ()) = tokio::join!(interrupt.wait(LONG), raising);
        assert_eq!((waited, interrupt.check()), (Err(Interrupted), Err(Interrupted)));
        // an interrupt raised earlier ends the wait at once
        assert_eq!(interrupt.wait(LONG).await, Err(Interrupted));
        assert!(started.elapsed() < LONG);
    }

    #[test]
    fn a_thread_that_blocks_sees_the_interrupt() {
        let interrupt = Interrupt::default();
        let (sender, receiver) = std::sync::mpsc::channel();
        sender.send(7).unwrap();
        assert_eq!(interrupt.recv(&receiver), Ok(Some(7)));
        interrupt.raise();
        assert_eq!(interrupt.recv(&receiver), Err(Interrupted));
        drop(sender);
        assert_eq!(interrupt.recv(&receiver), Ok(None));
    }

    #[tokio::test]
    async fn a_run_is_overdue_when_no_work_has_a_grace_period() {
        let interrupt = Interrupt::default();
        let started = Instant::now();
        interrupt.raise();
        let write = interrupt.within(LONG, tokio::time::sleep(Duration::from_millis(300)));
        let (written, ()) = tokio::join!(write, interrupt.overdue());
        assert_eq!(written, Ok(()));
        let elapsed = started.elapsed();
        assert!(elapsed > Duration::from_millis(1000) && elapsed < LONG, "{elapsed:?}");
    }

    #[tokio::test]
    async fn a_run_that_is_out_of_time_delivers_what_it_has() {
        let process = Interrupt::default();
        let run = process.of_run();
        run.end_of_time();
        assert_eq!((run.wait(LONG).await, run.is_out_of_time()), (Err(Interrupted), true));
        assert!(!process.is_raised());
        assert!(run.lift_time_limit());
        run.end_of_time();
        assert_eq!((run.check(), run.is_out_of_time(), run.lift_time_limit()), (Ok(()), false, false));
        // a signal is stronger
        let run = process.of_run();
        run.end_of_time();
        run.raise();
        assert!(run.is_raised() && !run.is_out_of_time());
        let in_grace = run.within(LONG, async { process.0.n_in_grace.load(Ordering::Acquire) });
        assert_eq!(in_grace.await, Ok(1));
    }

    #[tokio::test]
    async fn work_has_a_grace_period_after_the_interrupt() {
        let interrupt = Interrupt::default();
        assert_eq!(interrupt.within(Duration::ZERO, async { 1 }).await, Ok(1));
        interrupt.raise();
        let slow = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            2
        };
        assert_eq!(interrupt.within(LONG, slow).await, Ok(2));
        assert_eq!(interrupt.within(Duration::from_millis(5), std::future::pending::<()>()).await, Err(Interrupted));
    }
}
