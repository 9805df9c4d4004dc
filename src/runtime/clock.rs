//! Clocks: the real one, and a virtual one on which years pass in a moment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;

/// Tells the time, and waits.
///
/// The time of day may step in either direction, as people and time servers correct it. The time
/// that has passed never does.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync {
    /// Returns the time of day.
    fn now(&self) -> DateTime<Utc>;

    /// Returns the time that has passed since the clock was made.
    fn passed(&self) -> Duration;

    /// Sleeps for `duration`; it may wake earlier.
    async fn sleep(&self, duration: Duration);

    /// Waits until `duration` has passed while something else is at work. A virtual clock does not
    /// jump ahead for it.
    async fn beside_work(&self, duration: Duration);
}

/// The clock of the system.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock(Instant);

impl SystemClock {
    /// The time that passes is counted from here.
    pub fn start() -> Self {
        SystemClock(Instant::now())
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn passed(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    async fn beside_work(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A clock that jumps ahead whenever somebody sleeps, and calls what is planned on the way.
#[derive(Debug, Clone)]
pub struct VirtualClock(Arc<VirtualState>);

struct VirtualState {
    times: Mutex<Times>,
    advanced: Notify,
}

/// Something that happens at a planned time.
type Event = Box<dyn FnOnce() + Send>;

struct Times {
    /// Time of day when the clock was made, plus all steps.
    origin: DateTime<Utc>,
    passed: Duration,
    planned: BTreeMap<(Duration, usize), Event>,
    n_planned: usize,
}

impl fmt::Debug for VirtualState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualState").finish_non_exhaustive()
    }
}

impl VirtualClock {
    /// The clock stands at `now`.
    pub fn new(now: DateTime<Utc>) -> Self {
        let times = Times { origin: now, passed: Duration::ZERO, planned: BTreeMap::new(), n_planned: 0 };
        VirtualClock(Arc::new(VirtualState { times: Mutex::new(times), advanced: Notify::new() }))
    }

    /// Plans a call for the moment when `passed` has passed since the clock was made.
    pub fn plan(&self, passed: Duration, event: impl FnOnce() + Send + 'static) {
        let mut times = self.times();
        let number = times.n_planned;
        times.n_planned += 1;
        times.planned.insert((passed, number), Box::new(event));
    }

    /// Changes the time of day, as a time server does. No time passes.
    pub fn step(&self, by: TimeDelta) {
        self.times().origin += by;
    }

    /// Lets time pass, as far as the next planned event at most, which is called.
    pub fn advance(&self, duration: Duration) {
        let event = {
            let mut times = self.times();
            let target = times.passed + duration;
            let due = times.planned.first_key_value().map(|((at, _), _)| *at).filter(|at| *at <= target);
            times.passed = due.map_or(target, |at| at.max(times.passed));
            due.and_then(|_| times.planned.pop_first())
        };
        self.0.advanced.notify_waiters();
        if let Some((_, event)) = event {
            event();
        }
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> DateTime<Utc> {
        let times = self.times();
        times.origin + times.passed
    }

    fn passed(&self) -> Duration {
        self.times().passed
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
        tokio::task::yield_now().await;
    }

    async fn beside_work(&self, duration: Duration) {
        let until = self.passed() + duration;
        loop {
            let advanced = self.0.advanced.notified();
            tokio::pin!(advanced);
            // registered before the time is read, so that no advance in between is missed
            advanced.as_mut().enable();
            if self.passed() >= until {
                return;
            }
            advanced.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn virtual_clock() -> VirtualClock {
        VirtualClock::new(DateTime::from_timestamp(0, 0).unwrap())
    }

    #[tokio::test]
    async fn sleepers_move_a_virtual_clock_and_meet_what_is_planned() {
        let clock = virtual_clock();
        let planned = clock.clone();
        clock.plan(HOUR, move || planned.step(TimeDelta::days(1)));
        clock.sleep(2 * HOUR).await;
        // woken by the event
        assert_eq!((clock.passed(), clock.now().timestamp()), (HOUR, 25 * 3600));
        clock.sleep(2 * HOUR).await;
        assert_eq!((clock.passed(), clock.now().timestamp()), (3 * HOUR, 27 * 3600));
    }

    #[tokio::test]
    async fn work_does_not_move_a_virtual_clock() {
        let clock = virtual_clock();
        let work = tokio::time::sleep(Duration::from_millis(5));
        tokio::select! {
            () = clock.beside_work(HOUR) => panic!("no time passed"),
            () = work => {}
        }
        let advance = async {
            tokio::task::yield_now().await;
            clock.advance(HOUR);
        };
        tokio::join!(clock.beside_work(HOUR), advance);
        assert_eq!(clock.passed(), HOUR);
    }

    #[tokio::test]
    async fn the_clock_of_the_system_goes_forward() {
        let clock = SystemClock::start();
        clock.sleep(Duration::from_millis(2)).await;
        clock.beside_work(Duration::from_millis(2)).await;
        assert!(clock.passed() >= Duration::from_millis(4) && clock.now() > DateTime::UNIX_EPOCH);
    }
}
